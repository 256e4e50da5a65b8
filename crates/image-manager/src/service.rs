//! Hears of dropped files, calls, other services and the unpacking thread, and routes each to the part that it concerns.

use crate::bmc_target::BmcTarget;
use crate::dbus::{Command, object_path};
use crate::drop_folder::folder::Stamp;
use crate::drop_folder::{DropFolder, News};
use crate::hand_over::Event as LifeEvent;
use crate::images::removal::Caller;
use crate::images::take_in::{DroppedFile, Naming, StartUpdate};
use crate::images::{Answer as ImageAnswer, Change, Images};
use crate::installers::asking::{Answer, Asking};
use crate::installers::calls::OtherServices;
use crate::installers::{Effect, Event, Installers};
use crate::multipart;
use crate::settings::{Multipart, Settings};
use crate::unpacker::{Failure, Outcome, Subject};
use crate::unpacking::{Heard, Unpacking};
use dbus_api::software::refusal::Refusal;
use dbus_api::software::signals::Objects;
use event_log::EventLog;
use image_check::{Rejection, SignaturePolicy};
use image_format::VersionId;
use service_runtime::daemon::{Lifecycle, Turn};
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use zbus::{Connection, OwnedObjectPath};

/// How often it is shown how much was unpacked.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// Longest wait for the thread at the end.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The parts of the service.
pub struct Service {
    /// What it goes by.
    pub settings: Arc<Settings>,
    /// The bus.
    pub connection: Connection,
    /// Dropped files that are no images yet.
    pub drop_folder: DropFolder,
    /// Images that wait to be unpacked, and the one that is.
    pub unpacking: Unpacking,
    /// Images.
    pub images: Images,
    /// What other services show.
    pub installers: Installers,
    /// Questions to other services.
    pub asking: Asking,
    /// The way to the event log.
    pub events: EventLog,
    /// When it all began.
    pub began: Instant,
}

/// What the service hears on its channels.
pub struct Channels {
    /// Calls.
    pub commands: mpsc::Receiver<Command>,
    /// Of the unpacking thread.
    pub unpacking: Heard,
    /// Of images.
    pub images: mpsc::UnboundedReceiver<ImageAnswer>,
    /// Of other services, as they were asked.
    pub answers: mpsc::UnboundedReceiver<Answer>,
    /// Of other services, as they say it.
    pub others: OtherServices,
    /// Of the connection that takes images for the BMC.
    pub bmc_target: BmcTarget,
}

impl Service {
    /// Serves until told to stop.
    pub async fn run(mut self, mut lifecycle: Lifecycle, mut channels: Channels) -> anyhow::Result<()> {
        loop {
            self.go_on().await?;
            lifecycle.status(&self.status());
            let wake_at = Some(self.wake_at());
            tokio::select! {
                // In this order: a program that calls us after it has heard of a change must find that we have heard of it too.
                biased;
                turn = lifecycle.turn(wake_at) => if turn == Turn::Stop { break },
                event = channels.others.next() => self.hear(event?).await?,
                lost = channels.bmc_target.lost() => return Err(lost),
                Some(command) = channels.commands.recv() => self.perform(command).await?,
                Some(answer) = channels.answers.recv() => self.take_answer(answer).await?,
                Some(answer) = channels.images.recv() => self.take_image_answer(answer).await?,
                Some(policy) = channels.unpacking.policies.recv() => self.unpack(policy).await?,
                Some(outcome) = channels.unpacking.outcomes.recv() => self.unpacked(outcome).await?,
                heard = self.drop_folder.next() => self.drop_folder.heard(heard, self.began.elapsed()),
                notice = self.events.notice() => self.events.take(notice),
            }
        }
        lifecycle.stopping();
        // What is being unpacked is thrown away; dropped files stay for the next start.
        if self.unpacking.stop() {
            // The thread removes its folder; PID 1 would not wait for ever either.
            let _ = tokio::time::timeout(STOP_LIMIT, channels.unpacking.outcomes.recv()).await;
        }
        self.events.end().await;
        Ok(())
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Does what is due.
    async fn go_on(&mut self) -> anyhow::Result<()> {
        let now = self.now();
        let is_at_work = self.unpacking.is_busy() || self.unpacking.waiting() > 0;
        let is_idle = !is_at_work && self.drop_folder.intake().at_work() == 0;
        // Files that found no room: one after the other, as together they may not fit.
        self.drop_folder.allow_retries(is_idle && self.images.has_place(&self.installers));
        self.drop_folder.tick(now);
        self.take_folder_news().await?;
        self.images.tick(&self.installers, now).await?;
        self.apply_changes().await?;
        if let Some((id, percent)) = self.unpacking.progress() {
            self.images.progress(&id, percent).await?;
        }
        self.begin_next().await?;
        self.apply_changes().await
    }

    fn wake_at(&self) -> Instant {
        let due = [self.images.wake_at(), self.installers.wake_at(self.now())].into_iter().flatten();
        let due = due.fold(self.drop_folder.intake().wake_at(), Duration::min);
        let due = self.began + due;
        if self.unpacking.shows_progress() { due.min(Instant::now() + PROGRESS_INTERVAL) } else { due }
    }

    /// What has happened in the drop folder to images that are there already.
    async fn take_folder_news(&mut self) -> anyhow::Result<()> {
        for news in self.drop_folder.take_news() {
            match news {
                News::ImageLeft(id) => self.images.may_have_lost(Some(&id)),
                News::MayHaveLost => self.images.may_have_lost(None),
                News::AnotherFolder => {
                    let is_idle = !self.unpacking.is_busy() && self.drop_folder.intake().at_work() == 0;
                    let folder = Arc::clone(self.drop_folder.folder());
                    self.images.exchange(folder, is_idle, self.began.elapsed()).await?;
                    self.apply_changes().await?;
                    self.hear(Event::Restart).await?;
                }
            }
        }
        Ok(())
    }

    /// What images have changed that other parts must know.
    async fn apply_changes(&mut self) -> anyhow::Result<()> {
        let now = self.now();
        for change in self.images.take_changes() {
            match change {
                Change::Known(id, facts) => {
                    self.installers.add(id.as_str(), facts);
                    self.images.claims_changed(id.as_str(), &self.installers, now).await?;
                }
                Change::Gone(id) => {
                    if !self.images.is_known(&id) {
                        self.installers.forget(id.as_str());
                    }
                }
                Change::RoomMade => self.drop_folder.room_made(now),
                Change::FolderIsAway => self.drop_folder.check_path(now),
                Change::Happened(event) => self.events.happened(event),
            }
        }
        Ok(())
    }

    /// Takes what was heard of other services.
    pub async fn hear(&mut self, event: Event) -> anyhow::Result<()> {
        let now = self.now();
        for effect in self.installers.step(event, now) {
            match &effect {
                Effect::Changed(object) => {
                    self.images.claims_changed(object, &self.installers, now).await?;
                }
                Effect::ShowMarker(is_shown) => {
                    multipart::show(&self.connection, &self.settings.multipart_object, *is_shown).await?;
                }
                Effect::NotBelieved { owner, object } => {
                    log::warn!(
                        "{owner} shows an Activation of {object} that it may not install: it is ignored"
                    );
                }
                question => self.asking.ask(question),
            }
        }
        Ok(())
    }

    async fn take_answer(&mut self, answer: Answer) -> anyhow::Result<()> {
        match answer {
            Answer::Installers(event) => self.hear(event).await,
            Answer::FieldMode(is_enabled) => {
                self.images.enforce_signatures(is_enabled);
                Ok(())
            }
        }
    }

    async fn take_image_answer(&mut self, answer: ImageAnswer) -> anyhow::Result<()> {
        let now = self.now();
        match answer {
            ImageAnswer::Begun(id, owner, is_accepted) => {
                self.images.begun(&id, owner, is_accepted, &self.installers, now).await
            }
            ImageAnswer::ApplyTimeSet(id) => {
                self.images.apply_time_set(&id);
                Ok(())
            }
            ImageAnswer::Recipient(id, recipient) => {
                self.images.found_recipient(&id, recipient, &self.installers, now).await
            }
            ImageAnswer::HandedOn(id, news) => self.images.heard_of(&id, news, &self.installers, now).await,
            ImageAnswer::Named(named) => {
                let file = named.file.clone();
                match self.images.name(*named) {
                    Naming::GoesOn => Ok(()),
                    Naming::Done(id, record) => {
                        self.drop_folder.took(&file.name, &file.stamp, now);
                        self.images.publish(id, *record, &file.name, now).await
                    }
                    Naming::Failed(failure) => self.refuse(file, &failure).await,
                }
            }
        }
    }

    /// Begins with the image that has come first, dropped or handed over.
    async fn begin_next(&mut self) -> anyhow::Result<()> {
        if self.unpacking.is_busy() {
            return Ok(());
        }
        let (dropped, handed_over) = (self.drop_folder.intake().waits_since(), self.unpacking.waits_since());
        if (dropped.is_some() || handed_over.is_some()) && !self.drop_folder.folder().is_there() {
            self.drop_folder.check_path(self.began.elapsed());
            self.take_folder_news().await?;
        }
        if dropped.is_some_and(|dropped| handed_over.is_none_or(|since| dropped <= since))
            && self.begin_file().await?
        {
            return Ok(());
        }
        if let Some(accepted) = self.unpacking.next() {
            self.free_bytes(accepted.length.unwrap_or_default()).await?;
            self.unpacking.begin_accepted(accepted);
        }
        Ok(())
    }

    /// Begins with the next dropped file, if there is one and space for its image.
    async fn begin_file(&mut self) -> anyhow::Result<bool> {
        while let Some(name) = self.drop_folder.next_file() {
            // The file itself is at work by now.
            let others = self.drop_folder.intake().at_work().saturating_sub(1);
            if self.images.make_place(others, None, &self.installers).await? {
                let found = self.drop_folder.folder().look(&name);
                self.free_bytes(found.map_or(0, |found| found.size)).await?;
                self.unpacking.begin_file(name);
                return Ok(true);
            }
            let reason = format!("{} images are kept already", self.settings.max_images);
            let now = self.now();
            if let Some(event) = self.drop_folder.refuse_for_want_of_space(&name, &reason, now) {
                self.events.happened(event);
            }
        }
        Ok(false)
    }

    /// Makes room for an archive of this length: its image needs as much at least.
    async fn free_bytes(&mut self, length: u64) -> anyhow::Result<()> {
        // The length is what a client says, or a file's that has holes.
        let length = length.min(self.settings.limits.archive);
        if length == 0 {
            return Ok(());
        }
        let needed = length.saturating_add(self.images.reserve());
        self.images.free_bytes(needed, &self.installers).await
    }

    async fn unpack(&mut self, signature: SignaturePolicy) -> anyhow::Result<()> {
        // A service has said that the machine is not in field mode.
        let is_enforcing = self.images.enforces_signatures() && signature != SignaturePolicy::Advisory;
        self.images.enforce_signatures(is_enforcing);
        match self.unpacking.go_on(signature, self.drop_folder.folder())? {
            Some(id) => self.images.unpacking(&id).await,
            None => Ok(()),
        }
    }

    /// The thread is done with an image.
    async fn unpacked(&mut self, outcome: Outcome) -> anyhow::Result<()> {
        self.unpacking.ended();
        let now = self.now();
        match outcome.subject {
            Subject::HandedOver(id) => {
                let needed = needed(outcome.result.as_ref().err());
                self.images.unpacked(&id, outcome.result, &self.installers, now).await?;
                // For the next try of the client.
                self.images.free_bytes(needed, &self.installers).await
            }
            Subject::Dropped(name, stamp) => {
                let admitted = outcome.result.and_then(|taken| self.images.admit(taken));
                match (admitted, stamp) {
                    (Ok(taken), Some(stamp)) => {
                        self.images.find_id(taken, DroppedFile { name, stamp });
                        Ok(())
                    }
                    (Ok(_), None) => {
                        self.drop_folder.forget(&name, now);
                        Ok(())
                    }
                    (Err(failure), stamp) => self.refuse_file(&name, stamp, &failure).await,
                }
            }
        }
    }

    async fn refuse(&mut self, file: DroppedFile, failure: &Failure) -> anyhow::Result<()> {
        self.refuse_file(&file.name, Some(file.stamp), failure).await
    }

    /// A dropped file was not taken in.
    async fn refuse_file(
        &mut self,
        name: &OsStr,
        stamp: Option<Stamp>,
        failure: &Failure,
    ) -> anyhow::Result<()> {
        let now = self.now();
        if let Some(event) = self.drop_folder.refuse(name, stamp, failure, now) {
            self.events.happened(event);
        }
        self.images.free_bytes(needed(Some(failure)), &self.installers).await?;
        self.take_folder_news().await
    }

    async fn perform(&mut self, command: Command) -> anyhow::Result<()> {
        let now = self.now();
        // A caller that has gone does not need the answer.
        match command {
            Command::StartUpdate(request, reply) => {
                let _ = reply.send(self.start_update(request).await?);
            }
            Command::HandOn { request, caller, names, reply } => {
                let _ = reply.send(self.accept_from_installer(request, &caller, names).await?);
            }
            Command::Replied(id) => {
                self.images.step(&id, LifeEvent::Replied, &self.installers, now).await?;
            }
            Command::Request { id, wish, reply } => {
                let _ = reply.send(self.images.request(&id, wish, &self.installers, now).await?);
            }
            Command::Delete { id: Some(id), caller, reply } => {
                let allowed = self.images.may_delete(&id, &caller, &self.installers, now);
                if allowed.is_ok() {
                    self.unpacking.cancel(&id);
                    self.images.delete(&id, now).await?;
                }
                let _ = reply.send(allowed);
            }
            Command::Delete { id: None, caller, reply } => {
                for id in self.images.delete_all(&caller, &self.installers, now).await? {
                    self.unpacking.cancel(&id);
                }
                let _ = reply.send(Ok(()));
            }
            Command::ManagedObjects(reply) => {
                let _ = reply.send(Ok(self.objects()));
            }
        }
        self.apply_changes().await
    }

    /// Accepts an image that was handed over.
    async fn start_update(
        &mut self,
        request: StartUpdate,
    ) -> anyhow::Result<Result<OwnedObjectPath, Refusal>> {
        let now = self.now();
        let request = match self.images.judge(request) {
            Ok(request) => request,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if self.unpacking.waiting() + self.drop_folder.intake().queued() >= self.settings.queue {
            let count = self.settings.queue;
            return Ok(Err(Refusal::Unavailable(format!("{count} images wait to be taken in"))));
        }
        let (coming, except) =
            (self.drop_folder.intake().at_work(), request.replaces.as_ref().map(|(id, _)| id));
        if !self.images.make_place(coming, except, &self.installers).await? {
            let count = self.settings.max_images;
            return Ok(Err(Refusal::Unavailable(format!("{count} images are kept already"))));
        }
        let accepted = match self.images.accept(request, now).await? {
            Ok(accepted) => accepted,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let object = object_path(&accepted.id).into();
        self.unpacking.queue(accepted, now);
        Ok(Ok(object))
    }

    /// Accepts an image that an installer hands on, which alone may claim it.
    async fn accept_from_installer(
        &mut self,
        request: StartUpdate,
        caller: &Caller,
        names: Vec<String>,
    ) -> anyhow::Result<Result<OwnedObjectPath, Refusal>> {
        // Of several names, one that the settings know.
        let known = names.iter().position(|name| self.installers.is_known_to_settings(name));
        if known.is_none() && !caller.is_root {
            log::warn!("{} hands on an image, which the settings do not allow it", caller.name);
            let text = "no bus name of the caller stands in the settings' [installers]";
            return Ok(Err(Refusal::NotAllowed(text.to_owned())));
        }
        let Some(name) = names.into_iter().nth(known.unwrap_or(0)) else {
            let text = "the caller has no bus name below that of the services of firmware";
            return Ok(Err(Refusal::NotAllowed(text.to_owned())));
        };
        let (owner, is_root) = (caller.name.clone(), caller.is_root);
        self.hear(Event::HandsOn { name: name.clone(), owner, is_root }).await?;
        self.start_update(StartUpdate { installer: Some(name), ..request }).await
    }

    fn objects(&self) -> Objects {
        let mut objects = self.images.objects();
        let shows_marker = self.shows_marker();
        if let Ok(path) = OwnedObjectPath::try_from(&*self.settings.multipart_object) {
            objects.insert(path, multipart::interfaces(shows_marker));
        }
        objects
    }

    fn shows_marker(&self) -> bool {
        match self.settings.multipart {
            Multipart::On => true,
            Multipart::Off => false,
            Multipart::Auto => self.installers.shows_marker(),
        }
    }

    fn status(&self) -> String {
        let published = self.images.published();
        let waiting = self.unpacking.waiting() + self.drop_folder.intake().queued();
        let at_work = if self.unpacking.is_busy() { ", one at work" } else { "" };
        format!("{published} images{at_work}, {waiting} waiting")
    }

    /// Brings back what an earlier run had; the images that are to be announced once our name is taken.
    pub async fn restore(&mut self) -> anyhow::Result<Vec<VersionId>> {
        let restored = self.images.restore(self.began.elapsed()).await?;
        self.apply_changes().await?;
        Ok(restored)
    }

    /// Announces what was brought back, and begins to look around.
    pub async fn announce(&mut self, restored: &[VersionId]) -> anyhow::Result<()> {
        for id in restored {
            self.images.announce_restored(id).await?;
        }
        self.apply_changes().await?;
        self.drop_folder.watch(self.began.elapsed());
        // If the path has led to another folder since it was opened, the images of that one are looked for now.
        self.take_folder_news().await?;
        self.hear(Event::Restart).await
    }
}

/// How many free bytes an image has missed.
fn needed(failure: Option<&Failure>) -> u64 {
    match failure {
        Some(Failure::Rejected(Rejection::Busy { needed, .. })) => *needed,
        _ => 0,
    }
}
