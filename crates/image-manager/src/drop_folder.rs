//! The drop folder: watched, looked after, found again. Does what [`intake`] says, and tells what became of files.

use crate::events;
use crate::unpacker::{Failure, foreign};
use event_log::Event as LogEvent;
use folder::{Folder, NotTaken, Removal, Stamp};
use image_check::{LimitError, Rejection};
use image_format::VersionId;
use intake::{Effect, Ending, Event, Found, Intake, Verdict, Why};
use plain_text::is_hidden;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use watch::{FolderEvent, FolderWatch};

pub mod folder;
pub mod intake;
pub mod watch;

/// What has happened in the folder that concerns images that are there already.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// The folder of this image is not where it was.
    ImageLeft(VersionId),
    /// Images may have lost their folders: events were lost.
    MayHaveLost,
    /// It is another drop folder now.
    AnotherFolder,
}

/// The drop folder, and what is in it that is no image yet.
#[derive(Debug)]
pub struct DropFolder {
    path: PathBuf,
    ignores_foreign: bool,
    folder: Arc<Folder>,
    watch: Option<FolderWatch>,
    intake: Intake,
    news: Vec<News>,
    /// A file that found no room may be tried again.
    may_retry: bool,
}

impl DropFolder {
    /// The folder at this path, which was opened already and is not watched yet.
    pub fn new(path: PathBuf, ignores_foreign: bool, folder: Folder, intake: Intake) -> Self {
        Self {
            path,
            ignores_foreign,
            folder: Arc::new(folder),
            watch: None,
            intake,
            news: Vec::new(),
            may_retry: false,
        }
    }

    /// The folder as it was found last.
    pub fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// The files that wait.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Waits for events; for ever, while the folder is not watched. Dropping the future loses none.
    pub async fn next(&mut self) -> io::Result<Vec<FolderEvent>> {
        match &mut self.watch {
            Some(watch) => watch.next().await,
            None => std::future::pending().await,
        }
    }

    /// What images must know; asked after each of the following.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Takes what [`Self::next`] gave.
    pub fn heard(&mut self, heard: io::Result<Vec<FolderEvent>>, now: Duration) {
        match heard {
            Ok(events) => self.take(events, now),
            Err(error) => {
                log::warn!("{} cannot be watched, it is tried again: {error}", self.path.display());
                self.watch = None;
                self.step(Event::Watched { is_watched: false }, now);
            }
        }
    }

    /// Begins to watch.
    pub fn watch(&mut self, now: Duration) {
        self.perform([Effect::Watch].into(), now);
    }

    /// Whether a file that found no room may be tried again: nothing is being taken in, and one more image may be kept.
    pub fn allow_retries(&mut self, may_retry: bool) {
        self.may_retry = may_retry;
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Duration) {
        self.step(Event::Tick, now);
    }

    /// The path may lead to another folder: images seem to have lost theirs.
    pub fn check_path(&mut self, now: Duration) {
        self.step(Event::PathChanged, now);
    }

    /// An image has gone.
    pub fn room_made(&mut self, now: Duration) {
        self.step(Event::RoomMade, now);
    }

    /// A file was not taken in, as there are as many images as may be kept; the event to be sent.
    pub fn refuse_for_want_of_space(
        &mut self,
        name: &OsStr,
        reason: &str,
        now: Duration,
    ) -> Option<LogEvent> {
        if self.leave_foreign_alone(name, now) {
            return None;
        }
        let subject = self.subject(name);
        // It was said before.
        if self.intake.ended(name, Ending::NoPlace, now) == Verdict::Again {
            return None;
        }
        log::error!("{subject} is kept and taken in later: {reason}");
        Some(events::too_many(&subject, reason))
    }

    /// The next file to take in.
    pub fn next_file(&mut self) -> Option<OsString> {
        self.intake.next()
    }

    /// A file was taken in as an image that has its name now.
    pub fn took(&mut self, name: &OsStr, read: &Stamp, now: Duration) {
        self.catch_up(now);
        let is_there = self.holds_more(name, read);
        self.intake.ended(name, Ending::Taken { is_there }, now);
        if !is_there {
            self.remove(name, Some(*read), now);
        }
        self.go_on(now);
    }

    /// A file is gone: what was read of it is not wanted.
    pub fn forget(&mut self, name: &OsStr, now: Duration) {
        self.intake.forget(name);
        self.go_on(now);
    }

    /// A file was not taken in; the event to be sent, if there is to be one.
    pub fn refuse(
        &mut self,
        name: &OsStr,
        found: Option<Stamp>,
        failure: &Failure,
        now: Duration,
    ) -> Option<LogEvent> {
        let subject = self.subject(name);
        self.catch_up(now);
        let ending = self.ending(name, found, failure);
        let verdict = self.intake.ended(name, ending, now);
        let event = tell(&subject, failure, verdict).then(|| events::of(failure, &subject)).flatten();
        match (verdict, failure, found) {
            (Verdict::Final, Failure::Rejected(Rejection::Storage(_)), Some(stamp)) => {
                self.intake.leave_alone(name, stamp.identity);
            }
            (Verdict::Final, Failure::NotTaken(NotTaken::MoreNames), _) => {
                self.step(Event::Looked(name.to_owned(), Why::Created, Err(NotTaken::MoreNames)), now);
            }
            (Verdict::Final, Failure::Rejected(reason), found) if !is_left_alone(reason) => {
                self.remove(name, found, now);
            }
            _ => {}
        }
        self.go_on(now);
        event
    }

    /// How a file is called in the log and the event log.
    pub fn subject(&self, name: &OsStr) -> String {
        tame(&self.folder.join(name).to_string_lossy())
    }

    fn ending(&self, name: &OsStr, found: Option<Stamp>, failure: &Failure) -> Ending {
        let has_writer = self.folder.has_writer(name) == Some(true);
        match (failure, found) {
            (Failure::Rejected(Rejection::Interrupted), _) => Ending::Done,
            (Failure::Rejected(Rejection::Ignored { .. } | Rejection::Foreign { .. }), Some(stamp)) => {
                Ending::LeftAlone(stamp.identity)
            }
            (Failure::Rejected(_), Some(_)) if has_writer => Ending::HasWriter,
            // What has come so far may be more than its share of padding.
            (
                Failure::Rejected(Rejection::Truncated | Rejection::Limit(LimitError::Ratio { .. })),
                Some(stamp),
            ) => Ending::Early { size: stamp.size },
            (Failure::Rejected(Rejection::Busy { needed, .. }), _) => Ending::NoRoom { needed: *needed },
            // A fault of the machine is not the file's: it stays.
            (Failure::Rejected(Rejection::Storage(_)), Some(_))
            | (Failure::NotTaken(NotTaken::Refused(_)), _) => Ending::NoRoom { needed: 0 },
            (Failure::Rejected(_), Some(stamp)) => {
                let found = self.folder.look(name);
                Ending::Bad { is_there: found.is_ok_and(|found| found.identity == stamp.identity) }
            }
            _ => Ending::Done,
        }
    }

    /// Hears of what has happened up to now, before a file is removed.
    fn catch_up(&mut self, now: Duration) {
        let pending = self.watch.as_ref().map(FolderWatch::pending).unwrap_or_default();
        self.take(pending, now);
    }

    fn take(&mut self, events: Vec<FolderEvent>, now: Duration) {
        for event in events {
            let event = match event {
                FolderEvent::Arrived(name) => Event::Written(name),
                FolderEvent::Created(name) => Event::Created(name),
                FolderEvent::Opened(name) => Event::Opened(name),
                FolderEvent::FolderLeft(name) => {
                    let id = name.to_str().and_then(|name| VersionId::parse(name).ok());
                    self.news.extend(id.map(News::ImageLeft));
                    continue;
                }
                FolderEvent::Overflow => {
                    self.news.push(News::MayHaveLost);
                    Event::EventsLost
                }
                FolderEvent::FolderGone => {
                    self.watch = None;
                    Event::FolderGone
                }
                FolderEvent::PathChanged => Event::PathChanged,
            };
            self.step(event, now);
        }
    }

    fn step(&mut self, event: Event, now: Duration) {
        let effects = self.intake.step(event, now);
        self.perform(effects, now);
        self.go_on(now);
    }

    fn go_on(&mut self, now: Duration) {
        loop {
            let effects = self.intake.go_on();
            if effects.is_empty() {
                return;
            }
            self.perform(effects, now);
        }
    }

    fn perform(&mut self, effects: Vec<Effect>, now: Duration) {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            let event = match effect {
                Effect::CheckPath => Event::PathLeads { is_same: self.folder.is_there() },
                Effect::Watch => Event::Watched { is_watched: self.watch_folder() },
                Effect::List => Event::Listed(self.files()),
                Effect::Look(name, why) => {
                    let found = self.look(&name, why);
                    Event::Looked(name, why, found)
                }
                Effect::Remove(name, stamp) => {
                    self.remove(&name, Some(stamp), now);
                    continue;
                }
                Effect::LeftAlone(name, reason) => {
                    log::warn!("{} is left alone: {reason}", self.subject(&name));
                    continue;
                }
                Effect::AskFree if !self.may_retry => continue,
                Effect::AskFree => match self.folder.free() {
                    Ok(free) => Event::Free(free),
                    Err(_) => continue,
                },
            };
            effects.extend(self.intake.step(event, now));
        }
    }

    fn look(&self, name: &OsStr, why: Why) -> Result<Found, NotTaken> {
        let stamp = self.folder.look(name)?;
        // Asking opens the file, which the watch would hear of as of a writer's.
        let has_writer = if why == Why::Created { None } else { self.folder.has_writer(name) };
        Ok(Found { stamp, has_writer })
    }

    fn files(&self) -> Vec<OsString> {
        self.folder.uploads().unwrap_or_else(|error| {
            log::warn!("cannot read {}: {error}", self.folder.path().display());
            Vec::new()
        })
    }

    /// Watches the folder that the path leads to now.
    fn watch_folder(&mut self) -> bool {
        match self.open() {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => {
                log::warn!("cannot use {}, it is tried again: {error}", self.path.display());
                self.watch = None;
            }
        }
        self.watch.is_some()
    }

    fn open(&mut self) -> io::Result<FolderWatch> {
        if !self.folder.is_there() {
            let folder = Folder::open(&self.path)?;
            log::warn!("there is another drop folder now: {}", self.path.display());
            self.folder = Arc::new(folder);
            self.news.push(News::AnotherFolder);
        }
        FolderWatch::of(&self.path)
    }

    /// Whether a file is for another service; then it is left alone.
    fn leave_foreign_alone(&mut self, name: &OsStr, now: Duration) -> bool {
        let Some(file) = self.folder.take(name).ok().filter(|_| self.ignores_foreign) else { return false };
        let Some(format) = foreign(&file.file) else { return false };
        self.intake.ended(name, Ending::LeftAlone(file.stamp.identity), now);
        log::warn!("{} is left alone: {}", self.subject(name), Rejection::Foreign { format });
        true
    }

    /// Whether a name leads to something that was not read: another file, or more of it, or other bytes.
    ///
    /// A close alone counts as no writing, as it may be heard of late; nor does a new time alone, as some programs set it at the end.
    fn holds_more(&self, name: &OsStr, read: &Stamp) -> bool {
        let was_written = self.intake.was_written(name);
        match self.folder.look(name) {
            Ok(found) => {
                (found.identity, found.size) != (read.identity, read.size)
                    || (was_written && found.modified != read.modified)
            }
            Err(reason) => reason == NotTaken::MoreNames,
        }
    }

    /// Removes a file that is done with.
    fn remove(&mut self, name: &OsStr, found: Option<Stamp>, now: Duration) {
        let Some(stamp @ Stamp { identity, size, .. }) = found else { return };
        match self.folder.remove_upload(name, identity, size) {
            Ok(Removal::Done) => {}
            Ok(Removal::HasWriter) => self.step(Event::NotRemoved(name.to_owned(), stamp), now),
            Err(error) => {
                log::warn!("{} cannot be removed: {error}", self.subject(name));
                self.intake.leave_alone(name, identity);
            }
        }
    }
}

/// Says in the log what became of a file; true where an event is to say it too.
fn tell(subject: &str, failure: &Failure, verdict: Verdict) -> bool {
    match failure {
        Failure::NotTaken(NotTaken::Gone) | Failure::Rejected(Rejection::Interrupted) => return false,
        Failure::NotTaken(reason @ NotTaken::Refused(_)) if verdict == Verdict::Kept => {
            log::error!("{subject} cannot be read and is tried again later: {reason}");
            return false;
        }
        Failure::NotTaken(reason) => {
            log::warn!("{subject} is left alone: {reason}");
            return false;
        }
        Failure::Rejected(reason @ Rejection::Ignored { .. }) => {
            log::info!("{subject} is left alone: {reason}");
            return false;
        }
        Failure::Rejected(reason @ Rejection::Foreign { .. }) => {
            log::warn!("{subject} is left alone: {reason}");
            return false;
        }
        // That is judged of images that were handed over alone.
        Failure::Unfit(_) => return false,
        Failure::Rejected(reason) => match verdict {
            Verdict::Again => {
                log::info!("{subject} may be still on its way: {reason}");
                return false;
            }
            Verdict::Kept => log::error!("{subject} is kept and tried again later: {reason}"),
            Verdict::Final => log::error!("{subject} is not taken in: {reason}"),
        },
    }
    true
}

fn is_left_alone(reason: &Rejection) -> bool {
    matches!(reason, Rejection::Ignored { .. } | Rejection::Foreign { .. } | Rejection::Interrupted)
}

/// A text without hidden characters: the program that drops a file chooses its name.
pub fn tame(text: &str) -> String {
    text.chars()
        .map(|character| if is_hidden(character) { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}
