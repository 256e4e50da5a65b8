//! What the files of each layer may say.

use fru_publication::{EepromKey, Fragment, Interfaces};
use serde::Deserialize;
use std::collections::BTreeMap;
use system_index::{HardwareLevel, SystemType};
use toml::Table;

/// A file of `vpd.d`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "FRUs and interfaces are read to be checked, and taken from the merged tables")]
pub(crate) struct CommonLayer {
    #[serde(default)]
    fru: BTreeMap<EepromKey, Fragment>,
    #[serde(default)]
    common: Interfaces,
    /// How many parsers run at once.
    pub(crate) lanes: Option<u16>,
    /// Where the system type is read from, in order of preference.
    pub(crate) system_eeproms: Option<Vec<EepromKey>>,
    /// How long selection waits for those.
    pub(crate) select_wait_ms: Option<u32>,
}

/// A file of `systems/SYSTEM`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "FRUs and interfaces are read to be checked, and taken from the merged tables")]
pub(crate) struct SystemLayer {
    #[serde(default)]
    fru: BTreeMap<EepromKey, Fragment>,
    #[serde(default)]
    common: Interfaces,
    /// What the system answers to.
    #[serde(default, rename = "match")]
    pub(crate) matches: Vec<MatchTable>,
}

/// `[[match]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct MatchTable {
    pub(crate) im: SystemType,
    pub(crate) hw: Option<Vec<HardwareLevel>>,
    pub(crate) not_hw: Option<Vec<HardwareLevel>>,
}

/// Both layers merged, as tables that can be written again; each file has passed one of the types above before.
#[derive(Debug, Deserialize)]
pub(crate) struct Tables {
    #[serde(default)]
    pub(crate) fru: BTreeMap<EepromKey, Table>,
    #[serde(default)]
    pub(crate) common: Table,
}
