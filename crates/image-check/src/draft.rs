//! Folders that are being filled for the place of a destination.

use crate::DiskFolder;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of the next draft of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// So many names are tried where others are in the way.
const ATTEMPTS: usize = 100;

/// A folder with a draft's name that no other process or call has.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    pub(crate) folder: DiskFolder,
    /// Held as long as somebody fills it: what nobody holds was left by a kill.
    lock: File,
}

impl Draft {
    /// Makes one, after those beside it are removed that no process fills any more, of whichever destination: that of a killed
    /// copy may never be wanted again.
    ///
    /// Errors: as the kernel says; the destination is there.
    pub(crate) fn begin(destination: &Path, group: Option<u32>) -> io::Result<Self> {
        sweep(parent_of(destination))?;
        if destination.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        for _ in 0..ATTEMPTS {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let mut name = destination.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
            name.push(format!(".{}-{number}", std::process::id()));
            let path = durable_state::draft_of(&destination.with_file_name(name))?;
            match Self::of(path, group) {
                // A process of our number left it, or another took ours for left before it was held.
                Ok(None) => {}
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {}
                made => return made.and_then(|made| made.ok_or_else(|| io::ErrorKind::AlreadyExists.into())),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// `None` where another process holds it, or has removed it already.
    fn of(path: PathBuf, group: Option<u32>) -> io::Result<Option<Self>> {
        let folder = DiskFolder::create(&path, group)?;
        let lock = File::from(folder.as_fd().try_clone_to_owned()?);
        let is_held = try_lock(&lock)? && is_at(&lock, &path)?;
        Ok(is_held.then_some(Self { path, folder, lock }))
    }

    /// Gives it its name, durably; it has none afterwards where that fails.
    pub(crate) fn put_in_place(&self, destination: &Path) -> io::Result<()> {
        self.folder.complete()?;
        if !is_at(&self.lock, &self.path)? {
            let message = format!("{} is another folder than was filled", self.path.display());
            return Err(io::Error::other(message));
        }
        let (from, to) = (&self.path, destination);
        // A plain rename would take the place of an empty folder.
        match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
            // A file system over the network cannot do that.
            Err(Errno::EINVAL) => fs::rename(from, to)?,
            renamed => renamed?,
        }
        let named = File::open(parent_of(destination)).and_then(|parent| parent.sync_all());
        named.inspect_err(|_| {
            // What went wrong first is what is told.
            let _ = fs::remove_dir_all(destination);
        })
    }

    /// Removes it, while it is held.
    pub(crate) fn discard(&self) {
        let removed = match is_at(&self.lock, &self.path) {
            Ok(true) => fs::remove_dir_all(&self.path),
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            let path = self.path.display();
            log::warn!("the copy of an image that was refused stays as {path}: {error}");
        }
    }
}

/// Removes drafts in a folder that no process holds. One that cannot be removed is only logged: nothing needs its name.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // One that is gone meanwhile has no type.
        if is_draft(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = entry.path();
            if let Err(error) = remove_left(&path) {
                log::warn!("what a killed copy left stays as {}: {error}", path.display());
            }
        }
    }
    Ok(())
}

fn remove_left(path: &Path) -> io::Result<()> {
    let flags = nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_NOFOLLOW;
    let folder = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        // Its process has just given it its name, or removed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        folder => folder?,
    };
    if try_lock(&folder)? && is_at(&folder, path)? { fs::remove_dir_all(path) } else { Ok(()) }
}

/// Whether a name is `.NAME.PID-NUMBER.draft`.
fn is_draft(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes().strip_prefix(b".").and_then(|name| name.strip_suffix(b".draft"));
    let Some(name) = name else { return false };
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0) else { return false };
    let mut numbers = name.get(dot + 1..).unwrap_or_default().split(|byte| *byte == b'-');
    let is_number = |text: Option<&[u8]>| {
        text.is_some_and(|text| !text.is_empty() && text.iter().all(u8::is_ascii_digit))
    };
    is_number(numbers.next()) && is_number(numbers.next()) && numbers.next().is_none()
}

fn try_lock(folder: &File) -> io::Result<bool> {
    match folder.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a path leads to what is open.
fn is_at(folder: &File, path: &Path) -> io::Result<bool> {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => Ok(identity(found?) == identity(folder.metadata()?)),
    }
}

/// Bytes that are free where a destination is; 0 where the kernel does not say.
pub(crate) fn free_beside(destination: &Path) -> u64 {
    let Ok(system) = nix::sys::statvfs::statvfs(parent_of(destination)) else { return 0 };
    #[allow(clippy::useless_conversion, reason = "these are narrower on 32-bit machines")]
    let (blocks, length) = (u64::from(system.blocks_available()), u64::from(system.fragment_size()));
    blocks.saturating_mul(length)
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_known_by_its_name() {
        for (name, expected) in [
            (".copy.12-0.draft", true),
            (".a.b.12-0.draft", true),
            (".copy.draft", false),
            (".copy.12.draft", false),
            (".copy.12-.draft", false),
            (".copy.1-2-3.draft", false),
            (".1-2.draft", false),
            ("..1-2.draft", false),
            (".draft", false),
            ("copy.1-2.draft", false),
        ] {
            assert_eq!(is_draft(name.as_ref()), expected, "{name}");
        }
    }

    #[test]
    fn what_killed_copies_left_goes_with_the_next_of_any_destination() {
        let place = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| place.path().join(name));
        let left = |destination: &Path| {
            let draft = Draft::begin(destination, None).unwrap();
            draft.path.clone()
        };
        let of_other = left(&other);
        assert!(of_other.exists());
        let of_one = left(&one);
        assert!(!of_other.exists() && of_one.exists());
        fs::create_dir(&one).unwrap();
        assert_eq!(Draft::begin(&one, None).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(!of_one.exists());
    }

    #[test]
    fn what_came_to_the_destination_meanwhile_stays() {
        let place = tempfile::tempdir().unwrap();
        let destination = place.path().join("copy");
        let draft = Draft::begin(&destination, None).unwrap();
        fs::create_dir(&destination).unwrap();
        assert_eq!(draft.put_in_place(&destination).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(destination.exists() && draft.path.exists());
    }

    #[test]
    fn another_folder_at_a_draft_s_name_is_neither_put_in_place_nor_removed() {
        let place = tempfile::tempdir().unwrap();
        let destination = place.path().join("copy");
        let draft = Draft::begin(&destination, None).unwrap();
        fs::rename(&draft.path, place.path().join("away")).unwrap();
        fs::create_dir(&draft.path).unwrap();
        let refused = draft.put_in_place(&destination).unwrap_err().to_string();
        assert!(refused.contains("is another folder"), "{refused}");
        draft.discard();
        assert!(!destination.exists() && draft.path.exists());
    }

    #[test]
    fn what_is_being_filled_is_not_swept_and_what_was_left_is() {
        let place = tempfile::tempdir().unwrap();
        let destination = place.path().join("copy");
        let held = Draft::begin(&destination, None).unwrap();
        let left = Draft::begin(&destination, None).unwrap();
        let left_path = left.path.clone();
        // As a kill does.
        drop(left);
        let next = Draft::begin(&destination, None).unwrap();
        assert!(held.path.exists() && next.path.exists() && !left_path.exists());
        assert_ne!(held.path, next.path);
    }
}
