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

/// Guards, comments and the shape of a line; its head says how it is filled in.
const TEMPLATE: &str = include_str!("../../../udev-rules/70-vivianite-vpd.rules.in");

/// How lines of the template begin that are about the template.
const ABOUT: &str = "#:";

/// One line per chip of any system. The chip that stands in for another one wants the other's unit. What must not be
/// read while the chassis has power wants none: udev does not know, so collection starts its unit. A chip that selection waits
/// for has a line though it is no FRU: without one its device unit would never come.
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
    for key in machine.awaited() {
        chips.entry(key).or_default();
    }
    let mut chips: Vec<_> = chips.into_iter().collect();
    chips.sort_by_key(|(key, _)| (bus_of(key), *key));
    Outputs::from([(PathBuf::from(PATH), filled_in(&chips))])
}

/// The template with its chips, each with the units that it wakes.
fn filled_in(chips: &[(&EepromKey, Vec<String>)]) -> String {
    let of_template = |shape: &str| match shape {
        about if about.starts_with(ABOUT) => String::new(),
        shape if shape.contains("@KEY@") => {
            chips.iter().filter_map(|(key, units)| line(shape, key, units)).collect()
        }
        other => format!("{other}\n"),
    };
    TEMPLATE.lines().map(of_template).collect()
}

/// The line of a chip; nothing for a key that is no device.
fn line(shape: &str, key: &EepromKey, units: &[String]) -> Option<String> {
    let alias = units::device_alias(key)?;
    let (device, rest) = shape.split_once('[')?;
    let (wish, end) = rest.split_once(']')?;
    let device = device.replace("@KEY@", &key.to_string()).replace("@ALIAS@", &alias);
    let wishes: String = units.iter().map(|unit| wish.replace("@UNIT@", unit)).collect();
    Some(format!("{device}{wishes}{end}\n"))
}
