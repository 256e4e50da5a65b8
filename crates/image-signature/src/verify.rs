//! Signatures against keys.

use crate::public_key::Key;
use crate::{DigestAlgorithm, DigestValue, KeyKind, PublicKey, SignatureError};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::pkcs1v15::Pkcs1v15Sign;
use sha2::{Sha256, Sha384, Sha512};

impl PublicKey {
    /// Whether the signature is this key's, of data with this digest.
    ///
    /// Shape: RSA: as many bytes as the modulus, PKCS#1 v1.5 with the DigestInfo of the digest's algorithm. ECDSA: DER
    /// sequence of r and s; of a digest longer than the curve's order its leftmost bits count.
    ///
    /// Errors: [`SignatureError::Empty`], [`SignatureError::TooLong`] and [`SignatureError::Malformed`] about a
    /// signature that no key of this kind makes, [`SignatureError::Mismatch`] about all others.
    ///
    /// Source: RFC 8017 section 8.2.2, FIPS 186-5 section 6.4.2, RFC 3279 section 2.2.3.
    pub fn verify(&self, prehashed: &DigestValue, signature: &[u8]) -> Result<(), SignatureError> {
        if signature.is_empty() {
            return Err(SignatureError::Empty);
        }
        let longest = self.longest_signature();
        if signature.len() > longest {
            return Err(SignatureError::TooLong { found: signature.len(), longest });
        }
        match &self.key {
            Key::Rsa(key) => {
                if signature.len() < longest {
                    return Err(SignatureError::Malformed { reason: "it is shorter than the key's modulus" });
                }
                key.verify(padding(prehashed.algorithm()), prehashed.as_bytes(), signature)
                    .map_err(|_| SignatureError::Mismatch)
            }
            Key::P256(key) => {
                let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| NO_PAIR)?;
                key.verify_prehash(prehashed.as_bytes(), &signature).map_err(|_| SignatureError::Mismatch)
            }
            Key::P384(key) => {
                let signature = p384::ecdsa::Signature::from_der(signature).map_err(|_| NO_PAIR)?;
                key.verify_prehash(prehashed.as_bytes(), &signature).map_err(|_| SignatureError::Mismatch)
            }
        }
    }

    /// Length of the longest signature that such a key makes, bytes.
    fn longest_signature(&self) -> usize {
        match self.kind() {
            KeyKind::Rsa { bits } => bits.div_ceil(8),
            // A sequence of two numbers with two bytes before each, and a zero where the first bit is set.
            KeyKind::EcdsaP256 => 72,
            KeyKind::EcdsaP384 => 104,
        }
    }
}

const NO_PAIR: SignatureError =
    SignatureError::Malformed { reason: "it is no DER sequence of two numbers in the curve's range" };

/// What goes around a digest before RSA.
pub(crate) fn padding(algorithm: DigestAlgorithm) -> Pkcs1v15Sign {
    match algorithm {
        DigestAlgorithm::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
        DigestAlgorithm::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
        DigestAlgorithm::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
    }
}
