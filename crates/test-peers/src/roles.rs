//! What each peer does.

mod event_log;
mod object_mapper;
mod states;

use crate::call::{Call, Outcome};
use crate::objects::Objects;
use crate::plan::{Mapped, Plan};
use anyhow::Context as _;
use std::fmt;

/// A peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    ObjectMapper,
    EventLog,
    ChassisState,
    HostState,
    BmcState,
}

/// Each peer with its word and its name on the bus.
const KINDS: [(Kind, &str, &str); 5] = [
    (Kind::ObjectMapper, "object-mapper", "xyz.openbmc_project.ObjectMapper"),
    (Kind::EventLog, "event-log", "xyz.openbmc_project.Logging"),
    (Kind::ChassisState, "chassis-state", "xyz.openbmc_project.State.Chassis"),
    (Kind::HostState, "host-state", "xyz.openbmc_project.State.Host"),
    (Kind::BmcState, "bmc-state", "xyz.openbmc_project.State.BMC"),
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
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
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
}
