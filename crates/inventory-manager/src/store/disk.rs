use nix::unistd::syncfs;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// One change of the disk; between two of them the process may die.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are paths, lengths and contents")]
pub enum Step {
    /// A folder with its parents; fine when it exists.
    CreateFolder(PathBuf),
    /// Bytes at the end of a file, durable afterwards; the file is created durably if need be.
    Append { path: PathBuf, offset: u64, bytes: Vec<u8> },
    /// A file's new length, durable afterwards; fine when the file does not exist.
    Truncate { path: PathBuf, length: u64 },
    /// A whole file, not durable yet.
    Write { path: PathBuf, bytes: Vec<u8> },
    /// A file takes another's place.
    Rename { from: PathBuf, to: PathBuf },
    /// A file goes.
    RemoveFile(PathBuf),
    /// A folder goes, with everything in it.
    RemoveFolder(PathBuf),
    /// Everything written so far to the file system that holds the path becomes durable.
    SyncFileSystem(PathBuf),
}

/// What performs steps.
pub trait Disk {
    /// Performs one step. Errors: those of the system calls.
    fn perform(&mut self, step: &Step) -> io::Result<()>;
}

/// The real thing.
#[derive(Debug, Default)]
pub struct RealDisk;

impl Step {
    fn path(&self) -> &Path {
        match self {
            Self::CreateFolder(path)
            | Self::RemoveFile(path)
            | Self::RemoveFolder(path)
            | Self::SyncFileSystem(path)
            | Self::Append { path, .. }
            | Self::Truncate { path, .. }
            | Self::Write { path, .. }
            | Self::Rename { to: path, .. } => path,
        }
    }
}

/// The same error, naming the path.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Disk for RealDisk {
    fn perform(&mut self, step: &Step) -> io::Result<()> {
        perform(step).map_err(at(step.path()))
    }
}

fn perform(step: &Step) -> io::Result<()> {
    match step {
        Step::CreateFolder(path) => std::fs::create_dir_all(path),
        Step::Append { path, offset, bytes } => append(path, *offset, bytes),
        Step::Truncate { path, length } => match OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            file => {
                let file = file?;
                file.set_len(*length)?;
                file.sync_data()
            }
        },
        Step::Write { path, bytes } => std::fs::write(path, bytes),
        Step::Rename { from, to } => std::fs::rename(from, to),
        Step::RemoveFile(path) => std::fs::remove_file(path),
        Step::RemoveFolder(path) => std::fs::remove_dir_all(path),
        Step::SyncFileSystem(path) => Ok(syncfs(File::open(path)?)?),
    }
}

fn append(path: &PathBuf, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let exists = path.exists();
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.write_all_at(bytes, offset)?;
    file.sync_data()?;
    if !exists && let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
