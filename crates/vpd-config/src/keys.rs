//! The bus of an EEPROM, and its key as part of a unit's name.

use dbus_api::systemd::escape;
use fru_publication::EepromKey;

/// What only one transfer at a time fits through. Sorted as people count, not as letters go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bus {
    I2c(u64),
    Spi(u64),
    /// A file has its own.
    File(String),
}

pub(crate) fn bus_of(key: &EepromKey) -> Bus {
    let text = key.as_str();
    let number = |digits: &str| digits.parse().ok();
    let spi = || number(text.strip_prefix("spi")?.split_once('.')?.0).map(Bus::Spi);
    let i2c = || number(text.split_once('-')?.0).map(Bus::I2c);
    match key.sysfs_path() {
        Some(_) => spi().or_else(i2c).unwrap_or_else(|| Bus::File(text.to_owned())),
        None => Bus::File(text.to_owned()),
    }
}

/// The key as units' names have it.
pub(crate) fn label(key: &EepromKey) -> String {
    escape(key.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_of_one_bus_have_it_in_common() {
        for (key, bus) in [
            ("8-0050", Bus::I2c(8)),
            ("8-0051", Bus::I2c(8)),
            ("13-005a", Bus::I2c(13)),
            ("spi12.0", Bus::Spi(12)),
            ("file:8-0050", Bus::File("file:8-0050".to_owned())),
            ("file:spi1.0", Bus::File("file:spi1.0".to_owned())),
        ] {
            assert_eq!(bus_of(&EepromKey::parse(key).unwrap()), bus);
        }
        assert!(Bus::I2c(8) < Bus::I2c(13));
    }
}
