//! The inventory and a client that writes and deletes.

use super::{Progress, Subject, kill_at_random};
use dbus_api::call::CallError;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::records::interface_of;
use dbus_api::inventory::{ITEM, ROOT, deletion, manager};
use dbus_api::standard::OBJECT_MANAGER;
use house_tests::Machine;
use std::collections::{BTreeMap, HashMap};
use std::process::Command;
use std::time::Duration;
use test_random::Numbers;
use zbus::{Connection, OwnedObjectPath, OwnedVariant};

/// Small, so that the journal is carried over in the middle of the work.
const SETTINGS: &str = "journal-limit-kib = 16\ncheckpoint-idle-ms = 3\n";
const PATHS: [&str; 6] = ["/a", "/a/b", "/a/b/c", "/system/chassis/card0", "/system/chassis/card1", "/z"];
/// The longest value, bytes: of some the journal is full.
const LONGEST: usize = 12 << 10;

/// Values as text, by object and then by interface and property.
type Objects = BTreeMap<String, BTreeMap<String, String>>;

/// A call that changes something.
enum Change {
    /// What these objects show in these properties.
    Notify(Objects),
    Delete(Vec<String>),
}

impl Change {
    fn random(numbers: &mut Numbers, known: &Objects) -> Self {
        let mut chosen: Vec<String> = PATHS.iter().map(|&path| path.to_owned()).collect();
        chosen.retain(|_| numbers.one_in(3));
        let mut deleted = chosen.clone();
        deleted.retain(|path| known.contains_key(path));
        if numbers.one_in(4) && !deleted.is_empty() {
            return Self::Delete(deleted);
        }
        if chosen.is_empty() {
            chosen.push(PATHS[numbers.below(PATHS.len())].to_owned());
        }
        let mut objects = Objects::new();
        for path in chosen {
            let properties = objects.entry(path).or_default();
            for property in ["PrettyName", "SN", "DR"] {
                let length = if numbers.one_in(6) { LONGEST } else { 20 };
                if property == "PrettyName" || numbers.one_in(2) {
                    let count = 1 + numbers.below(length);
                    let text = numbers.bytes(count).escape_ascii().to_string();
                    properties.insert(property.to_owned(), text);
                }
            }
        }
        Self::Notify(objects)
    }

    /// What there is when it is made.
    fn made_on(&self, known: &Objects) -> Objects {
        let mut objects = known.clone();
        match self {
            Self::Notify(changed) => {
                for (path, properties) in changed {
                    objects.entry(path.clone()).or_default().extend(properties.clone());
                }
            }
            Self::Delete(paths) => objects.retain(|path, _| !paths.contains(path)),
        }
        objects
    }

    async fn call(&self, connection: &Connection) -> Result<(), CallError> {
        match self {
            Self::Notify(objects) => {
                let objects = objects.iter().map(|(path, properties)| object(path, properties)).collect();
                manager::notify(connection, &Notification { objects }).await
            }
            Self::Delete(paths) => {
                let (name, interface) = (Some(manager::BUS_NAME), Some(deletion::INTERFACE));
                let called = connection.call_method(name, ROOT, interface, deletion::DELETE, paths).await;
                let bus = |source| CallError::Bus { destination: manager::BUS_NAME, source };
                called.map(drop).map_err(bus)
            }
        }
    }
}

fn object<'a>(path: &'a str, properties: &'a BTreeMap<String, String>) -> Object<'a> {
    let mut object = Object { path: path.into(), interfaces: Vec::new() };
    for (property, text) in properties {
        if property == "PrettyName" {
            object.interface(ITEM).set("PrettyName", Value::Text(text.into()));
        } else {
            let bytes = text.as_bytes().into();
            object.interface(interface_of("VINI")).set(property.as_str(), Value::Bytes(bytes));
        }
    }
    object
}

/// What the inventory shows, but for the values that it fills in.
async fn shown(connection: &Connection) -> anyhow::Result<Objects> {
    type Shown = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;
    let name = Some(manager::BUS_NAME);
    let reply = connection.call_method(name, ROOT, Some(OBJECT_MANAGER), "GetManagedObjects", &()).await?;
    let mut objects = Objects::new();
    for (path, interfaces) in reply.body().deserialize::<Shown>()? {
        let path = path.as_str().strip_prefix(ROOT).unwrap_or_default().to_owned();
        let properties = objects.entry(path).or_default();
        for (property, value) in interfaces.into_values().flatten() {
            let text = text(&value);
            if !text.is_empty() {
                properties.insert(property, text);
            }
        }
    }
    Ok(objects)
}

/// Nothing for a value that is filled in.
fn text(value: &OwnedVariant) -> String {
    if let Ok(text) = value.downcast_ref::<&str>() {
        return text.to_owned();
    }
    if let Ok(bytes) = value.try_clone().and_then(Vec::<u8>::try_from) {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    if *value == OwnedVariant::from(false) { String::new() } else { value.to_string() }
}

/// The objects and properties that differ.
fn difference(one: &Objects, other: &Objects) -> Vec<String> {
    let flat = |objects: &Objects| -> BTreeMap<String, usize> {
        let each = |(path, properties): (&String, &BTreeMap<String, String>)| {
            let properties = properties.iter().map(|(name, text)| (format!("{path} {name}"), text.len()));
            properties.chain([(path.clone(), 0)]).collect::<Vec<_>>()
        };
        objects.iter().flat_map(each).collect()
    };
    let (one, other) = (flat(one), flat(other));
    let names = one.keys().chain(other.keys());
    let mut names: Vec<String> = names.filter(|name| one.get(*name) != other.get(*name)).cloned().collect();
    names.sort();
    names.dedup();
    names
}

struct Inventory {
    machine: Machine,
    /// What was answered.
    known: Objects,
    /// What was not.
    unanswered: Option<Change>,
}

impl Subject for Inventory {
    const NAME: &'static str = "inventory-manager";
    const LATER: Duration = Duration::from_millis(4);

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn command(&self) -> anyhow::Result<Command> {
        self.machine.inventory_command()
    }

    fn check(&mut self) -> anyhow::Result<()> {
        let shown = self.machine.run(async |connection| shown(&connection).await)?;
        let made = self.unanswered.take().map(|change| change.made_on(&self.known));
        anyhow::ensure!(
            shown == self.known || Some(&shown) == made.as_ref(),
            "it differs in {:?}, and from what was not answered in {:?}",
            difference(&shown, &self.known),
            made.map(|made| difference(&shown, &made))
        );
        self.known = shown;
        Ok(())
    }

    fn work(&mut self, numbers: &mut Numbers, progress: &Progress) -> anyhow::Result<String> {
        let (known, unanswered) = (&mut self.known, &mut self.unanswered);
        self.machine.run(async |connection| {
            loop {
                let change = Change::random(numbers, known);
                if let Err(error) = change.call(&connection).await {
                    *unanswered = Some(change);
                    return Ok(error.to_string());
                }
                *known = change.made_on(known);
                progress.answered();
            }
        })
    }
}

#[test]
fn an_inventory_that_is_killed_keeps_every_call_that_it_answered_and_none_in_part() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    machine.configure("inventory-manager", SETTINGS)?;
    let mut inventory = Inventory { machine, known: Objects::new(), unanswered: None };
    kill_at_random(&mut inventory, 0x5eed_0a11)
}
