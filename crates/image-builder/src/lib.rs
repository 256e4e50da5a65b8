//! Firmware images made of their parts: MANIFEST, payloads and signatures in one archive.
//!
//! For the tool that packs images and for tests, which take all correct images from here. The MANIFEST is written, read
//! again and judged as an image manager does; what that would refuse is not made. The same parts give the same bytes.
//!
//! ```
//! use image_builder::{ImageBuilder, Purpose};
//!
//! let mut archive = Vec::new();
//! let built = ImageBuilder::new(Purpose::Psu, "psu-test.v0.4")
//!     .extended_version("model=model-1,manufacturer=test-manu")
//!     .payload("psu.bin", b"firmware")
//!     .write(&mut archive)
//!     .unwrap();
//! assert!(built.manifest.contains("version=psu-test.v0.4\n"));
//! assert_eq!(built.members.len(), 2);
//! assert_eq!(archive.len() % 512, 0);
//! ```
//!
//! A payload may be a stream of known length ([`ImageBuilder::payload_from`]): it is hashed while it is written, and its
//! signature follows at the end of the archive.
//!
//! With the feature `compress` the archive can be compressed.
//!
//! Must not know: files, devices, where keys are kept, post-quantum signatures.
//!
//! Sources: class `image_types_phosphor` of openbmc/openbmc (which members, in which order), POSIX.1-1988 (ustar).

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

mod archive;
mod builder;
mod compression;
mod error;
mod manifest;
mod plan;
mod signer;

pub use archive::{Built, Member};
pub use builder::ImageBuilder;
pub use compression::Compression;
pub use error::BuildError;
pub use image_format::Purpose;
