use crate::{DigestAlgorithm, DigestValue, KeyError, algorithm, digest, pem};
use rsa::BoxedUint;
use rsa::pkcs1::RsaPublicKeyRef;
use rsa::pkcs8::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use rsa::pkcs8::der::{Decode, Encode};
use rsa::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use std::fmt;

/// Label of a public key's PEM block.
pub(crate) const LABEL: &str = "PUBLIC KEY";

/// Bits of the smallest and the largest RSA modulus.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// What sort of key it is, shown as `RSA-2048`, `ECDSA P-256`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA, signatures by PKCS#1 v1.5.
    Rsa {
        /// Bits of the modulus, 2048 to 4096.
        bits: usize,
    },
    /// ECDSA on the curve P-256.
    EcdsaP256,
    /// ECDSA on the curve P-384.
    EcdsaP384,
}

/// A key that verifies signatures.
///
/// Two are equal when they are the same key, however their texts differ.
#[derive(Clone)]
pub struct PublicKey {
    pub(crate) key: Key,
    kind: KeyKind,
    /// The one SubjectPublicKeyInfo of this key: uncompressed point, named curve.
    der: Vec<u8>,
}

#[derive(Clone)]
pub(crate) enum Key {
    Rsa(rsa::PublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
}

impl PublicKey {
    /// Reads a key from its text.
    ///
    /// Shape: PEM block `PUBLIC KEY` of a DER SubjectPublicKeyInfo, at most [`crate::LONGEST_KEY_TEXT`] bytes. The
    /// first block counts; text before and after it is ignored. RSA with 2048 to 4096 bits and an odd exponent from
    /// 3 to below 2^32; EC on P-256 or P-384 by the curve's name.
    ///
    /// Errors: [`KeyError::TooLong`], [`KeyError::NotPem`] and [`KeyError::Label`] about the text,
    /// [`KeyError::Malformed`] about its content, the other variants about a key that is well formed.
    ///
    /// Source: RFC 7468 section 13, RFC 5280 section 4.1.2.7, RFC 3279 section 2.3.1, RFC 5480 section 2.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let block = pem::first_block(text, "")?;
        if block.label != LABEL {
            return Err(KeyError::Label { found: block.label, expected: LABEL });
        }
        Self::from_der(&block.content)
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let malformed = KeyError::Malformed { reason: "it is no SubjectPublicKeyInfo" };
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| malformed.clone())?;
        let bits = info.subject_public_key.as_bytes().ok_or(malformed)?;
        match info.algorithm.oid {
            algorithm::RSA => {
                if info.algorithm.parameters != Some(AnyRef::NULL) {
                    return Err(KeyError::Malformed { reason: "an RSA key has no parameters but NULL" });
                }
                let key = RsaPublicKeyRef::from_der(bits)
                    .map_err(|_| KeyError::Malformed { reason: "its bits are no RSAPublicKey" })?;
                Self::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
            }
            algorithm::EC => Self::on_curve(curve_of(info.algorithm)?, bits),
            other => Err(algorithm::refuse(other)),
        }
    }

    /// An RSA key of its modulus and exponent, big-endian without leading zeros.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let bits = bit_length(modulus);
        if bits < *RSA_BITS.start() {
            return Err(KeyError::KeyTooSmall { bits });
        }
        if bits > *RSA_BITS.end() {
            return Err(KeyError::KeyTooLarge { bits });
        }
        let value =
            exponent.iter().try_fold(0_u32, |value, byte| Some(value.checked_mul(256)? | u32::from(*byte)));
        if value.is_none_or(|value| value < 3 || value.is_multiple_of(2)) {
            return Err(KeyError::Exponent);
        }
        let key = rsa::PublicKey::new(
            BoxedUint::from_be_slice_vartime(modulus),
            BoxedUint::from_be_slice_vartime(exponent),
        )
        .map_err(|_| KeyError::Malformed { reason: "its numbers are those of no RSA key" })?;
        let der = encode_rsa(modulus, exponent).map_err(|_| UNENCODABLE)?;
        Ok(Self { key: Key::Rsa(key), kind: KeyKind::Rsa { bits }, der })
    }

    /// A key of a point, compressed or not.
    pub(crate) fn on_curve(curve: ObjectIdentifier, point: &[u8]) -> Result<Self, KeyError> {
        let malformed = |_| KeyError::Malformed { reason: "it is no point of its curve" };
        match curve {
            algorithm::P256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(malformed)?;
                let der = encode_ec(curve, key.to_sec1_point(false).as_bytes()).map_err(|_| UNENCODABLE)?;
                Ok(Self { key: Key::P256(key), kind: KeyKind::EcdsaP256, der })
            }
            algorithm::P384 => {
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(malformed)?;
                let der = encode_ec(curve, key.to_sec1_point(false).as_bytes()).map_err(|_| UNENCODABLE)?;
                Ok(Self { key: Key::P384(key), kind: KeyKind::EcdsaP384, der })
            }
            other => Err(algorithm::refuse(other)),
        }
    }

    /// What sort of key it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The kind for people, such as `RSA-2048` or `ECDSA P-256`.
    pub fn describe(&self) -> String {
        self.kind.to_string()
    }

    /// What tells this key from all others: the SHA-256 of its DER SubjectPublicKeyInfo, points uncompressed.
    pub fn fingerprint(&self) -> DigestValue {
        digest(DigestAlgorithm::Sha256, &self.der)
    }

    #[cfg(feature = "sign")]
    pub(crate) fn as_der(&self) -> &[u8] {
        &self.der
    }
}

const UNENCODABLE: KeyError = KeyError::Malformed { reason: "it cannot be encoded again" };

/// The curve that an EC key names.
pub(crate) fn curve_of(identifier: AlgorithmIdentifierRef<'_>) -> Result<ObjectIdentifier, KeyError> {
    let parameters =
        identifier.parameters.ok_or(KeyError::Malformed { reason: "an EC key names no curve" })?;
    ObjectIdentifier::try_from(parameters)
        .map_err(|_| KeyError::UnknownAlgorithm { algorithm: "EC on a curve without a name".to_owned() })
}

fn bit_length(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |first| first.leading_zeros());
    number.len().saturating_mul(8).saturating_sub(zeros as usize)
}

fn encode_rsa(modulus: &[u8], exponent: &[u8]) -> rsa::pkcs8::der::Result<Vec<u8>> {
    let key = RsaPublicKeyRef { modulus: UintRef::new(modulus)?, public_exponent: UintRef::new(exponent)? }
        .to_der()?;
    let algorithm = AlgorithmIdentifierRef { oid: algorithm::RSA, parameters: Some(AnyRef::NULL) };
    SubjectPublicKeyInfo { algorithm, subject_public_key: BitStringRef::from_bytes(&key)? }.to_der()
}

fn encode_ec(curve: ObjectIdentifier, point: &[u8]) -> rsa::pkcs8::der::Result<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid: algorithm::EC, parameters: Some(AnyRef::from(&curve)) };
    SubjectPublicKeyInfo { algorithm, subject_public_key: BitStringRef::from_bytes(point)? }.to_der()
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({}, {})", self.kind, self.fingerprint())
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(formatter, "RSA-{bits}"),
            Self::EcdsaP256 => formatter.write_str("ECDSA P-256"),
            Self::EcdsaP384 => formatter.write_str("ECDSA P-384"),
        }
    }
}
