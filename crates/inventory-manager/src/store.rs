//! The inventory on disk: one JSON file per interface, and a journal that makes a call atomic.
//!
//! ```text
//! <state>/journal                      batches that the files may not hold durably yet
//! <state>/objects/<path>/<interface>   {"Property": value, …}
//! <state>/adopted                      once the folder is in use: what it began with
//! ```
//!
//! A batch is appended to the journal and made durable with one `fdatasync`; only then are the
//! files replaced, each by a rename, without waiting for the disk. A checkpoint flushes the file
//! system once and empties the journal. A start replays the journal first. So a kill or a power
//! cut at any point leaves each batch whole or absent, and a call that was answered is kept.
//!
//! Every change of the disk is a [`Step`], performed by a [`Disk`]; tests cut the list of steps at
//! every index. Values stay JSON: `durable_state` says why.

mod first_use;
mod journal;

use durable_state::{Disk, Journal, RealDisk, Step, at, replace_unflushed};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::io;
use std::path::{Path, PathBuf};

/// A change to be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// One interface as found on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Restored {
    /// Object path relative to the inventory's root.
    pub path: String,
    /// Interface name.
    pub interface: String,
    /// Its values as far as they were readable.
    pub properties: Map<String, Json>,
}

/// The state folder in use.
#[derive(Debug)]
pub struct Store<D = RealDisk> {
    folder: PathBuf,
    disk: D,
    journal: Journal,
    /// A file could not be replaced: the journal holds more than the files do.
    behind: bool,
    /// What the folder was to begin with, while the disk does not take it.
    owed: Option<first_use::Owed>,
}

impl<D: Disk> Store<D> {
    /// Opens a state folder, finishes what an interrupted predecessor left, and reads everything.
    ///
    /// Errors: the folder cannot be created, read or written. A file that cannot be decoded is
    /// deleted and named in the log.
    pub fn open(folder: &Path, disk: D) -> io::Result<(Self, Vec<Restored>)> {
        let mut store = Self {
            folder: folder.to_owned(),
            disk,
            journal: Journal::at(folder.join("journal")),
            behind: false,
            owed: None,
        };
        store.disk.perform(&Step::CreateFolder(store.objects()))?;
        if let Err(error) = store.replay().and_then(|()| store.finish_checkpoint()) {
            log::error!("the journal cannot be carried over yet, going on with it: {error}");
            store.behind = true;
        }
        let mut restored = Vec::new();
        store.read_folder(&store.objects(), "", &mut restored)?;
        if store.behind {
            store.overlay(&mut restored)?;
        }
        Ok((store, restored))
    }

    /// What the journal holds that the files do not: the same state, without a disk that can be written.
    fn overlay(&mut self, restored: &mut Vec<Restored>) -> io::Result<()> {
        let Some(mut reader) = self.journal.read()? else { return Ok(()) };
        while let Some(batch) = journal::next(&mut reader)? {
            for entry in batch {
                match entry {
                    Entry::Set { path, interface, properties } => {
                        restored.retain(|one| one.path != path || one.interface != interface);
                        restored.push(Restored { path, interface, properties });
                    }
                    Entry::Remove { path } => restored.retain(|one| one.path != path),
                }
            }
        }
        Ok(())
    }

    /// Makes a batch durable, all of it or none.
    ///
    /// Errors: nothing of the batch is kept, and the next one is not affected.
    pub fn write(&mut self, batch: &[Entry]) -> io::Result<()> {
        self.pay()?;
        self.append(batch)
    }

    fn append(&mut self, batch: &[Entry]) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.journal.append(&self.disk, journal::encode(batch).into_bytes())?;
        if let Err(error) = self.replace_files(batch) {
            log::warn!("the inventory's files lag behind their journal: {error}");
            self.behind = true;
        }
        Ok(())
    }

    /// Whether the journal holds nothing that a checkpoint would carry over.
    pub fn is_settled(&self) -> bool {
        self.journal.is_settled()
    }

    /// Bytes in the journal.
    pub fn journal_length(&self) -> u64 {
        self.journal.length()
    }

    /// Makes the files durable and empties the journal.
    pub fn checkpoint(&mut self) -> io::Result<()> {
        self.journal.settle(&self.disk)?;
        if self.behind {
            self.replay()?;
            self.behind = false;
        }
        self.finish_checkpoint()
    }

    fn finish_checkpoint(&mut self) -> io::Result<()> {
        if self.journal.length() > 0 {
            self.disk.perform(&Step::SyncFileSystem(self.folder.clone()))?;
            self.journal.clear(&self.disk)?;
        }
        Ok(())
    }

    fn replay(&mut self) -> io::Result<()> {
        let Some(mut reader) = self.journal.read()? else { return Ok(()) };
        while let Some(batch) = journal::next(&mut reader)? {
            self.replace_files(&batch)?;
        }
        Ok(())
    }

    fn replace_files(&mut self, batch: &[Entry]) -> io::Result<()> {
        for entry in batch {
            if let Err(error) = self.replace_file(entry) {
                // No later attempt can name the file, so waiting for one would keep the journal for ever.
                if error.kind() != io::ErrorKind::InvalidFilename {
                    return Err(error);
                }
                log::error!("a change cannot be kept and will be gone after a restart: {error}");
            }
        }
        Ok(())
    }

    fn replace_file(&mut self, entry: &Entry) -> io::Result<()> {
        match entry {
            Entry::Set { path, interface, properties } => {
                let folder = self.object_folder(path);
                let text = Json::Object(properties.clone()).to_string();
                self.disk.perform(&Step::CreateFolder(folder.clone()))?;
                replace_unflushed(&self.disk, &folder.join(interface), text.as_bytes())
            }
            Entry::Remove { path } => self.remove_files(&self.object_folder(path)),
        }
    }

    /// Removes an object's own files; the folders of objects below it stay.
    fn remove_files(&mut self, folder: &Path) -> io::Result<()> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                self.disk.perform(&Step::RemoveFile(entry.path()))?;
            }
        }
        Ok(())
    }

    fn read_folder(&mut self, folder: &Path, path: &str, restored: &mut Vec<Restored>) -> io::Result<()> {
        for entry in std::fs::read_dir(folder).map_err(at(folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            if kind.is_dir() && is_path_element(&name) {
                self.read_folder(&entry.path(), &format!("{path}/{name}"), restored)?;
            } else if kind.is_file() && name.contains('.') && !name.starts_with('.') {
                self.read_file(&entry.path(), path, name, restored)?;
            } else {
                self.remove_foreign(&entry.path(), kind.is_dir());
            }
        }
        Ok(())
    }

    /// Removes what we did not put there, or did not finish: it would be in the way of what we do put there.
    ///
    /// A disk that cannot be written must not keep the inventory from starting, so a failure is only told.
    fn remove_foreign(&mut self, path: &Path, is_folder: bool) {
        log::warn!("removing {}, which is no part of the inventory", path.display());
        let path = path.to_owned();
        let step = if is_folder { Step::RemoveFolder(path) } else { Step::RemoveFile(path) };
        if let Err(error) = self.disk.perform(&step) {
            log::warn!("it stays: {error}");
        }
    }

    fn read_file(
        &mut self,
        file: &Path,
        path: &str,
        interface: String,
        restored: &mut Vec<Restored>,
    ) -> io::Result<()> {
        let decoded = match std::fs::metadata(file).map_err(at(file))?.len() {
            length if length > FILE_LIMIT => Err(format!("it has {length} bytes")),
            _ => {
                let bytes = std::fs::read(file).map_err(at(file))?;
                serde_json::from_slice(&bytes).map_err(|error| error.to_string())
            }
        };
        match decoded {
            Ok(properties) => restored.push(Restored { path: path.to_owned(), interface, properties }),
            Err(error) => {
                log::warn!("{} cannot be decoded: {error}", file.display());
                self.remove_foreign(file, false);
            }
        }
        Ok(())
    }

    fn objects(&self) -> PathBuf {
        self.folder.join("objects")
    }

    fn object_folder(&self, path: &str) -> PathBuf {
        self.objects().join(path.trim_start_matches('/'))
    }
}

/// Elements of object paths; nothing else is a folder of ours.
pub(crate) fn is_path_element(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Largest file of one interface, bytes: four times the largest call, as bytes are kept as hex.
const FILE_LIMIT: u64 = 4 * crate::requests::BODY_LIMIT as u64;

#[cfg(test)]
mod tests;
