//! The folder where images are dropped, and where unpacked ones lie.
//!
//! All is done relative to a descriptor of it, so that no program can put another folder in its place meanwhile.

use image_check::DiskFolder;
use image_format::VersionId;
use kernel_calls::{OpenForWriting, is_open_for_writing};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, Flock, FlockArg, OFlag, RenameFlags, openat, renameat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mknodat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// What folders that are being unpacked begin with.
const DRAFT: &str = ".tmp-";
/// What files begin with that say which folders are ours, as these may outlive what else is known of them.
const MARK: &str = ".made-";
/// Endings of names of files that are still on their way.
const PARTIAL: [&str; 5] = [".part", ".partial", ".filepart", ".tmp", ".crdownload"];

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// Which file it is, and how it stood when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Which file.
    pub identity: Identity,
    /// Its length, bytes.
    pub size: u64,
    /// When it was written last, ns since 1970.
    pub modified: i64,
}

/// A file that was dropped.
#[derive(Debug)]
pub struct DroppedFile {
    /// Open for reading.
    pub file: File,
    /// As it stood when it was opened.
    pub stamp: Stamp,
}

/// The folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Locked: two services must not sweep away what the other unpacks.
    descriptor: Flock<OwnedFd>,
    identity: Identity,
}

/// What came of the removal of a dropped file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is gone, or another has come in its place.
    Done,
    /// It stays: what a program writes there would be lost, and the program would see no error.
    HasWriter,
}

/// Why a file is not looked at.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It is gone.
    #[error("it is gone")]
    Gone,
    /// It is something that is never followed.
    #[error("it is {0}")]
    NoFile(&'static str),
    /// Others can reach it by another name.
    #[error("it is a file with other names")]
    MoreNames,
    /// The kernel refuses.
    #[error(transparent)]
    Refused(#[from] Errno),
}

impl Folder {
    /// Opens the folder, and locks it; makes it when it is not there.
    ///
    /// Errors: as the kernel says; `WouldBlock` when another process has locked it; `NotADirectory` when its path leads to
    /// something else, `PermissionDenied` when it is another user's or others may write in it.
    pub fn open(path: &Path) -> io::Result<Self> {
        // A link could be made to lead elsewhere.
        if let Ok(found) = fstatat(AT_FDCWD, path, AtFlags::AT_SYMLINK_NOFOLLOW)
            && kind(&found) != SFlag::S_IFDIR
        {
            return Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                format!("it is {}", kind_in_words(&found)),
            ));
        }
        fs::DirBuilder::new().recursive(true).mode(0o755).create(path)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let descriptor = openat(AT_FDCWD, path, flags, Mode::empty())?;
        let found = fstat(&descriptor)?;
        if found.st_uid != nix::unistd::geteuid().as_raw() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
        }
        // A user who may rename in it could put other files behind an image that was checked; with the sticky bit every user could
        // still fill it.
        let mode = found.st_mode & 0o7777;
        if mode & 0o022 != 0 {
            let text = format!("others may write in it: its mode is {mode:o}");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let identity = Identity::of(&found);
        let descriptor =
            Flock::lock(descriptor, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error)?;
        Ok(Self { path: path.to_owned(), descriptor, identity })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its path still leads to it.
    pub fn is_there(&self) -> bool {
        let found = fstatat(AT_FDCWD, &self.path, AtFlags::AT_SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| Identity::of(&found) == self.identity)
    }

    /// Names of the files that may be uploads, the oldest first.
    pub fn uploads(&self) -> io::Result<Vec<OsString>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && is_upload(&entry.file_name()) {
                let age = entry.metadata().and_then(|metadata| metadata.modified()).ok();
                found.push((age, entry.file_name()));
            }
        }
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// Opens a dropped file, if it is one: a regular file with one name.
    pub fn take(&self, name: &OsStr) -> Result<DroppedFile, NotTaken> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        // A device or a FIFO may do something when it is opened.
        self.look(name)?;
        let descriptor =
            openat(&*self.descriptor, name, flags, Mode::empty()).map_err(|error| match error {
                Errno::ENOENT => NotTaken::Gone,
                Errno::ELOOP => NotTaken::NoFile("a link"),
                other => NotTaken::Refused(other),
            })?;
        let found = fstat(&descriptor)?;
        judge(&found)?;
        Ok(DroppedFile { stamp: Stamp::of(&found), file: descriptor.into() })
    }

    /// What a name leads to.
    pub fn look(&self, name: &OsStr) -> Result<Stamp, NotTaken> {
        let found = fstatat(&*self.descriptor, name, AtFlags::AT_SYMLINK_NOFOLLOW);
        let found = found.map_err(|error| match error {
            Errno::ENOENT => NotTaken::Gone,
            other => NotTaken::Refused(other),
        })?;
        judge(&found)?;
        Ok(Stamp::of(&found))
    }

    /// Whether a program has a dropped file open for writing; nothing where the file system cannot tell, or it is no file.
    pub fn has_writer(&self, name: &OsStr) -> Option<bool> {
        let file = self.take(name).ok()?.file;
        match is_open_for_writing(&file).ok()? {
            OpenForWriting::Yes => Some(true),
            OpenForWriting::No => Some(false),
            OpenForWriting::Unknown => None,
        }
    }

    /// Removes a dropped file, unless a program has it open for writing, another has come in its place, or it has another size
    /// now.
    pub fn remove_upload(&self, name: &OsStr, identity: Identity, size: u64) -> io::Result<Removal> {
        match self.look(name) {
            Ok(found) if (found.identity, found.size) == (identity, size) => {}
            _ => return Ok(Removal::Done),
        }
        if self.has_writer(name) == Some(true) {
            return Ok(Removal::HasWriter);
        }
        match unlinkat(&*self.descriptor, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(Removal::Done),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a folder to unpack into, and tells its name.
    pub fn begin(&self, group: Option<u32>) -> io::Result<(String, DiskFolder)> {
        loop {
            let name = format!("{DRAFT}{:08x}", random()?);
            match DiskFolder::create_in(&*self.descriptor, &name, group) {
                Ok(folder) => return Ok((name, folder)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives an unpacked folder its final name. Errors: `AlreadyExists` when something has that name.
    pub fn publish(&self, draft: &str, id: &VersionId) -> io::Result<()> {
        let found = fstatat(&*self.descriptor, draft, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let inode = Identity::of(&found).inode;
        self.mark(id, inode)?;
        let flags = RenameFlags::RENAME_NOREPLACE;
        let renamed = renameat2(&*self.descriptor, draft, &*self.descriptor, id.as_str(), flags);
        if renamed.is_err() {
            self.unmark(id, inode);
        }
        Ok(renamed?)
    }

    /// Takes an image's folder out of sight at once; its name is told, for [`Self::discard`].
    pub fn withdraw(&self, id: &VersionId) -> io::Result<String> {
        let name = format!("{DRAFT}{:08x}", random()?);
        let flags = RenameFlags::RENAME_NOREPLACE;
        renameat2(&*self.descriptor, id.as_str(), &*self.descriptor, name.as_str(), flags)?;
        let moved = fstatat(&*self.descriptor, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
        self.unmark(id, Identity::of(&moved).inode);
        Ok(name)
    }

    /// Removes a folder that was withdrawn, or was not unpacked to its end; says so where it cannot.
    pub fn discard(&self, name: &str) {
        // There may be another upload folder at the path by now.
        let path = format!("/proc/self/fd/{}/{name}", self.descriptor.as_raw_fd());
        if let Err(error) = fs::remove_dir_all(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            log::warn!("{} cannot be removed: {error}", self.join(name).display());
        }
    }

    /// Folders that we have made and named, by their marks; marks of ours without such a folder are removed.
    pub fn marked(&self) -> io::Result<Vec<VersionId>> {
        let mut marked = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let Some((id, inode)) = name.to_str().and_then(parse_mark) else { continue };
            // Other users may have written here, but cannot make files of ours.
            let is_ours = |name: &str| {
                let found = fstatat(&*self.descriptor, name, AtFlags::AT_SYMLINK_NOFOLLOW);
                found.ok().filter(|found| found.st_uid == nix::unistd::geteuid().as_raw())
            };
            let Some(mark) = is_ours(&mark_of(&id, inode)) else { continue };
            if kind(&mark) != SFlag::S_IFREG {
                continue;
            }
            let is_there = is_ours(id.as_str())
                .is_some_and(|found| kind(&found) == SFlag::S_IFDIR && Identity::of(&found).inode == inode);
            if is_there {
                marked.push(id);
            } else {
                self.unmark(&id, inode);
            }
        }
        Ok(marked)
    }

    /// Makes the file that says that a folder is ours. Id and inode stand in its name: it has no content that a crash could cut.
    fn mark(&self, id: &VersionId, inode: u64) -> io::Result<()> {
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        // Not by opening it: others that watch the folder for files that were written, as pldmd does, would look at it.
        match mknodat(&*self.descriptor, mark_of(id, inode).as_str(), SFlag::S_IFREG, mode, 0) {
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder of this id and inode is not there any more.
    pub fn unmark(&self, id: &VersionId, inode: u64) {
        match unlinkat(&*self.descriptor, mark_of(id, inode).as_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(error) => log::warn!("a mark cannot be removed id={id}: {error}"),
        }
    }

    /// The whole path of a name in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Which folder an image's name leads to.
    pub fn folder_of(&self, id: &VersionId) -> Option<Identity> {
        let found = fstatat(&*self.descriptor, id.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
        (kind(&found) == SFlag::S_IFDIR).then(|| Identity::of(&found))
    }

    /// Removes what was left half done. What cannot be removed stays, and keeps nothing else from being done.
    pub fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && entry.file_name().as_bytes().starts_with(DRAFT.as_bytes()) {
                let path = entry.path();
                match fs::remove_dir_all(&path) {
                    Ok(()) => log::info!("what was left of an upload is removed: {}", path.display()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => {
                        log::warn!(
                            "what was left of an upload cannot be removed: {}: {error}",
                            path.display()
                        );
                    }
                }
            }
        }
        Ok(())
    }

    /// Bytes of its file system, free or not.
    #[allow(clippy::useless_conversion, reason = "these are narrower on 32-bit machines")]
    pub fn size(&self) -> io::Result<u64> {
        let system = nix::sys::statvfs::fstatvfs((*self.descriptor).as_fd())?;
        Ok(u64::from(system.blocks()).saturating_mul(u64::from(system.fragment_size())))
    }

    /// Free bytes of its file system.
    pub fn free(&self) -> io::Result<u64> {
        let system = nix::sys::statvfs::fstatvfs((*self.descriptor).as_fd())?;
        #[allow(clippy::useless_conversion, reason = "these are narrower on 32-bit machines")]
        Ok(u64::from(system.blocks_available()).saturating_mul(u64::from(system.fragment_size())))
    }
}

impl Stamp {
    /// Of what the kernel says of a file.
    #[allow(clippy::useless_conversion, reason = "these are narrower on 32-bit machines")]
    pub fn of(found: &FileStat) -> Self {
        let seconds = i64::from(found.st_mtime).saturating_mul(1_000_000_000);
        Self {
            identity: Identity::of(found),
            size: u64::try_from(found.st_size).unwrap_or_default(),
            modified: seconds.saturating_add(i64::from(found.st_mtime_nsec)),
        }
    }
}

impl Identity {
    /// Of what the kernel says of a file.
    #[allow(clippy::useless_conversion, reason = "these are narrower on 32-bit machines")]
    pub fn of(found: &FileStat) -> Self {
        Self { device: u64::from(found.st_dev), inode: u64::from(found.st_ino) }
    }
}

/// Whether a name may be an upload's: not hidden, and not one that says that it is still on its way.
pub fn is_upload(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    !bytes.starts_with(b".") && !PARTIAL.iter().any(|ending| bytes.ends_with(ending.as_bytes()))
}

/// A number that cannot be foreseen.
pub fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u32::from_ne_bytes(bytes))
}

fn mark_of(id: &VersionId, inode: u64) -> String {
    format!("{MARK}{id}-{inode}")
}

fn parse_mark(name: &str) -> Option<(VersionId, u64)> {
    let (id, inode) = name.strip_prefix(MARK)?.split_once('-')?;
    Some((VersionId::parse(id).ok()?, inode.parse().ok()?))
}

fn kind(found: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT
}

fn judge(found: &FileStat) -> Result<(), NotTaken> {
    match kind(found) {
        SFlag::S_IFREG if found.st_nlink <= 1 => Ok(()),
        SFlag::S_IFREG => Err(NotTaken::MoreNames),
        _ => Err(NotTaken::NoFile(kind_in_words(found))),
    }
}

fn kind_in_words(found: &FileStat) -> &'static str {
    match kind(found) {
        SFlag::S_IFREG => "a file",
        SFlag::S_IFLNK => "a link",
        SFlag::S_IFDIR => "a folder",
        SFlag::S_IFIFO => "a FIFO",
        SFlag::S_IFSOCK => "a socket",
        _ => "a device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_on_their_way_and_hidden_ones_are_left_alone() {
        for (name, expected) in [
            ("image.tar", true),
            ("0f8fad5b-d9cb-469f-a165-70867728950e", true),
            (".image.tar.part", false),
            ("image.tar.part", false),
            ("image.partial", false),
            ("image.tar.filepart", false),
            ("image.tmp", false),
            ("image.crdownload", false),
            ("part", true),
        ] {
            assert_eq!(is_upload(OsStr::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn only_a_file_with_one_name_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("images");
        let folder = Folder::open(&path).unwrap();
        fs::write(path.join("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", path.join("link")).unwrap();
        fs::create_dir(path.join("folder")).unwrap();
        nix::unistd::mkfifo(&path.join("fifo"), Mode::S_IRWXU).unwrap();
        assert_eq!(folder.take(OsStr::new("file")).unwrap().stamp.size, 1);
        for name in ["link", "folder", "fifo"] {
            assert!(matches!(folder.take(OsStr::new(name)), Err(NotTaken::NoFile(_))), "{name}");
        }
        assert!(matches!(folder.take(OsStr::new("nothing")), Err(NotTaken::Gone)));
        fs::hard_link(path.join("file"), path.join("second")).unwrap();
        assert!(matches!(folder.take(OsStr::new("file")), Err(NotTaken::MoreNames)));
    }

    #[test]
    fn a_file_that_has_come_in_an_uploads_place_stays() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let name = OsStr::new("image.tar");
        fs::write(folder.join(name), "old").unwrap();
        let old = folder.take(name).unwrap();
        fs::rename(folder.join(name), folder.join(".kept")).unwrap();
        fs::write(folder.join(name), "new").unwrap();
        folder.remove_upload(name, old.stamp.identity, 3).unwrap();
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "new");
        let new = folder.take(name).unwrap();
        folder.remove_upload(name, new.stamp.identity, 2).unwrap();
        assert!(folder.join(name).exists(), "it has grown");
        folder.remove_upload(name, new.stamp.identity, 3).unwrap();
        assert!(!folder.join(name).exists());
    }

    #[test]
    fn an_image_never_replaces_what_has_its_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let id = VersionId::of("v1");
        fs::create_dir(folder.join(id.as_str())).unwrap();
        let (draft, _) = folder.begin(None).unwrap();
        let error = folder.publish(&draft, &id).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        folder.sweep().unwrap();
        assert!(!folder.join(draft).exists());
        assert!(folder.join(id.as_str()).exists());
    }

    #[test]
    fn marks_tell_our_folders_from_those_of_others() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let marks = || {
            let names = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_str().is_some_and(|name| name.starts_with(MARK))).count()
        };
        let (ours, foreign, gone) = (VersionId::of("ours"), VersionId::of("foreign"), VersionId::of("gone"));
        for id in [&ours, &gone] {
            let (draft, _) = folder.begin(None).unwrap();
            folder.publish(&draft, id).unwrap();
        }
        assert_eq!(marks(), 2);
        let withdrawn = folder.withdraw(&gone).unwrap();
        assert!(folder.join(&withdrawn).exists());
        folder.discard(&withdrawn);
        assert!(!folder.join(&withdrawn).exists());
        assert_eq!(marks(), 1);
        // A folder that has come to a name of ours, one that has no mark, and marks that are none.
        fs::write(folder.join(mark_of(&gone, 1)), "").unwrap();
        fs::create_dir(folder.join(gone.as_str())).unwrap();
        fs::create_dir(folder.join(foreign.as_str())).unwrap();
        let inode = folder.folder_of(&foreign).unwrap().inode;
        let pipe = folder.join(mark_of(&foreign, inode));
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let (draft, _) = folder.begin(None).unwrap();
        assert_eq!(folder.publish(&draft, &foreign).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(folder.marked().unwrap(), [ours]);
        assert_eq!(marks(), 2, "a mark that is wrong goes, and nothing else");
    }

    #[test]
    fn a_folder_is_used_once_and_only_if_nobody_else_may_change_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("images");
        let first = Folder::open(&path).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(first);
        for (mode, is_taken) in
            [(0o777, false), (0o775, false), (0o2775, false), (0o1777, false), (0o755, true), (0o2750, true)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Folder::open(&path).is_ok(), is_taken, "{mode:o}");
        }
        let (link, file) = (root.path().join("link"), root.path().join("file"));
        std::os::unix::fs::symlink(&path, &link).unwrap();
        fs::write(&file, "").unwrap();
        for (path, what) in [(link, "it is a link"), (file, "it is a file")] {
            let error = Folder::open(&path).unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::NotADirectory, what.to_owned()));
        }
    }
}
