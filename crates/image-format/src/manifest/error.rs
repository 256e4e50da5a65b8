use super::LONGEST_VERSION;
use crate::{Excerpt, NameError};

/// Why a MANIFEST is refused. Lines are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It has no bytes.
    #[error("the MANIFEST is empty")]
    Empty,
    /// It begins with the mark that some editors put before UTF-8.
    #[error("the MANIFEST begins with a byte order mark, which has to go")]
    ByteOrderMark,
    /// It is longer than the limit.
    #[error("the MANIFEST has {bytes} bytes, more than {limit}")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// It has more lines than the limit.
    #[error("the MANIFEST has more than {limit} lines")]
    TooManyLines {
        /// How many it may have.
        limit: usize,
    },
    /// A line is longer than the limit.
    #[error("line {line} of the MANIFEST has more than {limit} bytes")]
    LineTooLong {
        /// The line.
        line: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A line is not UTF-8.
    #[error("line {line} of the MANIFEST is not UTF-8")]
    NotUtf8 {
        /// The line.
        line: usize,
    },
    /// A line has a NUL or another control character in it, or the version a TAB.
    #[error("line {line} of the MANIFEST has a control character in it")]
    Control {
        /// The line.
        line: usize,
    },
    /// A line has a character in it that cannot be seen, or changes the order of others.
    #[error(
        "line {line} of the MANIFEST has the character U+{:04X} in it, which cannot be seen or changes the order of others",
        u32::from(*.character)
    )]
    Hidden {
        /// The line.
        line: usize,
        /// The character.
        character: char,
    },
    /// A line is neither blank, nor a comment, nor has an `=`.
    #[error("line {line} of the MANIFEST has no = in it")]
    NoEquals {
        /// The line.
        line: usize,
    },
    /// What stands before the `=` is empty or has other characters than letters, digits, `_` and `-`.
    #[error("line {line} of the MANIFEST has no key before its =")]
    BadKey {
        /// The line.
        line: usize,
    },
    /// A key that has one value is there again.
    #[error("line {line} of the MANIFEST has {key} a second time")]
    Repeated {
        /// The line of the second.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// A key that must have a value has none.
    #[error("line {line} of the MANIFEST has {key} without a value")]
    Blank {
        /// The line.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// A key that must be there is not.
    #[error("the MANIFEST has no {key}")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// The version is longer than [`LONGEST_VERSION`].
    #[error("line {line} of the MANIFEST has a version of {bytes} bytes, more than {LONGEST_VERSION}")]
    VersionTooLong {
        /// The line.
        line: usize,
        /// How long it is.
        bytes: usize,
    },
    /// `ExtendedVersion` and `extended_version`, or two of one spelling, do not say the same.
    #[error("line {line} of the MANIFEST has another extended version than a line before it")]
    ExtendedVersionsDiffer {
        /// The line of the second.
        line: usize,
    },
    /// A second set of signatures has no digest.
    #[error("line {line} of the MANIFEST has {} without a digest", Excerpt::of(.key))]
    PostQuantumDigest {
        /// The line.
        line: usize,
        /// The key.
        key: String,
    },
    /// A second set of signatures is in what is no folder at the top of an archive.
    #[error("line {line} of the MANIFEST has {} with a folder that cannot be", Excerpt::of(.key))]
    PostQuantumFolder {
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// What is wrong with the folder's name.
        source: NameError,
    },
    /// A line about a payload is not a digest and a name.
    #[error("line {line} of the MANIFEST is no SHA-256 and name of a payload")]
    PayloadDigest {
        /// The line.
        line: usize,
    },
}
