use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Opens a regular file; `None` where something else has the name.
///
/// The descriptor is asked what it is, not the name, which may be another's a moment later. A link is not followed, and a
/// pipe without another end does not make it wait.
pub(crate) fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<Option<File>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    match options.custom_flags(flags.bits()).open(path) {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        Err(error) if is_no_file(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// As [`open_regular`], where nothing but a regular file will do.
pub(crate) fn require_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
    open_regular(path, options)?.ok_or_else(no_file)
}

/// What a regular file says, at most one byte more than `longest`; `None` where something else has its name.
///
/// Errors: as the kernel says, also that there is nothing of this name.
pub fn read_regular(path: &Path, longest: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open_regular(path, OpenOptions::new().read(true))? else { return Ok(None) };
    let length = file.metadata()?.len().min(longest);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(longest.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// A link, a socket or a pipe without a reader, or a folder that was to be written.
fn is_no_file(error: &io::Error) -> bool {
    let kinds = [Errno::ELOOP, Errno::ENXIO, Errno::EISDIR].map(|errno| errno as i32);
    error.raw_os_error().is_some_and(|code| kinds.contains(&code))
}
