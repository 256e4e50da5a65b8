//! Texts of keys that no program makes.

use rsa::pkcs1::RsaPublicKeyRef;
use rsa::pkcs8::ObjectIdentifier;
use rsa::pkcs8::der::asn1::{AnyRef, BitStringRef, UintRef};
use rsa::pkcs8::der::pem::{LineEnding, encode_string};
use rsa::pkcs8::der::{Decode, Encode};
use rsa::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo};

/// A block `PUBLIC KEY` of any content.
pub fn pem(content: &[u8]) -> Vec<u8> {
    encode_string("PUBLIC KEY", LineEnding::LF, content).unwrap().into_bytes()
}

/// A SubjectPublicKeyInfo; `parameters` are DER.
pub fn spki(identifier: &str, parameters: Option<&[u8]>, bits: &[u8]) -> Vec<u8> {
    let algorithm = AlgorithmIdentifierRef {
        oid: ObjectIdentifier::new(identifier).unwrap(),
        parameters: parameters.map(|der| AnyRef::from_der(der).unwrap()),
    };
    let subject_public_key = BitStringRef::from_bytes(bits).unwrap();
    pem(&SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der().unwrap())
}

pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = RsaPublicKeyRef {
        modulus: UintRef::new(modulus).unwrap(),
        public_exponent: UintRef::new(exponent).unwrap(),
    };
    spki("1.2.840.113549.1.1.1", Some(&[5, 0]), &key.to_der().unwrap())
}

pub fn ec(curve: &str, point: &[u8]) -> Vec<u8> {
    let curve = ObjectIdentifier::new(curve).unwrap().to_der().unwrap();
    spki("1.2.840.10045.2.1", Some(&curve), point)
}
