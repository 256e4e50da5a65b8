use plain_text::is_hidden;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::path::Path;

/// The one name of an EEPROM: its bus address, or the name of the file that stands in for it.
///
/// Shape: `8-0050` (I²C bus, address as four hex digits), `spi12.0` (SPI bus and chip select),
/// `file:NAME` with NAME free of `/`, control and hidden characters. Fragment files, unit instances, locks, status and log lines
/// use it; see the [`Display`](fmt::Display) form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EepromKey(String);

/// A text is not an EEPROM key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no EEPROM key (8-0050, spi12.0 or file:NAME)")]
pub struct KeyError(pub String);

/// The sysfs attribute through which an EEPROM is read.
const ATTRIBUTE: &str = "eeprom";

impl EepromKey {
    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let is_file = text.strip_prefix("file:").is_some_and(is_file_name);
        if is_file || is_bus_address(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyError(text.to_owned()))
        }
    }

    /// The key of an EEPROM by its path: the device folder that holds it, else the file's own name.
    ///
    /// `None` for a path without a last component.
    pub fn of_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy();
        let device =
            if name == ATTRIBUTE { path.parent()?.file_name()?.to_string_lossy() } else { name.clone() };
        if is_bus_address(&device) {
            Some(Self(device.into_owned()))
        } else {
            Some(Self(format!("file:{name}")))
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where sysfs keeps the EEPROM's bytes; `None` for a file.
    pub fn sysfs_path(&self) -> Option<String> {
        if self.0.starts_with("file:") {
            return None;
        }
        let bus = if self.0.starts_with("spi") { "spi" } else { "i2c" };
        Some(format!("/sys/bus/{bus}/devices/{}/{ATTRIBUTE}", self.0))
    }
}

impl fmt::Display for EepromKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for EepromKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EepromKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

fn is_bus_address(text: &str) -> bool {
    // The kernel writes numbers without leading zeros, so a key that has them names no device.
    let digits = |text: &str| {
        (1..=10).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'))
    };
    if let Some(spi) = text.strip_prefix("spi") {
        return spi.split_once('.').is_some_and(|(bus, select)| digits(bus) && digits(select));
    }
    let is_hex =
        |text: &str| text.len() == 4 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    text.split_once('-').is_some_and(|(bus, address)| digits(bus) && is_hex(address))
}

fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(|c: char| c == '/' || is_hidden(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_that_leads_to_a_chip_gives_the_same_key() {
        for (path, key) in [
            ("/sys/bus/i2c/drivers/at24/8-0050/eeprom", "8-0050"),
            ("/sys/devices/platform/ahb/i2c-8/8-0050", "8-0050"),
            ("/sys/bus/i2c/devices/13-005a/eeprom", "13-005a"),
            ("/sys/bus/spi/drivers/at25/spi12.0/eeprom", "spi12.0"),
            ("images/card.bin", "file:card.bin"),
            ("images/eeprom", "file:eeprom"),
        ] {
            assert_eq!(EepromKey::of_path(Path::new(path)).unwrap().as_str(), key, "{path}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "8-50",
            "8-005G",
            "8-005A",
            "spi12",
            "spi.0",
            "file:",
            "file:a/b",
            "file:..",
            "../8-0050",
            "8-0050/x",
            "08-0050",
            "spi01.0",
            "file:a\nb",
            "file:a\u{202e}b",
            "file:a\u{1b}[2J",
        ] {
            assert_eq!(EepromKey::parse(text), Err(KeyError(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_key_tells_where_the_kernel_shows_the_chip() {
        let path = |key| EepromKey::parse(key).unwrap().sysfs_path();
        assert_eq!(path("8-0050").unwrap(), "/sys/bus/i2c/devices/8-0050/eeprom");
        assert_eq!(path("spi12.0").unwrap(), "/sys/bus/spi/devices/spi12.0/eeprom");
        assert_eq!(path("file:card.bin"), None);
    }
}
