//! Drop-ins of units: what binds a parser's instance to its chip, what keeps it in its lane, and how long recovery
//! and selection wait for the system EEPROM.

use crate::Outputs;
use crate::lanes::lanes;
use crate::machine::Machine;
use fru_publication::EepromKey;
use std::collections::BTreeSet;
use std::path::PathBuf;
use system_index::{Mux, Parser, units};

/// Where units are, relative to the root.
const FOLDER: &str = "usr/lib/systemd/system";
/// What each of our drop-ins is called.
pub(crate) const NAME: &str = "10-vpd.conf";

/// All drop-ins.
pub(crate) fn drop_ins(machine: &Machine) -> Outputs {
    let mut outputs = Outputs::new();
    let redundants = |key: &EepromKey| -> Vec<EepromKey> {
        machine
            .stand_ins
            .iter()
            .filter(|(_, primaries)| primaries.contains(key))
            .map(|(key, _)| key.clone())
            .collect()
    };
    // There are lanes for all systems together, as there is one set of units.
    let wires = Mux::wires(machine.systems.iter().flat_map(|system| &system.muxes));
    for lane in lanes(machine.parsers.keys(), redundants, &wires, usize::from(machine.lanes)) {
        let mut earlier: Vec<String> = Vec::new();
        for key in lane {
            let parser = machine.parsers.get(key).copied().unwrap_or(Parser::Ipz);
            let unit = units::unit_name(parser, key);
            outputs.insert(path(&unit), instance(key, redundants(key).is_empty(), &earlier));
            earlier.push(unit);
        }
    }
    let devices: Vec<String> = machine.awaited().into_iter().filter_map(units::device_unit).collect();
    if !devices.is_empty() {
        // What was interrupted is recovered before the choice is made by it.
        for unit in ["vpd-recover.service", "vpd-select.service"] {
            outputs.insert(path(unit), selection(&devices));
        }
    }
    if machine.systems.iter().any(|system| system.has_backups()) {
        // Both write to the same folder. Without backups the writer need not wait for what the restoration waits for.
        outputs.insert(path("vpd-writer.service"), "[Unit]\nAfter=vpd-restore.service\n".to_owned());
    }
    let writable = writable(machine);
    if !writable.is_empty() {
        for unit in ["vpd-writer.service", "vpd-recover.service", "vpd-restore.service"] {
            // Both drop-ins of a unit are one file.
            let text = outputs.entry(path(unit)).or_default();
            text.push_str(&writable);
        }
    }
    for device in devices {
        let text = format!("[Unit]\nJobRunningTimeoutSec={}ms\n", machine.select_wait_ms);
        outputs.insert(path(&device), text);
    }
    outputs
}

fn path(unit: &str) -> PathBuf {
    PathBuf::from(format!("{FOLDER}/{unit}.d/{NAME}"))
}

/// All of its lane come before it and not only the last: an instance without a job, since its chip is absent, would
/// break the chain.
///
/// What has a stand-in is not bound: it is read without its own chip too.
fn instance(key: &EepromKey, is_bound: bool, earlier: &[String]) -> String {
    let mut text = "[Unit]\n".to_owned();
    if let Some(device) = units::device_unit(key).filter(|_| is_bound) {
        text += &format!("BindsTo={device}\nAfter={device}\n");
    }
    for unit in earlier {
        text += &format!("After={unit}\n");
    }
    text
}

/// Files that stand in for EEPROMs are written where a chip would be; nothing else of the file system is.
fn writable(machine: &Machine) -> String {
    let systems = machine.systems.iter().flat_map(|system| system.files());
    let files: BTreeSet<String> = systems.map(|file| file.to_string_lossy().into_owned()).collect();
    // One that systemd would read otherwise needs a drop-in by hand.
    let is_plain = |file: &&String| {
        file.starts_with('/')
            && file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+-,:@".contains(&byte))
    };
    let lines = files.iter().filter(is_plain).map(|file| format!("ReadWritePaths=-{file}\n"));
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { format!("[Service]\n{lines}") }
}

/// Wanted, not required: a device that does not come is an answer too.
fn selection(devices: &[String]) -> String {
    let lines = devices.iter().map(|device| format!("Wants={device}\nAfter={device}\n"));
    format!("[Unit]\n{}", lines.collect::<String>())
}
