//! What this service remembers over its own restart: one file per collected EEPROM, in its run-time folder.

use dbus_api::vpd::collection::{FruState, FruStatus};
use durable_state::{Document, StateFolder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// The folder; without one nothing is remembered.
#[derive(Debug)]
pub struct Records {
    folder: Option<StateFolder>,
    /// What is written, by key, with the moment at which it was collected.
    written: BTreeMap<String, i64>,
}

impl Records {
    /// Opens the folder that systemd assigned, and gives what an earlier run of the service has left in it; nothing, where this is
    /// the first since the machine has started, or since an administrator has stopped it: systemd removes the folder then.
    pub fn open(folder: Option<PathBuf>) -> (Self, Option<Vec<FruStatus>>) {
        let folder = folder.map(StateFolder::at);
        let mut written = BTreeMap::new();
        let Some(in_use) = &folder else { return (Self { folder, written }, None) };
        let found = read_all(in_use);
        written.extend(found.iter().map(|status| (status.key.clone(), status.settled)));
        let is_first = in_use.load::<Began>(BEGAN).is_ok_and(|began| began.is_none());
        if is_first && let Err(error) = in_use.save_unflushed(BEGAN, &Began {}) {
            log::warn!("a restart of this service would not be known for one: {error}");
        }
        (Self { folder, written }, (!is_first).then_some(found))
    }

    /// Brings the folder up to date: what was collected since is written, what is collected no more is removed.
    pub fn update(&mut self, statuses: &[FruStatus]) {
        let Some(folder) = &self.folder else { return };
        for status in statuses {
            let is_kept = status.state == FruState::Collected && !status.report.invocation.is_empty();
            let written = self.written.get(&status.key).copied();
            let done = match (is_kept, written) {
                (true, Some(settled)) if settled == status.settled => continue,
                (true, _) => write(folder, status).map(|()| {
                    self.written.insert(status.key.clone(), status.settled);
                }),
                // Only its end makes what is known of it wrong; another run does not, since a record names its run, and
                // no more does a restart of this service, which has yet to see the device.
                (false, Some(_)) if has_ended(status) => remove(folder, &status.key).map(|()| {
                    self.written.remove(&status.key);
                }),
                _ => continue,
            };
            if let Err(error) = done {
                log::warn!("a restart of this service would read again: {error} fru={}", status.key);
            }
        }
    }
}

/// What was known of the part holds no more. The inventory is told of an absence after this, so that a restart meanwhile
/// does not take for read what is shown as absent; no report outlives its part, and what is only emptied has one.
fn has_ended(status: &FruStatus) -> bool {
    match status.state {
        FruState::Absent | FruState::Failed => true,
        FruState::Clearing => status.report.key.is_empty(),
        _ => false,
    }
}

/// The file of one EEPROM, with all that `Status` says of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Record(FruStatus);

impl Document for Record {
    const FORMAT: u32 = 1;
    /// A report comes by one message, and names each record of its EEPROM in about 100 bytes.
    const LONGEST: u64 = 1024 * 1024;
}

/// The service has begun once: from then on the inventory may have been told of absences.
#[derive(Debug, Serialize, Deserialize)]
struct Began {}

impl Document for Began {
    const FORMAT: u32 = 1;
    const LONGEST: u64 = 1024;
}

/// No EEPROM's record ends so.
const BEGAN: &str = "began";

/// A key has no `/` in it, and does not begin with a dot.
fn name(key: &str) -> String {
    format!("{key}{EXTENSION}")
}

const EXTENSION: &str = ".toml";

/// Nothing is flushed: the folder is in memory.
fn write(folder: &StateFolder, status: &FruStatus) -> io::Result<()> {
    folder.save_unflushed(&name(&status.key), &Record(status.clone()))
}

fn remove(folder: &StateFolder, key: &str) -> io::Result<()> {
    folder.remove(&name(key))
}

fn read_all(folder: &StateFolder) -> Vec<FruStatus> {
    let names = folder.open().and_then(|()| folder.names()).unwrap_or_else(|error| {
        log::warn!("what an earlier run has read is read again: {error}");
        Vec::new()
    });
    let mut found = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(EXTENSION)) {
        match folder.load(name) {
            Ok(record) => found.extend(record.map(|Record(status)| status)),
            Err(error) => log::warn!("an EEPROM is read again: {error}"),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::vpd::collection::{RecordReport, Report};

    fn collected(key: &str, settled: i64) -> FruStatus {
        let report = Report { key: key.to_owned(), invocation: "1".to_owned(), ..Report::default() };
        FruStatus { key: key.to_owned(), state: FruState::Collected, settled, report, ..FruStatus::default() }
    }

    #[test]
    fn what_was_collected_is_known_after_a_restart_until_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (mut records, found) = Records::open(Some(folder.path().to_owned()));
        assert_eq!(found, None);
        records.update(&[collected("10-0050", 1), collected("10-0051", 2)]);
        let gone = FruStatus { state: FruState::Absent, ..collected("10-0051", 3) };
        records.update(&[collected("10-0050", 1), gone]);
        let (_, found) = Records::open(Some(folder.path().to_owned()));
        assert_eq!(found, Some(vec![collected("10-0050", 1)]));
    }

    #[test]
    fn a_service_that_ends_before_it_has_looked_forgets_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Records::open(Some(folder.path().to_owned()));
        open().0.update(&[collected("10-0050", 1)]);
        for state in [FruState::Unsettled, FruState::Overdue, FruState::Queued, FruState::Clearing] {
            let status = FruStatus { state, settled: 0, ..collected("10-0050", 0) };
            open().0.update(&[status]);
            assert_eq!(open().1, Some(vec![collected("10-0050", 1)]), "{state}");
        }
    }

    #[test]
    fn a_part_that_is_leaving_is_forgotten_before_the_inventory_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Records::open(Some(folder.path().to_owned()));
        open().0.update(&[collected("10-0050", 1)]);
        let leaving =
            FruStatus { state: FruState::Clearing, report: Report::default(), ..collected("10-0050", 0) };
        open().0.update(&[leaving]);
        assert_eq!(open().1, Some(Vec::new()));
    }

    #[test]
    fn all_that_a_parser_reports_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut status = collected("spi12.0", i64::MIN);
        status.report.reason = "\"\\\u{1b}[2J\n".to_owned();
        status.report.image_size = u64::from(u32::MAX);
        let record = RecordReport { name: "VINI".to_owned(), recovered_bits: 3, ..RecordReport::default() };
        status.report.records = vec![record.clone(), record];
        status.report.excluded = vec!["/a".to_owned()];
        Records::open(Some(folder.path().to_owned())).0.update(&[status.clone(), collected("spi12.1", 2)]);
        let (_, found) = Records::open(Some(folder.path().to_owned()));
        assert_eq!(found, Some(vec![status, collected("spi12.1", 2)]));
    }

    #[test]
    fn a_damaged_record_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Records::open(Some(folder.path().to_owned())).1;
        open();
        std::fs::write(folder.path().join("10-0050.toml"), "{").unwrap();
        assert_eq!(open(), Some(Vec::new()));
    }

    #[test]
    fn the_first_start_is_told_from_a_restart_also_where_nothing_was_collected() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Records::open(Some(folder.path().to_owned())).1;
        assert_eq!((open(), open()), (None, Some(Vec::new())));
        std::fs::write(folder.path().join(BEGAN), "{").unwrap();
        assert_eq!(open(), Some(Vec::new()), "it says so though it is damaged");
        assert_eq!(Records::open(None).1, None);
    }
}
