//! What can be wrong with a description.

use vpd_format::{RecordName, VpdError};

/// Why no image can be made from a description, or no description from an image.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The text is no TOML, or has unknown, missing or mistyped keys; the message shows line and key.
    #[error(transparent)]
    Syntax(#[from] toml::de::Error),
    /// The format is not one of those that can be built.
    #[error("unknown format {format:?}")]
    UnknownFormat {
        /// The word found.
        format: String,
    },
    /// The image is larger than any that may be described.
    #[error("an image of {found} bytes is larger than {limit}", limit = crate::LARGEST_IMAGE)]
    TooLarge {
        /// Size asked for, in bytes.
        found: usize,
    },
    /// The name of a record or keyword, or an offset, is none.
    #[error("line {line}: {name:?} is no {expected}")]
    Name {
        /// Line of the text, counted from 1.
        line: usize,
        /// What was found.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A record's name appears again; a reader would see the first one only.
    #[error("line {line}: record {name} is described twice")]
    RecordTwice {
        /// Line of the second one, counted from 1.
        line: usize,
        /// The record.
        name: RecordName,
    },
    /// A value is not well formed.
    #[error("line {line}, key {key}: {reason}")]
    Value {
        /// Line of the text, counted from 1.
        line: usize,
        /// The key that has the value.
        key: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A value has a length that its place cannot hold.
    #[error("line {line}, key {key}: {found} bytes, {} to {} expected", expected.start(), expected.end())]
    Length {
        /// Line of the text, counted from 1.
        line: usize,
        /// The key that has the value.
        key: String,
        /// The length or lengths that can be stored, in bytes.
        expected: core::ops::RangeInclusive<usize>,
        /// The length found, in bytes.
        found: usize,
    },
    /// The description as a whole does not give an image.
    #[error(transparent)]
    Format(#[from] VpdError),
    /// An image cannot be described, for it holds something that descriptions have no words for.
    #[error("{what}")]
    Undescribable {
        /// What that is.
        what: &'static str,
    },
}
