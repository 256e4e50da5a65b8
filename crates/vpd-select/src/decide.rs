//! From what was read and what is remembered to a choice. Pure.

use crate::identify::{Identity, Kind, Reading, Trouble};
use service_runtime::Exit;
use system_index::{Cause, MachineIndex, Selection, SystemName};

/// A choice, and how the process ends after it.
#[derive(Debug, PartialEq)]
pub(crate) struct Decision {
    pub(crate) selection: Selection,
    pub(crate) exit: Exit,
}

/// The last good choice, or why there is none.
pub(crate) type Last = Result<SystemName, String>;

/// What openpower-vpd-parser chose last, if it was ever here, or what is wrong with that.
pub(crate) type Foreign = Result<Option<SystemName>, String>;

/// Decides; `exists` says whether the image has a system.
pub(crate) fn decide(
    index: &MachineIndex,
    reading: Reading,
    last: Last,
    foreign: Foreign,
    exists: &dyn Fn(&SystemName) -> bool,
) -> Decision {
    let troubles = told(&reading.troubles);
    match reading.identity {
        Some(identity) => known(index, identity, troubles, exists),
        None if index.system_eeproms.is_empty() => {
            let reason = "the configuration names no system EEPROM".to_owned();
            Decision { selection: fallback(Cause::NoChoice, reason), exit: Exit::Done }
        }
        None => {
            let is_locked = reading.troubles.iter().any(|trouble| trouble.kind == Kind::Locked);
            let selection = Selection { is_locked, ..unread(troubles, last, foreign, exists) };
            Decision { selection, exit: exit_of(&reading.troubles) }
        }
    }
}

/// Some EEPROM said what system this is.
fn known(
    index: &MachineIndex,
    identity: Identity,
    troubles: String,
    exists: &dyn Fn(&SystemName) -> bool,
) -> Decision {
    let Identity { eeprom, im, hw } = identity;
    let (base, exit) = match index.choose(im, hw) {
        Some(system) if exists(system) => {
            let matched = Selection { system: system.clone(), ..fallback(Cause::Matched, troubles) };
            (matched, Exit::Done)
        }
        Some(system) => {
            let reason = format!("the image lacks system {system}, which its index names");
            (fallback(Cause::NoChoice, join(troubles, reason)), Exit::Configuration)
        }
        None => {
            let level = hw.map(|hw| format!(" and hw {hw}")).unwrap_or_default();
            let reason = format!("no system answers to im {im}{level}");
            (fallback(Cause::UnknownSystemType, join(troubles, reason)), Exit::BadData)
        }
    };
    Decision { selection: Selection { im: Some(im), hw, eeprom: Some(eeprom), ..base }, exit }
}

/// No EEPROM said anything: what was last known, or what all systems have in common.
///
/// Another's choice counts only as long as there is none of our own: ours is younger.
fn unread(troubles: String, last: Last, foreign: Foreign, exists: &dyn Fn(&SystemName) -> bool) -> Selection {
    match last {
        Ok(system) if exists(&system) => Selection { system, ..fallback(Cause::LastChoice, troubles) },
        Ok(system) => {
            let reason = format!("the last choice, system {system}, is not in this image");
            fallback(Cause::NoChoice, join(troubles, reason))
        }
        Err(reason) => adopted(join(troubles, reason), foreign, exists),
    }
}

fn adopted(troubles: String, foreign: Foreign, exists: &dyn Fn(&SystemName) -> bool) -> Selection {
    match foreign {
        Ok(Some(system)) if exists(&system) => {
            let reason = format!("system {system} is openpower-vpd-parser's choice");
            Selection { system, ..fallback(Cause::LastChoice, join(troubles, reason)) }
        }
        Ok(Some(system)) => {
            let reason = format!("openpower-vpd-parser's choice, system {system}, is not in this image");
            fallback(Cause::NoChoice, join(troubles, reason))
        }
        Ok(None) => fallback(Cause::NoChoice, troubles),
        Err(reason) => fallback(Cause::NoChoice, join(troubles, reason)),
    }
}

fn fallback(cause: Cause, reason: String) -> Selection {
    Selection {
        system: SystemName::common(),
        cause,
        im: None,
        hw: None,
        eeprom: None,
        reason,
        is_locked: false,
    }
}

/// What is worst decides, since absence is no news where something else is wrong too.
fn exit_of(troubles: &[Trouble]) -> Exit {
    match troubles.iter().map(|trouble| trouble.kind).max() {
        Some(Kind::Denied) => Exit::Configuration,
        Some(Kind::Locked) => Exit::PeerUnavailable,
        Some(Kind::Bad) => Exit::BadData,
        Some(Kind::Absent) | None => Exit::DeviceAbsent,
    }
}

fn told(troubles: &[Trouble]) -> String {
    let told: Vec<_> =
        troubles.iter().map(|trouble| format!("{}: {}", trouble.eeprom, trouble.reason)).collect();
    told.join("; ")
}

fn join(first: String, second: String) -> String {
    if first.is_empty() { second } else { format!("{first}; {second}") }
}

#[cfg(test)]
mod tests;
