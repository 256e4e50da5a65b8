use super::*;

const SMALL: &str = r#"
format = "ipz"
policy = "strict"
[common."a.Asset"]
SerialNumber = { record = "VINI", keyword = "SN" }
[[object]]
path = "/system"
records = "all"
[object.interfaces."a.Item"]
Flag = true
Count = 7
Raw = [1, 255]
Built = { record = "VR10", keyword = "DC", encoding = "date" }
[[object]]
path = "/system/part"
records = ["VINI"]
common = true
presence = "left-alone"
ccin = ["2E2D"]
[[object]]
path = "/system/other"
records = { all-but = ["UTIL"] }
"#;

#[test]
fn every_key_reaches_its_place() {
    let fragment = Fragment::parse(SMALL).unwrap();
    assert_eq!(fragment.format, WantedFormat::Pinned(Format::Ipz));
    assert_eq!((fragment.policy, fragment.ecc, fragment.offset), (Policy::Strict, Ecc::Checked, 0));
    let [first, part, other] = &fragment.object[..] else { panic!("three objects") };
    assert_eq!(first.records, PublishedRecords::All);
    let item = &first.interfaces["a.Item"];
    assert_eq!(
        (&item["Flag"], &item["Count"], &item["Raw"]),
        (&Source::Bool(true), &Source::Number(7), &Source::Bytes(vec![1, 255]))
    );
    assert!(matches!(&item["Built"], Source::Keyword(source) if source.encoding == Encoding::Date));
    assert_eq!(part.records, PublishedRecords::Only(vec![RecordName::VINI]));
    assert_eq!((part.presence, part.common), (Presence::LeftAlone, Some(true)));
    assert_eq!(other.records, PublishedRecords::AllBut(vec![RecordName(*b"UTIL")]));
}

#[test]
fn what_is_wrong_is_named() {
    let object = "[[object]]\npath = \"/system\"\n";
    for (text, expected) in [
        ("format = \"auto\"\nobject = []".to_owned(), "there is no [[object]]"),
        (format!("{object}recordz = \"all\""), "unknown field `recordz`"),
        (format!("format = \"ddr\"\n{object}"), "\"ddr\" is none of auto, ipz, keyword, memory"),
        (format!("{object}records = \"some\""), "\"all\", \"none\", a list"),
        (format!("{object}records = [\"VIN\"]"), "\"VIN\" is no record name"),
        ("[[object]]\npath = \"system\"".to_owned(), "\"system\": not an inventory path"),
        ("[[object]]\npath = \"/sys tem\"".to_owned(), "not an inventory path"),
        (format!("[[object]]\npath = \"/{}\"", "a".repeat(201)), "not an inventory path"),
        (format!("{object}{object}"), "\"/system\" appears twice"),
        (format!("{object}[object.interfaces.\"nodots\"]\n"), "\"nodots\" is no name"),
        (format!("{object}[object.interfaces.\"a.B\"]\n\"C-D\" = 1"), "\"C-D\" is no name"),
        (
            format!("{object}[object.interfaces.\"a.B\"]\nC = {{ keyword = \"SNX\" }}"),
            "a name of 2 ASCII characters",
        ),
        (
            format!("{object}[object.interfaces.\"a.B\"]\nC = {{ keyword = \"SN\", encoding = \"x\" }}"),
            "unknown encoding",
        ),
        (format!("{object}[object.interfaces.\"a.B\"]\nC = -1"), "invalid value"),
        (format!("{object}[object.interfaces.\"a.B\"]\nC = \"x\\u0000\""), "NUL"),
        (
            format!(
                "{object}[object.interfaces.\"xyz.openbmc_project.Inventory.Decorator.LocationCode\"]\nLocationCode = \"Ufcs\""
            ),
            "only location-code-updater may",
        ),
    ] {
        let message = Fragment::parse(&text).unwrap_err().to_string();
        assert!(message.contains(expected), "{text}\ngave {message}");
    }
}
