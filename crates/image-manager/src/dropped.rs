//! Dropped files: looked at, taken in, named, removed.

use crate::dbus::object_path;
use crate::drop_folder::folder::{NotTaken, Stamp, is_upload, random};
use crate::drop_folder::intake::{Ending, Verdict};
use crate::events;
use crate::images::Image;
use crate::images::record::{Record, Shown, Stage, UploadPlace};
use crate::installers::calls;
use crate::service::{LOOK_INTERVAL, Named, Service, Step};
use crate::unpacker::{Failure, Outcome, Subject, Taken, foreign};
use crate::view::Interface;
use image_check::{LimitError, Rejection, Verification};
use image_format::VersionId;
use service_runtime::text::is_hidden;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Most files that have come by a link and are kept in mind.
const LINKS_KEPT: usize = 64;
/// How often another name is tried.
pub(crate) const NAME_TRIES: u32 = 16;
/// Longest wait for the object mapper, which may be absent or hang.
const MAPPER_LIMIT: Duration = Duration::from_millis(500);

impl Service {
    /// A file was written, or has come.
    pub(crate) fn arrived(&mut self, name: OsString) {
        if !is_upload(&name) {
            return;
        }
        match self.folder.look(&name) {
            Ok(_) => {
                let now = self.now();
                self.intake.arrived(name, now);
            }
            Err(NotTaken::Gone) => {}
            Err(error) => self.pass_over(name, &error),
        }
    }

    fn pass_over(&mut self, name: OsString, reason: &NotTaken) {
        log::warn!("{} is left alone: {reason}", self.subject(&name));
        if let NotTaken::MoreNames = reason {
            self.watch_link(name, true);
        }
    }

    /// Keeps in mind a file that has come by a link: nobody writes or moves it, but its other name may go.
    pub(crate) fn watch_link(&mut self, name: OsString, has_another: bool) {
        if !is_upload(&name) || self.linked.len() >= LINKS_KEPT {
            return;
        }
        if self.linked.is_empty() {
            self.links_checked = Instant::now();
        }
        if self.linked.insert(name, has_another).is_none() {
            self.links_wait = LOOK_INTERVAL;
        }
    }

    /// Looks at files that have come by a link.
    pub(crate) fn look_at_links(&mut self) {
        for (name, _) in std::mem::take(&mut self.linked) {
            match self.folder.look(&name) {
                Ok(_) => {
                    let now = self.now();
                    self.intake.arrived(name, now);
                }
                Err(NotTaken::MoreNames) => {
                    self.linked.insert(name, true);
                }
                Err(_) => {}
            }
        }
    }

    /// Looks at all files in the folder, a few at a time.
    pub(crate) fn rescan(&mut self) {
        let names = self.folder.uploads().unwrap_or_else(|error| {
            log::warn!("cannot read {}: {error}", self.folder.path().display());
            Vec::new()
        });
        self.backlog = names.into();
        self.feed();
    }

    /// Queues files that were found, as far as there is space.
    pub(crate) fn feed(&mut self) {
        let now = self.now();
        while self.intake.can_take() {
            let Some(name) = self.backlog.pop_front() else { break };
            match self.folder.look(&name) {
                Ok(stamp) => self.intake.found(name, Some(stamp.identity), now),
                Err(NotTaken::Gone) => {}
                Err(error) => self.pass_over(name, &error),
            }
        }
    }

    /// Looks at files that have rested.
    pub(crate) fn look_at_uploads(&mut self) {
        let now = self.now();
        for name in self.intake.rested(now) {
            let found = self.folder.look(&name);
            self.intake.looked(&name, found.as_ref().ok().map(|stamp| stamp.size), now);
            if let Err(NotTaken::MoreNames) = found {
                self.watch_link(name, true);
            }
        }
    }

    /// Looks whether a file that found no room would find some.
    pub(crate) fn look_for_room(&mut self) {
        // One after the other: together they may not fit.
        let is_at_work = self.busy.is_some() || self.naming > 0 || self.intake.queued() > 0;
        if is_at_work || self.is_full() {
            return;
        }
        if let Ok(free) = self.folder.free() {
            let now = self.now();
            self.intake.room(free, now);
        }
    }

    /// Whether there are as many images as may be kept unclaimed.
    pub(crate) fn is_full(&self) -> bool {
        let kept = self.images.all.values().filter(|image| image.removal.is_none());
        let unclaimed = kept.filter(|image| match &image.hand_over {
            Some(hand_over) => hand_over.is_unclaimed() || hand_over.is_taking_in(),
            None => self.foreign.claim(image.id.as_str(), None).is_none(),
        });
        let at_work = usize::from(self.busy.as_ref().is_some_and(|busy| busy.id.is_none()));
        unclaimed.count() + self.naming + at_work >= self.settings.max_images
    }

    /// The next file to be taken in.
    pub(crate) fn next_upload(&mut self) -> Option<OsString> {
        while let Some(name) = self.intake.next() {
            if !self.is_full() {
                return Some(name);
            }
            if self.is_foreign(&name) {
                continue;
            }
            let reason = format!("{} images wait for somebody to install them", self.settings.max_images);
            let subject = self.subject(&name);
            let now = self.now();
            let found = self.folder.look(&name).ok();
            let verdict = self.intake.ended(&name, Ending::NoRoom { needed: 0 }, now);
            log::error!("{subject} is not taken in: {reason}");
            self.events.happened(events::too_many(&subject, &reason));
            if verdict == Verdict::Final {
                self.drop_upload(&name, found);
            }
        }
        None
    }

    /// Whether a file is for another service; then it is left alone.
    fn is_foreign(&mut self, name: &OsStr) -> bool {
        let Some(upload) = self.folder.take(name).ok().filter(|_| self.settings.ignore_foreign) else {
            return false;
        };
        let Some(format) = foreign(&upload.file) else { return false };
        let now = self.now();
        self.intake.ended(name, Ending::LeftAlone(upload.stamp.identity), now);
        log::warn!("{} is left alone: {}", self.subject(name), Rejection::Foreign { format });
        true
    }

    /// The thread is done with an image.
    pub(crate) async fn conclude(&mut self, outcome: Outcome) -> anyhow::Result<()> {
        self.busy = None;
        let result = outcome.result.and_then(|taken| self.admit(taken));
        match (outcome.subject, result) {
            (Subject::Update(id), result) => self.conclude_update(&id, result).await?,
            (Subject::DroppedFile(name, Some(stamp)), Ok(taken)) => {
                self.naming += 1;
                self.find_name(taken, Some((name, stamp)), 0);
            }
            (Subject::DroppedFile(name, None), Ok(_)) => self.intake.forget(&name),
            (Subject::DroppedFile(name, found), Err(failure)) => self.refuse_upload(&name, found, &failure),
        }
        if self.backlog.is_empty() && self.intake.takes_missed() {
            self.rescan();
        }
        self.feed();
        Ok(())
    }

    /// Refuses what was taken in without signatures when field mode was enabled meanwhile.
    fn admit(&self, taken: Taken) -> Result<Taken, Failure> {
        match taken.image.verification {
            Verification::Unsigned(fault) if self.is_enforcing => {
                self.discard(taken.draft);
                Err(Failure::Rejected(fault.into()))
            }
            _ => Ok(taken),
        }
    }

    fn refuse_upload(&mut self, name: &OsStr, found: Option<Stamp>, failure: &Failure) {
        let (subject, now) = (self.subject(name), self.now());
        let ending = match (failure, found) {
            // What has come so far may be more than its share of padding.
            (
                Failure::Rejected(Rejection::Truncated | Rejection::Limit(LimitError::Ratio { .. })),
                Some(stamp),
            ) => Ending::Early { size: stamp.size },
            (Failure::Rejected(Rejection::Busy { needed, .. }), _) => Ending::NoRoom { needed: *needed },
            (Failure::Rejected(Rejection::Ignored { .. } | Rejection::Foreign { .. }), Some(stamp)) => {
                Ending::LeftAlone(stamp.identity)
            }
            // A fault of the machine is not the file's: it stays.
            (Failure::Rejected(Rejection::Storage(_)), Some(_))
            | (Failure::NotTaken(NotTaken::Refused(_)), _) => Ending::NoRoom { needed: 0 },
            (Failure::Rejected(_), Some(stamp)) => {
                let found = self.folder.look(name);
                Ending::Bad { is_there: found.is_ok_and(|found| found.identity == stamp.identity) }
            }
            _ => Ending::Done,
        };
        self.catch_up();
        let verdict = self.intake.ended(name, ending, now);
        match failure {
            Failure::NotTaken(NotTaken::Gone) => return,
            Failure::NotTaken(reason @ NotTaken::Refused(_)) if verdict == Verdict::Kept => {
                return log::error!("{subject} cannot be read and is tried again later: {reason}");
            }
            Failure::NotTaken(reason) => return self.pass_over(name.to_owned(), reason),
            Failure::Rejected(Rejection::Interrupted) => return,
            Failure::Rejected(reason @ Rejection::Ignored { .. }) => {
                return log::info!("{subject} is left alone: {reason}");
            }
            Failure::Rejected(reason @ Rejection::Foreign { .. }) => {
                return log::warn!("{subject} is left alone: {reason}");
            }
            Failure::Rejected(reason) => match verdict {
                Verdict::Again => return log::info!("{subject} may be still on its way: {reason}"),
                Verdict::Kept => log::error!("{subject} is kept and tried again later: {reason}"),
                Verdict::Final => log::error!("{subject} is not taken in: {reason}"),
            },
        }
        if let Some(event) = events::of(failure, &subject) {
            self.events.happened(event);
        }
        match (verdict, failure, found) {
            (Verdict::Final, Failure::Rejected(Rejection::Storage(_)), Some(stamp)) => {
                self.intake.leave_alone(name, stamp.identity);
            }
            (Verdict::Final, ..) => self.drop_upload(name, found),
            _ => {}
        }
    }

    /// Removes a file that is done with.
    fn drop_upload(&mut self, name: &OsStr, found: Option<Stamp>) {
        let Some(Stamp { identity, size, .. }) = found else { return };
        if let Err(error) = self.folder.remove_upload(name, identity, size) {
            log::warn!("{} cannot be removed: {error}", self.subject(name));
            self.intake.leave_alone(name, identity);
        }
    }

    /// Looks for an id that nobody has.
    fn find_name(&self, taken: Taken, upload: Option<(OsString, Stamp)>, tries: u32) {
        let (connection, steps) = (self.connection.clone(), self.steps.clone());
        let salt = random().unwrap_or_default();
        let id = VersionId::salted(&taken.image.manifest.version, salt);
        tokio::spawn(async move {
            let path = object_path(&id);
            let asked = tokio::time::timeout(MAPPER_LIMIT, calls::is_taken(&connection, &path)).await;
            let is_taken = asked.unwrap_or(false);
            // Nobody listens at the service's end.
            let _ = steps.send(Step::Named(Box::new(Named { id, is_taken, taken, upload, tries })));
        });
    }

    /// Gives an upload its name, and publishes it.
    pub(crate) async fn name(&mut self, named: Named) -> anyhow::Result<()> {
        let Named { id, is_taken, taken, upload, tries } = named;
        let tries = tries + 1;
        let mut record = self.record(&taken, upload.as_ref());
        tell_faults(&id, &taken);
        let result = if is_taken || self.is_known(&id) {
            Err(io::ErrorKind::AlreadyExists.into())
        } else {
            self.settle(&id, &taken.draft, &mut record)
        };
        match result {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < NAME_TRIES => {
                self.find_name(taken, upload, tries);
                return Ok(());
            }
            Err(error) => {
                self.naming -= 1;
                self.discard(taken.draft);
                if let Some((name, stamp)) = upload {
                    let failure = Failure::Rejected(self.unwritten(error));
                    self.refuse_upload(&name, Some(stamp), &failure);
                }
                return Ok(());
            }
        }
        if let Some((name, stamp)) = &upload {
            self.catch_up();
            let (now, is_there) = (self.now(), self.holds_more(name, stamp));
            self.intake.ended(name, Ending::Taken { is_there }, now);
            if !is_there {
                self.drop_upload(name, Some(*stamp));
            }
            // From here on a file of its name is another.
            record.upload = None;
        }
        self.keep(&id, &record);
        self.naming -= 1;
        let image = Image::new(id.clone(), record, None, self.now());
        image.show_record(self.folder.join(id.as_str()).display().to_string());
        tell_taken(&image, upload.as_ref().map(|(name, _)| name.as_os_str()));
        self.images.all.insert(id.clone(), image);
        self.images.show(&id, &Interface::ANNOUNCED).await
    }

    /// Whether there is an image of this id.
    pub(crate) fn is_known(&self, id: &VersionId) -> bool {
        self.images.all.contains_key(id)
    }

    /// Whether a name leads to something that was not read: another file, or more of it, or other bytes.
    ///
    /// A close that is heard of late is no writing, nor is a new time without a close: some writers set it at the end.
    fn holds_more(&self, name: &OsStr, read: &Stamp) -> bool {
        let was_written = self.intake.was_written(name);
        self.folder.look(name).is_ok_and(|found| {
            (found.identity, found.size) != (read.identity, read.size)
                || (was_written && found.modified != read.modified)
        })
    }

    /// Puts an unpacked folder where it belongs.
    ///
    /// The record comes first, or the folder would be nobody's after a kill; it still says that the image is being taken
    /// in, or one that never got its name would be thought published.
    pub(crate) fn settle(&self, id: &VersionId, draft: &str, record: &mut Record) -> io::Result<()> {
        record.stage = Stage::TakingIn;
        // Want of room where records lie is none in the upload folder.
        self.records.save(id, record).map_err(|error| io::Error::other(format!("no record: {error}")))?;
        self.folder.publish(draft, id).inspect_err(|_| self.records.remove(id))?;
        record.stage = Stage::Published;
        Ok(())
    }

    /// Keeps a record; without, the image is only lost at a restart.
    pub(crate) fn keep(&self, id: &VersionId, record: &Record) {
        if let Err(error) = self.records.save(id, record) {
            log::warn!("cannot keep a record id={id}: {error}");
        }
    }

    /// What is to be known of an image after a restart.
    pub(crate) fn record(&self, taken: &Taken, upload: Option<&(OsString, Stamp)>) -> Record {
        let (manifest, purpose) = (&taken.image.manifest, taken.image.purpose);
        Record {
            stage: Stage::Published,
            folder: Some(taken.identity.into()),
            upload: upload.map(|(name, stamp)| UploadPlace {
                name: hex(name),
                size: stamp.size,
                place: stamp.identity.into(),
            }),
            apply_time: None,
            was_asked: false,
            verification: taken.verified(),
            signer: taken.signer.clone(),
            image: Shown {
                purpose: purpose.word().to_owned(),
                version: manifest.version.clone(),
                extended_version: manifest.extended_version.clone(),
                compatible: manifest.compatible_names.clone(),
            },
            files: taken.files.clone(),
        }
    }

    /// What it means that something could not be written outside the images' own files.
    pub(crate) fn unwritten(&self, error: io::Error) -> Rejection {
        crate::unpacker::unwritten(&self.folder, error)
    }

    /// Removes a folder that nobody sees any more, off the bus's task.
    pub(crate) fn discard(&self, name: String) {
        let folder = Arc::clone(&self.folder);
        tokio::task::spawn_blocking(move || folder.discard(&name));
    }

    /// How a file is called in the log and the event log.
    fn subject(&self, name: &OsStr) -> String {
        tame(&self.folder.join(name).to_string_lossy())
    }
}

/// A text without hidden characters: who drops a file chooses its name.
fn tame(text: &str) -> String {
    text.chars()
        .map(|character| if is_hidden(character) { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}

/// Says what is to be known of an image that is taken nevertheless.
pub(crate) fn tell_faults(id: &VersionId, taken: &Taken) {
    if let Verification::Unsigned(fault) = &taken.image.verification {
        log::warn!("an image is taken in though it is not signed as it should be id={id}: {fault}");
    }
    for remark in &taken.image.remarks {
        log::warn!("an image is taken in id={id}: {remark}");
    }
}

/// What the log says of an image that was taken in.
pub(crate) fn tell_taken(image: &Image, name: Option<&OsStr>) {
    let shown = &image.record.image;
    let from = name.map(|name| format!(" upload={}", tame(&name.to_string_lossy()))).unwrap_or_default();
    log::info!(
        "an image was taken in id={} purpose={} version={} signatures={:?}{from}",
        image.id,
        shown.purpose,
        shown.version,
        image.record.verification,
    );
}

/// Bytes in hexadecimal: a file's name may be none that TOML can hold.
pub(crate) fn hex(name: &OsStr) -> String {
    name.as_bytes().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that [`hex`] has written.
pub(crate) fn parse_hex(text: &str) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    let digits = text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok());
    let digits = digits.collect::<Option<Vec<u8>>>()?;
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    Some(OsString::from_vec(bytes.collect::<Option<_>>()?))
}
