use super::*;

const TEXT: &str = "[[enclosure]]\npath = \"/system/chassis\"\nsource = \"/system/chassis\"\n\
                    [[object]]\npath = \"/system\"\ncode = \"Umts\"\n\
                    [[object]]\npath = \"/system/chassis\"\ncode = \"Ufcs\"\n\
                    [[object]]\npath = \"/system/chassis/board\"\ncode = \"Ufcs-P0\"\n\
                    [[object]]\npath = \"/cables/x\"\ncode = \"Ufcs-P0-T1\"\n";

fn plan(text: &str) -> Plan {
    Plan::new(&Locations::parse(text).unwrap()).0
}

fn object(code: &str) -> Located {
    Located { location_code: (!code.is_empty()).then(|| code.to_owned()), ..Located::default() }
}

fn pair(first: &[u8], second: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    Some((first.to_vec(), second.to_vec()))
}

/// An inventory with the identities and without the cable.
fn inventory() -> BTreeMap<String, Located> {
    BTreeMap::from([
        ("/system".to_owned(), Located { system: pair(b"9105-22A", b"139F230"), ..object("") }),
        ("/system/chassis".to_owned(), Located { enclosure: pair(b"78DA", b"WZS003T"), ..object("old") }),
        ("/system/chassis/board".to_owned(), object("U78DA.N00.WZS003T-P0")),
        ("/other".to_owned(), object("not ours")),
    ])
}

fn different(codes: &Codes) -> Vec<(&str, &str)> {
    codes.different.iter().map(|(path, code)| (&**path, &**code)).collect()
}

#[test]
fn what_shows_another_code_or_none_is_different_and_what_does_not_exist_is_left_alone() {
    let codes = plan(TEXT).work_out(&inventory());
    assert_eq!(
        different(&codes),
        [("/system", "U9105.22A.139F230"), ("/system/chassis", "U78DA.N00.WZS003T")]
    );
    assert_eq!((codes.existing, codes.unexpanded, codes.missing), (3, 0, vec![]));
}

#[test]
fn what_is_published_makes_nothing_different_any_more() {
    let (plan, mut shown) = (plan(TEXT), inventory());
    for (path, code) in plan.work_out(&shown).different {
        shown.get_mut(&path).unwrap().location_code = Some(code);
    }
    assert!(plan.work_out(&shown).different.is_empty());
    shown.insert("/cables/x".to_owned(), object(""));
    assert_eq!(different(&plan.work_out(&shown)), [("/cables/x", "U78DA.N00.WZS003T-P0-T1")]);
}

#[test]
fn only_a_system_without_an_asset_tag_is_given_one() {
    let (plan, mut shown) = (plan(TEXT), inventory());
    let tag = Some(("/system".to_owned(), "Server-9105-22A-139F230".to_owned()));
    assert_eq!(plan.work_out(&shown).asset_tag, tag);
    let with = |change: fn(&mut Located)| {
        let mut shown = shown.clone();
        change(shown.get_mut("/system").unwrap());
        plan.work_out(&shown).asset_tag
    };
    assert_eq!(with(|system| system.has_asset_tag = true), None);
    assert_eq!(with(|system| system.system = None), None);
    assert_eq!(with(|system| system.system = pair(b"9105-22A", b"  ")), None);
    shown.remove("/system");
    assert_eq!(plan.work_out(&shown).asset_tag, None);
}

#[test]
fn a_blank_or_hostile_identity_leaves_codes_unexpanded_and_is_named_once() {
    let plan = plan(TEXT);
    let huge = vec![b'x'; 65_536];
    for (feature, serial, reason) in [
        (&b"    "[..], &b"WZS003T"[..], "FC was never programmed"),
        (b"78DA", b"", "SE was never programmed"),
        (b"    -001", b"WZS003T", "FC was never programmed"),
        (b" 8DA-001", b"WZS003T", "FC has a blank in it"),
        (b"78DA", b"W Z/03", "SE has a blank in it"),
        (b"78DA", b"A\x1b[2J", "SE is no text"),
        (b"78DA", b"\xff\xfe", "SE is no text"),
        (b"78DA", &huge, "SE is too long"),
    ] {
        let mut shown = inventory();
        shown.get_mut("/system/chassis").unwrap().enclosure = pair(feature, serial);
        let codes = plan.work_out(&shown);
        assert_eq!(
            different(&codes)[1..],
            [("/system/chassis", "Ufcs"), ("/system/chassis/board", "Ufcs-P0")]
        );
        let [missing] = codes.missing.as_slice() else { panic!("{:?}", codes.missing) };
        assert_eq!(missing.to_string(), format!("VCEN of /system/chassis: {reason}"));
        assert_eq!((codes.existing, codes.unexpanded), (3, 2));
    }
}

#[test]
fn an_identity_that_no_existing_object_needs_is_not_missing() {
    let codes = plan(TEXT).work_out(&BTreeMap::from([("/other".to_owned(), object(""))]));
    assert_eq!(codes, Codes::default());
    let codes = plan(TEXT).work_out(&BTreeMap::from([("/system".to_owned(), object(""))]));
    let [missing] = codes.missing.as_slice() else { panic!("{:?}", codes.missing) };
    assert_eq!(missing.to_string(), "VSYS of /system: is not there");
    assert_eq!(different(&codes), [("/system", "Umts")]);
}

#[test]
fn without_enclosures_the_chassis_or_else_its_board_says_where_it_is() {
    let text = "[[object]]\npath = \"/system/chassis/motherboard\"\ncode = \"Ufcs-P0\"\n";
    let plan = plan(text);
    let board = || Located { enclosure: pair(b"78DA", b"BOARD"), ..object("") };
    let mut shown = BTreeMap::from([("/system/chassis/motherboard".to_owned(), board())]);
    assert_eq!(different(&plan.work_out(&shown))[0].1, "U78DA.N00.BOARD-P0");
    let chassis = |serial| Located { enclosure: pair(b"78DA", serial), ..object("") };
    shown.insert("/system/chassis".to_owned(), chassis(b"CHASSIS"));
    assert_eq!(different(&plan.work_out(&shown))[0].1, "U78DA.N00.CHASSIS-P0");
    shown.insert("/system/chassis".to_owned(), chassis(b""));
    assert_eq!(different(&plan.work_out(&shown))[0].1, "U78DA.N00.BOARD-P0");
    assert!(plan.is_source("/system/chassis") && plan.is_source("/system/chassis/motherboard"));
    assert!(plan.is_source("/system") && !plan.is_source("/cables/x"));
}

#[test]
fn each_chassis_has_its_own_identity() {
    let text = "[[object]]\npath = \"/system/chassis0/a\"\ncode = \"Ufcs-P0\"\n\
                [[object]]\npath = \"/system/chassis2/b\"\ncode = \"Ufcs-P1\"\n";
    let chassis = |serial: &[u8]| Located { enclosure: pair(b"78DA", serial), ..object("") };
    let shown = BTreeMap::from([
        ("/system/chassis0".to_owned(), chassis(b"ZERO")),
        ("/system/chassis2".to_owned(), chassis(b"TWO")),
        ("/system/chassis0/a".to_owned(), object("")),
        ("/system/chassis2/b".to_owned(), object("")),
    ]);
    let codes = plan(text).work_out(&shown);
    assert_eq!(
        different(&codes),
        [("/system/chassis0/a", "U78DA.SC0.ZERO-P0"), ("/system/chassis2/b", "U78DA.N01.TWO-P1")]
    );
}

#[test]
fn a_mistake_in_the_description_costs_the_object_only() {
    let text = format!(
        "{TEXT}[[object]]\npath = \"/x\"\ncode = \"Uabc\"\n[[object]]\npath = \"/system\"\ncode = \"Ufcs\"\n"
    );
    let (plan, problems) = Plan::new(&Locations::parse(&text).unwrap());
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(!plan.has("/x") && plan.has("/cables/x"));
    assert_eq!(plan.work_out(&inventory()), self::plan(TEXT).work_out(&inventory()));
}
