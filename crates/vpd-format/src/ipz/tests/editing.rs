//! Planned changes of keywords and records.

use super::*;
use crate::edit::{Change, Write};
use crate::ipz::{Plan, Stored, plan_record, plan_writes};

const SN: KeywordName = KeywordName(*b"SN");

fn change(value: &[u8]) -> Change<'_> {
    Change { keyword: SN, value, pad: None }
}

fn plan(bytes: &[u8], entry: TocEntry, change: &Change<'_>) -> Result<Plan, VpdError> {
    let (data, ecc) = (&bytes[entry.range(crate::Part::Data)], &bytes[entry.range(crate::Part::Ecc)]);
    plan_writes(&Stored { entry, data, ecc }, core::slice::from_ref(change))
}

fn apply(bytes: &mut [u8], writes: &[Write]) -> usize {
    for write in writes {
        let start = usize::try_from(write.offset).unwrap();
        bytes[start..start + write.bytes.len()].copy_from_slice(&write.bytes);
    }
    writes.iter().map(|write| write.bytes.len()).sum()
}

#[test]
fn a_planned_change_reads_back_with_a_right_code() {
    let mut bytes = good();
    let entry = entry_of(&bytes, b"VINI");
    let plan = plan(&bytes, entry, &change(b"YVIV00000002")).unwrap();
    assert_eq!(plan.old_values, [b"YVIV00000001"]);
    assert_eq!(apply(&mut bytes, &plan.data), 1, "only the byte that changes is written");
    assert!(apply(&mut bytes, &plan.ecc) <= usize::from(entry.ecc_length));
    assert_eq!(bytes[entry.range(crate::Part::Data)], plan.new_data);
    assert_eq!(bytes[entry.range(crate::Part::Ecc)], plan.new_ecc);
    let image = parse(&bytes, &STRICT).unwrap();
    assert_eq!(image.outcome(), Outcome::Ok);
    assert_eq!(image.records[0].keyword(SN).unwrap().data, b"YVIV00000002");
}

#[test]
fn writing_what_is_stored_plans_nothing() {
    let bytes = good();
    let plan = plan(&bytes, entry_of(&bytes, b"VINI"), &change(b"YVIV00000001")).unwrap();
    assert_eq!((plan.data, plan.ecc), (vec![], vec![]));
}

#[test]
fn damage_is_repaired_by_the_same_writes() {
    let mut bytes = good();
    let entry = entry_of(&bytes, b"VINI");
    bytes[usize::from(entry.offset) + 14] ^= 0xff;
    bytes[usize::from(entry.ecc_offset) + 9] ^= 0x01;
    let plan = plan(&bytes, entry, &change(b"YVIV00000009")).unwrap();
    assert_eq!(plan.correction.bits(), 9);
    apply(&mut bytes, &plan.data);
    apply(&mut bytes, &plan.ecc);
    assert_eq!(parse(&bytes, &STRICT).unwrap().outcome(), Outcome::Ok);
}

#[test]
fn changes_that_must_not_be_made_are_refused() {
    let bytes = good();
    let entry = entry_of(&bytes, b"VINI");
    let record = Some(RecordName::VINI);
    let keyword = |keyword, value| Change { keyword, value, pad: Some(b' ') };
    let length = |expected, found| Err(VpdError::ValueLength { record, keyword: SN, expected, found });
    assert_eq!(plan(&bytes, entry, &change(b"")), length(12, 0));
    assert_eq!(plan(&bytes, entry, &keyword(SN, b"")), length(12, 0));
    assert_eq!(plan(&bytes, entry, &change(b"SHORT")), length(12, 5));
    assert_eq!(plan(&bytes, entry, &keyword(SN, b"MORE THAN TWELVE")), length(12, 16));
    for name in [KeywordName::RT, KeywordName::PF] {
        assert_eq!(
            plan(&bytes, entry, &keyword(name, b"VINI")),
            Err(VpdError::ProtectedKeyword { keyword: name })
        );
    }
    let none = KeywordName(*b"??");
    assert_eq!(
        plan(&bytes, entry, &keyword(none, b"1")),
        Err(VpdError::NoSuchKeyword { record, keyword: none })
    );
    let image = parse(&bytes, &CHECKED).unwrap();
    for protected in [image.header.entry, image.toc.entry] {
        let refused = Err(VpdError::ProtectedRecord { record: protected.name });
        assert_eq!(plan(&bytes, protected, &keyword(KeywordName(*b"VD"), b"02")), refused);
    }
    assert_eq!(
        plan_writes(&Stored { entry, data: &bytes[..8], ecc: &[] }, &[change(b"YVIV00000002")]),
        Err(VpdError::AreaLength {
            record: RecordName::VINI,
            part: crate::Part::Data,
            expected: u32::from(entry.length),
            found: 8
        })
    );
}

#[test]
fn damage_beyond_repair_is_never_sealed() {
    let mut bytes = good();
    let entry = entry_of(&bytes, b"VINI");
    bytes[usize::from(entry.offset) + 14..][..4].fill(0x55);
    let refused = plan(&bytes, entry, &change(b"YVIV00000002"));
    assert!(matches!(refused, Err(VpdError::Uncorrectable { .. })), "{refused:?}");
}

#[test]
fn a_shorter_value_is_padded_on_purpose_only() {
    let mut bytes = good();
    let entry = entry_of(&bytes, b"VINI");
    let plan = plan(&bytes, entry, &Change { pad: Some(b'_'), ..change(b"NEW") }).unwrap();
    apply(&mut bytes, &plan.data);
    apply(&mut bytes, &plan.ecc);
    let image = parse(&bytes, &STRICT).unwrap();
    assert_eq!(image.records[0].keyword(SN).unwrap().data, b"NEW_________");
}

#[test]
fn a_long_keyword_is_changed_in_place() {
    let mut bytes = good();
    let entry = entry_of(&bytes, b"VEIR");
    let value = [7; 270];
    let plan =
        plan(&bytes, entry, &Change { keyword: KeywordName(*b"#I"), value: &value, pad: None }).unwrap();
    apply(&mut bytes, &plan.data);
    apply(&mut bytes, &plan.ecc);
    let image = parse(&bytes, &STRICT).unwrap();
    assert_eq!(image.records[1].keyword(KeywordName(*b"#I")).unwrap().data, value);
}

fn stored<'a>(bytes: &'a [u8], entry: TocEntry) -> Stored<'a> {
    let (data, ecc) = (&bytes[entry.range(crate::Part::Data)], &bytes[entry.range(crate::Part::Ecc)]);
    Stored { entry, data, ecc }
}

#[test]
fn several_keywords_of_a_record_are_changed_with_one_code() {
    let mut bytes = good();
    let entry = entry_of(&bytes, b"VINI");
    let dr = Change { keyword: KeywordName(*b"DR"), value: b"RISER", pad: Some(b' ') };
    let changes = [change(b"YVIV00000002"), dr, change(b"YVIV00000003")];
    let plan = plan_writes(&stored(&bytes, entry), &changes).unwrap();
    assert_eq!([&plan.old_values[0], &plan.old_values[2]], [&b"YVIV00000001"[..], b"YVIV00000002"]);
    apply(&mut bytes, &plan.data);
    apply(&mut bytes, &plan.ecc);
    let image = parse(&bytes, &STRICT).unwrap();
    let value = |name| image.records[0].keyword(KeywordName(name)).unwrap().data;
    assert_eq!([value(*b"SN"), value(*b"DR")], [&b"YVIV00000003"[..], b"RISER           "]);
    // One that must not be made keeps all others from being made.
    let refused = plan_writes(&stored(&bytes, entry), &[change(b"YVIV00000004"), change(b"1")]);
    assert!(matches!(refused, Err(VpdError::ValueLength { .. })));
}

#[test]
fn a_copy_takes_the_place_of_a_record_that_is_damaged_beyond_repair() {
    let sound = good();
    let entry = entry_of(&sound, b"VINI");
    let copy = sound[entry.range(crate::Part::Data)].to_vec();
    for damage in [0x00, 0x55, 0xff] {
        let mut bytes = sound.clone();
        bytes[entry.range(crate::Part::Data)].fill(damage);
        bytes[usize::from(entry.ecc_offset)] ^= 0x3c;
        let plan = plan_record(&stored(&bytes, entry), &copy).unwrap();
        apply(&mut bytes, &plan.data);
        apply(&mut bytes, &plan.ecc);
        assert_eq!(bytes, sound);
    }
    let other = sound[entry_of(&sound, b"VEIR").range(crate::Part::Data)].to_vec();
    assert!(matches!(plan_record(&stored(&sound, entry), &other), Err(VpdError::AreaLength { .. })));
    let mut renamed = copy.clone();
    renamed[6] ^= 1;
    assert!(matches!(
        plan_record(&stored(&sound, entry), &renamed),
        Err(VpdError::RecordNameMismatch { .. })
    ));
    let image = parse(&sound, &CHECKED).unwrap();
    let toc = image.toc.entry;
    assert!(matches!(plan_record(&stored(&sound, toc), &copy), Err(VpdError::ProtectedRecord { .. })));
}
