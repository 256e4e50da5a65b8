//! Images of an earlier run, and the end of images.

use crate::events::Event;
use crate::hand_over::HandOver;
use crate::images::Image;
use crate::record::{Record, Stage, Verified};
use crate::rules;
use crate::service::Service;
use crate::upload_folder::Identity;
use crate::uploads::parse_hex;
use dbus_api::software::refusal::Refusal;
use dbus_api::software::view::Interface;
use image_format::VersionId;
use image_ingest::SignaturePolicy;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::time::Duration;
use update_state::{Activation, ApplyTime, RequestedActivation};

/// Why an image does not come back.
const BROKEN: &str = "the service ended while it was taken in";
/// Why an image goes that was taken in while signatures were not required.
const UNSIGNED: &str = "it is not signed as it has to be now";

impl Service {
    /// Brings back what an earlier run had; nobody is told yet.
    pub(crate) async fn adopt(&mut self) -> anyhow::Result<Vec<VersionId>> {
        self.adopt_those(|_, _| true).await
    }

    async fn adopt_those(
        &mut self,
        is_wanted: impl Fn(&Self, (&VersionId, &Record)) -> bool,
    ) -> anyhow::Result<Vec<VersionId>> {
        let mut adopted = Vec::new();
        let policy = rules::signature_policy(&self.connection, self.settings.policy).await;
        let mark = rules::mark(&rules::load(&self.settings, policy));
        for (id, record) in self.records.load()? {
            if !is_wanted(self, (&id, &record)) {
                continue;
            }
            if record.stage == Stage::Closed {
                self.let_go(&id, &record, "it was done with");
                continue;
            }
            match (self.judge(&id, &record, policy, &mark), record.apply_time()) {
                (Ok(()), _) => self.bring_back(&id, record).await?,
                // Somebody may wait for it. What is not even there was taken away by somebody.
                (Err(reason), Some(apply))
                    if record.stage == Stage::TakingIn || self.is_ours(&id, &record) =>
                {
                    self.bring_back_broken(&id, record, apply, reason).await?
                }
                (Err(reason), _) => {
                    self.let_go(&id, &record, reason);
                    continue;
                }
            }
            adopted.push(id);
        }
        self.leave_behind();
        Ok(adopted)
    }

    /// Removes images of an earlier boot, whose records are gone: as they would be from a folder in memory.
    fn leave_behind(&self) {
        let marked = self.folder.marked().unwrap_or_else(|error| {
            log::warn!("cannot read {}: {error}", self.folder.path().display());
            Vec::new()
        });
        for id in marked.iter().filter(|id| !self.images.all.contains_key(id)) {
            log::info!("an image of an earlier boot is removed id={id}");
            self.withdraw(id);
        }
    }

    /// The machine is in field mode: what was taken in without signatures goes, unless it is being installed.
    pub(crate) async fn enforce(&mut self) -> anyhow::Result<()> {
        let is_unsigned =
            |image: &&Image| image.is_published() && image.record.verification != Verified::Signed;
        let unsigned: Vec<_> =
            self.images.all.values().filter(is_unsigned).map(|image| image.id.clone()).collect();
        for id in unsigned {
            if !self.foreign.is_busy(id.as_str(), "") {
                log::error!("an image is removed id={id}: {UNSIGNED}");
                self.reporter.report(Event::unsigned(UNSIGNED));
                self.remove(&id).await?;
            }
        }
        Ok(())
    }

    /// Removes an image's folder.
    fn withdraw(&self, id: &VersionId) {
        match self.folder.withdraw(id) {
            Ok(name) => self.discard(name),
            Err(error) => log::warn!("an image cannot be removed id={id}: {error}"),
        }
    }

    /// Tells of an image that was brought back.
    pub(crate) async fn announce_adopted(&self, id: &VersionId) -> anyhow::Result<()> {
        let Some(image) = self.images.all.get(id) else { return Ok(()) };
        let shown: Vec<_> = image.shown.iter().copied().collect();
        let is_announced = |interface: &Interface| {
            Interface::ANNOUNCED.contains(interface) || *interface == Interface::ApplyTime
        };
        let (announced, others): (Vec<_>, Vec<_>) = shown.into_iter().partition(is_announced);
        // The complete one comes last of its path.
        if !others.is_empty() {
            self.images.announce(id, &others).await?;
        }
        if !announced.is_empty() {
            self.images.announce(id, &announced).await?;
        }
        Ok(())
    }

    /// Whether an image of an earlier run would be taken in again as it lies there.
    fn judge(
        &self,
        id: &VersionId,
        record: &Record,
        policy: SignaturePolicy,
        mark: &str,
    ) -> Result<(), &'static str> {
        if !self.is_ours(id, record) || !record.matches(&self.folder.join(id.as_str())) {
            return Err(if record.stage == Stage::TakingIn { BROKEN } else { "its files were changed" });
        }
        if policy == SignaturePolicy::Required && record.verification != Verified::Signed {
            return Err(UNSIGNED);
        }
        if record.rules != mark {
            return Err("what images must keep to has changed since it was taken in");
        }
        Ok(())
    }

    /// Whether the folder is the one that we made.
    fn is_ours(&self, id: &VersionId, record: &Record) -> bool {
        let known = record.folder.as_ref().map(Identity::from);
        let found = self.folder.folder_of(id);
        // Device numbers are those of this boot, and inode numbers of one device.
        known.zip(found).is_some_and(|(known, found)| known == found)
    }

    async fn bring_back(&mut self, id: &VersionId, record: Record) -> anyhow::Result<()> {
        let now = self.now();
        if let Some(upload) = &record.upload
            && let Some(name) = parse_hex(&upload.name)
            && let Err(error) = self.folder.remove_upload(&name, Identity::from(&upload.place), upload.size)
        {
            log::warn!("an upload that was taken in cannot be removed: {error}");
        }
        log::info!("an image is still here id={id} version={}", record.image.version);
        let hand_over =
            record.apply_time().map(|apply| HandOver::resumed(apply, record.was_asked, self.limits(), now));
        let is_update = hand_over.is_some();
        let image = Image::new(id.clone(), record, hand_over, now);
        image.show_record(self.folder.join(id.as_str()).display().to_string());
        image.view.send_modify(|view| {
            view.activation = Some(Activation::Ready);
            view.requested = Some(RequestedActivation::None);
            view.stage = "waiting for an installer";
            view.progress = 100;
        });
        self.images.all.insert(id.clone(), Image { is_adopted: true, ..image });
        self.images.put(id, &Interface::ANNOUNCED).await?;
        if is_update {
            let more = [Interface::Activation, Interface::Image, Interface::ApplyTime];
            self.images.put(id, &more).await?;
        }
        Ok(())
    }

    /// Shows for a while that an image was lost, since somebody may wait for it.
    async fn bring_back_broken(
        &mut self,
        id: &VersionId,
        record: Record,
        apply: ApplyTime,
        reason: &'static str,
    ) -> anyhow::Result<()> {
        log::error!("an image does not come back id={id}: {reason}");
        if self.is_ours(id, &record) {
            self.withdraw(id);
        }
        let now = self.now();
        let hand_over = HandOver::broken(apply, self.limits(), now);
        let image = Image::new(id.clone(), record, Some(hand_over), now);
        image.view.send_modify(|view| {
            view.activation = Some(Activation::Invalid);
            view.requested = Some(RequestedActivation::None);
            view.stage = "failed";
            view.reason = reason.to_owned();
        });
        self.images.all.insert(id.clone(), image);
        // The next run has nothing to tell any more.
        self.records.remove(id);
        let object = crate::dbus::object_path(id);
        self.reporter.report(Event::transfer_failed(id.as_str(), object.as_str(), reason));
        self.images.put(id, &[Interface::Activation, Interface::Image]).await
    }

    /// Removes what is left of an image that does not come back; another's folder of its name stays.
    fn let_go(&self, id: &VersionId, record: &Record, reason: &str) {
        if self.is_ours(id, record) {
            log::warn!("an image does not come back id={id}: {reason}");
            self.withdraw(id);
        }
        self.records.remove(id);
    }

    /// Removes an image: object, folder, record.
    pub(crate) async fn remove(&mut self, id: &VersionId) -> anyhow::Result<()> {
        let Some(image) = self.images.remove(id).await? else { return Ok(()) };
        if self.is_ours(id, &image.record) {
            self.withdraw(id);
        }
        self.records.remove(id);
        self.foreign.forget(id.as_str());
        log::info!("an image is removed id={id}");
        // There may be room now for what waits.
        self.look_for_room();
        Ok(())
    }

    /// Somebody wants an image removed.
    pub(crate) async fn delete(
        &mut self,
        id: &VersionId,
        caller: &str,
    ) -> anyhow::Result<Result<(), Refusal>> {
        let Some(image) = self.images.all.get(id) else { return Ok(Err(Refusal::Unknown(id.to_string()))) };
        if image.hand_over.as_ref().is_some_and(HandOver::is_taking_in) {
            return Ok(Err(Refusal::NotAllowed("the image is being taken in".to_owned())));
        }
        if image.is_adopted && !self.unseen.as_ref().is_some_and(BTreeSet::is_empty) {
            let text =
                "it is not known yet whether somebody installs the image, as the service has just started";
            return Ok(Err(Refusal::NotAllowed(text.to_owned())));
        }
        if self.foreign.is_busy(id.as_str(), caller) {
            return Ok(Err(Refusal::NotAllowed("the image is being installed".to_owned())));
        }
        self.remove(id).await?;
        Ok(Ok(()))
    }

    /// Somebody wants all images removed; those that cannot be stay.
    pub(crate) async fn delete_all(&mut self, caller: &str) -> anyhow::Result<Result<(), Refusal>> {
        let ids: Vec<_> = self.images.all.keys().cloned().collect();
        for id in ids {
            if let Err(refusal) = self.delete(&id, caller).await? {
                log::info!("an image stays id={id}: {refusal}");
            }
        }
        Ok(Ok(()))
    }

    /// A folder has left the upload folder.
    pub(crate) fn may_have_lost(&mut self, name: &OsStr) {
        let id = name.to_str().and_then(|name| VersionId::parse(name).ok());
        self.has_lost |= id.is_some_and(|id| self.images.all.contains_key(&id));
    }

    /// Published images whose folders are not where they were.
    fn lost(&self) -> Vec<VersionId> {
        let published = self.images.all.values().filter(|image| image.is_published());
        let lost = published.filter(|image| !self.is_ours(&image.id, &image.record));
        lost.map(|image| image.id.clone()).collect()
    }

    /// Removes images whose folders somebody has removed.
    pub(crate) async fn remove_lost(&mut self) -> anyhow::Result<()> {
        if self.is_another_folder || !std::mem::take(&mut self.has_lost) {
            return Ok(());
        }
        for id in self.lost() {
            log::warn!("the folder of an image is gone id={id}");
            self.remove(&id).await?;
        }
        Ok(())
    }

    /// There is another upload folder: its images come, those of the one before go, and come back with it.
    pub(crate) async fn exchange(&mut self) -> anyhow::Result<()> {
        if !std::mem::take(&mut self.is_another_folder) {
            return Ok(());
        }
        for id in self.lost() {
            log::warn!("an image has gone with its folder id={id}");
            self.images.remove(&id).await?;
            self.foreign.forget(id.as_str());
        }
        // What is being unpacked may lie in this one.
        if self.busy.is_none() && self.naming == 0 {
            self.folder.sweep().unwrap_or_else(|error| {
                log::warn!("cannot clean up {}: {error}", self.folder.path().display());
            });
        }
        // What lies elsewhere may come back.
        let comes_back = |service: &Self, (id, record): (&VersionId, &Record)| {
            !service.is_known(id) && service.is_ours(id, record)
        };
        let adopted = self.adopt_those(comes_back).await?;
        for id in &adopted {
            self.announce_adopted(id).await?;
        }
        if !adopted.is_empty() {
            self.look_around();
        }
        Ok(())
    }

    /// Removes images that nobody has ever activated.
    pub(crate) async fn expire(&mut self) -> anyhow::Result<()> {
        let (now, Some(limit)) = (self.now(), self.settings.time_to_live) else { return Ok(()) };
        let is_due = |image: &&Image| can_expire(image) && now >= image.since.saturating_add(limit);
        let ids: Vec<_> = self.images.all.values().filter(is_due).map(|image| image.id.clone()).collect();
        for id in ids {
            if !self.foreign.is_busy(id.as_str(), "") {
                log::info!("an image was not activated for {} s id={id}", limit.as_secs());
                self.remove(&id).await?;
            }
        }
        Ok(())
    }

    /// When the next image is too old.
    pub(crate) fn expires_at(&self) -> Option<Duration> {
        let limit = self.settings.time_to_live?;
        let images = self.images.all.values().filter(can_expire);
        images.map(|image| image.since.saturating_add(limit)).min()
    }
}

fn can_expire(image: &&Image) -> bool {
    image.is_published() && !image.was_activated
}
