use crate::{FileError, LimitError, MemberError, Rejection, Rules};
use image_format::MemberName;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
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
        let mut open: Vec<Option<MemberName>> = vec![None];
        while let Some(folder) = open.pop() {
            for raw in self.names_in(folder.as_ref(), rules.limits.members)? {
                self.enter(folder.as_ref(), &raw, rules, &mut listing, &mut open)?;
            }
        }
        listing.folders.sort();
        listing.files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(listing)
    }

    fn enter(
        &self,
        folder: Option<&MemberName>,
        raw: &[u8],
        rules: &Rules,
        listing: &mut Listing,
        open: &mut Vec<Option<MemberName>>,
    ) -> Result<(), Rejection> {
        if listing.files.len().saturating_add(listing.folders.len()) >= rules.limits.members {
            return Err(LimitError::Members { limit: rules.limits.members }.into());
        }
        let path =
            folder.map_or_else(|| raw.to_vec(), |folder| [folder.as_str().as_bytes(), b"/", raw].concat());
        let name = MemberName::parse(&path, &rules.names);
        let name = name.map_err(|source| MemberError::Name { name: path, source })?;
        let stat = fstatat(&self.folder, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW);
        let stat = stat.map_err(|errno| unopened(&name, errno))?;
        match kind(&stat) {
            SFlag::S_IFREG => listing.files.push(Found { stamp: Stamp::of(&stat), name }),
            SFlag::S_IFDIR => {
                open.push(Some(name.clone()));
                listing.folders.push(name);
            }
            other => return Err(FileError::Kind { name, what: in_words(other) }.into()),
        }
        Ok(())
    }

    /// Names in a folder, at most so many and one.
    fn names_in(&self, folder: Option<&MemberName>, limit: usize) -> Result<Vec<Vec<u8>>, Rejection> {
        let place = folder.map_or(".", MemberName::as_str);
        let unreadable = |errno: Errno| match folder {
            Some(name) => unopened(name, errno),
            None => Rejection::Source(errno.into()),
        };
        let mut dir = Dir::openat(&self.folder, place, folder_flags(), Mode::empty()).map_err(unreadable)?;
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
        let flags =
            OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = openat(&self.folder, found.name.as_str(), flags, Mode::empty());
        let file: File = file.map_err(|errno| unopened(&found.name, errno))?.into();
        let stat = fstat(&file).map_err(|errno| unopened(&found.name, errno))?;
        let stamp = Stamp::of(&stat);
        if !stamp.is_same_file(&found.stamp) || kind(&stat) != SFlag::S_IFREG {
            return Err(FileError::Swapped(found.name.clone()).into());
        }
        Ok(Opened { file, stamp })
    }
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
        errno => FileError::Unreadable { name: name.clone(), source: errno.into() }.into(),
    }
}
