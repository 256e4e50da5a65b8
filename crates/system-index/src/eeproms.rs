//! Which EEPROM is meant by an object, a chip or a file.

use crate::Mux;
use fru_publication::{EepromKey, Fragment};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The EEPROMs of one system, found by an object, a chip or a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Eeproms {
    /// Objects that are the FRU's or a part of it, by their paths relative to the inventory's root.
    objects: BTreeMap<String, EepromKey>,
    /// Every chip, with the key of its FRU.
    chips: BTreeMap<EepromKey, (EepromKey, Chip)>,
    /// Files that stand in for EEPROMs.
    files: BTreeMap<PathBuf, EepromKey>,
}

/// Which chip of a FRU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chip {
    /// The one that counts.
    Primary,
    /// The one that stands in for it.
    Redundant,
}

impl Eeproms {
    /// Takes an EEPROM in, with what its fragment says. Objects that are other software's are not its own. Of an object or a chip
    /// that two EEPROMs name, which a compiled system has not, the first stays.
    pub fn add(&mut self, key: &EepromKey, fragment: &Fragment) {
        for object in fragment.object.iter().filter(|object| !object.foreign) {
            self.objects.entry(object.path.clone()).or_insert_with(|| key.clone());
        }
        self.chips.entry(key.clone()).or_insert_with(|| (key.clone(), Chip::Primary));
        if let Some(redundant) = &fragment.redundant {
            self.chips.entry(redundant.clone()).or_insert_with(|| (key.clone(), Chip::Redundant));
        }
        if let Some(file) = &fragment.file {
            self.files.entry(file.clone()).or_insert_with(|| key.clone());
        }
    }

    /// The EEPROM of an object, by its path relative to the inventory's root: of the FRU itself, or of a part of it.
    pub fn of_object(&self, path: &str) -> Option<&EepromKey> {
        self.objects.get(path)
    }

    /// The EEPROM of a FRU by the key of a chip, and which chip of it that is.
    pub fn of_chip(&self, chip: &EepromKey) -> Option<(&EepromKey, Chip)> {
        self.chips.get(chip).map(|(key, chip)| (key, *chip))
    }

    /// The EEPROM that a file stands in for.
    pub fn of_file(&self, file: &Path) -> Option<&EepromKey> {
        self.files.get(file)
    }

    /// Keys of all EEPROMs that count, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &EepromKey> {
        self.chips.iter().filter(|(_, (_, chip))| *chip == Chip::Primary).map(|(key, _)| key)
    }
}

impl Mux {
    /// The bus by which the controller of the machine reaches a bus: itself, unless it is behind multiplexers.
    pub fn root_of(muxes: &[Self], bus: u32) -> u32 {
        let (mut root, mut seen) = (bus, BTreeSet::new());
        // A bus that is behind itself is none of a checked system.
        while seen.insert(root) {
            let above = muxes.iter().find(|mux| mux.buses.contains(&root)).and_then(Self::bus);
            match above {
                Some(above) => root = above,
                None => break,
            }
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> EepromKey {
        EepromKey::parse(text).unwrap()
    }

    fn fragment(text: &str) -> Fragment {
        Fragment::parse(text).unwrap()
    }

    #[test]
    fn an_eeprom_is_found_by_its_parts_its_chips_and_its_file_and_not_by_what_is_others() {
        let mut eeproms = Eeproms::default();
        let card = "redundant = \"9-0051\"\n[[object]]\npath = \"/system/card\"\n[[object]]\npath = \"/system/card/port\"\n\
                    presence = \"left-alone\"\n[[object]]\npath = \"/system/others\"\nforeign = true\n";
        eeproms.add(&key("8-0050"), &fragment(card));
        eeproms.add(&key("file:x"), &fragment("file = \"/var/x.bin\"\n[[object]]\npath = \"/system/x\"\n"));
        for path in ["/system/card", "/system/card/port"] {
            assert_eq!(eeproms.of_object(path), Some(&key("8-0050")), "{path}");
        }
        for path in ["/system", "/system/others", "/system/card/", "system/card", "/system/card/port/x", ""] {
            assert_eq!(eeproms.of_object(path), None, "{path}");
        }
        assert_eq!(eeproms.of_chip(&key("8-0050")), Some((&key("8-0050"), Chip::Primary)));
        assert_eq!(eeproms.of_chip(&key("9-0051")), Some((&key("8-0050"), Chip::Redundant)));
        assert_eq!(eeproms.of_chip(&key("9-0050")), None);
        assert_eq!(eeproms.of_file(Path::new("/var/x.bin")), Some(&key("file:x")));
        assert_eq!(eeproms.of_file(Path::new("x.bin")), None);
        assert_eq!(eeproms.keys().collect::<Vec<_>>(), [&key("8-0050"), &key("file:x")]);
    }

    #[test]
    fn a_bus_behind_muxes_is_reached_by_the_bus_that_the_first_of_them_is_on() {
        let mux = |at: &str, buses: &str| -> Mux {
            toml::from_str(&format!("at = \"{at}\"\nbuses = [{buses}]\n")).unwrap()
        };
        let muxes = [mux("4-0070", "20, 21"), mux("20-0071", "40")];
        for (bus, root) in [(4, 4), (20, 4), (40, 4), (5, 5)] {
            assert_eq!(Mux::root_of(&muxes, bus), root);
        }
        assert_eq!(Mux::root_of(&[mux("4-0070", "4")], 4), 4);
        let round = [mux("4-0070", "20"), mux("20-0070", "4")];
        assert!([4, 20].contains(&Mux::root_of(&round, 4)));
    }
}
