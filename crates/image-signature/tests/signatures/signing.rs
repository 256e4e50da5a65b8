//! Private keys: what openssl says of our signatures.

use crate::openssl::{KINDS, Openssl};
use image_signature::{DigestAlgorithm, KeyError, PrivateKey, PublicKey, digest};

const DIGESTS: [(&str, DigestAlgorithm); 3] = [
    ("sha256", DigestAlgorithm::Sha256),
    ("sha384", DigestAlgorithm::Sha384),
    ("sha512", DigestAlgorithm::Sha512),
];

const DATA: &[u8] = b"a payload";

#[test]
fn openssl_and_we_verify_what_we_sign() {
    let Some(openssl) = Openssl::find() else { return };
    openssl.write("data", DATA);
    for (name, options) in KINDS {
        let public = openssl.key("one", options);
        let key = PrivateKey::from_pem(&openssl.read("one.key")).unwrap();
        assert_eq!(key.public_key_pem().as_bytes(), public, "{name}");
        assert_eq!(key.public(), &PublicKey::from_pem(&public).unwrap(), "{name}");
        for (option, algorithm) in DIGESTS {
            let value = digest(algorithm, DATA);
            let signature = key.sign(&value).unwrap();
            assert_eq!(key.sign(&value).unwrap(), signature, "{name} {option}: the same again");
            assert_eq!(key.public().verify(&value, &signature), Ok(()), "{name} {option}");
            openssl.write("data.sig", &signature);
            openssl.run(&format!("dgst -{option} -verify one.pub -signature data.sig data"));
        }
    }
}

#[test]
fn an_rsa_signature_is_the_one_that_openssl_makes() {
    let Some(openssl) = Openssl::find() else { return };
    openssl.write("data", DATA);
    openssl.key("one", KINDS[0].1);
    let key = PrivateKey::from_pem(&openssl.read("one.key")).unwrap();
    for (option, algorithm) in DIGESTS {
        openssl.run(&format!("dgst -{option} -sign one.key -out data.sig data"));
        assert_eq!(key.sign(&digest(algorithm, DATA)).unwrap(), openssl.read("data.sig"));
    }
}

#[test]
fn all_texts_of_a_private_key_are_the_same_key() {
    let Some(openssl) = Openssl::find() else { return };
    let kinds = [(KINDS[0].1, "rsa"), (KINDS[3].1, "ec"), (KINDS[4].1, "ec")];
    for (options, command) in kinds {
        openssl.key("one", options);
        let key = PrivateKey::from_pem(&openssl.read("one.key")).unwrap();
        let traditional = if command == "rsa" { " -traditional" } else { "" };
        openssl.run(&format!("{command} -in one.key{traditional} -out old.key"));
        let old = openssl.read("old.key");
        assert!(old.windows(11).any(|words| words == b"PRIVATE KEY") && old != openssl.read("one.key"));
        assert_eq!(PrivateKey::from_pem(&old).unwrap().public(), key.public());
    }
    openssl.run("ecparam -name secp384r1 -genkey -out with-parameters.key");
    let with_parameters = openssl.read("with-parameters.key");
    assert!(with_parameters.starts_with(b"-----BEGIN EC PARAMETERS"));
    assert_eq!(PrivateKey::from_pem(&with_parameters).unwrap().public().describe(), "ECDSA P-384");
}

#[test]
fn private_keys_that_sign_no_images_are_refused() {
    let Some(openssl) = Openssl::find() else { return };
    let read = |options: &str| {
        openssl.key("one", options);
        PrivateKey::from_pem(&openssl.read("one.key")).unwrap_err()
    };
    assert_eq!(read("-algorithm RSA -pkeyopt rsa_keygen_bits:1024"), KeyError::KeyTooSmall { bits: 1024 });
    let unknown = |algorithm: &str| KeyError::UnknownAlgorithm { algorithm: algorithm.to_owned() };
    assert_eq!(read("-algorithm ED25519"), unknown("Ed25519"));
    assert_eq!(read("-algorithm EC -pkeyopt ec_paramgen_curve:P-521"), unknown("ECDSA P-521"));
    openssl.key("one", KINDS[3].1);
    openssl.run("pkcs8 -topk8 -in one.key -passout pass:word -out encrypted.key");
    let encrypted = PrivateKey::from_pem(&openssl.read("encrypted.key")).unwrap_err();
    assert!(encrypted.to_string().contains("ENCRYPTED PRIVATE KEY"), "{encrypted}");
    let public = openssl.read("one.pub");
    assert!(matches!(PrivateKey::from_pem(&public), Err(KeyError::Label { .. })));
}

#[test]
fn a_private_key_does_not_show_itself() {
    let Some(openssl) = Openssl::find() else { return };
    for (name, options) in [KINDS[0], KINDS[3]] {
        openssl.key("one", options);
        let key = PrivateKey::from_pem(&openssl.read("one.key")).unwrap();
        let expected = format!("PrivateKey(of PublicKey({name}, {}))", key.public().fingerprint());
        assert_eq!(format!("{key:?}"), expected);
        assert_eq!(format!("{key:#?}"), expected);
    }
}

/// RFC 6979 appendix A.2.5, P-256 with SHA-256, message "sample".
#[test]
fn the_secret_number_is_that_of_the_standard() {
    const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\n\
        MDECAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49\n\
        AwEH\n\
        -----END EC PRIVATE KEY-----\n";
    let key = PrivateKey::from_pem(KEY.as_bytes()).unwrap();
    let signature = key.sign(&digest(DigestAlgorithm::Sha256, b"sample")).unwrap();
    let shown: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        shown,
        "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
         022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    );
}
