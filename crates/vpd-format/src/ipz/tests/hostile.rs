//! Tables of contents that lie.

use super::*;
use crate::Part;
use crate::source::ReadAt;
use test_random::Numbers;

/// Reason why the first record is bad after a change of the table of contents.
fn reason(change: impl FnOnce(&mut [u8])) -> VpdError {
    let image = parse(&with_toc(change), &CHECKED).unwrap();
    assert!(image.records[1..].iter().all(|record| record.outcome == Outcome::Ok));
    image.records[0].reason.clone().unwrap()
}

#[test]
fn entries_that_point_nowhere_make_their_record_bad() {
    let record = RecordName::VINI;
    let entry = entry_of(&good(), b"VINI");
    let (offset, length) = (u32::from(entry.offset), u32::from(entry.length));
    let (ecc_offset, ecc_length) = (u32::from(entry.ecc_offset), u32::from(entry.ecc_length));
    let (data, ecc) = (Part::Data, Part::Ecc);
    let cases = [
        ("record-offset-zero", 19, 0, VpdError::EmptyArea { record, part: data, offset: 0, length }),
        ("record-length-zero", 21, 0, VpdError::EmptyArea { record, part: data, offset, length: 0 }),
        ("ecc-offset-zero", 23, 0, VpdError::EmptyArea { record, part: ecc, offset: 0, length: ecc_length }),
        ("ecc-length-zero", 25, 0, VpdError::EmptyArea { record, part: ecc, offset: ecc_offset, length: 0 }),
        (
            "record-offset-past-end",
            19,
            0xffff,
            VpdError::OutOfImage { record, part: data, offset: 0xffff, length, image: 2048 },
        ),
        (
            "record-length-past-end",
            21,
            0xffff,
            VpdError::OutOfImage { record, part: data, offset, length: 0xffff, image: 2048 },
        ),
        (
            "ecc-offset-past-end",
            23,
            2047,
            VpdError::OutOfImage { record, part: ecc, offset: 2047, length: ecc_length, image: 2048 },
        ),
        ("ecc-length", 25, 1, VpdError::EccLength { record, expected: ecc_length, found: 1 }),
        ("record-in-header", 19, 20, VpdError::Overlap { record, part: data, offset: 20, length }),
        ("record-in-toc", 19, 60, VpdError::Overlap { record, part: data, offset: 60, length }),
        ("ecc-in-own-record", 23, entry.offset + 4, VpdError::Overlap { record, part: data, offset, length }),
        ("ecc-in-header", 23, 1, VpdError::Overlap { record, part: ecc, offset: 1, length: ecc_length }),
    ];
    for (what, at, value, expected) in cases {
        assert_eq!(reason(|toc| put16(toc, at, value)), expected, "{what}");
    }
}

#[test]
fn two_entries_cannot_share_bytes() {
    let image = parse(
        &with_toc(|toc| {
            let (first, second) = (13, 13 + 14);
            toc.copy_within(first + 6..first + 14, second + 6);
        }),
        &CHECKED,
    )
    .unwrap();
    assert_eq!(image.records[0].outcome, Outcome::Ok, "the first keeps them");
    assert!(matches!(image.records[1].reason, Some(VpdError::Overlap { part: Part::Data, .. })));
}

#[test]
fn tables_that_are_none_are_refused() {
    let offset = 55;
    let cases: [Case; 4] = [
        (
            "no-table",
            Box::new(|toc| toc[10..12].copy_from_slice(b"QT")),
            VpdError::MissingKeyword { record: Some(RecordName::VTOC), keyword: KeywordName::PT, offset },
        ),
        (
            "broken-entry",
            Box::new(|toc| {
                // The rest of the table becomes a keyword of its own.
                toc[12] -= 13;
                let next = 13 + usize::from(toc[12]);
                toc[next..next + 3].copy_from_slice(b"ZZ\x0a");
            }),
            VpdError::TocLength { offset: 65, found: 43 },
        ),
        (
            "name",
            Box::new(|toc| toc[6] = b'W'),
            VpdError::RecordNameMismatch {
                record: RecordName::VTOC,
                offset: 61,
                found: RecordName(*b"WTOC"),
            },
        ),
        (
            "table-past-end",
            Box::new(|toc| toc[12] = 0xf0),
            VpdError::KeywordTruncated {
                record: Some(RecordName::VTOC),
                keyword: KeywordName::PT,
                offset: 65,
                expected: 243,
                found: 65,
            },
        ),
    ];
    for (what, change, expected) in cases {
        assert_eq!(parse(&with_toc(change), &CHECKED), Err(expected), "{what}");
    }
}

/// A source of 64 KiB that has a header and a table of contents full of entries, and counts.
fn greedy(entries: &[TocEntry]) -> Vec<u8> {
    let records = entries.iter().map(|entry| record(&entry.name.0, &[])).collect();
    let mut bytes = ImageDescription { size: 0x1_0000, records, ..description() }.encode().unwrap();
    let toc = parse(&bytes, &CHECKED).unwrap().toc.entry;
    reseal(&mut bytes, &toc, |toc| {
        let mut at = 10;
        for table in entries.chunks(18) {
            at += 3;
            for entry in table {
                toc[at..at + 14].copy_from_slice(&entry.encode());
                at += 14;
            }
        }
    });
    bytes
}

#[test]
fn overlapping_claims_cost_no_more_than_the_image() {
    let entries: Vec<TocEntry> = (0..400_u16)
        .map(|index| TocEntry {
            name: RecordName([b'A', b'A' + (index / 256) as u8, index as u8, b'Z']),
            record_type: 0xff,
            offset: 6000 + index,
            length: 40_000,
            ecc_offset: 50_000 + index,
            ecc_length: 10_000,
        })
        .collect();
    let bytes = greedy(&entries);
    for options in [CHECKED, IGNORED] {
        let mut source = Counted::new(Bytes(&bytes));
        let vpd = read(&mut source, &options).unwrap();
        assert!(source.bytes() <= source.size(), "{}", source.bytes());
        let Content::Ipz(image) = vpd.content else { panic!() };
        assert_eq!((image.records.len(), vpd.outcome), (400, Outcome::Bad));
        let kept: usize = image.records.iter().map(|record| record.bytes().len()).sum();
        assert!(kept <= bytes.len());
    }
}

#[test]
fn more_entries_than_any_image_has_are_refused() {
    let records: Vec<_> = (0..=super::super::toc::MOST_ENTRIES as u16)
        .map(|index| record(&[b'R', b'R', (index >> 8) as u8, index as u8], &[]))
        .collect();
    let image = |records| ImageDescription { size: 0x1_0000, records, ..description() }.encode().unwrap();
    assert_eq!(parse(&image(records.clone()), &CHECKED), Err(VpdError::TooManyRecords { limit: 512 }));
    let all = parse(&image(records[1..].to_vec()), &CHECKED).unwrap();
    assert_eq!((all.records.len(), all.outcome()), (512, Outcome::Ok));
}

#[test]
fn more_keywords_than_any_image_has_make_their_record_bad() {
    let keywords = |count: u16| -> Vec<(KeywordName, Vec<u8>)> {
        (0..count).map(|index| (KeywordName([0x80 | (index >> 8) as u8, index as u8]), vec![])).collect()
    };
    let records = |second| {
        [(b"AAAA", keywords(2047)), (b"BBBB", keywords(second)), (b"CCCC", keywords(0))]
            .map(|(name, keywords)| RecordDescription { keywords, ..record(name, &[]) })
            .to_vec()
    };
    let image = |second| {
        let described = ImageDescription { size: 0x8000, records: records(second), ..description() };
        parse(&described.encode().unwrap(), &CHECKED).unwrap()
    };
    // RT counts too.
    assert_eq!(image(2046).outcome(), Outcome::Ok);
    let over = image(2047);
    let reason = VpdError::TooManyKeywords { record: Some(RecordName(*b"CCCC")), limit: 4096 };
    assert_eq!(over.records[2].reason, Some(reason));
    assert_eq!(over.records[1].outcome, Outcome::Ok);
}

/// Fails every read that touches one byte.
struct Broken<'a> {
    bytes: &'a [u8],
    at: u64,
}

impl ReadAt for Broken<'_> {
    type Error = &'static str;

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Self::Error> {
        if (offset..offset + buffer.len() as u64).contains(&self.at) {
            return Err("no answer");
        }
        Bytes(self.bytes).read_exact_at(offset, buffer).map_err(|_| "past the end")
    }
}

#[test]
fn a_device_error_is_reported_as_such_wherever_it_strikes() {
    let bytes = good();
    let used = bytes.iter().rposition(|byte| *byte != 0xff).unwrap() + 1;
    for at in 0..bytes.len() as u64 {
        let result = read(&mut Broken { bytes: &bytes, at }, &ReadOptions { format: None, ..CHECKED });
        match result {
            Err(ReadError::Device { offset, length, source }) => {
                assert!((offset..offset + length as u64).contains(&at));
                assert_eq!(source, "no answer");
            }
            Ok(vpd) => assert!(at >= used as u64 && vpd.outcome == Outcome::Ok, "{at}"),
            Err(error) => panic!("{at}: {error}"),
        }
    }
}

#[test]
fn random_damage_neither_panics_nor_passes_unnoticed() {
    const SEED: u64 = 0x5eed_0002;
    let (bytes, clean) = (good(), parse(&good(), &CHECKED).unwrap());
    let mut numbers = Numbers::new(SEED);
    for round in 0..4000 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + numbers.below(8) {
            let at = numbers.below(800);
            damaged[at] = numbers.byte();
        }
        damaged.truncate(if round % 5 == 0 { numbers.below(2048) } else { 2048 });
        for options in [CHECKED, IGNORED, ReadOptions { format: None, ..CHECKED }] {
            let mut source = Counted::new(Bytes(&damaged));
            let result = read(&mut source, &options);
            assert!(source.bytes() <= damaged.len() as u64, "seed {SEED:x} round {round}");
            let (Ok(vpd), Ecc::Checked) = (result, options.ecc) else { continue };
            let Content::Ipz(image) = vpd.content else { continue };
            for record in image.records.iter().filter(|record| record.outcome == Outcome::Ok) {
                let original = clean.record(record.name()).expect("names come from a checked table");
                assert_eq!(record.bytes(), original.bytes(), "seed {SEED:x} round {round}");
            }
        }
    }
}
