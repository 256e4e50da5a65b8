//! Readable TOML descriptions of vital product data in, correct images out, and back.
//!
//! For fixtures, file-backed EEPROMs and images for manufacturing. Every format that [`vpd_format`] reads can be
//! described; lengths, tables of contents, code and checksums are computed.
//!
//! ```
//! let image = vpd_builder::build(r#"
//!     format = "ipz"
//!     size = 512
//!
//!     [[record]]
//!     name = "VINI"
//!     keywords.DR = "SYSTEM BACKPLANE"
//!     keywords.SN = { text = "YX0001", pad-to = 12, pad = " " }
//!     keywords.HW = { hex = "0001" }
//!     keywords.B7 = { fill = 0, length = 12 }
//! "#).unwrap();
//! assert_eq!(image.len(), 512);
//! assert_eq!(vpd_builder::build(&vpd_builder::describe(&image).unwrap()).unwrap(), image);
//! ```
//!
//! Common keys: `format` (`ipz`, `keyword`, `ddr4-ddimm`, `ddr5-ddimm`, `ddr4-isdimm`, `ddr5-isdimm`), `size` in
//! bytes (at most 1 MiB) and `fill` (the value of bytes that nothing claims, default 0). The keys of each
//! format are listed at [`build`].
//!
//! Must not know: files, devices, buses.

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

mod describe;
mod error;
mod ipz;
mod keyword;
mod memory;
mod value;

use serde::Deserialize;
use vpd_format::memory::Kind;

pub use describe::describe;
pub use error::BuildError;

/// Largest image that may be described.
pub const LARGEST_IMAGE: usize = 1 << 20;

/// Makes an image from its description.
///
/// A value is a plain ASCII string, or a table: `{ hex = "00ff" }`, `{ text = "AB" }`, either with `pad-to` (a
/// length in bytes) and `pad` (one character or byte value, default 0), or `{ fill = 0, length = 16 }`.
///
/// - `ipz`: `code` (`computed`, the default, `zero` as in old OpenPOWER images, or `none`: no code, and no tag but
///   the first) and `[[record]]` with `name`, `type` (default 0x00d5 for VINI, 0x00ff for others), `minimum-length` (bytes, default 0) and
///   `[record.keywords]`. RT, PF, header, table of contents and code are made.
/// - `keyword`: `identifier`, `tag` (0x84, the default, or 0x90), `ending` (`checksum` or, after 0x90 only,
///   `plain`; default by tag) and `[keywords]`. The first byte of RV after tag 0x90 is computed. `[writable]` after a
///   plain ending: the keywords of PCI's writable section, RW included.
/// - Memory modules: `checksums` (`computed`, the default, or `zero`), `part-number`, `serial-number`, `ccin`,
///   `manufacturer-id` as far as the kind stores them, and `[spd]`, values by decimal offset.
///
/// Errors: [`BuildError::Syntax`] for text that is no TOML or has unknown, missing or mistyped keys, with line
/// and key; the other variants for values that cannot be stored, with line and key.
pub fn build(text: &str) -> Result<Vec<u8>, BuildError> {
    let Selection { format } = toml::from_str(text)?;
    match format.as_str() {
        "ipz" => ipz::build(text),
        "keyword" => keyword::build(text),
        "ddr4-ddimm" => memory::build(text, Kind::Ddr4Ddimm),
        "ddr5-ddimm" => memory::build(text, Kind::Ddr5Ddimm),
        "ddr4-isdimm" => memory::build(text, Kind::Ddr4Isdimm),
        "ddr5-isdimm" => memory::build(text, Kind::Ddr5Isdimm),
        _ => Err(BuildError::UnknownFormat { format }),
    }
}

/// The one key that is looked at before the format is known.
#[derive(Deserialize)]
struct Selection {
    format: String,
}

/// Refuses sizes that no EEPROM of vital product data has, before memory is taken for them.
fn check_size(size: usize) -> Result<usize, BuildError> {
    if size > LARGEST_IMAGE { Err(BuildError::TooLarge { found: size }) } else { Ok(size) }
}
