use crate::opening::require_regular;
use nix::unistd::syncfs;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

/// One change of the disk; between two of them the process may die.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are paths, lengths and contents")]
pub enum Step {
    /// A folder with its parents, not durable yet; fine when it exists.
    CreateFolder(PathBuf),
    /// Bytes at an offset of a file, durable afterwards. At offset 0 the file is created if need be, and its name durable.
    Append { path: PathBuf, offset: u64, bytes: Vec<u8> },
    /// As [`Step::Append`], but the bytes are not durable yet: more of what belongs together follows.
    Extend { path: PathBuf, offset: u64, bytes: Vec<u8> },
    /// A file's new length, durable afterwards; fine when the file does not exist.
    Truncate { path: PathBuf, length: u64 },
    /// A whole file, not durable yet. A link at its place is not followed, nor a pipe written to: the step fails.
    Write { path: PathBuf, bytes: Vec<u8> },
    /// A symbolic link that does not exist yet, not durable yet.
    Link { path: PathBuf, target: PathBuf },
    /// A file or link takes another's place, not durable yet.
    Rename { from: PathBuf, to: PathBuf },
    /// A file or link goes, not durably yet.
    RemoveFile(PathBuf),
    /// A folder goes, with everything in it, not durably yet.
    RemoveFolder(PathBuf),
    /// A folder goes, not durably yet, unless there is something in it: then the step fails.
    RemoveEmptyFolder(PathBuf),
    /// A file that is not read takes room on the disk, so many bytes, or shrinks to them and gives the rest back.
    Reserve { path: PathBuf, length: u64 },
    /// What was written to a file becomes durable.
    SyncFile(PathBuf),
    /// The names in a folder become durable.
    SyncFolder(PathBuf),
    /// Everything written so far to the file system that holds the path becomes durable.
    SyncFileSystem(PathBuf),
}

/// What performs steps.
pub trait Disk {
    /// Performs one step. Errors: those of the system calls, naming the path.
    fn perform(&self, step: &Step) -> io::Result<()>;
}

/// The real thing.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn perform(&self, step: &Step) -> io::Result<()> {
        durably(step).map_err(at(step.path()))
    }
}

impl<D: Disk + ?Sized> Disk for &D {
    fn perform(&self, step: &Step) -> io::Result<()> {
        (**self).perform(step)
    }
}

impl Step {
    /// What it is about; of a rename, the name that stays.
    pub fn path(&self) -> &Path {
        match self {
            Self::CreateFolder(path)
            | Self::RemoveFile(path)
            | Self::RemoveFolder(path)
            | Self::RemoveEmptyFolder(path)
            | Self::Reserve { path, .. }
            | Self::SyncFile(path)
            | Self::SyncFolder(path)
            | Self::SyncFileSystem(path)
            | Self::Append { path, .. }
            | Self::Extend { path, .. }
            | Self::Truncate { path, .. }
            | Self::Write { path, .. }
            | Self::Link { path, .. }
            | Self::Rename { to: path, .. } => path,
        }
    }
}

/// The same error, naming the path.
pub fn at(path: &Path) -> impl Fn(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// What a step changes, as processes see it.
pub(crate) fn change(step: &Step) -> io::Result<()> {
    match step {
        Step::CreateFolder(path) => std::fs::create_dir_all(path),
        Step::Append { path, offset, bytes } | Step::Extend { path, offset, bytes } => {
            append(path, *offset, bytes).map(|_| ())
        }
        Step::Truncate { path, length } => existing(path, |file| file.set_len(*length)),
        Step::Write { path, bytes } => write(path, bytes),
        Step::Link { path, target } => symlink(target, path),
        Step::Rename { from, to } => std::fs::rename(from, to),
        Step::RemoveFile(path) => std::fs::remove_file(path),
        Step::RemoveFolder(path) => std::fs::remove_dir_all(path),
        Step::RemoveEmptyFolder(path) => std::fs::remove_dir(path),
        Step::Reserve { path, length } => crate::reserve::hold(path, *length),
        Step::SyncFile(_) | Step::SyncFolder(_) | Step::SyncFileSystem(_) => Ok(()),
    }
}

/// A step, with what of it makes something durable: through the descriptor that wrote, as its name may be another's by then.
fn durably(step: &Step) -> io::Result<()> {
    match step {
        Step::Append { path, offset, bytes } => flush(&append(path, *offset, bytes)?),
        Step::Truncate { path, length } => existing(path, |file| {
            file.set_len(*length)?;
            file.sync_data()
        }),
        Step::SyncFile(path) | Step::SyncFolder(path) => File::open(path)?.sync_all(),
        Step::SyncFileSystem(path) => Ok(syncfs(File::open(path)?)?),
        _ => change(step),
    }
}

/// Errors: also that the file has no name any more, and so nothing that will be found.
fn flush(file: &File) -> io::Result<()> {
    file.sync_data()?;
    if file.metadata()?.nlink() == 0 {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it was removed while it was written"));
    }
    Ok(())
}

/// Does something to a file that is there.
fn existing(path: &Path, what: impl Fn(&File) -> io::Result<()>) -> io::Result<()> {
    match require_regular(path, OpenOptions::new().write(true)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => what(&file?),
    }
}

fn append(path: &Path, offset: u64, bytes: &[u8]) -> io::Result<File> {
    let is_first = offset == 0;
    // What went before is gone with a file that is gone: the rest of it would be of no use.
    let file = require_regular(path, OpenOptions::new().create(is_first).truncate(false).write(true))?;
    // Before anything is in it: a name that is lost later takes nothing with it that counts. Also of a file that is there:
    // the process that made it may have been killed before its name was durable.
    if is_first && let Some(folder) = folder_of(path) {
        File::open(folder)?.sync_all()?;
    }
    file.write_all_at(bytes, offset)?;
    Ok(file)
}

/// The folder that has the path's last name.
pub(crate) fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    require_regular(path, options.create(true).truncate(true).write(true))?.write_all(bytes)
}

#[cfg(test)]
mod tests;
