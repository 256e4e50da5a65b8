//! What the kernel says of the upload folder.

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::path::Path;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Our mounts, in the order in which they were made. The kernel reports a change by an exceptional condition (`proc(5)`,
/// `poll(2)`: `POLLPRI`).
const MOUNTS: &str = "/proc/self/mountinfo";

/// Most reads in a row: a program that makes events as fast as they are read does not keep us.
const PIECES: usize = 1_024;

/// What happened in the folder.
#[derive(Debug, PartialEq, Eq)]
pub enum FolderEvent {
    /// A file was written and closed, or came by its name.
    Arrived(OsString),
    /// A name has appeared: of a new file, or one more of a file that there was before.
    Created(OsString),
    /// A file was opened, as new ones are by the program that makes them.
    Opened(OsString),
    /// A folder is gone from there.
    FolderLeft(OsString),
    /// Something was missed: all is to be looked at.
    Overflow,
    /// The folder is gone, or lies elsewhere.
    FolderGone,
    /// Its path may lead to another folder: something was removed or put in its place, or mounted or unmounted anywhere.
    PathChanged,
}

/// A watch of one folder.
#[derive(Debug)]
pub struct FolderWatch {
    inotify: AsyncFd<Descriptor>,
    /// The folder that it lies in, and its name there. The kernel says nothing to a watch of a folder that is removed while
    /// we have it open.
    parent: Option<(WatchDescriptor, OsString)>,
    /// Where it can be told.
    mounts: Option<AsyncFd<Descriptor>>,
}

#[derive(Debug)]
enum Descriptor {
    Inotify(Inotify),
    Mounts(File),
}

impl Descriptor {
    fn events(&self) -> io::Result<Vec<InotifyEvent>> {
        match self {
            Self::Inotify(inotify) => Ok(inotify.read_events()?),
            Self::Mounts(_) => Ok(Vec::new()),
        }
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Inotify(inotify) => inotify.as_fd().as_raw_fd(),
            Self::Mounts(mounts) => mounts.as_raw_fd(),
        }
    }
}

impl FolderWatch {
    /// Begins to watch. Needs a tokio runtime around it.
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe; the descriptor is owned by what is registered"
    )]
    pub fn of(folder: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let events = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_OPEN
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR
            | AddWatchFlags::IN_DONT_FOLLOW;
        inotify.add_watch(folder, events)?;
        let parent = folder.parent().zip(folder.file_name()).and_then(|(parent, name)| {
            let events = AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ONLYDIR;
            let watch = inotify.add_watch(parent, events);
            let watch =
                watch.inspect_err(|error| log::debug!("{} is not watched: {error}", parent.display()));
            Some((watch.ok()?, name.to_owned()))
        });
        let mounts = File::open(MOUNTS)
            .and_then(|file| AsyncFd::with_interest(Descriptor::Mounts(file), Interest::PRIORITY));
        let mounts = mounts.inspect_err(|error| log::debug!("{MOUNTS} is not watched: {error}")).ok();
        Ok(Self { inotify: AsyncFd::new(Descriptor::Inotify(inotify))?, parent, mounts })
    }

    /// Waits for what happens next; dropping the future loses nothing.
    pub async fn next(&mut self) -> io::Result<Vec<FolderEvent>> {
        loop {
            tokio::select! {
                ready = self.inotify.readable() => {
                    let read = ready?.try_io(|inotify| inotify.get_ref().events());
                    if let Ok(events) = read {
                        return Ok(events?.into_iter().filter_map(|event| self.happened(event)).collect());
                    }
                }
                () = changed(self.mounts.as_ref()) => return Ok(vec![FolderEvent::PathChanged]),
            }
        }
    }

    /// What has happened already, without waiting.
    pub fn pending(&self) -> Vec<FolderEvent> {
        let read = || self.inotify.get_ref().events().ok().filter(|events| !events.is_empty());
        // One read gives as many as fit.
        std::iter::from_fn(read).take(PIECES).flatten().filter_map(|event| self.happened(event)).collect()
    }

    fn happened(&self, event: InotifyEvent) -> Option<FolderEvent> {
        match &self.parent {
            Some((parent, own)) if event.wd == *parent && event.name.is_some() => {
                (event.name.as_ref() == Some(own)).then_some(FolderEvent::PathChanged)
            }
            _ => happened(event),
        }
    }
}

/// Waits until something is mounted or unmounted; for ever, where that cannot be told.
async fn changed(mounts: Option<&AsyncFd<Descriptor>>) {
    let Some(mounts) = mounts else { return std::future::pending().await };
    match mounts.ready(Interest::PRIORITY).await {
        // Looking at it is what tells the kernel that it was heard.
        Ok(mut ready) => ready.clear_ready(),
        Err(_) => std::future::pending().await,
    }
}

fn happened(event: InotifyEvent) -> Option<FolderEvent> {
    let gone = AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF
        | AddWatchFlags::IN_UNMOUNT
        | AddWatchFlags::IN_IGNORED;
    if event.mask.intersects(gone) {
        return Some(FolderEvent::FolderGone);
    }
    if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
        return Some(FolderEvent::Overflow);
    }
    let is_folder = event.mask.contains(AddWatchFlags::IN_ISDIR);
    let leaves = event.mask.intersects(AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM);
    let name = event.name?;
    match (is_folder, leaves) {
        (true, true) => Some(FolderEvent::FolderLeft(name)),
        (true, false) | (false, true) => None,
        (false, false) if event.mask.contains(AddWatchFlags::IN_CREATE) => Some(FolderEvent::Created(name)),
        (false, false) if event.mask.contains(AddWatchFlags::IN_OPEN) => Some(FolderEvent::Opened(name)),
        (false, false) => Some(FolderEvent::Arrived(name)),
    }
}
