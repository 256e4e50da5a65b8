//! Installers are told to begin: one image at a time at each place, and with the system's apply time set before.

use super::objects::ApplyTimeSetting;
use super::{Answer, Change, Images};
use crate::dbus::object_path;
use crate::hand_over::Event;
use crate::installers::{Installers, calls};
use crate::view::Interface;
use dbus_api::software::Stage as ImageStage;
use image_format::VersionId;
use service_runtime::tasks;
use std::time::Duration;

impl Images {
    /// Tells installers to begin whose turn it is: one at a time at each place.
    pub(super) async fn tell_to_begin(
        &mut self,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<()> {
        for id in self.ids() {
            let Some(image) = self.objects.all.get(&id) else { continue };
            let Some(owner) = image.life.to_begin(now).map(str::to_owned) else { continue };
            let mut others = self.objects.all.values().filter(|other| other.id != id);
            let is_taken = others.any(|other| other.has_turn_before(image));
            let has_to_go = image.removal.is_some();
            // Its files may only be in another place for now.
            let is_away = !self.folder.is_there();
            if is_away {
                self.changes.push(Change::FolderIsAway);
            }
            if is_taken || has_to_go || is_away {
                self.open_apply_time(&id);
                self.step(&id, Event::NotItsTurn, installers, now).await?;
                if is_taken {
                    self.objects.stage(&id, ImageStage::Turn).await?;
                }
                continue;
            }
            // Not before its turn: the folder's watch sees each look at its files, and wakes the service.
            let lacking = image.record.lacks(&self.folder.join(id.as_str())).map(str::to_owned);
            match lacking {
                Some(name) => {
                    self.step(&id, Event::FilesLost, installers, now).await?;
                    let reason = format!("its file {name} was removed or changed before it was installed");
                    self.give_up(&id, reason).await?;
                }
                None if self.sets_apply_time(&id) => {}
                None => self.tell_one_to_begin(&id, owner, installers, now).await?,
            }
        }
        Ok(())
    }

    /// The system's apply time is set anew before the image's installer is told to begin the next time.
    pub(super) fn open_apply_time(&mut self, id: &VersionId) {
        if let Some(image) = self.objects.all.get_mut(id) {
            image.apply_time = ApplyTimeSetting::Open;
        }
    }

    /// Has the system's apply time set before an installer is told to begin that may know no other; true while that is not
    /// done.
    fn sets_apply_time(&mut self, id: &VersionId) -> bool {
        let Some(image) = self.objects.all.get_mut(id) else { return false };
        let is_open = image.apply_time != ApplyTimeSetting::Done;
        let Some(time) = image.system_apply_time().filter(|_| is_open) else { return false };
        if image.apply_time == ApplyTimeSetting::Open {
            image.apply_time = ApplyTimeSetting::Asked;
            let (connection, answers, id) =
                (self.objects.connection().clone(), self.answers.clone(), id.clone());
            tasks::spawn(async move {
                calls::set_apply_time(&connection, time, &id).await;
                // The receiver is gone only when the service ends.
                let _ = answers.send(Answer::ApplyTimeSet(id));
            });
        }
        true
    }

    async fn tell_one_to_begin(
        &mut self,
        id: &VersionId,
        owner: String,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<()> {
        self.objects.hide(id, &[Interface::ActivationProgress]).await?;
        self.objects.stage(id, ImageStage::Installer).await?;
        let Some(image) = self.objects.all.get_mut(id) else { return Ok(()) };
        // Whether it was told cannot be known after a crash in between, and twice is worse than not at all.
        image.record.was_begun = true;
        self.keep(id);
        self.step(id, Event::Begin, installers, now).await?;
        let (connection, answers, id) = (self.objects.connection().clone(), self.answers.clone(), id.clone());
        tasks::spawn(async move {
            let refused = calls::request(&connection, &owner, &object_path(&id)).await.err();
            if let Some(error) = &refused {
                log::warn!("the installer did not accept that it begins id={id}: {error}");
            }
            // The receiver is gone only when the service ends.
            let _ = answers.send(Answer::Begun(id, owner, refused.is_none()));
        });
        Ok(())
    }
}
