//! What is remembered until the next boot, also when the service is killed: files in a folder below `/run`.

use durable_state::{Disk, Document, StateFolder, remove_unflushed};
use fru_publication::EepromKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use vpd_format::RecordName;

/// How the name of a file ends that says that an EEPROM was written and not read again by its parser.
const UNSHOWN: &str = ".unshown";
/// How the name of a file ends that says which records of an EEPROM were scrubbed.
const SCRUBBED: &str = ".scrubbed";

/// An EEPROM was written; its file being there says all.
#[derive(Debug, Serialize, Deserialize)]
struct Unshown {}

impl Document for Unshown {
    const FORMAT: u32 = 1;
    const LONGEST: u64 = 1024;
}

#[derive(Debug, Serialize, Deserialize)]
struct Scrubbed {
    records: Vec<String>,
}

impl Document for Scrubbed {
    const FORMAT: u32 = 1;
    const LONGEST: u64 = 64 * 1024;
}

/// What is remembered. Without a folder, as long as the program runs.
#[derive(Debug)]
pub struct ThisBoot<D> {
    disk: D,
    folder: Option<StateFolder<D>>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Counts all writes.
    writes: u64,
    /// The last write of each EEPROM that its parser has not read since.
    unshown: BTreeMap<EepromKey, u64>,
    /// Records that were scrubbed, each once: what has to be corrected again wears the chip out.
    scrubbed: BTreeMap<EepromKey, BTreeSet<RecordName>>,
}

impl<D: Disk + Clone> ThisBoot<D> {
    /// In this folder, which is made if need be. What cannot be kept there is remembered as long as the program runs.
    pub fn at(folder: Option<PathBuf>, disk: D) -> Self {
        let folder = folder.map(|folder| StateFolder::on(folder, disk.clone()));
        let folder = folder.filter(|folder| match folder.open() {
            Ok(()) => true,
            Err(error) => {
                log::warn!("what was done in this boot is not kept over a restart: {error}");
                false
            }
        });
        let mut memory = Memory::default();
        if let Some(folder) = &folder {
            for name in folder.names().unwrap_or_default() {
                memory.take(folder, &name);
            }
        }
        Self { disk, folder, memory: Mutex::new(memory) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An EEPROM is written: its parser has to run before the inventory shows it.
    pub fn written(&self, key: &EepromKey) {
        let mut memory = self.memory();
        memory.writes += 1;
        let write = memory.writes;
        memory.unshown.insert(key.clone(), write);
        self.keep(&format!("{key}{UNSHOWN}"), &Unshown {});
    }

    /// The last write of an EEPROM since its parser ran, to be told to [`Self::shown`]; `None` without one.
    pub fn unshown(&self, key: &EepromKey) -> Option<u64> {
        self.memory().unshown.get(key).copied()
    }

    /// All of them.
    pub fn all_unshown(&self) -> Vec<EepromKey> {
        self.memory().unshown.keys().cloned().collect()
    }

    /// The parser has run after that write. One that was made meanwhile needs a run of its own.
    pub fn shown(&self, key: &EepromKey, write: Option<u64>) {
        let mut memory = self.memory();
        if write.is_none() || memory.unshown.get(key).copied() != write {
            return;
        }
        memory.unshown.remove(key);
        if let Some(folder) = &self.folder
            && let Err(error) = remove_unflushed(&self.disk, &folder.file(&format!("{key}{UNSHOWN}")))
        {
            log::warn!(
                "a mark cannot be removed, so its parser runs once more at the next start: {error} fru={key}"
            );
        }
    }

    /// The records of an EEPROM that were scrubbed in this boot.
    pub fn scrubbed(&self, key: &EepromKey) -> BTreeSet<RecordName> {
        self.memory().scrubbed.get(key).cloned().unwrap_or_default()
    }

    /// Records of an EEPROM were scrubbed.
    pub fn add_scrubbed(&self, key: &EepromKey, records: &BTreeSet<RecordName>) {
        let mut memory = self.memory();
        let all = memory.scrubbed.entry(key.clone()).or_default();
        all.extend(records);
        let records = all.iter().map(RecordName::to_string).collect();
        self.keep(&format!("{key}{SCRUBBED}"), &Scrubbed { records });
    }

    /// Another part may be there.
    pub fn forget_scrubbed(&self, key: &EepromKey) {
        let mut memory = self.memory();
        if memory.scrubbed.remove(key).is_none() {
            return;
        }
        if let Some(folder) = &self.folder
            && let Err(error) = remove_unflushed(&self.disk, &folder.file(&format!("{key}{SCRUBBED}")))
        {
            log::warn!(
                "a mark cannot be removed, so records are not scrubbed in this boot: {error} fru={key}"
            );
        }
    }

    fn keep(&self, name: &str, document: &impl Document) {
        if let Some(folder) = &self.folder
            && let Err(error) = folder.save_unflushed(name, document)
        {
            log::warn!("what was done in this boot is not kept over a restart: {error}");
        }
    }
}

impl Memory {
    fn take<D: Disk>(&mut self, folder: &StateFolder<D>, name: &str) {
        let key = |end: &str| EepromKey::parse(name.strip_suffix(end)?).ok();
        if let Some(key) = key(UNSHOWN) {
            self.unshown.insert(key, 0);
        } else if let Some(key) = key(SCRUBBED)
            && let Ok(Some(file)) = folder.load::<Scrubbed>(name)
        {
            let records = file.records.iter().filter_map(|record| record.parse().ok()).collect();
            self.scrubbed.insert(key, records);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use durable_state::RealDisk;

    #[test]
    fn what_was_written_and_not_shown_is_known_after_a_kill_and_what_was_shown_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let key = |text| EepromKey::parse(text).unwrap();
        let (one, other) = (key("8-0050"), key("file:x"));
        let again = || ThisBoot::at(Some(folder.path().join("vpd-writer")), RealDisk);
        let this_boot = again();
        assert_eq!(this_boot.unshown(&one), None);
        this_boot.written(&one);
        this_boot.written(&other);
        let before = this_boot.unshown(&one);
        this_boot.written(&one);
        this_boot.shown(&one, before);
        assert_eq!(again().all_unshown(), [one.clone(), other.clone()], "one was written while it was read");
        this_boot.shown(&one, this_boot.unshown(&one));
        this_boot.shown(&one, None);
        assert_eq!((again().all_unshown(), this_boot.unshown(&one)), (vec![other], None));
    }

    #[test]
    fn what_was_scrubbed_is_known_in_the_same_boot_over_restarts_of_the_service() {
        let folder = tempfile::tempdir().unwrap();
        let key = EepromKey::parse("8-0050").unwrap();
        let again = || ThisBoot::at(Some(folder.path().to_owned()), RealDisk);
        again().add_scrubbed(&key, &BTreeSet::from([RecordName::VINI]));
        again().add_scrubbed(&key, &BTreeSet::from([RecordName(*b"VSYS")]));
        assert_eq!(again().scrubbed(&key), BTreeSet::from([RecordName::VINI, RecordName(*b"VSYS")]));
        again().forget_scrubbed(&key);
        assert!(again().scrubbed(&key).is_empty(), "another part may have come");
        let without = ThisBoot::at(None, RealDisk);
        without.add_scrubbed(&key, &BTreeSet::from([RecordName::VINI]));
        assert_eq!(without.scrubbed(&key).len(), 1);
    }
}
