//! What can be wrong with the parts of an image.

use image_format::{CoverageError, DigestError, IdentityError, ManifestError, MemberName, NameError};
use image_signature::SignError;
use std::io;

/// Why no image can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The key of a further line has other characters than letters, digits, `_` and `-`.
    #[error("{key:?} is no key of a MANIFEST")]
    Key {
        /// The key.
        key: String,
    },
    /// A value would be more than one line.
    #[error("the value of {key} has a line break")]
    LineBreak {
        /// The key that has the value.
        key: String,
    },
    /// The MANIFEST would be refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The extended version of an image for power supplies does not say which.
    #[error("the extended version of an image for power supplies is not model=MODEL,manufacturer=MAKER")]
    PowerSupply(#[from] IdentityError),
    /// The digest is none that signatures are made over.
    #[error(transparent)]
    HashType(#[from] DigestError),
    /// A payload's name would be refused, or is longer than an archive's header has room for.
    #[error("{name:?} cannot be a payload's name")]
    Name {
        /// The name.
        name: String,
        /// Why.
        source: NameError,
    },
    /// A payload has the name of a member that is made here, or of a signature.
    #[error("a payload cannot have the name {name}")]
    Reserved {
        /// The name.
        name: MemberName,
    },
    /// Two payloads have the same name, perhaps but for upper and lower case.
    #[error("there are two payloads {name}")]
    Twice {
        /// The name of the second.
        name: MemberName,
    },
    /// A payload is longer than an archive's header can say.
    #[error("{name} has {length} bytes, at most {limit} are possible", limit = crate::archive::LONGEST_MEMBER)]
    TooLong {
        /// The payload.
        name: MemberName,
        /// Its length, bytes.
        length: u64,
    },
    /// The image would be refused for what is in it, or for what is not.
    #[error(transparent)]
    Coverage(#[from] CoverageError),
    /// A payload cannot be read.
    #[error("reading {name}")]
    Read {
        /// The payload.
        name: MemberName,
        /// Why.
        source: io::Error,
    },
    /// A payload has another length than was said.
    #[error("{name} has not the {expected} bytes that were said, but {}", found_text(*found, *expected))]
    Length {
        /// The payload.
        name: MemberName,
        /// The length that was said, bytes.
        expected: u64,
        /// How many bytes were read; one more than expected if there are more.
        found: u64,
    },
    /// A signature cannot be made.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The archive cannot be written.
    #[error("writing the archive")]
    Write(#[source] io::Error),
}

fn found_text(found: u64, expected: u64) -> String {
    if found > expected { "more".to_owned() } else { found.to_string() }
}
