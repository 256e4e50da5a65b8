//! What is known of an EEPROM before anything happens.

use fru_publication::EepromKey;
use system_index::{Moment, SystemFru, units};

/// What is known of an EEPROM before anything happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its key.
    pub key: String,
    /// The unit that reads it.
    pub unit: String,
    /// The unit ends with its device.
    pub is_bound: bool,
    /// Its key, if something is done about its slot.
    pub slot: Option<EepromKey>,
    /// It cannot be read while the chassis has power.
    pub power_off_only: bool,
    /// Its part may be replaced while the host is off: it is read again when the host starts.
    pub is_replaceable_at_standby: bool,
    /// Its part may be replaced while the host runs.
    pub is_replaceable_at_runtime: bool,
    /// The host does not do without it.
    pub is_essential: bool,
    /// It says what system this is.
    pub is_system: bool,
}

impl Plan {
    /// A chip of which nothing special is known.
    pub fn new(key: &str, unit: &str) -> Self {
        Self {
            key: key.to_owned(),
            unit: unit.to_owned(),
            is_bound: true,
            slot: None,
            power_off_only: false,
            is_replaceable_at_standby: false,
            is_replaceable_at_runtime: false,
            is_essential: false,
            is_system: false,
        }
    }
}

impl From<&SystemFru> for Plan {
    fn from(fru: &SystemFru) -> Self {
        Self {
            is_bound: fru.redundant.is_none(),
            slot: fru.slot.then(|| fru.key.clone()),
            power_off_only: fru.power_off_only,
            is_replaceable_at_standby: fru.replaceable_at.contains(&Moment::Standby),
            is_replaceable_at_runtime: fru.replaceable_at.contains(&Moment::Runtime),
            is_essential: fru.essential,
            is_system: fru.system,
            ..Self::new(fru.key.as_str(), &units::unit_name(fru.parser, &fru.key))
        }
    }
}
