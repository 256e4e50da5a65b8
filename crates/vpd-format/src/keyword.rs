//! Keyword VPD: one flat list of keywords behind an identifier, protected by a checksum.
//!
//! Shape: 0x82, length of the identifier (`u16` little-endian), identifier, 0x84 or 0x90, length of the
//! keywords (`u16` little-endian), keywords, then 0x79, checksum, 0x78. After 0x90 the ending may be 0x78
//! alone, or 0x91, a length and keywords that nothing protects, then 0x78: PCI's writable section, whose last keyword RW is
//! what is left of its room. A keyword is two bytes name, one byte length, value.
//!
//! Source: PCI Local Bus Specification 3.0, appendix I, for the tags and keywords RV and RW.

mod checksum;
mod edit;
mod encode;
mod image;
mod layout;
mod parse;

#[cfg(test)]
mod tests;

pub use edit::{Plan, plan_writes};
pub use encode::{Ending, ImageDescription};
pub use image::{Image, Tag};
pub(crate) use parse::read_image;

/// Large resource tag of the identifier string, first byte of every image.
pub(crate) const IDENTIFIER_TAG: u8 = 0x82;
/// Large resource tag of PCI's writable section.
pub(crate) const WRITABLE_TAG: u8 = 0x91;
/// Small resource tag that announces a checksum.
pub(crate) const CHECKSUM_TAG: u8 = 0x79;
/// End tag.
pub(crate) const END_TAG: u8 = 0x78;
