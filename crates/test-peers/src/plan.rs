use crate::mode::Mode;
use crate::roles::Kind;
use anyhow::Context as _;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What the object mapper knows: object, service, interfaces.
pub(crate) type Mapped = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Which peers there are, how they behave at first, and what the object mapper knows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub(crate) peers: BTreeMap<Kind, Mode>,
    pub(crate) mapped: Mapped,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    peers: Vec<String>,
    #[serde(default)]
    mapped: Mapped,
}

impl Plan {
    /// Reads a plan: `peers = ["event-log", "chassis-state slow 500"]` and, if need be,
    /// `[mapped."/object"]` with `"service" = ["interface"]`.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        let mut peers = BTreeMap::new();
        for entry in file.peers {
            let (word, mode) = entry.split_once(' ').unwrap_or((&entry, "normal"));
            let mode = Mode::parse(mode).with_context(|| entry.clone())?;
            peers.insert(Kind::parse(word)?, mode);
        }
        Ok(Self { peers, mapped: file.mapped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_normal_unless_the_plan_says_otherwise() {
        let plan = Plan::parse("peers = [\"event-log\", \"bmc-state hanging\"]").unwrap();
        assert_eq!(
            plan.peers,
            BTreeMap::from([(Kind::EventLog, Mode::Normal), (Kind::BmcState, Mode::Hanging)])
        );
        for wrong in ["", "peers = [\"weather\"]", "peers = [\"event-log quick\"]", "peers = []\nx = 1"] {
            assert!(Plan::parse(wrong).is_err(), "{wrong}");
        }
    }
}
