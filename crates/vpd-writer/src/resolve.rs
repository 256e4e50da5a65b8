//! Which EEPROM a caller means.

use crate::refusal::{Cause, Refusal};
use dbus_api::inventory::{ROOT, relative_path};
use fru_publication::EepromKey;
use std::path::{Path, PathBuf};
use system_index::{Chip, Eeproms};

/// An EEPROM, and the chip of it that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The FRU's key.
    pub key: EepromKey,
    /// The chip; the one that counts for an object.
    pub chip: Chip,
}

/// Follows the links in a path; nothing where it leads nowhere.
pub type Follow<'a> = &'a dyn Fn(&Path) -> Option<PathBuf>;

/// Finds the EEPROM of an object (with or without the inventory's root, of the FRU itself or of a part of it), of a key, of a
/// path of one of its chips, or of a file that stands in for it.
///
/// A path of a chip tells its key by the folder that it is in, as every driver's and every bus's link is named; only for other
/// paths, links are followed.
///
/// Errors: [`Cause::InvalidArgument`] for nothing, [`Cause::PathNotFound`] for what names none of this system's EEPROMs, as an
/// object of another software does.
pub fn resolve(eeproms: &Eeproms, named: &str, follow: Follow<'_>) -> Result<Resolved, Refusal> {
    if named.is_empty() {
        return Err(Cause::InvalidArgument.because("the path is empty"));
    }
    if let Some(key) = relative_path(named).and_then(|path| eeproms.of_object(path)) {
        return Ok(Resolved { key: key.clone(), chip: Chip::Primary });
    }
    let is_path = named.starts_with('/');
    let is_object = named.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let found = match (is_path, is_object) {
        (_, true) => None,
        (true, false) => of_path(eeproms, Path::new(named)).or_else(|| {
            let real = follow(Path::new(named)).filter(|real| real != Path::new(named))?;
            of_path(eeproms, &real)
        }),
        (false, false) => EepromKey::parse(named).ok().and_then(|key| of_key(eeproms, &key)),
    };
    found.ok_or_else(|| {
        let what = if is_path { "no object and no chip of an EEPROM" } else { "no EEPROM" };
        Cause::PathNotFound.because(format!("{named:?} is {what} that this system has"))
    })
}

fn of_path(eeproms: &Eeproms, path: &Path) -> Option<Resolved> {
    let of_file = || eeproms.of_file(path).map(|key| Resolved { key: key.clone(), chip: Chip::Primary });
    let of_chip = || {
        // A key that is a file's is made of nothing but its name, which says not which file it is.
        let chip = EepromKey::of_path(path).filter(|key| key.sysfs_path().is_some())?;
        of_key(eeproms, &chip)
    };
    of_file().or_else(of_chip)
}

fn of_key(eeproms: &Eeproms, chip: &EepromKey) -> Option<Resolved> {
    eeproms.of_chip(chip).map(|(key, chip)| Resolved { key: key.clone(), chip })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fru_publication::Fragment;

    fn eeproms() -> Eeproms {
        let mut eeproms = Eeproms::default();
        for (key, fragment) in [
            (
                "8-0050",
                "redundant = \"9-0051\"\n[[object]]\npath = \"/system\"\n[[object]]\npath = \"/system/port\"\n\
                 [[object]]\npath = \"/system/others\"\nforeign = true\n",
            ),
            ("spi12.0", "[[object]]\npath = \"/system/cpu0\"\n"),
            ("file:card", "file = \"/var/lib/card.bin\"\n[[object]]\npath = \"/system/card\"\n"),
        ] {
            eeproms.add(&EepromKey::parse(key).unwrap(), &Fragment::parse(fragment).unwrap());
        }
        eeproms
    }

    /// The one link of this file system.
    fn follow(path: &Path) -> Option<PathBuf> {
        match path.to_str()? {
            "/var/lib/vpd/current" => Some("/var/lib/card.bin".into()),
            "/var/lib/vpd/planar" => Some("/sys/devices/platform/i2c-8/8-0050/eeprom".into()),
            _ => None,
        }
    }

    #[test]
    fn every_way_to_name_an_eeprom_leads_to_it() {
        for (named, key, chip) in [
            ("/xyz/openbmc_project/inventory/system", "8-0050", Chip::Primary),
            ("/system", "8-0050", Chip::Primary),
            ("/system/port", "8-0050", Chip::Primary),
            ("/xyz/openbmc_project/inventory/system/port", "8-0050", Chip::Primary),
            ("8-0050", "8-0050", Chip::Primary),
            ("9-0051", "8-0050", Chip::Redundant),
            ("/sys/bus/i2c/drivers/at24/8-0050/eeprom", "8-0050", Chip::Primary),
            ("/sys/bus/i2c/devices/8-0050", "8-0050", Chip::Primary),
            ("/sys/bus/i2c/drivers/at24/9-0051/eeprom", "8-0050", Chip::Redundant),
            ("/sys/devices/platform/ahb/i2c-8/8-0050/eeprom", "8-0050", Chip::Primary),
            ("/sys/bus/spi/drivers/at25/spi12.0/eeprom", "spi12.0", Chip::Primary),
            ("/var/lib/vpd/planar", "8-0050", Chip::Primary),
            ("file:card", "file:card", Chip::Primary),
            ("/var/lib/card.bin", "file:card", Chip::Primary),
            ("/var/lib/vpd/current", "file:card", Chip::Primary),
        ] {
            let key = EepromKey::parse(key).unwrap();
            assert_eq!(resolve(&eeproms(), named, &follow), Ok(Resolved { key, chip }), "{named}");
        }
    }

    #[test]
    fn what_names_none_of_the_systems_eeproms_is_not_found() {
        for named in [
            "/",
            "/system/others",
            "/system/",
            "/system/port/x",
            "/xyz/openbmc_project/inventory",
            "/xyz/openbmc_project/inventory/system/others",
            "/xyz/openbmc_project/inventory/sys/bus/i2c/devices/8-0050",
            "/xyz/openbmc_project/inventoryx/system",
            "system",
            "8-0051",
            "8-50",
            "file:other",
            "/sys/bus/i2c/devices/10-0050/eeprom",
            "/elsewhere/card.bin",
            "card.bin",
            "..",
        ] {
            let refused = resolve(&eeproms(), named, &follow).unwrap_err();
            assert_eq!(refused.cause, Cause::PathNotFound, "{named}");
        }
        let refused = resolve(&eeproms(), "", &follow).unwrap_err();
        assert_eq!(refused.cause, Cause::InvalidArgument);
    }
}
