//! Images from their arrival to their end: their objects on the bus, their records and their folders. What happens to each is
//! decided by its life, see [`crate::hand_over`]; here it is done.

use crate::dbus::{Commands, object_path};
use crate::drop_folder::folder::Folder;
use crate::events;
use crate::hand_over::{Claim, Effect, Event, Limits, Origin};
use crate::installers::{Facts, Installers};
use crate::settings::Settings;
use crate::view::Interface;
use dbus_api::software::Stage as ImageStage;
use dbus_api::software::refusal::Refusal;
use dbus_api::software::signals::Objects;
use event_log::Event as LogEvent;
use hand_on::Handing;
use image_format::VersionId;
use objects::{ApplyTimeSetting, ImageObject, ImageObjects};
use record::{Record, Records, Stage};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use update_state::{Activation, RequestedActivation};
use zbus::Connection;

mod begin;
pub mod hand_on;
pub mod objects;
pub mod record;
pub mod removal;
mod restore;
pub mod take_in;

/// What has become of a question that images have asked.
#[derive(Debug)]
pub enum Answer {
    /// An installer, by its unique name, was told to begin with an image, and has accepted or not.
    Begun(VersionId, String, bool),
    /// The system's apply time was set for an image, or could not be.
    ApplyTimeSet(VersionId),
    /// Which service takes such images as this one, or why none was found.
    Recipient(VersionId, Result<hand_on::Recipient, hand_on::NotFound>),
    /// What the service says that an image was handed on to.
    HandedOn(VersionId, hand_on::News),
    /// An id for an image that was dropped, and whether the object mapper knows it.
    Named(Box<take_in::Named>),
}

/// What other parts of the service must know of images.
#[derive(Debug)]
pub enum Change {
    /// There is an image, and this is known of it.
    Known(VersionId, Facts),
    /// An image is gone.
    Gone(VersionId),
    /// An image has gone that took room.
    RoomMade,
    /// The path of the drop folder may lead to another one.
    FolderIsAway,
    /// An event is to be sent.
    Happened(LogEvent),
}

/// All images.
#[derive(Debug)]
pub struct Images {
    objects: ImageObjects,
    records: Records,
    folder: Arc<Folder>,
    settings: Arc<Settings>,
    answers: mpsc::UnboundedSender<Answer>,
    changes: Vec<Change>,
    /// Field mode was enabled: no image without signatures stays.
    is_enforcing: bool,
    /// Images may have lost their folders.
    may_have_lost: bool,
    /// Folders that are being removed.
    discards: Vec<JoinHandle<()>>,
    /// Unique names of our connections.
    own: Vec<String>,
}

impl Images {
    /// None yet; answers come through the receiver.
    pub fn new(
        connection: &Connection,
        commands: Commands,
        records: Records,
        folder: Arc<Folder>,
        settings: Arc<Settings>,
    ) -> (Self, mpsc::UnboundedReceiver<Answer>) {
        let (answers, given) = mpsc::unbounded_channel();
        let objects = ImageObjects::new(connection, commands);
        let changes = Vec::new();
        let (is_enforcing, may_have_lost, discards) = (false, false, Vec::new());
        let own = connection.unique_name().map(ToString::to_string).into_iter().collect();
        let images = Self {
            objects,
            records,
            folder,
            settings,
            answers,
            changes,
            is_enforcing,
            may_have_lost,
            discards,
            own,
        };
        (images, given)
    }

    /// What other parts must know; asked after each of the following.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Whether no image without signatures stays.
    pub fn enforce_signatures(&mut self, is_enforcing: bool) {
        self.is_enforcing = is_enforcing;
    }

    /// Whether no image without signatures stays.
    pub fn enforces_signatures(&self) -> bool {
        self.is_enforcing
    }

    /// All objects with what they show.
    pub fn objects(&self) -> Objects {
        self.objects.objects()
    }

    /// How many are published.
    pub fn published(&self) -> usize {
        self.objects.all.values().filter(|image| image.is_published()).count()
    }

    /// What is known of an image.
    pub fn get(&self, id: &VersionId) -> Option<&ImageObject> {
        self.objects.all.get(id)
    }

    /// When something is due.
    pub fn wake_at(&self) -> Option<Duration> {
        let lives = self.objects.all.values().filter_map(|image| image.life.wake_at());
        let waiting = self.objects.all.values().filter(|image| is_waited_for(image));
        let alive = waiting.map(|image| image.quiet_since.saturating_add(self.settings.keep_alive));
        lives.chain(alive).chain(self.expires_at()).min()
    }

    /// Lets images live on.
    pub async fn tick(&mut self, installers: &Installers, now: Duration) -> anyhow::Result<()> {
        for id in self.ids() {
            let is_known = |image: &ImageObject| {
                image.life.is_restoring() && installers.have_answered(image.record.was_begun, now)
            };
            let are_known = self.objects.all.get(&id).is_some_and(is_known);
            let event = if are_known { Event::OthersKnown } else { Event::Tick };
            self.step(&id, event, installers, now).await?;
        }
        self.tell_to_begin(installers, now).await?;
        self.expire(installers, now).await?;
        self.remove_lost().await?;
        self.enforce();
        self.carry_out_removals(installers, now).await?;
        self.keep_alive(now).await
    }

    /// Hands an event to an image, and does what follows.
    pub async fn step(
        &mut self,
        id: &VersionId,
        event: Event,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<()> {
        let before = self.installer_of(id, installers);
        let Some(image) = self.objects.all.get_mut(id) else { return Ok(()) };
        let effects = image.life.step(event, now);
        if effects.is_empty() {
            return Ok(());
        }
        let installer = self.installer_of(id, installers).or(before);
        let installer = installer.unwrap_or_else(|| "the installer".to_owned());
        for effect in effects {
            self.perform(id, effect, &installer).await?;
        }
        Ok(())
    }

    /// What installers show of an image has changed.
    pub async fn claims_changed(
        &mut self,
        object: &str,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<()> {
        let Ok(id) = VersionId::parse(object) else { return Ok(()) };
        let claims = installers.claims(object);
        if let Some(image) = self.objects.all.get_mut(&id) {
            let has_begun = claims.iter().any(Claim::has_begun);
            image.was_activated |= has_begun;
            if has_begun && !image.record.was_begun {
                image.record.was_begun = true;
                self.keep(&id);
            }
        }
        self.step(&id, Event::Claimed(claims), installers, now).await
    }

    /// An installer was told to begin, and has accepted or not.
    pub async fn begun(
        &mut self,
        id: &VersionId,
        owner: String,
        is_accepted: bool,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<()> {
        self.step(id, Event::Answered { owner, is_accepted }, installers, now).await
    }

    /// The system's apply time was set for an image, or could not be: its installer may be told now.
    pub fn apply_time_set(&mut self, id: &VersionId) {
        if let Some(image) = self.objects.all.get_mut(id) {
            image.apply_time = ApplyTimeSetting::Done;
        }
    }

    /// A client writes what is requested of an image.
    pub async fn request(
        &mut self,
        id: &VersionId,
        wish: RequestedActivation,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<Result<(), Refusal>> {
        let Some(image) = self.objects.all.get(id) else { return Ok(Err(Refusal::Unknown(id.to_string()))) };
        if image.life.activation() == Activation::Invalid {
            let reason = format!("the image is invalid: {}", image.view.borrow().reason);
            return Ok(Err(Refusal::NotAllowed(reason)));
        }
        image.view.send_modify(|view| view.requested = Some(wish));
        if wish == RequestedActivation::Active {
            self.open_apply_time(id);
            self.step(id, Event::Requested, installers, now).await?;
        }
        Ok(Ok(()))
    }

    /// Says how much of an image was unpacked, percent.
    pub async fn progress(&mut self, id: &VersionId, percent: u8) -> anyhow::Result<()> {
        let shown = self.objects.all.get(id).map(|image| image.view.borrow().progress);
        if shown.is_some_and(|shown| shown != percent) {
            self.objects.change(id, Interface::Image, &["Progress"], |view| view.progress = percent).await?;
        }
        Ok(())
    }

    /// Says that an image is being unpacked.
    pub async fn unpacking(&mut self, id: &VersionId) -> anyhow::Result<()> {
        self.objects.stage(id, ImageStage::Unpacking).await
    }

    fn ids(&self) -> Vec<VersionId> {
        self.objects.all.keys().cloned().collect()
    }

    /// How long things may take.
    fn limits(&self) -> Limits {
        self.settings.lives
    }

    /// Adds an image, which is not shown yet.
    fn insert(&mut self, image: ImageObject) {
        self.changes.push(Change::Known(image.id.clone(), image.facts()));
        self.objects.all.insert(image.id.clone(), image);
    }

    fn happened(&mut self, event: LogEvent) {
        self.changes.push(Change::Happened(event));
    }

    /// Writes an image's record; without, the image is only lost at a restart.
    fn keep(&self, id: &VersionId) {
        if let Some(image) = self.objects.all.get(id) {
            self.write(id, &image.record);
        }
    }

    fn write(&self, id: &VersionId, record: &Record) {
        if let Err(error) = self.records.save(id, record) {
            log::warn!("cannot keep a record id={id}: {error}");
        }
    }

    /// A later run has nothing more to do for an image than to remove it.
    fn close(&mut self, id: &VersionId) {
        if let Some(image) = self.objects.all.get_mut(id) {
            image.record.stage = Stage::Closed;
        }
        self.keep(id);
    }

    async fn perform(&mut self, id: &VersionId, effect: Effect, installer: &str) -> anyhow::Result<()> {
        match effect {
            Effect::Offer => self.offer(id).await,
            Effect::HandOn => self.hand_on(id).await,
            Effect::AskRecipient => {
                self.ask_recipient(id);
                Ok(())
            }
            Effect::Mirrored { ours, theirs } => self.mirror(id, ours, theirs, installer).await,
            Effect::RecipientLost => {
                let reason = self.why_lost(id);
                self.give_up(id, reason).await
            }
            Effect::Refuse => {
                self.objects.hide(id, &[Interface::ActivationProgress]).await?;
                // A later run has nothing to say any more.
                self.records.remove(id);
                self.invalid(id, None).await
            }
            Effect::Yield => {
                log::info!("{installer} has claimed the image id={id}");
                self.objects.hide(id, &[Interface::Activation]).await?;
                self.objects.reason(id, String::new()).await?;
                self.objects.stage(id, ImageStage::Installer).await
            }
            Effect::Resume => {
                log::warn!("the installer of an image is gone, and another may claim it id={id}");
                self.objects.stage(id, ImageStage::Waiting).await?;
                self.show_activation(id).await
            }
            Effect::Unclaimed => self.unclaimed(id).await,
            Effect::Declined => {
                log::warn!("{installer} says that the image is invalid id={id}");
                self.objects.reason(id, format!("{installer} says that the image is invalid")).await?;
                self.objects.stage(id, ImageStage::Refused).await
            }
            Effect::Unfit => self.give_up(id, format!("{installer} says that the image is invalid")).await,
            Effect::Failed => self.failed(id, installer).await,
            Effect::Retried => {
                log::info!("{installer} takes the image on again id={id}");
                self.objects.reason(id, String::new()).await?;
                self.objects.stage(id, ImageStage::Installer).await
            }
            Effect::Stuck => {
                let limit = self.settings.lives.ready.as_secs();
                self.give_up(id, format!("{installer}, which has the image, was not ready within {limit} s"))
                    .await
            }
            Effect::NotBegun => {
                self.open_apply_time(id);
                let kept = self.settings.lives.kept.as_secs();
                let reason = format!("{installer} does not begin to install the image");
                log::error!("{reason}: a client has {kept} s to ask for it again id={id}");
                self.objects.reason(id, reason).await?;
                self.objects.stage(id, ImageStage::Failed).await
            }
            Effect::Ended(state) => {
                log::info!("{installer} is done with the image, which is {state} id={id}");
                self.close(id);
                let stage = match state {
                    Activation::Failed => ImageStage::Failed,
                    Activation::Invalid => ImageStage::Refused,
                    _ => {
                        self.objects.reason(id, String::new()).await?;
                        ImageStage::Done
                    }
                };
                self.objects.stage(id, stage).await
            }
            Effect::Remove => self.remove(id).await,
        }
    }

    /// How the installer of an image is called.
    fn installer_of(&self, id: &VersionId, installers: &Installers) -> Option<String> {
        let image = self.objects.all.get(id)?;
        let claimed = image.life.claimed_by().map(|owner| installers.name_of(owner));
        let has_it = claimed.or(image.handing.as_ref().map(Handing::name));
        has_it.or(image.record.installer.as_deref()).map(str::to_owned)
    }

    async fn offer(&mut self, id: &VersionId) -> anyhow::Result<()> {
        if let Some(image) = self.objects.all.get_mut(id)
            && image.record.stage == Stage::TakingIn
        {
            image.record.stage = Stage::Published;
            self.keep(id);
        }
        self.objects.hide(id, &[Interface::ActivationProgress]).await?;
        self.objects.stage(id, ImageStage::Waiting).await?;
        self.objects.activation(id).await?;
        let announced = self.objects.all.get(id).map(ImageObject::announced).unwrap_or_default();
        self.objects.show(id, &announced).await?;
        if let Some(image) = self.objects.all.get(id) {
            self.changes.push(Change::Known(id.clone(), image.facts()));
        }
        Ok(())
    }

    /// Why no service installs an image.
    fn unclaimed_reason(&self, record: &Record, kept_back: Option<&str>) -> String {
        let (purpose, limit) = (&record.image.purpose, self.settings.lives.claim.as_secs());
        match &record.installer {
            Some(name) => format!("{name}, which has handed the image on, did not claim it within {limit} s"),
            None => {
                let why = kept_back.map(|why| format!("; {why}")).unwrap_or_default();
                format!(
                    "no service installs this image of purpose {purpose}: none claimed it within {limit} s{why}"
                )
            }
        }
    }

    async fn unclaimed(&mut self, id: &VersionId) -> anyhow::Result<()> {
        let Some(image) = self.objects.all.get(id) else { return Ok(()) };
        let reason = self.unclaimed_reason(&image.record, image.kept_back.as_deref());
        if image.life.origin() != Origin::Dropped {
            return self.give_up(id, reason).await;
        }
        // A later run sends no event any more.
        if let Some(image) = self.objects.all.get_mut(id) {
            image.record.is_reported = true;
        }
        self.keep(id);
        let kept = self.settings.lives.unclaimed.as_secs();
        log::warn!("{reason}; it is kept for {kept} s in all id={id}");
        self.happened(events::not_applicable(id.as_str(), object_path(id).as_str(), &reason));
        self.objects.reason(id, reason).await
    }

    /// The installation has failed. Of failed images for one place the last is kept: they take room, and a client may try
    /// again with the one that it knows.
    async fn failed(&mut self, id: &VersionId, installer: &str) -> anyhow::Result<()> {
        let kept = self.settings.lives.kept.as_secs();
        log::error!("{installer} has failed to install the image, which is kept for {kept} s id={id}");
        let reason = format!("{installer} has failed to install the image; its log may say why");
        self.objects.reason(id, reason).await?;
        self.objects.stage(id, ImageStage::Failed).await?;
        let Some(image) = self.objects.all.get(id) else { return Ok(()) };
        let is_older =
            |other: &&ImageObject| other.id != *id && other.life.has_failed() && other.shares_place(image);
        let older: Vec<_> =
            self.objects.all.values().filter(is_older).map(|image| image.id.clone()).collect();
        for id in older {
            self.remove(&id).await?;
        }
        Ok(())
    }

    /// No installer is going to install an image.
    async fn give_up(&mut self, id: &VersionId, reason: String) -> anyhow::Result<()> {
        log::error!("an image is given up id={id}: {reason}");
        self.close(id);
        let event = events::not_applicable(id.as_str(), object_path(id).as_str(), &reason);
        let Some(image) = self.objects.all.get_mut(id) else { return Ok(()) };
        image.failure = Some(event);
        let announced = image.announced();
        // Ours is what the client looks at that has handed it over.
        self.objects.hide(id, &[Interface::ActivationProgress]).await?;
        self.show_activation(id).await?;
        self.invalid(id, Some(reason)).await?;
        // No installer is to begin with what is about to be removed.
        self.objects.hide(id, &announced).await
    }

    /// Shows our Activation, if it is not shown and the image has one of ours.
    async fn show_activation(&mut self, id: &VersionId) -> anyhow::Result<()> {
        let is_hidden = |image: &ImageObject| {
            image.life.origin() != Origin::Dropped && !image.shown.contains(&Interface::Activation)
        };
        if self.objects.all.get(id).is_some_and(is_hidden) {
            self.objects.show(id, &[Interface::Activation]).await?;
        }
        Ok(())
    }

    /// The reason is there before the state that it is for.
    async fn invalid(&mut self, id: &VersionId, reason: Option<String>) -> anyhow::Result<()> {
        let shown = self.objects.all.get(id).map(|image| image.view.borrow().reason.clone());
        let reason = reason.or(shown).unwrap_or_default();
        self.objects.change(id, Interface::Image, &["Reason"], |view| view.reason = reason).await?;
        let event = self.objects.all.get_mut(id).and_then(|image| image.failure.take());
        self.objects.stage(id, ImageStage::Failed).await?;
        self.objects.activation(id).await?;
        if let Some(event) = event {
            self.happened(event);
        }
        Ok(())
    }

    /// Says that an image which waits for long has not been forgotten: watchers count such signals.
    async fn keep_alive(&mut self, now: Duration) -> anyhow::Result<()> {
        let keep_alive = self.settings.keep_alive;
        for id in self.ids() {
            let Some(image) = self.objects.all.get_mut(&id) else { continue };
            if !is_waited_for(image) {
                if image.shown.contains(&Interface::ActivationProgress) {
                    self.objects.hide(&id, &[Interface::ActivationProgress]).await?;
                }
                continue;
            }
            if now.saturating_sub(image.quiet_since) >= keep_alive {
                image.quiet_since = now;
                self.objects.show(&id, &[Interface::ActivationProgress]).await?;
                self.objects.change(&id, Interface::ActivationProgress, &["Progress"], |_| {}).await?;
            }
        }
        Ok(())
    }
}

/// Whether a client may wait for it while no signal says anything of it. What is staged waits for a reset, and watchers give
/// that more time than any signal of progress.
fn is_waited_for(image: &ImageObject) -> bool {
    let is_elsewhere = image.life.is_handed_on() && image.life.activation() != Activation::Staged;
    image.life.is_taking_in() || image.life.waits_for_its_turn() || is_elsewhere
}
