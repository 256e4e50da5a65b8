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
/// It has no name until it is put in place, so that nothing is left of it however the tool ends, and two tools with one
/// target do not write into each other's: what services have [`crate::replace`] for, whose draft they find again. Where the
/// file system cannot do so it has a name beside the other's, which is removed again.
#[derive(Debug)]
pub struct Draft {
    target: PathBuf,
    /// The name beside the target.
    path: PathBuf,
    file: File,
    is_named: bool,
}

impl Draft {
    /// Begins a file. A link stays a link: what it leads to is replaced.
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
        let mut name = OsString::from(".");
        name.push(target.file_name().ok_or(io::ErrorKind::InvalidInput)?);
        name.push(format!(".{}.part", std::process::id()));
        let path = target.with_file_name(name);
        let is_named = nameless.is_none();
        let file = match nameless {
            Some(file) => file,
            None => options().create_new(true).open(&path)?,
        };
        Ok(Self { target, path, file, is_named })
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
        if !self.is_named {
            // A link cannot take the place of another file, a name can.
            let flags = AtFlags::AT_SYMLINK_FOLLOW;
            linkat(AT_FDCWD, &by_descriptor(&self.file), AT_FDCWD, &self.path, flags)?;
            self.is_named = true;
        }
        fs::rename(&self.path, &self.target)?;
        self.is_named = false;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.is_named {
            // Whatever kept it from being written is what is told.
            let _ = fs::remove_file(&self.path);
        }
    }
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
}
