//! One system: its layers merged, its FRUs' fragments complete.

use crate::files::{Places, wrong_at};
use crate::keys::label;
use crate::layer::{
    BESIDE_FRAGMENT, BESIDE_OBJECT, Candidate, FruSource, LocationTable, ObjectSource, Tables,
};
use crate::problem::{Findings, Warning};
use crate::shown::Judge;
use crate::{Outputs, Problem, fragment};
use fru_publication::{EepromKey, Fragment, FragmentError, ObjectFragment, Presence, WantedFormat};
use location_code::Unexpanded;
use serde::Deserialize as _;
use service_config::SourceFile;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use system_index::{
    Action, Backup, Backups, LocatedObject, Locations, Mux, Parser, Slot, Step, SystemEeprom, SystemFru,
    SystemIndex, SystemName, places,
};
use toml::{Table, Value};
use vpd_format::Format;

/// The key of a fragment that says what of it the inventory drops without a word.
const NOT_SHOWN: &str = "not-shown";

/// A system with its EEPROMs.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) name: SystemName,
    pub(crate) frus: BTreeMap<EepromKey, Fru>,
    /// Where it says its type.
    pub(crate) system_eeproms: Vec<Candidate>,
    /// Whether the image's inventory is our own.
    own_inventory: bool,
    /// What is done before all slots.
    start: Vec<Step>,
    /// Which buses are one wire.
    pub(crate) muxes: Vec<Mux>,
    /// Which keywords are kept a second time.
    backups: Vec<Backup>,
    locations: Locations,
    /// The files that it was made from, in rising order of precedence.
    pub(crate) files: Vec<SourceFile>,
}

/// What is known of an EEPROM.
#[derive(Debug)]
pub(crate) struct Fru {
    pub(crate) fragment: Fragment,
    text: String,
    /// What is not the parsers' business.
    source: FruSource,
}

impl Fru {
    /// Who reads it; with `auto` the other one may take over.
    pub(crate) fn parser(&self) -> Parser {
        match self.fragment.format {
            WantedFormat::Auto | WantedFormat::Pinned(Format::Ipz) => Parser::Ipz,
            WantedFormat::Pinned(Format::Keyword | Format::Memory) => Parser::Keyword,
        }
    }

    /// Paths of the objects that exist for its sake.
    fn objects(&self) -> Vec<String> {
        let is_ours = |object: &&ObjectFragment| object.presence != Presence::LeftAlone && !object.foreign;
        self.fragment.object.iter().filter(is_ours).map(|object| object.path.clone()).collect()
    }

    /// How it is read before the system is known; nothing if its format has no system type.
    fn as_system_eeprom(&self, key: &EepromKey) -> Option<SystemEeprom> {
        let Fragment { format, file, offset, size, policy, ecc, .. } = &self.fragment;
        let is_ipz = matches!(format, WantedFormat::Auto | WantedFormat::Pinned(Format::Ipz));
        is_ipz.then(|| SystemEeprom {
            key: key.clone(),
            file: file.clone(),
            offset: *offset,
            size: *size,
            policy: *policy,
            ecc: *ecc,
        })
    }

    pub(crate) fn is_power_off_only(&self) -> bool {
        self.source.power_off_only
    }

    /// What is done about its place, if that is anything.
    fn slot(&self) -> Option<&Slot> {
        self.source.slot.as_ref().filter(|slot| slot.has_steps())
    }

    fn indexed(&self, key: &EepromKey, parser: Parser) -> SystemFru {
        let watched = self.source.object.iter().filter(|object| object.watch_presence);
        SystemFru {
            objects: self.objects(),
            slot: self.slot().is_some(),
            poll: self.source.slot.as_ref().and_then(|slot| slot.poll.clone()),
            power_off_only: self.source.power_off_only,
            replaceable_at: self.source.replaceable_at.clone(),
            essential: self.source.essential,
            redundant: self.fragment.redundant.clone(),
            watch: watched.map(|object| object.path.clone()).collect(),
            ..SystemFru::new(key.clone(), parser)
        }
    }
}

impl System {
    /// Merges files that have each been checked by themselves. What is wrong with what they say is a finding.
    ///
    /// Errors: they cannot be merged.
    pub(crate) fn merge(
        name: SystemName,
        files: Vec<SourceFile>,
        system_eeproms: Vec<Candidate>,
        judge: &mut Judge<'_>,
    ) -> Result<Self, Problem> {
        let tables: Tables = service_config::merge(&files)?.fragment;
        let mut system = Self {
            name,
            frus: BTreeMap::new(),
            system_eeproms,
            own_inventory: tables.own_inventory,
            start: tables.start,
            muxes: tables.mux,
            backups: tables.backup,
            locations: Locations::default(),
            files,
        };
        let before = judge.findings.count();
        let files = system.files.clone();
        let places = Places::of(&files);
        for (key, table) in tables.fru {
            match system.complete(&key, table, &tables.common, &places, judge) {
                Ok(fru) => drop(system.frus.insert(key, fru)),
                Err(problem) => judge.findings.wrong(problem),
            }
        }
        // What would follow from a FRU that is left out says nothing.
        if judge.findings.count() == before {
            system.check_paths(judge.findings);
            system.check_redundants(judge.findings);
            system.check_start(judge.findings);
            system.check_candidates(judge.findings);
            system.check_wires(judge.findings);
            system.check_backups(judge.findings);
            system.locations = system.located(tables.location, &places, judge.findings);
        }
        Ok(system)
    }

    /// Every value with the file that set it.
    pub(crate) fn describe(&self) -> Result<String, Problem> {
        Ok(service_config::merge::<Table>(&self.files)?.describe())
    }

    fn complete(
        &self,
        key: &EepromKey,
        mut table: Table,
        common: &Table,
        places: &Places<'_>,
        judge: &mut Judge<'_>,
    ) -> Result<Fru, Problem> {
        let source = FruSource::deserialize(table.clone())
            .map_err(|error| self.wrong(key, format!("merged from several files: {error}")))?;
        if let Some(slot) = &source.slot {
            slot.check()
                .map_err(|error| self.wrong_at(key, &[&["fru", key.as_str(), "slot"]], &error.to_string()))?;
        }
        leave_fragment(&mut table);
        if self.own_inventory {
            table.insert("own-inventory".to_owned(), Value::Boolean(true));
        }
        add_missing(&mut table, common);
        let mut text = fragment::text(&table);
        let mut fragment = Fragment::parse(&text).map_err(|error| self.explain(key, &error))?;
        match (key.sysfs_path(), &fragment.file) {
            (None, None) => return Err(self.wrong(key, "has no file")),
            (Some(_), Some(_)) => return Err(self.wrong(key, "is a chip and has a file all the same")),
            (_, Some(file)) if !file.is_absolute() => {
                return Err(self.wrong(key, "has a file that is not named from the root on"));
            }
            _ => {}
        }
        if label(key).len() > 200 {
            return Err(self.wrong(key, "is too long for the name of a unit"));
        }
        fragment.not_shown = judge.look(places, key, &fragment);
        if !fragment.not_shown.is_empty() {
            table.insert(NOT_SHOWN.to_owned(), fragment.not_shown.clone().into());
            text = fragment::text(&table);
        }
        Ok(Fru { fragment, text, source })
    }

    /// Two EEPROMs with one object would take turns at overwriting it.
    fn check_paths(&self, findings: &mut Findings) {
        let mut owners: BTreeMap<&str, &EepromKey> = BTreeMap::new();
        for (key, fru) in &self.frus {
            for object in &fru.fragment.object {
                match owners.insert(&object.path, key) {
                    Some(owner) if owner != key => {
                        let message = format!("object {:?} is also in fru {owner}", object.path);
                        findings.wrong(self.wrong(key, message));
                    }
                    _ => {}
                }
            }
        }
    }

    /// What stands in for another one is no FRU of its own, and a chip of the same kind.
    fn check_redundants(&self, findings: &mut Findings) {
        for (key, fru) in &self.frus {
            let Some(redundant) = &fru.fragment.redundant else { continue };
            let mut others = self.frus.iter().filter(|(other, _)| *other < key);
            let has_it = |other: &Fru| other.fragment.redundant.as_ref() == Some(redundant);
            let message = if self.frus.contains_key(redundant) {
                format!("{redundant} is a fru of its own")
            } else if key.sysfs_path().is_none() || redundant.sysfs_path().is_none() {
                format!("{redundant}: only chips stand in for each other, no files")
            } else if let Some((other, _)) = others.find(|(_, other)| has_it(other)) {
                format!("{redundant} stands in for {other} already")
            } else {
                continue;
            };
            let way: &[&str] = &["fru", key.as_str(), "redundant"];
            findings.wrong(self.wrong_at(key, &[way], &format!("redundant: {message}")));
        }
    }

    /// The location codes of all objects that have one.
    fn located(&self, table: LocationTable, places: &Places<'_>, findings: &mut Findings) -> Locations {
        let mut locations =
            Locations { node: table.node, enclosure: table.enclosure, ..Locations::default() };
        locations.system = table.system.unwrap_or(locations.system);
        for (key, fru) in &self.frus {
            for (index, object) in fru.source.object.iter().enumerate() {
                let Some(code) = &object.location else { continue };
                locations.object.push(LocatedObject { path: object.path.clone(), code: code.clone() });
                if let Some((node, plain)) = Unexpanded::parse(code).ok().and_then(|code| code.without_node())
                {
                    let way: &[&str] = &["fru", key.as_str(), "object", &index.to_string(), "location"];
                    findings.warn(Warning {
                        place: places.find(&[way]),
                        subject: format!("fru {key}: object {}", object.path),
                        unshown: String::new(),
                        message: format!(
                            "location {code} names the node {node}, which codes have before it: write {plain}"
                        ),
                    });
                }
            }
        }
        locations.check().iter().for_each(|problem| findings.wrong(self.explain_location(problem)));
        locations
    }

    /// What is wrong with an object's code begins with the object's path.
    fn explain_location(&self, problem: &str) -> Problem {
        let begins = |object: &ObjectSource| problem.starts_with(&format!("{}: ", object.path));
        match self.frus.iter().find(|(_, fru)| fru.source.object.iter().any(begins)) {
            Some((key, _)) => self.wrong(key, format!("location: {problem}")),
            None => wrong_at(&self.files, &[&["location"]], format!("location: {problem}")),
        }
    }

    /// Before all slots no part is known.
    fn check_start(&self, findings: &mut Findings) {
        let is_about_a_part =
            |step: &Step| !step.ccin.is_empty() || matches!(step.action, Action::Presence(..));
        let found = self.start.iter().enumerate().find(|(_, step)| is_about_a_part(step));
        if let Some((index, step)) = found {
            let message = format!("start: \"{}\" asks for a part, and none is known yet", step.action);
            let index = index.to_string();
            findings.wrong(wrong_at(&self.files, &[&["start", &index], &["start"]], message));
        }
    }

    fn wrong(&self, key: &EepromKey, message: impl AsRef<str>) -> Problem {
        self.wrong_at(key, &[], message.as_ref())
    }

    fn explain(&self, key: &EepromKey, error: &FragmentError) -> Problem {
        let message = error.to_string();
        match error {
            FragmentError::Name(interface) | FragmentError::LocationCode(interface) => self.wrong_at(
                key,
                &[&["fru", key.as_str(), "common", interface], &["common", interface]],
                &message,
            ),
            _ => self.wrong_at(key, &[], &message),
        }
    }

    fn wrong_at(&self, key: &EepromKey, better: &[&[&str]], message: &str) -> Problem {
        let fru: &[&str] = &["fru", key.as_str()];
        let keys: Vec<&[&str]> = better.iter().copied().chain([fru]).collect();
        wrong_at(&self.files, &keys, format!("fru {key}: {message}"))
    }

    /// Whether this FRU is to say which system it is.
    pub(crate) fn names(&self, key: &EepromKey) -> bool {
        self.system_eeproms.iter().any(|candidate| *candidate == Candidate::Fru(key.clone()))
    }

    /// How the EEPROM is read that may say which system this is, if it is to: nothing if its format has no system type.
    pub(crate) fn candidate(&self, key: &EepromKey) -> Option<Option<SystemEeprom>> {
        match self.system_eeproms.iter().find(|candidate| candidate.key() == key)? {
            Candidate::Fru(key) => self.frus.get(key).map(|fru| fru.as_system_eeprom(key)),
            Candidate::Only(eeprom) => Some(Some(eeprom.clone())),
        }
    }

    fn check_wires(&self, findings: &mut Findings) {
        for (index, problem) in Mux::check(&self.muxes) {
            let index = index.to_string();
            let ways: [&[&str]; 2] = [&["mux", &index], &["mux"]];
            findings.wrong(wrong_at(&self.files, &ways, format!("mux: {problem}")));
        }
    }

    /// Both sides of a backup are FRUs with records, and have no other backup: what is written to one side is written to the other.
    /// Whether keywords are kept a second time.
    pub fn has_backups(&self) -> bool {
        !self.backups.is_empty()
    }

    fn check_backups(&self, findings: &mut Findings) {
        let mut known = BTreeSet::new();
        for (index, backup) in self.backups.iter().enumerate() {
            let index = index.to_string();
            let ways: [&[&str]; 2] = [&["backup", &index], &["backup"]];
            let sides = [Some(&backup.source), backup.destination.as_ref()].into_iter().flatten();
            let fault = |key: &EepromKey| match self.frus.get(key).map(|fru| fru.as_system_eeprom(key)) {
                None => Some(format!("{key} is no fru of this system")),
                Some(None) => Some(format!("{key} has a format without records")),
                Some(Some(_)) => None,
            };
            let twice = sides.clone().filter(|key| !known.insert((*key).clone()));
            let twice: Vec<_> = twice.map(|key| format!("{key} is in another backup already")).collect();
            for problem in sides.filter_map(fault).chain(twice).chain(backup.check()) {
                findings.wrong(wrong_at(&self.files, &ways, format!("backup: {problem}")));
            }
        }
    }

    /// One that is no FRU is described as one would be, and is none.
    fn check_candidates(&self, findings: &mut Findings) {
        for candidate in &self.system_eeproms {
            let Candidate::Only(SystemEeprom { key, file, .. }) = candidate else { continue };
            let message = match (key.sysfs_path(), file) {
                _ if self.frus.contains_key(key) => "is a fru of its own; name it by its key alone",
                (None, None) => "has no file",
                (Some(_), Some(_)) => "is a chip and has a file all the same",
                (None, Some(file)) if !file.is_absolute() => "has a file that is not named from the root on",
                _ => continue,
            };
            let message = format!("system-eeproms: {key} {message}");
            findings.wrong(wrong_at(&self.files, &[&["system-eeproms"]], message));
        }
    }

    /// Files that stand in for EEPROMs.
    pub(crate) fn files(&self) -> impl Iterator<Item = &std::path::Path> {
        self.frus.values().filter_map(|fru| fru.fragment.file.as_deref())
    }

    /// The system's folder: its index and its fragments.
    pub(crate) fn outputs(&self, parsers: &BTreeMap<EepromKey, Parser>) -> Outputs {
        let folder = places::system(Path::new(""), &self.name);
        // One unit reads an EEPROM, whatever system it is in.
        let parser = |key: &EepromKey, fru: &Fru| parsers.get(key).copied().unwrap_or_else(|| fru.parser());
        let fru = self
            .frus
            .iter()
            .map(|(key, fru)| SystemFru { system: self.names(key), ..fru.indexed(key, parser(key, fru)) });
        let index =
            SystemIndex { own_inventory: self.own_inventory, fru: fru.collect(), mux: self.muxes.clone() };
        let mut outputs = Outputs::from([(places::system_index(&folder), index.to_text())]);
        outputs.extend(self.frus.iter().map(|(key, fru)| (places::fragment(&folder, key), fru.text.clone())));
        let slots = self
            .frus
            .iter()
            .filter_map(|(key, fru)| Some((places::slot(&folder, key), fru.slot()?.to_text())));
        outputs.extend(slots);
        if !self.locations.object.is_empty() {
            outputs.insert(places::locations(&folder), self.locations.to_text());
        }
        if !self.backups.is_empty() {
            let backups = Backups { backup: self.backups.clone() };
            outputs.insert(places::backups(&folder), backups.to_text());
        }
        if !self.start.is_empty() {
            let start = Slot { before_collection: self.start.clone(), ..Slot::default() };
            outputs.insert(places::start(&folder), start.to_text());
        }
        outputs
    }
}

/// Takes away what is not the parsers' business, and would cost each of them time.
fn leave_fragment(table: &mut Table) {
    for key in BESIDE_FRAGMENT {
        table.remove(key);
    }
    let objects = table.get_mut("object").and_then(Value::as_array_mut);
    for object in objects.into_iter().flatten().filter_map(Value::as_table_mut) {
        for key in BESIDE_OBJECT {
            object.remove(key);
        }
    }
}

/// Gives a FRU the layer's interfaces, without touching properties that it has.
fn add_missing(fru: &mut Table, common: &Table) {
    if common.is_empty() {
        return;
    }
    let own = fru.entry("common").or_insert_with(|| Value::Table(Table::new()));
    let Some(own) = own.as_table_mut() else { return };
    for (interface, properties) in common {
        let own = own.entry(interface.clone()).or_insert_with(|| Value::Table(Table::new()));
        let (Some(own), Some(properties)) = (own.as_table_mut(), properties.as_table()) else { continue };
        for (property, source) in properties {
            own.entry(property.clone()).or_insert_with(|| source.clone());
        }
    }
}
