//! IPZ: records with keywords, found by a table of contents, each protected by an error correcting code.
//!
//! Shape: all integers are little-endian, all offsets count from the start of the VPD. The header fills bytes
//! 0 to 54: code (11), then record VHDR with an entry for VTOC. VTOC's PT keywords hold one entry per record.

mod edit;
mod encode;
pub(crate) mod header;
mod image;
mod parse;
mod record;
mod toc;

#[cfg(test)]
mod tests;

pub use edit::{Plan, Stored, plan_record, plan_writes, value_of};
pub use encode::{Code, ImageDescription, RecordDescription};
pub use image::{AreaReport, Image, Record, TocEntry};
pub(crate) use parse::read_image;
