//! Neither descriptions nor images can make the builder panic.

use std::path::Path;

use test_random::Numbers;
use vpd_builder::{build, describe};

const SEED: u64 = 0x5eed_0003;

fn shipped() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/vpd");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn mutilated_descriptions_give_an_image_or_an_error() {
    let mut numbers = Numbers::new(SEED);
    let mut built = 0;
    for text in shipped() {
        for _ in 0..300 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..=numbers.below(3) {
                let at = numbers.below(bytes.len());
                match numbers.below(3) {
                    0 => bytes[at] = b' ' + numbers.below(95) as u8,
                    1 => drop(bytes.drain(at..(at + 5).min(text.len() - 20).max(at))),
                    _ => bytes.insert(at, b"9\"{}[]=#\n"[numbers.below(9)]),
                }
            }
            let Ok(text) = String::from_utf8(bytes) else { continue };
            match build(&text) {
                Ok(image) => {
                    assert!(image.len() <= vpd_builder::LARGEST_IMAGE);
                    built += 1;
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
    assert!(built > 100, "the damage is too heavy to reach the encoders: {built}");
}

#[test]
fn a_damaged_image_is_described_as_something_that_builds_or_not_at_all() {
    let mut numbers = Numbers::new(SEED);
    let mut described = 0;
    for text in shipped() {
        let image = build(&text).unwrap();
        for round in 0..200 {
            let mut damaged = image.clone();
            for _ in 0..=numbers.below(4) {
                let at = numbers.below(700.min(image.len()));
                damaged[at] = numbers.below(256) as u8;
            }
            let Ok(text) = describe(&damaged) else { continue };
            let again =
                build(&text).unwrap_or_else(|error| panic!("seed {SEED:x} round {round}: {error}\n{text}"));
            assert_eq!(again.len(), image.len());
            described += 1;
        }
    }
    assert!(described > 100, "the damage is too heavy to be described: {described}");
}
