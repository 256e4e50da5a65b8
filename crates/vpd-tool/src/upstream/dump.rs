//! What upstream shows of the inventory. Pure.

use super::shown;
use crate::table::{Align, Table};
use dbus_api::inventory::content::{Content, Properties, Shown};
use dbus_api::inventory::records::{DEFAULT_RECORD, interface_of};
use dbus_api::inventory::{ASSET, IBM_LOCATION, ITEM, LOCATION_CODE, located::LOCATION_CODE_PROPERTY};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Keywords of VINI that are shown.
const KEYWORDS: [&str; 5] = ["CC", "DR", "FN", "PN", "SN"];
/// What is shown where there is no VINI.
const ASSETS: [&str; 3] = ["Model", "SerialNumber", "SubModel"];
/// What is shown of whichever interface has it.
const OTHERS: [&str; 5] = ["MACAddress", "SlotType", "SlotNumber", "Address", "Bus"];

type Interfaces = BTreeMap<String, Properties>;

/// What is shown of an object.
pub(super) fn properties(interfaces: &Interfaces) -> Map<String, Value> {
    let mut found = Map::new();
    let mut add = |name: &str, shown: Option<&Shown>| {
        if let Some(shown) = shown {
            found.insert(name.to_owned(), value(shown));
        }
    };
    let property = |interface: &str, name: &str| interfaces.get(interface)?.get(name);
    let record = interface_of(DEFAULT_RECORD);
    if interfaces.contains_key(&record) {
        KEYWORDS.iter().for_each(|name| add(name, property(&record, name)));
    } else {
        ASSETS.iter().for_each(|name| add(name, property(ASSET, name)));
    }
    add("PrettyName", property(ITEM, "PrettyName"));
    let code = |interface| property(interface, LOCATION_CODE_PROPERTY);
    add(LOCATION_CODE_PROPERTY, code(LOCATION_CODE).or_else(|| code(IBM_LOCATION)));
    for name in OTHERS {
        add(name, interfaces.values().find_map(|properties| properties.get(name)));
    }
    if let Some(Shown::Truth(present)) = property(ITEM, "Present") {
        found.insert("Present".to_owned(), present.to_string().into());
    }
    let specific = format!("{ITEM}.");
    if let Some(kind) = interfaces.keys().find(|interface| interface.starts_with(&specific)) {
        found.insert("type".to_owned(), kind.clone().into());
    }
    found.insert("TYPE".to_owned(), "FRU".into());
    found
}

fn value(shown: &Shown) -> Value {
    match shown {
        Shown::Truth(truth) => (*truth).into(),
        Shown::Number(number) => (*number).into(),
        Shown::Text(text) => text.clone().into(),
        Shown::Bytes(bytes) => self::shown(bytes).into(),
    }
}

/// Every part that is present, of one chassis or all.
pub(super) fn objects(content: &Content, chassis: Option<u32>) -> Map<String, Value> {
    let is_in = |path: &str| {
        let Some(number) = chassis else { return true };
        let rest = path.strip_prefix(&format!("/system/chassis{number}"));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_present = |interfaces: &Interfaces| {
        interfaces.get(ITEM).is_some_and(|item| item.get("Present") != Some(&Shown::Truth(false)))
    };
    let parts = content.iter().filter(|(path, interfaces)| is_in(path) && is_present(interfaces));
    parts.map(|(path, interfaces)| (path.clone(), Value::Object(properties(interfaces)))).collect()
}

/// The same as a table, without units of processors.
pub(super) fn table(objects: &Map<String, Value>) -> String {
    const COLUMNS: [&str; 9] =
        ["FRU", "CC", "DR", "LocationCode", "PN", "PrettyName", "SubModel", "SN", "type"];
    let mut table = Table::new(COLUMNS.map(|name| (name, Align::Left)));
    for (path, properties) in objects.iter().filter(|(path, _)| !is_unit(path)) {
        table.row(COLUMNS.map(|name| match (name, properties.get(name)) {
            ("FRU", _) => path.clone(),
            (_, Some(Value::String(text))) => text.clone(),
            (_, Some(other)) => other.to_string(),
            (_, None) => String::new(),
        }));
    }
    let mut text = String::new();
    table.print(&mut text);
    text
}

fn is_unit(path: &str) -> bool {
    let number = |part: &str| {
        part.strip_prefix("unit").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    path.split('/').any(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(interfaces: &[(&str, &[(&str, Shown)])]) -> Interfaces {
        let properties = |all: &[(&str, Shown)]| {
            all.iter().map(|(name, shown)| ((*name).to_owned(), shown.clone())).collect::<Properties>()
        };
        interfaces.iter().map(|(name, all)| ((*name).to_owned(), properties(all))).collect()
    }

    fn text(text: &str) -> Shown {
        Shown::Text(text.to_owned())
    }

    fn card(present: bool) -> Interfaces {
        object(&[
            (
                "com.ibm.ipzvpd.VINI",
                &[
                    ("CC", Shown::Bytes(b"2E32".to_vec())),
                    ("SN", Shown::Bytes(b"YL2E32010000".to_vec())),
                    ("HW", Shown::Bytes(vec![0, 1])),
                    ("PN", Shown::Bytes(vec![0xff, 0])),
                ],
            ),
            ("xyz.openbmc_project.Inventory.Decorator.Asset", &[("Model", text("2E32"))]),
            ("xyz.openbmc_project.Inventory.Decorator.LocationCode", &[("LocationCode", text("U78DA-P0"))]),
            ("xyz.openbmc_project.Inventory.Decorator.I2CDevice", &[("Bus", Shown::Number(8))]),
            (
                "xyz.openbmc_project.Inventory.Item",
                &[("PrettyName", text("Card")), ("Present", Shown::Truth(present))],
            ),
            ("xyz.openbmc_project.Inventory.Item.Vrm", &[]),
        ])
    }

    #[test]
    fn a_part_is_shown_as_upstream_shows_it() {
        let expected = serde_json::json!({
            "Bus": 8, "CC": "2E32", "LocationCode": "U78DA-P0", "PN": "0xff00", "Present": "true",
            "PrettyName": "Card", "SN": "YL2E32010000", "TYPE": "FRU",
            "type": "xyz.openbmc_project.Inventory.Item.Vrm"
        });
        assert_eq!(Value::Object(properties(&card(true))), expected);
        let system = object(&[
            (
                "xyz.openbmc_project.Inventory.Decorator.Asset",
                &[("Model", text("9105")), ("PartNumber", text("x"))],
            ),
            ("com.ibm.ipzvpd.Location", &[("LocationCode", text("U9105"))]),
        ]);
        let expected = serde_json::json!({ "LocationCode": "U9105", "Model": "9105", "TYPE": "FRU" });
        assert_eq!(Value::Object(properties(&system)), expected);
    }

    #[test]
    fn only_parts_that_are_present_are_listed_and_of_one_chassis_where_that_is_asked() {
        let content = Content::from([
            ("/system".to_owned(), object(&[("a.B", &[])])),
            ("/system/chassis/a".to_owned(), card(true)),
            ("/system/chassis/b".to_owned(), card(false)),
            ("/system/chassis1".to_owned(), card(true)),
            ("/system/chassis1/cpu0/unit3".to_owned(), card(true)),
            ("/system/chassis12".to_owned(), card(true)),
        ]);
        let names = |chassis| objects(&content, chassis).keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            names(None),
            ["/system/chassis/a", "/system/chassis1", "/system/chassis1/cpu0/unit3", "/system/chassis12"]
        );
        assert_eq!(names(Some(1)), ["/system/chassis1", "/system/chassis1/cpu0/unit3"]);
        let table = table(&objects(&content, Some(1)));
        assert!(table.starts_with("FRU") && table.contains("/system/chassis1 "), "{table}");
        assert!(!table.contains("unit3"), "{table}");
    }
}
