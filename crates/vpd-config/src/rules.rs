//! The udev rules: from an EEPROM that is there to the unit that reads it.

use crate::Outputs;
use crate::keys::bus_of;
use crate::machine::Machine;
use fru_publication::EepromKey;
use std::collections::BTreeMap;
use std::path::PathBuf;
use system_index::units;

/// Where the rules are, relative to the root.
const PATH: &str = "usr/lib/udev/rules.d/70-vivianite-vpd.rules";

/// Everything before the EEPROMs.
///
/// At `add` the driver and its attribute may still be missing; they are there at `bind`, and at the `add` of
/// coldplug. So the device is looked at, not the action.
const GUARDS: &str = "SUBSYSTEM!=\"i2c|spi\", GOTO=\"vivianite_vpd_end\"\n\
                      DRIVER!=\"at24|at25|ee1004|spd5118\", GOTO=\"vivianite_vpd_end\"\n\
                      TEST!=\"eeprom\", GOTO=\"vivianite_vpd_end\"\n";

/// One line per chip of any system. The chip that stands in for another one wants the other's unit. What must not be
/// read while the chassis has power wants none: udev does not know, so collection starts its unit.
pub(crate) fn rules(machine: &Machine) -> Outputs {
    let mut chips: BTreeMap<&EepromKey, Vec<String>> = BTreeMap::new();
    let unit = |key: &EepromKey| {
        let parser = machine.parsers.get(key).filter(|_| !machine.held.contains(key));
        parser.map(|parser| units::unit_name(*parser, key))
    };
    for key in machine.parsers.keys() {
        chips.entry(key).or_default().extend(unit(key));
    }
    for (key, primaries) in &machine.stand_ins {
        chips.entry(key).or_default().extend(primaries.iter().filter_map(unit));
    }
    let mut chips: Vec<_> = chips.into_iter().collect();
    chips.sort_by_key(|(key, _)| (bus_of(key), *key));
    let lines: String = chips.into_iter().filter_map(|(key, units)| line(key, &units)).collect();
    Outputs::from([(PathBuf::from(PATH), format!("{GUARDS}{lines}LABEL=\"vivianite_vpd_end\"\n"))])
}

fn line(key: &EepromKey, units: &[String]) -> Option<String> {
    let alias = units::device_alias(key)?;
    let wants: String = units.iter().map(|unit| format!(", ENV{{SYSTEMD_WANTS}}+=\"{unit}\"")).collect();
    Some(format!("KERNEL==\"{key}\", TAG+=\"systemd\", ENV{{SYSTEMD_ALIAS}}+=\"{alias}\"{wants}\n"))
}
