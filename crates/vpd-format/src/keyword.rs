//! Keyword VPD: one flat list of keywords behind an identifier, protected by a checksum.

mod image;

pub use image::{Image, Tag};

/// Large resource tag of the identifier string, first byte of every image.
pub(crate) const IDENTIFIER_TAG: u8 = 0x82;
