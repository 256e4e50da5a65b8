//! What the chosen system is made of, as `vpd-select` has linked it.

use crate::job::{Partner, PartnerEeprom};
use crate::refusal::{Cause, Refusal};
use crate::resolve::{Resolved, resolve};
use crate::wire::Wire;
use anyhow::Context as _;
use fru_publication::{EepromKey, Fragment};
use service_runtime::Exit;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use system_index::{
    Backup, Backups, Eeproms, Locations, MachineIndex, Moment, SystemFru, SystemIndex, SystemType, places,
};

/// The system of this boot. Empty where none was chosen.
#[derive(Debug, Default)]
pub struct Known {
    /// The link to the system's folder.
    active: PathBuf,
    /// Its EEPROMs.
    index: SystemIndex,
    /// What is kept of them a second time.
    backups: Backups,
    /// By what they are named.
    eeproms: Eeproms,
    /// Where its objects are.
    locations: Locations,
    /// The systems that the image knows.
    machine: MachineIndex,
    /// Fragments that jobs hold: many calls for one EEPROM share it.
    held: Mutex<BTreeMap<EepromKey, Weak<Fragment>>>,
}

/// An EEPROM with all that it takes to use it.
#[derive(Debug, Clone)]
pub struct Eeprom {
    /// The FRU's key.
    pub key: EepromKey,
    /// The chip that was named, by its place in the list.
    pub chip: usize,
    /// The one that counts, then the one that stands in.
    pub chips: Vec<PathBuf>,
    /// How it is read.
    pub fragment: Arc<Fragment>,
    /// The wires of its chips.
    pub wires: BTreeSet<Wire>,
    /// It cannot be reached while the chassis has power.
    pub power_off_only: bool,
    /// Where its keywords are kept a second time.
    pub partner: Option<Partner>,
}

/// The chips of an EEPROM, first the one that counts, their wires, and how they are read.
type Chips = (Vec<PathBuf>, BTreeSet<Wire>, Arc<Fragment>);

impl Known {
    /// Reads index, fragments and location codes of the chosen system. A fragment that is wrong is left out, and said.
    ///
    /// Errors: marked [`Exit::Configuration`].
    pub fn load(root: &Path) -> anyhow::Result<Self> {
        let active = places::active(root);
        let Some(text) = text_of(&places::system_index(&active)).context(Exit::Configuration)? else {
            log::warn!("no system is chosen: there is nothing below {}", active.display());
            return Ok(Self { active, ..Self::default() });
        };
        let index = SystemIndex::parse(&text).with_context(|| active.display().to_string());
        let mut known = Self { index: index.context(Exit::Configuration)?, active, ..Self::default() };
        for fru in &known.index.fru {
            match known.fragment(&fru.key) {
                Ok(fragment) => known.eeproms.add(&fru.key, &fragment),
                Err(refusal) => log::warn!("left out: {refusal} fru={}", fru.key),
            }
        }
        if let Some(text) = text_of(&places::backups(&known.active)).context(Exit::Configuration)? {
            let backups = Backups::parse(&text).with_context(|| known.active.display().to_string());
            known.backups = backups.context(Exit::Configuration)?;
        }
        if let Some(text) = text_of(&places::machine_index(root)).context(Exit::Configuration)? {
            let machine = MachineIndex::parse(&text).context("the index of systems");
            known.machine = machine.context(Exit::Configuration)?;
        }
        if let Some(text) = text_of(&places::locations(&known.active)).context(Exit::Configuration)? {
            let locations = Locations::parse(&text).with_context(|| known.active.display().to_string());
            known.locations = locations.context(Exit::Configuration)?;
        }
        Ok(known)
    }

    fn fragment(&self, key: &EepromKey) -> Result<Fragment, Refusal> {
        let path = places::fragment(&self.active, key);
        let wrong = |error: String| Cause::Internal.because(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        Fragment::parse(&text).map_err(|error| wrong(error.to_string()))
    }

    /// The fragment of an EEPROM, as another job may hold it.
    fn shared(&self, key: &EepromKey) -> Result<Arc<Fragment>, Refusal> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fragment) = held.get(key).and_then(Weak::upgrade) {
            return Ok(fragment);
        }
        let fragment = Arc::new(self.fragment(key)?);
        held.retain(|_, fragment| fragment.strong_count() > 0);
        held.insert(key.clone(), Arc::downgrade(&fragment));
        Ok(fragment)
    }

    /// Where the system's objects are.
    pub fn locations(&self) -> &Locations {
        &self.locations
    }

    /// How many EEPROMs there are.
    pub fn count(&self) -> usize {
        self.index.fru.len()
    }

    /// The key of the EEPROM that a caller names.
    ///
    /// Errors: as [`resolve`].
    pub fn find(&self, named: &str) -> Result<Resolved, Refusal> {
        resolve(&self.eeproms, named, &|path| std::fs::canonicalize(path).ok())
    }

    /// The EEPROM that a caller names.
    ///
    /// Errors: as [`resolve`]; [`Cause::Internal`] when its fragment cannot be read any more.
    pub fn eeprom(&self, named: &str) -> Result<Eeprom, Refusal> {
        let Resolved { key, chip } = self.find(named)?;
        let partner = self.partner(&key)?;
        let (chips, mut wires, fragment) = self.chips(&key)?;
        if let Some(other) = partner.as_ref().and_then(|partner| partner.other.as_ref()) {
            wires.extend(self.chips(&other.key)?.1);
        }
        let chip = (chip as usize).min(chips.len().saturating_sub(1));
        let power_off_only = self.index.find(&key).is_some_and(|fru| fru.power_off_only);
        Ok(Eeprom { key, chip, chips, fragment, wires, power_off_only, partner })
    }

    /// Where keywords of an EEPROM are kept a second time, or what it keeps of another one.
    fn partner(&self, key: &EepromKey) -> Result<Option<Partner>, Refusal> {
        let concerns = |backup: &&Backup| backup.source == *key || backup.destination.as_ref() == Some(key);
        let Some(map) = self.backups.backup.iter().find(concerns) else { return Ok(None) };
        let is_backup = map.source != *key;
        let other = if is_backup { Some(&map.source) } else { map.destination.as_ref() };
        let other = other.map(|other| -> Result<PartnerEeprom, Refusal> {
            let (chips, _, fragment) = self.chips(other)?;
            let power_off_only = self.index.find(other).is_some_and(|fru| fru.power_off_only);
            Ok(PartnerEeprom { key: other.clone(), chips, fragment, power_off_only })
        });
        Ok(Some(Partner { map: Arc::new(map.clone()), is_backup, other: other.transpose()? }))
    }

    /// Keys of EEPROMs of which keywords are kept a second time.
    pub fn backed_up(&self) -> Vec<EepromKey> {
        self.backups.backup.iter().map(|backup| backup.source.clone()).collect()
    }

    /// The chips of an EEPROM, first the one that counts, their wires, and how they are read.
    fn chips(&self, key: &EepromKey) -> Result<Chips, Refusal> {
        let fragment = self.shared(key)?;
        let first = key.sysfs_path().map(PathBuf::from).or_else(|| fragment.file.clone());
        let first = first.ok_or_else(|| Cause::Internal.because(format!("{key} has no file")))?;
        let mut chips = vec![first];
        let mut wires = BTreeSet::from([self.wire(key, &chips)]);
        if let Some(redundant) = &fragment.redundant {
            chips.extend(redundant.sysfs_path().map(PathBuf::from));
            wires.insert(self.wire(redundant, &chips));
        }
        Ok((chips, wires, fragment))
    }

    /// The wires of an EEPROM's chips.
    pub fn wires(&self, key: &EepromKey) -> BTreeSet<Wire> {
        let known = self.eeprom(key.as_str()).map(|eeprom| eeprom.wires);
        known.unwrap_or_else(|_| BTreeSet::from([Wire::of_key(key, &self.index.mux)]))
    }

    /// By the device where it is there, which knows multiplexers that the configuration may not.
    fn wire(&self, key: &EepromKey, chips: &[PathBuf]) -> Wire {
        let real = key.sysfs_path().and(chips.last()).and_then(|chip| std::fs::canonicalize(chip).ok());
        let of_device = real.as_deref().and_then(Wire::of_device);
        of_device.unwrap_or_else(|| Wire::of_key(key, &self.index.mux))
    }

    /// Whether the image knows a system of this type, as VSBP.IM has it.
    pub fn knows_type(&self, value: &[u8]) -> bool {
        let wanted = SystemType::of_keyword(value);
        wanted.is_some_and(|wanted| self.machine.matches.iter().any(|known| known.im == wanted))
    }

    /// The types of system that the image knows.
    pub fn types(&self) -> Vec<SystemType> {
        self.machine.matches.iter().map(|known| known.im).collect()
    }

    /// Whether an EEPROM says what system this is.
    pub fn says_system(&self, key: &EepromKey) -> bool {
        self.index.find(key).is_some_and(|fru| fru.system)
    }

    /// Keys of EEPROMs whose part may be replaced while the host is off.
    pub fn replaceable(&self) -> Vec<EepromKey> {
        let replaceable = |fru: &&SystemFru| fru.replaceable_at.contains(&Moment::Standby);
        self.index.fru.iter().filter(replaceable).map(|fru| fru.key.clone()).collect()
    }

    /// Keys of all EEPROMs but those that say what system this is.
    pub fn removable(&self) -> Vec<EepromKey> {
        self.index.fru.iter().filter(|fru| !fru.system).map(|fru| fru.key.clone()).collect()
    }
}

/// The text of a file; nothing where there is none.
fn text_of(path: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let frus = root.path().join("run/vivianite/vpd/active/frus");
        std::fs::create_dir_all(&frus).unwrap();
        let index = "[[fru]]\nkey = \"20-0050\"\nparser = \"ipz-vpd-parser\"\nreplaceable-at = [\"standby\"]\n\
                     power-off-only = true\n[[fru]]\nkey = \"file:x\"\nparser = \"ipz-vpd-parser\"\nsystem = true\n\
                     [[fru]]\nkey = \"file:wrong\"\nparser = \"ipz-vpd-parser\"\n\
                     [[mux]]\nat = \"4-0070\"\nbuses = [20]\n";
        std::fs::write(frus.parent().unwrap().join("index.toml"), index).unwrap();
        let card = "redundant = \"5-0051\"\n[[object]]\npath = \"/card\"\n";
        std::fs::write(frus.join("20-0050.toml"), card).unwrap();
        std::fs::write(frus.join("file:x.toml"), "file = \"/x.bin\"\n[[object]]\npath = \"/x\"\n").unwrap();
        std::fs::write(frus.join("file:wrong.toml"), "x").unwrap();
        root
    }

    #[test]
    fn an_eeprom_comes_with_its_chips_their_wires_and_the_one_that_was_named() {
        let root = root();
        let known = Known::load(root.path()).unwrap();
        let card = known.eeprom("/card").unwrap();
        let chips = ["/sys/bus/i2c/devices/20-0050/eeprom", "/sys/bus/i2c/devices/5-0051/eeprom"];
        assert_eq!(card.chips, chips.map(PathBuf::from));
        assert_eq!(card.wires.iter().map(ToString::to_string).collect::<Vec<_>>(), ["i2c-4", "i2c-5"]);
        assert!(card.chip == 0 && card.power_off_only);
        assert_eq!(known.eeprom("5-0051").unwrap().chip, 1);
        let file = known.eeprom("/x.bin").unwrap();
        assert_eq!((file.chips, file.power_off_only), (vec![PathBuf::from("/x.bin")], false));
        assert_eq!(known.eeprom("file:wrong").unwrap_err().cause, Cause::PathNotFound);
        assert_eq!(known.replaceable(), [card.key]);
        let removable: Vec<_> = known.removable().iter().map(ToString::to_string).collect();
        assert_eq!(removable, ["20-0050", "file:wrong"]);
    }

    #[test]
    fn calls_for_one_eeprom_share_its_fragment_as_long_as_one_of_them_waits() {
        let root = root();
        let known = Known::load(root.path()).unwrap();
        let (one, other) = (known.eeprom("/card").unwrap(), known.eeprom("20-0050").unwrap());
        assert!(Arc::ptr_eq(&one.fragment, &other.fragment));
        drop((one, other));
        assert_eq!(known.held.lock().unwrap().values().map(Weak::strong_count).sum::<usize>(), 0);
    }

    #[test]
    fn without_a_chosen_system_nothing_is_found_and_a_broken_index_is_the_configurations_fault() {
        let root = tempfile::tempdir().unwrap();
        let known = Known::load(root.path()).unwrap();
        assert_eq!((known.count(), known.eeprom("/x").unwrap_err().cause), (0, Cause::PathNotFound));
        let active = root.path().join("run/vivianite/vpd/active");
        std::fs::create_dir_all(&active).unwrap();
        std::fs::write(active.join("index.toml"), "x").unwrap();
        let error = Known::load(root.path()).unwrap_err();
        assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit::Configuration));
    }
}
