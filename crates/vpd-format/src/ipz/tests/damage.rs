//! Damaged images, each made from the good one and named by its damage.

use super::*;

/// Zeroes a byte, as the published damaged samples do.
fn zeroed(at: &[usize]) -> Vec<u8> {
    let mut bytes = good();
    at.iter().for_each(|at| bytes[*at] = 0);
    bytes
}

#[test]
fn a_damaged_header_or_table_of_contents_is_recovered_or_refused_by_policy() {
    for (what, bytes, in_header) in [
        ("v-of-vhdr", zeroed(&[17]), true),
        ("start-tag", zeroed(&[11]), true),
        ("end-tag", zeroed(&[54]), true),
        ("code-of-vhdr", zeroed(&[4]), true),
        ("v-of-vtoc", zeroed(&[61]), false),
        ("vini-offset", zeroed(&[74]), false),
        ("vini-ecc-offset", zeroed(&[78, 79]), false),
    ] {
        let image = parse(&bytes, &CHECKED).unwrap_or_else(|error| panic!("{what}: {error}"));
        let (damaged, whole) =
            if in_header { (&image.header, &image.toc) } else { (&image.toc, &image.header) };
        assert_eq!((damaged.outcome, whole.outcome), (Outcome::Recovered, Outcome::Ok), "{what}");
        assert!(damaged.correction.bits() > 0, "{what}");
        assert_eq!(image.outcome(), Outcome::Recovered, "{what}");
        let clean = parse(&good(), &CHECKED).unwrap();
        assert_eq!(image.records, clean.records, "{what}: corrected bytes are the ones used");
        let strict = parse(&bytes, &STRICT);
        assert!(matches!(strict, Err(VpdError::NeededCorrection { .. })), "{what}: {strict:?}");
        let detected = crate::detect(&mut Bytes(&bytes));
        assert_eq!(detected, Ok(crate::Format::Ipz), "{what}");
    }
}

#[test]
fn short_images_are_refused_by_name() {
    let bytes = good();
    for length in [0, 1, 43, 54] {
        let expected = VpdError::TooShort { what: "IPZ header", expected: 55, found: length as u64 };
        assert_eq!(parse(&bytes[..length], &CHECKED), Err(expected));
    }
    let toc = parse(&bytes, &CHECKED).unwrap().toc.entry;
    let truncated = parse(&bytes[..282], &CHECKED);
    assert_eq!(
        truncated,
        Err(VpdError::OutOfImage {
            record: RecordName::VTOC,
            part: crate::Part::Ecc,
            offset: u32::from(toc.ecc_offset),
            length: u32::from(toc.ecc_length),
            image: 282,
        })
    );
}

#[test]
fn blank_images_have_an_outcome_of_their_own() {
    for fill in [0x00, 0xff] {
        for format in
            [None, Some(crate::Format::Ipz), Some(crate::Format::Keyword), Some(crate::Format::Memory)]
        {
            let result = read(&mut Bytes(&[fill; 256]), &ReadOptions { format, ..CHECKED });
            let Err(ReadError::Format(error)) = result else { panic!("{result:?}") };
            assert_eq!(error, VpdError::Blank { fill }, "{format:?}");
            assert_eq!(error.outcome(), Outcome::Blank);
        }
    }
}

#[test]
fn one_bad_record_never_stops_the_others() {
    let bytes = good();
    let entry = entry_of(&bytes, b"VEIR");
    let mut damaged = bytes.clone();
    damaged[usize::from(entry.offset) + 20..][..40].fill(0xaa);
    let image = parse(&damaged, &CHECKED).unwrap();
    let outcomes: Vec<_> = image.records.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Bad, Outcome::Ok, Outcome::Ok]);
    let bad = &image.records[1];
    let (record, offset, length) = (bad.name(), u32::from(entry.offset), u32::from(entry.length));
    assert_eq!(bad.reason, Some(VpdError::Uncorrectable { record, offset, length }));
    assert_eq!((bad.keywords().count(), bad.bytes().len()), (0, 0));
    assert_eq!(image.outcome(), Outcome::Bad);

    let vsys = ReadOptions { wanted: Wanted::Records(&[RecordName(*b"VSYS")]), ..CHECKED };
    assert_eq!(parse(&damaged, &vsys).unwrap().outcome(), Outcome::Ok, "damage outside of what is wanted");
}

#[test]
fn every_wrong_byte_of_a_record_is_repaired_and_counted() {
    let bytes = good();
    let entry = entry_of(&bytes, b"VINI");
    let clean = parse(&bytes, &CHECKED).unwrap();
    for at in entry.range(crate::Part::Data).chain(entry.range(crate::Part::Ecc)) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        let image = parse(&damaged, &CHECKED).unwrap();
        let record = &image.records[0];
        assert_eq!((record.outcome, record.recovered_bits()), (Outcome::Recovered, 8), "{at}");
        assert_eq!(record.bytes(), clean.records[0].bytes(), "{at}");
    }
}

#[test]
fn a_broken_structure_under_a_right_code_makes_the_record_bad() {
    let bytes = good();
    let entry = entry_of(&bytes, b"VINI");
    let (record, offset) = (RecordName::VINI, u32::from(entry.offset));
    let length = entry.length;
    let unexpected = |what, at: u32, expected, found| VpdError::UnexpectedByte {
        what,
        offset: offset + at,
        expected,
        found,
    };
    let last = usize::from(length) - 1;
    let body = u32::from(length) - 4;
    let cases: [Case; 9] = [
        ("start-tag", Box::new(|data| data[0] = 0x90), unexpected("record start tag", 0, 0x84, 0x90)),
        ("end-tag", Box::new(move |data| data[last] = 0), unexpected("record end tag", last as u32, 0x78, 0)),
        (
            "body-size",
            Box::new(move |data| put16(data, 1, length)),
            VpdError::BodySize { record, offset, expected: body, found: body + 4 },
        ),
        (
            "name",
            Box::new(|data| data[6] = b'W'),
            VpdError::RecordNameMismatch { record, offset: offset + 6, found: RecordName(*b"WINI") },
        ),
        (
            "record-type-keyword",
            Box::new(|data| data[3] = b'S'),
            VpdError::MissingKeyword { record: Some(record), keyword: KeywordName::RT, offset: offset + 3 },
        ),
        (
            "record-type-length",
            Box::new(|data| data[5] = 3),
            VpdError::RecordNameMismatch { record, offset: offset + 6, found: RecordName([0; 4]) },
        ),
        (
            "keyword-past-end",
            Box::new(|data| data[12] = 0xff),
            VpdError::KeywordTruncated {
                record: Some(record),
                keyword: KeywordName(*b"DR"),
                offset: offset + 10,
                expected: 258,
                found: body - 7,
            },
        ),
        (
            "pound-keyword-past-end",
            Box::new(|data| data[10..14].copy_from_slice(b"#R\xff\xff")),
            VpdError::KeywordTruncated {
                record: Some(record),
                keyword: KeywordName(*b"#R"),
                offset: offset + 10,
                expected: 65539,
                found: body - 7,
            },
        ),
        (
            "stray-bytes",
            // A keyword without PF that ends two bytes before the record does.
            Box::new(move |data| {
                data[10..12].copy_from_slice(b"ZZ");
                data[12] = u8::try_from(last - 13 - 2).unwrap();
            }),
            VpdError::StrayBytes { record: Some(record), offset: offset + last as u32 - 2, found: 2 },
        ),
    ];
    for (what, change, expected) in cases {
        let mut damaged = bytes.clone();
        reseal(&mut damaged, &entry, change);
        let image = parse(&damaged, &CHECKED).unwrap();
        assert_eq!(image.records[0].reason, Some(expected), "{what}");
        assert_eq!(image.records[0].outcome, Outcome::Bad, "{what}");
        assert!(image.records[1..].iter().all(|record| record.outcome == Outcome::Ok), "{what}");
    }
}

#[test]
fn a_record_may_end_without_padding() {
    let mut bytes = good();
    let entry = entry_of(&bytes, b"VINI");
    let last = usize::from(entry.length) - 1;
    reseal(&mut bytes, &entry, |data| {
        data[10..12].copy_from_slice(b"ZZ");
        data[12] = u8::try_from(last - 13).unwrap();
    });
    let image = parse(&bytes, &CHECKED).unwrap();
    assert_eq!((image.records[0].outcome, image.records[0].keywords().count()), (Outcome::Ok, 2));
}

#[test]
fn the_first_of_duplicates_wins_and_the_rest_is_remarked() {
    let mut duplicated = description();
    duplicated.records[0].keywords.push((KeywordName(*b"SN"), b"SECOND".to_vec()));
    duplicated.records[0].keywords.push((KeywordName(*b"DR"), b"THIRD".to_vec()));
    duplicated.records.push(record(b"VINI", &[(b"SN", b"OTHER")]));
    let image = parse(&duplicated.encode().unwrap(), &CHECKED).unwrap();
    assert_eq!((image.records.len(), image.outcome()), (4, Outcome::Ok));
    let vini = image.record(RecordName::VINI).unwrap();
    assert_eq!(vini.keyword(KeywordName(*b"SN")).unwrap().data, b"YVIV00000001");
    assert_eq!(vini.keywords().count(), 4);
    let [
        VpdError::DuplicateRecord { record: RecordName::VINI, .. },
        VpdError::DuplicateKeyword { record: Some(RecordName::VINI), keyword, .. },
    ] = &image.remarks[..]
    else {
        panic!("{:?}", image.remarks)
    };
    assert_eq!(*keyword, KeywordName(*b"SN"));
}

#[test]
fn a_header_of_right_code_and_wrong_content_is_refused() {
    let mut bytes = good();
    let entry = parse(&bytes, &CHECKED).unwrap().header.entry;
    reseal(&mut bytes, &entry, |data| data[6] = b'W');
    assert_eq!(
        parse(&bytes, &CHECKED),
        Err(VpdError::RecordNameMismatch {
            record: RecordName::VHDR,
            offset: 17,
            found: RecordName(*b"WHDR")
        })
    );
    let automatic = read(&mut Bytes(&bytes), &ReadOptions { format: None, ..CHECKED });
    assert!(matches!(automatic, Err(ReadError::Format(_))), "{automatic:?}");
}

#[test]
fn a_header_without_its_tags_is_refused_even_under_a_right_code() {
    for (at, what, offset, expected) in
        [(0, "start tag of VHDR", 11, 0x84), (43, "end tag of VHDR", 54, 0x78)]
    {
        let mut bytes = good();
        let entry = parse(&bytes, &CHECKED).unwrap().header.entry;
        reseal(&mut bytes, &entry, |data| data[at] ^= 1);
        let found = expected ^ 1;
        assert_eq!(parse(&bytes, &CHECKED), Err(VpdError::UnexpectedByte { what, offset, expected, found }));
    }
}

#[test]
fn a_table_of_contents_that_claims_the_header_or_its_own_code_is_refused() {
    let toc = parse(&good(), &CHECKED).unwrap().toc.entry;
    // Where the header keeps the place of VTOC and of its code, and what they are set to.
    for (at, value) in [(24, 20), (28, 30), (28, toc.offset + 4)] {
        let mut bytes = good();
        let entry = parse(&bytes, &CHECKED).unwrap().header.entry;
        reseal(&mut bytes, &entry, |data| put16(data, at, value));
        let result = parse(&bytes, &CHECKED);
        assert!(
            matches!(result, Err(VpdError::Overlap { record: RecordName::VTOC, .. })),
            "{at}: {result:?}"
        );
    }
}
