use super::*;
use fru_publication::EepromKey;
use system_index::{HardwareLevel, SystemType};

const INDEX: &str = "[[system-eeprom]]\nkey = \"8-0050\"\n[[system-eeprom]]\nkey = \"9-0050\"\n\
    [[match]]\nsystem = \"demo\"\nim = \"50001001\"\nhw = [\"0001\"]\n";

fn key(text: &str) -> EepromKey {
    EepromKey::parse(text).unwrap()
}

fn trouble(eeprom: &str, kind: Kind) -> Trouble {
    Trouble { eeprom: key(eeprom), kind, reason: format!("{kind:?}") }
}

fn said(im: &str, level: u8) -> Option<Identity> {
    let im: SystemType = im.parse().unwrap();
    Some(Identity { eeprom: key("9-0050"), im, hw: HardwareLevel::of_keyword(&[0, level]) })
}

fn last(name: &str) -> Last {
    if name.is_empty() { Err("nothing is remembered".to_owned()) } else { Ok(name.parse().unwrap()) }
}

/// Decides on an image that has system demo and what is common.
fn decide_on(identity: Option<Identity>, troubles: Vec<Trouble>, remembered: &str) -> Decision {
    let index = MachineIndex::parse(INDEX).unwrap();
    let exists = |system: &SystemName| system.as_str() == "demo";
    decide(&index, Reading { identity, troubles }, last(remembered), Ok(None), &exists)
}

#[test]
fn a_system_that_is_known_is_chosen_whatever_is_remembered() {
    for remembered in ["", "demo", "gone"] {
        let Decision { selection, exit } = decide_on(said("50001001", 1), Vec::new(), remembered);
        assert_eq!((selection.system.as_str(), selection.cause, exit), ("demo", Cause::Matched, Exit::Done));
        assert_eq!((selection.reason.as_str(), selection.eeprom), ("", Some(key("9-0050"))));
    }
}

#[test]
fn an_earlier_eeprom_that_failed_is_told_of() {
    let Decision { selection, exit } = decide_on(said("50001001", 1), vec![trouble("8-0050", Kind::Bad)], "");
    assert_eq!((selection.cause, exit), (Cause::Matched, Exit::Done));
    assert_eq!(selection.reason, "8-0050: Bad");
}

#[test]
fn an_unknown_system_gets_the_common_layer_and_not_the_last_choice() {
    for (im, level) in [("50001002", 1), ("50001001", 2)] {
        let Decision { selection, exit } = decide_on(said(im, level), Vec::new(), "demo");
        assert_eq!(
            (selection.system.as_str(), selection.cause, exit),
            ("common", Cause::UnknownSystemType, Exit::BadData)
        );
        assert_eq!(selection.reason, format!("no system answers to im {im} and hw 000{level}"));
        assert_eq!(selection.im.unwrap().to_string(), im);
    }
}

#[test]
fn without_a_reading_the_last_choice_counts_as_long_as_the_image_has_it() {
    for (remembered, system, cause, reason) in [
        ("demo", "demo", Cause::LastChoice, "8-0050: Absent"),
        (
            "gone",
            "common",
            Cause::NoChoice,
            "8-0050: Absent; the last choice, system gone, is not in this image",
        ),
        ("", "common", Cause::NoChoice, "8-0050: Absent; nothing is remembered"),
    ] {
        let decision = decide_on(None, vec![trouble("8-0050", Kind::Absent)], remembered);
        let selection = decision.selection;
        assert_eq!((selection.system.as_str(), selection.cause), (system, cause));
        assert_eq!(selection.reason, reason);
        assert_eq!((selection.im, selection.hw, selection.eeprom), (None, None, None));
    }
}

#[test]
fn of_an_eeprom_that_a_writer_holds_the_record_says_so() {
    for (kind, is_locked, status) in
        [(Kind::Locked, true, Exit::PeerUnavailable), (Kind::Bad, false, Exit::BadData)]
    {
        let troubles = vec![trouble("8-0050", kind), trouble("9-0050", Kind::Absent)];
        let Decision { selection, exit } = decide_on(None, troubles, "demo");
        assert_eq!((selection.cause, selection.is_locked, exit), (Cause::LastChoice, is_locked, status));
    }
    let troubles = vec![trouble("8-0050", Kind::Locked)];
    assert!(!decide_on(said("50001001", 1), troubles, "").selection.is_locked, "another one said it");
}

#[test]
fn the_choice_of_upstream_counts_as_long_as_there_is_none_of_our_own() {
    let named = |name: &str| Ok(Some(name.parse().unwrap()));
    for (remembered, foreign, system, cause, reason) in [
        (
            "",
            named("demo"),
            "demo",
            Cause::LastChoice,
            "nothing is remembered; system demo is openpower-vpd-parser's choice",
        ),
        (
            "",
            named("other"),
            "common",
            Cause::NoChoice,
            "nothing is remembered; openpower-vpd-parser's choice, system other, is not in this image",
        ),
        ("", Err("odd".to_owned()), "common", Cause::NoChoice, "nothing is remembered; odd"),
        ("demo", named("other"), "demo", Cause::LastChoice, ""),
        (
            "gone",
            named("demo"),
            "common",
            Cause::NoChoice,
            "the last choice, system gone, is not in this image",
        ),
    ] {
        let index = MachineIndex::parse(INDEX).unwrap();
        let reading = Reading { identity: None, troubles: vec![trouble("8-0050", Kind::Absent)] };
        let exists = |system: &SystemName| system.as_str() == "demo";
        let Decision { selection, exit } = decide(&index, reading, last(remembered), foreign, &exists);
        assert_eq!((selection.system.as_str(), selection.cause), (system, cause), "{reason}");
        assert_eq!(
            selection.reason,
            join("8-0050: Absent".to_owned(), reason.to_owned()).trim_end_matches("; ")
        );
        assert_eq!(exit, Exit::DeviceAbsent);
    }
}

#[test]
fn the_status_says_what_is_worst() {
    for (first, second, exit) in [
        (Kind::Absent, Kind::Absent, Exit::DeviceAbsent),
        (Kind::Absent, Kind::Bad, Exit::BadData),
        (Kind::Bad, Kind::Absent, Exit::BadData),
        (Kind::Denied, Kind::Bad, Exit::Configuration),
    ] {
        let troubles = vec![trouble("8-0050", first), trouble("9-0050", second)];
        assert_eq!(decide_on(None, troubles, "demo").exit, exit, "{first:?} {second:?}");
    }
}

#[test]
fn a_machine_without_systems_is_content_with_what_is_common() {
    let decision =
        decide(&MachineIndex::default(), Reading::default(), last(""), Ok(None), &|_: &SystemName| true);
    assert_eq!(decision.exit, Exit::Done);
    assert_eq!((decision.selection.system.as_str(), decision.selection.cause), ("common", Cause::NoChoice));
}

#[test]
fn a_system_that_only_the_index_knows_is_an_error_of_the_configuration() {
    let index = MachineIndex::parse(INDEX).unwrap();
    let reading = Reading { identity: said("50001001", 1), troubles: Vec::new() };
    let decision = decide(&index, reading, last(""), Ok(None), &|_: &SystemName| false);
    assert_eq!((decision.selection.cause, decision.exit), (Cause::NoChoice, Exit::Configuration));
    assert!(decision.selection.reason.contains("demo"), "{}", decision.selection.reason);
}
