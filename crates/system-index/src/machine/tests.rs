use super::*;

fn index(rows: &str) -> Result<MachineIndex, IndexError> {
    MachineIndex::parse(rows)
}

fn row(system: &str, im: &str, rest: &str) -> String {
    format!("[[match]]\nsystem = \"{system}\"\nim = \"{im}\"\n{rest}\n")
}

/// The table of real machines: a second version for all hardware levels but the first.
fn versions() -> MachineIndex {
    let rows = [
        row("old", "50001001", "hw = [\"0001\"]"),
        row("new", "50001001", "not-hw = [\"0001\", \"0002\"]"),
        row("odd", "50001001", ""),
        row("plain", "50004000", ""),
        row("picky", "60002000", "hw = [\"000A\", \"000B\"]"),
        // One system may answer to several types.
        row("old", "60001001", "hw = [\"0001\"]"),
    ];
    index(&rows.concat()).unwrap()
}

#[test]
fn listed_levels_win_over_exceptions_and_those_over_no_list() {
    let index = versions();
    for (im, hw, system) in [
        ("50001001", Some("0001"), Some("old")),
        ("50001001", Some("0003"), Some("new")),
        ("50001001", Some("0002"), Some("odd")),
        ("50001001", None, Some("odd")),
        ("50004000", Some("0001"), Some("plain")),
        ("50004000", None, Some("plain")),
        ("60002000", Some("000b"), Some("picky")),
        ("60002000", Some("0001"), None),
        ("60002000", None, None),
        ("60001001", Some("0001"), Some("old")),
        ("70001000", Some("0001"), None),
    ] {
        let hw = hw.map(|text| text.parse().unwrap());
        let chosen = index.choose(im.parse().unwrap(), hw).map(SystemName::as_str);
        assert_eq!(chosen, system, "{im} {hw:?}");
    }
    assert!(index.knows("60002000".parse().unwrap()));
    assert!(!index.knows("70001000".parse().unwrap()));
}

#[test]
fn the_order_of_rows_decides_nothing() {
    let index = versions();
    let mut reversed = index.clone();
    reversed.matches.reverse();
    for level in 0..=0xff_u8 {
        for im in ["50001001", "50004000", "60002000"] {
            let (im, hw) = (im.parse().unwrap(), HardwareLevel::of_keyword(&[0, level]));
            assert_eq!(index.choose(im, hw), reversed.choose(im, hw), "{im} {level:02x}");
        }
    }
}

#[test]
fn two_systems_for_one_machine_are_refused() {
    for (first, second, complaint) in [
        ("hw = [\"0001\", \"0002\"]", "hw = [\"0002\"]", Some("a and b both match im 50001001 with hw 0002")),
        (
            "not-hw = [\"0001\"]",
            "not-hw = [\"0002\"]",
            Some("a and b both match im 50001001 on the same terms"),
        ),
        ("", "", Some("on the same terms")),
        ("hw = [\"0001\"]", "hw = [\"0002\"]", None),
        ("hw = [\"0001\"]", "not-hw = [\"0002\"]", None),
        ("hw = [\"0001\"]", "", None),
        ("not-hw = [\"0001\"]", "", None),
    ] {
        let rows = row("a", "50001001", first) + &row("b", "50001001", second);
        let message = index(&rows).err().map(|error| error.to_string());
        match complaint {
            Some(complaint) => assert!(message.as_ref().unwrap().contains(complaint), "{rows}: {message:?}"),
            None => assert_eq!(message, None, "{rows}"),
        }
        assert!(index(&(row("a", "50001001", first) + &row("b", "50001002", second))).is_ok());
        assert!(index(&(row("a", "50001001", first) + &row("a", "50001001", second))).is_ok());
    }
}

#[test]
fn an_index_goes_both_ways() {
    let mut index = versions();
    index.system_eeproms = vec![
        SystemEeprom {
            key: EepromKey::parse("8-0050").unwrap(),
            file: None,
            offset: 0,
            size: None,
            policy: Policy::Recover,
            ecc: Ecc::Checked,
        },
        SystemEeprom {
            key: EepromKey::parse("file:board").unwrap(),
            file: Some("/var/lib/board.bin".into()),
            offset: 0x3000,
            size: Some(8192),
            policy: Policy::Strict,
            ecc: Ecc::Ignored,
        },
    ];
    let text = index.to_text();
    assert!(text.contains("policy = \"strict\"\necc = \"ignored\"\n"), "{text}");
    assert_eq!(MachineIndex::parse(&text), Ok(index));
    assert_eq!(MachineIndex::parse(&MachineIndex::default().to_text()), Ok(MachineIndex::default()));
}

#[test]
fn a_malformed_index_says_what_is_wrong() {
    for (text, complaint) in [
        (row("a", "5000100", ""), "no system type"),
        (row("../a", "50001001", ""), "no name of a system"),
        (row("a", "50001001", "hw = [\"0101\"]"), "no hardware level"),
        (row("a", "50001001", "hw = [\"0001\"]\nnot-hw = [\"0002\"]"), "either hw or not-hw"),
        (row("a", "50001001", "level = 1"), "level"),
        ("[[system-eeprom]]\nkey = \"8-50\"\n".to_owned(), "8-50"),
        ("[[system-eeprom]]\nkey = \"8-0050\"\necc = \"maybe\"\n".to_owned(), "maybe"),
        ("[[system-eeprom]]\nkey = \"8-0050\"\n".repeat(2), "8-0050 appears twice"),
        ("[[match]".to_owned(), "line 1"),
    ] {
        let message = index(&text).unwrap_err().to_string();
        assert!(message.contains(complaint), "{text}: {message}");
    }
}
