//! Images of an earlier run, and the end of images.

use crate::drop_folder::folder::Identity;
use crate::dropped::parse_hex;
use crate::events;
use crate::hand_over::HandOver;
use crate::image_rules;
use crate::images::record::{Record, Stage, Verified};
use crate::images::{Image, PendingRemoval};
use crate::service::Service;
use crate::unpacker::Failure;
use crate::view::Interface;
use dbus_api::software::Stage as ImageStage;
use dbus_api::software::refusal::Refusal;
use image_check::{Rules, review};
use image_format::{VersionId, names};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::time::Duration;
use update_state::{Activation, ApplyTime, RequestedActivation};

/// Why an image does not come back.
const BROKEN: &str = "the service ended while it was taken in";
/// Why an image goes of which there is no record.
const UNKNOWN: &str = "there is no record of it, as after a boot or when the record was damaged";
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
        let policy = image_rules::signature_policy(&self.connection, self.settings.policy).await;
        let rules = image_rules::load(&self.settings, policy);
        for (id, record) in self.records.load()? {
            if !is_wanted(self, (&id, &record)) {
                continue;
            }
            let removal = match self.judge(&id, &record, &rules) {
                Ok(()) => {
                    self.bring_back(&id, record).await?;
                    adopted.push(id);
                    continue;
                }
                Err(removal) => removal,
            };
            if self.is_ours(&id, &record) {
                // Somebody may be at work on it: that is not known yet.
                let image = Image::new(id.clone(), record, None, self.now());
                self.images.all.insert(id, Image { is_adopted: true, removal: Some(removal), ..image });
            } else if let (Stage::TakingIn, Some(apply)) = (record.stage, record.apply_time()) {
                // Somebody may wait for it.
                self.bring_back_broken(&id, record, apply, removal).await?;
                adopted.push(id);
            } else {
                self.records.remove(&id);
            }
        }
        self.leave_behind();
        Ok(adopted)
    }

    /// Has images go of which nothing is known but that their folders are ours: their records are of an earlier boot, damaged or
    /// gone.
    fn leave_behind(&mut self) {
        let marked = self.folder.marked().unwrap_or_else(|error| {
            log::warn!("cannot read {}: {error}", self.folder.path().display());
            Vec::new()
        });
        for id in marked {
            // One that cannot be read now, or is of another version of this service, may be again.
            if self.records.has_file(&id) {
                continue;
            }
            let Some(folder) = self.folder.folder_of(&id).filter(|_| !self.images.all.contains_key(&id))
            else {
                continue;
            };
            // An installer may be at work on it: that is not known before all have told their objects.
            let image = Image::new(id.clone(), Record::lost(folder.into()), None, self.now());
            let removal = PendingRemoval { reason: UNKNOWN.to_owned(), event: None, is_told: false };
            self.images.all.insert(id, Image { is_adopted: true, removal: Some(removal), ..image });
        }
    }

    /// What was taken in without signatures has to go once the machine is in field mode.
    pub(crate) fn enforce(&mut self) {
        if !self.is_enforcing {
            return;
        }
        for (id, image) in &mut self.images.all {
            if image.is_published()
                && image.record.verification != Verified::Signed
                && image.removal.is_none()
            {
                let event = events::unsigned(&self.folder.join(id.as_str()).display().to_string(), UNSIGNED);
                let event = Some(Box::new(event));
                image.removal = Some(PendingRemoval { reason: UNSIGNED.to_owned(), event, is_told: true });
            }
        }
    }

    /// Whether all services of firmware that were there before us have told what they have.
    fn has_looked(&self) -> bool {
        self.unseen.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// Removes images that have to go, once it is known that nobody is at work on them.
    pub(crate) async fn carry_out(&mut self) -> anyhow::Result<()> {
        if !self.has_looked() {
            return Ok(());
        }
        let is_due = |image: &&Image| image.removal.is_some() && !self.foreign.is_busy(image.id.as_str(), "");
        let due: Vec<_> = self.images.all.values().filter(is_due).map(|image| image.id.clone()).collect();
        for id in due {
            let Some(image) = self.images.all.get_mut(&id) else { continue };
            let Some(removal) = image.removal.take() else { continue };
            let claim = self.foreign.claim(id.as_str(), None).and_then(|claim| claim.state);
            if matches!(claim, Some(Activation::Active | Activation::Staged)) {
                // It was installed while it waited for that: nobody is told that it failed.
                if image.hand_over.is_none() {
                    log::info!("an image that was installed is removed id={id}");
                    self.remove(&id).await?;
                }
                continue;
            }
            let is_awaited = removal.is_told && !image.is_published();
            if let (true, Some(apply)) = (is_awaited, image.record.apply_time()) {
                let Some(image) = self.images.remove(&id).await? else { continue };
                self.foreign.forget(id.as_str());
                self.bring_back_broken(&id, image.record, apply, removal).await?;
                self.announce_adopted(&id).await?;
            } else {
                log::warn!("an image has to go id={id}: {}", removal.reason);
                if let Some(event) = removal.event {
                    self.events.happened(*event);
                }
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
    pub(crate) async fn announce_adopted(&mut self, id: &VersionId) -> anyhow::Result<()> {
        let Some(image) = self.images.all.get_mut(id) else { return Ok(()) };
        let loss = image.loss.take();
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
        if let Some(event) = loss {
            // The next run has nothing to tell any more. Before this it would have to, as this one may be killed: told twice,
            // perhaps, and not never.
            self.events.happened(*event);
            self.records.remove(id);
        }
        Ok(())
    }

    /// Whether an image of an earlier run would be taken in again as it lies there; why not.
    fn judge(&self, id: &VersionId, record: &Record, rules: &Rules) -> Result<(), PendingRemoval> {
        let folder = self.folder.join(id.as_str());
        let broken = |reason: &str| PendingRemoval { reason: reason.to_owned(), event: None, is_told: true };
        if record.stage == Stage::Closed {
            return Err(PendingRemoval { is_told: false, ..broken("it was done with") });
        }
        if !self.is_ours(id, record) || !record.matches(&folder) {
            return Err(broken(if record.stage == Stage::TakingIn {
                BROKEN
            } else {
                "its files were changed"
            }));
        }
        let manifest =
            std::fs::read(folder.join(names::MANIFEST)).map_err(|_| broken("it cannot be read"))?;
        review(&manifest, record.signer.as_deref(), rules).map_err(|rejection| {
            let reason = rejection.to_string();
            let event = events::of(&Failure::Rejected(rejection), &folder.display().to_string());
            PendingRemoval { reason, event: event.map(Box::new), is_told: true }
        })
    }

    /// Whether the folder is the one that we made.
    fn is_ours(&self, id: &VersionId, record: &Record) -> bool {
        let known = record.folder.as_ref().map(Identity::from);
        let found = self.folder.folder_of(id);
        // Device numbers are those of this boot, and inode numbers of one device.
        known.zip(found).is_some_and(|(known, found)| known == found)
    }

    async fn bring_back(&mut self, id: &VersionId, mut record: Record) -> anyhow::Result<()> {
        let now = self.now();
        if let Some(upload) = record.upload.take() {
            if let Some(name) = parse_hex(&upload.name)
                && let Err(error) =
                    self.folder.remove_upload(&name, Identity::from(&upload.place), upload.size)
            {
                log::warn!("an upload that was taken in cannot be removed: {error}");
            }
            // A later file of its name is another.
            record.stage = Stage::Published;
            self.keep(id, &record);
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
            view.stage = ImageStage::Waiting;
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
        removal: PendingRemoval,
    ) -> anyhow::Result<()> {
        let PendingRemoval { reason, event, .. } = removal;
        log::error!("an image does not come back id={id}: {reason}");
        if self.is_ours(id, &record) {
            self.withdraw(id);
        }
        let now = self.now();
        let hand_over = HandOver::broken(apply, self.limits(), now);
        // Its folder is not its any more.
        let record = Record { folder: None, ..record };
        let image = Image::new(id.clone(), record, Some(hand_over), now);
        let object = crate::dbus::object_path(id);
        let failed = || Box::new(events::transfer_failed(id.as_str(), object.as_str(), &reason));
        let event = event.unwrap_or_else(failed);
        image.view.send_modify(|view| {
            view.activation = Some(Activation::Invalid);
            view.requested = Some(RequestedActivation::None);
            view.stage = ImageStage::Failed;
            view.reason = reason;
        });
        self.images.all.insert(id.clone(), Image { loss: Some(event), ..image });
        self.images.put(id, &[Interface::Activation, Interface::Image]).await
    }

    /// Removes an image: object, folder, record.
    pub(crate) async fn remove(&mut self, id: &VersionId) -> anyhow::Result<()> {
        let Some(image) = self.images.remove(id).await? else { return Ok(()) };
        if self.is_ours(id, &image.record) {
            self.withdraw(id);
        } else if let Some(folder) = &image.record.folder {
            self.folder.unmark(id, Identity::from(folder).inode);
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
        if image.is_adopted && !self.has_looked() {
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
        // Those whose folders are away are not to come back with them.
        for (id, mut record) in self.records.load()? {
            if !self.is_known(&id) && record.stage != Stage::Closed {
                record.stage = Stage::Closed;
                self.keep(&id, &record);
            }
        }
        Ok(Ok(()))
    }

    /// A folder has left the upload folder.
    pub(crate) fn may_have_lost(&mut self, name: &OsStr) {
        let id = name.to_str().and_then(|name| VersionId::parse(name).ok());
        self.has_lost |= id.is_some_and(|id| self.images.all.contains_key(&id));
    }

    /// Images whose folders are not where they were.
    fn lost(&self) -> Vec<VersionId> {
        let unpacked = self.images.all.values().filter(|image| image.record.folder.is_some());
        let lost = unpacked.filter(|image| !self.is_ours(&image.id, &image.record));
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
        // Whoever is at work on what has come back was not heard meanwhile.
        self.unseen = None;
        self.look_around();
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
