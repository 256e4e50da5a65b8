//! The udev rules: from an EEPROM that is there to the unit that reads it.

use crate::Outputs;
use crate::keys::bus_of;
use fru_publication::EepromKey;
use std::collections::BTreeMap;
use std::path::PathBuf;
use system_index::{Parser, units};

/// Where the rules are, relative to the root.
const PATH: &str = "usr/lib/udev/rules.d/70-vivianite-vpd.rules";

/// Everything before the EEPROMs.
///
/// At `add` the driver and its attribute may still be missing; they are there at `bind`, and at the `add` of
/// coldplug. So the device is looked at, not the action.
const GUARDS: &str = "SUBSYSTEM!=\"i2c|spi\", GOTO=\"vivianite_vpd_end\"\n\
                      DRIVER!=\"at24|at25|ee1004|spd5118\", GOTO=\"vivianite_vpd_end\"\n\
                      TEST!=\"eeprom\", GOTO=\"vivianite_vpd_end\"\n";

/// One line per chip of any system.
pub(crate) fn rules(parsers: &BTreeMap<EepromKey, Parser>) -> Outputs {
    let mut chips: Vec<_> = parsers.iter().collect();
    chips.sort_by_key(|(key, _)| (bus_of(key), *key));
    let lines: String = chips.into_iter().filter_map(|(key, parser)| line(key, *parser)).collect();
    Outputs::from([(PathBuf::from(PATH), format!("{GUARDS}{lines}LABEL=\"vivianite_vpd_end\"\n"))])
}

fn line(key: &EepromKey, parser: Parser) -> Option<String> {
    let alias = units::device_alias(key)?;
    let unit = units::unit_name(parser, key);
    Some(format!(
        "KERNEL==\"{key}\", TAG+=\"systemd\", ENV{{SYSTEMD_ALIAS}}+=\"{alias}\", \
         ENV{{SYSTEMD_WANTS}}+=\"{unit}\"\n"
    ))
}
