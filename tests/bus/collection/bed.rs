//! A machine with the collection on its bus, its parsers, and what they read.

use anyhow::Context as _;
use dbus_api::vpd::collection::{self, FruState, FruStatus, Outcome, StateChange};
use house_tests::{EventEar, Machine, next};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;
use test_bus::process_1::{Process1, Work};
use test_bus::{Daemon, LIMIT};
use zbus::{MatchRule, MessageStream};

/// The keys of a machine's EEPROMs, with what its index says of them beside that.
pub type Frus = [(&'static str, &'static str)];

pub struct Bed {
    pub machine: Machine,
    pub process_1: Process1,
    collection: Option<Daemon>,
    peers: Option<Daemon>,
    events: Option<EventEar>,
}

/// The object of an EEPROM.
pub fn object(name: &str) -> String {
    format!("/system/chassis/{name}")
}

impl Bed {
    pub fn new(frus: &Frus) -> anyhow::Result<Option<Self>> {
        let Some(machine) = Machine::bare()? else { return Ok(None) };
        let active = machine.root().join("run/vivianite/vpd/active");
        std::fs::create_dir_all(active.join("frus"))?;
        let mut index = String::new();
        let mut works = BTreeMap::new();
        for (name, more) in frus {
            let (key, object) = (format!("file:{name}"), object(name));
            let image = machine.root().join(name);
            index += &format!(
                "[[fru]]\nkey = \"{key}\"\nparser = \"ipz-vpd-parser\"\nobjects = [\"{object}\"]\n{more}\n"
            );
            let fragment = format!(
                "file = \"{}\"\n[[object]]\npath = \"{object}\"\nrecords = \"all\"\n\
                 [object.interfaces.\"xyz.openbmc_project.Inventory.Item\"]\nPrettyName = \"Part {name}\"\n",
                image.display()
            );
            std::fs::write(active.join("frus").join(format!("{key}.toml")), fragment)?;
            let (address, frus) = (machine.bus().address().to_owned(), active.join("frus"));
            test_bus::built("keyword-vpd-parser")?;
            let parser = test_bus::built("ipz-vpd-parser")?;
            let command = move || {
                let mut command = std::process::Command::new(&parser);
                command.env(test_bus::ADDRESS_VARIABLE, &address);
                command.arg(&image).args(["--key", &key, "--fragments"]).arg(&frus);
                Ok(command)
            };
            works.insert(format!("ipz-vpd-parser@file:{name}.service"), Work::Process(Box::new(command)));
            for (phase, status) in [("prepare", 0), ("failed", 0), ("remove", 0)] {
                works.insert(format!("vpd-slot@{phase}:file:{name}.service"), Work::Status(status));
            }
        }
        std::fs::write(active.join("index.toml"), index)?;
        let process_1 = Process1::start(machine.bus().address(), works)?;
        Ok(Some(Self { machine, process_1, collection: None, peers: None, events: None }))
    }

    /// What an EEPROM holds.
    pub fn image(&self, name: &str) -> PathBuf {
        self.machine.root().join(name)
    }

    /// Starts the collection; it has read what there is when this returns.
    pub fn collect(&mut self) -> anyhow::Result<()> {
        self.collection = Some(self.machine.start("vpd-collection")?);
        Ok(())
    }

    /// The most memory that the collection has had, bytes, and what it has now.
    pub fn memory(&self) -> anyhow::Result<(usize, usize)> {
        let pid = self.collection.as_ref().context("it does not run")?.pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix(" kB"));
        let bytes = |name| anyhow::Ok(line(name).context("no such line")?.trim().parse::<usize>()? << 10);
        Ok((bytes("VmHWM:")?, bytes("VmRSS:")?))
    }

    pub fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.collection.take().context("it does not run")?.stop()?;
        anyhow::ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    pub fn configure(&self, text: &str) -> anyhow::Result<()> {
        self.machine.configure("vpd-collection", text)
    }

    /// Starts peers, each a word and a mode.
    pub fn start_peers(&mut self, peers: &[&str]) -> anyhow::Result<()> {
        self.peers = Some(self.machine.start_peers(peers)?);
        Ok(())
    }

    pub fn set_mode(&self, peer: &str, mode: &str) -> anyhow::Result<()> {
        self.machine.command_peers("SetMode", &(peer, mode)).map(drop)
    }

    pub fn status(&self, name: &str) -> anyhow::Result<FruStatus> {
        let status = self.machine.run(async |connection| Ok(collection::status(&connection).await?))?;
        let key = format!("file:{name}");
        status.frus.into_iter().find(|fru| fru.key == key).context("no such EEPROM")
    }

    /// Asks until an EEPROM is as it should be.
    pub fn await_status(
        &self,
        name: &str,
        is_right: impl Fn(&FruStatus) -> bool,
    ) -> anyhow::Result<FruStatus> {
        let asked = Instant::now();
        loop {
            let status = self.status(name)?;
            if is_right(&status) {
                return Ok(status);
            }
            anyhow::ensure!(asked.elapsed() < LIMIT, "it stays {status:?}");
        }
    }

    /// Has an EEPROM read again, and waits until it is dealt with.
    pub fn read_again(&self, name: &str) -> anyhow::Result<FruStatus> {
        let before = self.status(name)?;
        let keys = [before.key];
        self.machine.run(async |connection| Ok(collection::recollect(&connection, &keys).await?))?;
        self.await_status(name, |status| {
            status.state == "collected" && status.report.started > before.report.started
        })
    }

    /// Has a unit run again, as an administrator would.
    pub fn restart_unit(&self, unit: &str) -> anyhow::Result<()> {
        let name = Some("org.freedesktop.systemd1");
        let (path, interface) = ("/org/freedesktop/systemd1", Some("org.freedesktop.systemd1.Manager"));
        self.machine.run(async |connection| {
            connection.call_method(name, path, interface, "RestartUnit", &(unit, "replace")).await?;
            Ok(())
        })
    }

    pub fn remove(&self, name: &str) -> anyhow::Result<()> {
        let keys = [format!("file:{name}")];
        self.machine.run(async |connection| Ok(collection::remove(&connection, &keys).await.map(drop)?))
    }

    /// Has an EEPROM read again without its slot, and waits for the outcome; with what is said of it until it is dealt with.
    pub fn reread(&self, name: &str) -> anyhow::Result<(Outcome, Vec<StateChange>)> {
        let key = format!("file:{name}");
        self.machine.run(async |connection| {
            let signal = zbus::message::Type::Signal;
            let rule = MatchRule::builder().msg_type(signal).sender(collection::BUS_NAME);
            let rule = rule.member(collection::STATE_CHANGED).build()?;
            let mut signals = MessageStream::for_match_rule(rule, &connection, None).await?;
            let outcome = collection::reread(&connection, &key).await?;
            let mut changes: Vec<StateChange> = Vec::new();
            while changes.last().is_none_or(|change| change.state != FruState::Collected) {
                changes.push(next(&mut signals).await?.body().deserialize()?);
            }
            Ok((outcome, changes))
        })
    }

    /// Begins to hear what the event log is asked for.
    pub fn listen(&mut self) -> anyhow::Result<()> {
        let address = self.machine.bus().address();
        self.events = Some(self.machine.run(async |_| EventEar::listen(address).await)?);
        Ok(())
    }

    /// Waits until the event log has been asked for so many entries in all, and gives a line for each.
    pub fn await_events(&mut self, count: usize) -> anyhow::Result<&[String]> {
        let events = self.events.as_mut().context("nothing listens")?;
        self.machine.run(async |_| events.await_events(count).await)?;
        Ok(events.heard())
    }
}
