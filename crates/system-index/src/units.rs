//! Names of units, as systemd writes them.

use dbus_api::systemd::escape;
use fru_publication::EepromKey;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A parser service, of which there is one instance per EEPROM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Parser {
    /// Takes IPZ.
    #[serde(rename = "ipz-vpd-parser")]
    Ipz,
    /// Takes keyword VPD and memory modules.
    #[serde(rename = "keyword-vpd-parser")]
    Keyword,
}

impl Parser {
    /// The stem of its unit, which is also the name of its binary.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipz => "ipz-vpd-parser",
            Self::Keyword => "keyword-vpd-parser",
        }
    }
}

impl fmt::Display for Parser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The unit that reads one EEPROM: `ipz-vpd-parser@10\x2d0050.service`.
pub fn unit_name(parser: Parser, key: &EepromKey) -> String {
    format!("{parser}@{}.service", escape(key.as_str()))
}

/// One of the occasions on which something is done about a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before the EEPROM is read.
    Prepare,
    /// After it was read.
    After,
    /// When it could not be read, or is of no use.
    Failed,
    /// When its part is to be taken out.
    Remove,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Prepare, Self::After, Self::Failed, Self::Remove];

    /// Its word in units' names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::After => "after",
            Self::Failed => "failed",
            Self::Remove => "remove",
        }
    }
}

/// The unit that does one phase of a slot: `vpd-slot@prepare:20\x2d0050.service`; after the reading with the CCIN of
/// the part, which may be empty, behind the key: `vpd-slot@after:20\x2d0050:2CE2.service`.
pub fn slot_unit(phase: Phase, key: &EepromKey, ccin: &str) -> String {
    let ccin = if phase == Phase::After { format!(":{}", escape(ccin)) } else { String::new() };
    format!("vpd-slot@{}:{}{ccin}.service", phase.as_str(), escape(key.as_str()))
}

/// The alias that udev gives an EEPROM's device: `/vpd/10-0050`; `None` for a file.
pub fn device_alias(key: &EepromKey) -> Option<String> {
    key.sysfs_path().map(|_| format!("/vpd/{key}"))
}

/// The unit of that alias: `vpd-10\x2d0050.device`; `None` for a file.
pub fn device_unit(key: &EepromKey) -> Option<String> {
    key.sysfs_path().map(|_| format!("vpd-{}.device", escape(key.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_an_eeprom_have_its_key_in_their_names() {
        let key = |text| EepromKey::parse(text).unwrap();
        assert_eq!(unit_name(Parser::Ipz, &key("10-0050")), r"ipz-vpd-parser@10\x2d0050.service");
        assert_eq!(unit_name(Parser::Keyword, &key("file:x")), "keyword-vpd-parser@file:x.service");
        assert_eq!(device_alias(&key("10-0050")).unwrap(), "/vpd/10-0050");
        // Printed by `systemd-escape --path --suffix=device /vpd/…`.
        assert_eq!(device_unit(&key("8-0050")).unwrap(), r"vpd-8\x2d0050.device");
        assert_eq!(device_unit(&key("spi12.0")).unwrap(), "vpd-spi12.0.device");
        assert_eq!(
            slot_unit(Phase::Prepare, &key("10-0050"), "2CE2"),
            r"vpd-slot@prepare:10\x2d0050.service"
        );
        assert_eq!(
            slot_unit(Phase::After, &key("10-0050"), "2CE2"),
            r"vpd-slot@after:10\x2d0050:2CE2.service"
        );
        assert_eq!(slot_unit(Phase::After, &key("10-0050"), ""), r"vpd-slot@after:10\x2d0050:.service");
        assert_eq!((device_alias(&key("file:x")), device_unit(&key("file:x"))), (None, None));
    }
}
