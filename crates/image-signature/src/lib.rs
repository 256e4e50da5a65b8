//! Public keys, digests and signatures of firmware images.
//!
//! What `openssl dgst -sha256 -sign KEY` makes is verified here: PKCS#1 v1.5 signatures of RSA keys, and ECDSA
//! signatures of keys on P-256 and P-384. Whole files are never needed: data go through a [`Digester`] piece by
//! piece, and a key is asked about the digest.
//!
//! Keys and signatures come from uploads and may be any bytes; what is wrong with them is named ([`KeyError`],
//! [`SignatureError`]), and nothing panics.
//!
//! ```
//! use image_signature::{DigestAlgorithm, KeyError, PublicKey, digest};
//!
//! let value = digest(DigestAlgorithm::Sha256, b"abc");
//! assert!(value.to_string().starts_with("ba7816bf"));
//! assert!(matches!(PublicKey::from_pem(b"no key"), Err(KeyError::NotPem { .. })));
//! ```
//!
//! With the feature `sign` there are private keys as well. Services do without.
//!
//! Must not know: files, archives, which keys are trusted.
//!
//! Sources: RFC 8017 section 8.2 (RSA), FIPS 186-5 section 6 (ECDSA), RFC 5280 section 4.1.2.7, RFC 3279 section 2.3
//! and RFC 5480 (keys), RFC 7468 (their text).

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

mod algorithm;
mod digest;
mod error;
mod pem;
#[cfg(feature = "sign")]
mod private_key;
mod public_key;
mod verify;

pub use digest::{DigestValue, Digester, digest};
pub use error::{KeyError, SignatureError};
pub use image_format::DigestAlgorithm;
#[cfg(feature = "sign")]
pub use private_key::{PrivateKey, SignError};
pub use public_key::{KeyKind, PublicKey};

/// Longest text that is looked at for a key, bytes.
pub const LONGEST_KEY_TEXT: usize = 16 * 1024;
