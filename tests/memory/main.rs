//! No image makes the reader hold more memory than its own size and a constant.
//!
//! One test in a process of its own: the allocator counts for the whole process. It takes a new block for every
//! growth before it gives up the old one, so what it says is at least what any other allocator would need.

use peak_alloc::PeakAlloc;
use test_random::Numbers;
use vpd_format::ipz::{ImageDescription, RecordDescription, TocEntry};
use vpd_format::{Bytes, Ecc, Format, KeywordName, Policy, ReadOptions, RecordName, read};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What may be held beside the image whatever it says.
const BOOKKEEPING: usize = 128 << 10;
/// What may be held beside an image like those that machines carry.
const USUAL_BOOKKEEPING: usize = 8 << 10;
/// Beyond this no format can point, so no more of an image is ever held.
const REACH: usize = 131_079;

const SEED: u64 = 0x5eed_0011;

/// Most that a read holds at one time, what it returns included.
fn peak(image: &[u8], options: &ReadOptions<'_>) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = read(&mut Bytes(image), options);
    let peak = ALLOCATOR.peak_usage() - before;
    drop(result);
    assert_eq!(ALLOCATOR.current_usage(), before, "everything is given back");
    peak
}

/// The largest peak of all ways to read an image.
fn worst(image: &[u8]) -> usize {
    let mut worst = 0;
    for ecc in [Ecc::Checked, Ecc::Ignored] {
        for format in [None, Some(Format::Ipz), Some(Format::Keyword), Some(Format::Memory)] {
            for policy in [Policy::Recover, Policy::Strict] {
                let options = ReadOptions { format, policy, ecc, ..ReadOptions::default() };
                worst = worst.max(peak(image, &options));
            }
        }
    }
    worst
}

#[test]
fn a_read_holds_no_more_than_the_image_and_a_constant() {
    for name in FIXTURES {
        let image = house_tests::fixture(name);
        let peak = worst(&image);
        println!("{name}: {peak} bytes for an image of {}", image.len());
        assert!(peak <= image.len() + USUAL_BOOKKEEPING, "{name}: {peak}");
    }
    for (allowed, images) in [(USUAL_BOOKKEEPING, greedy()), (BOOKKEEPING, numerous())] {
        for (name, image) in images {
            let peak = worst(&image);
            println!("{name}: {peak} bytes for an image of {}", image.len());
            assert!(peak <= image.len().min(REACH) + allowed, "{name}: {peak}");
        }
    }
    random_images();
}

const FIXTURES: [&str; 8] = [
    "system-planar",
    "card",
    "keyword",
    "pci-keyword",
    "ddr4-ddimm",
    "ddr5-ddimm",
    "ddr4-isdimm",
    "ddr5-isdimm",
];

/// Few parts that claim much: a single copy of what they claim would show.
fn greedy() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("18 entries that claim everything", with_entries(18, everything)),
        ("one record that fills the image", filled()),
        ("one identifier that fills the image", without_records(1, 0xffff)),
    ]
}

/// So many parts that the notes about them count.
fn numerous() -> Vec<(&'static str, Vec<u8>)> {
    let nowhere = |_, entry| TocEntry { offset: 0, ..entry };
    let same_name = |_, entry| TocEntry { name: RecordName(*b"SAME"), ..entry };
    vec![
        ("500 entries that claim everything", with_entries(500, everything)),
        ("512 entries that point nowhere", with_entries(512, nowhere)),
        ("512 entries of one name", with_entries(512, same_name)),
        ("512 good entries", with_entries(512, |_, entry| entry)),
        ("as many keywords as are accepted", with_keywords(&[2047, 2046])),
        ("one keyword too many", with_keywords(&[2047, 2047])),
        ("far too many keywords", with_keywords(&[12_000, 3000])),
        ("as many keywords without records", without_records(4096, 40_000)),
        ("far too many keywords without records", without_records(21_000, 60_000)),
        ("larger than anything can point to", [with_keywords(&[2047, 2046]), vec![0; 1 << 20]].concat()),
    ]
}

fn everything(index: u16, entry: TocEntry) -> TocEntry {
    TocEntry { offset: 9000 + index, length: 40_000, ecc_offset: 50_000 + index, ecc_length: 10_000, ..entry }
}

/// An image whose table of contents, correctly coded, has changed entries.
fn with_entries(count: u16, change: impl Fn(u16, TocEntry) -> TocEntry) -> Vec<u8> {
    let records = (0..count).map(|index| record(index, Vec::new())).collect();
    let mut image =
        ImageDescription { size: 0x1_0000, records, ..ImageDescription::default() }.encode().unwrap();
    let toc = TocEntry::parse(image[29..43].try_into().unwrap());
    let data = toc.range(vpd_format::Part::Data);
    let mut at = data.start + 10;
    for first in (0..count).step_by(18) {
        at += 3;
        for index in first..count.min(first + 18) {
            let entry = TocEntry::parse(image[at..at + 14].try_into().unwrap());
            image[at..at + 14].copy_from_slice(&change(index, entry).encode());
            at += 14;
        }
    }
    let mut code = vec![0; usize::from(toc.ecc_length)];
    vpd_ecc::create(&image[data], &mut code).unwrap();
    image[toc.range(vpd_format::Part::Ecc)].copy_from_slice(&code);
    image
}

/// An image of one record with one long keyword.
fn filled() -> Vec<u8> {
    let records = vec![record(0, vec![(KeywordName(*b"#I"), vec![b'I'; 52_000])])];
    ImageDescription { size: 0x1_0000, records, ..ImageDescription::default() }.encode().unwrap()
}

/// An image whose records have so many empty keywords, each of a name of its own as far as two bytes go.
fn with_keywords(counts: &[u16]) -> Vec<u8> {
    let name = |index: u16| KeywordName([0x80 + (index >> 8) as u8, index as u8]);
    let keywords = |count| (0..count).map(|index| (name(index), Vec::new())).collect();
    let records = counts.iter().zip(0..).map(|(count, index)| record(index, keywords(*count))).collect();
    ImageDescription { size: 0x1_0000, records, ..ImageDescription::default() }.encode().unwrap()
}

/// Keyword VPD by hand, for what no encoder makes: empty keywords, each of a name of its own.
fn without_records(count: u16, identifier: u16) -> Vec<u8> {
    let mut image = vec![0x82];
    image.extend(identifier.to_le_bytes());
    image.extend(vec![b'A'; usize::from(identifier)]);
    image.push(0x90);
    image.extend((3 * count).to_le_bytes());
    image.extend((0..count).flat_map(|index| [(index >> 8) as u8, index as u8, 0]));
    image.extend([0x78]);
    image.resize(131_072, 0);
    image
}

fn record(index: u16, keywords: Vec<(KeywordName, Vec<u8>)>) -> RecordDescription {
    let [high, low] = index.to_be_bytes();
    RecordDescription {
        name: RecordName([b'R', b'0', high, low]),
        record_type: 0xff,
        keywords,
        minimum_length: 0,
    }
}

/// Images of random bytes behind beginnings that lead into each parser, and damaged fixtures.
fn random_images() {
    let mut numbers = Numbers::new(SEED);
    for round in 0..400 {
        let name = FIXTURES[round % FIXTURES.len()];
        let mut image = house_tests::fixture(name);
        for _ in 0..numbers.below(200) {
            let (at, value) = (numbers.below(image.len().min(3000)), numbers.byte());
            image[at] = value;
        }
        if round % 3 == 0 {
            image[64..].fill_with(|| numbers.byte());
        }
        image.resize(numbers.below(0x2_4000), numbers.byte());
        let peak = worst(&image);
        assert!(peak <= image.len().min(REACH) + BOOKKEEPING, "{name}, round {round}: {peak}");
    }
}
