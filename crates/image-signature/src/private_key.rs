use crate::{DigestValue, KeyError, PublicKey, algorithm, pem, public_key, verify};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::PrivateKeyInfoRef;
use rsa::pkcs8::der::Decode;
use rsa::pkcs8::der::asn1::ObjectIdentifier;
use rsa::pkcs8::der::pem::{LineEnding, encode_string};
use std::fmt;

/// A key that makes signatures.
///
/// For keys that sign where nobody else measures time: RSA is computed without blinding.
pub struct PrivateKey {
    key: Key,
    public: PublicKey,
    public_pem: String,
}

enum Key {
    Rsa(Box<rsa::PrivateKey>),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

/// Why a digest cannot be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The computation failed, as it does when the key's numbers do not belong together.
    #[error("the RSA key cannot sign")]
    Rsa(#[source] rsa::Error),
    /// The computation failed.
    #[error("the EC key cannot sign")]
    Ecdsa(#[source] p256::ecdsa::Error),
}

impl PrivateKey {
    /// Reads a key from its text.
    ///
    /// Shape: PEM block `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC 1); the first
    /// counts, a block `EC PARAMETERS` before it is passed over. Kinds and sizes as for [`PublicKey::from_pem`].
    ///
    /// Errors: as there; [`KeyError::Label`] for a key that is encrypted.
    ///
    /// Source: RFC 5958, RFC 8017 appendix A.1.2, RFC 5915.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let block = pem::first_block(text, "EC PARAMETERS")?;
        match block.label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&block.content),
            "RSA PRIVATE KEY" => Self::from_pkcs1(&block.content),
            "EC PRIVATE KEY" => Self::from_sec1(&block.content, algorithm::P256)
                .or_else(|_| Self::from_sec1(&block.content, algorithm::P384)),
            _ => Err(KeyError::Label { found: block.label, expected: "PRIVATE KEY" }),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::from_der(der)
            .map_err(|_| KeyError::Malformed { reason: "it is no PrivateKeyInfo" })?;
        match info.algorithm.oid {
            algorithm::RSA => Self::from_pkcs1(info.private_key.as_bytes()),
            algorithm::EC => {
                Self::from_sec1(info.private_key.as_bytes(), public_key::curve_of(info.algorithm)?)
            }
            other => Err(algorithm::refuse(other)),
        }
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let malformed = KeyError::Malformed { reason: "it is no RSAPrivateKey" };
        // The size first: numbers of a small key are refused for another reason otherwise.
        let numbers = rsa::pkcs1::RsaPrivateKeyRef::from_der(der).map_err(|_| malformed.clone())?;
        let public = PublicKey::rsa(numbers.modulus.as_bytes(), numbers.public_exponent.as_bytes())?;
        let key = rsa::PrivateKey::from_pkcs1_der(der).map_err(|_| malformed)?;
        Self::new(Key::Rsa(Box::new(key)), public)
    }

    fn from_sec1(der: &[u8], curve: ObjectIdentifier) -> Result<Self, KeyError> {
        let malformed = |_| KeyError::Malformed { reason: "it is no ECPrivateKey on P-256 or P-384" };
        match curve {
            algorithm::P256 => {
                let key =
                    p256::ecdsa::SigningKey::from(p256::SecretKey::from_sec1_der(der).map_err(malformed)?);
                let point = key.verifying_key().to_sec1_point(false);
                Self::new(Key::P256(key), PublicKey::on_curve(curve, point.as_bytes())?)
            }
            algorithm::P384 => {
                let key =
                    p384::ecdsa::SigningKey::from(p384::SecretKey::from_sec1_der(der).map_err(malformed)?);
                let point = key.verifying_key().to_sec1_point(false);
                Self::new(Key::P384(key), PublicKey::on_curve(curve, point.as_bytes())?)
            }
            other => Err(algorithm::refuse(other)),
        }
    }

    fn new(key: Key, public: PublicKey) -> Result<Self, KeyError> {
        let public_pem = encode_string(public_key::LABEL, LineEnding::LF, public.as_der())
            .map_err(|_| KeyError::Malformed { reason: "its public key cannot be encoded" })?;
        Ok(Self { key, public, public_pem })
    }

    /// Signs data that have this digest; [`PublicKey::verify`] says what comes out.
    ///
    /// The same digest gives the same signature: ECDSA takes its secret number from key and digest, with SHA-256 on
    /// P-256 and SHA-384 on P-384, whatever made the digest.
    ///
    /// Errors: [`SignError`].
    ///
    /// Source: RFC 8017 section 8.2.1, RFC 6979 section 3.2.
    pub fn sign(&self, prehashed: &DigestValue) -> Result<Vec<u8>, SignError> {
        let digest = prehashed.as_bytes();
        match &self.key {
            Key::Rsa(key) => key.sign(verify::padding(prehashed.algorithm()), digest).map_err(SignError::Rsa),
            Key::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(digest).map_err(SignError::Ecdsa)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Key::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign_prehash(digest).map_err(SignError::Ecdsa)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
        }
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The text of that key, as [`PublicKey::from_pem`] reads it.
    pub fn public_key_pem(&self) -> &str {
        &self.public_pem
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey(of {:?})", self.public)
    }
}
