//! Layout of images that are made.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

#[test]
fn the_layout_is_that_of_known_images() {
    let bytes = good();
    let image = parse(&bytes, &CHECKED).unwrap();
    let toc = image.toc.entry;
    assert_eq!((toc.offset, toc.record_type), (55, 0x00d5));
    assert_eq!(&bytes[11..14], [0x84, 0x28, 0x00]);
    let mut end = toc.offset + toc.length;
    for record in &image.records {
        assert_eq!(record.entry.offset, end, "records ascend without gaps");
        assert_eq!(record.entry.length % 4, 0);
        end += record.entry.length;
    }
    for record in image.records.iter().rev() {
        assert_eq!(record.entry.ecc_offset, end, "code blocks descend without gaps");
        assert_eq!(record.entry.ecc_length, record.entry.length / 4);
        end += record.entry.ecc_length;
    }
    assert_eq!(toc.ecc_offset, end, "the code of the table of contents comes last");
}

#[test]
fn a_header_and_a_record_have_their_known_bytes() {
    // From the layout of a published image: one PT of ten entries, and a record padded to 48 bytes.
    let mut records = vec![record(b"AAAA", &[]); 9];
    records.push(RecordDescription {
        minimum_length: 48,
        ..record(b"LXR0", &[(b"VZ", b"01"), (b"LX", &[0x31, 0, 4, 1, 0, 0x30, 0, 0x71])])
    });
    let bytes = ImageDescription { records, ..description() }.encode().unwrap();
    assert_eq!(bytes[37..39], 160_u16.to_le_bytes());
    let at = bytes.windows(4).rposition(|window| window == b"LXR0").unwrap() - 6;
    assert_eq!(
        bytes[at..at + 48],
        *b"\x84\x2c\x00RT\x04LXR0VZ\x0201LX\x081\x00\x04\x01\x000\x00qPF\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0x"
    );
}

#[test]
fn more_records_than_one_table_holds_get_several_tables() {
    for count in [0, 1, 18, 19, 36, 40] {
        let records: Vec<_> = (0..count).map(|index| record(&[b'R', b'0', b'0', index], &[])).collect();
        let bytes = ImageDescription { size: 8192, records, ..description() }.encode().unwrap();
        let image = parse(&bytes, &STRICT).unwrap();
        assert_eq!((image.records.len(), image.outcome()), (usize::from(count), Outcome::Ok));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let image = |records, size| ImageDescription { records, size, ..description() }.encode();
    let limit = |result| match result {
        Err(VpdError::DoesNotFit { limit, .. }) => limit,
        other => panic!("{other:?}"),
    };
    assert_eq!(limit(image(vec![record(b"VINI", &[(b"SN", &[0; 256])])], 8192)), 255);
    assert_eq!(limit(image(vec![record(b"VINI", &[(b"#N", &[0; 65536])])], 1 << 20)), 65535);
    assert_eq!(limit(image(vec![record(b"VINI", &[(b"#N", &[0; 65530])])], 1 << 20)), 0xfffc);
    assert_eq!(limit(image(vec![record(b"VINI", &[(b"#N", &[0; 60000])])], 1 << 20)), 65535);
    assert_eq!(limit(image(vec![record(b"VINI", &[])], 90)), 90);
    assert_eq!(
        limit(image(vec![RecordDescription { minimum_length: 300, ..record(b"VINI", &[]) }], 900)),
        255
    );
}

fn any_record() -> impl Strategy<Value = RecordDescription> {
    let short = ("[A-OQS-Z0-9][A-Z0-9]", prop::collection::vec(any::<u8>(), 0..60));
    let long = ("#[A-Z0-9]", prop::collection::vec(any::<u8>(), 0..400));
    let keyword = prop_oneof![4 => short.boxed(), 1 => long.boxed()]
        .prop_map(|(name, value)| (name.parse::<KeywordName>().unwrap(), value));
    ("[A-Z][A-Z0-9]{3}", any::<u16>(), prop::collection::vec(keyword, 0..12), 0..200_u16).prop_map(
        |(name, record_type, mut keywords, minimum_length)| {
            keywords.sort_by_key(|keyword| keyword.0);
            keywords.dedup_by_key(|keyword| keyword.0);
            RecordDescription { name: name.parse().unwrap(), record_type, keywords, minimum_length }
        },
    )
}

#[test]
fn what_is_encoded_is_decoded() {
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    runner
        .run(&(prop::collection::vec(any_record(), 0..25), any::<u8>()), |(mut records, fill)| {
            records.sort_by_key(|record| record.name);
            records.dedup_by_key(|record| record.name);
            let described = ImageDescription { size: 0xffff, fill, code: Code::Computed, records };
            let image = parse(&described.encode().unwrap(), &STRICT).unwrap();
            prop_assert!(image.records.iter().all(|record| record.outcome == Outcome::Ok));
            let decoded: Vec<_> = image
                .records
                .iter()
                .zip(&described.records)
                .map(|(record, described)| RecordDescription {
                    name: record.name(),
                    record_type: record.entry.record_type,
                    keywords: record
                        .keywords()
                        .skip(1)
                        .map(|keyword| (keyword.name, keyword.data.to_vec()))
                        .collect(),
                    minimum_length: described.minimum_length,
                })
                .collect();
            prop_assert_eq!(decoded, described.records);
            Ok(())
        })
        .unwrap();
}
