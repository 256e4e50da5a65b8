//! Reading what the inventory shows costs no more than its message again, and of what is not wanted nothing stays.
//!
//! In a process of its own and one test only: the allocator counts for the whole process.

use dbus_api::inventory::located::{self, Located, located_in};
use dbus_api::inventory::shown::{Names, names_in};
use dbus_api::state;
use peak_alloc::PeakAlloc;
use std::collections::{BTreeMap, BTreeSet};
use zbus::as_variant::Serialize as AsVariant;
use zbus::{Message, ObjectPath, Signature, Type};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What may be held beside the message for each object that is wanted: its path and the names of its interfaces.
const PER_OBJECT: usize = 4 << 10;
/// What zbus notes about a message when it is first looked at.
const PER_MESSAGE: usize = 1 << 10;

/// `ay`, written in one piece.
struct Bytes(Vec<u8>);

impl serde::Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl Type for Bytes {
    const SIGNATURE: &'static Signature = <[u8]>::SIGNATURE;
}

type Properties<'a> = BTreeMap<&'a str, AsVariant<'a, Bytes>>;
type Interfaces<'a> = BTreeMap<&'a str, Properties<'a>>;
type Objects<'a> = BTreeMap<ObjectPath<'a>, Interfaces<'a>>;

fn path(index: usize) -> String {
    format!("/xyz/openbmc_project/inventory/system/chassis/motherboard/part{index}")
}

fn said<B: serde::Serialize + zbus::DynamicType>(member: &'static str, body: &B) -> Message {
    let path = "/xyz/openbmc_project/inventory";
    Message::signal(path, "org.freedesktop.DBus.Properties", member).build(body).unwrap()
}

/// An answer with `parts` parts of 24 records, each with ten keywords of this length.
fn parts(parts: usize, records: usize, length: usize) -> Message {
    let value = Bytes(vec![0xa5; length]);
    let keywords = ["FC", "SE", "TM", "CC", "PN", "SN", "DR", "RT", "VZ", "#D"];
    let names: Vec<String> = (0..records).map(|index| format!("com.ibm.ipzvpd.R{index:03}")).collect();
    let names = names.iter().map(String::as_str).chain(["com.ibm.ipzvpd.VCEN", "com.ibm.ipzvpd.VSYS"]);
    let names: Vec<&str> = names.take(records.max(1)).collect();
    let properties = || keywords.iter().map(|name| (*name, AsVariant(&value))).collect();
    let interfaces = || names.iter().map(|name| (*name, properties())).collect();
    let objects: Objects<'_> =
        (0..parts).map(|index| (ObjectPath::try_from(path(index)).unwrap(), interfaces())).collect();
    said("GetManagedObjects", &objects)
}

/// One object whose enclosure record has one value of this length, of the type of texts or of bytes.
fn one_value(length: usize) -> Message {
    let value = Bytes(vec![b'7'; length]);
    let properties = Properties::from([("FC", AsVariant(&value))]);
    let interfaces = Interfaces::from([("com.ibm.ipzvpd.VCEN", properties)]);
    said("GetManagedObjects", &Objects::from([(ObjectPath::try_from(path(0)).unwrap(), interfaces)]))
}

fn empty(count: usize) -> Message {
    let interfaces = || Interfaces::from([("xyz.openbmc_project.Inventory.Item", Properties::new())]);
    let objects: Objects<'_> =
        (0..count).map(|index| (ObjectPath::try_from(path(index)).unwrap(), interfaces())).collect();
    said("GetManagedObjects", &objects)
}

/// What reading holds at most beside the message, and what its result holds.
fn held<T>(read: impl FnOnce() -> T) -> (usize, usize, T) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = read();
    (ALLOCATOR.peak_usage() - before, ALLOCATOR.current_usage() - before, result)
}

#[test]
fn reading_the_inventory_costs_its_message_again_at_most_and_leaves_only_what_was_wanted() {
    let paths: Vec<String> = (0..60).map(path).collect();
    let of_machine: BTreeSet<&str> =
        paths.iter().map(|path| path.strip_prefix("/xyz/openbmc_project/inventory").unwrap()).collect();
    for (name, message, wanted) in [
        ("60 parts with 355 KiB of keywords", parts(60, 24, 25), &of_machine),
        ("60 parts, none wanted", parts(60, 24, 25), &BTreeSet::new()),
        ("one value of 16 MiB", one_value(16 << 20), &of_machine),
        ("150,000 empty objects", empty(150_000), &of_machine),
    ] {
        let length = message.data().len();
        let (peak, kept, names) = held(|| -> Names { names_in(&message, wanted).unwrap() });
        println!("{name}: {length} bytes; names: peak {peak}, kept {kept} for {} objects", names.len());
        assert!(kept <= names.len() * PER_OBJECT + PER_MESSAGE, "{name}: {kept} bytes are kept");
        assert!(
            peak <= length.min(names.len() * PER_OBJECT + PER_MESSAGE),
            "{name}: {peak} beside the message"
        );
        drop(names);
        let (peak, kept, found) =
            held(|| -> BTreeMap<String, Located> { located_in(&message, wanted).unwrap() });
        let values: usize = found.values().map(size).sum();
        assert!(values <= found.len() * (256 << 10), "no keyword is that long: {values}");
        println!("{name}: located: peak {peak}, kept {kept} with {values} bytes of values");
        assert!(kept <= values + found.len() * PER_OBJECT + PER_MESSAGE, "{name}: {kept} bytes are kept");
        assert!(peak <= length.min(values + found.len() * PER_OBJECT + PER_MESSAGE), "{name}: {peak}");
    }
    signals();
}

fn size(located: &Located) -> usize {
    let pair = |pair: &Option<(Vec<u8>, Vec<u8>)>| pair.as_ref().map_or(0, |(a, b)| a.len() + b.len());
    pair(&located.enclosure) + pair(&located.system)
}

/// Signals of the same size, which any connection may send: matched by zbus against our rules, and read.
fn signals() {
    let value = Bytes(vec![0xa5; 16 << 20]);
    let properties = Properties::from([("Present", AsVariant(&value))]);
    let changed = said("PropertiesChanged", &("xyz.openbmc_project.Inventory.Item", properties, [""; 0]));
    let bytes = said("PropertiesChanged", &value);
    let rules = [
        dbus_api::inventory::shown::presence_rule().unwrap(),
        located::changed_rule(located::SYSTEM_RECORD).unwrap(),
        state::HOST.changed_rule().unwrap(),
    ];
    for message in [&changed, &bytes] {
        let (peak, kept, _) = held(|| rules.each_ref().map(|rule| rule.matches(message).unwrap()));
        assert!(peak <= message.data().len() && kept <= PER_MESSAGE, "{peak} {kept}");
        let (peak, kept, _) =
            held(|| state::changed(message, "xyz.openbmc_project.Inventory.Item", "Present", |_| Some(())));
        assert!(peak <= PER_MESSAGE && kept <= PER_MESSAGE, "{peak} {kept}");
    }
}
