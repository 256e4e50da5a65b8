use super::*;
use dbus_api::inventory::PROGRESS;
use vpd_format::ipz::{Code, ImageDescription, RecordDescription};
use vpd_format::{Bytes, ReadOptions, read};

fn record(name: &[u8; 4], keywords: &[(&[u8; 2], &[u8])]) -> RecordDescription {
    RecordDescription {
        name: RecordName(*name),
        record_type: 0x00ff,
        keywords: keywords.iter().map(|(name, data)| (KeywordName(**name), data.to_vec())).collect(),
        minimum_length: 0,
    }
}

fn vpd(records: Vec<RecordDescription>) -> Vpd {
    let description = ImageDescription { size: 2048, fill: 0xff, code: Code::Computed, records };
    let image = description.encode().unwrap();
    read(&mut Bytes(&image), &ReadOptions::default()).unwrap()
}

fn planar() -> Vpd {
    vpd(vec![
        record(
            b"VINI",
            &[(b"DR", b"BACKPLANE"), (b"SN", b"Y1 \0"), (b"CC", b"2e2d"), (b"ZZ", b"no property")],
        ),
        record(b"UTIL", &[(b"D0", b"\x01")]),
        record(b"QQQQ", &[(b"D0", b"\x01")]),
        record(b"VR10", &[(b"DC", b"short")]),
    ])
}

const FRAGMENT: &str = r#"
[common."xyz.openbmc_project.Inventory.Decorator.Asset"]
SerialNumber = { record = "VINI", keyword = "SN" }
Model = { record = "VINI", keyword = "CC" }
[[object]]
path = "/system/planar"
records = "all"
[object.interfaces."xyz.openbmc_project.Inventory.Item"]
PrettyName = { record = "VINI", keyword = "DR" }
[object.interfaces."xyz.openbmc_project.Inventory.Decorator.Asset"]
Model = "fixed"
BuildDate = { record = "VR10", keyword = "DC", encoding = "date" }
[[object]]
path = "/system/matching"
records = ["UTIL", "VSYS"]
ccin = ["0000", "2E2D"]
presence = "left-alone"
[[object]]
path = "/system/other"
records = "all"
ccin = ["0000"]
"#;

fn property<'a>(
    publication: &'a Publication<'_>,
    path: &str,
    interface: &str,
    name: &str,
) -> Option<&'a Value<'a>> {
    let object = publication.notification.objects.iter().find(|object| object.path == path)?;
    let interface = object.interfaces.iter().find(|candidate| candidate.name == interface)?;
    interface.properties.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value)
}

const TIMES: Times = Times { started: 5, completed: 7 };
const ASSET: &str = dbus_api::inventory::ASSET;
const PLANAR: &str = "/system/planar";

fn text(text: &str) -> Option<Value<'_>> {
    Some(Value::Text(text.into()))
}

#[test]
fn keywords_become_properties_and_texts_and_the_more_special_source_wins() {
    let (fragment, vpd) = (Fragment::parse(FRAGMENT).unwrap(), planar());
    let publication = publish(&fragment, Reading::Usable(&vpd), TIMES);
    let at = |path, interface, name| property(&publication, path, interface, name).cloned();
    assert_eq!(at(PLANAR, "com.ibm.ipzvpd.VINI", "SN"), Some(Value::Bytes(b"Y1 \0"[..].into())));
    assert_eq!(at(PLANAR, "com.ibm.ipzvpd.UTIL", "D0"), Some(Value::Bytes(b"\x01"[..].into())));
    assert_eq!(at(PLANAR, ASSET, "SerialNumber"), text("Y1"));
    assert_eq!(at(PLANAR, ASSET, "Model"), text("fixed"));
    assert_eq!(at(PLANAR, ITEM, "PrettyName"), text("BACKPLANE"));
    assert_eq!(at(PLANAR, ITEM, "Present"), Some(Value::Bool(true)));
    assert_eq!(at(PLANAR, PROGRESS, "Status"), text(progress_status::COMPLETED));
    assert_eq!(at(PLANAR, PROGRESS, "CompletedTime"), Some(Value::Unsigned(7)));
}

#[test]
fn a_record_interface_is_published_whole_so_that_nothing_old_remains() {
    let (fragment, vpd) = (Fragment::parse(FRAGMENT).unwrap(), planar());
    let publication = publish(&fragment, Reading::Usable(&vpd), TIMES);
    let empty = Some(Value::Bytes(Cow::Borrowed(&[])));
    assert_eq!(property(&publication, PLANAR, "com.ibm.ipzvpd.VINI", "FN").cloned(), empty);
    // Named by the fragment, absent from the image: published empty.
    assert_eq!(property(&publication, "/system/matching", "com.ibm.ipzvpd.VSYS", "SE").cloned(), empty);
}

#[test]
fn what_the_inventory_has_no_room_for_is_named_once() {
    let text = format!("not-shown = [\"a.B\", \"a.C.D\"]\n{FRAGMENT}");
    let (fragment, vpd) = (Fragment::parse(&text).unwrap(), planar());
    let publication = publish(&fragment, Reading::Usable(&vpd), TIMES);
    let dropped: Vec<_> = publication.dropped.iter().map(String::as_str).collect();
    assert_eq!(dropped, ["QQQQ", "VINI.ZZ", "a.B", "a.C.D"]);
}

#[test]
fn a_value_that_does_not_fit_its_encoding_is_named_and_left_empty() {
    let (fragment, vpd) = (Fragment::parse(FRAGMENT).unwrap(), planar());
    let publication = publish(&fragment, Reading::Usable(&vpd), TIMES);
    assert_eq!(property(&publication, PLANAR, ASSET, "BuildDate").cloned(), text(""));
    let message = publication.problems[0].to_string();
    for part in ["BuildDate", "record=VR10", "keyword=DC", "found 5 bytes"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn an_object_of_another_ccin_is_left_alone() {
    let (fragment, vpd) = (Fragment::parse(FRAGMENT).unwrap(), planar());
    let publication = publish(&fragment, Reading::Usable(&vpd), TIMES);
    let paths: Vec<_> = publication.notification.objects.iter().map(|object| &*object.path).collect();
    assert_eq!(paths, ["/system/matching", PLANAR]);
    assert!(property(&publication, "/system/matching", ITEM, "Present").is_none());
}

#[test]
fn an_absent_part_leaves_no_data_but_its_name() {
    let fragment = Fragment::parse(FRAGMENT).unwrap();
    for (reading, present) in [(Reading::Absent, false), (Reading::Unusable, true)] {
        let publication = publish(&fragment, reading, TIMES);
        let at = |interface, name| property(&publication, PLANAR, interface, name).cloned();
        assert_eq!(at(ITEM, "Present"), Some(Value::Bool(present)));
        assert_eq!(at(ITEM, "PrettyName"), None);
        assert_eq!(at(ASSET, "SerialNumber"), text(""));
        assert_eq!(at("com.ibm.ipzvpd.VINI", "SN"), Some(Value::Bytes(Cow::Borrowed(&[]))));
        assert_ne!(at(PROGRESS, "Status"), text(progress_status::COMPLETED));
        let paths: Vec<_> = publication.notification.objects.iter().map(|object| &*object.path).collect();
        assert_eq!(paths, [PLANAR], "a variant that nobody can tell is not claimed to be there");
        let times = |name| at(PROGRESS, name);
        let expected = if present { TIMES } else { Times::default() };
        assert_eq!(times("StartTime"), Some(Value::Unsigned(expected.started as u64)));
        assert_eq!(times("CompletedTime"), Some(Value::Unsigned(expected.completed as u64)));
    }
}

#[test]
fn only_what_is_needed_is_read() {
    let fragment = Fragment::parse(FRAGMENT).unwrap();
    assert_eq!(fragment.needed_records(), None);
    let few = "[[object]]\npath = \"/a\"\nrecords = [\"VSYS\"]\nccin = [\"1\"]\n\
               [object.interfaces.\"a.B\"]\nC = { record = \"UTIL\", keyword = \"D0\" }\n";
    let needed = Fragment::parse(few).unwrap().needed_records().unwrap();
    assert_eq!(needed, [*b"UTIL", *b"VINI", *b"VSYS"].map(RecordName));
}

#[test]
fn what_was_never_programmed_is_empty_and_named_once() {
    let fragment = Fragment::parse(FRAGMENT).unwrap();
    for fill in [0x00, 0xff, b' '] {
        let blank = [fill; 15];
        let vini = record(b"VINI", &[(b"DR", &blank), (b"SN", &blank), (b"CC", b"2e2d"), (b"PN", &[])]);
        let vpd = vpd(vec![vini, record(b"VR10", &[(b"DC", &blank)])]);
        let publication = publish(&fragment, Reading::Usable(&vpd), TIMES);
        let names: Vec<_> = publication.not_programmed.iter().map(String::as_str).collect();
        assert_eq!(names, ["VINI.DR", "VINI.SN", "VR10.DC"], "{fill:#x}");
        assert!(publication.problems.is_empty(), "{:?}", publication.problems);
        for (interface, property) in [(ITEM, "PrettyName"), (ASSET, "SerialNumber"), (ASSET, "BuildDate")] {
            assert_eq!(
                self::property(&publication, "/system/planar", interface, property).cloned(),
                text("")
            );
        }
        let raw = self::property(&publication, "/system/planar", "com.ibm.ipzvpd.VINI", "SN").cloned();
        assert_eq!(raw, Some(Value::Bytes(Cow::Owned(blank.to_vec()))), "the record shows what it holds");
    }
}

#[test]
fn a_processor_without_a_good_core_is_an_io_module() {
    let mut guard = vec![0; 97];
    guard.extend(NO_CORE.repeat(8));
    let fragment = "[[object]]\npath = \"/cpu\"\nrecords = \"all\"\n\
                    [object.interfaces.\"xyz.openbmc_project.Inventory.Item.Cpu\"]\n\
                    [object.interfaces.\"xyz.openbmc_project.Inventory.Item\"]\nPrettyName = \"Processor\"\n";
    let fragment = Fragment::parse(fragment).unwrap();
    for (last, name) in [(0xff, "IO Module"), (0xfe, "Processor")] {
        *guard.last_mut().unwrap() = last;
        let vpd = vpd(vec![record(b"CP00", &[(b"PG", &guard)])]);
        let publication = publish(&fragment, Reading::Usable(&vpd), TIMES);
        assert_eq!(property(&publication, "/cpu", ITEM, "PrettyName").cloned(), text(name));
    }
}
