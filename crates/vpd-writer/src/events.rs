//! What the event log is told: what no caller may have heard, as some want no reply.

use crate::refusal::{Cause, Refusal};
use crate::work::mend::Settled;
use crate::work::recovery::Recovered;
use dbus_api::logging::{Severity, data_key, message_id};
use event_log::Event;
use fru_publication::EepromKey;
use std::time::Duration;

/// After that, a happening is of no use to those who read of it.
const OF_USE: Duration = Duration::from_secs(24 * 60 * 60);

fn happening(key: &EepromKey, cause: &str, id: &'static str, severity: Severity, text: String) -> Event {
    let event = Event::new(key.as_str(), cause, id, severity).within(OF_USE);
    let event = event.with(data_key::DESCRIPTION, text);
    match key.sysfs_path() {
        Some(path) => event.with(data_key::CALLOUT_DEVICE_PATH, path),
        None => event,
    }
}

/// Of a write that has failed at the chip; none for what is wrong with a call.
pub fn of_failure(key: &EepromKey, refusal: &Refusal) -> Option<Event> {
    let id = match refusal.cause {
        Cause::WriteFailure => message_id::FIRMWARE_ERROR,
        Cause::EccCheckFailed => message_id::ECC_CHECK_FAILED,
        _ => return None,
    };
    let text = format!("VPD of EEPROM {key} were not written: {refusal}");
    Some(happening(key, "write-failed", id, Severity::Warning, text))
}

/// The cause of an event about a redundant EEPROM.
pub const LEFT_OUT: &str = "redundant-left-out";

/// Of a redundant EEPROM that says something else, until it is scrubbed.
pub fn of_left_out(key: &EepromKey, why: &str) -> Event {
    let text = format!("VPD of EEPROM {key} were written, its redundant EEPROM was not: {why}");
    Event::new(key.as_str(), LEFT_OUT, message_id::MISMATCH, Severity::Warning)
        .with(data_key::DESCRIPTION, text)
}

/// Of an EEPROM whose backup says something else, or of what was set in neither.
pub fn of_backup(key: &EepromKey, settled: &Settled) -> Vec<Event> {
    let fault = |cause: String, text: String| {
        let event = Event::new(key.as_str(), cause, message_id::MISMATCH, Severity::Warning);
        event.with(data_key::DESCRIPTION, text)
    };
    let conflict = |(name, ours, theirs): &(String, Vec<u8>, Vec<u8>)| {
        let text = format!(
            "{name} of EEPROM {key} is {} in the EEPROM, which is shown, and {} in its backup",
            shown(ours),
            shown(theirs)
        );
        fault(format!("backup-differs-{name}"), text)
    };
    let not_set = |name: &String| {
        let text = format!("{name} of EEPROM {key} was never set, nor in its backup");
        fault(format!("backup-not-set-{name}"), text)
    };
    settled.conflicts.iter().map(conflict).chain(settled.not_set.iter().map(not_set)).collect()
}

/// A value as text where it is one, else as hexadecimal digits.
fn shown(value: &[u8]) -> String {
    const LONGEST: usize = 64;
    let start = value.get(..LONGEST).unwrap_or(value);
    let rest = if start.len() < value.len() { "…" } else { "" };
    if start.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return format!("\"{}{rest}\"", String::from_utf8_lossy(start));
    }
    let digits: String = start.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}{rest}")
}

/// Of an interrupted write that fits no part that is there.
pub fn of_recovery(key: &EepromKey, recovered: &Recovered) -> Option<Event> {
    let Recovered::Rejected { why, kept } = recovered else { return None };
    let kept = kept.as_deref().map(|path| format!("; its journal is kept as {}", path.display()));
    let text = format!(
        "a write of EEPROM {key} was interrupted, and another part is there now, which was left as it is: {why}{}",
        kept.unwrap_or_default()
    );
    Some(happening(key, "journal-rejected", message_id::INVALID_VPD, Severity::Warning, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_went_wrong_at_the_chip_is_an_event() {
        let key = EepromKey::parse("8-0050").unwrap();
        for cause in Cause::ALL {
            let is_event = matches!(cause, Cause::WriteFailure | Cause::EccCheckFailed);
            assert_eq!(of_failure(&key, &cause.because("why")).is_some(), is_event, "{cause:?}");
        }
        let rejected = Recovered::Rejected { why: "other bytes".to_owned(), kept: None };
        assert!(of_recovery(&key, &rejected).is_some());
        assert!(of_recovery(&key, &Recovered::Settled(String::new())).is_none());
    }
}
