use crate::Folder;
use image_format::MemberName;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::sys::statfs::{FsType, TMPFS_MAGIC, fstatfs};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{Gid, fchown, fsync};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A folder on disk, held by its descriptor: nobody can put another in its place.
#[derive(Debug)]
pub struct DiskFolder {
    folder: OwnedFd,
    /// The folders in it, by name: there may be more than a process may have descriptors.
    below: Vec<MemberName>,
    group: Option<Gid>,
    is_memory: bool,
}

/// ramfs, which nix has no name for.
const RAMFS_MAGIC: i64 = 0x8584_58f6;

impl DiskFolder {
    /// Makes a folder that only its owner may enter.
    ///
    /// Files will belong to `group`, which may read them. Errors: as the kernel says, among them that it is there.
    pub fn create(path: &Path, group: Option<u32>) -> io::Result<Self> {
        mkdirat(AT_FDCWD, path, Mode::S_IRWXU)?;
        let folder = openat(AT_FDCWD, path, folder_flags(), Mode::empty())?;
        Self::of(folder, group)
    }

    /// As [`Self::create`], below another folder.
    pub fn create_in(parent: impl AsFd, name: &str, group: Option<u32>) -> io::Result<Self> {
        mkdirat(&parent, name, Mode::S_IRWXU)?;
        let folder = openat(&parent, name, folder_flags(), Mode::empty())?;
        Self::of(folder, group)
    }

    fn of(folder: OwnedFd, group: Option<u32>) -> io::Result<Self> {
        let kind = fstatfs(&folder)?.filesystem_type();
        let is_memory = kind == TMPFS_MAGIC || kind == FsType(RAMFS_MAGIC as _);
        Ok(Self { folder, below: Vec::new(), group: group.map(Gid::from_raw), is_memory })
    }

    /// Lets the group in and makes the folder last, with those in it, where the file system outlives a loss of power.
    pub fn complete(&self) -> io::Result<()> {
        fchown(&self.folder, None, self.group)?;
        fchmod(&self.folder, folder_mode())?;
        if self.is_memory {
            return Ok(());
        }
        for name in &self.below {
            fsync(openat(&self.folder, name.as_str(), folder_flags(), Mode::empty())?)?;
        }
        Ok(fsync(&self.folder)?)
    }

    /// Whether the file system is gone with the power anyway.
    pub fn is_memory(&self) -> bool {
        self.is_memory
    }
}

impl AsFd for DiskFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

impl Folder for DiskFolder {
    type File = File;
    type Reader = File;

    fn create_folder(&mut self, name: &MemberName) -> io::Result<()> {
        mkdirat(&self.folder, name.as_str(), Mode::S_IRWXU)?;
        let made = openat(&self.folder, name.as_str(), folder_flags(), Mode::empty())?;
        fchown(&made, None, self.group)?;
        fchmod(&made, folder_mode())?;
        self.below.push(name.clone());
        Ok(())
    }

    fn create(&mut self, name: &MemberName) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&self.folder, name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
        fchown(&file, None, self.group)?;
        // Not left to the umask.
        fchmod(&file, Mode::S_IRUSR | Mode::S_IWUSR | Mode::S_IRGRP)?;
        Ok(file.into())
    }

    fn finish(&mut self, file: File) -> io::Result<()> {
        if self.is_memory { Ok(()) } else { file.sync_all() }
    }

    fn open(&self, name: &MemberName) -> io::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.folder, name.as_str(), flags, Mode::empty())?.into())
    }

    fn space(&self) -> io::Result<(u64, u64)> {
        let system = fstatvfs(&self.folder)?;
        #[allow(clippy::useless_conversion, reason = "these are narrower on 32-bit machines")]
        let bytes = |blocks| u64::from(blocks).saturating_mul(u64::from(system.fragment_size()));
        // A file system without a limit of its own says that it has no blocks at all.
        match system.blocks() {
            0 => Ok((u64::MAX, u64::MAX)),
            blocks => Ok((bytes(system.blocks_available()), bytes(blocks))),
        }
    }
}

fn folder_flags() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

fn folder_mode() -> Mode {
    Mode::S_IRWXU | Mode::S_IRGRP | Mode::S_IXGRP
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_format::NameLimits;

    #[test]
    fn each_folder_in_it_is_made_last_too() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("image");
        let mut folder = DiskFolder::create(&path, None).unwrap();
        for name in ["a", "a/b", "c"] {
            let name = MemberName::parse_folder(name.as_bytes(), &NameLimits::default()).unwrap();
            folder.create_folder(&name).unwrap();
        }
        // Nothing tells a flush from none but that it fails for a folder that is gone.
        folder.is_memory = false;
        folder.complete().unwrap();
        for name in ["a/b", "c"] {
            std::fs::remove_dir(path.join(name)).unwrap();
            assert_eq!(folder.complete().unwrap_err().kind(), io::ErrorKind::NotFound, "{name}");
            std::fs::create_dir(path.join(name)).unwrap();
        }
        folder.is_memory = true;
        std::fs::remove_dir(path.join("c")).unwrap();
        folder.complete().unwrap();
    }
}
