use super::*;

const TEXT: &str = "node = \"numbered\"\nsystem = \"/system\"\n\n[[enclosure]]\npath = \"/system/chassis\"\n\
                    source = \"/system/chassis\"\n\n[[object]]\npath = \"/system/chassis/motherboard/pcieslot0\"\n\
                    code = \"Ufcs-P0-C0\"\n";

fn located(paths: &[&str]) -> Vec<LocatedObject> {
    let object = |path: &&str| LocatedObject { path: (*path).to_owned(), code: "Ufcs-P0".to_owned() };
    paths.iter().map(object).collect()
}

fn enclosures(pairs: &[(&str, &str)]) -> Vec<Enclosure> {
    let enclosure =
        |(path, source): &(&str, &str)| Enclosure { path: (*path).into(), source: (*source).into() };
    pairs.iter().map(enclosure).collect()
}

#[test]
fn locations_go_both_ways() {
    let locations = Locations::parse(TEXT).unwrap();
    assert_eq!(locations.node, NodeNaming::Numbered);
    assert_eq!(locations.object[0].code, "Ufcs-P0-C0");
    assert_eq!(locations.to_text(), TEXT);
    assert_eq!(locations.check(), [""; 0]);
    let fixed = Locations { node: NodeNaming::Fixed, ..Locations::default() };
    assert_eq!(Locations::parse(&fixed.to_text()), Ok(fixed));
    assert_eq!(Locations::parse(""), Ok(Locations::default()));
}

#[test]
fn the_nearest_enclosure_is_the_one_and_the_first_takes_what_is_in_none() {
    let locations = Locations {
        enclosure: enclosures(&[
            ("/system/chassis1", "/a"),
            ("/system/chassis1/drawer", "/b"),
            ("/system/chassis10", "/c"),
        ]),
        ..Locations::default()
    };
    for (path, source, node_path) in [
        ("/system/chassis1", "/a", "/system/chassis1"),
        ("/system/chassis1/board", "/a", "/system/chassis1/board"),
        ("/system/chassis1/drawer/x", "/b", "/system/chassis1/drawer/x"),
        ("/system/chassis1/drawers", "/a", "/system/chassis1/drawers"),
        ("/system/chassis10/x", "/c", "/system/chassis10/x"),
        ("/cables/x", "/a", "/system/chassis1"),
        ("/system", "/a", "/system/chassis1"),
    ] {
        let whereabouts = locations.enclosure_of(path).unwrap();
        assert_eq!(whereabouts.sources, [source], "{path}");
        assert_eq!(whereabouts.node_path, node_path, "{path}");
    }
}

#[test]
fn without_enclosures_each_chassis_is_one() {
    let paths = ["/cables/x", "/system/chassis2/y", "/system/chassis1/a_motherboard", "/system/chassis1/z"];
    let locations = Locations { object: located(&paths), ..Locations::default() };
    for (path, node_path, sources) in [
        ("/system/chassis1/z", "/system/chassis1", ["/system/chassis1", "/system/chassis1/a_motherboard"]),
        ("/system/chassis2", "/system/chassis2", ["/system/chassis2", "/system/chassis2/motherboard"]),
        ("/cables/x", "/system/chassis1", ["/system/chassis1", "/system/chassis1/a_motherboard"]),
    ] {
        let whereabouts = locations.enclosure_of(path).unwrap();
        assert_eq!(
            (&*whereabouts.node_path, &whereabouts.sources[..]),
            (node_path, &sources.map(str::to_owned)[..])
        );
    }
    assert_eq!(Locations::default().enclosure_of("/cables/x"), None);
}

#[test]
fn what_is_wrong_is_said() {
    let mut wrong = Locations {
        system: "system".to_owned(),
        enclosure: enclosures(&[("/a/", "/b"), ("/a/", "//b")]),
        object: located(&["/x", "/x", "", "/ö"]),
        ..Locations::default()
    };
    wrong.object[0].code = "Uabc".to_owned();
    let problems = wrong.check().join("\n");
    for expected in [
        "\"system\" is no path",
        "\"/a/\" is no path",
        "\"//b\" is no path",
        "\"\" is no path",
        "\"/ö\" is no path",
        "object /x appears twice",
        "enclosure /a/ appears twice",
        "/x: \"Uabc\" is neither",
        "/x: /a/ lies in no chassis",
    ] {
        assert!(problems.contains(expected), "{expected}: {problems}");
    }
    let nowhere = Locations { object: located(&["/x"]), ..Locations::default() };
    assert_eq!(nowhere.check(), ["/x: there is no enclosure that it could be in"]);
    let fixed = Locations { node: NodeNaming::Fixed, enclosure: enclosures(&[("/x", "/y")]), ..nowhere };
    assert_eq!(fixed.check(), [""; 0]);
}

#[test]
fn malformed_texts_say_what_is_wrong() {
    for (text, complaint) in [
        ("node = \"odd\"\n", "odd"),
        ("nodes = 1\n", "nodes"),
        ("[[object]]\npath = \"/x\"\n", "code"),
        ("[[object]]\npath = \"/x\"\ncode = \"Ufcs\"\nx = 1\n", "line 4"),
    ] {
        let message = Locations::parse(text).unwrap_err().to_string();
        assert!(message.contains(complaint), "{text}: {message}");
    }
}

#[test]
fn objects_are_found_by_their_codes() {
    let text = "[[object]]\npath = \"/system/chassis\"\ncode = \"Ufcs\"\n[[object]]\npath = \"/system/chassis/a\"\n\
                code = \"Ufcs-P0\"\n[[object]]\npath = \"/system/chassis/b\"\ncode = \"Ufcs-P0\"\n";
    let locations = Locations::parse(text).unwrap();
    let found = |code: &str| locations.with_code(code).map(|object| &*object.path).collect::<Vec<_>>();
    assert_eq!(found("Ufcs-P0"), ["/system/chassis/a", "/system/chassis/b"]);
    assert_eq!(found("Ufcs"), ["/system/chassis"]);
    assert_eq!(found("Ufcs-P"), [""; 0]);
}
