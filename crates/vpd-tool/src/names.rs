//! Which part a person means. Pure.

use crate::exit::{Exit, Failure};
use dbus_api::inventory::relative_path;
use fru_publication::EepromKey;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use system_index::{Chip, Eeproms, Locations};

/// A part that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// An object of the inventory, with its EEPROM where it has one.
    Object {
        /// Its path relative to the inventory's root.
        path: String,
        /// Its EEPROM.
        key: Option<EepromKey>,
    },
    /// A chip of the system's.
    Chip {
        /// The FRU's key.
        key: EepromKey,
        /// What of it was named.
        chip: Chip,
        /// As it was named: a key or a path, which the service understands too.
        named: String,
    },
    /// A file, or a chip, that is no EEPROM of the system's.
    File(PathBuf),
}

/// What parts are named by.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    pub(crate) eeproms: Option<&'a Eeproms>,
    /// Objects that there are, relative to the inventory's root.
    pub(crate) objects: BTreeSet<&'a str>,
    /// Objects by their location codes, expanded and not.
    pub(crate) codes: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

/// Follows the links in a path; nothing where it leads nowhere.
pub(crate) type Follow<'a> = &'a dyn Fn(&Path) -> Option<PathBuf>;

impl<'a> Names<'a> {
    /// Adds what the system's description says.
    pub(crate) fn add_locations(&mut self, locations: &'a Locations) {
        for object in &locations.object {
            self.codes.entry(&object.code).or_default().insert(&object.path);
        }
    }

    /// Finds a part by an object's path (with or without the inventory's root), a key, a path of a chip, a location code, or the
    /// end of an object's path.
    ///
    /// Errors: [`Exit::NotFound`], [`Exit::Ambiguous`] with the candidates.
    pub(crate) fn find(&self, given: &str, follow: Follow<'_>) -> Result<Part, Failure> {
        if let Some(path) = relative_path(given).filter(|path| self.is_object(path)) {
            return Ok(self.object(path));
        }
        if given.starts_with('/') {
            if let Some(part) = self.of_path(given, follow) {
                return Ok(part);
            }
        } else if let Ok(key) = EepromKey::parse(given) {
            return match (self.of_key(&key, given), key.sysfs_path()) {
                (Some(part), _) => Ok(part),
                (None, Some(path)) => Ok(Part::File(path.into())),
                (None, None) => Err(unknown(given)),
            };
        } else if let Some(objects) = self.codes.get(given) {
            return self.only(given, objects);
        }
        self.only(given, &self.ending_in(given))
    }

    fn is_object(&self, path: &str) -> bool {
        self.objects.contains(path) || self.eeproms.is_some_and(|eeproms| eeproms.of_object(path).is_some())
    }

    fn object(&self, path: &str) -> Part {
        let key = self.eeproms.and_then(|eeproms| eeproms.of_object(path)).cloned();
        Part::Object { path: path.to_owned(), key }
    }

    fn of_key(&self, chip: &EepromKey, given: &str) -> Option<Part> {
        let (key, chip) = self.eeproms?.of_chip(chip)?;
        Some(Part::Chip { key: key.clone(), chip, named: given.to_owned() })
    }

    /// A path of the file system: of one of the system's chips, or of another file that is there.
    fn of_path(&self, given: &str, follow: Follow<'_>) -> Option<Part> {
        let real = follow(Path::new(given));
        let known = [Some(Path::new(given)), real.as_deref()].into_iter().flatten().find_map(|path| {
            if let Some(key) = self.eeproms?.of_file(path) {
                return Some(Part::Chip { key: key.clone(), chip: Chip::Primary, named: given.to_owned() });
            }
            // A key that is a file's is made of nothing but its name, which says not which file it is.
            let key = EepromKey::of_path(path).filter(|key| key.sysfs_path().is_some())?;
            self.of_key(&key, given)
        });
        known.or_else(|| real.map(|_| Part::File(given.into())))
    }

    /// Objects whose path ends in these words; only if there are none, those that end in these letters.
    fn ending_in(&self, given: &str) -> BTreeSet<&'a str> {
        if given.is_empty() {
            return BTreeSet::new();
        }
        let words = format!("/{}", given.trim_start_matches('/'));
        let ending = |end: &str| self.objects.iter().copied().filter(|path| path.ends_with(end)).collect();
        let by_words: BTreeSet<&str> = ending(&words);
        if by_words.is_empty() { ending(given) } else { by_words }
    }

    /// The one of several objects; all of one EEPROM are one part, named by the one nearest to the root.
    fn only(&self, given: &str, objects: &BTreeSet<&str>) -> Result<Part, Failure> {
        let key = |path: &str| self.eeproms.and_then(|eeproms| eeproms.of_object(path));
        let nearest = objects.iter().min_by_key(|path| path.matches('/').count());
        let Some(nearest) = nearest else { return Err(unknown(given)) };
        let is_one = objects.len() == 1
            || (key(nearest).is_some() && objects.iter().all(|path| key(path) == key(nearest)));
        if is_one {
            return Ok(self.object(nearest));
        }
        let candidates: Vec<_> = objects.iter().copied().collect();
        let text = format!("{given:?} may be\n  {}", candidates.join("\n  "));
        Err(Failure::say(Exit::Ambiguous, text))
    }
}

fn unknown(given: &str) -> Failure {
    let text =
        format!("{given:?} is no object, EEPROM or location code; `vpd-tool list` shows what there is");
    Failure::say(Exit::NotFound, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fru_publication::Fragment;

    fn key(text: &str) -> EepromKey {
        EepromKey::parse(text).unwrap()
    }

    fn eeproms() -> Eeproms {
        let mut eeproms = Eeproms::default();
        for (name, fragment) in [
            (
                "8-0050",
                "redundant = \"9-0051\"\n[[object]]\npath = \"/system/board\"\n[[object]]\npath = \"/system/board/eth0\"\n",
            ),
            ("4-0050", "[[object]]\npath = \"/system/board/slot0/card\"\n"),
            ("5-0050", "[[object]]\npath = \"/system/board/slot1/card\"\n"),
            ("file:panel", "file = \"/var/lib/panel.bin\"\n[[object]]\npath = \"/system/panel\"\n"),
        ] {
            eeproms.add(&key(name), &Fragment::parse(fragment).unwrap());
        }
        eeproms
    }

    const LOCATIONS: &str = "[[object]]\npath = \"/system/board\"\ncode = \"Ufcs-P0\"\n\
                             [[object]]\npath = \"/system/board/eth0\"\ncode = \"Ufcs-P0\"\n\
                             [[object]]\npath = \"/system/board/slot0/card\"\ncode = \"Ufcs-P0-C1\"\n\
                             [[object]]\npath = \"/system/panel\"\ncode = \"Ufcs-D1\"\n\
                             [[object]]\npath = \"/cable\"\ncode = \"Ufcs-D1\"\n";

    fn find(given: &str) -> Result<Part, (Exit, String)> {
        let (eeproms, locations) = (eeproms(), Locations::parse(LOCATIONS).unwrap());
        let objects = [
            "/system/board",
            "/system/board/eth0",
            "/system/board/slot0/card",
            "/system/board/slot1/card",
            "/system/panel",
            "/cable",
        ];
        let mut names = Names { eeproms: Some(&eeproms), objects: objects.into(), ..Names::default() };
        names.add_locations(&locations);
        names.codes.entry("U78DA.ND0.WZS003T-P0-C1").or_default().insert("/system/board/slot0/card");
        let follow = |path: &Path| match path.to_str()? {
            "/dev/planar" => Some("/sys/devices/i2c-8/8-0050/eeprom".into()),
            "/media/other.bin" => Some("/media/other.bin".into()),
            _ => None,
        };
        names.find(given, &follow).map_err(|failure| (failure.exit, failure.cause.to_string()))
    }

    #[test]
    fn every_way_to_name_a_part_leads_to_it() {
        let object = |path: &str, name: &str| Part::Object { path: path.to_owned(), key: Some(key(name)) };
        for (given, path, name) in [
            ("/xyz/openbmc_project/inventory/system/board", "/system/board", "8-0050"),
            ("/system/board/eth0", "/system/board/eth0", "8-0050"),
            ("Ufcs-P0-C1", "/system/board/slot0/card", "4-0050"),
            ("U78DA.ND0.WZS003T-P0-C1", "/system/board/slot0/card", "4-0050"),
            // Two objects, and one part.
            ("Ufcs-P0", "/system/board", "8-0050"),
            ("panel", "/system/panel", "file:panel"),
            ("/panel", "/system/panel", "file:panel"),
            ("slot1/card", "/system/board/slot1/card", "5-0050"),
            ("lot1/card", "/system/board/slot1/card", "5-0050"),
            ("board", "/system/board", "8-0050"),
        ] {
            assert_eq!(find(given), Ok(object(path, name)), "{given}");
        }
        assert_eq!(find("/cable"), Ok(Part::Object { path: "/cable".to_owned(), key: None }));
        for (given, name, chip) in [
            ("8-0050", "8-0050", Chip::Primary),
            ("9-0051", "8-0050", Chip::Redundant),
            ("/sys/bus/i2c/drivers/at24/9-0051/eeprom", "8-0050", Chip::Redundant),
            ("/dev/planar", "8-0050", Chip::Primary),
            ("file:panel", "file:panel", Chip::Primary),
            ("/var/lib/panel.bin", "file:panel", Chip::Primary),
        ] {
            let named = given.to_owned();
            assert_eq!(find(given), Ok(Part::Chip { key: key(name), chip, named }), "{given}");
        }
    }

    #[test]
    fn what_the_system_does_not_have_is_a_file_or_nothing() {
        assert_eq!(find("/media/other.bin"), Ok(Part::File("/media/other.bin".into())));
        assert_eq!(find("3-0057"), Ok(Part::File("/sys/bus/i2c/devices/3-0057/eeprom".into())));
        for given in ["", "/", "x", "/system/none", "file:none", "Ufcs-P9", "/media/none.bin"] {
            assert_eq!(find(given).unwrap_err().0, Exit::NotFound, "{given}");
        }
    }

    #[test]
    fn a_name_of_several_parts_lists_them() {
        let (exit, text) = find("card").unwrap_err();
        assert_eq!(exit, Exit::Ambiguous);
        assert!(text.ends_with("\n  /system/board/slot0/card\n  /system/board/slot1/card"), "{text}");
        assert_eq!(find("Ufcs-D1").unwrap_err().0, Exit::Ambiguous);
    }
}
