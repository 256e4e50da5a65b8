//! IPZ: records with keywords, found by a table of contents, each protected by an error correcting code.

mod encode;
pub(crate) mod header;
mod image;

pub use encode::{ImageDescription, RecordDescription};
pub use image::{AreaReport, Image, Record, TocEntry};
