//! Whether a state folder was ever used, and how its use begins.

use super::{Entry, Store};
use durable_state::{Disk, Step};
use std::io;
use std::path::PathBuf;

/// A first batch that the disk did not take yet.
#[derive(Debug)]
pub(super) struct Owed {
    batch: Vec<Entry>,
    note: String,
}

impl<D: Disk> Store<D> {
    /// Whether nothing says that anybody used the folder: no object, and no note of a beginning.
    ///
    /// A used folder without a note gets one now, or it would count as unused once its last object is deleted.
    pub fn claim(&mut self) -> bool {
        if self.note().symlink_metadata().is_ok() {
            return false;
        }
        if self.has_objects {
            self.put_down("in use before there was anything to adopt");
        }
        !self.has_objects
    }

    /// Begins an unused folder with a batch, and then notes that it is used.
    ///
    /// Errors: the batch cannot be written; the next [`Store::write`] tries again before anything else, so that no later
    /// change hides that it is missing.
    pub fn begin(&mut self, batch: Vec<Entry>, note: &str) -> io::Result<()> {
        self.owed = Some(Owed { batch, note: note.to_owned() });
        self.pay()
    }

    /// Writes what is owed.
    pub(super) fn pay(&mut self) -> io::Result<()> {
        let Some(owed) = self.owed.take() else { return Ok(()) };
        if let Err(error) = self.append(&|take| owed.batch.iter().map(Entry::change).try_for_each(take)) {
            self.owed = Some(owed);
            return Err(error);
        }
        self.put_down(&owed.note);
        Ok(())
    }

    /// Without the note the objects say that the folder is used, so that a failure is only told.
    fn put_down(&mut self, note: &str) {
        let step = Step::Append { path: self.note(), offset: 0, bytes: format!("{note}\n").into_bytes() };
        if let Err(error) = self.disk.perform(&step) {
            log::warn!("cannot note that the inventory's folder is in use: {error}");
        }
    }

    fn note(&self) -> PathBuf {
        self.folder.join("adopted")
    }
}
