//! All systems of an image together: how they are told apart, and who reads each EEPROM.

use crate::files::{Sources, wrong_at};
use crate::hosted::Hosted;
use crate::layer::{Candidate, CommonLayer, SystemLayer};
use crate::problem::{Findings, Warning};
use crate::shown::Judge;
use crate::system::System;
use crate::{Outputs, Problem, Source};
use fru_publication::EepromKey;
use service_config::SourceFile;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;
use system_index::{IndexError, Levels, MachineIndex, Match, Parser, SystemEeprom, SystemName, places};

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
    /// Every redundant EEPROM of any system, and for which it stands in.
    pub(crate) stand_ins: BTreeMap<EepromKey, BTreeSet<EepromKey>>,
    /// Every EEPROM that some system must not read while the chassis has power.
    pub(crate) held: BTreeSet<EepromKey>,
    /// What is compiled and will not be shown as it says.
    pub(crate) warnings: Vec<Warning>,
}

impl Machine {
    pub(crate) fn load(source: &Source<'_>) -> Result<Self, Problem> {
        let mut findings = Findings::default();
        let sources = Sources::load(source.image, source.site)?;
        let machine = Self::of(sources, &Hosted::load(source)?, &mut findings);
        let warnings = findings.warnings;
        match machine {
            Ok(machine) => Ok(Self { warnings, ..machine }),
            Err(problem) if warnings.is_empty() => Err(problem),
            Err(problem) => Err(Problem::Warned { problem: Box::new(problem), warnings }),
        }
    }

    /// Compiles sources; what is only to be said is left in `findings`.
    ///
    /// Errors: the first of what is in no order, or all that is wrong with what the systems say.
    pub(crate) fn of(sources: Sources, hosted: &Hosted, findings: &mut Findings) -> Result<Self, Problem> {
        let common: CommonLayer = service_config::merge(&sources.common)?.fragment;
        let lanes = common.lanes.unwrap_or(LANES);
        within(&sources.common, "lanes", lanes, &LANES_RANGE)?;
        let select_wait_ms = common.select_wait_ms.unwrap_or(SELECT_WAIT_MS);
        within(&sources.common, "select-wait-ms", select_wait_ms, &SELECT_WAIT_RANGE_MS)?;

        let keys = common.system_eeproms.unwrap_or_default();
        let mut judge = Judge { hosted, findings: &mut *findings };
        let layer = sources.common.clone();
        let mut systems = vec![System::merge(SystemName::common(), layer, keys.clone(), &mut judge)?];
        let mut matches = Vec::new();
        for (name, files) in sources.systems {
            let layer: SystemLayer = service_config::merge(&files)?.fragment;
            let own = layer.system_eeproms.clone().unwrap_or_default();
            let is_known = |own: &Candidate| keys.iter().any(|known| known.key() == own.key());
            let own: Vec<_> = own.into_iter().filter(|own| !is_known(own)).collect();
            let named = [&keys[..], &own[..]].concat();
            matches.extend(matches_of(&name, layer, &files)?);
            let files = [&sources.common[..], &files[..]].concat();
            systems.push(System::merge(name, files, named, &mut judge)?);
        }
        findings.conclude()?;
        let index =
            MachineIndex { system_eeproms: system_eeproms(&keys, &systems, &sources.common)?, matches };
        if index.system_eeproms.is_empty() && !index.matches.is_empty() {
            let message = "system-eeproms: none is named, so no system could ever be chosen";
            // Of the layer in common, or of the first system where that has no file.
            let files = systems.iter().map(|system| &system.files).find(|files| !files.is_empty());
            return Err(wrong_at(files.unwrap_or(&sources.common), &[&["system-eeproms"]], message));
        }
        index.check().map_err(|error| explain(&error, &systems, &sources.common))?;
        let (parsers, stand_ins) = (parsers(&systems), stand_ins(&systems));
        let frus = systems.iter().flat_map(|system| &system.frus);
        let held = frus.filter(|(_, fru)| fru.is_power_off_only()).map(|(key, _)| key.clone()).collect();
        let warnings = Vec::new();
        Ok(Self { lanes, select_wait_ms, index, systems, parsers, stand_ins, held, warnings })
    }

    /// The EEPROMs that selection waits for.
    ///
    /// What only stands in, or is no FRU, is looked at where the others say nothing, and not waited for. Where all are such,
    /// selection would ask before any chip is there, so it waits for the first.
    pub(crate) fn awaited(&self) -> Vec<&EepromKey> {
        let keys = || self.index.system_eeproms.iter().map(|eeprom| &eeprom.key);
        let is_named = |key: &&EepromKey| self.systems.iter().any(|system| system.names(key));
        let named: Vec<&EepromKey> = keys().filter(is_named).collect();
        if named.is_empty() {
            keys().find(|key| key.sysfs_path().is_some()).into_iter().collect()
        } else {
            named
        }
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

fn matches_of(name: &SystemName, layer: SystemLayer, files: &[SourceFile]) -> Result<Vec<Match>, Problem> {
    if layer.matches.is_empty() {
        let message = format!("system {name} has no [[match]], so it could never be chosen");
        return Err(wrong_at(files, &[&["match"]], message));
    }
    let rows = layer.matches.into_iter().enumerate().map(|(index, row)| {
        let index = index.to_string();
        let ways: [&[&str]; 2] = [&["match", &index], &["match"]];
        let levels = Levels::new(row.hw, row.not_hw)
            .map_err(|error| wrong_at(files, &ways, format!("match: {error}")))?;
        Ok(Match { system: name.clone(), im: row.im, levels })
    });
    rows.collect()
}

/// What it takes to read the system EEPROMs, which has to be known before the system is.
///
/// Those that all systems have in common come first, as they are preferred, then those that single systems name, then the
/// chips that stand in for one of these.
fn system_eeproms(
    common: &[Candidate],
    systems: &[System],
    files: &[SourceFile],
) -> Result<Vec<SystemEeprom>, Problem> {
    let mut keys: Vec<&EepromKey> = common.iter().map(Candidate::key).collect();
    for key in systems.iter().flat_map(|system| &system.system_eeproms).map(Candidate::key) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut found = Vec::new();
    for key in keys {
        let names = |system: &&System| system.system_eeproms.iter().any(|candidate| candidate.key() == key);
        let is_common = common.iter().any(|candidate| candidate.key() == key);
        let own = || systems.iter().find(names).map_or(files, |system| &system.files);
        let place = if is_common { files } else { own() };
        let wrong = |message: &str| {
            wrong_at(place, &[&["system-eeproms"]], format!("system-eeproms: {key} {message}"))
        };
        let mut facts = systems.iter().filter_map(|system| system.candidate(key));
        let first = facts.next().ok_or_else(|| wrong("is in no system"))?;
        let first = first.ok_or_else(|| wrong("has a format without system type"))?;
        if facts.any(|other| other.as_ref() != Some(&first)) {
            return Err(wrong(
                "is read in different ways by different systems, and which one this is says only itself",
            ));
        }
        found.push(first);
    }
    let mut seconds: Vec<SystemEeprom> = Vec::new();
    for first in &found {
        let redundant = systems.iter().filter_map(|system| {
            system
                .names(&first.key)
                .then(|| system.frus.get(&first.key)?.fragment.redundant.clone())
                .flatten()
        });
        for key in redundant {
            if !found.iter().chain(&seconds).any(|other| other.key == key) {
                seconds.push(SystemEeprom { key, ..first.clone() });
            }
        }
    }
    found.extend(seconds);
    Ok(found)
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

fn stand_ins(systems: &[System]) -> BTreeMap<EepromKey, BTreeSet<EepromKey>> {
    let mut stand_ins: BTreeMap<EepromKey, BTreeSet<EepromKey>> = BTreeMap::new();
    for (key, fru) in systems.iter().flat_map(|system| &system.frus) {
        if let Some(redundant) = &fru.fragment.redundant {
            stand_ins.entry(redundant.clone()).or_default().insert(key.clone());
        }
    }
    stand_ins
}
