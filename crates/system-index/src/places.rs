//! Where things are, relative to the root of the file system.

use crate::SystemName;
use fru_publication::EepromKey;
use std::path::{Path, PathBuf};

/// What `vpd-config` writes: the machine's index and a folder for each system.
pub const SHARE: &str = "usr/share/vivianite/vpd";
/// What selection writes, until the machine is off.
pub const RUN: &str = "run/vivianite/vpd";
/// Where selection keeps the last good choice, unless systemd says otherwise.
pub const STATE: &str = "var/lib/vivianite/vpd";

/// The machine's index.
pub fn machine_index(root: &Path) -> PathBuf {
    root.join(SHARE).join("index.toml")
}

/// The folder of one system.
pub fn system(root: &Path, system: &SystemName) -> PathBuf {
    root.join(SHARE).join("systems").join(system.as_str())
}

/// The index in a system's folder.
pub fn system_index(system: &Path) -> PathBuf {
    system.join("index.toml")
}

/// The fragment of one EEPROM in a system's folder.
pub fn fragment(system: &Path, key: &EepromKey) -> PathBuf {
    system.join("frus").join(format!("{key}.toml"))
}

/// What is to be done about the place of one EEPROM, in a system's folder.
pub fn slot(system: &Path, key: &EepromKey) -> PathBuf {
    system.join("slots").join(format!("{key}.toml"))
}

/// What is to be done before all slots, in a system's folder; no EEPROM has such a key.
pub fn start(system: &Path) -> PathBuf {
    system.join("slots").join("start.toml")
}

/// The location codes in a system's folder.
pub fn locations(system: &Path) -> PathBuf {
    system.join("locations.toml")
}

/// What is kept a second time, in a system's folder.
pub fn backups(system: &Path) -> PathBuf {
    system.join("backups.toml")
}

/// The link to the folder of the chosen system.
pub fn active(root: &Path) -> PathBuf {
    root.join(RUN).join("active")
}

/// The record of the choice.
pub fn selection(root: &Path) -> PathBuf {
    root.join(RUN).join("selection.toml")
}
