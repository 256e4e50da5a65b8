mod archive;
mod file;

pub use archive::ArchiveError;
pub use file::{FileError, MemberError};

use crate::{JudgeError, SignatureFault};
use image_format::{ManifestError, VersionFault};
use nix::errno::Errno;
use std::io;

/// Why an image was not taken: one list for archives, folders and copies of them, since whoever tells it needs all.
///
/// Its text has the causes in it. Printed with its sources, as `{:#}` of `anyhow` does, it would say them twice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Whoever watches did not want it to go on.
    #[error("taking it in was interrupted")]
    Interrupted,
    /// It ends too early, and may be still on its way.
    #[error("the archive ends before its end")]
    Truncated,
    /// It cannot be read.
    #[error("the image cannot be read: {0}")]
    Source(io::Error),
    /// It is no archive, or one that could do harm.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It is a folder of files, and one of them cannot be taken.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its members do not go together, or could lead elsewhere.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// There is too much of something.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// There is no room for it now.
    #[error("there is no room: {needed} bytes are needed, {free} are free, {kept} must stay so")]
    Busy {
        /// Free bytes with which it would have gone on, [`Self::Busy::kept`] included.
        needed: u64,
        /// Free bytes that there were.
        free: u64,
        /// Bytes that must stay free.
        kept: u64,
    },
    /// There is no manifest.
    #[error("there is no MANIFEST")]
    NoManifest,
    /// The manifest is a folder.
    #[error("MANIFEST is a folder")]
    ManifestIsFolder,
    /// The manifest is wrong.
    #[error("MANIFEST: {0}")]
    Manifest(#[from] ManifestError),
    /// The image is not for this machine, or not of a kind that is taken.
    #[error(transparent)]
    Unsuitable(#[from] JudgeError),
    /// The image is older than what is taken.
    #[error("version {actual} is older than {minimum}, the oldest that is taken")]
    TooOld {
        /// The oldest version that is taken.
        minimum: String,
        /// The image's version.
        actual: String,
        /// The image's purpose.
        purpose: String,
    },
    /// Nothing says whether the image is older than what is taken.
    #[error("version {actual} cannot be compared with {minimum}, the oldest that is taken: {fault}")]
    Incomparable {
        /// The oldest version that is taken.
        minimum: String,
        /// The image's version.
        actual: String,
        /// The image's purpose.
        purpose: String,
        /// Why not.
        fault: Box<VersionFault>,
    },
    /// It is not signed as it should be.
    #[error("signature: {0}")]
    Signature(#[from] SignatureFault),
    /// Images of its purpose are left alone here.
    #[error("images of purpose {purpose} are left alone")]
    Ignored {
        /// The purpose.
        purpose: &'static str,
    },
    /// It is a package for another service.
    #[error("it is {format}, for another service")]
    Foreign {
        /// What it is.
        format: &'static str,
    },
    /// What was unpacked could not be written, or read again.
    #[error("the image cannot be written: {0}")]
    Storage(io::Error),
}

/// What folders, names, and what a file system puts off may need beside the files' own bytes.
const BESIDE: u64 = 1024 * 1024;

/// What kind of rejection it is; the bus has an event for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// No archive, or a bad one.
    UnTar,
    /// The manifest.
    Manifest,
    /// Anything else that is wrong with the image.
    Image,
    /// No room.
    Busy,
    /// Signatures.
    Signature,
    /// Too old, or not known not to be.
    Incompatible,
    /// A fault of the machine, not of the image.
    Internal,
    /// Nothing is wrong.
    None,
}

impl Rejection {
    /// What it means that something could not be written beside the image's own files, where so many bytes are free without
    /// it: these were not enough.
    pub fn unwritten(error: io::Error, free: u64) -> Self {
        if is_out_of_space(&error) {
            Self::Busy { needed: free.saturating_add(BESIDE), free, kept: 0 }
        } else {
            Self::Storage(error)
        }
    }

    /// What kind it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Truncated | Self::Archive(_) | Self::Member(_) | Self::Source(_) => Class::UnTar,
            Self::File(FileError::Unreadable { .. } | FileError::OldKernel) => Class::Internal,
            Self::File(_) | Self::Limit(_) | Self::Unsuitable(_) => Class::Image,
            Self::Busy { .. } => Class::Busy,
            Self::NoManifest | Self::ManifestIsFolder | Self::Manifest(_) => Class::Manifest,
            Self::TooOld { .. } | Self::Incomparable { .. } => Class::Incompatible,
            Self::Signature(_) => Class::Signature,
            Self::Storage(_) => Class::Internal,
            Self::Ignored { .. } | Self::Foreign { .. } | Self::Interrupted => Class::None,
        }
    }
}

/// Whether something could not be written for want of room, be it bytes, inodes or a quota.
pub fn is_out_of_space(error: &io::Error) -> bool {
    let full = [Errno::ENOSPC, Errno::EDQUOT].map(|errno| errno as i32);
    error.raw_os_error().is_some_and(|code| full.contains(&code))
}

/// Of what there is too much.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// Bytes of the archive.
    #[error("the archive is larger than {limit} bytes")]
    Archive {
        /// How many are taken.
        limit: u64,
    },
    /// Bytes of all members.
    #[error("the members are larger than {limit} bytes together")]
    Extracted {
        /// How many are taken.
        limit: u64,
    },
    /// Bytes of a member.
    #[error("{name} is larger than {limit} bytes")]
    Member {
        /// Which member.
        name: String,
        /// How many are taken.
        limit: u64,
    },
    /// Members.
    #[error("there are more than {limit} members")]
    Members {
        /// How many are taken.
        limit: usize,
    },
    /// Bytes that come of one byte.
    #[error("the archive unpacks to more than {limit} times its size")]
    Ratio {
        /// How many are taken.
        limit: u64,
    },
    /// The memory that decompression takes.
    #[error("the xz dictionary is larger than is taken")]
    Dictionary,
}
