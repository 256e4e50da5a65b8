//! What each peer does.

mod bmc_updater;
mod device;
mod event_log;
mod installer;
mod object_mapper;
mod phosphor_inventory;
mod software_manager;
mod states;

use crate::call::{Call, Outcome};
use crate::objects::Objects;
use crate::plan::{Mapped, Plan};
use anyhow::Context as _;
use std::collections::HashMap;
use std::fmt;
use zbus::{Message, OwnedObjectPath, OwnedVariant};

/// A peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    ObjectMapper,
    EventLog,
    ChassisState,
    HostState,
    BmcState,
    FieldMode,
    Installer,
    Device,
    BmcUpdater,
    SoftwareManager,
    Settings,
    PhosphorInventory,
}

/// Each peer with its word and its name on the bus.
const KINDS: [(Kind, &str, &str); 12] = [
    (Kind::ObjectMapper, "object-mapper", "xyz.openbmc_project.ObjectMapper"),
    (Kind::EventLog, "event-log", "xyz.openbmc_project.Logging"),
    (Kind::ChassisState, "chassis-state", "xyz.openbmc_project.State.Chassis"),
    (Kind::HostState, "host-state", "xyz.openbmc_project.State.Host"),
    (Kind::BmcState, "bmc-state", "xyz.openbmc_project.State.BMC"),
    (Kind::FieldMode, "field-mode", "xyz.openbmc_project.Software.BMC.Updater"),
    (Kind::Installer, "installer", "xyz.openbmc_project.Software.Psu.Updater"),
    (Kind::Device, "device", "xyz.openbmc_project.Software.Device.Updater"),
    (Kind::BmcUpdater, "bmc-updater", "xyz.openbmc_project.Software.BMC.Updater"),
    (Kind::SoftwareManager, "software-manager", "xyz.openbmc_project.Software.Manager"),
    (Kind::Settings, "settings", "xyz.openbmc_project.Settings"),
    (Kind::PhosphorInventory, "phosphor-inventory", "xyz.openbmc_project.Inventory.Manager"),
];

impl Kind {
    pub(crate) fn parse(word: &str) -> anyhow::Result<Self> {
        let row = KINDS.iter().find(|(_, known, _)| *known == word);
        let words = || KINDS.map(|(_, word, _)| word).join(", ");
        row.map(|(kind, ..)| *kind).with_context(|| format!("{word} is none of {}", words()))
    }

    /// What scenarios call it.
    pub(crate) fn word(self) -> &'static str {
        self.row().1
    }

    /// Its name on the bus.
    pub(crate) fn bus_name(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        let [first, ..] = &KINDS;
        KINDS.iter().find(|(kind, ..)| *kind == self).unwrap_or(first)
    }

    /// How it begins.
    pub(crate) fn role(self, plan: &Plan) -> Box<dyn Role> {
        match self {
            Self::ObjectMapper => Box::new(object_mapper::ObjectMapper::new(plan.mapped.clone())),
            Self::EventLog => Box::new(event_log::EventLog::default()),
            Self::ChassisState => Box::new(states::chassis()),
            Self::HostState => Box::new(states::host()),
            Self::BmcState => Box::new(states::bmc()),
            Self::FieldMode => Box::new(states::field_mode()),
            Self::Installer => Box::new(installer::Installer::default()),
            Self::Device => Box::new(device::Device::default()),
            Self::BmcUpdater => Box::new(bmc_updater::BmcUpdater::default()),
            Self::SoftwareManager => Box::new(software_manager::SoftwareManager::default()),
            Self::Settings => Box::new(states::settings()),
            Self::PhosphorInventory => Box::new(phosphor_inventory::PhosphorInventory::default()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// A service's objects, as `GetManagedObjects` and `InterfacesAdded` have them.
pub(crate) type FoundInterfaces = HashMap<String, HashMap<String, OwnedVariant>>;
pub(crate) type Found = HashMap<OwnedObjectPath, FoundInterfaces>;

/// What follows from a signal.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    /// What is said in turn.
    pub signals: Vec<Message>,
    /// Whose objects of firmware are to be looked at.
    pub scan: Option<String>,
}

/// The part of a peer that tells it from the others.
pub(crate) trait Role: Send + fmt::Debug {
    /// What it shows.
    fn objects(&mut self) -> &mut Objects;

    /// Answers a call of an interface of its own; others are the objects' business.
    fn perform(&mut self, call: &Call<'_>) -> Option<Outcome>;

    /// What an object mapper knows; nothing for others.
    fn mapped(&mut self) -> Option<&mut Mapped> {
        None
    }

    /// The signals that it hears, as match rules.
    fn rules(&self) -> &'static [&'static str] {
        &[]
    }

    /// The service whose objects it looks at when it has come to the bus.
    fn looks_at(&self) -> Option<&'static str> {
        None
    }

    /// It hears a signal.
    fn hear(&mut self, _signal: &Message) -> zbus::Result<Reaction> {
        Ok(Reaction::default())
    }

    /// It has looked at a service's objects; what it says of them is the result.
    fn found(&mut self, _service: &str, _objects: Found) -> zbus::Result<Vec<Message>> {
        Ok(Vec::new())
    }

    /// What it does with images from now on; false when there is no such way.
    fn behave(&mut self, _way: &str) -> bool {
        false
    }

    /// It has written an image, and asked for the system's apply time; what it says of it is the result.
    fn installed(&mut self, _path: &str, _apply_time: Option<&str>) -> zbus::Result<Vec<Message>> {
        Ok(Vec::new())
    }

    /// An image of its own comes to a state; what it says of it is the result.
    fn settle(&mut self, _path: &str, _state: &str) -> zbus::Result<Vec<Message>> {
        Ok(Vec::new())
    }
}
