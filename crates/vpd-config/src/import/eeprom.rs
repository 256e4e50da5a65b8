//! Which EEPROM upstream's path names.

use crate::import::fields::{Fields, Losses};
use crate::import::json::Value;
use fru_publication::EepromKey;
use plain_text::is_hidden;
use std::collections::BTreeMap;
use std::path::Path;

/// The names of files so far, each with the number that tells the next of its name apart.
pub(crate) type FileNames = BTreeMap<String, usize>;

/// An EEPROM of the JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Eeprom {
    pub(crate) key: EepromKey,
    /// The file, if it is none of a chip.
    pub(crate) file: Option<String>,
    /// The driver, where the path names it.
    driver: Option<String>,
}

impl Eeprom {
    /// Reads a path.
    ///
    /// Errors: why it names no EEPROM.
    pub(crate) fn of_path(path: &str, taken: &mut FileNames) -> Result<Self, &'static str> {
        if path.contains(is_hidden) || path.len() > 4_095 {
            return Err("the key is no path of a file");
        }
        if path.starts_with("/sys/") {
            return Self::chip(path).ok_or("the path ends in no eeprom of an I²C or SPI device");
        }
        let parts = path.strip_prefix('/').ok_or("the path does not begin at the root")?;
        if parts.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err("the path is not as plain as it could be");
        }
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        let key = EepromKey::parse(&format!("file:{}", free_name(&name, taken)))
            .map_err(|_| "the file's name gives no key")?;
        Ok(Self { key, file: Some(path.to_owned()), driver: None })
    }

    /// A chip, by the attribute through which the kernel shows it.
    pub(crate) fn chip(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        let ([.., "eeprom"], false) = (parts.as_slice(), parts.contains(&"..")) else { return None };
        let key = EepromKey::of_path(Path::new(path)).filter(|key| key.sysfs_path().is_some())?;
        let driver = match parts.as_slice() {
            ["", "sys", "bus", bus, "drivers", driver, _, _] if *bus == bus_type(&key) => {
                Some((*driver).to_owned())
            }
            _ => None,
        };
        Some(Self { key, file: None, driver })
    }

    /// Takes what an entry says about its EEPROM's device, and lists what is not as the path says.
    pub(crate) fn compare(&self, entry: &mut Fields<'_>, losses: &mut Losses) {
        let is_chip = self.file.is_none();
        for (name, ours) in [
            ("busType", is_chip.then(|| bus_type(&self.key))),
            ("driverType", self.driver.as_deref()),
            ("devAddress", is_chip.then(|| self.key.as_str())),
        ] {
            if let Some(field) = entry.take(name)
                && !matches!((field.value, ours), (Value::Text(text), Some(ours)) if text == ours)
            {
                let ours = ours.unwrap_or("nothing of that kind");
                losses.add(
                    &field.place,
                    format!(
                        "{} contradicts the EEPROM's path, which says {ours}, and the path counts",
                        field.value
                    ),
                );
            }
        }
    }
}

fn bus_type(key: &EepromKey) -> &'static str {
    if key.as_str().starts_with("spi") { "spi" } else { "i2c" }
}

/// A name that no other file has. Units are named by it, so it is short and plain.
fn free_name(name: &str, taken: &mut FileNames) -> String {
    const LONGEST: usize = 40;
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let base: String = name.chars().map(plain).take(LONGEST).collect();
    let mut name = base.clone();
    while taken.contains_key(&name) {
        let number = taken.entry(base.clone()).or_insert(1);
        *number += 1;
        name = format!("{base}_{number}");
    }
    taken.insert(name.clone(), 1);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_keys() {
        let mut taken = FileNames::new();
        for (path, key) in [
            ("/sys/bus/i2c/drivers/at24/8-0050/eeprom", "8-0050"),
            ("/sys/bus/i2c/drivers/ee1004/13-005a/eeprom", "13-005a"),
            ("/sys/bus/i2c/drivers/spd5118/13-0051/eeprom", "13-0051"),
            ("/sys/bus/i2c/devices/8-0052/eeprom", "8-0052"),
            ("/sys/bus/spi/drivers/at25/spi12.0/eeprom", "spi12.0"),
            ("/usr/share/vpd/card.bin", "file:card.bin"),
            ("/usr/share/other/card.bin", "file:card.bin_2"),
            ("/usr/share/8-0050", "file:8-0050"),
            ("/usr/share/a b/ü x", "file:__x"),
        ] {
            let eeprom = Eeprom::of_path(path, &mut taken).unwrap();
            assert_eq!(eeprom.key.as_str(), key);
            assert_eq!(eeprom.file.is_some(), key.starts_with("file:"));
        }
    }

    #[test]
    fn what_names_no_eeprom_is_refused() {
        for path in [
            "",
            "relative",
            "/sys/bus/i2c/drivers/at24/8-005A/eeprom",
            "/sys/bus/i2c/drivers/at24/8-0050",
            "/sys/bus/i2c/drivers/../8-0050/eeprom",
            "/a/../b",
            "/a\0b",
            "/a\u{202e}b",
            "/a/",
        ] {
            assert!(Eeprom::of_path(path, &mut FileNames::new()).is_err(), "{path:?}");
        }
    }
}
