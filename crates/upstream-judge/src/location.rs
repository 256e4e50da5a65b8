//! Location codes: what the JSON says of them, with what identifies the machine put in.

use super::demand::{Inventory, LOCATION, Wanted};
use super::json::System;

/// The record of an enclosure, and that of a system.
const ENCLOSURE: &str = "com.ibm.ipzvpd.VCEN";
const MACHINE: &str = "com.ibm.ipzvpd.VSYS";

/// Puts what identifies the machine into every code.
pub fn expand(system: &System, inventory: &mut Inventory) {
    let paths: Vec<String> = inventory.keys().cloned().collect();
    for path in paths {
        let Some(Wanted::Text(code)) = property(inventory, &path, LOCATION, "LocationCode") else { continue };
        let expanded = expanded(system, inventory, &path, &code).unwrap_or(code);
        if let Some(interface) = inventory.get_mut(&path).and_then(|object| object.get_mut(LOCATION)) {
            interface.insert("LocationCode".to_owned(), Wanted::Text(expanded));
        }
    }
}

/// The code with the identity; `None` where that is not known.
fn expanded(system: &System, inventory: &Inventory, path: &str, code: &str) -> Option<String> {
    if let Some(at) = code.find("fcs") {
        let rest = code.get(at + 3..)?;
        if !rest.is_empty() && !rest.starts_with('-') {
            return None;
        }
        let chassis = path.split('/').find(|part| part.starts_with("chassis"))?;
        let node = node(chassis.strip_prefix("chassis")?)?;
        let enclosure = format!("/system/{chassis}");
        let feature = text(inventory, &enclosure, ENCLOSURE, "FC")?;
        let serial = text(inventory, &enclosure, ENCLOSURE, "SE")?;
        let rest = without_node(rest);
        let before = code.get(..at)?;
        return Some(format!("{before}{}.{node}.{serial}{rest}", feature.get(..4)?));
    }
    code.find("mts")?;
    // Only the EEPROM that holds it is looked at.
    let own = system.eeproms.iter().find(|eeprom| eeprom.entries.iter().any(|entry| entry.path() == path))?;
    let holder = own.entries.iter().find_map(|entry| {
        let model = text(inventory, entry.path(), MACHINE, "TM")?;
        Some((model, text(inventory, entry.path(), MACHINE, "SE")?))
    });
    let (model, serial) = holder?;
    Some(code.replacen("mts", &format!("{}.{serial}", model.replace('-', ".")), 1))
}

/// What follows, without the node that files of 2026 have there too; upstream's own query put it in and took it out again.
fn without_node(rest: &str) -> &str {
    let is_node = |word: &str| {
        let digits = word.strip_prefix('N').unwrap_or_default();
        matches!(word, "ND0" | "SC0")
            || (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let word = rest.split('-').nth(1).unwrap_or_default();
    if is_node(word) { rest.get(1 + word.len()..).unwrap_or_default() } else { rest }
}

/// How a chassis is called in a code.
fn node(number: &str) -> Option<String> {
    Some(match number {
        "" => "N00".to_owned(),
        "0" => "SC0".to_owned(),
        number => format!("N{:02}", number.parse::<u32>().ok()?.checked_sub(1)?),
    })
}

/// A keyword of an object as text; a blank one says nothing.
fn text(inventory: &Inventory, path: &str, interface: &str, keyword: &str) -> Option<String> {
    match property(inventory, path, interface, keyword)? {
        Wanted::Bytes(bytes) => {
            let text = String::from_utf8(bytes).ok()?;
            let text = text.trim_end_matches([' ', '\0']).to_owned();
            (!text.is_empty()).then_some(text)
        }
        _ => None,
    }
}

fn property(inventory: &Inventory, path: &str, interface: &str, property: &str) -> Option<Wanted> {
    inventory.get(path)?.get(interface)?.get(property).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chassis_without_a_number_is_no_control_enclosure() {
        for (number, called) in
            [("", Some("N00")), ("0", Some("SC0")), ("1", Some("N00")), ("12", Some("N11")), ("x", None)]
        {
            assert_eq!(node(number).as_deref(), called, "{number}");
        }
    }
}
