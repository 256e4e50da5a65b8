//! Every value that goes out has the type that the facts give its property: phosphor-inventory-manager never answers a call
//! with a value of another.

use dbus_api::inventory::notification::{Notification, Value};
use dbus_api::inventory::shown::Interfaces;
use fru_publication::{
    Chassis, Fragment, Reading, Role, Shown, Situation, Times, add_leftovers, add_missing_states, departed,
    prime, publish,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use vpd_format::{Bytes, ReadOptions, Vpd};

/// Made from the facts, which automation checks.
const SCHEMA: &str = include_str!("../../../configs/inventory-schema.d/10-openbmc.toml");
const CARD: &str = include_str!("../../../tests/data/vpd/card.toml");
const PLANAR: &str = include_str!("../../../tests/data/vpd/system-planar.toml");
const MODULE: &str = include_str!("../../../tests/data/vpd/ddr4-ddimm.toml");

const FRAGMENT: &str = r#"
[common."xyz.openbmc_project.Inventory.Decorator.Asset"]
PartNumber = { record = "VINI", keyword = "PN" }
SerialNumber = { record = "VINI", keyword = "SN" }
[[object]]
path = "/system/part"
records = "all"
[object.interfaces."xyz.openbmc_project.Inventory.Item"]
PrettyName = "Part"
[object.interfaces."xyz.openbmc_project.Inventory.Item.Cpu"]
CoreCount = 12
[object.interfaces."xyz.openbmc_project.Inventory.Decorator.Slot"]
SlotNumber = 3
[object.interfaces."xyz.openbmc_project.Inventory.Decorator.Replaceable"]
FieldReplaceable = true
[object.interfaces."com.ibm.ipzvpd.VCEN"]
FC = [55, 56]
[[object]]
path = "/system/part/variant"
records = "all"
ccin = ["0000"]
[[object]]
path = "/system/part/late"
records = ["VSYS"]
prime = false
"#;

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Fact {
    Signature(String),
    Detailed {
        #[serde(rename = "type")]
        signature: String,
        #[serde(rename = "enum")]
        enumeration: Option<String>,
        #[serde(default)]
        values: Vec<String>,
    },
}

type Facts = BTreeMap<String, BTreeMap<String, Fact>>;

fn facts() -> Facts {
    toml_text::from_str(SCHEMA).unwrap()
}

fn signature(fact: &Fact) -> &str {
    match fact {
        Fact::Signature(signature) | Fact::Detailed { signature, .. } => signature,
    }
}

/// What does not fit, as `interface.property: why`.
fn wrong(notification: &Notification<'_>) -> Vec<String> {
    let facts = facts();
    let mut wrong = Vec::new();
    for interface in notification.objects.iter().flat_map(|object| &object.interfaces) {
        for (name, value) in &interface.properties {
            let fact = facts.get(&*interface.name).and_then(|known| known.get(&**name));
            let why = match (fact, value) {
                (None, _) => "is not in the facts".to_owned(),
                (Some(fact), value) if signature(fact) != value.signature() => {
                    format!("is of type {}, not {}", signature(fact), value.signature())
                }
                (Some(Fact::Detailed { enumeration: Some(enumeration), values, .. }), Value::Text(text))
                    if !values.iter().any(|word| *text == format!("{enumeration}.{word}")) =>
                {
                    format!("has no {text}")
                }
                _ => continue,
            };
            wrong.push(format!("{}.{name}: {why}", interface.name));
        }
    }
    wrong
}

fn read(description: &str) -> Vpd {
    let image = vpd_builder::build(description).unwrap();
    vpd_format::read(&mut Bytes(&image), &ReadOptions::default()).unwrap()
}

/// Every interface of the facts, as an object that has them all shows it.
fn all_interfaces() -> Interfaces {
    let bus_type = |fact: &Fact| signature(fact).replace("size", "t");
    let of = |properties: BTreeMap<String, Fact>| {
        properties.into_iter().map(|(name, fact)| (name, bus_type(&fact))).collect()
    };
    facts().into_iter().map(|(name, properties)| (name, of(properties))).collect()
}

#[test]
fn what_a_reading_publishes_has_the_types_of_the_facts() {
    let fragment = Fragment::parse(FRAGMENT).unwrap();
    let times = Times { started: 1, completed: 2 };
    for description in [CARD, PLANAR, MODULE] {
        let vpd = read(description);
        for reading in [Reading::Usable(&vpd), Reading::Unusable, Reading::Absent] {
            let publication = publish(&fragment, reading, times);
            assert!(!publication.notification.objects.is_empty());
            assert_eq!(wrong(&publication.notification), [""; 0], "{reading:?}");
        }
    }
}

#[test]
fn what_is_said_before_a_reading_and_after_it_has_the_types_of_the_facts() {
    let fragment = Fragment::parse(FRAGMENT).unwrap();
    let paths = ["/system/part", "/system/part/variant", "/system/part/late"];
    let empty: Shown = paths.iter().map(|path| ((*path).to_owned(), Interfaces::new())).collect();
    let full: Shown = paths.iter().map(|path| ((*path).to_owned(), all_interfaces())).collect();
    let excluded = ["/system/part/variant".to_owned()];
    let usable = BTreeSet::new();
    for role in [Role::System, Role::Part] {
        let mut notification = prime(&fragment, role, Chassis::Off, &|_, _| false);
        add_missing_states(&mut notification, &fragment, role, Chassis::Off, &empty);
        assert!(notification.objects.len() == 3);
        assert_eq!(wrong(&notification), [""; 0], "{role:?}");
    }
    let collected = Situation::Collected { format: "ipz", usable: &usable, excluded: &excluded };
    for situation in [Situation::Absent, collected] {
        let mut notification = Notification::default();
        add_leftovers(&mut notification, &fragment, situation, &full);
        assert!(!notification.objects.is_empty());
        assert_eq!(wrong(&notification), [""; 0], "{situation:?}");
    }
    let shown = all_interfaces();
    let notification = Notification { objects: vec![departed("/system/part", &shown, false)] };
    assert!(notification.objects[0].interfaces.len() > 50);
    assert_eq!(wrong(&notification), [""; 0]);
}
