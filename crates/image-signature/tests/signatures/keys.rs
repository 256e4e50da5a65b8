//! Keys that openssl makes, and keys that it does not make.

use crate::openssl::{KINDS, Openssl};
use crate::text::{ec, pem, rsa, spki};
use image_signature::{DigestAlgorithm, KeyError, KeyKind, PublicKey, digest};

#[test]
fn the_fingerprint_is_that_of_the_der() {
    let Some(openssl) = Openssl::find() else { return };
    for (name, options) in KINDS {
        let key = PublicKey::from_pem(&openssl.key("one", options)).unwrap();
        openssl.run("pkey -pubin -in one.pub -outform DER -out one.der");
        assert_eq!(key.fingerprint(), digest(DigestAlgorithm::Sha256, &openssl.read("one.der")), "{name}");
        assert_eq!(format!("{key:?}"), format!("PublicKey({name}, {})", key.fingerprint()));
    }
}

#[test]
fn a_compressed_point_is_the_same_key() {
    let Some(openssl) = Openssl::find() else { return };
    for (name, options) in [KINDS[3], KINDS[4]] {
        let key = PublicKey::from_pem(&openssl.key("one", options)).unwrap();
        openssl.run("ec -in one.key -pubout -conv_form compressed -out short.pub");
        let short = openssl.read("short.pub");
        assert_ne!(short, openssl.read("one.pub"));
        let short = PublicKey::from_pem(&short).unwrap();
        assert_eq!((&short, short.fingerprint()), (&key, key.fingerprint()), "{name}");
    }
}

#[test]
fn keys_of_other_sizes_are_refused_by_their_size() {
    let Some(openssl) = Openssl::find() else { return };
    let text = openssl.key("small", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024");
    assert_eq!(PublicKey::from_pem(&text), Err(KeyError::KeyTooSmall { bits: 1024 }));
    let text = openssl.key("small", "-algorithm RSA -pkeyopt rsa_keygen_bits:2047");
    assert_eq!(PublicKey::from_pem(&text), Err(KeyError::KeyTooSmall { bits: 2047 }));
    assert_eq!(PublicKey::from_pem(&rsa(&[0x81; 513], &[3])), Err(KeyError::KeyTooLarge { bits: 4104 }));
    assert_eq!(PublicKey::from_pem(&rsa(&[0xff; 1024], &[3])), Err(KeyError::KeyTooLarge { bits: 8192 }));
    let largest = PublicKey::from_pem(&rsa(&[0xff; 512], &[3])).unwrap();
    assert_eq!(largest.kind(), KeyKind::Rsa { bits: 4096 });
}

#[test]
fn exponents_are_odd_from_3_to_32_bits() {
    for exponent in [&[3][..], &[1, 0, 1], &[0xff, 0xff, 0xff, 0xff]] {
        assert!(PublicKey::from_pem(&rsa(&[0xff; 256], exponent)).is_ok(), "{exponent:?}");
    }
    for exponent in [&[1][..], &[2], &[4], &[1, 0, 0], &[1, 0, 0, 0, 1], &[0xff; 200]] {
        assert_eq!(
            PublicKey::from_pem(&rsa(&[0xff; 256], exponent)),
            Err(KeyError::Exponent),
            "{exponent:?}"
        );
    }
    let even = [&[0xff; 255][..], &[0xfe]].concat();
    assert!(matches!(PublicKey::from_pem(&rsa(&even, &[3])), Err(KeyError::Malformed { .. })));
}

#[test]
fn keys_that_sign_no_images_are_named() {
    let Some(openssl) = Openssl::find() else { return };
    for (options, expected) in [
        ("-algorithm ED25519", "Ed25519"),
        ("-algorithm X25519", "X25519"),
        ("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "RSASSA-PSS"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "ECDSA P-521"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "ECDSA secp256k1"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1", "1.3.36.3.3.2.8.1.1.7"),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
            "EC on a curve without a name",
        ),
    ] {
        let error = PublicKey::from_pem(&openssl.key("one", options)).unwrap_err();
        assert_eq!(error, KeyError::UnknownAlgorithm { algorithm: expected.to_owned() }, "{options}");
    }
}

#[test]
fn post_quantum_keys_are_named() {
    for (identifier, algorithm) in
        [("2.16.840.1.101.3.4.3.18", "ML-DSA-65"), ("2.16.840.1.101.3.4.3.31", "SLH-DSA-SHAKE-256f")]
    {
        let text = spki(identifier, None, &[0x5a; 1952]);
        assert_eq!(PublicKey::from_pem(&text), Err(KeyError::PostQuantum { algorithm }));
    }
}

#[test]
fn points_off_the_curve_are_malformed() {
    let p256 = "1.2.840.10045.3.1.7";
    for point in [&[][..], &[0], &[4], &[4; 65], &[6; 65], &[4; 97], &[2; 32]] {
        let error = PublicKey::from_pem(&ec(p256, point)).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { .. }), "{point:02x?}: {error}");
    }
    let error = PublicKey::from_pem(&spki("1.2.840.10045.2.1", None, &[4; 65])).unwrap_err();
    assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
}

#[test]
fn texts_that_are_no_pem_are_named() {
    let Some(openssl) = Openssl::find() else { return };
    let text = openssl.key("one", KINDS[3].1);
    let with = |addition: &[u8]| [&text[..], addition].concat();
    let line = text.split_inclusive(|byte| *byte == b'\n').next().unwrap();
    let mut odd = text.clone();
    odd[line.len() + 3] = b'*';
    let private = openssl.read("one.key");
    for (what, text) in [
        ("empty", Vec::new()),
        ("words", b"no key\n".to_vec()),
        ("a NUL byte after it", with(b"\0")),
        ("its first line", line.to_vec()),
        ("no last line", text[..text.len() - 30].to_vec()),
        ("half of its last line", text[..text.len() - 4].to_vec()),
        ("one line less at its start", text[line.len()..].to_vec()),
        ("no base64", odd),
        ("another end", [&text[..text.len() - 25], b"-----END RSA KEY-----\n"].concat()),
    ] {
        let error = PublicKey::from_pem(&text).unwrap_err();
        assert!(matches!(error, KeyError::NotPem { .. }), "{what}: {error}");
    }
    assert_eq!(PublicKey::from_pem(&[b'-'; 16385]), Err(KeyError::TooLong { found: 16385 }));
    let label = KeyError::Label { found: "PRIVATE KEY".to_owned(), expected: "PUBLIC KEY" };
    assert_eq!(PublicKey::from_pem(&private), Err(label));
    for content in [&b""[..], b"\x30", b"\x30\x00", b"\x30\x82\xff\xff", b"\x05\x00"] {
        let error = PublicKey::from_pem(&pem(content)).unwrap_err();
        let expected = matches!(error, KeyError::Malformed { .. } | KeyError::NotPem { .. });
        assert!(expected, "{content:02x?}: {error}");
    }
}

#[test]
fn the_first_key_counts_whatever_is_around_it() {
    let Some(openssl) = Openssl::find() else { return };
    let first = openssl.key("first", KINDS[3].1);
    let second = openssl.key("second", KINDS[0].1);
    let key = PublicKey::from_pem(&first).unwrap();
    let windows = String::from_utf8(first.clone()).unwrap().replace('\n', "\r\n").into_bytes();
    let without_last_line_feed = first.trim_ascii_end().to_vec();
    for (what, text) in [
        ("another key after it", [&first[..], &second].concat()),
        ("words around it", [b"the key of\nus:\n", &first[..], b"good bye"].concat()),
        ("lines of Windows", windows),
        ("no line feed at its end", without_last_line_feed),
    ] {
        assert_eq!(PublicKey::from_pem(&text).as_ref(), Ok(&key), "{what}");
        openssl.write("text", &text);
        openssl.run("pkey -pubin -in text -pubout -out read.pub");
        assert_eq!(openssl.read("read.pub"), first, "{what}: as openssl reads it");
    }
}
