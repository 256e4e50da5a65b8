//! The end of images: deleted, expired, lost with their folders, or to be removed once no installer is at work on them.

use super::objects::ImageObject;
use super::record::{Record, Stage, Verified};
use super::{Change, Images};
use crate::drop_folder::folder::{Folder, Identity};
use crate::events;
use crate::hand_over::{Event, Origin};
use crate::installers::Installers;
use dbus_api::software::refusal::Refusal;
use image_format::VersionId;
use std::sync::Arc;
use std::time::Duration;
use update_state::Activation;

/// Longest wait for the files of images that make way.
const DISCARD_LIMIT: Duration = Duration::from_secs(2);
/// Why an image goes that was taken in while signatures were not required.
const UNSIGNED: &str = "it is not signed as it has to be now";

/// Why an image is to be removed, as soon as no installer is at work on it.
#[derive(Debug)]
pub struct PendingRemoval {
    /// For people.
    pub reason: String,
    /// The event that is sent then.
    pub event: Option<Box<event_log::Event>>,
    /// The image is shown as Invalid for a while, for a client that has handed it over.
    pub is_shown: bool,
}

/// Who calls `Delete`.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Unique name.
    pub name: String,
    /// It is root's, or our own user's.
    pub is_root: bool,
}

impl Images {
    /// What was taken in without signatures has to go once the machine is in field mode.
    pub(super) fn enforce(&mut self) {
        if !self.is_enforcing {
            return;
        }
        for (id, image) in &mut self.objects.all {
            if image.is_published()
                && image.record.verification != Verified::Signed
                && image.removal.is_none()
            {
                let event = events::unsigned(&self.folder.join(id.as_str()).display().to_string(), UNSIGNED);
                let event = Some(Box::new(event));
                image.removal = Some(PendingRemoval { reason: UNSIGNED.to_owned(), event, is_shown: true });
            }
        }
    }

    /// Removes images that have to go, once it is known that no installer is at work on them.
    pub(super) async fn carry_out_removals(
        &mut self,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<()> {
        let is_due = |image: &&ImageObject| {
            image.removal.is_some()
                && installers.have_answered(true, now)
                && !installers.is_busy(image.id.as_str(), "")
        };
        let due: Vec<_> = self.objects.all.values().filter(is_due).map(|image| image.id.clone()).collect();
        for id in due {
            let Some(image) = self.objects.all.get_mut(&id) else { continue };
            let Some(removal) = image.removal.take() else { continue };
            let claims = installers.claims(id.as_str());
            let is_installed = |state| matches!(state, Some(Activation::Active | Activation::Staged));
            if claims.iter().any(|claim| is_installed(claim.state)) {
                // It was installed while it waited for that: no event says that it failed. One that is shown comes to its
                // end by itself.
                if !image.is_published() || image.life.origin() == Origin::Dropped {
                    log::info!("an image that was installed is removed id={id}");
                    self.remove(&id).await?;
                }
                continue;
            }
            let is_awaited = removal.is_shown && !image.is_published();
            if let (true, Some(apply)) = (is_awaited, image.record.apply_time()) {
                let Some(image) = self.objects.remove(&id).await? else { continue };
                self.show_loss(&id, image.record, apply, removal, now).await?;
                self.announce_restored(&id).await?;
            } else {
                log::warn!("an image has to go id={id}: {}", removal.reason);
                if let Some(event) = removal.event {
                    self.happened(*event);
                }
                self.remove(&id).await?;
            }
        }
        Ok(())
    }

    /// Makes space for one more image where as many are kept as may be: the oldest goes of those that could, see
    /// [`crate::hand_over::HandOver::is_evictable_since`], but not `except`. `coming` images are being taken in and have no object yet. False where
    /// none could go.
    pub async fn make_place(
        &mut self,
        coming: usize,
        except: Option<&VersionId>,
        installers: &Installers,
    ) -> anyhow::Result<bool> {
        while self.is_full(coming) {
            let Some(id) = self.evictable(except, installers).into_iter().next() else { return Ok(false) };
            self.evict(&id).await?;
        }
        Ok(true)
    }

    /// Whether one more image may be kept, if need be in the place of one that makes way.
    pub fn has_place(&self, installers: &Installers) -> bool {
        !self.is_full(0) || !self.evictable(None, installers).is_empty()
    }

    /// How many bytes of the file system no image may take.
    pub fn reserve(&self) -> u64 {
        self.settings.limits.free.of(self.folder.size().unwrap_or_default())
    }

    /// Whether as many images take room as may.
    pub fn is_full(&self, coming: usize) -> bool {
        let takes_room = |image: &&ImageObject| {
            image.record.folder.is_some() || image.life.is_taking_in() || image.life.is_handed_on()
        };
        let count = self.objects.all.values().filter(takes_room).count();
        count.saturating_add(coming) >= self.settings.max_images
    }

    /// Makes so many bytes free, if images that could go hold as many: the oldest first, and no more of them than needed.
    pub async fn free_bytes(&mut self, needed: u64, installers: &Installers) -> anyhow::Result<()> {
        if needed == 0 {
            return Ok(());
        }
        let Ok(mut free) = self.folder.free() else { return Ok(()) };
        let mut go = Vec::new();
        for id in self.evictable(None, installers) {
            if free >= needed {
                break;
            }
            free = free.saturating_add(self.get(&id).map_or(0, |image| image.record.length()));
            go.push(id);
        }
        if free >= needed {
            for id in go {
                self.evict(&id).await?;
            }
            // Not before their bytes are free.
            for discard in std::mem::take(&mut self.discards) {
                let _ = tokio::time::timeout(DISCARD_LIMIT, discard).await;
            }
        }
        Ok(())
    }

    /// Images that could go, the one first that could for the longest time.
    fn evictable(&self, except: Option<&VersionId>, installers: &Installers) -> Vec<VersionId> {
        let images = self.objects.all.values().filter(|image| Some(&image.id) != except);
        let images = images.filter_map(|image| Some((image.life.is_evictable_since()?, &image.id)));
        let mut idle: Vec<_> = images.filter(|(_, id)| !installers.is_busy(id.as_str(), "")).collect();
        idle.sort_unstable();
        idle.into_iter().map(|(_, id)| id.clone()).collect()
    }

    async fn evict(&mut self, id: &VersionId) -> anyhow::Result<()> {
        log::info!("an image that no installer needs makes way for a new one id={id}");
        self.remove(id).await
    }

    /// Removes an image: object, folder, record.
    pub(super) async fn remove(&mut self, id: &VersionId) -> anyhow::Result<()> {
        let Some(image) = self.objects.remove(id).await? else { return Ok(()) };
        if self.is_ours(id, &image.record) {
            self.withdraw(id);
        } else if let Some(folder) = &image.record.folder {
            self.folder.unmark(id, Identity::from(folder).inode);
        }
        self.records.remove(id);
        log::info!("an image is removed id={id}");
        self.changes.push(Change::Gone(id.clone()));
        self.changes.push(Change::RoomMade);
        Ok(())
    }

    /// Removes an image's folder.
    pub(super) fn withdraw(&mut self, id: &VersionId) {
        match self.folder.withdraw(id) {
            Ok(name) => self.discard(name),
            Err(error) => log::warn!("an image cannot be removed id={id}: {error}"),
        }
    }

    /// Whether an image may be deleted by this caller. One that may not gets a named error, and nothing is changed.
    pub fn may_delete(
        &self,
        id: &VersionId,
        caller: &Caller,
        installers: &Installers,
        now: Duration,
    ) -> Result<(), Refusal> {
        let Some(image) = self.objects.all.get(id) else { return Err(Refusal::Unknown(id.to_string())) };
        let refused = |text: &str| Err(Refusal::NotAllowed(text.to_owned()));
        if !caller.is_root && !installers.may_speak_of(&caller.name, &image.facts()) {
            log::warn!("{} may not delete the image id={id}", installers.name_of(&caller.name));
            return refused("the image is not one that the caller installs");
        }
        if image.is_restored && !installers.have_answered(image.record.was_begun, now) {
            return refused(
                "it is not known yet whether a service installs the image, as image-manager has just started",
            );
        }
        if image.life.is_taking_in() && !image.life.can_be_cancelled() {
            return refused("the image was taken in just now");
        }
        let is_elsewhere = image.life.is_handed_on() && image.life.activation() != Activation::Staged;
        if is_elsewhere && !self.can_be_recalled(id) {
            return refused("another service has the image, and is not done with it");
        }
        // Before it was taken in there is nothing to install, whatever others show.
        if !image.life.can_be_cancelled() && installers.is_busy(id.as_str(), &caller.name) {
            return refused("the image is being installed");
        }
        Ok(())
    }

    /// Removes an image that may be deleted; one that is not taken in yet is Invalid first, so that a client that follows it
    /// learns of its end.
    pub async fn delete(&mut self, id: &VersionId, now: Duration) -> anyhow::Result<()> {
        let Some(image) = self.objects.all.get(id) else { return Ok(()) };
        if image.life.can_be_cancelled() {
            log::info!("a client has cancelled the upload id={id}");
            self.objects.reason(id, "it was deleted before it was taken in".to_owned()).await?;
            if let Some(image) = self.objects.all.get_mut(id) {
                image.life.step(Event::Cancelled, now);
            }
            self.invalid(id, None).await?;
        }
        if self.can_be_recalled(id) {
            self.recall(id);
        }
        self.remove(id).await
    }

    /// Removes all images that may be deleted; the others stay.
    pub async fn delete_all(
        &mut self,
        caller: &Caller,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<Vec<VersionId>> {
        let mut deleted = Vec::new();
        for id in self.ids() {
            match self.may_delete(&id, caller, installers, now) {
                Ok(()) => {
                    self.delete(&id, now).await?;
                    deleted.push(id);
                }
                Err(refusal) => log::info!("an image stays id={id}: {refusal}"),
            }
        }
        if !caller.is_root {
            return Ok(deleted);
        }
        // Those whose folders are away are not to come back with them.
        for (id, mut record) in self.records.load()? {
            if !self.is_known(&id) && record.stage != Stage::Closed {
                record.stage = Stage::Closed;
                self.write(&id, &record);
            }
        }
        Ok(deleted)
    }

    /// The folder of this image has left the drop folder; without an id it may be any image's.
    pub fn may_have_lost(&mut self, id: Option<&VersionId>) {
        self.may_have_lost |= id.is_none_or(|id| self.is_known(id));
    }

    /// Images whose folders are not where they were.
    fn lost(&self) -> Vec<VersionId> {
        let unpacked = self.objects.all.values().filter(|image| image.record.folder.is_some());
        let lost = unpacked.filter(|image| !self.is_ours(&image.id, &image.record));
        lost.map(|image| image.id.clone()).collect()
    }

    /// Removes images whose folders another program has removed.
    pub(super) async fn remove_lost(&mut self) -> anyhow::Result<()> {
        if !std::mem::take(&mut self.may_have_lost) {
            return Ok(());
        }
        for id in self.lost() {
            log::warn!("the folder of an image is gone id={id}");
            self.remove(&id).await?;
        }
        Ok(())
    }

    /// There is another drop folder: its images come, those of the one before go, and come back with it. `is_idle` when
    /// nothing is being unpacked.
    pub async fn exchange(
        &mut self,
        folder: Arc<Folder>,
        is_idle: bool,
        now: Duration,
    ) -> anyhow::Result<()> {
        self.folder = folder;
        self.may_have_lost = false;
        for id in self.lost() {
            log::warn!("an image has gone with its folder id={id}");
            self.objects.remove(&id).await?;
            self.changes.push(Change::Gone(id));
        }
        // What is being unpacked may lie in this one.
        if is_idle {
            self.folder.sweep().unwrap_or_else(|error| {
                log::warn!("cannot clean up {}: {error}", self.folder.path().display());
            });
        }
        // What lies elsewhere may come back.
        let comes_back = |images: &Self, (id, record): (&VersionId, &Record)| {
            !images.is_known(id) && images.is_ours(id, record)
        };
        let restored = self.restore_those(comes_back, now).await?;
        for id in &restored {
            self.announce_restored(id).await?;
        }
        Ok(())
    }

    /// Removes images that no client has ever had activated.
    pub(super) async fn expire(&mut self, installers: &Installers, now: Duration) -> anyhow::Result<()> {
        let Some(limit) = self.settings.time_to_live else { return Ok(()) };
        let is_due = |image: &&ImageObject| can_expire(image) && now >= image.since.saturating_add(limit);
        let ids: Vec<_> = self.objects.all.values().filter(is_due).map(|image| image.id.clone()).collect();
        for id in ids {
            if installers.is_busy(id.as_str(), "") {
                // It is looked at again after as long.
                if let Some(image) = self.objects.all.get_mut(&id) {
                    image.since = now;
                }
                continue;
            }
            log::info!("an image was not activated for {} s id={id}", limit.as_secs());
            self.remove(&id).await?;
        }
        Ok(())
    }

    /// When the next image is too old.
    pub(super) fn expires_at(&self) -> Option<Duration> {
        let limit = self.settings.time_to_live?;
        let images = self.objects.all.values().filter(can_expire);
        images.map(|image| image.since.saturating_add(limit)).min()
    }
}

fn can_expire(image: &&ImageObject) -> bool {
    image.is_published() && !image.was_activated && !image.life.is_restoring()
}
