use crate::{Disk, Document, LoadError, RealDisk, Step};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How the name of a file ends that is not believed.
pub(crate) const DAMAGED: &str = ".damaged";
/// So many of them stay in a folder, the newest.
const DAMAGED_KEPT: usize = 4;

/// A folder whose files are all written by one process.
///
/// Parts of that process that keep one file each in a folder need not [`Self::open`] it: the draft of a name that is written
/// again is written over. Who makes up names must, or drafts of names that never come back would stay.
///
/// Names of its files have no `/` and do not begin with a dot: drafts, damaged files and those of other formats do.
#[derive(Debug, Clone)]
pub struct StateFolder<D = RealDisk> {
    path: PathBuf,
    disk: D,
}

impl StateFolder {
    /// A folder on the real disk. It need not be there yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::on(path, RealDisk)
    }
}

impl<D: Disk> StateFolder<D> {
    /// A folder on a disk.
    pub fn on(path: impl Into<PathBuf>, disk: D) -> Self {
        Self { path: path.into(), disk }
    }

    /// Makes the folder if need be, and removes what an interrupted run left in it: drafts, and damaged files beyond four.
    ///
    /// Errors: as the kernel says. A draft that cannot be removed is only logged: nothing needs its name.
    pub fn open(&self) -> io::Result<()> {
        crate::create_folder(&self.disk, &self.path)?;
        let swept =
            crate::sweep(&self.disk, &self.path).and_then(|()| forget_damaged(&self.disk, &self.path));
        if let Err(error) = swept {
            log::warn!("what an interrupted run left stays: {error}");
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of it is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// See [`crate::save`].
    pub fn save<T: Document>(&self, name: &str, value: &T) -> io::Result<()> {
        crate::save(&self.disk, &self.file(name), value)
    }

    /// See [`crate::save_unflushed`].
    pub fn save_unflushed<T: Document>(&self, name: &str, value: &T) -> io::Result<()> {
        crate::save_unflushed(&self.disk, &self.file(name), value)
    }

    /// See [`crate::load`].
    pub fn load<T: Document>(&self, name: &str) -> Result<Option<T>, LoadError> {
        crate::load(&self.disk, &self.file(name))
    }

    /// See [`crate::load_within`].
    pub fn load_within<T: Document>(&self, name: &str, longest: u64) -> Result<Option<T>, LoadError> {
        crate::load_within(&self.disk, &self.file(name), longest)
    }

    /// See [`crate::remove`].
    pub fn remove(&self, name: &str) -> io::Result<()> {
        crate::remove(&self.disk, &self.file(name))
    }

    /// Names of its files, sorted; neither drafts, nor damaged ones, nor those of other formats, nor names that are
    /// no text.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(crate::at(&self.path))? {
            names.extend(entry?.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Whether a file of this name is one that was [set aside](crate::set_aside).
pub fn is_damaged(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(DAMAGED.as_bytes())
}

/// Removes from a folder what was [set aside](crate::set_aside), but for the newest four.
///
/// Errors: as the kernel says.
pub fn forget_damaged(disk: &impl Disk, folder: &Path) -> io::Result<()> {
    let mut kept: Vec<(SystemTime, PathBuf, bool)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if is_damaged(&entry.file_name()) {
            let found = entry.path().symlink_metadata()?;
            kept.push((found.modified()?, entry.path(), found.is_dir()));
        }
    }
    kept.sort_unstable();
    let superfluous = kept.len().saturating_sub(DAMAGED_KEPT);
    kept.into_iter().take(superfluous).try_for_each(|(_, path, is_folder)| {
        disk.perform(&if is_folder { Step::RemoveFolder(path) } else { Step::RemoveFile(path) })
    })
}
