//! Images and fragments that the demonstration and the benches share.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Descriptions of images, readable and committed.
const DESCRIPTIONS: &str = "tests/data/vpd";

/// What every FRU publishes about its origin.
const COMMON: &str = "[common.\"xyz.openbmc_project.Inventory.Decorator.Asset\"]\n\
    PartNumber = { record = \"VINI\", keyword = \"PN\" }\n\
    SerialNumber = { record = \"VINI\", keyword = \"SN\" }\n\
    SparePartNumber = { record = \"VINI\", keyword = \"FN\" }\n\
    Model = { record = \"VINI\", keyword = \"CC\" }\n\
    BuildDate = { record = \"VR10\", keyword = \"DC\", encoding = \"date\" }\n\n";

/// The names of the committed descriptions.
pub fn names(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(DESCRIPTIONS);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        names.extend(file.strip_suffix(".toml").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// A committed description.
pub fn description(root: &Path, name: &str) -> Result<String> {
    let path = root.join(DESCRIPTIONS).join(name).with_extension("toml");
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// Builds the image of a committed description.
pub fn image(root: &Path, name: &str) -> Result<Vec<u8>> {
    vpd_builder::build(&description(root, name)?).with_context(|| format!("building {name}"))
}

/// Puts a fragment where parsers look for it in `fragments`.
pub fn write_fragment(fragments: &Path, key: &str, text: &str) -> Result<()> {
    fs::create_dir_all(fragments).with_context(|| format!("creating {}", fragments.display()))?;
    let path = fragments.join(format!("{key}.toml"));
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

/// A FRU that is one object, of whatever format its EEPROM turns out to have.
pub fn one_object(path: &str, name: &str) -> String {
    format!("format = \"auto\"\n{COMMON}{}", object(path, "records = \"all\"\n", name, &[]))
}

/// The planar of a system with 43 objects, in shape and number like those of real machines: the board itself, the
/// machine, its chassis, parts without an EEPROM of their own, connectors and slots.
pub fn planar() -> String {
    const BOARD: &str = "/system/chassis/motherboard";
    const KIND: &str = "xyz.openbmc_project.Inventory.Item";
    let mut text = format!("format = \"ipz\"\n{COMMON}");
    text +=
        &object(BOARD, "records = \"all\"\n", "System backplane", &[&format!("{KIND}.Board.Motherboard")]);
    let system = "records = [\"VSYS\", \"VINI\"]\n";
    text += &object("/system", system, "System", &[&format!("{KIND}.System")]);
    text +=
        &object("/system/chassis", "", "Chassis", &[&format!("{KIND}.Chassis"), &format!("{KIND}.Global")]);
    text += &object(&format!("{BOARD}/battery"), "", "Battery", &[&format!("{KIND}.Battery")]);
    text += &object(&format!("{BOARD}/clock"), "", "Oscillator Reference Clock", &[]);
    for index in 0..8 {
        text += &object(&format!("{BOARD}/embedded{index}"), "common = true\n", "Embedded part", &[]);
        // A keyword is bytes: a resource identifier, and a location in ASCII.
        let location = [0x50, 0x30, 0x2d, 0x43, 0x30 + index];
        text += "[object.interfaces.\"com.ibm.ipzvpd.DINF\"]\n";
        text += &format!("RI = [0, 0, 0, {index}]\nFL = {location:?}\n");
    }
    for index in 0..18 {
        let kind = format!("{KIND}.Connector");
        text += &object(&format!("{BOARD}/connector{index}"), "", "USB 3.0 port (front)", &[&kind]);
    }
    for index in 0..12 {
        text += &object(&format!("{BOARD}/pcieslot{index}"), "", "PCIe5 x8 adapter", &[]);
        text += &format!(
            "[object.interfaces.\"{KIND}.PCIeSlot\"]\nSlotType = \"{KIND}.PCIeSlot.SlotTypes.FullLength\"\n\
             [object.interfaces.\"xyz.openbmc_project.State.Decorator.PowerState\"]\n\
             PowerState = \"xyz.openbmc_project.State.Decorator.PowerState.State.Unknown\"\n"
        );
    }
    text
}

fn object(path: &str, keys: &str, name: &str, markers: &[&str]) -> String {
    let item = "xyz.openbmc_project.Inventory.Item";
    let mut text = format!(
        "[[object]]\npath = \"{path}\"\n{keys}[object.interfaces.\"{item}\"]\nPrettyName = \"{name}\"\n"
    );
    for marker in markers {
        text.push_str(&format!("[object.interfaces.\"{marker}\"]\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_toml_with_as_many_objects_as_promised() {
        for (text, count) in [(one_object("/system/card", "Card"), 1), (planar(), 43)] {
            let table: toml::Table = text.parse().unwrap();
            assert_eq!(table["object"].as_array().unwrap().len(), count);
        }
    }

    #[test]
    fn every_committed_description_builds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let names = names(root).unwrap();
        assert!(
            names.contains(&"card".to_owned()) && names.contains(&"system-planar".to_owned()),
            "{names:?}"
        );
        for name in names {
            assert!(!image(root, &name).unwrap().is_empty(), "{name}");
        }
    }
}
