//! No input ends the process, and none that was not signed is accepted.

use crate::text::{ec, pem, rsa};
use image_signature::{DigestAlgorithm, DigestValue, PublicKey, digest};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Points of known keys: the generators, whose private key is 1.
const P256: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                    4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
const P384: &str = "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7\
                    3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f";

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn keys() -> [PublicKey; 3] {
    let texts = [
        rsa(&[0xff; 256], &[1, 0, 1]),
        ec("1.2.840.10045.3.1.7", &unhex(P256)),
        ec("1.3.132.0.34", &unhex(P384)),
    ];
    texts.map(|text| PublicKey::from_pem(&text).unwrap())
}

fn digests(data: &[u8]) -> [DigestValue; 3] {
    [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512].map(|alg| digest(alg, data))
}

/// A DER pair of any two numbers, in range or not, well encoded or not.
fn pairs() -> impl Strategy<Value = Vec<u8>> {
    let number = prop::collection::vec(any::<u8>(), 0..50);
    (number.clone(), number, 0..4_u8).prop_map(|(r, s, lie)| {
        let mut bytes = vec![0x30, (r.len() + s.len() + 4) as u8 + lie / 3, 2, r.len() as u8];
        bytes.extend(&r);
        bytes.extend([2, s.len() as u8]);
        bytes.extend(&s);
        bytes
    })
}

/// The same inputs in every run.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x5160),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_is_a_key_or_refused(text in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(PublicKey::from_pem(&text).is_err());
    }

    #[test]
    fn any_content_of_a_block_is_a_key_or_refused(content in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(PublicKey::from_pem(&pem(&content)).is_err());
    }

    #[test]
    fn any_modulus_and_exponent_are_a_key_that_verifies_nothing_or_refused(
        modulus in prop::collection::vec(any::<u8>(), 250..300),
        exponent in prop::collection::vec(any::<u8>(), 1..6),
        signature in prop::collection::vec(any::<u8>(), 250..300),
    ) {
        if let Ok(key) = PublicKey::from_pem(&rsa(&modulus, &exponent)) {
            prop_assert!(key.verify(&digests(b"data")[0], &signature).is_err());
            prop_assert!(key.verify(&digests(b"data")[0], &vec![0; modulus.len()]).is_err());
        }
    }

    #[test]
    fn any_point_is_a_key_or_refused(mut point in prop::collection::vec(any::<u8>(), 33..98), form in 0..8_u8) {
        point[0] = form;
        for curve in ["1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"] {
            let _ = PublicKey::from_pem(&ec(curve, &point));
        }
    }

    #[test]
    fn a_damaged_key_is_a_key_or_refused(position in 0..400_usize, value in any::<u8>()) {
        for mut text in [rsa(&[0xff; 256], &[1, 0, 1]), ec("1.2.840.10045.3.1.7", &unhex(P256))] {
            let position = position % text.len();
            text[position] = value;
            let _ = PublicKey::from_pem(&text);
        }
    }

    #[test]
    fn no_bytes_are_a_signature_by_chance(signature in prop::collection::vec(any::<u8>(), 0..300), data in any::<u8>()) {
        for key in keys() {
            for value in digests(&[data]) {
                prop_assert!(key.verify(&value, &signature).is_err());
            }
        }
    }

    #[test]
    fn no_pair_of_numbers_is_a_signature_by_chance(signature in pairs(), data in any::<u8>()) {
        for key in keys() {
            for value in digests(&[data]) {
                prop_assert!(key.verify(&value, &signature).is_err());
            }
        }
    }
}
