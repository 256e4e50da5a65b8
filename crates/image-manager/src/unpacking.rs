//! What is to be unpacked, one image at a time, and the one that is.

use crate::drop_folder::folder::Folder;
use crate::image_rules;
use crate::images::take_in::Accepted;
use crate::settings::{Policy, Settings};
use crate::unpacker::{Input, Job, Outcome, Progress, Unpacker};
use image_check::SignaturePolicy;
use image_format::VersionId;
use service_runtime::tasks;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use zbus::Connection;

/// The image at work.
#[derive(Debug)]
struct Busy {
    /// Not handed to the thread yet: it is being asked whether signatures are required.
    input: Option<Input>,
    /// Its object, if it has one already.
    id: Option<VersionId>,
    progress: Arc<Progress>,
}

/// Images that were handed over and wait, and the one at work.
#[derive(Debug)]
pub struct Unpacking {
    unpacker: Unpacker,
    waiting: VecDeque<(Accepted, Duration)>,
    busy: Option<Busy>,
    connection: Connection,
    policy: Policy,
    policies: mpsc::UnboundedSender<SignaturePolicy>,
}

/// What the owner of [`Unpacking`] hears.
#[derive(Debug)]
pub struct Heard {
    /// The thread is done with an image.
    pub outcomes: mpsc::UnboundedReceiver<Outcome>,
    /// Whether signatures are required of the image at work.
    pub policies: mpsc::UnboundedReceiver<SignaturePolicy>,
}

impl Unpacking {
    /// Starts the thread.
    pub fn start(connection: &Connection, settings: &Arc<Settings>) -> io::Result<(Self, Heard)> {
        let (unpacker, outcomes) = Unpacker::start(Settings::clone(settings))?;
        let (policies, asked) = mpsc::unbounded_channel();
        let (waiting, busy, connection) = (VecDeque::new(), None, connection.clone());
        let policy = settings.policy;
        let unpacking = Self { unpacker, waiting, busy, connection, policy, policies };
        Ok((unpacking, Heard { outcomes, policies: asked }))
    }

    /// Whether an image is at work.
    pub fn is_busy(&self) -> bool {
        self.busy.is_some()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Since when the next one waits.
    pub fn waits_since(&self) -> Option<Duration> {
        self.waiting.front().map(|(_, since)| *since)
    }

    /// An image was handed over.
    pub fn queue(&mut self, accepted: Accepted, now: Duration) {
        self.waiting.push_back((accepted, now));
    }

    /// The next image that was handed over.
    pub fn next(&mut self) -> Option<Accepted> {
        self.waiting.pop_front().map(|(accepted, _)| accepted)
    }

    /// An image is not wanted any more.
    pub fn cancel(&mut self, id: &VersionId) {
        self.waiting.retain(|(accepted, _)| accepted.id != *id);
        if let Some(busy) = self.busy.as_ref().filter(|busy| busy.id.as_ref() == Some(id)) {
            busy.progress.stop();
        }
    }

    /// Begins with a dropped file.
    pub fn begin_file(&mut self, name: OsString) {
        self.begin(Input::Dropped(name), None, Arc::default());
    }

    /// Begins with an image that was handed over.
    pub fn begin_accepted(&mut self, accepted: Accepted) {
        let Accepted { id, source, length, progress } = accepted;
        self.begin(Input::HandedOver(id.clone(), source, length), Some(id), progress);
    }

    fn begin(&mut self, input: Input, id: Option<VersionId>, progress: Arc<Progress>) {
        self.busy = Some(Busy { input: Some(input), id, progress });
        let (connection, policy, policies) = (self.connection.clone(), self.policy, self.policies.clone());
        tasks::spawn(async move {
            let policy = image_rules::signature_policy(&connection, policy).await;
            // The receiver is gone only when the service ends.
            let _ = policies.send(policy);
        });
    }

    /// It is known whether signatures are required: hands the image to the thread. The image, if it has an object.
    ///
    /// Errors: the thread does not take it.
    pub fn go_on(
        &mut self,
        signature: SignaturePolicy,
        folder: &Arc<Folder>,
    ) -> anyhow::Result<Option<VersionId>> {
        let Some(busy) = &mut self.busy else { return Ok(None) };
        let Some(input) = busy.input.take() else { return Ok(None) };
        let job = Job { input, signature, folder: Arc::clone(folder), progress: Arc::clone(&busy.progress) };
        anyhow::ensure!(self.unpacker.begin(job), "the thread that unpacks does not take an image");
        Ok(busy.id.clone())
    }

    /// The image at work is not any more.
    pub fn ended(&mut self) {
        self.busy = None;
    }

    /// The image at work that has an object, and how much of it was read, percent.
    pub fn progress(&self) -> Option<(VersionId, u8)> {
        let busy = self.busy.as_ref()?;
        Some((busy.id.clone()?, busy.progress.percent().unwrap_or_default()))
    }

    /// Whether the image at work has an object, which shows progress.
    pub fn shows_progress(&self) -> bool {
        self.busy.as_ref().is_some_and(|busy| busy.id.is_some())
    }

    /// Throws away what is at work; true when the thread has it, and is to be waited for.
    pub fn stop(&mut self) -> bool {
        let Some(busy) = self.busy.take() else { return false };
        busy.progress.stop();
        busy.input.is_none()
    }
}
