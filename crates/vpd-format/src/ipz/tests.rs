//! The IPZ reader against good, damaged and hostile images.

mod damage;
mod editing;
mod encoding;
mod hostile;

use super::{Code, Image, ImageDescription, RecordDescription, TocEntry};
use crate::error::{ReadError, VpdError};
use crate::names::{KeywordName, RecordName};
use crate::options::{Ecc, Policy, ReadOptions, Wanted};
use crate::outcome::Outcome;
use crate::read::{Content, read};
use crate::source::{Bytes, Counted, OutOfBytes};

const CHECKED: ReadOptions<'static> = ReadOptions {
    format: Some(crate::options::Format::Ipz),
    policy: Policy::Recover,
    ecc: Ecc::Checked,
    wanted: Wanted::All,
    part_numbers: crate::options::PartNumbers::Module,
};
const STRICT: ReadOptions<'static> = ReadOptions { policy: Policy::Strict, ..CHECKED };
const IGNORED: ReadOptions<'static> = ReadOptions { ecc: Ecc::Ignored, ..CHECKED };

/// A damage by name, how to do it, and the error that must come of it.
type Case = (&'static str, Box<dyn FnOnce(&mut [u8])>, VpdError);

fn record(name: &[u8; 4], keywords: &[(&[u8; 2], &[u8])]) -> RecordDescription {
    RecordDescription {
        name: RecordName(*name),
        record_type: 0xff,
        keywords: keywords.iter().map(|(name, value)| (KeywordName(**name), value.to_vec())).collect(),
        minimum_length: 0,
    }
}

fn description() -> ImageDescription {
    ImageDescription {
        size: 2048,
        fill: 0xff,
        code: Code::Computed,
        records: vec![
            record(b"VINI", &[(b"DR", b"SYSTEM BACKPLANE"), (b"SN", b"YVIV00000001"), (b"HW", &[0, 1])]),
            record(b"VEIR", &[(b"#I", &[0x45; 270])]),
            record(b"LWP0", &[(b"VD", b"01"), (b"20", &[9; 40]), (b"33", &[])]),
            record(b"VSYS", &[(b"TM", b"9999-VV1"), (b"SE", b"7VIV001")]),
        ],
    }
}

fn good() -> Vec<u8> {
    description().encode().unwrap()
}

fn parse(bytes: &[u8], options: &ReadOptions<'_>) -> Result<Image, VpdError> {
    match read(&mut Bytes(bytes), options) {
        Ok(vpd) => {
            let Content::Ipz(image) = vpd.content else { panic!() };
            assert_eq!(vpd.outcome, image.outcome());
            Ok(image)
        }
        Err(ReadError::Format(error)) => Err(error),
        Err(ReadError::Device { source: OutOfBytes { .. }, .. }) => panic!("read past the end"),
    }
}

fn entry_of(bytes: &[u8], name: &[u8; 4]) -> TocEntry {
    parse(bytes, &CHECKED).unwrap().record(RecordName(*name)).unwrap().entry
}

/// Changes the header or a record and gives it a fresh code, so that only the change is wrong.
fn reseal(bytes: &mut [u8], entry: &TocEntry, change: impl FnOnce(&mut [u8])) {
    let (data, code) = (entry.range(crate::Part::Data), entry.range(crate::Part::Ecc));
    change(&mut bytes[data.clone()]);
    let mut fresh = vec![0; code.len()];
    vpd_ecc::create(&bytes[data], &mut fresh).unwrap();
    bytes[code].copy_from_slice(&fresh);
}

/// Changes the table of contents and gives it a fresh code. Entry `index` begins at `13 + 14 * index`.
fn with_toc(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = good();
    let toc = parse(&bytes, &CHECKED).unwrap().toc.entry;
    reseal(&mut bytes, &toc, change);
    bytes
}

fn put16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn a_good_image_gives_all_records_and_keywords() {
    for options in [CHECKED, STRICT] {
        let image = parse(&good(), &options).unwrap();
        assert_eq!((image.header.outcome, image.toc.outcome), (Outcome::Ok, Outcome::Ok));
        assert!(image.records.iter().all(|record| record.outcome == Outcome::Ok));
        assert_eq!(image.remarks, []);
        let keywords: Vec<_> = image.records[2]
            .keywords()
            .map(|keyword| (keyword.name.to_string(), keyword.data.len()))
            .collect();
        let expected =
            [("RT", 4), ("VD", 2), ("20", 40), ("33", 0)].map(|(name, len)| (name.to_owned(), len));
        assert_eq!(keywords, expected, "RT is published, PF is not");
        let pound = image.records[1].keyword(KeywordName(*b"#I")).unwrap();
        assert_eq!(pound.data, [0x45; 270]);
    }
}

#[test]
fn keyword_offsets_point_into_the_image() {
    let bytes = good();
    for record in &parse(&bytes, &CHECKED).unwrap().records {
        for keyword in record.keywords() {
            let start = keyword.offset as usize;
            assert_eq!(
                &bytes[start..start + keyword.data.len()],
                keyword.data,
                "{} {}",
                record.name(),
                keyword.name
            );
        }
    }
}

#[test]
fn only_wanted_records_are_read() {
    let bytes = good();
    let cost = |wanted| {
        let mut source = Counted::new(Bytes(&bytes));
        let vpd = read(&mut source, &ReadOptions { wanted, ..CHECKED }).unwrap();
        assert_eq!((vpd.bytes_read, vpd.outcome), (source.bytes(), Outcome::Ok));
        let Content::Ipz(image) = vpd.content else { panic!() };
        (source.bytes() as usize, source.reads(), image)
    };
    let used = bytes.iter().rposition(|byte| *byte != 0xff).unwrap() + 1;
    let (read_bytes, reads, _) = cost(Wanted::All);
    assert_eq!((read_bytes, reads), (used, 4), "nothing past the last code, nothing twice");

    let vsys = RecordName(*b"VSYS");
    let absent = RecordName(*b"NONE");
    let (read_bytes, _, image) = cost(Wanted::Records(&[vsys, absent]));
    let toc = image.toc.entry;
    let vsys = image.record(vsys).unwrap();
    let needed = 55 + [toc, vsys.entry].iter().map(|e| usize::from(e.length + e.ecc_length)).sum::<usize>();
    assert!(read_bytes <= needed + 16, "{read_bytes} {needed}");
    assert_eq!((vsys.outcome, vsys.keywords().count()), (Outcome::Ok, 3));
    let skipped = image.record(RecordName::VINI).unwrap();
    assert_eq!(
        (skipped.outcome, skipped.keywords().count(), skipped.bytes().len()),
        (Outcome::Skipped, 0, 0)
    );
}

#[test]
fn an_image_without_code_is_read_only_when_told_so() {
    for (code, missing) in [(Code::Zero, None), (Code::None, Some(("end tag of VHDR", 54)))] {
        let bytes = ImageDescription { code, ..description() }.encode().unwrap();
        for format in [None, CHECKED.format] {
            let checked = ReadOptions { format, ..CHECKED };
            assert_eq!(parse(&bytes, &checked), Err(VpdError::NoCode { missing }), "{code:?} {format:?}");
            let ignored = ReadOptions { format, ..IGNORED };
            let image = parse(&bytes, &ignored).unwrap();
            assert_eq!(image.outcome(), Outcome::Unchecked, "{code:?} {format:?}");
            assert_eq!(
                image.record(RecordName::VINI).unwrap().keyword(KeywordName(*b"SN")).unwrap().data,
                b"YVIV00000001"
            );
            assert_eq!(image.records.len(), 4);
        }
        assert_eq!(crate::detect(&mut Bytes(&bytes)).unwrap(), crate::Format::Ipz, "{code:?}");
    }
    let message = VpdError::NoCode { missing: Some(("end tag of VHDR", 54)) }.to_string();
    assert_eq!(
        message,
        "IPZ without error correcting code (it is zero), and no end tag of VHDR at offset 54: it can be read \
         with ecc = \"ignored\" only"
    );
}

#[test]
fn a_header_that_lost_its_code_is_damaged_and_not_one_without() {
    let mut bytes = good();
    bytes[..11].fill(0);
    for format in [None, CHECKED.format] {
        let options = ReadOptions { format, ..CHECKED };
        let error = parse(&bytes, &options).unwrap_err();
        assert!(matches!(error, VpdError::Uncorrectable { record: RecordName::VHDR, .. }), "{error}");
    }
}

/// Names and lengths still have to be right, and a tag is the right one or zero.
#[test]
fn what_an_image_without_code_says_is_held_against_itself() {
    let bytes = ImageDescription { code: Code::None, ..description() }.encode().unwrap();
    let toc = parse(&bytes, &IGNORED).unwrap().toc.entry;
    let vini = parse(&bytes, &IGNORED).unwrap().records[0].entry;
    let (toc, vini_end) = (usize::from(toc.offset), usize::from(vini.offset) + usize::from(vini.length) - 1);
    let vini = usize::from(vini.offset);
    assert_eq!((bytes[54], bytes[toc], bytes[vini], bytes[vini_end]), (0, 0, 0, 0), "the tags are zero");
    let damaged = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        parse(&bytes, &IGNORED)
    };
    for (at, what) in [(11, "start tag of VHDR"), (54, "end tag of VHDR"), (toc, "record start tag")] {
        let Err(VpdError::UnexpectedByte { what: found, .. }) = damaged(at, 1) else { panic!("{what}") };
        assert_eq!(found, what);
    }
    for at in [17, toc + 6, toc + 1] {
        assert!(damaged(at, 1).is_err(), "{at}");
    }
    for at in [vini, vini + 1, vini + 6, vini_end] {
        let image = damaged(at, 1).unwrap();
        assert_eq!((image.outcome(), image.records[0].outcome), (Outcome::Bad, Outcome::Bad), "{at}");
        assert_eq!(image.records[1].outcome, Outcome::Unchecked, "{at}");
    }
}

#[test]
fn areas_of_the_code_do_not_matter_when_it_is_ignored() {
    let mut bytes = with_toc(|toc| {
        for entry in 0..4 {
            put16(toc, 13 + 14 * entry + 10, 0);
            put16(toc, 13 + 14 * entry + 12, 0xffff);
        }
    });
    put16(&mut bytes, 39, 0);
    let image = parse(&bytes, &IGNORED).unwrap();
    assert!(image.records.iter().all(|record| record.outcome == Outcome::Unchecked));
}

#[test]
fn an_image_behind_an_offset_is_read_through_a_window() {
    let mut device = vec![0x5a; 0x30000];
    device.extend(good());
    device.extend([0xa5; 5000]);
    let mut window = crate::source::Window::new(Bytes(&device), 0x30000, Some(2048));
    let vpd = read(&mut window, &ReadOptions { format: None, ..CHECKED }).unwrap();
    assert_eq!((vpd.outcome, vpd.image_size), (Outcome::Ok, 2048));
    let Content::Ipz(image) = vpd.content else { panic!() };
    assert_eq!(image, parse(&good(), &CHECKED).unwrap(), "offsets count from the start of the window");
}

#[test]
fn detection_and_reading_share_their_bytes() {
    let bytes = good();
    let cost = |format| {
        let mut source = Counted::new(Bytes(&bytes));
        read(&mut source, &ReadOptions { format, ..CHECKED }).unwrap();
        (source.bytes(), source.reads())
    };
    assert_eq!(cost(None), cost(Some(crate::Format::Ipz)));
}
