//! What a planned write consists of.

use crate::names::KeywordName;

/// A new value for one keyword.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change<'a> {
    /// The keyword to change.
    pub keyword: KeywordName,
    /// Its new value; never longer than the stored one, never empty.
    pub value: &'a [u8],
    /// Fills the rest when the value is shorter than the stored one; without it that is an error.
    pub pad: Option<u8>,
}

/// Bytes to put at one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// Where, in bytes from the start of the VPD (a device window's offset is not included).
    pub offset: u64,
    /// What.
    pub bytes: Vec<u8>,
}
