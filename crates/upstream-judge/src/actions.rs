//! What the JSON's actions have done: lines driven, devices given to drivers, attributes written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::demand::Readings;
use super::json::{Command, Eeprom, Occasion, Pin, System};

/// A sentence for each action whose effect is not to be seen in what the machine has left. `present` has the keys of the
/// EEPROMs whose part is there.
pub fn undone(
    system: &System,
    present: &BTreeSet<String>,
    readings: &Readings,
    results: &Path,
) -> Result<Vec<String>> {
    let levels = pairs(&results.join("lines"))?;
    let drivers = pairs(&results.join("drivers"))?;
    let attributes = pairs(&results.join("attributes"))?;
    let mut undone = Vec::new();
    for path in &system.hold_idle {
        if attributes.get(path).map(String::as_str) != Some("0") {
            undone.push(format!("{path}: demanded 0, found {:?}", attributes.get(path)));
        }
    }
    for eeprom in &system.eeproms {
        let image = readings.get(&eeprom.key);
        let is_present = |key: &String| present.contains(key);
        // What stands in for another one is there if that one's part is.
        let stands_in = |other: &&Eeprom| other.redundant().as_ref() == Some(&eeprom.key);
        let is_there = is_present(&eeprom.key)
            || system.eeproms.iter().filter(stands_in).any(|other| is_present(&other.key));
        let driven = driven(eeprom, is_there);
        if let Some(pin) = driven {
            let found = levels.get(&pin.name).map(String::as_str);
            if found != Some(if pin.level == 1 { "1" } else { "0" }) {
                undone.push(format!("{}: line {} at {}, found {found:?}", eeprom.key, pin.name, pin.level));
            }
        }
        let ccin = image.and_then(|image| image.ccin());
        for (device, driver) in bound(eeprom, image.is_some(), ccin.as_deref()) {
            let found = drivers.get(&device).map(String::as_str).unwrap_or_default();
            if found != driver {
                undone.push(format!("{}: driver of {device} is {driver:?}, found {found:?}", eeprom.key));
            }
        }
    }
    Ok(undone)
}

/// The lines as they have to be: driven before a collection, and after a failure where the part is not there.
fn driven(eeprom: &Eeprom, is_present: bool) -> Option<Pin> {
    let base = eeprom.base();
    let before = base.driven(Occasion::Before, "collection");
    let failed = base.driven(Occasion::Failed, "collection");
    if is_present { base.driven(Occasion::After, "collection").or(before) } else { failed }
}

/// Devices with the driver that they have to have by now; an empty one for none.
fn bound(eeprom: &Eeprom, is_read: bool, ccin: Option<&str>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    if let Some(Command::Bind { device, driver }) = eeprom.command(Occasion::Before, "collection") {
        all.push((device, if is_read { driver } else { String::new() }));
    }
    if let Some(Command::Bind { device, driver }) = eeprom.command(Occasion::After, "collection") {
        let named = eeprom.base().ccins_after();
        let is_meant = named.is_empty()
            || named.iter().any(|name| ccin.is_some_and(|ccin| ccin.eq_ignore_ascii_case(name)));
        all.push((device, if is_read && is_meant { driver } else { String::new() }));
    }
    all
}

/// A name and what belongs to it in each line.
fn pairs(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let pair = |line: &str| {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        (name.to_owned(), value.trim().to_owned())
    };
    Ok(text.lines().map(pair).collect())
}
