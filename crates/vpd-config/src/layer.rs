//! What the files of each layer may say.

use fru_publication::{EepromKey, Interfaces, Presence, PublishedRecords, WantedFormat, words};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use system_index::{
    Backup, Enclosure, HardwareLevel, Moment, Mux, NodeNaming, Slot, Step, SystemEeprom, SystemType,
};
use toml::Table;
use vpd_format::{Ecc, PartNumbers, Policy};

/// A file of `vpd.d`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "FRUs and interfaces are read to be checked, and taken from the merged tables")]
pub(crate) struct CommonLayer {
    #[serde(default)]
    fru: BTreeMap<EepromKey, FruSource>,
    #[serde(default)]
    common: Interfaces,
    #[serde(default)]
    start: Vec<Step>,
    #[serde(default)]
    mux: Vec<Mux>,
    #[serde(default)]
    backup: Vec<Backup>,
    location: Option<LocationTable>,
    /// How many parsers run at once.
    pub(crate) lanes: Option<u16>,
    /// Where the system type is read from, in order of preference.
    pub(crate) system_eeproms: Option<Vec<Candidate>>,
    /// How long selection waits for those.
    pub(crate) select_wait_ms: Option<u32>,
    own_inventory: Option<bool>,
}

/// A file of `systems/SYSTEM`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "FRUs and interfaces are read to be checked, and taken from the merged tables")]
pub(crate) struct SystemLayer {
    #[serde(default)]
    fru: BTreeMap<EepromKey, FruSource>,
    #[serde(default)]
    common: Interfaces,
    #[serde(default)]
    start: Vec<Step>,
    #[serde(default)]
    mux: Vec<Mux>,
    #[serde(default)]
    backup: Vec<Backup>,
    location: Option<LocationTable>,
    /// Where this system says its type, after those that all systems have in common.
    pub(crate) system_eeproms: Option<Vec<Candidate>>,
    /// What the system answers to.
    #[serde(default, rename = "match")]
    pub(crate) matches: Vec<MatchTable>,
}

/// An EEPROM that may say which system this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// A FRU, by its key.
    Fru(EepromKey),
    /// One that is no FRU: it is asked, and its objects are another's.
    Only(SystemEeprom),
}

impl Candidate {
    pub(crate) fn key(&self) -> &EepromKey {
        match self {
            Self::Fru(key) => key,
            Self::Only(eeprom) => &eeprom.key,
        }
    }
}

impl<'de> Deserialize<'de> for Candidate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CandidateVisitor)
    }
}

struct CandidateVisitor;

impl<'de> Visitor<'de> for CandidateVisitor {
    type Value = Candidate;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "the key of a FRU, or { key, file, offset, size, policy, ecc } of an EEPROM that is none",
        )
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Candidate, E> {
        EepromKey::parse(key).map(Candidate::Fru).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Candidate, A::Error> {
        SystemEeprom::deserialize(MapAccessDeserializer::new(map)).map(Candidate::Only)
    }
}

/// `[[match]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct MatchTable {
    pub(crate) im: SystemType,
    pub(crate) hw: Option<Vec<HardwareLevel>>,
    pub(crate) not_hw: Option<Vec<HardwareLevel>>,
}

/// `[location]`: what location codes are made from.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LocationTable {
    #[serde(default)]
    pub(crate) node: NodeNaming,
    /// The object with the system's type and serial number.
    pub(crate) system: Option<String>,
    #[serde(default)]
    pub(crate) enclosure: Vec<Enclosure>,
}

/// `[fru."KEY"]`: what goes into its fragment, which is read to be checked, and what goes elsewhere.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "what makes the fragment is taken from the merged tables")]
pub(crate) struct FruSource {
    format: Option<WantedFormat>,
    #[serde(default, deserialize_with = "words::policy")]
    policy: Policy,
    #[serde(default, deserialize_with = "words::ecc")]
    ecc: Ecc,
    #[serde(default, deserialize_with = "words::part_numbers")]
    part_numbers: PartNumbers,
    offset: Option<u64>,
    size: Option<u64>,
    page_size: Option<u32>,
    file: Option<PathBuf>,
    /// The EEPROM that stands in for it.
    pub(crate) redundant: Option<EepromKey>,
    compare_redundant: Option<bool>,
    #[serde(default)]
    common: Interfaces,
    /// Its objects.
    #[serde(default)]
    pub(crate) object: Vec<ObjectSource>,
    /// It cannot be read while the chassis has power.
    #[serde(default)]
    pub(crate) power_off_only: bool,
    /// When its part may be replaced.
    #[serde(default)]
    pub(crate) replaceable_at: Vec<Moment>,
    /// The host does not do without it.
    #[serde(default)]
    pub(crate) essential: bool,
    /// What is done about its place.
    pub(crate) slot: Option<Slot>,
}

/// Keys of a FRU that are not its fragment's.
pub(crate) const BESIDE_FRAGMENT: [&str; 4] = ["power-off-only", "replaceable-at", "essential", "slot"];

/// `[[fru."KEY".object]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(dead_code, reason = "what makes the fragment is taken from the merged tables")]
pub(crate) struct ObjectSource {
    /// Relative to the inventory's root.
    pub(crate) path: String,
    #[serde(default)]
    records: PublishedRecords,
    common: Option<bool>,
    #[serde(default)]
    presence: Presence,
    prime: Option<bool>,
    foreign: Option<bool>,
    #[serde(default)]
    ccin: Vec<String>,
    #[serde(default)]
    interfaces: Interfaces,
    /// Its location code, unexpanded.
    pub(crate) location: Option<String>,
    /// Its presence, when others change it, has the part collected or removed.
    #[serde(default)]
    pub(crate) watch_presence: bool,
}

/// Keys of an object that are not its fragment's.
pub(crate) const BESIDE_OBJECT: [&str; 2] = ["location", "watch-presence"];

/// Both layers merged, as tables that can be written again; each file has passed one of the types above before.
#[derive(Debug, Deserialize)]
pub(crate) struct Tables {
    /// Whether the image's inventory is our own.
    #[serde(default, rename = "own-inventory")]
    pub(crate) own_inventory: bool,
    #[serde(default)]
    pub(crate) fru: BTreeMap<EepromKey, Table>,
    #[serde(default)]
    pub(crate) common: Table,
    /// Done before all slots.
    #[serde(default)]
    pub(crate) start: Vec<Step>,
    /// Which buses are one wire.
    #[serde(default)]
    pub(crate) mux: Vec<Mux>,
    /// Which keywords are kept a second time.
    #[serde(default)]
    pub(crate) backup: Vec<Backup>,
    /// What location codes are made from.
    #[serde(default)]
    pub(crate) location: LocationTable,
}
