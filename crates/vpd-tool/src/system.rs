//! What the chosen system is made of, as `vpd-select` has linked it.

use crate::console::Console;
use crate::exit::{Exit, Failure};
use anyhow::Context as _;
use fru_publication::{EepromKey, Fragment};
use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};
use system_index::{Backup, Backups, Eeproms, Locations, SystemIndex, places};

/// The system of this boot. Empty where none was chosen.
#[derive(Debug, Default)]
pub(crate) struct System {
    pub(crate) index: SystemIndex,
    pub(crate) fragments: BTreeMap<EepromKey, Fragment>,
    pub(crate) eeproms: Eeproms,
    pub(crate) locations: Locations,
    /// Which keywords are kept a second time.
    pub(crate) backups: Vec<Backup>,
}

impl System {
    /// Reads index, fragments and location codes. A fragment that is wrong is left out, and said.
    pub(crate) fn load(root: &Path, console: &mut Console<'_>) -> Result<Self, Failure> {
        let active = places::active(root);
        let Some(text) = text_of(&places::system_index(&active))? else {
            console
                .say(&format!("vpd-tool: no system is chosen: there is nothing below {}", active.display()));
            return Ok(Self::default());
        };
        let mut system = Self { index: parsed(SystemIndex::parse(&text), &active)?, ..Self::default() };
        for fru in &system.index.fru {
            let path = places::fragment(&active, &fru.key);
            let wrong = match fs::read_to_string(&path).map(|text| Fragment::parse(&text)) {
                Ok(Ok(fragment)) => {
                    system.eeproms.add(&fru.key, &fragment);
                    system.fragments.insert(fru.key.clone(), fragment);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            console.say(&format!("vpd-tool: {} is left out: {}: {wrong}", fru.key, path.display()));
        }
        if let Some(text) = text_of(&places::locations(&active))? {
            system.locations = parsed(Locations::parse(&text), &active)?;
        }
        if let Some(text) = text_of(&places::backups(&active))? {
            system.backups = parsed(Backups::parse(&text), &active)?.backup;
        }
        Ok(system)
    }

    /// The object of a FRU, relative to the inventory's root; where there are several, the FRU itself.
    pub(crate) fn object_of(&self, key: &EepromKey) -> Option<&str> {
        let objects = &self.fragments.get(key)?.object;
        let own = objects.iter().find(|object| !object.foreign).or(objects.first())?;
        Some(&own.path)
    }

    /// The code of an object that is not expanded.
    pub(crate) fn code_of(&self, object: &str) -> Option<&str> {
        self.locations.object.iter().find(|located| located.path == object).map(|located| &*located.code)
    }
}

fn text_of(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let cause = anyhow::Error::new(error).context(format!("cannot read {}", path.display()));
            Err(Failure::new(Exit::NoInput, cause))
        }
    }
}

fn parsed<T>(parsed: Result<T, system_index::IndexError>, active: &Path) -> Result<T, Failure> {
    parsed
        .with_context(|| format!("the description of the system in {}", active.display()))
        .map_err(|cause| Failure::new(Exit::NoInput, cause))
}
