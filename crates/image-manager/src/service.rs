//! The owner of all state: hears of uploads, calls, peers and the unpacking thread, and does what follows.

use crate::dbus::{Command, Commands};
use crate::drop_folder::folder::Folder;
use crate::drop_folder::intake::Intake;
use crate::drop_folder::watch::{FolderEvent, FolderWatch};
use crate::hand_over;
use crate::image_source::ImageSource;
use crate::images::Images;
use crate::images::record::Records;
use crate::installers::calls::{self, Peers};
use crate::installers::claims::Claims;
use crate::settings::{Fragment, Multipart as Marker, Settings};
use crate::unpacker::{Input, Job, Outcome, Progress, Taken, Unpacker};
use crate::view::{self, Interface};
use crate::{NAME, image_rules};
use anyhow::Context as _;
use dbus_api::software;
use dbus_api::software::Stage as ImageStage;
use dbus_api::software::announcement;
use dbus_api::software::faces::{self, Values as _};
use dbus_api::software::root::Root;
use dbus_api::software::signals::{Interfaces, Objects, Properties};
use event_log::EventLog;
use image_check::SignaturePolicy;
use image_format::VersionId;
use service_config::{Merged, SourceFile};
use service_runtime::bus::Accepts;
use service_runtime::daemon::{self, Lifecycle, Start, Turn};
use service_runtime::{Exit, bus, folders};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use zbus::message::Sequence;
use zbus::{Connection, ObjectPath};

/// Of the calls, one takes a descriptor.
const ACCEPTS: Accepts =
    Accepts { descriptors: &[(software::UPDATE, software::START_UPDATE)], ..Accepts::SHORT };
/// Longest wait for any peer.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// Longest wait for the object mapper before the name is taken.
const MARKER_LIMIT: Duration = Duration::from_millis(200);
/// Calls that may wait for us.
const COMMANDS_KEPT: usize = 64;
/// How often it is looked whether the upload folder is still the one that is watched, for what no event tells: a folder
/// above it that was moved.
pub(crate) const FOLDER_INTERVAL: Duration = Duration::from_secs(30);
/// How soon what changes without an event is looked at: a folder that cannot be used, and a file that had other names.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// How often it is told how much was unpacked.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Takes in images until told to stop.
pub async fn start(start: Start) -> anyhow::Result<()> {
    let (merged, settings) = load(&start)?;
    if start.print_config {
        return service_runtime::print(&merged.describe());
    }
    let (connection, _) = bus::connect_as_service(CALL_LIMIT, &ACCEPTS).await?;
    // Two services must not share a folder: one would sweep away what the other unpacks.
    bus::refuse_second(&connection, software::IMAGE_MANAGER).await?;
    let folder = open_folder(&settings)?;
    folder.sweep().with_context(|| format!("cannot clean up {}", settings.upload_folder.display()))?;
    let kept = runtime_folder(&start);
    // In a folder of their own: what is no record there is removed.
    let records = Records::open(kept.join("images"), settings.longest_record());
    let records = records.context("cannot keep records")?;
    if settings.policy == crate::settings::Policy::Off {
        log::warn!("signatures are not checked: signature = \"off\"");
    }
    let (commands, given) = mpsc::channel(COMMANDS_KEPT);
    let commands = Commands(commands);
    let (steps, taken) = mpsc::unbounded_channel();
    let (worker, outcomes) = Unpacker::start(settings.clone()).context("cannot start a thread")?;
    let service = Service {
        images: Images::new(&connection, commands.clone()),
        intake: Intake::new(settings.settle, settings.queue),
        // Not on a disk: what is told late is about images that do not outlive the boot either, and the service must start
        // on a disk that is full.
        events: EventLog::start(&connection, Some(kept), event_log::Limits::default()),
        folder: Arc::new(folder),
        watch: None,
        foreign: Claims::default(),
        updates: VecDeque::new(),
        busy: None,
        naming: 0,
        backlog: VecDeque::new(),
        linked: BTreeMap::new(),
        has_lost: false,
        is_another_folder: false,
        unseen: None,
        shows_marker: false,
        marker_asked: None,
        is_enforcing: false,
        field_mode_asked: None,
        folder_checked: Instant::now(),
        must_look: false,
        links_checked: Instant::now(),
        links_wait: LOOK_INTERVAL,
        space_checked: Instant::now(),
        began: Instant::now(),
        settings,
        records,
        worker,
        connection,
        steps,
    };
    service.run(start.lifecycle, commands, Channels { given, taken, outcomes }).await
}

/// Errors: marked [`Exit::Configuration`] when it is no folder of ours alone, which no restart changes.
fn open_folder(settings: &Settings) -> anyhow::Result<Folder> {
    let path = &settings.upload_folder;
    Folder::open(path).map_err(|error| {
        let is_lasting =
            matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied);
        let error = anyhow::Error::new(error).context(format!("cannot use {}", path.display()));
        if is_lasting { error.context(Exit::Configuration) } else { error }
    })
}

/// A broken file must not keep a machine from being updated: it is reported and left out.
fn load(start: &Start) -> anyhow::Result<(Merged<Fragment>, Settings)> {
    let files = service_config::load_files(&start.root, NAME).context(Exit::Configuration)?;
    let mut good: Vec<SourceFile> = Vec::new();
    let judge = |files: &[SourceFile]| {
        let merged = service_config::merge::<Fragment>(files)?;
        let settings = merged.fragment.settings(&start.root)?;
        Ok::<_, anyhow::Error>((merged, settings))
    };
    let mut latest = judge(&good).context(Exit::Configuration)?;
    for file in files {
        let path = file.path.clone();
        good.push(file);
        match judge(&good) {
            Ok(judged) => latest = judged,
            Err(error) => {
                log::error!("a file of settings is left out: {}: {error:#}", path.display());
                good.pop();
            }
        }
    }
    Ok(latest)
}

/// Where is kept what outlives a restart, and no boot: what systemd made for us, else below the root.
fn runtime_folder(start: &Start) -> PathBuf {
    folders::runtime().unwrap_or_else(|| start.root.join("run/vivianite").join(NAME))
}

/// What a task of ours has found out.
#[derive(Debug)]
pub(crate) enum Step {
    /// Whether signatures are required for the next image.
    Policy(SignaturePolicy),
    /// Whether the machine is in field mode.
    FieldMode(bool),
    /// An id that nobody has, for an upload that was taken in.
    Named(Box<Named>),
    /// The services of firmware that were there before us.
    Present(Vec<String>),
    /// The objects of a service of firmware, and when it told them; nothing when it did not.
    Scanned(String, Option<(announcement::Objects, Sequence)>),
    /// Whether a connection may be believed.
    Trusted(String, bool),
    /// Whether another service shows the multipart marker.
    Marker(bool),
    /// Whether an installer was told to begin.
    Asked(VersionId, bool),
}

/// An upload that was taken in and is about to get a name.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) id: VersionId,
    /// The object mapper knows somebody who has it after all.
    pub(crate) is_taken: bool,
    pub(crate) taken: Taken,
    /// Name, and how it stood when it had been read.
    pub(crate) upload: Option<(OsString, crate::drop_folder::folder::Stamp)>,
    pub(crate) tries: u32,
}

/// What the service hears on its channels.
struct Channels {
    given: mpsc::Receiver<Command>,
    taken: mpsc::UnboundedReceiver<Step>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
}

/// The image at work.
#[derive(Debug)]
pub(crate) struct Busy {
    /// Not handed over to the thread yet.
    pub(crate) input: Option<Input>,
    /// Whose object tells of its progress.
    pub(crate) id: Option<VersionId>,
    pub(crate) progress: Arc<Progress>,
}

/// An image that waits to be taken in.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) id: VersionId,
    pub(crate) source: ImageSource,
    pub(crate) length: Option<u64>,
    pub(crate) progress: Arc<Progress>,
    /// Since when it waits.
    pub(crate) since: Duration,
}

pub(crate) struct Service {
    pub(crate) settings: Settings,
    pub(crate) connection: Connection,
    pub(crate) records: Records,
    pub(crate) images: Images,
    pub(crate) intake: Intake,
    pub(crate) events: EventLog,
    pub(crate) folder: Arc<Folder>,
    pub(crate) foreign: Claims,
    pub(crate) updates: VecDeque<Update>,
    pub(crate) busy: Option<Busy>,
    /// Uploads that were taken in and have no name yet.
    pub(crate) naming: usize,
    /// Files that were found in the folder and are not queued yet.
    pub(crate) backlog: VecDeque<OsString>,
    /// Files that may have come by a link, and whether they were seen to have another name.
    pub(crate) linked: BTreeMap<OsString, bool>,
    /// Images may have lost their folders.
    pub(crate) has_lost: bool,
    /// The upload folder is not the one that images came to.
    pub(crate) is_another_folder: bool,
    /// Services of firmware that were there before us and have not told yet what they have, once these are known.
    pub(crate) unseen: Option<BTreeSet<String>>,
    pub(crate) steps: mpsc::UnboundedSender<Step>,
    pub(crate) watch: Option<FolderWatch>,
    pub(crate) shows_marker: bool,
    /// Whoever asks the object mapper about the marker; one at a time.
    pub(crate) marker_asked: Option<AbortHandle>,
    /// Field mode was enabled: nothing without signatures stays.
    pub(crate) is_enforcing: bool,
    /// Whoever asks for the field mode since it has changed; one at a time.
    pub(crate) field_mode_asked: Option<AbortHandle>,
    pub(crate) folder_checked: Instant,
    /// The upload folder's path may lead to another one.
    pub(crate) must_look: bool,
    pub(crate) links_checked: Instant,
    /// How long files that have other names are left alone; longer each time, as nothing tells when they have lost these.
    pub(crate) links_wait: Duration,
    pub(crate) space_checked: Instant,
    worker: Unpacker,
    began: Instant,
}

impl Service {
    async fn run(
        mut self,
        mut lifecycle: Lifecycle,
        commands: Commands,
        mut channels: Channels,
    ) -> anyhow::Result<()> {
        let mut peers = Peers::listen(&self.connection).await?;
        let adopted = self.adopt().await?;
        self.serve(commands).await?;
        for id in &adopted {
            self.announce_adopted(id).await?;
        }
        self.watch_folder();
        self.look_around();
        lifecycle.ready();
        let reads = self.images.reads();
        loop {
            self.go_on().await?;
            lifecycle.status(&self.status());
            let wake_at = Some(self.wake_at());
            tokio::select! {
                // In this order: who calls us after it has heard of a change must find that we have heard of it too.
                biased;
                turn = lifecycle.turn(wake_at) => if turn == Turn::Stop { break },
                news = peers.next() => self.hear(news?),
                Some(command) = channels.given.recv() => self.perform(command).await?,
                Some(step) = channels.taken.recv() => self.take_step(step).await?,
                Some(outcome) = channels.outcomes.recv() => self.conclude(outcome).await?,
                happened = next(&mut self.watch) => self.happened(happened),
                notice = self.events.notice() => self.events.take(notice),
                () = reads.notified() => {}
            }
        }
        lifecycle.stopping();
        self.stop(channels).await
    }

    /// Objects first, name last.
    async fn serve(&mut self, commands: Commands) -> anyhow::Result<()> {
        let root = ObjectPath::try_from(software::ROOT)?;
        let multipart = ObjectPath::try_from(&*self.settings.multipart_object)?;
        Root::serve(&self.connection, commands.clone()).await?;
        faces::add::<faces::DeleteAll, _>(&self.connection, &root, commands.clone()).await?;
        faces::add::<faces::Update, _>(&self.connection, &multipart, commands).await?;
        let is_marked = match self.settings.multipart {
            Marker::On => true,
            Marker::Off => false,
            // Known before anybody can ask, unless the mapper takes its time.
            Marker::Auto => {
                let asked = calls::multipart_elsewhere(&self.connection, software::IMAGE_MANAGER);
                !tokio::time::timeout(MARKER_LIMIT, asked).await.unwrap_or(false)
            }
        };
        if is_marked {
            // Nobody is told: whoever asks once we have our name finds it beside what it belongs to.
            faces::add::<faces::MultipartUpdate, _>(&self.connection, &multipart, ()).await?;
            self.shows_marker = true;
        }
        daemon::serve(&self.connection, NAME, software::IMAGE_MANAGER).await
    }

    /// What is unpacked is thrown away; dropped files stay for the next start.
    async fn stop(mut self, mut channels: Channels) -> anyhow::Result<()> {
        if let Some(busy) = self.busy.take() {
            busy.progress.stop();
            if busy.input.is_none() {
                // The thread removes its folder; systemd would not wait for ever either.
                let _ = tokio::time::timeout(CALL_LIMIT, channels.outcomes.recv()).await;
            }
        }
        self.events.end().await;
        Ok(())
    }

    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Does what is due.
    async fn go_on(&mut self) -> anyhow::Result<()> {
        self.live().await?;
        self.expire().await?;
        self.remove_lost().await?;
        self.exchange().await?;
        self.enforce();
        self.carry_out().await?;
        self.tell_progress().await?;
        self.look_at_folder();
        self.begin_next()
    }

    fn wake_at(&self) -> Instant {
        let lives = self.images.all.values().filter_map(|image| image.hand_over.as_ref()?.wake_at());
        let due = lives.chain(self.intake.wake_at()).chain(self.expires_at()).min();
        let mut wake_at = self.folder_due();
        if let Some(due) = self.links_due() {
            wake_at = wake_at.min(due);
        }
        if let Some(due) = due {
            wake_at = wake_at.min(self.began + due);
        }
        if self.busy.as_ref().is_some_and(|busy| busy.id.is_some()) {
            wake_at = wake_at.min(Instant::now() + PROGRESS_INTERVAL);
        }
        if self.intake.waits_for_room() {
            wake_at = wake_at.min(self.space_checked + self.settings.space_retry);
        }
        wake_at
    }

    /// Hands the next image to the thread.
    fn begin_next(&mut self) -> anyhow::Result<()> {
        if self.busy.is_some() {
            return Ok(());
        }
        if (self.intake.queued() > 0 || !self.updates.is_empty()) && !self.folder.is_there() {
            self.watch_folder();
        }
        // Whoever has come first, dropped or handed over.
        let handed_over = self.updates.front().map(|update| update.since);
        let is_dropped = self.intake.waits_since() <= handed_over || handed_over.is_none();
        let upload = if is_dropped { self.next_upload() } else { None };
        let (input, id, progress) = if let Some(name) = upload {
            (Input::DroppedFile(name), None, Arc::default())
        } else if let Some(update) = self.updates.pop_front() {
            let Update { id, source, length, progress, .. } = update;
            (Input::Update(id.clone(), source, length), Some(id), progress)
        } else {
            return Ok(());
        };
        self.busy = Some(Busy { input: Some(input), id, progress });
        let (connection, policy, steps) = (self.connection.clone(), self.settings.policy, self.steps.clone());
        tokio::spawn(async move {
            let policy = image_rules::signature_policy(&connection, policy).await;
            // Nobody listens at the service's end.
            let _ = steps.send(Step::Policy(policy));
        });
        Ok(())
    }

    async fn take_step(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Policy(signature) => {
                // Somebody has said so.
                self.is_enforcing &= signature != SignaturePolicy::Advisory;
                return self.hand_to_thread(signature).await;
            }
            Step::FieldMode(is_enabled) => self.is_enforcing = is_enabled,
            Step::Named(named) => return self.name(*named).await,
            Step::Present(present) => self.look_at(present),
            Step::Scanned(owner, answer) => {
                let images = &self.images.all;
                let is_ours = |name: &str| VersionId::parse(name).is_ok_and(|id| images.contains_key(&id));
                let changed = self.foreign.scanned(&owner, answer, is_ours);
                self.foreign_changed(&changed);
                if let Some(unseen) = &mut self.unseen {
                    unseen.remove(&owner);
                }
            }
            Step::Trusted(owner, is_trusted) => {
                if !is_trusted {
                    log::warn!("{owner} shows activations of firmware and is not root's: it is not believed");
                }
                let changed = self.foreign.trust(&owner, is_trusted);
                self.foreign_changed(&changed);
            }
            Step::Marker(is_elsewhere) => {
                if self.settings.multipart == Marker::Auto {
                    self.show_marker(!is_elsewhere).await?;
                }
            }
            Step::Asked(id, is_told) => self.asked(&id, is_told),
        }
        Ok(())
    }

    async fn hand_to_thread(&mut self, signature: SignaturePolicy) -> anyhow::Result<()> {
        let Some(busy) = &mut self.busy else { return Ok(()) };
        let Some(input) = busy.input.take() else { return Ok(()) };
        let (id, progress) = (busy.id.clone(), Arc::clone(&busy.progress));
        let job = Job { input, signature, folder: Arc::clone(&self.folder), progress };
        anyhow::ensure!(self.worker.begin(job), "the thread that unpacks does not take an image");
        match id {
            Some(id) => self.images.stage(&id, ImageStage::Unpacking).await,
            None => Ok(()),
        }
    }

    async fn perform(&mut self, command: Command) -> anyhow::Result<()> {
        // Whoever asked and has gone does not need the answer.
        match command {
            Command::StartUpdate { image, apply_time, reply } => {
                let answer = self.start_update(image, &apply_time).await?;
                let _ = reply.send(answer);
            }
            Command::Replied(id) => {
                let now = self.now();
                if let Some(hand_over) = self.hand_over(&id) {
                    hand_over.replied(now);
                }
            }
            Command::Request { id, wish, reply } => {
                let answer = self.request(&id, wish);
                let _ = reply.send(answer);
            }
            Command::Delete { id, caller, reply } => {
                let answer = match id {
                    Some(id) => self.delete(&id, &caller).await?,
                    None => self.delete_all(&caller).await?,
                };
                let _ = reply.send(answer);
            }
            Command::ManagedObjects(reply) => {
                let _ = reply.send(Ok(self.objects()));
            }
        }
        Ok(())
    }

    fn objects(&self) -> Objects {
        let mut objects = self.images.objects();
        if let Ok(path) = zbus::OwnedObjectPath::try_from(&*self.settings.multipart_object) {
            let mut interfaces = Interfaces::from([(software::UPDATE, view::update().properties())]);
            if self.shows_marker {
                interfaces.insert(software::MULTIPART_UPDATE, Properties::new());
            }
            objects.insert(path, interfaces);
        }
        objects
    }

    pub(crate) fn hand_over(&mut self, id: &VersionId) -> Option<&mut hand_over::HandOver> {
        self.images.all.get_mut(id)?.hand_over.as_mut()
    }

    async fn tell_progress(&mut self) -> anyhow::Result<()> {
        let Some(Busy { id: Some(id), progress, .. }) = &self.busy else { return self.keep_alive().await };
        let percent = progress.percent().unwrap_or_default();
        let shown = self.images.all.get(id).map(|image| image.view.borrow().progress);
        if shown.is_some_and(|shown| shown != percent) {
            self.images.change(id, Interface::Image, &["Progress"], |view| view.progress = percent).await?;
        }
        self.keep_alive().await
    }

    fn status(&self) -> String {
        let published = self.images.all.values().filter(|image| image.is_published()).count();
        let waiting = self.updates.len() + self.intake.queued();
        let at_work = if self.busy.is_some() { ", one at work" } else { "" };
        format!("{published} images{at_work}, {waiting} waiting")
    }
}

/// What happens next in the folder; never, while there is none.
async fn next(watch: &mut Option<FolderWatch>) -> io::Result<Vec<FolderEvent>> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}
