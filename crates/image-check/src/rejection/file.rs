use image_format::{Excerpt, MemberName, NameError};
use std::io;

/// Why a file of a folder cannot be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Something that an image cannot have.
    #[error("{name} is {what}")]
    Kind {
        /// Its name.
        name: MemberName,
        /// What it is.
        what: &'static str,
    },
    /// What was listed and what was opened are not one file.
    #[error("{0} became another file, or went, while the image was read")]
    Swapped(MemberName),
    /// It grew, shrank or was written to.
    #[error("{0} was changed while it was read")]
    Changed(MemberName),
    /// The kernel does not give it out.
    #[error("{name} cannot be read: {source}")]
    Unreadable {
        /// Its name.
        name: MemberName,
        /// Why.
        source: io::Error,
    },
    /// Something else is mounted in the folder.
    #[error("{0} lies on another file system")]
    OtherFileSystem(MemberName),
    /// The kernel cannot open a file without following links on the way to it.
    #[error("the kernel is older than Linux 5.6, and has no openat2")]
    OldKernel,
    /// Whoever may write to it could change it after it was checked.
    #[error("{0} may be written by other users than root and this program's")]
    Writable(MemberName),
    /// One file was to be installed, and there is none.
    #[error("there is no payload that is to be installed")]
    NoPayload,
    /// One file was to be installed, and there are several.
    #[error("{one} and {other} are payloads, and only one can be installed")]
    Payloads {
        /// One of them.
        one: MemberName,
        /// Another.
        other: MemberName,
    },
}

/// Why members cannot be those of an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemberError {
    /// A name that could lead elsewhere.
    #[error("the name {} cannot be taken: {source}", Excerpt::of(.name))]
    Name {
        /// As it came.
        name: Vec<u8>,
        /// Why.
        source: NameError,
    },
    /// Two members of one name, or of two that differ in case only.
    #[error("{0} comes twice")]
    Duplicate(MemberName),
    /// A member below something that is no folder.
    #[error("{0} lies below a file")]
    BelowFile(MemberName),
}
