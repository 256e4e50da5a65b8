//! Writing what was compiled, and removing what an earlier configuration left.

use crate::units::NAME;
use crate::{MARKER, Outputs, Problem};
use durable_state::{RealDisk, replace_unflushed};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use system_index::places;

/// Folders whose files may be ours, relative to the root.
const RULES: &str = "usr/lib/udev/rules.d";
const UNITS: &str = "usr/lib/systemd/system";

/// Writes files below a root and removes ours that are no longer among them.
pub(crate) fn install(outputs: &Outputs, root: &Path) -> Result<(), Problem> {
    for path in outputs.keys().map(|path| root.join(path)) {
        if path.symlink_metadata().is_ok() && !is_ours(&path, MARKER) {
            return Err(Problem::Foreign { path });
        }
    }
    for (path, text) in outputs {
        let path = root.join(path);
        write(&path, text).map_err(|source| Problem::Unwritable { path, source })?;
    }
    for path in candidates(root) {
        let is_wanted = path.strip_prefix(root).is_ok_and(|relative| outputs.contains_key(relative));
        if !is_wanted && is_ours(&path, MARKER) {
            fs::remove_file(&path).map_err(|source| Problem::Unwritable { path: path.clone(), source })?;
            remove_empty_folders(&path, root);
        }
    }
    Ok(())
}

/// Writes one file, unless one of its name is there that does not begin with the marker.
pub(crate) fn replace(path: &Path, text: &str, marker: &str) -> Result<(), Problem> {
    if path.symlink_metadata().is_ok() && !is_ours(path, marker) {
        return Err(Problem::Foreign { path: path.to_owned() });
    }
    write(path, text).map_err(|source| Problem::Unwritable { path: path.to_owned(), source })
}

/// A regular file that begins as ours do.
fn is_ours(path: &Path, marker: &str) -> bool {
    let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    is_file && fs::read(path).is_ok_and(|bytes| bytes.starts_with(marker.as_bytes()))
}

/// Replaces a file in one step; one that is as it should be keeps its time.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes()) {
        // A run that was cut may have left it for its owner alone.
        return let_read(path);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Nothing is flushed: an image is packed from what processes see, and a run that was cut is run again.
    replace_unflushed(&RealDisk, path, text.as_bytes())?;
    let_read(path)
}

/// Lets everybody read a file, whatever the umask was.
fn let_read(path: &Path) -> io::Result<()> {
    let mut permissions = path.metadata()?.permissions();
    if permissions.mode() & 0o7777 == 0o644 {
        return Ok(());
    }
    permissions.set_mode(0o644);
    fs::set_permissions(path, permissions)
}

/// Files that an earlier call may have written.
fn candidates(root: &Path) -> Vec<PathBuf> {
    let mut found = files_below(&root.join(places::SHARE));
    found.extend(files_in(&root.join(RULES)));
    let drop_ins = files_in(&root.join(UNITS)).into_iter().filter(|path| path.is_dir());
    found.extend(drop_ins.map(|folder| folder.join(NAME)));
    found
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (folders, files): (Vec<_>, Vec<_>) = files_in(folder)
        .into_iter()
        .partition(|path| path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()));
    files.into_iter().chain(folders.iter().flat_map(|folder| files_below(folder))).collect()
}

/// What cannot be listed holds nothing that we could remove.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// A folder that held only what was removed goes too; the first that holds more ends it.
fn remove_empty_folders(path: &Path, root: &Path) {
    for folder in path.ancestors().skip(1).take_while(|folder| *folder != root) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_a_cut_run_left_to_its_owner_is_for_everybody_after_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "text").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write(&path, "text").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o644);
    }
}
