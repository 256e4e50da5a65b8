//! What can be wrong with keys and signatures.

/// Why a text gives no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is longer than [`crate::LONGEST_KEY_TEXT`].
    #[error("a key's text of {found} bytes is longer than {limit}", limit = crate::LONGEST_KEY_TEXT)]
    TooLong {
        /// Its length, bytes.
        found: usize,
    },
    /// There is no complete PEM block: empty, truncated, NUL bytes, no base64.
    #[error("no PEM text: {reason}")]
    NotPem {
        /// What is wrong.
        reason: &'static str,
    },
    /// The first PEM block holds something else.
    #[error("the first PEM block is {found:?}, {expected} expected")]
    Label {
        /// What the block says it is, up to 64 characters.
        found: String,
        /// What was looked for.
        expected: &'static str,
    },
    /// The block's content is no well-formed key.
    #[error("malformed key: {reason}")]
    Malformed {
        /// What is wrong.
        reason: &'static str,
    },
    /// An RSA key with fewer than 2048 bits.
    #[error("an RSA key of {bits} bits is too small")]
    KeyTooSmall {
        /// Bits of the modulus.
        bits: usize,
    },
    /// An RSA key with more than 4096 bits.
    #[error("an RSA key of {bits} bits is too large")]
    KeyTooLarge {
        /// Bits of the modulus.
        bits: usize,
    },
    /// An RSA key whose public exponent is even, less than 3 or not less than 2^32.
    #[error("the RSA key's public exponent is not odd between 3 and 2^32")]
    Exponent,
    /// A key of an algorithm or on a curve that signs no images.
    #[error("keys of the algorithm {algorithm} are not known here")]
    UnknownAlgorithm {
        /// Its name, or else its object identifier.
        algorithm: String,
    },
    /// A key of a post-quantum algorithm, which cannot be computed here.
    #[error("keys of the post-quantum algorithm {algorithm} cannot be used here")]
    PostQuantum {
        /// Its name.
        algorithm: &'static str,
    },
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// It has no bytes.
    #[error("the signature is empty")]
    Empty,
    /// It is longer than any that the key makes.
    #[error("a signature of {found} bytes is longer than {longest}")]
    TooLong {
        /// Its length, bytes.
        found: usize,
        /// Length of the key's longest signature, bytes.
        longest: usize,
    },
    /// It has not the form of the key's signatures.
    #[error("malformed signature: {reason}")]
    Malformed {
        /// What is wrong.
        reason: &'static str,
    },
    /// It is well formed, but of other data, another digest or another key.
    #[error("the signature does not match")]
    Mismatch,
}
