//! The files of interfaces, and the folders of objects.

use super::{Batch, Change, Entry, Found, Store, is_path_element};
use crate::limits::READ;
use durable_state::{Disk, Sealed, Step, at, replace_sealed};
use serde_json::{Map, Value as Json};
use std::fs::DirEntry;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a file is not believed.
const DAMAGED: &str = "its checksum is not that of its text";

impl<D: Disk> Store<D> {
    pub(super) fn replace_files(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        batch(&mut |change| self.replace_file(&change, false).or_else(forgive))
    }

    /// Has the files hold what one change says, unless they do: that takes no room.
    pub(super) fn renew_file(&self, entry: &Entry) -> io::Result<()> {
        self.replace_file(&entry.change(), true).or_else(forgive)
    }

    fn replace_file(&self, change: &Change<'_>, may_hold: bool) -> io::Result<()> {
        match change {
            Change::Set { path, interface, properties } => {
                let folder = self.object_folder(path);
                let file = folder.join(interface);
                let text = Sealed::new(|out: &mut dyn Write| properties.write(out))?;
                if may_hold && text.is_in(&file) {
                    return Ok(());
                }
                self.disk.perform(&Step::CreateFolder(folder))?;
                replace_sealed(&self.disk, &file, &text)
            }
            Change::Remove { path } => self.remove_files(&self.object_folder(path)),
        }
    }

    /// Removes an object's own files; the folders of objects below it stay.
    fn remove_files(&self, folder: &Path) -> io::Result<()> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                self.disk.perform(&Step::RemoveFile(entry.path()))?;
            }
        }
        self.remove_empty(folder);
        Ok(())
    }

    /// Removes a folder in which nothing is left, and those above it that held nothing else.
    ///
    /// One that stays is in the way of nothing, and goes at the next start: a failure is only told.
    fn remove_empty(&self, folder: &Path) {
        let objects = self.objects();
        for folder in folder.ancestors().take_while(|folder| *folder != objects) {
            match is_empty(folder) {
                Ok(true) => {}
                Ok(false) => return,
                // What is below it is gone already.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => return,
            }
            if let Err(error) = self.disk.perform(&Step::RemoveEmptyFolder(folder.to_owned())) {
                log::debug!("an empty folder stays: {error}");
                return;
            }
        }
    }

    /// Reads the files of all objects.
    pub(super) fn read_all(&mut self, found: &mut Found<'_>) -> io::Result<()> {
        let objects = self.objects();
        match objects.symlink_metadata() {
            // It could not be made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            _ => self.read_folder(&objects, "", found),
        }
    }

    fn read_folder(&mut self, folder: &Path, path: &str, found: &mut Found<'_>) -> io::Result<()> {
        let mut has_damaged = false;
        for entry in std::fs::read_dir(folder).map_err(at(folder))? {
            has_damaged |= self.read_entry(&entry?, path, found)?;
        }
        if has_damaged && let Err(error) = durable_state::forget_damaged(&self.disk, folder) {
            log::warn!("older damaged files stay: {error}");
        }
        self.remove_empty(folder);
        Ok(())
    }

    /// Tells whether it is a damaged file, or has become one.
    fn read_entry(&mut self, entry: &DirEntry, path: &str, found: &mut Found<'_>) -> io::Result<bool> {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && is_path_element(&name) {
            self.read_folder(&entry.path(), &format!("{path}/{name}"), found)?;
        } else if kind.is_file() && name.contains('.') && !name.starts_with('.') {
            return self.read_file(&entry.path(), path, name, found);
        } else if kind.is_file() && durable_state::is_damaged(&entry.file_name()) {
            return Ok(true);
        } else {
            self.remove_foreign(&entry.path(), kind.is_dir());
        }
        Ok(false)
    }

    /// Removes what we did not put there, or did not finish: it would be in the way of what we do put there.
    ///
    /// A disk that cannot be written must not keep the inventory from starting, so a failure is only told.
    fn remove_foreign(&mut self, path: &Path, is_folder: bool) {
        log::warn!("removing {}, which is no part of the inventory", path.display());
        let path = path.to_owned();
        let step = if is_folder { Step::RemoveFolder(path) } else { Step::RemoveFile(path) };
        if let Err(error) = self.disk.perform(&step) {
            log::warn!("it stays: {error}");
        }
    }

    fn read_file(
        &mut self,
        file: &Path,
        path: &str,
        interface: String,
        found: &mut Found<'_>,
    ) -> io::Result<bool> {
        match decode(file).map_err(at(file))? {
            Ok(properties) => {
                found(Entry::Set { path: path.to_owned(), interface, properties });
                Ok(false)
            }
            Err(reason) => {
                self.set_aside(file, path, &interface, &reason);
                Ok(true)
            }
        }
    }

    /// Puts a file out of the way whose values are not believed.
    fn set_aside(&mut self, file: &Path, path: &str, interface: &str, reason: &str) {
        let kept = durable_state::set_aside(file);
        let told =
            format!("a file is damaged, its values are gone object={path} interface={interface}: {reason}");
        match self.disk.perform(&Step::Rename { from: file.to_owned(), to: kept.clone() }) {
            Ok(()) => log::error!("{told}; it is kept as {}", kept.display()),
            Err(error) => log::error!("{told}; it stays, as it cannot be set aside: {error}"),
        }
    }

    pub(super) fn objects(&self) -> PathBuf {
        self.folder.join("objects")
    }

    fn object_folder(&self, path: &str) -> PathBuf {
        self.objects().join(path.trim_start_matches('/'))
    }
}

/// No later attempt can name the file, so waiting for one would keep the journal for ever.
fn forgive(error: io::Error) -> io::Result<()> {
    if error.kind() != io::ErrorKind::InvalidFilename {
        return Err(error);
    }
    log::error!("a change cannot be kept and will be gone after a restart: {error}");
    Ok(())
}

/// What a file says, or why it is not believed. Errors: it cannot be read.
fn decode(file: &Path) -> io::Result<Result<Map<String, Json>, String>> {
    let Some(bytes) = durable_state::read_regular(file, READ)? else {
        return Ok(Err("it is no regular file".to_owned()));
    };
    if bytes.len() as u64 > READ {
        return Ok(Err(format!("it has more than {READ} bytes")));
    }
    let Some(text) = durable_state::unseal(&bytes) else { return Ok(Err(DAMAGED.to_owned())) };
    Ok(serde_json::from_str(text).map_err(|error| error.to_string()))
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    Ok(std::fs::read_dir(folder)?.next().is_none())
}
