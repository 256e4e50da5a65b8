//! The inventory on disk: one JSON file per interface, and a journal that makes a call atomic.
//!
//! ```text
//! <state>/journal                      batches that the files may not hold durably yet
//! <state>/objects/<path>/<interface>   a checksum, a blank, {"Property": value, …}
//! <state>/objects/<path>/.<interface>.damaged   one that was not believed, the newest four of a folder
//! <state>/adopted                      once the folder is in use: what it began with
//! <state>/reserve                      room for a checkpoint and a deletion when the disk is full
//! ```
//!
//! A batch is appended to the journal and made durable with one `fdatasync`; only then are the
//! files replaced, each by a rename, without waiting for the disk. A checkpoint flushes the file
//! system once and empties the journal. A start replays the journal first. So a kill or a power
//! cut at any point leaves each batch whole or absent, and a call that was answered is kept.
//!
//! On a full disk a batch is refused. What the journal holds is carried over first, which takes no room for files that hold
//! it already, and gives that of the journal back. What a checkpoint or a deletion needs beyond that comes from the reserve,
//! which is taken again as soon as there is room.
//!
//! Every change of the disk is a [`Step`], performed by a [`Disk`]; tests cut the list of steps at
//! every index. Values stay JSON: `durable_state` says why.

mod files;
mod first_use;
mod journal;

use durable_state::{Disk, Journal, RealDisk, Reserve, Step, is_full};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::io;
use std::path::{Path, PathBuf};

/// Room that is kept for a full disk, bytes: a checkpoint writes about what its journal holds, which is 256 KiB before it is
/// emptied unless the settings say otherwise, and files and folders take a page each.
const RESERVE: u64 = 320 * 1024;

/// A change to be kept, by reference.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "what the values are is known to who writes them")]
pub enum Change<'a> {
    /// The interface's values from now on.
    Set {
        /// Object path relative to the inventory's root.
        path: &'a str,
        /// Interface name.
        interface: &'a str,
        /// All its values.
        properties: &'a dyn Properties,
    },
    /// The object is gone with all its interfaces.
    Remove {
        /// Object path relative to the inventory's root.
        path: &'a str,
    },
}

/// Values by name, of any kind.
pub trait Properties {
    /// Writes them as JSON. Errors: those of `out`.
    fn write(&self, out: &mut dyn io::Write) -> io::Result<()>;
}

impl<T: Serialize> Properties for T {
    fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
        Ok(serde_json::to_writer(out, self)?)
    }
}

/// Changes that are kept together: hands out one after the other, the same each time, until it is stopped by an error.
pub type Batch<'b> = dyn Fn(&mut dyn FnMut(Change<'_>) -> io::Result<()>) -> io::Result<()> + 'b;

/// A change as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// The interface's values from now on.
    Set {
        /// Object path relative to the inventory's root.
        path: String,
        /// Interface name.
        interface: String,
        /// All its values.
        properties: Map<String, Json>,
    },
    /// The object is gone with all its interfaces.
    Remove {
        /// Object path relative to the inventory's root.
        path: String,
    },
}

impl Entry {
    /// The same by reference.
    pub fn change(&self) -> Change<'_> {
        match self {
            Self::Set { path, interface, properties } => Change::Set { path, interface, properties },
            Self::Remove { path } => Change::Remove { path },
        }
    }
}

/// What takes the entries that a start finds, one at a time, in the order in which they count.
pub type Found<'f> = dyn FnMut(Entry) + 'f;

/// The state folder in use.
#[derive(Debug)]
pub struct Store<D = RealDisk> {
    folder: PathBuf,
    disk: D,
    journal: Journal,
    reserve: Reserve,
    /// The folder of the objects is there.
    is_made: bool,
    /// A start has found something.
    has_objects: bool,
    /// A file could not be replaced: the journal holds more than the files do.
    behind: bool,
    /// What the folder was to begin with, while the disk does not take it.
    owed: Option<first_use::Owed>,
}

impl<D: Disk> Store<D> {
    /// Opens a state folder, finishes what an interrupted predecessor left, and reads everything.
    ///
    /// A disk that cannot be written does not keep it from being read. Errors: the folder cannot be read. A file that is not
    /// whole is set aside and named in the log.
    pub fn open(folder: &Path, disk: D, found: &mut Found<'_>) -> io::Result<Self> {
        let mut store = Self {
            folder: folder.to_owned(),
            disk,
            journal: Journal::at(folder.join("journal")),
            reserve: Reserve::at(folder.join("reserve"), RESERVE),
            is_made: false,
            has_objects: false,
            behind: false,
            owed: None,
        };
        if let Err(error) = store.make_folder() {
            log::error!("nothing can be kept yet, going on with what is there: {error}");
        }
        if let Err(error) = store.recover() {
            log::error!("the journal cannot be carried over yet, going on with it: {error}");
            store.behind = true;
        }
        let mut has_objects = false;
        store.read_all(&mut |entry| {
            has_objects = true;
            found(entry);
        })?;
        if store.behind {
            store.replay_into(&mut |_, entry| {
                has_objects = true;
                found(entry);
                Ok(())
            })?;
        }
        store.has_objects = has_objects;
        Ok(store)
    }

    /// Makes a batch durable, all of it or none.
    ///
    /// Errors: nothing of the batch is kept, and the next one is not affected. [`io::ErrorKind::FileTooLarge`] for a batch that
    /// a start would not read back.
    pub fn write(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        self.pay()?;
        self.append(batch)
    }

    fn append(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        if !has(batch, |_| true) {
            return Ok(());
        }
        self.make_folder()?;
        self.append_with_room(batch)?;
        if let Err(error) = self.replace_files(batch) {
            log::warn!("the inventory's files lag behind their journal: {error}");
            self.behind = true;
        }
        Ok(())
    }

    /// Appends to the journal; on a full disk after the journal is carried over, and a deletion from the reserve.
    fn append_with_room(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        let refused = match self.append_line(batch) {
            Err(error) if is_full(&error) => error,
            done => return done,
        };
        if self.journal.length() > 0 && self.checkpoint().is_ok() {
            match self.append_line(batch) {
                Err(error) if is_full(&error) => {}
                done => return done,
            }
        }
        // What gives room goes through; anything else would leave none for it.
        if has(batch, |change| matches!(change, Change::Set { .. })) || !self.reserve.is_held() {
            return Err(refused);
        }
        self.reserve.give_back(&self.disk)?;
        self.append_line(batch)
    }

    fn append_line(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        journal::append(&mut self.journal, &self.disk, batch)
    }

    /// Whether the journal holds nothing that a checkpoint would carry over.
    pub fn is_settled(&self) -> bool {
        self.journal.is_settled()
    }

    /// Bytes in the journal.
    pub fn journal_length(&self) -> u64 {
        self.journal.length()
    }

    /// Makes the files durable and empties the journal; on a full disk with what is kept in reserve.
    pub fn checkpoint(&mut self) -> io::Result<()> {
        let carried = match self.carry_over() {
            Err(error) if is_full(&error) && self.reserve.is_held() => {
                self.reserve.give_back(&self.disk)?;
                self.carry_over()
            }
            carried => carried,
        };
        if !self.reserve.is_whole() {
            self.reserve.take(&self.disk);
        }
        carried
    }

    fn carry_over(&mut self) -> io::Result<()> {
        self.journal.settle(&self.disk)?;
        if self.behind {
            self.replay()?;
            self.behind = false;
        }
        self.finish_checkpoint()
    }

    /// What a start does with the journal that it finds.
    fn recover(&mut self) -> io::Result<()> {
        self.behind = true;
        self.checkpoint()
    }

    fn finish_checkpoint(&mut self) -> io::Result<()> {
        if self.journal.length() > 0 {
            self.disk.perform(&Step::SyncFileSystem(self.folder.clone()))?;
            self.journal.clear(&self.disk)?;
        }
        Ok(())
    }

    /// Has the files hold what the journal does.
    fn replay(&mut self) -> io::Result<()> {
        self.replay_into(&mut |store, entry| store.renew_file(&entry))
    }

    fn replay_into(&mut self, take: &mut dyn FnMut(&mut Self, Entry) -> io::Result<()>) -> io::Result<()> {
        let Some(mut reader) = self.journal.read()? else { return Ok(()) };
        journal::replay(&mut reader, &mut |entry| take(self, entry))
    }

    /// The folder of the objects, without which nothing can be kept.
    fn make_folder(&mut self) -> io::Result<()> {
        if !self.is_made {
            self.disk.perform(&Step::CreateFolder(self.objects()))?;
            self.is_made = true;
        }
        Ok(())
    }
}

/// Whether a batch has such a change.
fn has(batch: &Batch<'_>, such: impl Fn(Change<'_>) -> bool) -> bool {
    batch(&mut |change| if such(change) { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }).is_err()
}

/// Elements of object paths; nothing else is a folder of ours.
pub(crate) fn is_path_element(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests;
