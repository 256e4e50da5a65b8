//! Wrong bits, wrong bytes, cuts, and heaps of damage.

use std::ops::Range;

use test_random::Numbers;
use vpd_format::{Bytes, Content, Outcome, Part, ReadOptions, read};

use crate::judgement::{Golden, Verdict};
use crate::subject::{
    AcceptsChecksums, FillsWhatIsCut, HidesRepairs, ReadsPastEnd, ReadsPastKeyword, Real, SkipsCode, Subject,
};
use crate::{FIXTURES, is_soak};

const SEED: u64 = 0x5eed_0021;

/// Fixtures whose areas are protected by code.
const WITH_CODE: [&str; 2] = ["system-planar", "card"];

/// The areas of an IPZ image that its code protects, code included.
fn protected(image: &[u8]) -> Vec<Range<usize>> {
    let vpd = read(&mut Bytes(image), &ReadOptions::default()).unwrap();
    let Content::Ipz(content) = vpd.content else { panic!("no IPZ") };
    let header = 0..55;
    let entries = content.records.iter().map(|record| record.entry).chain([content.toc.entry]);
    let areas = entries.flat_map(|entry| [entry.range(Part::Data), entry.range(Part::Ecc)]);
    areas.chain([header]).collect()
}

/// Turns over every bit of an IPZ image, one at a time.
fn one_bit(subject: &impl Subject, name: &'static str) -> Result<(), String> {
    let golden = Golden::of(name);
    let areas = protected(&golden.image);
    let mut image = golden.image.clone();
    for at in 0..image.len() {
        let is_protected = areas.iter().any(|area| area.contains(&at));
        let expected = if is_protected { (Outcome::Recovered, 1) } else { (Outcome::Ok, 0) };
        for bit in 0..8 {
            image[at] ^= 1 << bit;
            let place = format!("{name}, byte {at}, bit {bit}");
            let (verdict, found) =
                golden.examine(subject, &image).map_err(|complaint| format!("{place}: {complaint}"))?;
            let found = found.map(|found| (found.outcome, found.corrected));
            if verdict != Verdict::Same || found != Some(expected) {
                return Err(format!("{place}: {verdict:?}, {found:?} instead of {expected:?}"));
            }
            image[at] ^= 1 << bit;
        }
    }
    Ok(())
}

/// Gives every byte of an image other values, one at a time. Says where damage was silent and where unprotected.
fn one_byte(subject: &impl Subject, name: &'static str) -> Result<[Vec<usize>; 2], String> {
    let golden = Golden::of(name);
    let (mut image, used) = (golden.image.clone(), used(&golden.image));
    let mut numbers = Numbers::new(SEED);
    let (mut silent, mut unprotected) = (Vec::new(), Vec::new());
    for at in 0..image.len() {
        let right = image[at];
        for value in values(&mut numbers, right, at, used) {
            image[at] = value;
            let (verdict, _) = golden
                .examine(subject, &image)
                .map_err(|complaint| format!("{name}, byte {at} is {value}: {complaint}"))?;
            match verdict {
                Verdict::Silent => silent.push(at),
                Verdict::Unprotected => unprotected.push(at),
                Verdict::Same | Verdict::Reported => {}
            }
        }
        image[at] = right;
    }
    silent.dedup();
    unprotected.dedup();
    Ok([silent, unprotected])
}

/// Which values to try: all of them where it is quick, a sample where it is not, one where nothing is read.
fn values(numbers: &mut Numbers, right: u8, at: usize, used: usize) -> Vec<u8> {
    let others: Vec<u8> = (0..=255).filter(|value| *value != right).collect();
    if at < used && (used <= 1024 || is_soak()) {
        return others;
    }
    let count = if at < used { 16 } else { 1 };
    (0..count).map(|_| others[numbers.below(others.len())]).collect()
}

/// Ends an image at every length.
fn cuts(subject: &impl Subject, name: &'static str) -> Result<(), String> {
    let golden = Golden::of(name);
    let used = used(&golden.image);
    for length in 0..golden.image.len() {
        let (verdict, _) = golden
            .examine(subject, &golden.image[..length])
            .map_err(|complaint| format!("{name}, {length} bytes: {complaint}"))?;
        let expected = if length < used { Verdict::Reported } else { Verdict::Same };
        if verdict != expected {
            return Err(format!("{name}, {length} bytes of which {used} are used: {verdict:?}"));
        }
    }
    Ok(())
}

/// The end of the last byte that is read.
fn used(image: &[u8]) -> usize {
    let needed = |length: &usize| {
        let whole = read(&mut Bytes(image), &ReadOptions::default()).unwrap();
        read(&mut Bytes(&image[..*length]), &ReadOptions::default())
            .is_ok_and(|vpd| vpd.content == whole.content)
    };
    // Everything up to the end of what is read has to be there; lengths beyond are all alike.
    let (mut low, mut high) = (0, image.len());
    while low < high {
        let middle = (low + high) / 2;
        if needed(&middle) { high = middle } else { low = middle + 1 }
    }
    low
}

#[test]
fn every_wrong_bit_under_code_is_repaired_and_every_other_is_of_no_account() {
    for name in WITH_CODE {
        assert_eq!(one_bit(&Real, name), Ok(()));
    }
}

#[test]
fn every_wrong_byte_is_repaired_or_reported_unless_nothing_covers_it() {
    for name in FIXTURES {
        let uncovered = crate::uncovered::of(name);
        let expected = [uncovered.silent, uncovered.unprotected].map(|ranges| ranges.concat());
        assert_eq!(one_byte(&Real, name), Ok(expected), "{name}");
    }
}

#[test]
fn every_cut_is_reported_or_takes_nothing_away() {
    for name in FIXTURES {
        assert_eq!(cuts(&Real, name), Ok(()));
    }
}

#[test]
fn what_passes_its_check_under_heavy_damage_is_right() {
    let mut numbers = Numbers::new(SEED);
    let rounds = if is_soak() { 200_000 } else { 3000 };
    for name in FIXTURES {
        let golden = Golden::of(name);
        let reach = used(&golden.image);
        for round in 0..rounds {
            let mut image = golden.image.clone();
            for _ in 0..2 + numbers.below(30) {
                image[numbers.below(reach)] = numbers.below(256) as u8;
            }
            let (_, found) =
                golden.examine(&Real, &image).unwrap_or_else(|error| panic!("{name} {round}: {error}"));
            // More wrong bits than code can tell from fewer may look repaired; what needed no repair is right.
            let Some(found) = found.filter(|_| WITH_CODE.contains(&name)) else { continue };
            for part in found.parts.iter().filter(|part| part.outcome == Outcome::Ok) {
                assert!(golden.found.parts.contains(part), "{name}, round {round}: {part:?}");
            }
        }
    }
}

#[test]
fn faults_of_a_reader_are_noticed() {
    let silent = |result: Result<[Vec<usize>; 2], String>| result.unwrap()[0].len();
    assert!(one_bit(&SkipsCode, "card").unwrap_err().starts_with("card, byte 0, bit 0: Same, Some((Ok, 0))"));
    assert!(one_bit(&HidesRepairs, "card").unwrap_err().contains("instead of (Recovered, 1)"));
    assert!(one_bit(&ReadsPastKeyword, "card").unwrap_err().contains("Silent"));
    assert!(one_bit(&ReadsPastEnd, "card").unwrap_err().contains("is read of 512 bytes"));
    assert!(silent(one_byte(&SkipsCode, "card")) > 50, "wrong values without a word");
    for name in ["keyword", "ddr5-ddimm"] {
        assert!(silent(one_byte(&AcceptsChecksums, name)) > silent(one_byte(&Real, name)), "{name}");
    }
    assert!(silent(one_byte(&ReadsPastKeyword, "pci-keyword")) > 1000);
    for name in ["system-planar", "card", "ddr5-ddimm"] {
        let error = cuts(&FillsWhatIsCut, name).unwrap_err();
        assert!(error.ends_with("Silent") || error.ends_with("Same"), "{error}");
    }
    for name in FIXTURES {
        assert!(cuts(&ReadsPastEnd, name).unwrap_err().contains("is read of 0 bytes"), "{name}");
    }
}
