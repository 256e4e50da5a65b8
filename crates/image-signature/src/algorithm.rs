//! Object identifiers of algorithms and curves.

use crate::KeyError;
use rsa::pkcs8::ObjectIdentifier;

/// `rsaEncryption`, RFC 8017 appendix C.
pub const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// `id-ecPublicKey`, RFC 5480 section 2.1.1.
pub const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// `secp256r1`, RFC 5480 section 2.1.1.1.
pub const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// `secp384r1`, as before.
pub const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Post-quantum algorithms, RFC 9881 and RFC 9909.
const POST_QUANTUM: [(&str, &str); 15] = [
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
    ("2.16.840.1.101.3.4.3.20", "SLH-DSA-SHA2-128s"),
    ("2.16.840.1.101.3.4.3.21", "SLH-DSA-SHA2-128f"),
    ("2.16.840.1.101.3.4.3.22", "SLH-DSA-SHA2-192s"),
    ("2.16.840.1.101.3.4.3.23", "SLH-DSA-SHA2-192f"),
    ("2.16.840.1.101.3.4.3.24", "SLH-DSA-SHA2-256s"),
    ("2.16.840.1.101.3.4.3.25", "SLH-DSA-SHA2-256f"),
    ("2.16.840.1.101.3.4.3.26", "SLH-DSA-SHAKE-128s"),
    ("2.16.840.1.101.3.4.3.27", "SLH-DSA-SHAKE-128f"),
    ("2.16.840.1.101.3.4.3.28", "SLH-DSA-SHAKE-192s"),
    ("2.16.840.1.101.3.4.3.29", "SLH-DSA-SHAKE-192f"),
    ("2.16.840.1.101.3.4.3.30", "SLH-DSA-SHAKE-256s"),
    ("2.16.840.1.101.3.4.3.31", "SLH-DSA-SHAKE-256f"),
];

/// Algorithms and curves that people have keys of, but no images are signed with.
const OTHERS: [(&str, &str); 9] = [
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.3.101.110", "X25519"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("1.3.132.0.10", "ECDSA secp256k1"),
    ("1.3.132.0.35", "ECDSA P-521"),
    ("1.3.132.0.33", "ECDSA P-224"),
    ("1.2.840.10045.3.1.1", "ECDSA P-192"),
];

/// The error that names an algorithm or curve that is none of the constants.
pub fn refuse(identifier: ObjectIdentifier) -> KeyError {
    let text = identifier.to_string();
    let name_in = |table: &[(&str, &'static str)]| {
        table.iter().find(|(known, _)| *known == text).map(|(_, name)| *name)
    };
    if let Some(algorithm) = name_in(&POST_QUANTUM) {
        return KeyError::PostQuantum { algorithm };
    }
    KeyError::UnknownAlgorithm { algorithm: name_in(&OTHERS).map_or(text, str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn post_quantum_identifiers_are_named_and_their_neighbours_are_not() {
        for arc in 16..=32 {
            let text = format!("2.16.840.1.101.3.4.3.{arc}");
            let error = refuse(ObjectIdentifier::new(&text).unwrap());
            match error {
                KeyError::PostQuantum { algorithm } => {
                    assert!((17..=31).contains(&arc));
                    assert_eq!(algorithm.starts_with("ML-DSA"), arc < 20);
                }
                KeyError::UnknownAlgorithm { algorithm } => {
                    assert!(arc == 16 || arc == 32);
                    assert_eq!(algorithm, text);
                }
                other => panic!("{other}"),
            }
        }
    }
}
