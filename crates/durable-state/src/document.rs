use crate::checksum::in_words;
use crate::opening::read_regular;
use crate::{Disk, Step, replace, replace_unflushed, writer};
use nix::errno::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::{Path, PathBuf};

/// What can be kept in a file of its own.
///
/// Shape of the file: TOML; a line `checksum = "…"` over all that follows it, a line `format = N`, the value.
///
/// It may hold texts, characters, booleans, integers up to [`i64::MAX`], structs, maps whose keys are texts, lists, newtypes,
/// variants without a value or with one, and options in fields of structs, where none is no line. [`encode`] refuses what is
/// not written, or would not be read as it was:
/// - tuples, which arrays `[T; N]` are too, and bytes;
/// - fractions, whose writing would be most of the program;
/// - units, nothing in a list, a map, a variant or another option;
/// - variants with fields or with several values;
/// - nothing in a struct that has anything flattened, since that is a map to the writer;
/// - as the document itself a list.
///
/// It does not find that a flattened map has a field's key, which is written twice and then not read.
pub trait Document: Serialize + DeserializeOwned {
    /// The format's number, which grows with each change that makes an older or newer file mean something else.
    const FORMAT: u32;
    /// Longest file that is looked at, bytes.
    const LONGEST: u64;
}

/// What is wrong with a document's bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A folder, a link or a device has its name.
    #[error("it is no regular file")]
    NoFile,
    /// It is longer than any that is written.
    #[error("it has more than {limit} bytes")]
    TooLong {
        /// The longest, bytes.
        limit: u64,
    },
    /// It begins otherwise than with a checksum and a format, or has no text.
    #[error("it does not begin with a checksum and a format")]
    Beginning,
    /// Some of its bytes have changed since it was written.
    #[error("its checksum is not that of its text")]
    Checksum,
    /// Another version of the program wrote it.
    #[error("its format is {found}, this program reads {known}")]
    Format {
        /// What the file says.
        found: u32,
        /// What the program knows.
        known: u32,
    },
    /// Its text is whole, and not what the program reads.
    #[error("{0}")]
    Content(String),
}

/// Why a document is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The kernel does not give it out.
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another version of the program wrote it, which may yet come back: it stays where it is, and [`save`] keeps it as
    /// [`of_format`] says.
    #[error("{} is left alone: its format is {found}, this program reads {known}", .path.display())]
    OtherFormat {
        /// Which file.
        path: PathBuf,
        /// What the file says.
        found: u32,
        /// What the program knows.
        known: u32,
    },
    /// It cannot be believed; it is where [`set_aside`] says.
    #[error("{} is damaged: {fault}; it is kept as {}", .path.display(), .kept.display())]
    Damaged {
        /// Which file it was.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
        /// Which file it is now.
        kept: PathBuf,
    },
    /// It cannot be believed, and could not be moved either.
    #[error("{} is damaged: {fault}; it stays, as it cannot be set aside: {source}", .path.display())]
    Stuck {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
        /// Why it stays.
        source: io::Error,
    },
}

/// The bytes of a document's file.
///
/// Errors: the value has something that a [`Document`] cannot hold; [`Fault::TooLong`] where [`load`] would refuse it.
pub fn encode<T: Document>(value: &T) -> io::Result<String> {
    let body = writer::to_text(value).map_err(io::Error::other)?;
    let text = format!("format = {}\n{body}", T::FORMAT);
    let text = format!("checksum = \"{}\"\n{text}", in_words(text.as_bytes()));
    if text.len() as u64 > T::LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, Fault::TooLong { limit: T::LONGEST }));
    }
    // Whether the type takes it is the type's own matter; that it is TOML is the writer's.
    debug_assert!(text.parse::<toml::Table>().is_ok(), "the writer wrote no TOML: {text}");
    Ok(text)
}

/// What a document's file says.
///
/// Errors: [`Fault`].
pub fn decode<T: Document>(bytes: &[u8]) -> Result<T, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Beginning)?;
    let (sum, text) = text.split_once('\n').ok_or(Fault::Beginning)?;
    let sum = sum.strip_prefix("checksum = \"").and_then(|sum| sum.strip_suffix('"'));
    if sum.ok_or(Fault::Beginning)? != in_words(text.as_bytes()) {
        return Err(Fault::Checksum);
    }
    let (format, body) = text.split_once('\n').ok_or(Fault::Beginning)?;
    let found = format.strip_prefix("format = ").and_then(|format| format.parse().ok());
    let found = found.ok_or(Fault::Beginning)?;
    if found != T::FORMAT {
        return Err(Fault::Format { found, known: T::FORMAT });
    }
    toml_text::from_str(body)
        .map_err(|error| Fault::Content(error.to_string().trim_end().replace('\n', "; ")))
}

/// Keeps a document in a file, durably and as a whole; see [`replace()`]. A file of another format is kept for the version of
/// the program that wrote it, see [`of_format`].
///
/// Errors: as the kernel says, and as [`encode`]; the file is the old one then.
pub fn save<T: Document>(disk: &impl Disk, path: &Path, value: &T) -> io::Result<()> {
    let text = encode(value)?;
    keep_other_format(disk, path, T::FORMAT, T::LONGEST)?;
    replace(disk, path, text.as_bytes())
}

/// As [`save`], but nothing waits for the disk, unless a file of another format is kept; see [`replace_unflushed`].
///
/// Errors: as [`save`].
pub fn save_unflushed<T: Document>(disk: &impl Disk, path: &Path, value: &T) -> io::Result<()> {
    let text = encode(value)?;
    keep_other_format(disk, path, T::FORMAT, T::LONGEST)?;
    replace_unflushed(disk, path, text.as_bytes())
}

/// Copies what another version of the program wrote, before it is written over. What can never be read is written over.
///
/// Errors: as the kernel says, also that there is no room for a second file; it is longer than any that is copied.
fn keep_other_format(disk: &impl Disk, path: &Path, format: u32, longest: u64) -> io::Result<()> {
    let longest = longest.max(COPIED);
    let read = read_if_there(path, BEGINNING).and_then(|beginning| {
        let found = beginning.and_then(|bytes| format_of(&bytes)).filter(|found| *found != format);
        found.map_or(Ok(None), |found| Ok(read_if_there(path, longest)?.map(|bytes| (found, bytes))))
    });
    match read {
        Err(error) if is_lasting(&error) => {
            log::warn!("{} cannot be read and is written over: {error}", path.display());
            Ok(())
        }
        Err(error) => Err(crate::at(path)(error)),
        Ok(Some((found, bytes))) if bytes.len() as u64 > longest => {
            let error = format!("{} is of format {found} and too long to be kept", path.display());
            Err(io::Error::new(io::ErrorKind::FileTooLarge, error))
        }
        Ok(Some((found, bytes))) => replace(disk, &of_format(path, found), &bytes),
        Ok(None) => Ok(()),
    }
}

/// Whether an error is about the file itself, so that no later try reads it: its blocks or its file system are broken, or it is
/// not for us.
fn is_lasting(error: &io::Error) -> bool {
    let broken = [Errno::EIO, Errno::EUCLEAN, Errno::EACCES, Errno::EPERM];
    error.raw_os_error().is_some_and(|code| broken.contains(&Errno::from_raw(code)))
}

/// `None` of what is not there or is no regular file.
fn read_if_there(path: &Path, longest: u64) -> io::Result<Option<Vec<u8>>> {
    match read_regular(path, longest) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read,
    }
}

/// Longest file of another format that is copied, bytes, unless the program's own may be longer.
const COPIED: u64 = 16 * 1024 * 1024;
/// Bytes in which the lines of checksum and format lie.
const BEGINNING: u64 = 256;

/// The format that a file says it has, whether it is whole or not.
fn format_of(beginning: &[u8]) -> Option<u32> {
    let mut lines = beginning.split(|byte| *byte == b'\n');
    lines.next()?.strip_prefix(b"checksum = ")?;
    std::str::from_utf8(lines.next()?.strip_prefix(b"format = ")?).ok()?.parse().ok()
}

/// Reads a document; none where there is no file.
///
/// In place of a file of another format, the one of this format is read that an earlier version of the program has kept, if
/// there is one. Errors: [`LoadError`]. A file that cannot be believed is set aside first, so that it is logged once and its
/// name is free; one of another format is not.
pub fn load<T: Document>(disk: &impl Disk, path: &Path) -> Result<Option<T>, LoadError> {
    load_within(disk, path, T::LONGEST)
}

/// As [`load`], of a file whose longest length, bytes, is a setting's matter.
pub fn load_within<T: Document>(disk: &impl Disk, path: &Path, longest: u64) -> Result<Option<T>, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let read = match read_regular(path, longest) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(unreadable)?,
    };
    let decoded = match decode_within(read, longest) {
        Err(Fault::Format { found, known }) => {
            own_format(path, longest).ok_or(Fault::Format { found, known })
        }
        decoded => decoded,
    };
    decoded.map(Some).map_err(|fault| refused(disk, path.to_owned(), fault))
}

fn decode_within<T: Document>(bytes: Option<Vec<u8>>, longest: u64) -> Result<T, Fault> {
    let bytes = bytes.ok_or(Fault::NoFile)?;
    if bytes.len() as u64 <= longest {
        return decode(&bytes);
    }
    // Another version may hold more.
    let other = format_of(&bytes).filter(|found| *found != T::FORMAT);
    Err(other.map_or(Fault::TooLong { limit: longest }, |found| Fault::Format { found, known: T::FORMAT }))
}

/// What was kept of this format when another version of the program wrote over it.
fn own_format<T: Document>(path: &Path, longest: u64) -> Option<T> {
    let kept = of_format(path, T::FORMAT);
    let value = decode_within(read_regular(&kept, longest).ok()?, longest).ok()?;
    log::info!("{} is of another version of the program, {} is read", path.display(), kept.display());
    Some(value)
}

/// What comes of a file that is not taken.
fn refused(disk: &impl Disk, path: PathBuf, fault: Fault) -> LoadError {
    if let Fault::Format { found, known } = fault {
        return LoadError::OtherFormat { path, found, known };
    }
    let kept = set_aside(&path);
    match disk.perform(&Step::Rename { from: path.clone(), to: kept.clone() }) {
        Ok(()) => LoadError::Damaged { path, fault, kept },
        Err(source) => LoadError::Stuck { path, fault, source },
    }
}

/// Where a file lies that is not believed: `.NAME.damaged` beside it, in place of an earlier one.
pub fn set_aside(path: &Path) -> PathBuf {
    beside(path, crate::folder::DAMAGED)
}

/// Where a file lies that another version of the program has written over: `.NAME.format-N` beside it, in place of an earlier
/// one; that version reads it when it comes back.
pub fn of_format(path: &Path, format: u32) -> PathBuf {
    beside(path, &format!(".format-{format}"))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests;
