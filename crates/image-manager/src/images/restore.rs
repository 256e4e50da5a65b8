//! Images of an earlier run: looked for in the records, judged anew, and shown again.

use super::objects::ImageObject;
use super::record::{Record, Stage, parse_hex};
use super::removal::PendingRemoval;
use super::{Change, Images};
use crate::dbus::object_path;
use crate::drop_folder::folder::{Identity, Removal};
use crate::events;
use crate::hand_over::{HandOver, Origin};
use crate::image_rules;
use crate::unpacker::Failure;
use crate::view::Interface;
use dbus_api::software::Stage as ImageStage;
use image_check::{Rules, review};
use image_format::{VersionId, names};
use std::time::Duration;
use update_state::{ApplyTime, RequestedActivation};

/// Why an image does not come back.
const BROKEN: &str = "the service ended while it was taken in";
/// Why an image is not followed any more that another service has.
const HANDED_ON: &str =
    "it was handed on to another service, and image-manager ended before that service was done with it";
/// Why an image goes of which there is no record.
const UNKNOWN: &str = "there is no record of it, as after a boot or when the record was damaged";

impl Images {
    /// Brings back what an earlier run had; no signal is sent yet.
    pub async fn restore(&mut self, now: Duration) -> anyhow::Result<Vec<VersionId>> {
        self.restore_those(|_, _| true, now).await
    }

    pub(super) async fn restore_those(
        &mut self,
        is_wanted: impl Fn(&Self, (&VersionId, &Record)) -> bool,
        now: Duration,
    ) -> anyhow::Result<Vec<VersionId>> {
        let mut restored = Vec::new();
        let policy = image_rules::signature_policy(self.objects.connection(), self.settings.policy).await;
        let rules = image_rules::load(&self.settings, policy);
        for (id, record) in self.records.load()? {
            if !is_wanted(self, (&id, &record)) {
                continue;
            }
            let removal = match self.recheck(&id, &record, &rules) {
                Ok(()) => {
                    self.bring_back(&id, record, now).await?;
                    restored.push(id);
                    continue;
                }
                Err(removal) => removal,
            };
            if self.is_ours(&id, &record) {
                // An installer may be at work on it: that is not known yet.
                self.insert_for_removal(&id, record, removal, now);
            } else if let (Stage::TakingIn | Stage::HandedOn, Some(apply)) =
                (record.stage, record.apply_time())
            {
                // A client may wait for it.
                self.show_loss(&id, record, apply, removal, now).await?;
                restored.push(id);
            } else {
                self.records.remove(&id);
            }
        }
        self.leave_behind(now);
        Ok(restored)
    }

    /// Has images go of which nothing is known but that their folders are ours: their records are of an earlier boot, damaged or
    /// gone.
    fn leave_behind(&mut self, now: Duration) {
        let marked = self.folder.marked().unwrap_or_else(|error| {
            log::warn!("cannot read {}: {error}", self.folder.path().display());
            Vec::new()
        });
        for id in marked {
            // One that cannot be read now, or is of another version of this service, may be again.
            if self.records.has_file(&id) {
                continue;
            }
            let Some(folder) = self.folder.folder_of(&id).filter(|_| !self.is_known(&id)) else { continue };
            // An installer may be at work on it: that is not known before all have told their objects.
            let removal = PendingRemoval { reason: UNKNOWN.to_owned(), event: None, is_shown: false };
            self.insert_for_removal(&id, Record::lost(folder.into()), removal, now);
        }
    }

    /// Keeps an image in mind that has no object, until it can go.
    fn insert_for_removal(&mut self, id: &VersionId, record: Record, removal: PendingRemoval, now: Duration) {
        let life = HandOver::to_be_removed(record.origin(), self.limits());
        let image = ImageObject::new(id.clone(), record, life, now);
        self.insert(ImageObject { is_restored: true, removal: Some(removal), ..image });
    }

    /// Whether an image of an earlier run would be taken in again as it lies there; why not.
    fn recheck(&self, id: &VersionId, record: &Record, rules: &Rules) -> Result<(), PendingRemoval> {
        let folder = self.folder.join(id.as_str());
        let broken = |reason: &str| PendingRemoval { reason: reason.to_owned(), event: None, is_shown: true };
        if record.stage == Stage::Closed {
            return Err(PendingRemoval { is_shown: false, ..broken("it was done with") });
        }
        if record.stage == Stage::HandedOn {
            return Err(broken(HANDED_ON));
        }
        if !self.is_ours(id, record) || !record.matches(&folder) {
            let reason = if record.stage == Stage::TakingIn { BROKEN } else { "its files were changed" };
            return Err(broken(reason));
        }
        let manifest =
            std::fs::read(folder.join(names::MANIFEST)).map_err(|_| broken("it cannot be read"))?;
        review(&manifest, record.signer.as_deref(), rules).map_err(|rejection| {
            let reason = rejection.to_string();
            let event = events::of(&Failure::Rejected(rejection), &folder.display().to_string());
            PendingRemoval { reason, event: event.map(Box::new), is_shown: true }
        })
    }

    /// Whether the folder is the one that we made.
    pub(super) fn is_ours(&self, id: &VersionId, record: &Record) -> bool {
        let known = record.folder.as_ref().map(Identity::from);
        let found = self.folder.folder_of(id);
        // Device numbers are those of this boot, and inode numbers of one device.
        known.zip(found).is_some_and(|(known, found)| known == found)
    }

    async fn bring_back(&mut self, id: &VersionId, mut record: Record, now: Duration) -> anyhow::Result<()> {
        if let Some(upload) = record.upload.take() {
            let name = parse_hex(&upload.name).unwrap_or_default();
            match self.folder.remove_upload(&name, Identity::from(&upload.place), upload.size) {
                Ok(Removal::Done) => {}
                Ok(Removal::HasWriter) => {
                    log::warn!(
                        "a dropped file that was taken in is being written, and is taken in again id={id}"
                    );
                }
                Err(error) => log::warn!("the dropped file of an image cannot be removed id={id}: {error}"),
            }
            // A later file of its name is another.
            record.stage = Stage::Published;
            self.write(id, &record);
        }
        log::info!("an image is still here id={id} version={}", record.image.version);
        let apply = record.apply_time().unwrap_or(ApplyTime::OnActivationRequest);
        let life = HandOver::restored(record.origin(), apply, record.was_begun, self.limits());
        let life = if record.is_reported { life.reported() } else { life };
        let reason = if record.is_reported { self.unclaimed_reason(&record, None) } else { String::new() };
        let image = ImageObject::new(id.clone(), record, life, now);
        image.show_record(self.folder.join(id.as_str()).display().to_string());
        image.view.send_modify(|view| {
            view.requested = Some(RequestedActivation::None);
            view.stage = ImageStage::Waiting;
            view.progress = 100;
            view.reason = reason;
        });
        let mut shown = image.announced();
        if image.life.origin() != Origin::Dropped {
            shown.extend([Interface::Activation, Interface::Image]);
        }
        let was_activated = image.record.was_begun;
        self.insert(ImageObject { is_restored: true, was_activated, ..image });
        self.objects.put(id, &shown).await
    }

    /// Shows for a while that an image was lost, since a client may wait for it.
    pub(super) async fn show_loss(
        &mut self,
        id: &VersionId,
        record: Record,
        apply: ApplyTime,
        removal: PendingRemoval,
        now: Duration,
    ) -> anyhow::Result<()> {
        let PendingRemoval { reason, event, .. } = removal;
        log::error!("an image does not come back id={id}: {reason}");
        if self.is_ours(id, &record) {
            self.withdraw(id);
        }
        self.changes.push(Change::Gone(id.clone()));
        let life = HandOver::broken(record.origin(), apply, self.limits(), now);
        // Its folder is not its any more.
        let record = Record { folder: None, ..record };
        let object = object_path(id);
        let failed = || Box::new(events::transfer_failed(id.as_str(), object.as_str(), &reason));
        let event = event.unwrap_or_else(failed);
        let image = ImageObject::new(id.clone(), record, life, now);
        image.view.send_modify(|view| {
            view.requested = Some(RequestedActivation::None);
            view.stage = ImageStage::Failed;
            view.reason = reason;
        });
        self.insert(ImageObject { loss: Some(event), ..image });
        self.objects.put(id, &[Interface::Activation, Interface::Image]).await
    }

    /// Signals an image that was brought back.
    pub async fn announce_restored(&mut self, id: &VersionId) -> anyhow::Result<()> {
        let Some(image) = self.objects.all.get_mut(id) else { return Ok(()) };
        let loss = image.loss.take();
        let whole = image.announced();
        let shown: Vec<_> = image.shown.iter().copied().collect();
        let (announced, others): (Vec<_>, Vec<_>) =
            shown.into_iter().partition(|interface| whole.contains(interface));
        // The complete one comes last of its path.
        for interfaces in [others, announced] {
            if !interfaces.is_empty() {
                self.objects.announce(id, &interfaces).await?;
            }
        }
        if let Some(event) = loss {
            // Only now that the event is on its way: a run that is killed before has its successor send it.
            self.happened(*event);
            self.records.remove(id);
        }
        Ok(())
    }
}
