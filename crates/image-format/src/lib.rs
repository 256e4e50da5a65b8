//! What a firmware image is: the MANIFEST's text, the names of its members, what signatures cover, identifiers.
//!
//! An image is an archive of a MANIFEST, a public key, payloads, and a signature beside each of them. This crate judges
//! what such an archive says; others unpack it, compute with keys, and show it on the bus.
//!
//! ```
//! use image_format::{Manifest, ManifestLimits, MemberName, NameLimits, Purpose, VersionId};
//!
//! let text = b"purpose=xyz.openbmc_project.Software.Version.VersionPurpose.PSU\nversion=psu-test.v0.4\n";
//! let manifest = Manifest::parse(text, &ManifestLimits::default()).unwrap();
//! assert_eq!(Purpose::parse(&manifest.purpose), Ok(Purpose::Psu));
//! assert_eq!(VersionId::of(&manifest.version).as_str(), "67363d95");
//! assert!(MemberName::parse(b"../MANIFEST", &NameLimits::default()).is_err());
//! ```
//!
//! The bytes come from whoever may upload. None make it panic or loop, and it holds a few times their size at most.
//!
//! Must not know: files, archives, keys, buses, settings.
//!
//! Sources: archives and MANIFEST of openbmc/phosphor-bmc-code-mgmt, member `VersionPurpose` of
//! openbmc/phosphor-dbus-interfaces, os-release(5), git-describe(1).

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

mod coverage;
mod digest;
mod excerpt;
mod foreign;
mod manifest;
mod member_name;
pub mod names;
mod os_release;
mod purpose;
mod supply_identity;
mod version;
mod version_id;

pub use coverage::{Check, CoverageError, KeyRole, PostQuantumTrust, Subject, signature_plan};
pub use digest::{DigestAlgorithm, DigestError, parse_hash_function};
pub use excerpt::Excerpt;
pub use foreign::{FOREIGN_MAGIC, foreign_package};
pub use manifest::{LONGEST_VERSION, Manifest, ManifestError, ManifestLimits, PayloadDigest, PostQuantum};
pub use member_name::{MemberName, NameError, NameLimits};
pub use os_release::OsRelease;
pub use purpose::{Purpose, PurposeError};
pub use supply_identity::{IdentityError, SupplyIdentity};
pub use version::{
    Fit, Incomparable, MinimumError, MinimumVersion, PatternError, VersionFault, compare_versions,
};
pub use version_id::{VersionId, VersionIdError};
