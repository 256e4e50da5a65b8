use super::*;
use crate::{layout_of, read_with};
use vpd_format::ipz::{Code, ImageDescription, RecordDescription};
use vpd_format::{Bytes, Counted, OutOfBytes};

const VINI: RecordName = RecordName::VINI;
const UTIL: RecordName = RecordName(*b"UTIL");
const SN: KeywordName = KeywordName(*b"SN");

fn record(name: RecordName, keywords: &[(&[u8; 2], &[u8])]) -> RecordDescription {
    let keywords = keywords.iter().map(|(name, value)| (KeywordName(**name), value.to_vec())).collect();
    RecordDescription { name, record_type: 0xff, keywords, minimum_length: 0 }
}

/// As large as a planar's EEPROM.
fn image() -> Vec<u8> {
    let description = ImageDescription {
        size: 65_536,
        fill: 0,
        code: Code::Computed,
        records: vec![
            record(VINI, &[(b"DR", b"SYSTEM BACKPLANE"), (b"SN", b"YVIV00000001"), (b"CC", b"2E2D")]),
            record(RecordName(*b"VEIR"), &[(b"#I", &[0x45; 4000])]),
            record(UTIL, &[(b"D0", &[1]), (b"D8", b"20221118")]),
        ],
    };
    description.encode().unwrap()
}

fn place() -> ChipPlace {
    ChipPlace {
        key: "8-0050".to_owned(),
        fru: "8-0050".to_owned(),
        path: "/x".to_owned(),
        window: VpdWindow::default(),
        page_size: 128,
        format: None,
        policy: Policy::Recover,
    }
}

fn edit(record: Option<RecordName>, keyword: KeywordName, value: &[u8]) -> Edit {
    Edit::Keyword { record, keyword, value: value.to_vec(), pad: None, expected: None }
}

fn plan(cells: &[u8], edits: &[Edit]) -> Result<ChipPlan, PlanError<OutOfBytes>> {
    plan_chip(Bytes(cells), &place(), edits)
}

fn apply(cells: &mut [u8], plan: &ChipPlan) {
    for page in &plan.change.pages {
        cells[page.offset as usize..][..page.new.len()].copy_from_slice(&page.new);
    }
}

#[test]
fn a_change_of_one_keyword_reads_a_fiftieth_of_a_large_part() {
    let cells = image();
    let mut counted = Counted::new(Bytes(&cells));
    let planned = plan_chip(&mut counted, &place(), &[edit(Some(VINI), SN, b"YVIV00000002")]).unwrap();
    assert_eq!(planned.old_values, [b"YVIV00000001"]);
    let back: u64 = planned.change.pages.iter().map(|page| page.new.len() as u64).sum();
    let total = counted.bytes() + back;
    assert_eq!(planned.bytes_read, counted.bytes());
    assert!(total * 50 <= cells.len() as u64, "{total} bytes, of which {back} read back");
}

#[test]
fn what_is_planned_reads_back_and_only_pages_of_the_record_change() {
    let mut cells = image();
    let before = cells.clone();
    let edits = [edit(Some(UTIL), KeywordName(*b"D8"), b"20261130"), edit(Some(VINI), SN, b"YVIV00000002")];
    let planned = plan(&cells, &edits).unwrap();
    assert_eq!(planned.old_values, [&b"20221118"[..], b"YVIV00000001"]);
    apply(&mut cells, &planned);
    let again = plan(&cells, &edits).unwrap();
    assert_eq!(again.change.pages, [], "nothing to do twice");
    let changed = cells.iter().zip(&before).filter(|(now, before)| now != before).count();
    assert!(changed < 60, "{changed}");
}

#[test]
fn what_must_not_be_written_is_refused_by_name() {
    let cells = image();
    let none = RecordName(*b"NONE");
    let refused = |edits: &[Edit]| plan(&cells, edits).unwrap_err();
    assert_eq!(refused(&[edit(Some(none), SN, b"1")]), PlanError::NoRecord(none));
    assert_eq!(refused(&[edit(None, SN, b"1")]), PlanError::Addressing { is_ipz: true });
    for record in [RecordName::VHDR, RecordName::VTOC] {
        let error = refused(&[edit(Some(record), SN, b"1")]);
        assert_eq!(error, PlanError::Edit(VpdError::ProtectedRecord { record }));
    }
    for keyword in [KeywordName::RT, KeywordName::PF] {
        let error = refused(&[edit(Some(VINI), keyword, b"1")]);
        assert_eq!(error, PlanError::Edit(VpdError::ProtectedKeyword { keyword }));
    }
    let missing = KeywordName(*b"ZZ");
    let error = refused(&[edit(Some(VINI), missing, b"1")]);
    assert_eq!(error, PlanError::Edit(VpdError::NoSuchKeyword { record: Some(VINI), keyword: missing }));
    assert!(matches!(
        refused(&[edit(Some(VINI), SN, b"short")]),
        PlanError::Edit(VpdError::ValueLength { .. })
    ));
    // One edit that must not be made keeps all others from being made.
    let mixed = [edit(Some(VINI), SN, b"YVIV00000002"), edit(Some(UTIL), SN, b"1")];
    assert!(matches!(refused(&mixed), PlanError::Edit(VpdError::NoSuchKeyword { .. })));
    assert!(matches!(plan(&[0xff; 1024], &mixed), Err(PlanError::Image(VpdError::Blank { .. }))));
    assert!(matches!(plan(&cells[..4000], &mixed), Err(PlanError::Image(VpdError::OutOfImage { .. }))));
}

#[test]
fn another_value_than_the_expected_one_changes_nothing() {
    let cells = image();
    let expecting = |expected: &[u8]| Edit::Keyword {
        record: Some(VINI),
        keyword: SN,
        value: b"YVIV00000002".to_vec(),
        pad: None,
        expected: Some(expected.to_vec()),
    };
    assert!(plan(&cells, &[expecting(b"YVIV00000001")]).is_ok());
    assert_eq!(plan(&cells, &[expecting(b"YVIV00000009")]), Err(PlanError::Mismatch { keyword: SN }));
}

#[test]
fn damage_is_never_sealed_and_is_scrubbed_where_the_code_corrects_it() {
    let sound = image();
    let at = sound.windows(4).position(|bytes| bytes == b"YVIV").unwrap();
    let mut cells = sound.clone();
    cells[at] ^= 4;
    let planned = plan(&cells, &[Edit::Scrub { record: VINI }]).unwrap();
    assert_eq!(planned.corrected_bits, 1);
    apply(&mut cells, &planned);
    assert_eq!(cells, sound);
    assert_eq!(plan(&sound, &[Edit::Scrub { record: VINI }]).unwrap().change.pages, []);
    cells[at..at + 12].fill(0x55);
    assert!(matches!(
        plan(&cells, &[edit(Some(VINI), SN, b"YVIV00000002")]),
        Err(PlanError::Edit(VpdError::Uncorrectable { .. }))
    ));
    // Another record can be written all the same.
    assert!(plan(&cells, &[edit(Some(UTIL), KeywordName(*b"D0"), &[2])]).is_ok());
}

#[test]
fn a_module_of_memory_is_not_written() {
    let mut cells = vec![0; 512];
    cells[..4].copy_from_slice(&[0x23, 0x11, 0x0c, 0x02]);
    assert!(matches!(
        plan(&cells, &[Edit::Scrub { record: VINI }]),
        Err(PlanError::Memory | PlanError::Image(_))
    ));
}

#[test]
fn a_header_that_cannot_be_read_is_taken_from_a_copy_and_a_chip_with_its_own_keeps_that() {
    let sound = image();
    let layout = layout_of(Bytes(&sound), VpdWindow::default()).unwrap();
    let serial = edit(Some(VINI), SN, b"YVIV00000002");
    // The header, then the table of contents behind it.
    for damaged in [12..50, 60..110] {
        let mut cells = sound.clone();
        cells[damaged.clone()].fill(0x77);
        assert!(matches!(plan(&cells, std::slice::from_ref(&serial)), Err(PlanError::Image(_))));
        let planned = plan(&cells, &[layout.clone(), serial.clone()]).unwrap();
        assert_eq!(planned.old_values, [&b""[..], b"YVIV00000001"], "{damaged:?}");
        apply(&mut cells, &planned);
        let mut expected = sound.clone();
        apply(&mut expected, &plan(&sound, std::slice::from_ref(&serial)).unwrap());
        assert!(cells == expected, "{damaged:?}");
    }
    let other = record(UTIL, &[(b"D0", &[1])]);
    let other = ImageDescription { size: 8192, fill: 0, code: Code::Computed, records: vec![other] };
    let other = layout_of(Bytes(&other.encode().unwrap()), VpdWindow::default()).unwrap();
    let planned = plan(&sound, &[other, serial.clone()]).unwrap();
    assert_eq!(planned.change.pages, plan(&sound, &[serial]).unwrap().change.pages);
}

#[test]
fn a_sound_table_of_contents_stays_though_the_header_is_taken_from_a_copy_that_lists_less() {
    // The same place and length of the table, other records.
    let records = |last: &[u8; 4]| {
        let mut records = vec![record(VINI, &[(b"SN", b"YVIV00000001")])];
        records.push(record(RecordName(*last), &[(b"D0", &[1]), (b"D8", b"20221118")]));
        let description = ImageDescription { size: 8192, fill: 0, code: Code::Computed, records };
        description.encode().unwrap()
    };
    let own = records(b"UTIL");
    let layout = layout_of(Bytes(&records(b"LXR0")), VpdWindow::default()).unwrap();
    let mut cells = own.clone();
    cells[12..50].fill(0x77);
    let options = ReadOptions::default();
    let found = read_with(Bytes(&cells), VpdWindow::default(), &options, &layout).unwrap();
    let Content::Ipz(found) = found.content else { panic!("it is no IPZ") };
    assert!(found.record(UTIL).is_some_and(|record| record.reason.is_none()));
    let planned = plan(&cells, std::slice::from_ref(&layout)).unwrap();
    apply(&mut cells, &planned);
    assert!(cells == own);
}

#[test]
fn a_header_is_copied_only_from_where_nothing_had_to_be_corrected_and_only_of_ipz() {
    let mut cells = image();
    cells[12] ^= 1;
    assert!(matches!(
        layout_of(Bytes(&cells), VpdWindow::default()),
        Err(PlanError::Image(VpdError::NeededCorrection { .. }))
    ));
    assert!(matches!(layout_of(Bytes(&[0xff; 512]), VpdWindow::default()), Err(PlanError::Image(_))));
    let moved = [&[0x3c; 40][..], &image()].concat();
    let window = VpdWindow { offset: 40, size: None };
    assert_eq!(layout_of(Bytes(&moved), window), layout_of(Bytes(&image()), VpdWindow::default()));
}

#[test]
fn a_blank_chip_takes_all_that_a_copy_has() {
    let sound = image();
    let mut cells = vec![0xff; sound.len()];
    let vpd = vpd_format::read(&mut Bytes(&sound), &ReadOptions::default()).unwrap();
    let Content::Ipz(read) = vpd.content else { panic!("it is no IPZ") };
    let copies = read.records.iter();
    let copies = copies.map(|record| Edit::Record { record: record.name(), copy: record.bytes().to_vec() });
    let layout = layout_of(Bytes(&sound), VpdWindow::default()).unwrap();
    let edits: Vec<Edit> = std::iter::once(layout).chain(copies).collect();
    let planned = plan(&cells, &edits).unwrap();
    apply(&mut cells, &planned);
    let vpd = vpd_format::read(&mut Bytes(&cells), &ReadOptions::default()).unwrap();
    assert_eq!(vpd.content, Content::Ipz(read));
}
