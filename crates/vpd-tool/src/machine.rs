//! The machine that is administered: its system, its bus, and the parts that are named.

use crate::console::{Console, one_line};
use crate::exit::{Exit, Failure};
use crate::names::{Names, Part};
use crate::system::System;
use dbus_api::call::has_owner;
use dbus_api::inventory::content::{Content, content};
use dbus_api::inventory::{IBM_LOCATION, LOCATION_CODE, located::LOCATION_CODE_PROPERTY};
use dbus_api::vpd::client;
use dbus_api::vpd::manager::BUS_NAME;
use fru_publication::EepromKey;
use service_runtime::bus::Accepts;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::Duration;
use system_index::Chip;
use zbus::Connection;

/// Longest wait for a reply: a caller waits up to two minutes for its turn, and a large record takes many write cycles.
const CALL_LIMIT: Duration = Duration::from_secs(240);

/// The machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// What it is made of.
    pub(crate) system: System,
    connection: OnceCell<Connection>,
}

impl Machine {
    /// Reads what the machine is made of. The bus is connected to only when it is needed.
    pub(crate) fn open(root: Option<&Path>, console: &mut Console<'_>) -> Result<Self, Failure> {
        let root = root.map_or_else(service_runtime::root, PathBuf::from);
        Ok(Self { system: System::load(&root, console)?, connection: OnceCell::new() })
    }

    /// The system bus.
    pub(crate) async fn bus(&self) -> Result<&Connection, Failure> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection);
        }
        let connected = service_runtime::bus::connect(CALL_LIMIT, &Accepts::SHORT).await;
        let connection = connected.map_err(|error| {
            // Without the status that it has for services, which comes first.
            let causes: Vec<_> = error.chain().skip(1).map(ToString::to_string).collect();
            Failure::say(Exit::Absent, format!("{}; images are looked at anywhere", causes.join(": ")))
        })?;
        Ok(self.connection.get_or_init(|| connection))
    }

    /// All that the inventory shows.
    pub(crate) async fn inventory(&self) -> Result<Content, Failure> {
        content(self.bus().await?).await.map_err(Failure::call)
    }

    /// Says why an earlier write of an EEPROM is not settled, if one is not. Nothing where the service that writes does not run or
    /// does not tell this user: that is a remark beside a result.
    pub(crate) async fn say_unsettled(&self, key: &EepromKey, console: &mut Console<'_>) {
        let Ok(bus) = self.bus().await else { return };
        // The remark is not worth starting vpd-writer by D-Bus activation.
        if !has_owner(bus, BUS_NAME).await.unwrap_or_default() {
            return;
        }
        let pending = client::pending(bus).await.unwrap_or_default();
        for (_, why) in pending.iter().filter(|(unsettled, _)| unsettled == key.as_str()) {
            console.say(&format!("vpd-tool: an earlier write of {key} is not settled: {}", one_line(why)));
        }
    }

    /// The same beside a failure that it may be the cause of.
    pub(crate) async fn explain(&self, failure: &Failure, key: &EepromKey, console: &mut Console<'_>) {
        if matches!(failure.exit, Exit::TryAgain | Exit::Device) {
            self.say_unsettled(key, console).await;
        }
    }

    /// Finds the part that is named; where the system's description does not have it, the inventory is asked too.
    pub(crate) async fn part(&self, given: &str) -> Result<Part, Failure> {
        match self.names(None).find(given, &follow) {
            Err(failure) if failure.exit == Exit::NotFound => {
                let content = self.inventory().await.map_err(|unanswered| {
                    let why = "is not in the description of this system, and the inventory cannot be asked";
                    Failure { cause: unanswered.cause.context(format!("{given:?} {why}")), ..unanswered }
                })?;
                self.names(Some(&content)).find(given, &follow)
            }
            found => found,
        }
    }

    /// Finds the EEPROM that is named.
    ///
    /// Errors: as [`Self::part`]; [`Exit::NotAllowed`] for what no service of this system knows.
    pub(crate) async fn eeprom(&self, given: &str) -> Result<(EepromKey, String), Failure> {
        let part = self.part(given).await?;
        let service_path = part.service_path()?;
        match part.key() {
            Some(key) => Ok((key.clone(), service_path)),
            None => {
                let text = format!("{service_path} has no EEPROM of its own: other software looks after it");
                Err(Failure::say(Exit::NotFound, text))
            }
        }
    }

    /// The EEPROMs that are named, or all of the system's.
    pub(crate) async fn eeproms(&self, given: &[String]) -> Result<Vec<(EepromKey, String)>, Failure> {
        if given.is_empty() {
            let keys = self.system.index.fru.iter().map(|fru| fru.key.clone());
            return Ok(keys.map(|key| (key.clone(), key.to_string())).collect());
        }
        let mut found = Vec::new();
        for given in given {
            found.push(self.eeprom(given).await?);
        }
        Ok(found)
    }

    /// What parts may be named by.
    pub(crate) fn names<'a>(&'a self, content: Option<&'a Content>) -> Names<'a> {
        let fragments = self.system.fragments.values();
        let objects = fragments.flat_map(|fragment| &fragment.object).filter(|object| !object.foreign);
        let mut names = Names {
            eeproms: Some(&self.system.eeproms),
            objects: objects.map(|object| &*object.path).collect(),
            ..Names::default()
        };
        names.add_locations(&self.system.locations);
        for (path, interfaces) in content.into_iter().flatten() {
            names.objects.insert(path);
            for interface in [LOCATION_CODE, IBM_LOCATION] {
                let properties = interfaces.get(interface);
                if let Some(code) = properties.and_then(|known| known.get(LOCATION_CODE_PROPERTY)?.text()) {
                    names.codes.entry(code).or_default().insert(path);
                }
            }
        }
        names
    }
}

fn follow(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

impl Part {
    /// Its EEPROM.
    pub(crate) fn key(&self) -> Option<&EepromKey> {
        match self {
            Self::Object { key, .. } => key.as_ref(),
            Self::Chip { key, .. } => Some(key),
            Self::File(_) => None,
        }
    }

    /// What services call it.
    ///
    /// Errors: none of them knows it.
    pub(crate) fn service_path(&self) -> Result<String, Failure> {
        match self {
            Self::Object { path, .. } => Ok(path.clone()),
            Self::Chip { named, .. } => Ok(named.clone()),
            Self::File(path) => {
                let text = format!(
                    "{} is no EEPROM of this system: it can be read (--hardware, --offset), and nothing else is done to it, \
                     as no service keeps it from being read meanwhile or finishes what a loss of power cuts",
                    path.display()
                );
                Err(Failure::say(Exit::NotAllowed, text))
            }
        }
    }

    /// Its object, relative to the inventory's root.
    pub(crate) fn object<'a>(&'a self, system: &'a System) -> Option<&'a str> {
        match self {
            Self::Object { path, .. } => Some(path),
            Self::Chip { key, .. } => system.object_of(key),
            Self::File(_) => None,
        }
    }

    /// Whether it is a chip that stands in for another, which the inventory does not show.
    pub(crate) fn is_redundant(&self) -> bool {
        matches!(self, Self::Chip { chip: Chip::Redundant, .. })
    }
}
