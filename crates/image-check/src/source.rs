use crate::{FileError, LimitError, MemberError, Rejection, Rules};
use image_format::MemberName;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::geteuid;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A folder whose files are to be checked, held by its descriptor.
#[derive(Debug)]
pub struct SourceFolder {
    folder: OwnedFd,
}

/// A file of it that was found, and is a regular one.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: MemberName,
    stamp: Stamp,
}

/// A file of it that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) stamp: Stamp,
}

/// What tells a file from another, and from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    pub(crate) size: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

/// What there is in a folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) folders: Vec<MemberName>,
    pub(crate) files: Vec<Found>,
}

impl SourceFolder {
    /// Opens a folder. A link in its place is not followed.
    ///
    /// Errors: as the kernel says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { folder: openat(AT_FDCWD, path, folder_flags(), Mode::empty())? })
    }

    /// As [`Self::open`], below another folder.
    pub fn open_in(parent: impl AsFd, name: &str) -> io::Result<Self> {
        Ok(Self { folder: openat(parent, name, folder_flags(), Mode::empty())? })
    }

    /// Lists all that is in it, by name, folders before what lies in them.
    pub(crate) fn list(&self, rules: &Rules) -> Result<Listing, Rejection> {
        let mut listing = Listing::default();
        let mut open: Vec<Option<Found>> = vec![None];
        while let Some(folder) = open.pop() {
            for raw in self.names_in(folder.as_ref(), rules.limits.members)? {
                let folder = folder.as_ref().map(|folder| &folder.name);
                self.enter(folder, &raw, rules, &mut listing, &mut open)?;
            }
        }
        listing.folders.sort_unstable();
        listing.files.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(listing)
    }

    fn enter(
        &self,
        folder: Option<&MemberName>,
        raw: &[u8],
        rules: &Rules,
        listing: &mut Listing,
        open: &mut Vec<Option<Found>>,
    ) -> Result<(), Rejection> {
        if listing.files.len().saturating_add(listing.folders.len()) >= rules.limits.members {
            return Err(LimitError::Members { limit: rules.limits.members }.into());
        }
        let path =
            folder.map_or_else(|| raw.to_vec(), |folder| [folder.as_str().as_bytes(), b"/", raw].concat());
        let name = MemberName::parse(&path, &rules.names);
        let name = name.map_err(|source| MemberError::Name { name: path, source })?;
        // Only to be asked what it is: of a link too, and a pipe or a device does nothing.
        let stat = self.open_below(name.as_str(), OFlag::O_PATH).and_then(fstat);
        let stat = stat.map_err(|errno| unopened(&name, errno))?;
        match kind(&stat) {
            SFlag::S_IFREG => listing.files.push(Found { stamp: Stamp::of(&stat), name }),
            SFlag::S_IFDIR => {
                open.push(Some(Found { stamp: Stamp::of(&stat), name: name.clone() }));
                listing.folders.push(name);
            }
            other => return Err(FileError::Kind { name, what: in_words(other) }.into()),
        }
        Ok(())
    }

    /// Names in a folder, at most so many and one.
    fn names_in(&self, folder: Option<&Found>, limit: usize) -> Result<Vec<Vec<u8>>, Rejection> {
        let unreadable = |errno: Errno| match folder {
            Some(folder) => unopened(&folder.name, errno),
            None if errno == Errno::ENOSYS => FileError::OldKernel.into(),
            None => Rejection::Source(errno.into()),
        };
        let opened = match folder {
            Some(folder) => self.found(folder, folder_flags(), SFlag::S_IFDIR)?.0,
            None => self.open_below(".", folder_flags()).map_err(unreadable)?,
        };
        let mut dir = Dir::from_fd(opened).map_err(unreadable)?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
            if names.len() > limit {
                break;
            }
        }
        Ok(names)
    }

    /// Opens a file that was found. A link or pipe that has come into its place neither leads elsewhere nor makes it wait.
    pub(crate) fn file(&self, found: &Found) -> Result<Opened, Rejection> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let (file, stamp) = self.found(found, flags, SFlag::S_IFREG)?;
        Ok(Opened { file: file.into(), stamp })
    }

    /// Opens what was found, if it is that still.
    fn found(&self, found: &Found, flags: OFlag, expected: SFlag) -> Result<(OwnedFd, Stamp), Rejection> {
        let unopened = |errno| unopened(&found.name, errno);
        let opened = self.open_below(found.name.as_str(), flags).map_err(unopened)?;
        let stat = fstat(&opened).map_err(unopened)?;
        let stamp = Stamp::of(&stat);
        if !stamp.is_same_file(&found.stamp) || kind(&stat) != expected {
            return Err(FileError::Swapped(found.name.clone()).into());
        }
        Ok((opened, stamp))
    }

    /// Opens something below the folder. No part of the name is followed if it is a link, nor leads to another file system.
    fn open_below(&self, name: &str, flags: OFlag) -> nix::Result<OwnedFd> {
        let resolve = ResolveFlag::RESOLVE_BENEATH
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_MAGICLINKS
            | ResolveFlag::RESOLVE_NO_XDEV;
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat2(&self.folder, name, OpenHow::new().flags(flags).resolve(resolve))
    }
}

/// Whether users other than root and our own may write to a file, or let themselves do so.
pub(crate) fn is_writable_by_others(file: &File) -> io::Result<bool> {
    let stat = fstat(file)?;
    let is_ours = stat.st_uid == 0 || stat.st_uid == geteuid().as_raw();
    let others = Mode::S_IWGRP | Mode::S_IWOTH;
    Ok(!is_ours || Mode::from_bits_truncate(stat.st_mode).intersects(others))
}

impl Stamp {
    fn of(stat: &FileStat) -> Self {
        #[allow(clippy::useless_conversion, reason = "these are narrower on 32-bit machines")]
        let changed = (i64::from(stat.st_ctime), i64::from(stat.st_ctime_nsec));
        #[allow(clippy::useless_conversion, reason = "these are narrower on 32-bit machines")]
        let (device, inode) = (u64::from(stat.st_dev), u64::from(stat.st_ino));
        Self { device, inode, size: u64::try_from(stat.st_size).unwrap_or(0), changed }
    }

    /// Of an open file, as it is now.
    pub(crate) fn now(file: &File) -> io::Result<Self> {
        Ok(Self::of(&fstat(file)?))
    }

    fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

fn folder_flags() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

fn in_words(kind: SFlag) -> &'static str {
    match kind {
        SFlag::S_IFLNK => "a symbolic link",
        SFlag::S_IFIFO => "a pipe",
        SFlag::S_IFSOCK => "a socket",
        SFlag::S_IFCHR | SFlag::S_IFBLK => "a device",
        _ => "of an unknown kind",
    }
}

/// What it means that something which was found cannot be opened.
fn unopened(name: &MemberName, errno: Errno) -> Rejection {
    match errno {
        // What was there is gone, or a link, a socket, a file in the place of a folder.
        Errno::ENOENT | Errno::ELOOP | Errno::ENXIO | Errno::ENOTDIR => {
            FileError::Swapped(name.clone()).into()
        }
        Errno::EXDEV => FileError::OtherFileSystem(name.clone()).into(),
        Errno::ENOSYS => FileError::OldKernel.into(),
        errno => FileError::Unreadable { name: name.clone(), source: errno.into() }.into(),
    }
}
