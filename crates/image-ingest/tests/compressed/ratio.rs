//! How much an archive may unpack to: in proportion to all of it, whatever comes first.

use crate::packing::{archive, noise};
use image_builder::{Compression, ImageBuilder, Purpose};
use image_check::{Attendance, Image, LimitError, Limits, Nowhere, Rejection, Rules, SignaturePolicy};
use image_ingest::{Incoming, ingest};
use std::cell::Cell;

const MIB: usize = 1024 * 1024;
const RATIO: u64 = 20;
const PACKED: [Compression; 3] = [Compression::Gzip, Compression::Xz, Compression::Bzip2];

/// How much was read.
#[derive(Default)]
struct Seen(Cell<u64>);

impl Attendance for Seen {
    fn goes_on(&self, read: u64) -> bool {
        self.0.set(read);
        true
    }
}

fn judge_with(bytes: &[u8], length: Option<u64>, ratio: u64, read: &Seen) -> Result<Image, Rejection> {
    let limits = Limits { ratio, ..Limits::default() };
    let rules = Rules { limits, signature: SignaturePolicy::Off, ..Rules::default() };
    ingest(Incoming { source: bytes, length }, &mut Nowhere, &rules, read)
}

/// The verdicts by file, by a file that has grown since its length was asked for, and by pipe.
fn judge(bytes: &[u8], ratio: u64) -> [Result<Image, Rejection>; 3] {
    [Some(bytes.len() as u64), Some(bytes.len() as u64 / 2), None]
        .map(|length| judge_with(bytes, length, ratio, &Seen::default()))
}

fn is_refused(taken: &Result<Image, Rejection>) -> bool {
    matches!(taken, Err(Rejection::Limit(LimitError::Ratio { .. })))
}

#[test]
fn erased_flash_beside_data_is_taken_in_either_order() {
    let (erased, data) = (vec![0xff; 2 * MIB], noise(MIB / 4));
    for compression in PACKED {
        for [first, second] in [[&erased, &data], [&data, &erased]] {
            let mut bytes = Vec::new();
            let builder = ImageBuilder::new(Purpose::Other, "1").compression(compression);
            builder.payload("a", &**first).payload("b", &**second).write(&mut bytes).unwrap();
            for taken in judge(&bytes, RATIO) {
                assert!(taken.is_ok(), "{compression:?} {} first: {taken:?}", first.len());
            }
        }
    }
}

#[test]
fn what_unpacks_to_too_much_is_refused_whichever_way_it_comes() {
    let bomb = vec![0; 2 * MIB];
    let beside_data = [noise(MIB / 32), bomb.clone()].concat();
    for compression in PACKED {
        for payload in [&bomb, &beside_data] {
            for taken in judge(&archive(compression, payload), RATIO) {
                assert!(is_refused(&taken), "{compression:?} {}: {taken:?}", payload.len());
            }
        }
        let taken = judge(&archive(compression, &bomb[..MIB / 2]), 1);
        assert!(taken.iter().all(Result::is_ok), "the first MiB is free: {compression:?}: {taken:?}");
    }
}

#[test]
fn the_ratio_is_that_of_the_whole_to_the_byte() {
    let bytes = archive(Compression::Gzip, &[vec![0xff; 2 * MIB], noise(MIB)].concat());
    for (ratio, is_too_much) in [(2, true), (3, false)] {
        for length in [Some(bytes.len() as u64), None] {
            let taken = judge_with(&bytes, length, ratio, &Seen::default());
            assert_eq!(
                (is_refused(&taken), taken.is_ok()),
                (is_too_much, !is_too_much),
                "{ratio}: {taken:?}"
            );
        }
    }
}

#[test]
fn a_bomb_of_known_length_is_stopped_before_all_of_it_is_read() {
    for compression in PACKED {
        let bytes = archive(compression, &[vec![0; 4 * MIB], noise(MIB / 8)].concat());
        let length = bytes.len() as u64;
        let (known, unknown) = (Seen::default(), Seen::default());
        assert!(is_refused(&judge_with(&bytes, Some(length), RATIO, &known)), "{compression:?}");
        assert!(is_refused(&judge_with(&bytes, None, RATIO, &unknown)), "{compression:?}");
        assert!(known.0.get() < length && unknown.0.get() == length, "{compression:?}");
    }
}

#[test]
fn a_length_that_is_not_true_buys_nothing() {
    let bytes = archive(Compression::Gzip, &vec![0; 4 * MIB]);
    let taken = judge_with(&bytes, Some(64 * MIB as u64), RATIO, &Seen::default());
    assert!(is_refused(&taken), "{taken:?}");
}

#[test]
fn the_beginning_of_an_image_that_unpacks_to_much_is_still_on_its_way() {
    let bytes = archive(Compression::Gzip, &[vec![0xff; 4 * MIB], noise(MIB)].concat());
    let taken = judge_with(&bytes[..MIB / 16], None, RATIO, &Seen::default());
    assert!(matches!(taken, Err(Rejection::Truncated)), "{taken:?}");
}
