use crate::opening::require_regular;
use crate::{Disk, Step};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Least that is worth reserving, bytes: a page for a name, one for what stands behind it.
const LEAST: u64 = 8 * 1024;

/// Room on the disk that is given back when it is full, for what must go through then.
///
/// A file with real blocks. It is never read, and nothing waits for it to be durable: a loss of power may take it away.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    /// What is wanted, bytes.
    wanted: u64,
    /// What is held.
    held: u64,
}

impl Reserve {
    /// One in this file, of so many bytes; nothing is done until [`Self::take`].
    pub fn at(path: impl Into<PathBuf>, wanted: u64) -> Self {
        let path = path.into();
        let held = path.symlink_metadata().map_or(0, |found| if found.is_file() { found.len() } else { 0 });
        Self { path, wanted, held }
    }

    /// Whether nothing more is wanted.
    pub fn is_whole(&self) -> bool {
        self.held >= self.wanted
    }

    /// Whether there is something to give back.
    pub fn is_held(&self) -> bool {
        self.held > 0
    }

    /// Takes what is wanted, or as much as there is room for, in halves.
    ///
    /// Never fails: without room there is no reserve, which the next call may mend.
    pub fn take(&mut self, disk: &impl Disk) {
        let mut length = self.wanted;
        while length > self.held {
            match disk.perform(&Step::Reserve { path: self.path.clone(), length }) {
                Ok(()) => self.held = length,
                Err(error) if is_full(&error) && length / 2 >= LEAST => length /= 2,
                Err(error) => {
                    log::debug!("no room is kept in reserve: {error}");
                    return;
                }
            }
        }
    }

    /// Wants so many bytes, if it wanted less; [`Self::take`] takes them.
    pub fn grow(&mut self, wanted: u64) {
        self.wanted = self.wanted.max(wanted);
    }

    /// Wants no more than so many bytes, and gives back what it holds beyond. Errors: as the kernel says.
    pub fn shrink(&mut self, wanted: u64, disk: &impl Disk) -> io::Result<()> {
        self.wanted = self.wanted.min(wanted);
        if self.held > self.wanted {
            disk.perform(&Step::Reserve { path: self.path.clone(), length: self.wanted })?;
            self.held = self.wanted;
        }
        Ok(())
    }

    /// Gives all of it back. Errors: as the kernel says.
    pub fn give_back(&mut self, disk: &impl Disk) -> io::Result<()> {
        if self.held > 0 {
            disk.perform(&Step::Reserve { path: self.path.clone(), length: 0 })?;
            self.held = 0;
        }
        Ok(())
    }
}

/// Whether an error says that there is no room.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Has a file hold so many bytes of the disk. Errors: as the kernel says; then it is as long as it was.
pub(crate) fn hold(path: &Path, length: u64) -> io::Result<()> {
    let file = require_regular(path, OpenOptions::new().create(true).truncate(false).write(true))?;
    let before = file.metadata()?.len();
    if length <= before {
        return file.set_len(length);
    }
    extend(&file, before, length).inspect_err(|_| {
        // What was written of it is in the way of nothing.
        let _ = file.set_len(before);
    })
}

fn extend(file: &File, before: u64, length: u64) -> io::Result<()> {
    let (offset, added) = (signed(before)?, signed(length - before)?);
    match fallocate(file, FallocateFlags::empty(), offset, added) {
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => fill(file, before, length),
        done => Ok(done?),
    }
}

fn signed(length: u64) -> io::Result<i64> {
    i64::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

/// Writes what takes room also where a file system packs what it stores, as those of flash chips do: no two words are alike.
fn fill(file: &File, before: u64, length: u64) -> io::Result<()> {
    use std::io::Seek as _;
    let mut file = file;
    file.seek(io::SeekFrom::Start(before))?;
    let mut word = 0x9e37_79b9_7f4a_7c15_u64 ^ before;
    let mut left = length - before;
    while left > 0 {
        let mut piece = [0; 4096];
        for bytes in piece.as_chunks_mut::<8>().0 {
            // Marsaglia's xorshift.
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            *bytes = word.to_le_bytes();
        }
        let taken = left.min(piece.len() as u64);
        file.write_all(piece.get(..taken as usize).unwrap_or_default())?;
        left -= taken;
    }
    // What is not on the disk yet may find no room there.
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealDisk;
    use std::os::unix::fs::MetadataExt as _;

    fn blocks(path: &Path) -> u64 {
        path.metadata().map_or(0, |found| found.blocks() * 512)
    }

    #[test]
    fn a_reserve_takes_real_room_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        let mut reserve = Reserve::at(&path, 100_000);
        reserve.take(&RealDisk);
        assert!(reserve.is_whole() && blocks(&path) >= 100_000, "{} bytes", blocks(&path));
        assert!(Reserve::at(&path, 100_000).is_whole(), "an earlier run's is known");
        reserve.give_back(&RealDisk).unwrap();
        assert!(!reserve.is_held() && blocks(&path) == 0, "{} bytes", blocks(&path));
    }

    #[test]
    fn what_is_written_for_want_of_a_better_way_takes_room_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        fill(&File::create(&path).unwrap(), 0, 100_000).unwrap();
        assert!(blocks(&path) >= 100_000 && path.metadata().unwrap().len() == 100_000);
    }

    #[test]
    fn a_disk_with_little_room_gives_a_smaller_reserve() {
        struct Small;
        impl Disk for Small {
            fn perform(&self, step: &Step) -> io::Result<()> {
                match step {
                    Step::Reserve { length, .. } if *length > 30_000 => {
                        Err(io::ErrorKind::StorageFull.into())
                    }
                    step => RealDisk.perform(step),
                }
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reserve");
        let mut reserve = Reserve::at(&path, 100_000);
        reserve.take(&Small);
        assert!(reserve.is_held() && !reserve.is_whole() && blocks(&path) >= 25_000);
    }
}
