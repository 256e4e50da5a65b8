//! One system: its layers merged, its FRUs' fragments complete.

use crate::files::wrong_at;
use crate::keys::label;
use crate::layer::Tables;
use crate::{Outputs, Problem, fragment};
use fru_publication::{EepromKey, Fragment, FragmentError, Presence, WantedFormat};
use service_config::SourceFile;
use std::collections::BTreeMap;
use std::path::Path;
use system_index::{Parser, SystemFru, SystemIndex, SystemName, places};
use toml::{Table, Value};
use vpd_format::Format;

/// A system with its EEPROMs.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) name: SystemName,
    pub(crate) frus: BTreeMap<EepromKey, Fru>,
    /// The files that it was made from, in rising order of precedence.
    pub(crate) files: Vec<SourceFile>,
}

/// The fragment of an EEPROM.
#[derive(Debug)]
pub(crate) struct Fru {
    pub(crate) fragment: Fragment,
    text: String,
}

impl Fru {
    /// Who reads it; with `auto` the other one may take over.
    pub(crate) fn parser(&self) -> Parser {
        match self.fragment.format {
            WantedFormat::Auto | WantedFormat::Pinned(Format::Ipz) => Parser::Ipz,
            WantedFormat::Pinned(Format::Keyword | Format::Memory) => Parser::Keyword,
        }
    }
}

impl Fru {
    /// Paths of the objects that exist for its sake.
    fn objects(&self) -> Vec<String> {
        let ours = self.fragment.object.iter().filter(|object| object.presence == Presence::Managed);
        ours.map(|object| object.path.clone()).collect()
    }
}

impl System {
    /// Merges files that have each been checked by themselves.
    pub(crate) fn merge(name: SystemName, files: Vec<SourceFile>) -> Result<Self, Problem> {
        let tables: Tables = service_config::merge(&files)?.fragment;
        let mut system = Self { name, frus: BTreeMap::new(), files };
        for (key, table) in tables.fru {
            let fru = system.complete(&key, table, &tables.common)?;
            system.frus.insert(key, fru);
        }
        system.check_paths()?;
        Ok(system)
    }

    fn complete(&self, key: &EepromKey, mut table: Table, common: &Table) -> Result<Fru, Problem> {
        add_missing(&mut table, common);
        let text = fragment::text(&table);
        let fragment = Fragment::parse(&text).map_err(|error| self.explain(key, &error))?;
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
        Ok(Fru { fragment, text })
    }

    /// Two EEPROMs with one object would take turns at overwriting it.
    fn check_paths(&self) -> Result<(), Problem> {
        let mut owners: BTreeMap<&str, &EepromKey> = BTreeMap::new();
        for (key, fru) in &self.frus {
            for object in &fru.fragment.object {
                match owners.insert(&object.path, key) {
                    Some(owner) if owner != key => {
                        let message = format!("object {:?} is also in fru {owner}", object.path);
                        return Err(self.wrong(key, message));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
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

    /// The system's folder: its index and its fragments.
    pub(crate) fn outputs(&self, parsers: &BTreeMap<EepromKey, Parser>) -> Outputs {
        let folder = places::system(Path::new(""), &self.name);
        let fru = self.frus.iter().map(|(key, fru)| SystemFru {
            key: key.clone(),
            // One unit reads an EEPROM, whatever system it is in.
            parser: parsers.get(key).copied().unwrap_or_else(|| fru.parser()),
            objects: fru.objects(),
        });
        let index = SystemIndex { fru: fru.collect() };
        let mut outputs = Outputs::from([(places::system_index(&folder), index.to_text())]);
        outputs.extend(self.frus.iter().map(|(key, fru)| (places::fragment(&folder, key), fru.text.clone())));
        outputs
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
