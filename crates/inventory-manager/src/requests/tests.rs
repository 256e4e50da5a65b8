//! All that was answered is there after a start.

use super::*;
use crate::limits::{INVENTORY, OBJECT, PROPERTIES};
use crate::restoring::Restoring;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::{ROOT, manager};
use dbus_api::standard::PROPERTIES as PROPERTIES_INTERFACE;
use proptest::prelude::*;
use std::path::Path;

const SCHEMA: &str = "[\"a.All\"]\nB = \"b\"\nI = \"x\"\nQ = \"q\"\nT = \"t\"\nD = \"d\"\nS = \"s\"\nAY = \"ay\"\n\
    AS = \"as\"\n[\"a.Marker\"]\n[\"a.Owner\"]\nTag = { type = \"s\", owner = true }\n[\"a.Other\"]\nS = { type = \"s\", default = \"x\" }\n";

/// An inventory with its state, without a bus.
struct Machine {
    folder: tempfile::TempDir,
    schema: Schema,
    inventory: Inventory,
    store: Store,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let schema = Schema::from_fragment(&toml::from_str(SCHEMA).unwrap()).unwrap();
        let (inventory, store) = start(folder.path(), &schema);
        Self { folder, schema, inventory, store }
    }

    /// The name of the error, if it is refused.
    fn notify(&mut self, objects: Vec<Object<'_>>) -> Result<(), &'static str> {
        let message = Message::method_call(ROOT, manager::NOTIFY).interface(manager::INTERFACE);
        let message = message.build(&Notification { objects }).unwrap();
        let (header, body) = (message.header(), message.body());
        let mut state = State {
            schema: &self.schema,
            inventory: &mut self.inventory,
            associations: &mut Associations::default(),
            store: &mut self.store,
        };
        let reply = state.perform(&Call::new(&header, &body).unwrap(), &header, &mut Vec::new());
        reply.map(drop).map_err(|failure| failure.name())
    }

    /// Sets a property directly; the name of the error, if it is refused.
    fn set(&mut self, path: &str, interface: &str, property: &str, text: &str) -> Result<(), &'static str> {
        let path = format!("{ROOT}{path}");
        let message = Message::method_call(path.as_str(), "Set").interface(PROPERTIES_INTERFACE);
        let message = message.build(&(interface, property, zbus::Variant::from(text.to_owned()))).unwrap();
        let (header, body) = (message.header(), message.body());
        let mut state = State {
            schema: &self.schema,
            inventory: &mut self.inventory,
            associations: &mut Associations::default(),
            store: &mut self.store,
        };
        let reply = state.perform(&Call::new(&header, &body).unwrap(), &header, &mut Vec::new());
        reply.map(drop).map_err(|failure| failure.name())
    }

    /// What it shows.
    fn shown(&self) -> Vec<u8> {
        let objects = dbus::Objects { schema: &self.schema, inventory: &self.inventory };
        Message::method_call("/", "X").build(&objects).unwrap().body().data().bytes().to_vec()
    }

    /// As after a kill: from the journal alone, then from the files alone.
    fn expect_the_same_after_a_start(&mut self) {
        let before = self.shown();
        assert!(!self.store.is_settled());
        std::fs::remove_dir_all(self.folder.path().join("objects")).unwrap();
        for from in ["journal", "files"] {
            (self.inventory, self.store) = start(self.folder.path(), &self.schema);
            assert!(self.shown() == before, "it is another one from the {from}");
        }
    }
}

fn start(folder: &Path, schema: &Schema) -> (Inventory, Store) {
    let mut inventory = Inventory::default();
    let mut restoring = Restoring::new(schema, &mut inventory);
    let store = Store::open(folder, RealDisk, &mut |entry| restoring.take(entry)).unwrap();
    (inventory, store)
}

fn object(
    path: &str,
    interface: &'static str,
    property: &'static str,
    value: Value<'static>,
) -> Object<'static> {
    let mut object = Object { path: path.to_owned().into(), interfaces: Vec::new() };
    object.interface(interface).set(property, value);
    object
}

fn text(character: char, length: usize) -> Value<'static> {
    Value::Text(character.to_string().repeat(length).into())
}

const REFUSED: Result<(), &str> = Err("org.freedesktop.DBus.Error.LimitsExceeded");

#[test]
fn signals_are_built_some_at_a_time_changes_first_and_the_reply_last() {
    let mut machine = Machine::new();
    let paths: Vec<String> = (0..100).map(|number| format!("/o{number:02}")).collect();
    let objects =
        |name: &'static str| paths.iter().map(|path| object(path, "a.All", "S", Value::Text(name.into())));
    machine.notify(objects("first").take(50).collect()).unwrap();
    let message = Message::method_call(ROOT, manager::NOTIFY).interface(manager::INTERFACE);
    let message = message.build(&Notification { objects: objects("second").collect() }).unwrap();
    let (header, body) = (message.header(), message.body());
    let mut state = State {
        schema: &machine.schema,
        inventory: &mut machine.inventory,
        associations: &mut Associations::default(),
        store: &mut machine.store,
    };
    let mut told = Vec::new();
    let reply = state.perform(&Call::new(&header, &body).unwrap(), &header, &mut told).unwrap().unwrap();
    let mut outgoing = Outgoing::new(told, Some(reply));
    assert!(outgoing.has_signals());
    let mut names = Vec::new();
    loop {
        let messages = outgoing.next_messages(&machine.schema, &machine.inventory);
        assert!(messages.len() <= 64);
        if messages.is_empty() {
            break;
        }
        names.extend(messages.iter().map(|message| message.header().member().map(|name| name.to_string())));
    }
    let expected = |name: &str, count| vec![Some(name.to_owned()); count];
    let signals = [expected("PropertiesChanged", 50), expected("InterfacesAdded", 50), vec![None]].concat();
    assert_eq!(names, signals);
}

#[test]
fn what_is_the_owners_is_there_after_a_start_and_unchanged_where_it_cannot_be_written() {
    let mut machine = Machine::new();
    let objects = ["a.Owner", "a.Other"].map(|name| object("/s", name, "S", text('s', 1)));
    objects.into_iter().for_each(|object| machine.notify(vec![object]).unwrap());
    machine.set("/s", "a.Owner", "Tag", "mine").unwrap();
    machine.expect_the_same_after_a_start();
    machine.set("/s", "a.Other", "S", "live").unwrap();
    (machine.inventory, machine.store) = start(machine.folder.path(), &machine.schema);
    let shown = |machine: &Machine, interface, property| {
        machine.inventory.value(&machine.schema, "/s", interface, property).cloned()
    };
    let value = |text: &str| Some(crate::types::Value::Text(text.into()));
    assert_eq!(shown(&machine, "a.Owner", "Tag"), value("mine"));
    assert_eq!(shown(&machine, "a.Other", "S"), value("s"));
    // A journal that cannot be opened.
    std::fs::remove_dir_all(machine.folder.path()).unwrap();
    assert_eq!(machine.set("/s", "a.Owner", "Tag", "yours"), Err("org.freedesktop.DBus.Error.IOError"));
    assert_eq!(shown(&machine, "a.Owner", "Tag"), value("mine"));
    assert_eq!(machine.set("/s", "a.Other", "S", "live"), Ok(()));
}

#[test]
fn what_no_file_could_hold_is_refused_and_changes_nothing() {
    let mut machine = Machine::new();
    machine.notify(vec![object("/s", "a.All", "S", text('s', 5))]).unwrap();
    let before = machine.shown();
    for length in [12 << 20, 2 << 20] {
        assert_eq!(machine.notify(vec![object("/s", "a.All", "S", text('\u{1}', length))]), REFUSED);
        assert!(machine.shown() == before);
    }
    machine.expect_the_same_after_a_start();
}

#[test]
fn an_inventory_at_its_bounds_is_there_after_a_start() {
    let mut machine = Machine::new();
    for number in 0..8 {
        let path = format!("/o{number}");
        machine.notify(vec![object(&path, "a.All", "S", text('s', 0))]).unwrap();
        let room = OBJECT * (number + 1) - machine.inventory.totals().bytes;
        // One of what takes most room in a file.
        let character = if number == 0 { '\u{1}' } else { 's' };
        machine.notify(vec![object(&path, "a.All", "S", text(character, room))]).unwrap();
    }
    assert_eq!(machine.inventory.totals().bytes, INVENTORY);
    assert_eq!(machine.notify(vec![object("/o8", "a.Marker", "", Value::Bool(true))]), REFUSED);
    machine.expect_the_same_after_a_start();
}

#[test]
fn a_small_call_whose_line_is_long_is_there_after_a_start() {
    let mut machine = Machine::new();
    for number in 0..4 {
        machine.notify(vec![object(&format!("/o{number}"), "a.All", "S", text('s', 250_000))]).unwrap();
    }
    machine.store.checkpoint().unwrap();
    let small = (0..4).map(|number| object(&format!("/o{number}"), "a.All", "Q", Value::Short(7)));
    machine.notify(small.collect()).unwrap();
    assert!(machine.store.journal_length() > 1_000_000);
    machine.expect_the_same_after_a_start();
}

#[test]
fn what_an_earlier_version_with_larger_bounds_has_acknowledged_is_hosted() {
    let mut machine = Machine::new();
    let large = std::collections::BTreeMap::from([("S", "s".repeat(3 * OBJECT))]);
    let written = machine
        .store
        .write(&|take| take(Change::Set { path: "/large", interface: "a.All", properties: &large }));
    written.unwrap();
    (machine.inventory, machine.store) = start(machine.folder.path(), &machine.schema);
    assert!(machine.inventory.totals().bytes > 3 * OBJECT);
    // It may shrink, and the rest may change.
    machine.notify(vec![object("/small", "a.Marker", "", Value::Bool(true))]).unwrap();
    machine.notify(vec![object("/large", "a.All", "S", text('s', 5))]).unwrap();
}

/// By the schema that is shipped: each part with the twelve interfaces that have most properties, each filled with 24 bytes.
#[test]
fn a_machine_of_400_large_parts_fits() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/inventory-schema.d/10-openbmc.toml");
    let schema = std::fs::read_to_string(file).unwrap();
    let schema = Schema::from_fragment(&toml::from_str(&schema).unwrap()).unwrap();
    let mut interfaces: Vec<_> = (0..).map_while(|place| schema.at(place)).collect();
    interfaces.sort_by_key(|interface| std::cmp::Reverse(interface.len()));
    interfaces.truncate(12);
    let properties: usize = interfaces.iter().map(|interface| interface.len()).sum();
    let bytes: usize = interfaces.iter().map(|interface| interface.size() + 24 * interface.len()).sum();
    let fits = 400 * properties <= PROPERTIES && 400 * bytes <= INVENTORY;
    assert!(fits, "{properties} properties and {bytes} bytes each");
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[^\u{0}]{0,20}", "[\u{1}-\u{1f}\"\\\\]{0,20}"]
}

fn any_given() -> impl Strategy<Value = (&'static str, &'static str, Value<'static>)> {
    let texts = || proptest::collection::vec(any_text(), 0..5);
    prop_oneof![
        any::<bool>().prop_map(|value| ("a.All", "B", Value::Bool(value))),
        any::<i64>().prop_map(|value| ("a.All", "I", Value::Signed(value))),
        any::<u16>().prop_map(|value| ("a.All", "Q", Value::Short(value))),
        any::<u64>().prop_map(|value| ("a.All", "T", Value::Size(value))),
        any::<i64>().prop_map(|value| ("a.All", "D", Value::Signed(value))),
        any_text().prop_map(|value| ("a.All", "S", Value::Text(value.into()))),
        any_text().prop_map(|value| ("a.Other", "S", Value::Text(value.into()))),
        any_text().prop_map(|value| ("a.Marker", "Unknown", Value::Text(value.into()))),
        any_text().prop_map(|value| ("a.All", "I", Value::Text(value.into()))),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(|value| (
            "a.All",
            "AY",
            Value::Bytes(value.into())
        )),
        texts()
            .prop_map(|value| { ("a.All", "AS", Value::Texts(value.into_iter().map(Into::into).collect())) }),
    ]
}

fn any_call() -> impl Strategy<Value = Vec<Object<'static>>> {
    let given = proptest::collection::vec(any_given(), 0..6);
    proptest::collection::btree_map("(/[a-c]){1,3}", given, 1..4).prop_map(|objects| {
        let object = |(path, given): (String, Vec<_>)| {
            let mut object = Object { path: path.into(), interfaces: Vec::new() };
            for (interface, property, value) in given {
                object.interface(interface).set(property, value);
            }
            object
        };
        objects.into_iter().map(object).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What a call that stops half-way leaves live only is not kept, so that the comparison is with the calls before it.
    #[test]
    fn whatever_was_accepted_is_read_back_equal(calls in proptest::collection::vec(any_call(), 1..5)) {
        let mut machine = Machine::new();
        for call in calls {
            if machine.notify(call).is_err() {
                (machine.inventory, machine.store) = start(machine.folder.path(), &machine.schema);
            }
        }
        if !machine.store.is_settled() {
            let before = machine.shown();
            for from in ["journal", "files"] {
                (machine.inventory, machine.store) = start(machine.folder.path(), &machine.schema);
                prop_assert!(machine.shown() == before, "it is another one from the {}", from);
            }
        }
    }
}

#[test]
fn what_a_schema_does_not_know_for_a_while_is_kept_when_its_interface_is_written() {
    let with =
        |all: &str| Schema::from_fragment(&toml::from_str(&format!("{SCHEMA}{all}")).unwrap()).unwrap();
    let site = |names: &[(&str, &str)]| {
        let property =
            |(name, kind): &(&str, &str)| format!("{name} = {{ type = \"{kind}\", owner = true }}\n");
        with(&format!("[\"a.Site\"]\n{}", names.iter().map(property).collect::<String>()))
    };
    let full = || site(&[("Extra", "s"), ("Kind", "s"), ("S", "s"), ("Tag", "s")]);
    let reduced = site(&[("Kind", "q"), ("S", "s"), ("Tag", "s")]);
    let mut machine = Machine { schema: full(), ..Machine::new() };
    let mut given = object("/s", "a.Site", "S", text('a', 1));
    given.interface("a.Site").set("Extra", text('e', 3));
    given.interface("a.Site").set("Kind", text('k', 3));
    machine.notify(vec![given]).unwrap();
    let shown = |machine: &Machine, property: &str| {
        machine.inventory.value(&machine.schema, "/s", "a.Site", property).cloned()
    };
    let held = |text: &str| Some(crate::types::Value::Text(text.into()));
    // The site's file breaks, and the interface is written again, each way there is.
    machine.schema = reduced;
    (machine.inventory, machine.store) = start(machine.folder.path(), &machine.schema);
    assert_eq!(shown(&machine, "Extra"), None);
    machine.notify(vec![object("/s", "a.Site", "S", text('b', 1))]).unwrap();
    machine.set("/s", "a.Site", "Tag", "mine").unwrap();
    machine.expect_the_same_after_a_start();
    // It counts, so that no call makes more of it than a start reads.
    let bytes = machine.inventory.totals().bytes;
    machine.schema = full();
    (machine.inventory, machine.store) = start(machine.folder.path(), &machine.schema);
    let values = ["Extra", "Kind", "S", "Tag"].map(|property| shown(&machine, property));
    assert_eq!(values, [held("eee"), held("kkk"), held("b"), held("mine")]);
    assert!(bytes > machine.inventory.totals().bytes - 2 * crate::limits::PER_PROPERTY);
    // A value that is given replaces what did not fit; what is deleted does not come back.
    machine.schema = with("[\"a.Site\"]\nKind = \"q\"\n");
    (machine.inventory, machine.store) = start(machine.folder.path(), &machine.schema);
    machine.notify(vec![object("/s", "a.Site", "Kind", Value::Short(7))]).unwrap();
    let given = shown(&machine, "Kind");
    assert!(given.is_some() && given != held("kkk"));
    machine.expect_the_same_after_a_start();
    assert_eq!(shown(&machine, "Kind"), given);
    assert!(machine.inventory.remove(&machine.schema, "/s").is_some());
    assert_eq!(machine.inventory.totals(), Inventory::default().totals());
    machine.store.write(&|take| take(Change::Remove { path: "/s" })).unwrap();
    machine.notify(vec![object("/s", "a.Site", "Kind", Value::Short(8))]).unwrap();
    machine.schema = full();
    (machine.inventory, machine.store) = start(machine.folder.path(), &machine.schema);
    assert_eq!(shown(&machine, "Extra"), held(""));
}

#[test]
fn no_bit_of_a_file_changes_a_value_in_silence() {
    let mut machine = Machine::new();
    let mut given = object("/s", "a.All", "S", Value::Text("Present\u{1}".into()));
    given.interface("a.All").set("B", Value::Bool(true));
    given.interface("a.All").set("Q", Value::Short(7));
    given.interface("a.All").set("AY", Value::Bytes(vec![1, 2, 255].into()));
    machine.notify(vec![given]).unwrap();
    machine.store.checkpoint().unwrap();
    let before = machine.shown();
    let file = machine.folder.path().join("objects/s/a.All");
    let damaged = durable_state::set_aside(&file);
    let whole = std::fs::read(&file).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &bytes).unwrap();
        (machine.inventory, machine.store) = start(machine.folder.path(), &machine.schema);
        assert!(machine.inventory.objects().is_empty(), "bit {bit} is believed");
        assert_eq!(std::fs::read(&damaged).unwrap(), bytes, "bit {bit}: it is not kept");
        assert!(!file.exists(), "bit {bit}");
    }
    std::fs::write(&file, &whole).unwrap();
    (machine.inventory, machine.store) = start(machine.folder.path(), &machine.schema);
    assert!(machine.shown() == before);
}
