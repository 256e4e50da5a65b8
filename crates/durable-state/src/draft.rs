use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that is being written for the place of another, for tools that people start.
///
/// It has no name until it is put in place, so that of a tool that ends before nothing is left, and two tools with one target
/// do not write into each other's: what services have [`crate::replace()`] for, whose draft they find again. To take the
/// other's place it needs a name for a moment: a kill just then leaves it, whole, as `.NAME.PID.part` beside the other.
/// Where the file system has no files without a name it has that one all the time, and a kill leaves what was written so far.
#[derive(Debug)]
pub struct Draft {
    target: PathBuf,
    /// The name beside the target, while it has one.
    name: Option<PathBuf>,
    file: File,
}

/// So many names are tried where a kill has left the first ones.
const ATTEMPTS: u32 = 100;

impl Draft {
    /// Begins a file. A link that leads to a file stays a link, and the file is replaced; one that leads nowhere is itself
    /// replaced.
    ///
    /// Errors: as the kernel says, or that something which is no regular file has the name.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if target.exists() && !target.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it exists and is no regular file"));
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let nameless = nameless(folder.unwrap_or(Path::new("."))).ok();
        Self::of(target, nameless)
    }

    fn of(target: PathBuf, nameless: Option<File>) -> io::Result<Self> {
        let (name, file) = match nameless {
            Some(file) => (None, file),
            None => {
                let (name, file) = under_free_name(&target, |name| options().create_new(true).open(name))?;
                (Some(name), file)
            }
        };
        Ok(Self { target, name, file })
    }

    /// What to write to.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// What has been written, to be read from its start. Nothing can be written any more.
    pub fn read(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// Puts it in place, after its bytes are durable; its name is not yet. Errors: as the kernel says; the other file stays.
    pub fn put_in_place(mut self) -> io::Result<()> {
        // Otherwise a power cut could leave the name with nothing behind it.
        self.file.sync_all()?;
        let name = match self.name.take() {
            Some(name) => name,
            // A link cannot take the place of another file, a name can.
            None => under_free_name(&self.target, |name| Ok(link(&self.file, name)?))?.0,
        };
        fs::rename(self.name.insert(name), &self.target)?;
        self.name = None;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // The error that kept it from being written is the one reported.
            let _ = fs::remove_file(name);
        }
    }
}

/// Makes something under a name beside the target that nothing has: an earlier process of our number may have left the first.
fn under_free_name<T>(target: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T)> {
    let base = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let process = std::process::id();
    for attempt in 0..ATTEMPTS {
        let mut name = OsString::from(".");
        name.push(base);
        name.push(if attempt == 0 {
            format!(".{process}.part")
        } else {
            format!(".{process}-{attempt}.part")
        });
        let path = target.with_file_name(name);
        match make(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|made| (path, made)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Gives a file without a name one.
fn link(file: &File, name: &Path) -> nix::Result<()> {
    linkat(AT_FDCWD, &by_descriptor(file), AT_FDCWD, name, AtFlags::AT_SYMLINK_FOLLOW)
}

/// A file without a name that can get one.
fn nameless(folder: &Path) -> io::Result<File> {
    let file = options().custom_flags(OFlag::O_TMPFILE.bits()).open(folder)?;
    fs::metadata(by_descriptor(&file))?;
    Ok(file)
}

fn options() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true);
    options
}

fn by_descriptor(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_draft_has_no_name_that_a_kill_could_leave() {
        let folder = tempfile::tempdir().unwrap();
        if let Err(error) = nameless(folder.path()) {
            println!("SKIPPED: files without a name: {error}");
            return;
        }
        let target = folder.path().join("image");
        for content in ["first", "second"] {
            let before = names(folder.path());
            let mut draft = Draft::begin(&target).unwrap();
            draft.file().write_all(content.as_bytes()).unwrap();
            assert_eq!(names(folder.path()), before);
            let mut written = String::new();
            draft.read().unwrap().read_to_string(&mut written).unwrap();
            assert_eq!(written, content);
            draft.put_in_place().unwrap();
            assert_eq!(names(folder.path()), ["image"]);
            assert_eq!(fs::read_to_string(&target).unwrap(), content);
        }
    }

    #[test]
    fn where_there_must_be_a_name_it_is_taken_away_again() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("image");
        let begin = || Draft::of(target.clone(), None).unwrap();
        let draft = begin();
        assert_eq!(names(folder.path()).len(), 1);
        drop(draft);
        assert!(names(folder.path()).is_empty());
        begin().put_in_place().unwrap();
        assert_eq!(names(folder.path()), ["image"]);
    }
    #[test]
    fn what_a_killed_process_of_the_same_number_left_is_in_nobody_s_way() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("image");
        let left = folder.path().join(format!(".image.{}.part", std::process::id()));
        fs::write(&left, "left").unwrap();
        let ways: [fn(&Path) -> io::Result<Draft>; 2] =
            [Draft::begin, |target| Draft::of(target.to_owned(), None)];
        for begin in ways {
            let mut draft = begin(&target).unwrap();
            draft.file().write_all(b"new").unwrap();
            draft.put_in_place().unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"new");
            assert_eq!(fs::read(&left).unwrap(), b"left");
            assert_eq!(names(folder.path()).len(), 2);
            fs::remove_file(&target).unwrap();
        }
    }

    #[test]
    fn a_link_to_a_file_stays_one_and_a_link_to_nothing_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::os::unix::fs::symlink("file", &link).unwrap();
        fs::write(&file, "old").unwrap();
        Draft::begin(&link).unwrap().put_in_place().unwrap();
        assert!(link.is_symlink() && fs::read(&file).unwrap().is_empty());
        fs::remove_file(&file).unwrap();
        Draft::begin(&link).unwrap().put_in_place().unwrap();
        assert!(!link.is_symlink() && link.is_file() && !file.exists());
    }
}
