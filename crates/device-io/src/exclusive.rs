use crate::eeprom::{EepromError, lock, open_regular};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;
use vpd_format::ReadAt;

/// An open EEPROM, locked against readers and other writers until it is dropped.
///
/// Of two chips that say the same, all lock first the one that counts.
#[derive(Debug)]
pub struct ExclusiveEeprom {
    file: File,
    size: u64,
}

impl ExclusiveEeprom {
    /// Opens an EEPROM for reading and writing, and locks it before the deadline.
    ///
    /// Errors: [`EepromError`]; [`EepromError::InUse`] at the deadline, which is tried at least once.
    pub fn open(path: &Path, deadline: Instant) -> Result<Self, EepromError> {
        let file = open_regular(path, OpenOptions::new().read(true).write(true))?;
        let unreadable = |source| EepromError::Unreadable { path: path.to_owned(), source };
        let size = file.metadata().map_err(unreadable)?.len();
        let limit = deadline.saturating_duration_since(Instant::now());
        lock(&file, path, limit, File::try_lock, |path| EepromError::InUse { path })?;
        Ok(Self { file, size })
    }

    /// Puts bytes at an offset with one system call; the driver divides it into the chip's write cycles. They are durable
    /// afterwards: a chip's once its cycle has ended, for which the next read waits; a file's at once.
    ///
    /// Errors: as the kernel says; some of the bytes may be written then.
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_at(bytes, offset)?;
        if written != bytes.len() {
            let what = format!("{written} of {} bytes at offset {offset} were written", bytes.len());
            return Err(io::Error::new(io::ErrorKind::WriteZero, what));
        }
        match self.file.sync_data() {
            // An attribute of sysfs, which has nothing to make durable.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            result => result,
        }
    }
}

impl ReadAt for ExclusiveEeprom {
    type Error = io::Error;

    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Eeprom;
    use std::fs::TryLockError;

    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn what_is_written_is_read_back_and_keeps_readers_out_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eeprom");
        std::fs::write(&path, b"0123456789").unwrap();
        let mut eeprom = ExclusiveEeprom::open(&path, now()).unwrap();
        eeprom.write_at(3, b"xy").unwrap();
        let mut bytes = [0; 4];
        eeprom.read_exact_at(2, &mut bytes).unwrap();
        assert_eq!((&bytes, eeprom.size()), (b"2xy5", 10));
        let reader = File::open(&path).unwrap();
        assert!(matches!(reader.try_lock_shared(), Err(TryLockError::WouldBlock)));
        drop(eeprom);
        assert!(reader.try_lock_shared().is_ok());
    }

    #[test]
    fn readers_and_writers_keep_a_writer_out_until_its_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eeprom");
        std::fs::write(&path, b"x").unwrap();
        let reader = Eeprom::open(&path).unwrap();
        let locked =
            |path: &Path| matches!(ExclusiveEeprom::open(path, now()), Err(EepromError::InUse { .. }));
        assert!(locked(&path));
        drop(reader);
        let writer = ExclusiveEeprom::open(&path, now()).unwrap();
        assert!(locked(&path));
        drop(writer);
        assert!(!locked(&path));
        let absent = ExclusiveEeprom::open(&folder.path().join("none"), now());
        assert!(matches!(absent, Err(EepromError::Absent { .. })));
    }
}
