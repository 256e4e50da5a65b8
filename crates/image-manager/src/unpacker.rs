//! The thread that unpacks: one image at a time, off the bus's task.

use crate::drop_folder::folder::{Folder, Identity, NotTaken, Stamp};
use crate::image_source::ImageSource;
use crate::images::record::FileRecord;
use crate::settings::Settings;
use crate::{image_rules, images::record};
use image_check::{Attendance, DiskFolder, Image, Rejection, Rules, SignaturePolicy, Verification};
use image_format::{FOREIGN_MAGIC, VersionId, foreign_package};
use image_ingest::{Incoming, ingest};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use tokio::sync::mpsc as notices;

/// An image to be taken in.
#[derive(Debug)]
pub struct Job {
    /// Where from.
    pub input: Input,
    /// Whether its signatures are required.
    pub signature: SignaturePolicy,
    /// The folder to unpack in.
    pub folder: Arc<Folder>,
    /// Told while it goes on.
    pub progress: Arc<Progress>,
}

/// Where an image comes from.
#[derive(Debug)]
pub enum Input {
    /// A dropped file.
    Dropped(OsString),
    /// What was handed over for an image of this id, and its length if known.
    HandedOver(VersionId, ImageSource, Option<u64>),
}

/// How far the image at work is.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicU64,
    length: AtomicU64,
    stop: Arc<AtomicBool>,
}

impl Progress {
    /// For a source that is stopped by the same flag.
    pub fn with_stop(stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..Self::default() }
    }

    /// The image is not wanted any more.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Percent of what is to be read; nothing where that is not known.
    pub fn percent(&self) -> Option<u8> {
        let (read, length) = (self.read.load(Ordering::Relaxed), self.length.load(Ordering::Relaxed));
        let percent = read.saturating_mul(100).checked_div(length)?;
        u8::try_from(percent.min(100)).ok()
    }
}

impl Attendance for Progress {
    fn goes_on(&self, read: u64) -> bool {
        self.read.store(read, Ordering::Relaxed);
        !self.stop.load(Ordering::Relaxed)
    }
}

/// What became of a job.
#[derive(Debug)]
pub struct Outcome {
    /// Whose it is.
    pub subject: Subject,
    /// What came of it.
    pub result: Result<Taken, Failure>,
}

/// Whose an outcome is.
#[derive(Debug)]
pub enum Subject {
    /// A dropped file: name, and how it stood when it had been read.
    Dropped(OsString, Option<Stamp>),
    /// An image of this id.
    HandedOver(VersionId),
}

/// An image that was unpacked and checked, and has no final name yet.
#[derive(Debug)]
pub struct Taken {
    /// Name of the folder that it was unpacked in.
    pub draft: String,
    /// Which folder that is.
    pub identity: Identity,
    /// What it is.
    pub image: Image,
    /// Its files, for the record.
    pub files: Vec<FileRecord>,
    /// Fingerprint of the machine's key that vouches for it.
    pub signer: Option<String>,
}

impl Taken {
    /// What its signatures came to.
    pub fn verified(&self) -> record::Verified {
        match &self.image.verification {
            Verification::Signed { .. } => record::Verified::Signed,
            Verification::Unsigned(_) => record::Verified::Unsigned,
            Verification::Unchecked => record::Verified::Unchecked,
        }
    }
}

/// Why an image was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such upload, or nothing that may be one.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// It is not as it should be.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It is as it should be, and not for what it was handed to, or not its installer's to install.
    #[error("{0}")]
    Unfit(String),
}

/// The thread.
#[derive(Debug)]
pub struct Unpacker {
    jobs: mpsc::SyncSender<Job>,
}

impl Unpacker {
    /// Starts the thread; outcomes come through the receiver, one for each job.
    pub fn start(settings: Settings) -> io::Result<(Self, notices::UnboundedReceiver<Outcome>)> {
        let (jobs, received) = mpsc::sync_channel::<Job>(1);
        let (outcomes, given) = notices::unbounded_channel();
        let work = move || {
            while let Ok(job) = received.recv() {
                if outcomes.send(perform(job, &settings)).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("unpack".to_owned()).spawn(work)?;
        Ok((Self { jobs }, given))
    }

    /// Hands a job over; to be called when the one before has had its outcome.
    pub fn begin(&self, job: Job) -> bool {
        self.jobs.try_send(job).is_ok()
    }
}

fn perform(job: Job, settings: &Settings) -> Outcome {
    let Job { input, signature, folder, progress } = job;
    match input {
        Input::Dropped(name) => match folder.take(&name) {
            Ok(upload) => {
                let (before, file) = (upload.stamp, upload.file.try_clone());
                let foreign = file.as_ref().ok().and_then(foreign).filter(|_| settings.ignore_foreign);
                let result = match foreign {
                    Some(format) => Err(Rejection::Foreign { format }.into()),
                    None => {
                        let source = ImageSource::upload(upload);
                        unpack(source, Some(before.size), &folder, signature, &progress, settings)
                    }
                };
                // What was written after this was not read.
                let after = file.ok().and_then(|file| nix::sys::stat::fstat(&file).ok());
                let stamp = after.map_or(before, |found| Stamp::of(&found));
                Outcome { subject: Subject::Dropped(name, Some(stamp)), result }
            }
            Err(error) => Outcome { subject: Subject::Dropped(name, None), result: Err(error.into()) },
        },
        Input::HandedOver(id, source, length) => {
            let result = unpack(source, length, &folder, signature, &progress, settings);
            Outcome { subject: Subject::HandedOver(id), result }
        }
    }
}

/// What a file is, if it is a package for another service.
pub fn foreign(file: &File) -> Option<&'static str> {
    let mut first = [0; FOREIGN_MAGIC];
    let read = file.read_at(&mut first, 0).ok()?;
    foreign_package(first.get(..read)?)
}

/// Unpacks into a folder of its own; after a failure, the folder is gone.
fn unpack(
    source: ImageSource,
    length: Option<u64>,
    folder: &Folder,
    signature: SignaturePolicy,
    progress: &Progress,
    settings: &Settings,
) -> Result<Taken, Failure> {
    let rules = image_rules::load(settings, signature);
    progress.length.store(length.unwrap_or_default(), Ordering::Relaxed);
    let (draft, mut unpacked) = folder.begin(settings.group).map_err(|error| unwritten(folder, error))?;
    let taken = ingest(Incoming { source, length }, &mut unpacked, &rules, progress);
    let finished =
        taken.and_then(|image| finish(&draft, &unpacked, folder, image, &rules).map_err(Rejection::Storage));
    if finished.is_err() {
        folder.discard(&draft);
    }
    Ok(finished.map_err(|rejection| match rejection {
        // What was written is free again by now: more than that is needed.
        Rejection::Storage(error) => unwritten(folder, error),
        other => other,
    })?)
}

fn finish(
    draft: &str,
    unpacked: &DiskFolder,
    folder: &Folder,
    image: Image,
    rules: &Rules,
) -> io::Result<Taken> {
    let path = folder.join(draft);
    let files = image.members.iter();
    let files =
        files.map(|member| FileRecord::of(&path, &member.name, member.size, member.sha256.to_string()));
    let files = files.collect::<io::Result<_>>()?;
    unpacked.complete()?;
    let identity = Identity::of(&nix::sys::stat::fstat(unpacked)?);
    let signer = match &image.verification {
        Verification::Signed { key_set } => rules.trust.fingerprint_of(key_set),
        Verification::Unsigned(_) | Verification::Unchecked => None,
    };
    Ok(Taken { draft: draft.to_owned(), identity, image, files, signer })
}

/// What it means that something could not be written outside the images' own files.
pub fn unwritten(folder: &Folder, error: io::Error) -> Rejection {
    Rejection::unwritten(error, folder.free().unwrap_or_default())
}
