//! Vital product data as bytes: detect the format, read by table of contents, parse, edit, encode.
//!
//! Three formats: IPZ records with error correcting code ([`ipz`]), keyword VPD ([`keyword`]) and the serial
//! presence detect data of memory modules ([`memory`]). All input is hostile: whatever an image says, nothing here
//! panics, loops or reads a byte twice. Memory is bounded too: at no time does [`read()`] hold more than the image's
//! size and 128 KiB, the latter only for an image with hundreds of records or thousands of keywords that all have
//! to be reported; one like those that machines carry takes a few KiB. Of an image larger than what any format can
//! point to, 196,617 bytes, only so much counts.
//!
//! Must not know: devices, files, buses, time, configuration. Bytes come through [`ReadAt`], so that an EEPROM
//! behind a slow wire is read only where its table of contents points.
//!
//! ```
//! use vpd_format::{Bytes, Content, ReadOptions, read};
//!
//! let image = vpd_format::ipz::ImageDescription::default().encode().unwrap();
//! let vpd = read(&mut Bytes(&image), &ReadOptions::default()).unwrap();
//! assert_eq!((vpd.image_size, vpd.bytes_read), (8192, 80));
//! assert!(matches!(vpd.content, Content::Ipz(image) if image.records.is_empty()));
//! ```
//!
//! Sources: OpenPOWER VPD layout as found in published sample images, PCI Local Bus Specification (VPD
//! resource tags), JEDEC 21-C annex L (DDR4 SPD) and JESD400-5 (DDR5 SPD).

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod detect;
mod duplicates;
mod edit;
mod error;
mod fetch;
pub mod ipz;
pub mod keyword;
pub mod memory;
mod names;
mod options;
mod outcome;
mod read;
mod shared;
mod source;

pub use detect::detect;
pub use edit::{Change, Write};
pub use error::{Part, ReadError, VpdError};
pub use names::{Keyword, KeywordName, NameError, RecordName};
pub use options::{Ecc, Format, PartNumbers, Policy, ReadOptions, UnknownWord, Wanted};
pub use outcome::{Checksum, Outcome};
pub use read::{Content, Vpd, read};
pub use source::{Bytes, Counted, OutOfBytes, ReadAt, Shortfall, Window, WindowError};
