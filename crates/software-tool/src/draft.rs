//! Files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file that is being written beside the one that it is to replace; removed unless it is put in place.
#[derive(Debug)]
pub(crate) struct Draft {
    target: PathBuf,
    path: PathBuf,
    file: File,
    is_done: bool,
}

impl Draft {
    /// Begins a file. A link stays a link: what it leads to is replaced.
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if target.exists() && !target.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it exists and is no regular file"));
        }
        let mut name = OsString::from(".");
        name.push(target.file_name().ok_or(io::ErrorKind::InvalidInput)?);
        name.push(format!(".{}.part", std::process::id()));
        let path = target.with_file_name(name);
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Self { target, path, file, is_done: false })
    }

    /// What to write to.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// What has been written, to be read.
    pub(crate) fn read(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Puts it in place.
    pub(crate) fn put_in_place(mut self) -> io::Result<()> {
        // Otherwise a power cut could leave the name with nothing behind it.
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_done {
            // Whatever kept it from being written is what is told.
            let _ = fs::remove_file(&self.path);
        }
    }
}
