//! All systems of an image together: how they are told apart, and who reads each EEPROM.

use crate::files::{Sources, wrong_at};
use crate::layer::{CommonLayer, SystemLayer};
use crate::system::{Fru, System};
use crate::{Outputs, Problem};
use fru_publication::{EepromKey, WantedFormat};
use service_config::SourceFile;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use system_index::{IndexError, Levels, MachineIndex, Match, Parser, SystemEeprom, SystemName, places};
use vpd_format::Format;

/// Parsers that run at once unless the source says otherwise.
const LANES: u16 = 4;
const LANES_RANGE: RangeInclusive<u16> = 1..=64;
/// How long selection waits unless the source says otherwise, milliseconds.
const SELECT_WAIT_MS: u32 = 10_000;
/// Zero would mean for ever.
const SELECT_WAIT_RANGE_MS: RangeInclusive<u32> = 1..=600_000;

/// An image's configuration, checked.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) lanes: u16,
    pub(crate) select_wait_ms: u32,
    pub(crate) index: MachineIndex,
    /// The layer in common first, then the systems by name.
    pub(crate) systems: Vec<System>,
    /// Every EEPROM of any system, and who reads it.
    pub(crate) parsers: BTreeMap<EepromKey, Parser>,
}

impl Machine {
    pub(crate) fn load(folder: &Path) -> Result<Self, Problem> {
        let sources = Sources::load(folder)?;
        let common: CommonLayer = service_config::merge(&sources.common)?.fragment;
        let lanes = common.lanes.unwrap_or(LANES);
        within(&sources.common, "lanes", lanes, &LANES_RANGE)?;
        let select_wait_ms = common.select_wait_ms.unwrap_or(SELECT_WAIT_MS);
        within(&sources.common, "select-wait-ms", select_wait_ms, &SELECT_WAIT_RANGE_MS)?;

        let mut systems = vec![System::merge(SystemName::common(), sources.common.clone())?];
        let mut matches = Vec::new();
        for (name, files) in sources.systems {
            matches.extend(matches_of(&name, &files)?);
            systems.push(System::merge(name, [&sources.common[..], &files[..]].concat())?);
        }
        let keys = common.system_eeproms.unwrap_or_default();
        let index =
            MachineIndex { system_eeproms: system_eeproms(&keys, &systems, &sources.common)?, matches };
        if index.system_eeproms.is_empty() && !index.matches.is_empty() {
            let message = "system-eeproms: none is named, so no system could ever be chosen";
            return Err(wrong_at(&sources.common, &[&["system-eeproms"]], message));
        }
        index.check().map_err(|error| explain(&error, &systems, &sources.common))?;
        let parsers = parsers(&systems);
        Ok(Self { lanes, select_wait_ms, index, systems, parsers })
    }

    /// The indices and the fragments.
    pub(crate) fn indices(&self) -> Outputs {
        let mut outputs = Outputs::from([(places::machine_index(Path::new("")), self.index.to_text())]);
        outputs.extend(self.systems.iter().flat_map(|system| system.outputs(&self.parsers)));
        outputs
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    files: &[SourceFile],
    key: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), Problem> {
    if range.contains(&value) {
        return Ok(());
    }
    let message = format!("{key}: {value} is not within {} to {}", range.start(), range.end());
    Err(wrong_at(files, &[&[key]], message))
}

fn matches_of(name: &SystemName, files: &[SourceFile]) -> Result<Vec<Match>, Problem> {
    let layer: SystemLayer = service_config::merge(files)?.fragment;
    if layer.matches.is_empty() {
        let message = format!("system {name} has no [[match]], so it could never be chosen");
        return Err(wrong_at(files, &[&["match"]], message));
    }
    let rows = layer.matches.into_iter().map(|row| {
        let levels = Levels::new(row.hw, row.not_hw)
            .map_err(|error| wrong_at(files, &[&["match"]], format!("match: {error}")))?;
        Ok(Match { system: name.clone(), im: row.im, levels })
    });
    rows.collect()
}

/// What it takes to read the system EEPROMs, which has to be known before the system is.
fn system_eeproms(
    keys: &[EepromKey],
    systems: &[System],
    files: &[SourceFile],
) -> Result<Vec<SystemEeprom>, Problem> {
    let wrong = |key: &EepromKey, message: &str| {
        wrong_at(files, &[&["system-eeproms"]], format!("system-eeproms: {key} {message}"))
    };
    let mut found = Vec::new();
    for key in keys {
        let mut facts = systems.iter().filter_map(|system| Some(facts(key, system.frus.get(key)?)));
        let first = facts.next().ok_or_else(|| wrong(key, "is in no system"))?;
        let first = first.ok_or_else(|| wrong(key, "has a format without system type"))?;
        if facts.any(|other| other.as_ref() != Some(&first)) {
            let message =
                "is read in different ways by different systems, and which one this is says only itself";
            return Err(wrong(key, message));
        }
        found.push(first);
    }
    Ok(found)
}

fn facts(key: &EepromKey, fru: &Fru) -> Option<SystemEeprom> {
    let fragment = &fru.fragment;
    let is_ipz = matches!(fragment.format, WantedFormat::Auto | WantedFormat::Pinned(Format::Ipz));
    is_ipz.then(|| SystemEeprom {
        key: key.clone(),
        file: fragment.file.clone(),
        offset: fragment.offset,
        size: fragment.size,
        policy: fragment.policy,
        ecc: fragment.ecc,
    })
}

fn explain(error: &IndexError, systems: &[System], common: &[SourceFile]) -> Problem {
    match error {
        IndexError::Ambiguous { second, .. } => {
            let files = systems.iter().find(|system| system.name == *second).map(|system| &system.files[..]);
            wrong_at(files.unwrap_or(common), &[&["match"]], error.to_string())
        }
        _ => wrong_at(common, &[&["system-eeproms"]], format!("system-eeproms: {error}")),
    }
}

/// The first system that has an EEPROM decides who reads it: there is one rule for all systems.
fn parsers(systems: &[System]) -> BTreeMap<EepromKey, Parser> {
    let mut parsers = BTreeMap::new();
    for (key, fru) in systems.iter().flat_map(|system| &system.frus) {
        parsers.entry(key.clone()).or_insert_with(|| fru.parser());
    }
    parsers
}
