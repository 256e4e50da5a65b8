use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use vpd_format::ReadAt;

/// Longest wait for a writer; it holds the lock for one record and its code, a fraction of a second, and longer for a repair.
const LOCK_LIMIT: Duration = Duration::from_secs(10);
/// How often a lock is tried meanwhile; `flock` has no time limit of its own. Who lets others go first pauses for longer.
pub const LOCK_RETRY: Duration = Duration::from_millis(20);

/// An open EEPROM, shared with other readers and locked against writers until it is dropped.
#[derive(Debug)]
pub struct Eeprom {
    file: File,
    size: u64,
}

/// Why an EEPROM cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EepromError {
    /// There is no such device or file.
    #[error("{} does not exist", .path.display())]
    Absent {
        /// The path.
        path: PathBuf,
    },
    /// It is there but cannot be opened or examined.
    #[error("cannot open {}", .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A writer held it as long as it was waited for.
    #[error("{} is locked by a writer", .path.display())]
    Locked {
        /// The path.
        path: PathBuf,
    },
    /// Readers or a writer held it as long as it was waited for.
    #[error("{} is being read or written", .path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
}

impl Eeprom {
    /// Opens and locks an EEPROM for reading; a writer is waited for at most ten seconds.
    pub fn open(path: &Path) -> Result<Self, EepromError> {
        Self::open_within(path, LOCK_LIMIT)
    }

    /// As [`Self::open`], with another limit; none is to look once whether a writer holds it.
    pub fn open_within(path: &Path, limit: Duration) -> Result<Self, EepromError> {
        let unreadable = |source| EepromError::Unreadable { path: path.to_owned(), source };
        let file = open_regular(path, OpenOptions::new().read(true))?;
        let size = file.metadata().map_err(unreadable)?.len();
        lock(&file, path, limit, File::try_lock_shared, |path| EepromError::Locked { path })?;
        Ok(Self { file, size })
    }
}

/// An EEPROM that no other program reads or writes, until this is dropped. Its device may go meanwhile.
#[derive(Debug)]
pub struct ExclusiveLock {
    _file: File,
}

impl ExclusiveLock {
    /// Locks an EEPROM; readers and writers are waited for no longer than the limit.
    ///
    /// Errors: [`EepromError::InUse`] when they do not end; [`EepromError::Absent`] without a device.
    pub fn within(path: &Path, limit: Duration) -> Result<Self, EepromError> {
        let file = open_regular(path, OpenOptions::new().read(true))?;
        lock(&file, path, limit, File::try_lock, |path| EepromError::InUse { path })?;
        Ok(Self { _file: file })
    }
}

/// Opens what is a file or an attribute of sysfs, and nothing else.
pub(crate) fn open_regular(path: &Path, options: &OpenOptions) -> Result<File, EepromError> {
    let unreadable = |source| EepromError::Unreadable { path: path.to_owned(), source };
    // Looked at before it is opened: opening a FIFO would wait for its writer.
    match std::fs::metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(EepromError::Absent { path: path.to_owned() });
        }
        Err(error) => return Err(unreadable(error)),
        Ok(metadata) if !metadata.is_file() => {
            return Err(unreadable(io::Error::other("it is neither a file nor a sysfs attribute")));
        }
        Ok(_) => {}
    }
    options.open(path).map_err(unreadable)
}

pub(crate) fn lock(
    file: &File,
    path: &Path,
    limit: Duration,
    attempt: fn(&File) -> Result<(), TryLockError>,
    held: fn(PathBuf) -> EepromError,
) -> Result<(), EepromError> {
    let deadline = Instant::now() + limit;
    loop {
        match attempt(file) {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOCK_RETRY),
            Err(TryLockError::WouldBlock) => return Err(held(path.to_owned())),
            Err(TryLockError::Error(source)) => {
                return Err(EepromError::Unreadable { path: path.to_owned(), source });
            }
        }
    }
}

impl ReadAt for Eeprom {
    type Error = io::Error;

    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), io::Error> {
        self.file.read_exact_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_from_where_they_are_asked_for_and_not_past_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eeprom");
        std::fs::write(&path, b"0123456789").unwrap();
        let mut eeprom = Eeprom::open(&path).unwrap();
        assert_eq!(eeprom.size(), 10);
        let mut buffer = [0; 4];
        eeprom.read_exact_at(5, &mut buffer).unwrap();
        assert_eq!(&buffer, b"5678");
        assert_eq!(eeprom.read_exact_at(8, &mut buffer).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn an_absent_device_is_told_from_an_unreadable_one() {
        let folder = tempfile::tempdir().unwrap();
        let absent = Eeprom::open(&folder.path().join("9-0051/eeprom")).unwrap_err();
        assert!(matches!(absent, EepromError::Absent { .. }));
        assert!(matches!(Eeprom::open(folder.path()).unwrap_err(), EepromError::Unreadable { .. }));
    }

    #[test]
    fn readers_share_an_eeprom_and_keep_a_writer_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eeprom");
        std::fs::write(&path, b"x").unwrap();
        let readers = (Eeprom::open(&path).unwrap(), Eeprom::open(&path).unwrap());
        let writer = File::options().write(true).open(&path).unwrap();
        assert!(matches!(writer.try_lock(), Err(TryLockError::WouldBlock)));
        drop(readers);
        assert!(writer.try_lock().is_ok());
        let refused = Eeprom::open_within(&path, Duration::ZERO).unwrap_err();
        assert!(matches!(refused, EepromError::Locked { .. }), "{refused}");
        writer.unlock().unwrap();
        Eeprom::open_within(&path, Duration::ZERO).unwrap();
    }

    #[test]
    fn an_exclusive_lock_waits_for_readers_and_writers_and_keeps_them_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eeprom");
        let lock = || ExclusiveLock::within(&path, Duration::ZERO);
        assert!(matches!(lock(), Err(EepromError::Absent { .. })));
        std::fs::write(&path, b"x").unwrap();
        let reader = Eeprom::open(&path).unwrap();
        assert!(matches!(lock(), Err(EepromError::InUse { .. })));
        drop(reader);
        let held = lock().unwrap();
        assert!(matches!(lock(), Err(EepromError::InUse { .. })));
        assert!(Eeprom::open_within(&path, Duration::ZERO).is_err());
        drop(held);
        lock().unwrap();
    }
}
