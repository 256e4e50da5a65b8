//! Signatures that `openssl dgst -sign` makes.

use crate::openssl::{KINDS, Openssl};
use image_signature::{DigestAlgorithm, PublicKey, SignatureError, digest};

const DIGESTS: [(&str, DigestAlgorithm); 3] = [
    ("sha256", DigestAlgorithm::Sha256),
    ("sha384", DigestAlgorithm::Sha384),
    ("sha512", DigestAlgorithm::Sha512),
];

const DATA: &[u8] = b"purpose and version of an image";

#[test]
fn every_signature_that_openssl_makes_is_accepted_for_its_data_and_key_alone() {
    let Some(openssl) = Openssl::find() else { return };
    openssl.write("data", DATA);
    for (name, options) in KINDS {
        let key = PublicKey::from_pem(&openssl.key("one", options)).unwrap();
        let other = PublicKey::from_pem(&openssl.key("other", options)).unwrap();
        assert_eq!(key.describe(), name);
        assert_ne!(key, other);
        for (option, algorithm) in DIGESTS {
            openssl.run(&format!("dgst -{option} -sign one.key -out data.sig data"));
            let signature = openssl.read("data.sig");
            let right = digest(algorithm, DATA);
            assert_eq!(key.verify(&right, &signature), Ok(()), "{name} {option}");
            assert_eq!(other.verify(&right, &signature), Err(SignatureError::Mismatch), "{name} {option}");
            let altered = digest(algorithm, b"purpose and version of an image!");
            assert_eq!(key.verify(&altered, &signature), Err(SignatureError::Mismatch), "{name} {option}");
            for (_, wrong) in DIGESTS.into_iter().filter(|(_, wrong)| *wrong != algorithm) {
                let wrong = digest(wrong, DATA);
                assert_eq!(key.verify(&wrong, &signature), Err(SignatureError::Mismatch), "{name} {option}");
            }
        }
    }
}

#[test]
fn no_altered_byte_of_a_signature_is_overlooked() {
    let Some(openssl) = Openssl::find() else { return };
    openssl.write("data", DATA);
    for (name, options) in [KINDS[0], KINDS[3], KINDS[4]] {
        let key = PublicKey::from_pem(&openssl.key("one", options)).unwrap();
        openssl.run("dgst -sha256 -sign one.key -out data.sig data");
        let signature = openssl.read("data.sig");
        let value = digest(DigestAlgorithm::Sha256, DATA);
        for position in 0..signature.len() {
            let mut altered = signature.clone();
            altered[position] ^= 1;
            assert!(key.verify(&value, &altered).is_err(), "{name}: byte {position}");
            assert!(key.verify(&value, &signature[..position]).is_err(), "{name}: cut to {position}");
        }
    }
}

#[test]
fn signatures_of_other_lengths_and_forms_are_named() {
    let Some(openssl) = Openssl::find() else { return };
    let value = digest(DigestAlgorithm::Sha256, DATA);
    for (name, options) in KINDS {
        let key = PublicKey::from_pem(&openssl.key("one", options)).unwrap();
        assert_eq!(key.verify(&value, b""), Err(SignatureError::Empty), "{name}");
        let error = key.verify(&value, &[0x30; 513]).unwrap_err();
        assert!(matches!(error, SignatureError::TooLong { found: 513, .. }), "{name}: {error}");
        let error = key.verify(&value, &[0x30, 0]).unwrap_err();
        assert!(matches!(error, SignatureError::Malformed { .. }), "{name}: {error}");
    }
    let key = PublicKey::from_pem(&openssl.key("one", KINDS[0].1)).unwrap();
    assert_eq!(key.verify(&value, &[0xff; 256]), Err(SignatureError::Mismatch));
}

#[test]
fn a_zero_in_a_pair_and_bytes_after_it_are_malformed() {
    let Some(openssl) = Openssl::find() else { return };
    openssl.write("data", DATA);
    let key = PublicKey::from_pem(&openssl.key("one", KINDS[3].1)).unwrap();
    openssl.run("dgst -sha256 -sign one.key -out data.sig data");
    let value = digest(DigestAlgorithm::Sha256, DATA);
    let zeros = [0x30, 6, 2, 1, 0, 2, 1, 0];
    let negative = [0x30, 6, 2, 1, 0x80, 2, 1, 1];
    let padded = [0x30, 8, 2, 2, 0, 1, 2, 2, 0, 1];
    let long_length = [0x30, 0x81, 6, 2, 1, 1, 2, 1, 1];
    let mut one = [0x30, 6, 2, 1, 1, 2, 1, 1].to_vec();
    assert_eq!(key.verify(&value, &one), Err(SignatureError::Mismatch));
    one.push(0);
    for bytes in [&zeros[..], &negative, &padded, &long_length, &one] {
        let error = key.verify(&value, bytes).unwrap_err();
        assert!(matches!(error, SignatureError::Malformed { .. }), "{bytes:02x?}: {error}");
    }
}

#[test]
fn signatures_over_weak_digests_are_refused() {
    let Some(openssl) = Openssl::find() else { return };
    openssl.write("data", DATA);
    for (name, options) in [KINDS[0], KINDS[3]] {
        let key = PublicKey::from_pem(&openssl.key("one", options)).unwrap();
        for option in ["md5", "sha1"] {
            openssl.run(&format!("dgst -{option} -sign one.key -out data.sig data"));
            let signature = openssl.read("data.sig");
            for (_, algorithm) in DIGESTS {
                let result = key.verify(&digest(algorithm, DATA), &signature);
                assert_eq!(result, Err(SignatureError::Mismatch), "{name} {option}");
            }
        }
    }
}

#[test]
fn signatures_with_other_padding_are_refused() {
    let Some(openssl) = Openssl::find() else { return };
    openssl.write("data", DATA);
    let key = PublicKey::from_pem(&openssl.key("one", KINDS[0].1)).unwrap();
    openssl.run("dgst -sha256 -sigopt rsa_padding_mode:pss -sign one.key -out data.sig data");
    let result = key.verify(&digest(DigestAlgorithm::Sha256, DATA), &openssl.read("data.sig"));
    assert_eq!(result, Err(SignatureError::Mismatch));
}
