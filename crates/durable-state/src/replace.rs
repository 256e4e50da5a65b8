use crate::step::folder_of;
use crate::{Disk, Sealed, Step};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// How the name of a draft ends. A file of this name that begins with a dot is a draft, and of nothing else.
const DRAFT: &str = ".draft";

/// Replaces a file as a whole: whenever the power goes, it holds the old bytes or the new.
///
/// Until then they stand beside it as `.NAME.draft`, a name that no other file's draft has. Errors: as the kernel says; the
/// file is the old one then, or already the new one, but perhaps not after a loss of power.
pub fn replace(disk: &impl Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (folder, draft) = places(path)?;
    let written = disk
        .perform(&Step::Write { path: draft.clone(), bytes: bytes.to_vec() })
        // In this order, or a loss of power could leave the name with nothing behind it.
        .and_then(|()| disk.perform(&Step::SyncFile(draft.clone())));
    put_in_place(disk, written, &draft, path)?;
    disk.perform(&Step::SyncFolder(folder))
}

/// As [`replace()`], but nothing waits for the disk: for memory, and for what may be lost with the power.
///
/// A file system that writes names before contents may leave an empty file then.
pub fn replace_unflushed(disk: &impl Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = places(path)?.1;
    let written = disk.perform(&Step::Write { path: draft.clone(), bytes: bytes.to_vec() });
    put_in_place(disk, written, &draft, path)
}

/// As [`replace_unflushed`], with a text that is written piece by piece.
pub fn replace_sealed<W: Fn(&mut dyn io::Write) -> io::Result<()>>(
    disk: &impl Disk,
    path: &Path,
    text: &Sealed<W>,
) -> io::Result<()> {
    let draft = places(path)?.1;
    let mut offset = 0;
    let written = text.in_pieces(b"", &mut |bytes, _| {
        let (path, added) = (draft.clone(), bytes.len() as u64);
        let step =
            if offset == 0 { Step::Write { path, bytes } } else { Step::Extend { path, offset, bytes } };
        offset += added;
        disk.perform(&step)
    });
    put_in_place(disk, written, &draft, path)
}

/// Replaces a symbolic link, in one step for those who look. Nothing waits for the disk.
pub fn replace_link(disk: &impl Disk, path: &Path, target: &Path) -> io::Result<()> {
    let draft = places(path)?.1;
    // Left over if an earlier run was ended here.
    remove_unflushed(disk, &draft)?;
    let written = disk.perform(&Step::Link { path: draft.clone(), target: target.to_owned() });
    put_in_place(disk, written, &draft, path)
}

/// Makes a folder with its parents, durably; fine when it exists.
///
/// One at a time, from the top: so of those that an interrupted run made, only the last may have a name that is not durable
/// yet, and the next run makes it so.
pub fn create_folder(disk: &impl Disk, path: &Path) -> io::Result<()> {
    let is_there = |folder: &Path| folder.as_os_str().is_empty() || folder.is_dir();
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !is_there(folder)).collect();
    if let Some(holder) = path.ancestors().nth(missing.len()).and_then(folder_of) {
        sync_found(disk, holder)?;
    }
    missing.into_iter().rev().try_for_each(|folder| {
        disk.perform(&Step::CreateFolder(folder.to_owned()))?;
        folder_of(folder).map_or(Ok(()), |holder| disk.perform(&Step::SyncFolder(holder.to_owned())))
    })
}

/// Makes the name of a folder durable that was there.
fn sync_found(disk: &impl Disk, holder: &Path) -> io::Result<()> {
    match disk.perform(&Step::SyncFolder(holder.to_owned())) {
        // What we may not read we did not make a name in; and a file system that is never written, or not any more after
        // an error, cannot be flushed. The folder is there to be read.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

/// Removes a file, durably; fine when there is none.
pub fn remove(disk: &impl Disk, path: &Path) -> io::Result<()> {
    remove_unflushed(disk, path)?;
    disk.perform(&Step::SyncFolder(places(path)?.0))
}

/// Removes a file; fine when there is none. After a loss of power it may be there again.
pub fn remove_unflushed(disk: &impl Disk, path: &Path) -> io::Result<()> {
    match disk.perform(&Step::RemoveFile(path.to_owned())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes the drafts that an interrupted run left in a folder. Not for a folder in which another writes at the same time.
///
/// Errors: the folder cannot be read, or a draft not be removed.
pub fn sweep(disk: &impl Disk, folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder).map_err(crate::at(folder))? {
        let entry = entry?;
        if is_draft(&entry.file_name()) && !entry.file_type()?.is_dir() {
            remove_unflushed(disk, &entry.path())?;
        }
    }
    Ok(())
}

/// Whether a file of this name is a draft.
pub fn is_draft(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(DRAFT.as_bytes())
}

/// The draft of a file or folder: what is written there is not yet what the name stands for.
///
/// Errors: the path has no last part.
pub fn draft_of(path: &Path) -> io::Result<PathBuf> {
    Ok(places(path)?.1)
}

/// The folder of a file, and its draft.
fn places(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let mut draft = OsString::from(".");
    draft.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    draft.push(DRAFT);
    let folder = folder_of(path).unwrap_or(Path::new("."));
    Ok((folder.to_owned(), path.with_file_name(draft)))
}

fn put_in_place(disk: &impl Disk, written: io::Result<()>, draft: &Path, path: &Path) -> io::Result<()> {
    let placed =
        written.and_then(|()| disk.perform(&Step::Rename { from: draft.to_owned(), to: path.to_owned() }));
    placed.inspect_err(|_| {
        // What kept it from being written is what is told. A disk that is full has room again afterwards.
        let _ = disk.perform(&Step::RemoveFile(draft.to_owned()));
    })
}

#[cfg(test)]
mod tests;
