//! Keyword VPD: both tags, both endings, every damage.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::edit::Change;
use crate::error::{ReadError, VpdError};
use crate::names::KeywordName;
use crate::options::{Format, ReadOptions};
use crate::outcome::Outcome;
use crate::read::{Content, read};
use crate::source::{Bytes, Counted};

const SN: KeywordName = KeywordName(*b"SN");

fn description(tag: Tag, ending: Ending) -> ImageDescription {
    let keyword = |name: &[u8; 2], value: &[u8]| (KeywordName(*name), value.to_vec());
    let mut keywords = vec![
        keyword(b"FN", b" 99VV201"),
        keyword(b"PN", b"99VV202"),
        keyword(b"SN", b"YVIV00000201"),
        keyword(b"SM", &[0x82; 64]),
        keyword(b"WI", &[]),
    ];
    if tag == Tag::ReadOnly {
        keywords.push(keyword(b"RV", &[0, 1, 2]));
    }
    ImageDescription {
        size: 512,
        fill: 0,
        identifier: b"VIVBPD04M0 01VIV".to_vec(),
        tag,
        ending,
        keywords,
        writable: None,
    }
}

fn good() -> Vec<u8> {
    description(Tag::Vendor, Ending::Checksum).encode().unwrap()
}

fn parse_as(bytes: &[u8], format: Option<Format>) -> Result<Image, VpdError> {
    match read(&mut Bytes(bytes), &ReadOptions { format, ..ReadOptions::default() }) {
        Ok(vpd) => {
            let Content::Keyword(image) = vpd.content else { panic!() };
            assert_eq!(vpd.outcome, image.outcome);
            Ok(image)
        }
        Err(ReadError::Format(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

fn parse(bytes: &[u8]) -> Result<Image, VpdError> {
    parse_as(bytes, None)
}

fn changed(mut bytes: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    assert_ne!(bytes[at], value);
    bytes[at] = value;
    bytes
}

#[test]
fn every_kind_of_section_is_read_and_its_checksums_verified() {
    for (tag, ending, checksums) in [
        (Tag::Vendor, Ending::Checksum, 1),
        (Tag::ReadOnly, Ending::Checksum, 2),
        (Tag::ReadOnly, Ending::Plain, 1),
    ] {
        let bytes = description(tag, ending).encode().unwrap();
        let image = parse(&bytes).unwrap();
        assert_eq!((image.tag, image.outcome, image.checksums.len()), (tag, Outcome::Ok, checksums));
        assert_eq!(image.identifier(), b"VIVBPD04M0 01VIV");
        for keyword in image.keywords() {
            let start = keyword.offset as usize;
            assert_eq!(&bytes[start..start + keyword.data.len()], keyword.data, "{}", keyword.name);
        }
        assert_eq!(image.keyword(SN).unwrap().data, b"YVIV00000201");
        assert_eq!(image.keywords().count(), description(tag, ending).keywords.len());
    }
}

#[test]
fn a_plain_section_without_rv_is_unchecked() {
    let mut described = description(Tag::ReadOnly, Ending::Plain);
    described.keywords.pop();
    let image = parse(&described.encode().unwrap()).unwrap();
    assert_eq!((image.outcome, image.checksums), (Outcome::Unchecked, vec![]));
}

#[test]
fn rv_sums_everything_up_to_its_first_byte() {
    // Written out by hand: 0x82, identifier "A", 0x90, one RV of two bytes, the second of which is filler.
    let mut bytes = *b"\x82\x01\x00A\x90\x05\x00RV\x02?\x55\x78\xff";
    let sum = bytes[..10].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[10] = sum.wrapping_neg();
    assert_eq!(parse_as(&bytes, Some(Format::Keyword)).unwrap().outcome, Outcome::Ok);
    bytes[11] = 0;
    assert_eq!(parse_as(&bytes, Some(Format::Keyword)).unwrap().outcome, Outcome::Ok, "filler");
    bytes[3] = b'B';
    let expected = VpdError::ChecksumMismatch {
        name: "RV checksum",
        offset: 10,
        expected: 0,
        found: u16::from(bytes[10]),
    };
    let Err(VpdError::ChecksumMismatch { name, offset, found, .. }) = parse_as(&bytes, Some(Format::Keyword))
    else {
        panic!()
    };
    assert_eq!(VpdError::ChecksumMismatch { name, offset, expected: 0, found }, expected);
}

#[test]
fn in_a_vendor_section_rv_is_an_ordinary_keyword() {
    let mut described = description(Tag::Vendor, Ending::Checksum);
    described.keywords.push((KeywordName::RV, vec![0x42]));
    let bytes = described.encode().unwrap();
    let image = parse(&bytes).unwrap();
    assert_eq!((image.checksums.len(), image.keyword(KeywordName::RV).unwrap().data), (1, &[0x42][..]));
    let change = Change { keyword: KeywordName::RV, value: &[1], pad: None };
    assert!(plan_writes(&bytes, &[change]).is_ok());
}

#[test]
fn damage_is_refused_by_name() {
    let bytes = good();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let (tag, checksum) = (19, bytes[end - 1]);
    assert_eq!((bytes[tag], bytes[end - 2], bytes[end]), (0x84, 0x79, 0x78));
    let unexpected = |what, at: usize, expected, found| VpdError::UnexpectedByte {
        what,
        offset: at as u32,
        expected,
        found,
    };
    let cases = [
        (
            "index_0",
            changed(good(), 0, 0x83),
            VpdError::UnknownFormat { start: [0x83, 0x10, 0, b'V'], tag: Some(bytes[11]) },
        ),
        (
            "index_19",
            changed(good(), tag, 0x85),
            unexpected("keyword section tag (0x84 or 0x90)", tag, 0x84, 0x85),
        ),
        ("index_20", changed(good(), tag + 1, 0), VpdError::EmptySection { offset: 22 }),
        (
            "section_past_end",
            changed(good(), tag + 2, 0xff),
            VpdError::TooShort {
                what: "keyword section",
                expected: 22 + 0xff00 + u64::from(bytes[20]),
                found: 512,
            },
        ),
        (
            "index_24_large",
            changed(good(), 24, 0xff),
            VpdError::KeywordTruncated {
                record: None,
                keyword: KeywordName(*b"FN"),
                offset: 22,
                expected: 258,
                found: u32::from(bytes[20]),
            },
        ),
        ("section_end", changed(good(), end - 2, 0), unexpected("keyword section end", end - 2, 0x79, 0)),
        (
            "checksum",
            changed(good(), end - 1, checksum ^ 0xff),
            VpdError::ChecksumMismatch {
                name: "keyword section checksum",
                offset: end as u32 - 1,
                expected: u16::from(checksum),
                found: u16::from(checksum ^ 0xff),
            },
        ),
        ("end_tag", changed(good(), end, 0), unexpected("end tag", end, 0x78, 0)),
        (
            "plain_ending_of_vendor_section",
            changed(good(), end - 2, 0x78),
            unexpected("keyword section end", end - 2, 0x79, 0x78),
        ),
        (
            "stray_byte",
            // The last keyword, WI without a value, is cut in two.
            changed(good(), tag + 1, bytes[tag + 1] - 1),
            VpdError::StrayBytes { record: None, offset: end as u32 - 5, found: 2 },
        ),
    ];
    for (what, damaged, expected) in cases {
        assert_eq!(parse(&damaged), Err(expected), "{what}");
    }
}

#[test]
fn every_wrong_byte_is_noticed() {
    for (tag, ending) in [(Tag::Vendor, Ending::Checksum), (Tag::ReadOnly, Ending::Plain)] {
        let bytes = description(tag, ending).encode().unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        // The identifier of a vendor section, and filler after RV's first byte, have no checksum.
        let first = if tag == Tag::Vendor { 19 } else { 0 };
        let last = if tag == Tag::Vendor { end } else { end - 3 };
        for at in first..=last {
            let damaged = parse_as(&changed(bytes.clone(), at, bytes[at] ^ 0x10), Some(Format::Keyword));
            // Without the name RV there is no checksum left, which is not the same as a right one.
            assert!(damaged.is_err() || damaged.unwrap().outcome == Outcome::Unchecked, "{at}");
        }
    }
}

#[test]
fn every_cut_is_refused_and_nothing_past_the_end_tag_is_read() {
    let bytes = good();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for length in 0..end {
        assert!(parse_as(&bytes[..length], Some(Format::Keyword)).is_err(), "{length}");
    }
    assert!(parse(&bytes[..end]).is_ok());
    let mut source = Counted::new(Bytes(&bytes));
    read(&mut source, &ReadOptions::default()).unwrap();
    assert_eq!((source.bytes(), source.reads()), (end as u64, 2));
}

#[test]
fn an_identifier_with_the_start_tag_of_ipz_is_no_ipz_image() {
    let mut described = description(Tag::Vendor, Ending::Checksum);
    described.identifier[8] = 0x84;
    let bytes = described.encode().unwrap();
    assert_eq!(bytes[11], 0x84);
    assert_eq!(crate::detect(&mut Bytes(&bytes)), Ok(Format::Keyword));
}

#[test]
fn another_format_than_demanded_is_named() {
    for format in [Format::Ipz, Format::Memory] {
        let expected = VpdError::WrongFormat { expected: format, found: Format::Keyword };
        assert_eq!(parse_as(&good(), Some(format)), Err(expected));
    }
}

#[test]
fn the_first_of_duplicates_wins_and_is_remarked() {
    let mut described = description(Tag::Vendor, Ending::Checksum);
    described.keywords.push((SN, b"SECOND".to_vec()));
    let image = parse(&described.encode().unwrap()).unwrap();
    assert_eq!((image.keyword(SN).unwrap().data, image.keywords().count()), (&b"YVIV00000201"[..], 5));
    assert!(matches!(image.remarks[..], [VpdError::DuplicateKeyword { record: None, keyword: SN, .. }]));
}

#[test]
fn more_keywords_than_any_image_has_are_refused() {
    let image = |count: u16| {
        let keywords = (0..count).flat_map(|index| [(index >> 8) as u8, index as u8, 0]).collect::<Vec<_>>();
        let section = keywords.len() as u16;
        [&[0x82, 0, 0, 0x90][..], &section.to_le_bytes(), &keywords, &[0x78]].concat()
    };
    assert_eq!(parse(&image(4096)).unwrap().keywords().count(), 4096);
    assert_eq!(parse(&image(4097)), Err(VpdError::TooManyKeywords { record: None, limit: 4096 }));
}

#[test]
fn a_planned_change_refreshes_every_checksum() {
    for (tag, ending, writes) in [
        (Tag::Vendor, Ending::Checksum, 2),
        (Tag::ReadOnly, Ending::Checksum, 2),
        (Tag::ReadOnly, Ending::Plain, 2),
    ] {
        let mut bytes = description(tag, ending).encode().unwrap();
        let change = Change { keyword: SN, value: b"YVIV00000999", pad: None };
        let plan = plan_writes(&bytes, &[change]).unwrap();
        assert_eq!(plan.old_values, [b"YVIV00000201"]);
        assert_eq!(plan.writes.len(), writes, "{:?}", plan.writes);
        for write in &plan.writes {
            let start = write.offset as usize;
            bytes[start..start + write.bytes.len()].copy_from_slice(&write.bytes);
        }
        assert_eq!(bytes, plan.new_image);
        let image = parse(&bytes).unwrap();
        assert_eq!((image.outcome, image.keyword(SN).unwrap().data), (Outcome::Ok, &b"YVIV00000999"[..]));
        assert_eq!(plan_writes(&bytes, &[change]).unwrap().writes, [], "nothing to do twice");
    }
}

#[test]
fn changes_that_must_not_be_made_are_refused() {
    let bytes = description(Tag::ReadOnly, Ending::Plain).encode().unwrap();
    let refused =
        |keyword, value: &[u8]| plan_writes(&bytes, &[Change { keyword, value, pad: Some(0) }]).unwrap_err();
    let length = |expected, found| VpdError::ValueLength { record: None, keyword: SN, expected, found };
    let none = KeywordName(*b"??");
    assert_eq!(refused(KeywordName::RV, &[1]), VpdError::ProtectedKeyword { keyword: KeywordName::RV });
    assert_eq!(refused(none, &[1]), VpdError::NoSuchKeyword { record: None, keyword: none });
    assert_eq!(refused(SN, &[]), length(12, 0));
    assert_eq!(refused(SN, &[1; 13]), length(12, 13));
    let mut damaged = bytes.clone();
    damaged[30] ^= 1;
    let change = Change { keyword: SN, value: b"YVIV00000999", pad: None };
    assert!(matches!(plan_writes(&damaged, &[change]), Err(VpdError::ChecksumMismatch { .. })));
}

#[test]
fn what_cannot_be_stored_is_not_encoded() {
    let described = |change: &dyn Fn(&mut ImageDescription)| {
        let mut described = description(Tag::Vendor, Ending::Checksum);
        change(&mut described);
        described.encode().unwrap_err()
    };
    let limit = |error| match error {
        VpdError::DoesNotFit { limit, .. } => limit,
        other => panic!("{other}"),
    };
    assert_eq!(limit(described(&|image| image.size = 100)), 100);
    assert_eq!(limit(described(&|image| image.identifier = vec![0; 65536])), 65535);
    assert_eq!(limit(described(&|image| image.keywords[0].1 = vec![0; 256])), 255);
    assert_eq!(limit(described(&|image| image.keywords = vec![(SN, vec![0; 255]); 300])), 65535);
    assert!(matches!(described(&|image| image.keywords.clear()), VpdError::EmptySection { .. }));
    assert!(matches!(described(&|image| image.ending = Ending::Plain), VpdError::UnexpectedByte { .. }));
}

#[test]
fn what_is_encoded_is_decoded() {
    let keyword = ("[A-QS-Z0-9][A-Z0-9]", prop::collection::vec(any::<u8>(), 0..=255));
    let keywords = prop::collection::vec(keyword, 1..20);
    let identifier = prop::collection::vec(any::<u8>(), 0..80);
    let kind = prop::sample::select(vec![
        (Tag::Vendor, Ending::Checksum),
        (Tag::ReadOnly, Ending::Checksum),
        (Tag::ReadOnly, Ending::Plain),
    ]);
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[8; 32]));
    runner
        .run(&(keywords, identifier, kind), |(keywords, identifier, (tag, ending))| {
            let mut keywords: Vec<_> =
                keywords.into_iter().map(|(name, value)| (name.parse().unwrap(), value)).collect();
            keywords.sort_by_key(|keyword: &(KeywordName, _)| keyword.0);
            keywords.dedup_by_key(|keyword| keyword.0);
            let described = ImageDescription {
                size: 8192,
                fill: 0xff,
                identifier,
                tag,
                ending,
                keywords,
                writable: None,
            };
            let image = parse_as(&described.encode().unwrap(), Some(Format::Keyword)).unwrap();
            let decoded: Vec<_> =
                image.keywords().map(|keyword| (keyword.name, keyword.data.to_vec())).collect();
            prop_assert_eq!(decoded, described.keywords);
            prop_assert_eq!(image.identifier(), described.identifier);
            Ok(())
        })
        .unwrap();
}

/// As network adapters have it: a product name, a read-only and a writable section.
fn adapter() -> ImageDescription {
    let keyword = |name: &[u8; 2], value: &[u8]| (KeywordName(*name), value.to_vec());
    let writable = vec![
        keyword(b"V1", b"10GbE"),
        keyword(b"YA", b"TAG 0001"),
        keyword(b"SN", b"not this one"),
        keyword(b"RW", &[0; 40]),
    ];
    ImageDescription { writable: Some(writable), ..description(Tag::ReadOnly, Ending::Plain) }
}

fn names(image: &Image) -> String {
    image.keywords().map(|keyword| format!("{} ", keyword.name)).collect()
}

#[test]
fn a_writable_section_is_kept_beside_the_read_only_one() {
    let bytes = adapter().encode().unwrap();
    let image = parse(&bytes).unwrap();
    assert_eq!(names(&image), "FN PN SN SM WI RV V1 YA ", "RW is room, and the first SN counts");
    assert_eq!(image.keyword(SN).unwrap().data, b"YVIV00000201");
    assert_eq!(image.keyword(KeywordName(*b"YA")).unwrap().data, b"TAG 0001");
    let at = image.keyword(KeywordName(*b"YA")).unwrap().offset as usize;
    assert_eq!(&bytes[at..at + 8], b"TAG 0001");
    assert_eq!((image.outcome, image.problems.len()), (Outcome::Unchecked, 0), "nothing protects it");
    let [VpdError::DuplicateKeyword { keyword: SN, .. }] = image.remarks[..] else {
        panic!("{:?}", image.remarks)
    };
    let writable: Vec<_> =
        image.writable_keywords().unwrap().map(|keyword| keyword.name.to_string()).collect();
    assert_eq!(writable, ["V1", "YA", "RW"]);

    let mut room_only = adapter();
    room_only.writable = Some(vec![(KeywordName::RW, vec![0; 8])]);
    let image = parse(&room_only.encode().unwrap()).unwrap();
    assert_eq!((image.outcome, names(&image).as_str()), (Outcome::Ok, "FN PN SN SM WI RV "));
    room_only.writable = Some(Vec::new());
    assert_eq!(parse(&room_only.encode().unwrap()).unwrap().outcome, Outcome::Ok);
}

#[test]
fn a_damaged_writable_section_loses_what_is_damaged_and_nothing_else() {
    let bytes = adapter().encode().unwrap();
    let read_only = "FN PN SN SM WI RV ";
    let section = bytes.iter().rposition(|byte| *byte == 0x91).unwrap();
    let ya = bytes.windows(2).position(|name| name == b"YA").unwrap();
    let end = bytes.iter().rposition(|byte| *byte == 0x78).unwrap();
    let cut = |length: usize| bytes[..length].to_vec();
    for (what, image, kept) in [
        ("cut behind its tag", cut(section + 1), ""),
        ("cut in its length", cut(section + 2), ""),
        ("cut behind its length", cut(section + 3), ""),
        ("cut in a keyword", cut(ya + 5), "V1 "),
        ("cut before its end", cut(end), "V1 YA "),
        ("longer than the image", changed(bytes.clone(), section + 2, 0xff), "V1 YA "),
        ("a keyword that leaves it", changed(bytes.clone(), ya + 2, 0xff), "V1 "),
        ("a name of no letters", changed(bytes.clone(), ya, 0xff), "V1 "),
        ("no end tag", changed(bytes.clone(), end, 0x85), "V1 YA "),
    ] {
        let image = parse(&image).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(names(&image), format!("{read_only}{kept}"), "{what}");
        assert_eq!((image.outcome, image.problems.len()), (Outcome::Bad, 1), "{what}: {:?}", image.problems);
        assert_eq!(image.keyword(SN).unwrap().data, b"YVIV00000201", "{what}");
    }
    // The checksum still counts for the section that has one.
    let sn = bytes.windows(4).position(|value| value == b"YVIV").unwrap();
    assert!(matches!(parse(&changed(bytes, sn, b'X')), Err(VpdError::ChecksumMismatch { .. })));
}

#[test]
fn a_keyword_of_the_writable_section_is_changed_without_a_checksum() {
    let bytes = adapter().encode().unwrap();
    let change = |keyword, value: &'static [u8]| Change { keyword, value, pad: Some(b' ') };
    let plan = plan_writes(&bytes, &[change(KeywordName(*b"YA"), b"TAG 2")]).unwrap();
    assert_eq!((plan.old_values[0].as_slice(), plan.writes.len()), (&b"TAG 0001"[..], 1));
    let image = parse(&plan.new_image).unwrap();
    assert_eq!(image.keyword(KeywordName(*b"YA")).unwrap().data, b"TAG 2   ");
    let room = plan_writes(&bytes, &[change(KeywordName::RW, b"x")]);
    assert!(matches!(room, Err(VpdError::NoSuchKeyword { .. })), "{room:?}");
    let writes = plan_writes(&bytes, &[change(SN, b"YVIV00000202")]).unwrap();
    assert_eq!(parse(&writes.new_image).unwrap().keyword(SN).unwrap().data, b"YVIV00000202");
}

#[test]
fn only_a_plain_ending_has_room_for_a_writable_section() {
    for (tag, ending) in [(Tag::Vendor, Ending::Checksum), (Tag::ReadOnly, Ending::Checksum)] {
        let described = ImageDescription { tag, ending, ..adapter() };
        assert!(matches!(described.encode(), Err(VpdError::UnexpectedByte { .. })), "{tag:?} {ending:?}");
    }
}

#[test]
fn a_writable_section_that_was_never_formatted_is_room() {
    for fill in [0x00, 0xff] {
        for (keywords, kept) in [("", ""), ("YA", "YA ")] {
            let mut bytes = description(Tag::ReadOnly, Ending::Plain).encode().unwrap();
            let at = bytes.iter().rposition(|byte| *byte == 0x78).unwrap();
            let mut section = if keywords.is_empty() { Vec::new() } else { b"YA\x03tag".to_vec() };
            section.resize(60, fill);
            bytes.truncate(at);
            bytes.extend([0x91, 60, 0]);
            bytes.extend(section);
            bytes.extend([0x78, fill]);
            let image = parse(&bytes).unwrap();
            assert_eq!(names(&image), format!("FN PN SN SM WI RV {kept}"), "{fill:#x}");
            let outcome = if kept.is_empty() { Outcome::Ok } else { Outcome::Unchecked };
            assert_eq!((image.outcome, &image.problems[..]), (outcome, &[][..]), "{fill:#x} {kept}");
        }
    }
}

#[test]
fn keywords_that_rv_says_are_right_stay_with_any_byte_behind_them() {
    let bytes = description(Tag::ReadOnly, Ending::Plain).encode().unwrap();
    let end = bytes.iter().rposition(|byte| *byte == 0x78).unwrap();
    for (what, image, outcome) in [
        ("an end tag that was never programmed", changed(bytes.clone(), end, 0xff), Outcome::Ok),
        ("one that was cleared", changed(bytes.clone(), end, 0x00), Outcome::Ok),
        ("another tag", changed(bytes.clone(), end, 0x85), Outcome::Bad),
        ("nothing", bytes[..end].to_vec(), Outcome::Bad),
    ] {
        let image = parse(&image).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((image.outcome, names(&image).as_str()), (outcome, "FN PN SN SM WI RV "), "{what}");
        assert_eq!(image.problems.is_empty(), outcome == Outcome::Ok, "{what}: {:?}", image.problems);
    }
    // Without RV nothing says that the lengths are right.
    let mut without = description(Tag::ReadOnly, Ending::Plain);
    without.keywords.retain(|(name, _)| *name != KeywordName::RV);
    let bytes = without.encode().unwrap();
    let end = bytes.iter().rposition(|byte| *byte == 0x78).unwrap();
    assert!(parse(&changed(bytes, end, 0xff)).is_err());
}

#[test]
fn a_keyword_behind_rv_is_covered_by_nothing() {
    let mut described = description(Tag::ReadOnly, Ending::Plain);
    described.keywords.push((KeywordName(*b"V0"), b"later".to_vec()));
    assert_eq!(parse(&described.encode().unwrap()).unwrap().outcome, Outcome::Unchecked);
    described.ending = Ending::Checksum;
    assert_eq!(
        parse(&described.encode().unwrap()).unwrap().outcome,
        Outcome::Ok,
        "the section's checksum covers it"
    );
}

#[test]
fn room_that_takes_several_keywords_is_no_duplicate() {
    let mut described = adapter();
    described.writable = Some(vec![(KeywordName::RW, vec![0; 200]), (KeywordName::RW, vec![0; 30])]);
    let image = parse(&described.encode().unwrap()).unwrap();
    assert!(image.remarks.is_empty(), "{:?}", image.remarks);
    assert_eq!(image.writable_keywords().unwrap().count(), 2);
}

#[test]
fn damage_behind_rv_is_not_sealed_with_a_fresh_checksum() {
    let mut described = description(Tag::ReadOnly, Ending::Checksum);
    described.keywords.push((KeywordName(*b"V0"), b"later".to_vec()));
    let mut bytes = described.encode().unwrap();
    let at = bytes.windows(5).position(|value| value == b"later").unwrap();
    bytes[at] ^= 1;
    assert_eq!(parse(&bytes).unwrap().outcome, Outcome::Bad);
    let change = Change { keyword: SN, value: b"YVIV00000202", pad: None };
    assert!(matches!(plan_writes(&bytes, &[change]), Err(VpdError::ChecksumMismatch { .. })));
}

#[test]
fn several_keywords_are_changed_with_one_checksum() {
    let bytes = description(Tag::Vendor, Ending::Checksum).encode().unwrap();
    let change = |value| Change { keyword: SN, value, pad: None };
    let plan = plan_writes(&bytes, &[change(b"YVIV00000001"), change(b"YVIV00000002")]).unwrap();
    assert_eq!(plan.old_values, [b"YVIV00000201", b"YVIV00000001"]);
    assert_eq!(parse(&plan.new_image).unwrap().keyword(SN).unwrap().data, b"YVIV00000002");
    assert!(plan_writes(&bytes, &[change(b"YVIV00000001"), change(b"1")]).is_err());
    assert_eq!(plan_writes(&bytes, &[]).unwrap().writes, []);
}
