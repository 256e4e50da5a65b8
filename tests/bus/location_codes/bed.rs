//! A machine with the updater on its bus, and an ear for what it publishes.

use anyhow::Context as _;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::{ASSET_TAG, ITEM, LOCATION_CODE, located, manager, records};
use house_tests::{EventEar, Machine, Monitor, next};
use std::collections::HashMap;
use test_bus::Daemon;
use zbus::{Connection, MessageStream, OwnedObjectPath, OwnedVariant};

/// What the system says of where its objects are.
const LOCATIONS: &str = r#"
[[enclosure]]
path = "/system/chassis"
source = "/system/chassis"
[[object]]
path = "/system"
code = "Umts"
[[object]]
path = "/system/chassis"
code = "Ufcs"
[[object]]
path = "/system/chassis/motherboard"
code = "Ufcs-P0"
[[object]]
path = "/cables/x"
code = "Ufcs-P0-T1"
"#;

/// The object by which a test tells how far the ear has heard.
const MARK: &str = "/test/mark";

pub struct Bed {
    pub machine: Machine,
    updater: Option<Daemon>,
    peers: Option<Daemon>,
    /// Hears every `Notify`.
    ear: Option<Monitor>,
    events: Option<EventEar>,
    /// The inventory's signals.
    signals: Option<(Connection, MessageStream)>,
}

/// The object of the system.
pub fn system(serial: &str) -> Object<'_> {
    let mut object = Object { path: "/system".into(), interfaces: Vec::new() };
    let record = object.interface(records::interface_of("VSYS"));
    record.set("TM", Value::Bytes(b"9105-22A"[..].into()));
    record.set("SE", Value::Bytes(serial.as_bytes().into()));
    object
}

/// The object of its chassis.
pub fn chassis<'a>(feature: &'a [u8], serial: &'a [u8]) -> Object<'a> {
    let mut object = Object { path: "/system/chassis".into(), interfaces: Vec::new() };
    let record = object.interface(records::interface_of("VCEN"));
    record.set("FC", Value::Bytes(feature.into()));
    record.set("SE", Value::Bytes(serial.into()));
    object
}

/// The system, with what its owner calls it.
pub fn tagged(tag: &str) -> Object<'_> {
    let mut object = Object { path: "/system".into(), interfaces: Vec::new() };
    object.interface(ASSET_TAG).set(located::ASSET_TAG_PROPERTY, Value::Text(tag.into()));
    object
}

/// Any other object.
pub fn marker(path: &str) -> Object<'_> {
    let mut object = Object { path: path.into(), interfaces: Vec::new() };
    object.interface(ITEM).set("PrettyName", Value::Text("Part".into()));
    object
}

impl Bed {
    pub fn without_inventory() -> anyhow::Result<Option<Self>> {
        let Some(machine) = Machine::bare()? else { return Ok(None) };
        let bed = Self { machine, updater: None, peers: None, ear: None, events: None, signals: None };
        let folder = bed.locations().parent().context("a folder")?.to_owned();
        std::fs::create_dir_all(folder)?;
        std::fs::write(bed.locations(), LOCATIONS)?;
        Ok(Some(bed))
    }

    pub fn with_inventory() -> anyhow::Result<Option<Self>> {
        let Some(mut bed) = Self::without_inventory()? else { return Ok(None) };
        bed.machine.start_inventory()?;
        bed.watch()?;
        Ok(Some(bed))
    }

    /// Where the system says where its objects are.
    pub fn locations(&self) -> std::path::PathBuf {
        self.machine.root().join("run/vivianite/vpd/active/locations.toml")
    }

    pub fn configure(&self, text: &str) -> anyhow::Result<()> {
        self.machine.configure("location-code-updater", text)
    }

    /// Begins to hear what is published, and what comes of it.
    pub fn watch(&mut self) -> anyhow::Result<()> {
        let address = self.machine.bus().address();
        let rule = format!("type='method_call',member='{}'", manager::NOTIFY);
        self.ear = Some(self.machine.run(async |_| Monitor::listen(address, &[&rule]).await)?);
        self.signals = Some(self.machine.run(async |connection| {
            let rule = zbus::MatchRule::builder().msg_type(zbus::message::Type::Signal);
            let rule = rule.sender(manager::BUS_NAME).build()?;
            let stream = MessageStream::for_match_rule(rule, &connection, None).await?;
            Ok((connection, stream))
        })?);
        Ok(())
    }

    pub fn start_updater(&mut self) -> anyhow::Result<()> {
        self.updater = Some(self.machine.start("location-code-updater")?);
        Ok(())
    }

    pub fn stop_updater(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        self.updater.take().context("it does not run")?.stop()
    }

    pub fn ask_updater_to_stop(&mut self) -> anyhow::Result<()> {
        self.updater.as_mut().context("it does not run")?.ask_to_end()
    }

    /// What the updater keeps of the events that it told.
    pub fn record(&self) -> anyhow::Result<String> {
        let root = self.machine.root();
        let folder = root.parent().context("a folder")?.join("location-code-updater.state");
        Ok(std::fs::read_to_string(folder.join("events"))?)
    }

    pub fn publish(&self, objects: Vec<Object<'_>>) -> anyhow::Result<()> {
        let notification = Notification { objects };
        self.machine.run(async |connection| Ok(manager::notify(&connection, &notification).await?))
    }

    pub fn code(&self, path: &str) -> anyhow::Result<Option<String>> {
        self.machine.property(path, LOCATION_CODE, located::LOCATION_CODE_PROPERTY)
    }

    pub fn asset_tag(&self) -> anyhow::Result<Option<String>> {
        self.machine.property("/system", ASSET_TAG, located::ASSET_TAG_PROPERTY)
    }

    pub fn exists(&self, path: &str) -> anyhow::Result<bool> {
        let wanted = [path].into();
        self.machine.run(async |connection| Ok(!located::located(&connection, &wanted).await?.is_empty()))
    }

    /// Waits until an object shows a code.
    pub fn await_code(&mut self, path: &str, code: &str) -> anyhow::Result<()> {
        let mut signals = self.signals.take().context("nobody watches")?;
        while self.code(path)?.as_deref() != Some(code) {
            self.machine.run(async |_| next(&mut signals.1).await)?;
        }
        self.signals = Some(signals);
        Ok(())
    }

    /// Each `Notify` of the updater since the last time, as the objects in it.
    pub fn notifies(&mut self) -> anyhow::Result<Vec<String>> {
        let mut ear = self.ear.take().context("nobody listens")?;
        self.publish(vec![marker(MARK)])?;
        let mut heard = Vec::new();
        loop {
            let message = self.machine.run(async |_| ear.next().await)?;
            let body = message.body();
            type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;
            let Ok(objects) = body.deserialize::<Objects>() else { continue };
            if objects.keys().any(|path| path.as_str() == MARK) {
                break;
            }
            // Only the updater publishes location codes and, but for [`tagged`], asset tags.
            let is_ours = |interfaces: &HashMap<String, _>| {
                interfaces.contains_key(LOCATION_CODE) || interfaces.contains_key(ASSET_TAG)
            };
            if objects.values().all(is_ours) {
                let mut paths: Vec<&str> = objects.keys().map(|path| path.as_str()).collect();
                paths.sort_unstable();
                heard.push(paths.join(" "));
            }
        }
        self.ear = Some(ear);
        Ok(heard)
    }

    pub fn start_event_log(&mut self, mode: &str) -> anyhow::Result<()> {
        self.peers = Some(self.machine.start_peers(&[&format!("event-log {mode}")])?);
        let address = self.machine.bus().address();
        self.events = Some(self.machine.run(async |_| EventEar::listen(address).await)?);
        Ok(())
    }

    /// The event log crashes.
    pub fn kill_event_log(&mut self) -> anyhow::Result<()> {
        self.peers.take().context("there is no event log")?.kill()
    }

    /// Waits until the event log has been asked for so many entries in all, and gives a line for each.
    pub fn await_events(&mut self, count: usize) -> anyhow::Result<&[String]> {
        let events = self.events.as_mut().context("there is no event log")?;
        self.machine.run(async |_| events.await_events(count).await)?;
        Ok(events.heard())
    }
}
