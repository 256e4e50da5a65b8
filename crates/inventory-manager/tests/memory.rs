//! No `Notify` makes the inventory hold more than four times its body and a constant, what it holds afterwards included.
//!
//! One test in a process of its own: the allocator counts for the whole process. It takes a new block for every growth before
//! it gives up the old one, so what it says is at least what any other allocator would need.

use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::{ROOT, manager};
use durable_state::RealDisk;
use inventory_manager::associations::Associations;
use inventory_manager::dbus::Call;
use inventory_manager::inventory::Inventory;
use inventory_manager::limits::{BODY, INVENTORY, OBJECT, OBJECTS, PROPERTIES, Totals};
use inventory_manager::requests::{Outgoing, State};
use inventory_manager::restoring::Restoring;
use inventory_manager::schema::Schema;
use inventory_manager::store::Store;
use peak_alloc::PeakAlloc;
use std::fmt::Write as _;
use std::path::Path;
use zbus::Message;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What may be held beside four times the body: pieces of files, names of paths, the nodes of maps.
const BOOKKEEPING: usize = 768 * 1024;

/// An interface of so many properties of each of two types: `AA`…, and `a.Text` with one text.
fn schema(count: usize) -> Schema {
    let mut text = "[\"a.Text\"]\nText = \"s\"\nTexts = \"as\"\n[\"a.M\"]\n[\"a.Bytes\"]\n".to_owned();
    for number in 0..count {
        writeln!(text, "{} = \"ay\"", name(number)).unwrap();
    }
    Schema::from_fragment(&toml::from_str(&text).unwrap()).unwrap()
}

/// Two characters.
fn name(number: usize) -> String {
    const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let letter = |at: usize| char::from(LETTERS[at]);
    [letter(number / 36 % 26), letter(number % 36)].into_iter().collect()
}

struct Machine {
    folder: tempfile::TempDir,
    schema: Schema,
    inventory: Inventory,
    store: Store,
}

impl Machine {
    fn new(schema: Schema) -> Self {
        // What is flushed to a disk would take most of the time.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let store = Store::open(folder.path(), RealDisk, &mut |_| {}).unwrap();
        Self { folder, schema, inventory: Inventory::default(), store }
    }

    /// One call, and everything that is sent because of it; why it was refused, and the most that was held meanwhile beyond what
    /// was held before there was a message.
    fn notify(&mut self, notification: Notification<'_>) -> (Option<String>, usize, usize) {
        let message = Message::method_call(ROOT, manager::NOTIFY).interface(manager::INTERFACE);
        let message = message.build(&notification).unwrap();
        drop(notification);
        let length = message.body().len();
        let before = ALLOCATOR.current_usage() - length;
        ALLOCATOR.reset_peak_usage();
        let refused = self.perform(message);
        (refused, length, ALLOCATOR.peak_usage() - before)
    }

    fn perform(&mut self, message: Message) -> Option<String> {
        let mut told = Vec::new();
        let mut associations = Associations::default();
        let reply = {
            let (header, body) = (message.header(), message.body());
            let call = Call::new(&header, &body).unwrap();
            let mut state = State {
                schema: &self.schema,
                inventory: &mut self.inventory,
                associations: &mut associations,
                store: &mut self.store,
            };
            state.perform(&call, &header, &mut told)
        };
        drop(message);
        let mut outgoing = Outgoing::new(told, None);
        while !outgoing.next_messages(&self.schema, &self.inventory).is_empty() {}
        reply.err().map(|failure| failure.name().to_owned())
    }
}

fn object(path: String) -> Object<'static> {
    Object { path: path.into(), interfaces: Vec::new() }
}

fn with(path: String, interface: &'static str, property: &str, value: Value<'static>) -> Object<'static> {
    let mut object = object(path);
    object.interface(interface).set(property.to_owned(), value);
    object
}

fn bytes(length: usize) -> Value<'static> {
    Value::Bytes(vec![0xa5; length].into())
}

fn controls(length: usize) -> Value<'static> {
    Value::Text("\u{1}".repeat(length).into())
}

/// Objects with so many properties each, of so many bytes each.
fn tiny(objects: usize, properties: usize, length: usize) -> Notification<'static> {
    let object = |number| {
        let mut object = object(format!("/o{number}"));
        let interface = object.interface("a.Bytes");
        interface.properties = (0..properties).map(|number| (name(number).into(), bytes(length))).collect();
        object
    };
    Notification { objects: (0..objects).map(object).collect() }
}

#[test]
fn no_notify_and_no_start_holds_more_than_four_times_what_it_brings() {
    const ROOM: usize = OBJECT - 300;
    // A debug build takes a second for each MiB, several times over.
    let is_soak = std::env::var_os("VIVIANITE_SOAK").is_some_and(|value| value == "1");
    let (large, wide) = if is_soak { (8, PROPERTIES / 500 - 1) } else { (2, PROPERTIES / 2_000) };
    let of = |objects: Vec<Object<'static>>| Notification { objects };
    let each =
        |count: usize, value: fn() -> Value<'static>, interface: &'static str, property: &'static str| {
            of((0..count).map(|number| with(format!("/o{number}"), interface, property, value())).collect())
        };
    let empty = |count: usize| of((0..count).map(|number| object(format!("/o{number}"))).collect());
    let markers = |count: usize| {
        let marked = |number| {
            let mut object = object(format!("/o{number}"));
            object.interface("a.M");
            object
        };
        of((0..count).map(marked).collect())
    };
    let refused = Some("org.freedesktop.DBus.Error.LimitsExceeded");
    let cases: Vec<(&str, usize, Option<&str>, Notification<'static>)> = vec![
        ("150,000 empty objects", 1, refused, empty(150_000)),
        ("as many objects as may be", 1, None, markers(OBJECTS)),
        ("one object more", 1, refused, markers(OBJECTS + 1)),
        ("one value of 1 MiB", 1, None, each(1, || bytes(ROOM), "a.Bytes", "AA")),
        ("objects of 1 MiB", 1, None, each(large, || bytes(ROOM), "a.Bytes", "AA")),
        ("a body of 8 MiB", 1, refused, each(1, || bytes(BODY - 200), "a.Bytes", "AA")),
        ("texts of control characters", 1, None, each(large, || controls(ROOM), "a.Text", "Text")),
        ("empty texts", 1, None, each(large, || Value::Texts(vec!["".into(); 130_000]), "a.Text", "Texts")),
        ("the smallest properties", 500, None, tiny(wide, 500, 0)),
        ("properties that fill a body", 500, None, tiny(wide, 500, 26)),
        ("properties that the schema lacks", 1, refused, tiny(PROPERTIES / 500 + 1, 500, 26)),
        ("objects that get many properties", 500, None, {
            let marked = |number| {
                let mut object = object(format!("/o{number}"));
                object.interface("a.Bytes");
                object
            };
            of((0..PROPERTIES / 500).map(marked).collect())
        }),
    ];
    for (name, properties, expected, notification) in cases {
        let mut machine = Machine::new(schema(properties));
        let (outcome, length, peak) = machine.notify(notification);
        report(name, length, peak);
        let expected = if length > BODY { refused } else { expected };
        assert_eq!(outcome.as_deref(), expected, "{name}");
        assert!(peak <= 4 * length + BOOKKEEPING, "{name}: {peak} bytes for a call of {length}");
        assert!(outcome.is_none() || machine.inventory.objects().is_empty(), "{name}: something has changed");
        // One of many bytes, and one of many values.
        if matches!(name, "objects of 1 MiB" | "properties that fill a body") {
            restart(name, machine);
        }
    }
    small_call_over_large_objects(5 * large);
}

#[expect(clippy::print_stdout, reason = "the test harness shows it")]
fn report(what: &str, length: usize, peak: usize) {
    println!("{what}: {length} bytes, peak {peak}, {:.2} times", peak as f64 / length as f64);
}

/// A call that changes little of much.
fn small_call_over_large_objects(count: usize) {
    let mut machine = Machine::new(schema(30));
    for number in 0..count {
        let mut object = with(format!("/o{number}"), "a.Bytes", "AA", bytes(200_000));
        object.interface("a.Bytes").set("AB", Value::Bytes(vec![1].into()));
        assert_eq!(machine.notify(Notification { objects: vec![object] }).0, None);
    }
    let change = |number| with(format!("/o{number}"), "a.Bytes", "AB", Value::Bytes(vec![2].into()));
    let (refused, length, peak) = machine.notify(Notification { objects: (0..count).map(change).collect() });
    report("a small call over large objects", length, peak);
    assert_eq!(refused, None);
    assert!(peak <= 4 * length + BOOKKEEPING, "{peak} bytes for a call of {length}");
}

/// Starts again from what is kept, before and after the journal was carried over: it holds four times the inventory at most.
fn restart(name: &str, machine: Machine) {
    let Machine { folder, schema, inventory, store } = machine;
    let totals = inventory.totals();
    drop((inventory, store));
    for from in ["the journal", "the files"] {
        let (peak, found) = start(folder.path(), &schema);
        report(&format!("  a start from {from}"), totals.bytes, peak);
        assert_eq!(found, totals, "{name}: all is there again");
        assert!(peak <= 4 * totals.bytes + BOOKKEEPING, "{name}: {peak} bytes for {totals:?}");
    }
    assert!(totals.bytes <= INVENTORY);
}

fn start(folder: &Path, schema: &Schema) -> (usize, Totals) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut inventory = Inventory::default();
    let mut restoring = Restoring::new(schema, &mut inventory);
    let store = Store::open(folder, RealDisk, &mut |entry| restoring.take(entry)).unwrap();
    restoring.finish();
    let peak = ALLOCATOR.peak_usage() - before;
    drop(store);
    (peak, inventory.totals())
}
