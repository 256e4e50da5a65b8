//! Images that come by `StartUpdate`: accepted, taken in, offered, and told to begin.

use crate::dbus::object_path;
use crate::drop_folder::folder::random;
use crate::dropped::{NAME_TRIES, tell_faults, tell_taken};
use crate::events;
use crate::hand_over::{Effect, HandOver, Limits};
use crate::image_source::ImageSource;
use crate::images::Image;
use crate::images::record::{Record, Stage};
use crate::installers::calls;
use crate::service::{Service, Step, Update};
use crate::unpacker::{Failure, Progress, Taken};
use crate::view::Interface;
use dbus_api::software::Stage as ImageStage;
use dbus_api::software::parse_apply_time;
use dbus_api::software::refusal::Refusal;
use image_format::VersionId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use update_state::{Activation, ApplyTime, RequestedActivation};
use zbus::{OwnedFd, OwnedObjectPath};

/// Longest wait for the object mapper while a caller waits for us.
const MAPPER_LIMIT: Duration = Duration::from_millis(50);

impl Service {
    /// How long things may take.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            hold: self.settings.hold,
            claim: self.settings.claim_limit,
            ready: self.settings.ready_limit,
            linger: self.settings.linger,
        }
    }

    /// Accepts an image, and shows its object.
    pub(crate) async fn start_update(
        &mut self,
        image: OwnedFd,
        apply_time: &str,
    ) -> anyhow::Result<Result<OwnedObjectPath, Refusal>> {
        let accepted = match self.accept(image, apply_time) {
            Ok(accepted) => accepted,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (apply, source, length, progress) = accepted;
        let Some(id) = self.new_id().await? else {
            return Ok(Err(Refusal::Unavailable("no id is free, says the object mapper".to_owned())));
        };
        let record = Record::taking_in(apply);
        if let Err(error) = self.records.save(&id, &record) {
            return Ok(Err(Refusal::Internal(format!("cannot keep a record: {error}"))));
        }
        let hand_over = HandOver::new(apply, self.limits());
        let image = Image::new(id.clone(), record, Some(hand_over), self.now());
        image.view.send_modify(|view| {
            view.activation = Some(Activation::NotReady);
            view.requested = Some(RequestedActivation::None);
            view.apply_time = Some(apply);
            view.stage = ImageStage::Queued;
        });
        log::info!("an image is to be taken in id={id} apply={apply}");
        self.images.all.insert(id.clone(), image);
        self.images.show(&id, &[Interface::Activation, Interface::Image]).await?;
        let object = object_path(&id).into();
        let since = self.now();
        self.updates.push_back(Update { id, source, length, progress, since });
        Ok(Ok(object))
    }

    fn accept(
        &self,
        image: OwnedFd,
        apply_time: &str,
    ) -> Result<(ApplyTime, ImageSource, Option<u64>, Arc<Progress>), Refusal> {
        let unknown = || Refusal::InvalidArgument { name: "ApplyTime", value: apply_time.to_owned() };
        let apply = parse_apply_time(apply_time).ok_or_else(unknown)?;
        let stop: Arc<AtomicBool> = Arc::default();
        let source = ImageSource::descriptor(image.into(), self.settings.patience, Arc::clone(&stop));
        let (source, length) = source.map_err(|error| Refusal::InvalidImage(error.to_string()))?;
        if self.updates.len() + self.intake.queued() >= self.settings.queue {
            return Err(Refusal::Unavailable(format!("{} images wait to be taken in", self.settings.queue)));
        }
        if self.is_full() {
            let count = self.settings.max_images;
            return Err(Refusal::Unavailable(format!("{count} images wait for somebody to install them")));
        }
        Ok((apply, source, length, Arc::new(Progress::with_stop(stop))))
    }

    /// An id that nobody has, as far as can be known while a caller waits.
    async fn new_id(&self) -> anyhow::Result<Option<VersionId>> {
        for _ in 0..NAME_TRIES {
            let id = VersionId::of_salt(random()?);
            let is_free = !self.is_known(&id) && !self.folder.join(id.as_str()).exists();
            let path = object_path(&id);
            let asked = tokio::time::timeout(MAPPER_LIMIT, calls::is_taken(&self.connection, &path));
            if is_free && !asked.await.unwrap_or(false) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Somebody writes what is asked of an image.
    pub(crate) fn request(&mut self, id: &VersionId, wish: RequestedActivation) -> Result<(), Refusal> {
        let image = self.images.all.get_mut(id).ok_or_else(|| Refusal::Unknown(id.to_string()))?;
        if image.view.borrow().activation == Some(Activation::Invalid) {
            return Err(Refusal::NotAllowed(format!("the image is invalid: {}", image.view.borrow().reason)));
        }
        image.view.send_modify(|view| view.requested = Some(wish));
        if let (RequestedActivation::Active, Some(hand_over)) = (wish, &mut image.hand_over) {
            hand_over.requested();
        }
        Ok(())
    }

    /// The thread is done with an image.
    pub(crate) async fn conclude_update(
        &mut self,
        id: &VersionId,
        result: Result<Taken, Failure>,
    ) -> anyhow::Result<()> {
        let settled = match result {
            Ok(taken) => {
                let apply = self.images.all.get(id).and_then(|image| image.record.apply_time.clone());
                let mut record = Record { apply_time: apply, ..self.record(&taken, None) };
                tell_faults(id, &taken);
                let settled = self.settle(id, &taken.draft, &mut record);
                match settled {
                    Ok(()) => self.keep(id, &record),
                    Err(_) => self.discard(taken.draft),
                }
                settled.map(|()| record).map_err(|error| Failure::Rejected(self.unwritten(error)))
            }
            Err(failure) => Err(failure),
        };
        if let Ok(record) = &settled {
            self.images
                .change(id, Interface::Image, &["Stage", "Progress", "Signer"], |view| {
                    view.stage = ImageStage::Checked;
                    view.progress = 100;
                    view.signer = record.signer.clone().unwrap_or_default();
                })
                .await?;
        }
        let path = self.folder.join(id.as_str()).display().to_string();
        let Some(image) = self.images.all.get_mut(id) else { return Ok(()) };
        match &settled {
            Ok(record) => {
                image.record = record.clone();
                image.show_record(path);
                tell_taken(image, None);
            }
            Err(failure) => {
                log::error!("an image is not taken in id={id}: {failure}");
                image.failure = events::of(failure, &path);
                image.view.send_modify(|view| view.reason = failure.to_string());
            }
        }
        if let Some(hand_over) = &mut image.hand_over {
            hand_over.taken(settled.is_ok());
        }
        Ok(())
    }

    /// Lets images live on.
    pub(crate) async fn live(&mut self) -> anyhow::Result<()> {
        let now = self.now();
        let ids: Vec<_> = self.images.all.keys().cloned().collect();
        for id in &ids {
            if let Some(image) = self.images.all.get_mut(id)
                && image.was_read.load(Ordering::Relaxed)
                && let Some(hand_over) = &mut image.hand_over
            {
                hand_over.was_read();
            }
            while let Some(effect) = self.hand_over(id).and_then(|hand_over| hand_over.go_on(now)) {
                self.take_effect(id, effect).await?;
            }
        }
        for id in &ids {
            self.ask(id, now).await?;
        }
        Ok(())
    }

    async fn take_effect(&mut self, id: &VersionId, effect: Effect) -> anyhow::Result<()> {
        match effect {
            Effect::Offer => {
                self.images.hide(id, &[Interface::ActivationProgress]).await?;
                self.activation(id, Activation::Ready, ImageStage::Waiting).await?;
                let announced: Vec<_> =
                    Interface::ANNOUNCED.into_iter().chain([Interface::ApplyTime]).collect();
                self.images.show(id, &announced).await?;
                // An installer may have been quicker than our announcement.
                self.foreign_changed(&[id.to_string()]);
            }
            Effect::Refuse => {
                self.images.hide(id, &[Interface::ActivationProgress]).await?;
                // A later run has nothing to tell any more.
                self.records.remove(id);
                self.invalid(id, None).await?;
            }
            Effect::Unclaimed => {
                let purpose = self.images.all.get(id).map(|image| image.record.image.purpose.clone());
                let purpose = purpose.unwrap_or_default();
                let limit = self.settings.claim_limit.as_secs();
                let reason =
                    format!("no service installs this image of purpose {purpose}: none did within {limit} s");
                self.give_up(id, reason).await?;
            }
            Effect::Declined => {
                log::warn!("the installer of an image says that it is invalid id={id}");
                self.images.stage(id, ImageStage::Refused).await?;
            }
            Effect::Stuck => {
                let limit = self.settings.ready_limit.as_secs();
                let reason = format!("the service that installs this image was not ready within {limit} s");
                // Ours is what whoever has handed it over looks at.
                self.images.hide(id, &[Interface::ActivationProgress]).await?;
                self.images.show(id, &[Interface::Activation]).await?;
                self.give_up(id, reason).await?;
            }
            Effect::Installed => {
                log::info!("an image is done with id={id}");
                self.close(id);
                self.images.stage(id, ImageStage::Done).await?;
            }
            Effect::Yield => {
                log::info!("an image has an installer id={id}");
                self.images.hide(id, &[Interface::Activation]).await?;
                self.images.stage(id, ImageStage::Installer).await?;
            }
            Effect::Resume => {
                log::warn!("the installer of an image is gone id={id}");
                self.images.stage(id, ImageStage::Waiting).await?;
                self.images.show(id, &[Interface::Activation]).await?;
            }
            Effect::Remove => self.remove(id).await?,
        }
        Ok(())
    }

    /// Nobody is going to install an image.
    async fn give_up(&mut self, id: &VersionId, reason: String) -> anyhow::Result<()> {
        log::error!("an image is given up id={id}: {reason}");
        self.close(id);
        let event = events::not_applicable(id.as_str(), object_path(id).as_str(), &reason);
        if let Some(image) = self.images.all.get_mut(id) {
            image.failure = Some(event);
        }
        self.invalid(id, Some(reason)).await?;
        // Nobody is to begin with what is about to be removed.
        let announced: Vec<_> = Interface::ANNOUNCED.into_iter().chain([Interface::ApplyTime]).collect();
        self.images.hide(id, &announced).await
    }

    /// A later run has nothing more to do for an image than to remove it.
    fn close(&mut self, id: &VersionId) {
        if let Some(image) = self.images.all.get_mut(id) {
            image.record.stage = Stage::Closed;
        }
        if let Some(image) = self.images.all.get(id) {
            self.keep(id, &image.record);
        }
    }

    async fn activation(&self, id: &VersionId, state: Activation, stage: ImageStage) -> anyhow::Result<()> {
        self.images.stage(id, stage).await?;
        self.images
            .change(id, Interface::Activation, &["Activation"], |view| view.activation = Some(state))
            .await
    }

    /// The reason is there before the state that it is for.
    async fn invalid(&mut self, id: &VersionId, reason: Option<String>) -> anyhow::Result<()> {
        let change = |view: &mut crate::view::View| {
            if let Some(reason) = reason {
                view.reason = reason;
            }
        };
        self.images.change(id, Interface::Image, &["Reason"], change).await?;
        let event = self.images.all.get_mut(id).and_then(|image| image.failure.take());
        self.activation(id, Activation::Invalid, ImageStage::Failed).await?;
        if let Some(event) = event {
            self.events.happened(event);
        }
        Ok(())
    }

    /// Tells an installer to begin, if it is time, and it installs nothing else at the same place.
    async fn ask(&mut self, id: &VersionId, now: Duration) -> anyhow::Result<()> {
        let Some(image) = self.images.all.get(id) else { return Ok(()) };
        let Some(owner) = image.hand_over.as_ref().and_then(|hand_over| hand_over.to_ask(now)) else {
            return Ok(());
        };
        let (owner, target) = (owner.to_owned(), image.target());
        let has_to_go = image.removal.is_some();
        let is_taken = self.images.all.values().any(|other| {
            other.id != *id
                && other.target() == target
                && other.hand_over.as_ref().is_some_and(HandOver::is_under_way)
        });
        // Its files may only be in another place for now.
        let is_away = !self.folder.is_there();
        self.must_look |= is_away;
        if is_taken || has_to_go || is_away {
            if let Some(hand_over) = self.hand_over(id) {
                hand_over.put_off();
            }
            return Ok(());
        }
        // Not before its turn: the folder's watch sees each look at its files, and wakes the service.
        if let Some(name) = image.record.lacks(&self.folder.join(id.as_str())).map(str::to_owned) {
            if let Some(hand_over) = self.hand_over(id) {
                hand_over.spoilt(now);
            }
            self.images.hide(id, &[Interface::ActivationProgress]).await?;
            self.images.show(id, &[Interface::Activation]).await?;
            let reason = format!("its file {name} was removed or changed before it was installed");
            return self.give_up(id, reason).await;
        }
        self.images.hide(id, &[Interface::ActivationProgress]).await?;
        let Some(image) = self.images.all.get_mut(id) else { return Ok(()) };
        // Whether it was told cannot be known after a crash in between, and twice is worse than not at all.
        image.record.was_asked = true;
        if let Some(hand_over) = &mut image.hand_over {
            hand_over.asking(now);
        }
        if let Some(image) = self.images.all.get(id) {
            self.keep(id, &image.record);
        }
        let (connection, steps, id) = (self.connection.clone(), self.steps.clone(), id.clone());
        tokio::spawn(async move {
            let refused = calls::request(&connection, &owner, &object_path(&id)).await.err();
            if let Some(error) = &refused {
                log::warn!("the installer was not told to begin id={id}: {error}");
            }
            // Nobody listens at the service's end.
            let _ = steps.send(Step::Asked(id, refused.is_none()));
        });
        Ok(())
    }

    /// An installer was told, or not.
    pub(crate) fn asked(&mut self, id: &VersionId, is_told: bool) {
        let now = self.now();
        if let Some(hand_over) = self.hand_over(id)
            && hand_over.asked(is_told, now)
            && !is_told
        {
            log::error!("the installer of an image does not begin, it is not asked again id={id}");
        }
    }

    /// Says that an image which waits for long has not been forgotten: watchers count such signals.
    pub(crate) async fn keep_alive(&mut self) -> anyhow::Result<()> {
        let (now, keep_alive) = (self.now(), self.settings.keep_alive);
        let waits = |image: &Image| {
            let waits = |hand_over: &HandOver| hand_over.is_taking_in() || hand_over.waits_for_its_turn();
            image.hand_over.as_ref().is_some_and(waits)
        };
        let is_due = |image: &&mut Image| waits(image) && now.saturating_sub(image.quiet_since) >= keep_alive;
        let is_past = |image: &&Image| image.shown.contains(&Interface::ActivationProgress) && !waits(image);
        let past: Vec<_> = self.images.all.values().filter(is_past).map(|image| image.id.clone()).collect();
        for id in past {
            self.images.hide(&id, &[Interface::ActivationProgress]).await?;
        }
        let mut due = Vec::new();
        for image in self.images.all.values_mut().filter(is_due) {
            image.quiet_since = now;
            due.push(image.id.clone());
        }
        for id in due {
            self.images.show(&id, &[Interface::ActivationProgress]).await?;
            self.images.change(&id, Interface::ActivationProgress, &["Progress"], |_| {}).await?;
        }
        Ok(())
    }
}
