use nix::fcntl::OFlag;
use nix::unistd::syncfs;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// One change of the disk; between two of them the process may die.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are paths, lengths and contents")]
pub enum Step {
    /// A folder with its parents, not durable yet; fine when it exists.
    CreateFolder(PathBuf),
    /// Bytes at an offset of a file, durable afterwards; the file is created durably if need be.
    Append { path: PathBuf, offset: u64, bytes: Vec<u8> },
    /// A file's new length, durable afterwards; fine when the file does not exist.
    Truncate { path: PathBuf, length: u64 },
    /// A whole file, not durable yet. A link at its place is not followed: the step fails.
    Write { path: PathBuf, bytes: Vec<u8> },
    /// A symbolic link that does not exist yet, not durable yet.
    Link { path: PathBuf, target: PathBuf },
    /// A file or link takes another's place, not durable yet.
    Rename { from: PathBuf, to: PathBuf },
    /// A file or link goes, not durably yet.
    RemoveFile(PathBuf),
    /// A folder goes, with everything in it, not durably yet.
    RemoveFolder(PathBuf),
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
        change(step).and_then(|()| flush(step)).map_err(at(step.path()))
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
            | Self::SyncFile(path)
            | Self::SyncFolder(path)
            | Self::SyncFileSystem(path)
            | Self::Append { path, .. }
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
        Step::Append { path, offset, bytes } => append(path, *offset, bytes),
        Step::Truncate { path, length } => existing(path, |file| file.set_len(*length)),
        Step::Write { path, bytes } => write(path, bytes),
        Step::Link { path, target } => symlink(target, path),
        Step::Rename { from, to } => std::fs::rename(from, to),
        Step::RemoveFile(path) => std::fs::remove_file(path),
        Step::RemoveFolder(path) => std::fs::remove_dir_all(path),
        Step::SyncFile(_) | Step::SyncFolder(_) | Step::SyncFileSystem(_) => Ok(()),
    }
}

/// What of a step makes something durable.
fn flush(step: &Step) -> io::Result<()> {
    match step {
        Step::Append { path, .. } | Step::Truncate { path, .. } => existing(path, File::sync_data),
        Step::SyncFile(path) | Step::SyncFolder(path) => File::open(path)?.sync_all(),
        Step::SyncFileSystem(path) => Ok(syncfs(File::open(path)?)?),
        _ => Ok(()),
    }
}

/// Does something to a file that is there.
fn existing(path: &Path, what: impl Fn(&File) -> io::Result<()>) -> io::Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => what(&file?),
    }
}

fn append(path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let is_new = !path.exists();
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    // Before anything is in it: a name that is lost later takes nothing with it that counts.
    if is_new && let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    file.write_all_at(bytes, offset)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).custom_flags(OFlag::O_NOFOLLOW.bits());
    options.open(path)?.write_all(bytes)
}
