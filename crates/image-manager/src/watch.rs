//! What the kernel says of the upload folder.

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::path::Path;
use tokio::io::unix::AsyncFd;

/// Most reads in a row: whoever makes events as fast as they are read does not keep us.
const PIECES: usize = 1_024;

/// What happened in the folder.
#[derive(Debug, PartialEq, Eq)]
pub enum Happened {
    /// A file was written and closed, or came by its name.
    Arrived(OsString),
    /// A name has appeared: of a new file, or one more of a file that there was before.
    Created(OsString),
    /// A file was opened, as new ones are by whoever makes them.
    Opened(OsString),
    /// A folder is gone from there.
    FolderLeft(OsString),
    /// Something was missed: all is to be looked at.
    Overflow,
    /// The folder is gone, or lies elsewhere.
    FolderGone,
}

/// A watch of one folder.
#[derive(Debug)]
pub struct Watch {
    inotify: AsyncFd<Descriptor>,
}

#[derive(Debug)]
struct Descriptor(Inotify);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Watch {
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
        Ok(Self { inotify: AsyncFd::new(Descriptor(inotify))? })
    }

    /// Waits for what happens next; dropping the future loses nothing.
    pub async fn next(&mut self) -> io::Result<Vec<Happened>> {
        loop {
            let mut ready = self.inotify.readable().await?;
            let read = ready.try_io(|inotify| Ok(inotify.get_ref().0.read_events()?));
            if let Ok(events) = read {
                return Ok(events?.into_iter().filter_map(happened).collect());
            }
        }
    }
}

impl Watch {
    /// What has happened already, without waiting.
    pub fn pending(&self) -> Vec<Happened> {
        let read = || self.inotify.get_ref().0.read_events().ok().filter(|events| !events.is_empty());
        // One read gives as many as fit.
        std::iter::from_fn(read).take(PIECES).flatten().filter_map(happened).collect()
    }
}

fn happened(event: InotifyEvent) -> Option<Happened> {
    let gone = AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF
        | AddWatchFlags::IN_UNMOUNT
        | AddWatchFlags::IN_IGNORED;
    if event.mask.intersects(gone) {
        return Some(Happened::FolderGone);
    }
    if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
        return Some(Happened::Overflow);
    }
    let is_folder = event.mask.contains(AddWatchFlags::IN_ISDIR);
    let leaves = event.mask.intersects(AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM);
    let name = event.name?;
    match (is_folder, leaves) {
        (true, true) => Some(Happened::FolderLeft(name)),
        (true, false) | (false, true) => None,
        (false, false) if event.mask.contains(AddWatchFlags::IN_CREATE) => Some(Happened::Created(name)),
        (false, false) if event.mask.contains(AddWatchFlags::IN_OPEN) => Some(Happened::Opened(name)),
        (false, false) => Some(Happened::Arrived(name)),
    }
}
