use crate::fragment::{Fragment, Interfaces, ObjectFragment, Presence, PublishedRecords, Source};
use crate::progress;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::records::{DEFAULT_RECORD, INTERFACE_PREFIX, properties_of};
use dbus_api::inventory::shown::Interfaces as ShownInterfaces;
use dbus_api::inventory::{
    ASSET, IBM_LOCATION, ITEM, ITEM_DIMM, OPERATIONAL_STATUS, PROGRESS, progress_status, property,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use vpd_format::{Format, RecordName};

/// The interfaces that the inventory shows, by an object's relative path; objects that it lacks are missing.
pub type Shown = BTreeMap<String, ShownInterfaces>;

/// What happened to the EEPROM whose objects are looked over.
#[derive(Debug, Clone, Copy)]
pub enum Situation<'a> {
    /// It is not there; its absence is published already, or about to be.
    Absent,
    /// A parser has published it.
    Collected {
        /// The format that was read, by its word; empty when nothing was usable.
        format: &'a str,
        /// The records that it found usable; none for formats without records.
        usable: &'a BTreeSet<String>,
        /// Paths of the objects that it left alone, as they are for another variant of the part.
        excluded: &'a [String],
    },
}

/// Adds to a notification what objects still show of an earlier part: emptied.
///
/// [`publish()`](crate::publish()) empties what the fragment names; which other records an earlier part had, or that it
/// was of another variant, only the inventory knows. Record interfaces that the present part does
/// not fill become empty, a memory size that no memory module fills zero, and objects of another variant absent. Objects and interfaces that the
/// inventory lacks are not created.
pub fn add_leftovers<'a>(
    notification: &mut Notification<'a>,
    fragment: &'a Fragment,
    situation: Situation<'_>,
    shown: &'a Shown,
) {
    for object in fragment.object.iter().filter(|object| !object.foreign) {
        let Some(interfaces) = shown.get(&object.path) else { continue };
        let is_other_variant = match situation {
            Situation::Absent => !object.ccin.is_empty(),
            Situation::Collected { excluded, .. } => excluded.contains(&object.path),
        };
        let mut kept = match situation {
            Situation::Collected { usable, .. } if !is_other_variant => filled_records(object, usable),
            _ => BTreeSet::new(),
        };
        kept.extend(given_records(object));
        let mut emptied = Object { path: Cow::Borrowed(&object.path), interfaces: Vec::new() };
        for interface in interfaces.keys().filter(|name| *name != IBM_LOCATION) {
            let record = interface.strip_prefix(INTERFACE_PREFIX);
            if let Some(record) = record.filter(|record| !kept.contains(*record)) {
                empty_record(&mut emptied, interface, record);
            }
        }
        let has_size =
            matches!(situation, Situation::Collected { format, .. } if format == Format::Memory.as_str());
        if interfaces.contains_key(ITEM_DIMM) && (is_other_variant || !has_size) {
            empty_memory_size(&mut emptied, fragment, object);
        }
        if is_other_variant {
            empty_texts(&mut emptied, interfaces, &fragment.common);
            empty_texts(&mut emptied, interfaces, &object.interfaces);
            if object.presence != Presence::LeftAlone && interfaces.contains_key(ITEM) {
                emptied.set(&property::PRESENT, false);
            }
        }
        if matches!(situation, Situation::Absent) && interfaces.contains_key(OPERATIONAL_STATUS) {
            // What is not there is not broken.
            emptied.set(&property::FUNCTIONAL, true);
        }
        merge(notification, emptied);
    }
}

/// An object that no part of this machine has any more: absent, not tried, nothing known of it. `is_own` says that the
/// inventory is ours, as [`Fragment::own_inventory`] does.
///
/// Source: the reset of openpower-vpd-parser. Location and name say what the place is for, and stay.
pub fn departed<'a>(path: &'a str, shown: &'a ShownInterfaces, is_own: bool) -> Object<'a> {
    emptied(path, shown, progress::are_carried(is_own, usize::BITS))
}

fn emptied<'a>(path: &'a str, shown: &'a ShownInterfaces, has_times: bool) -> Object<'a> {
    let mut object = Object { path: Cow::Borrowed(path), interfaces: Vec::new() };
    for (name, properties) in shown.iter().filter(|(name, _)| *name != IBM_LOCATION) {
        for (property, signature) in properties {
            let value = match (name.as_str(), property.as_str(), signature.as_str()) {
                (ITEM, "Present", "b") => Value::Bool(false),
                (OPERATIONAL_STATUS, "Functional", "b") => Value::Bool(true),
                (PROGRESS, "Status", "s") => Value::Text(Cow::Borrowed(progress_status::NOT_STARTED)),
                (PROGRESS, "StartTime" | "CompletedTime", "t") if has_times => Value::Unsigned(0),
                (ITEM_DIMM, "MemorySizeInKB", "t" | "u") => Value::Size(0),
                (ASSET, _, "s") => Value::Text(Cow::Borrowed("")),
                (record, _, "ay") if record.starts_with(INTERFACE_PREFIX) => Value::Bytes(Cow::Borrowed(&[])),
                _ => continue,
            };
            object.interface(name.as_str()).set(property.as_str(), value);
        }
    }
    object
}

/// The records that a parser has published for an object, empty ones among them.
fn filled_records(object: &ObjectFragment, usable: &BTreeSet<String>) -> BTreeSet<String> {
    let unwanted = match &object.records {
        PublishedRecords::None => return BTreeSet::new(),
        PublishedRecords::Only(names) => {
            let mut filled = BTreeSet::new();
            filled.extend(names.iter().map(RecordName::to_string));
            return filled;
        }
        PublishedRecords::All => &[][..],
        PublishedRecords::AllBut(names) => names,
    };
    let mut filled = usable.clone();
    filled.insert(DEFAULT_RECORD.to_owned());
    for name in unwanted {
        filled.remove(&name.to_string());
    }
    filled
}

/// The records of which the fragment itself gives values; they are no earlier part's.
fn given_records(object: &ObjectFragment) -> impl Iterator<Item = String> + '_ {
    object.interfaces.keys().filter_map(|name| name.strip_prefix(INTERFACE_PREFIX)).map(str::to_owned)
}

fn empty_record<'a>(object: &mut Object<'a>, interface: &'a str, record: &str) {
    let Some(properties) = properties_of(record) else { return };
    let interface = object.interface(interface);
    for property in properties {
        interface.set(property, Value::Bytes(Cow::Borrowed(&[])));
    }
}

/// The size is no property of a record, but read all the same, unless the fragment gives it.
fn empty_memory_size<'a>(emptied: &mut Object<'a>, fragment: &'a Fragment, object: &'a ObjectFragment) {
    let is_given = [&fragment.common, &object.interfaces].iter().any(|interfaces| {
        interfaces.get(ITEM_DIMM).is_some_and(|dimm| dimm.contains_key(property::MEMORY_SIZE_IN_KB.name))
    });
    if object.records != PublishedRecords::None && !is_given {
        emptied.set(&property::MEMORY_SIZE_IN_KB, 0);
    }
}

/// A name for people says what the place is for, and stays.
fn empty_texts<'a>(object: &mut Object<'a>, shown: &ShownInterfaces, interfaces: &'a Interfaces) {
    for (name, properties) in interfaces.iter().filter(|(name, _)| shown.contains_key(*name)) {
        for (property, source) in properties {
            let is_name = name == ITEM && property == "PrettyName";
            if matches!(source, Source::Keyword(_)) && !is_name {
                object.interface(name.as_str()).set(property.as_str(), Value::Text(Cow::Borrowed("")));
            }
        }
    }
}

/// A path must be in a notification once; what is there already was meant, and stays.
pub(crate) fn merge<'a>(notification: &mut Notification<'a>, object: Object<'a>) {
    if object.interfaces.is_empty() {
        return;
    }
    let Some(target) = notification.objects.iter_mut().find(|other| other.path == object.path) else {
        notification.objects.push(object);
        return;
    };
    for interface in object.interfaces {
        let target = target.interface(interface.name);
        for (name, value) in interface.properties {
            if !target.properties.iter().any(|(given, _)| *given == name) {
                target.properties.push((name, value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reading, Times, publish};

    const FRAGMENT: &str = r#"
[common."xyz.openbmc_project.Inventory.Decorator.Asset"]
SerialNumber = { record = "VINI", keyword = "SN" }
Manufacturer = "fixed"
[[object]]
path = "/system/planar"
records = "all"
[[object]]
path = "/system/named"
records = ["VSYS"]
[[object]]
path = "/system/variant"
records = "all"
ccin = ["2E2D"]
[object.interfaces."xyz.openbmc_project.Inventory.Item"]
PrettyName = { record = "VINI", keyword = "DR" }
"#;

    fn shown(objects: &[(&str, &[&str])]) -> Shown {
        let set = |names: &&[&str]| names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        objects.iter().map(|(path, names)| ((*path).to_owned(), set(names))).collect()
    }

    /// What is said, as `path interface.property=value` with record interfaces shortened to one line.
    fn said(notification: &Notification<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        for object in &notification.objects {
            for interface in &object.interfaces {
                let short = interface.name.rsplit('.').next().unwrap_or_default();
                if interface.name.starts_with(INTERFACE_PREFIX) {
                    let empty = Value::Bytes(Cow::Borrowed(&[]));
                    assert!(interface.properties.iter().all(|(_, value)| *value == empty), "{short}");
                    lines.push(format!("{} {short}", object.path));
                    continue;
                }
                for (name, value) in &interface.properties {
                    lines.push(format!("{} {short}.{name}={value:?}", object.path));
                }
            }
        }
        lines
    }

    fn leftovers(situation: Situation<'_>, shown: &Shown) -> Vec<String> {
        let fragment = Fragment::parse(FRAGMENT).unwrap();
        let mut notification = Notification::default();
        add_leftovers(&mut notification, &fragment, situation, shown);
        said(&notification)
    }

    #[test]
    fn records_that_only_an_earlier_part_had_are_emptied() {
        let shown = shown(&[
            (
                "/system/planar",
                &["com.ibm.ipzvpd.VINI", "com.ibm.ipzvpd.UTIL", "com.ibm.ipzvpd.VR10", IBM_LOCATION],
            ),
            ("/system/named", &["com.ibm.ipzvpd.VSYS", "com.ibm.ipzvpd.VCEN"]),
            ("/system/foreign", &["com.ibm.ipzvpd.VCEN"]),
        ]);
        let usable = BTreeSet::from(["UTIL".to_owned()]);
        let situation = Situation::Collected { format: "ipz", usable: &usable, excluded: &[] };
        assert_eq!(leftovers(situation, &shown), ["/system/planar VR10", "/system/named VCEN"]);
    }

    #[test]
    fn an_object_of_another_variant_is_absent_and_empty_but_keeps_its_name() {
        let shown = shown(&[("/system/variant", &["com.ibm.ipzvpd.VINI", ASSET, ITEM])]);
        let usable = BTreeSet::new();
        let excluded = ["/system/variant".to_owned()];
        let situation = Situation::Collected { format: "ipz", usable: &usable, excluded: &excluded };
        let expected = [
            "/system/variant VINI",
            "/system/variant Asset.SerialNumber=Text(\"\")",
            "/system/variant Item.Present=Bool(false)",
        ];
        assert_eq!(leftovers(situation, &shown), expected);
        assert_eq!(leftovers(Situation::Absent, &shown), expected);
    }

    #[test]
    fn the_size_of_a_memory_module_goes_with_it() {
        let shown = shown(&[
            ("/system/planar", &[ITEM_DIMM]),
            ("/system/named", &[ASSET]),
            ("/system/variant", &[ITEM_DIMM]),
        ]);
        let usable = BTreeSet::new();
        let excluded = ["/system/variant".to_owned()];
        let collected = |format| Situation::Collected { format, usable: &usable, excluded: &excluded };
        let planar = "/system/planar Dimm.MemorySizeInKB=Size(0)";
        let variant = "/system/variant Dimm.MemorySizeInKB=Size(0)";
        // An IPZ part in its place, a part of which nothing is usable, none; and another memory module.
        for situation in [collected("ipz"), collected(""), Situation::Absent] {
            assert_eq!(leftovers(situation, &shown), [planar, variant], "{situation:?}");
        }
        assert_eq!(leftovers(collected("memory"), &shown), [variant]);
    }

    #[test]
    fn a_memory_size_that_the_fragment_gives_stays() {
        let text = r#"
[[object]]
path = "/system/soldered"
records = "all"
[object.interfaces."xyz.openbmc_project.Inventory.Item.Dimm"]
MemorySizeInKB = 1024
[[object]]
path = "/system/other"
"#;
        let shown = shown(&[("/system/soldered", &[ITEM_DIMM]), ("/system/other", &[ITEM_DIMM])]);
        let fragment = Fragment::parse(text).unwrap();
        let mut notification = Notification::default();
        add_leftovers(&mut notification, &fragment, Situation::Absent, &shown);
        assert!(said(&notification).is_empty());
    }

    #[test]
    fn what_the_inventory_never_showed_is_not_created() {
        let excluded = ["/system/variant".to_owned()];
        let usable = BTreeSet::new();
        let situation = Situation::Collected { format: "ipz", usable: &usable, excluded: &excluded };
        assert!(leftovers(situation, &shown(&[])).is_empty());
        assert!(leftovers(Situation::Absent, &shown(&[("/system/variant", &["a.Marker"])])).is_empty());
    }

    #[test]
    fn an_object_of_another_system_loses_what_was_known_of_it_and_keeps_its_place() {
        let property = |name: &str, signature: &str| (name.to_owned(), signature.to_owned());
        let shown = ShownInterfaces::from([
            (ASSET.to_owned(), vec![property("SerialNumber", "s")]),
            (ITEM.to_owned(), vec![property("Present", "b"), property("PrettyName", "s")]),
            (OPERATIONAL_STATUS.to_owned(), vec![property("Functional", "b")]),
            (PROGRESS.to_owned(), vec![property("Status", "s"), property("StartTime", "t")]),
            ("com.ibm.ipzvpd.VINI".to_owned(), vec![property("SN", "ay")]),
            (IBM_LOCATION.to_owned(), vec![property("LocationCode", "s")]),
            (ITEM_DIMM.to_owned(), vec![property("MemorySizeInKB", "t"), property("MemoryDataWidth", "q")]),
            ("a.Marker".to_owned(), vec![]),
        ]);
        let notification = Notification { objects: vec![departed("/system/x", &shown, false)] };
        let progress = format!("/system/x Progress.Status=Text({:?})", progress_status::NOT_STARTED);
        let expected = [
            "/system/x VINI",
            &progress,
            "/system/x Progress.StartTime=Unsigned(0)",
            "/system/x Asset.SerialNumber=Text(\"\")",
            "/system/x Item.Present=Bool(false)",
            "/system/x Dimm.MemorySizeInKB=Size(0)",
            "/system/x OperationalStatus.Functional=Bool(true)",
        ];
        assert_eq!(said(&notification), expected);
    }

    #[test]
    fn what_departed_has_no_times_of_its_collection_or_none_are_said() {
        let properties = [("Status", "s"), ("StartTime", "t"), ("CompletedTime", "t")];
        let properties = properties.map(|(name, kind)| (name.to_owned(), kind.to_owned())).to_vec();
        let shown = ShownInterfaces::from([(PROGRESS.to_owned(), properties)]);
        let status = ("Status", Value::Text(progress_status::NOT_STARTED.into()));
        let times = ["StartTime", "CompletedTime"].map(|name| (name, Value::Unsigned(0)));
        for (has_times, expected) in
            [(true, vec![status.clone(), times[0].clone(), times[1].clone()]), (false, vec![status.clone()])]
        {
            let object = emptied("/system/x", &shown, has_times);
            let said = object.interfaces[0].properties.iter();
            let said: Vec<_> = said.map(|(name, value)| (&**name, value.clone())).collect();
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn with_an_absence_it_makes_one_notification_in_which_each_path_is_once() {
        let fragment = Fragment::parse(FRAGMENT).unwrap();
        let shown = shown(&[("/system/planar", &["com.ibm.ipzvpd.VINI", "com.ibm.ipzvpd.VR10"])]);
        let mut notification = publish(&fragment, Reading::Absent, Times::default()).notification;
        add_leftovers(&mut notification, &fragment, Situation::Absent, &shown);
        let paths: Vec<_> = notification.objects.iter().map(|object| &*object.path).collect();
        assert_eq!(paths, ["/system/named", "/system/planar"]);
        assert!(said(&notification).contains(&"/system/planar VR10".to_owned()));
    }
}
