//! What this service remembers over its own restart: one file per collected EEPROM, in its run-time folder.

use dbus_api::vpd::collection::FruStatus;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder; without one nothing is remembered.
#[derive(Debug)]
pub struct Records {
    folder: Option<PathBuf>,
    /// What is written, by key, with the moment at which it was collected.
    written: BTreeMap<String, i64>,
}

impl Records {
    /// Opens the folder that systemd assigned, and gives what is in it.
    pub fn open(folder: Option<PathBuf>) -> (Self, Vec<FruStatus>) {
        let found = folder.as_deref().map(read_all).unwrap_or_default();
        let written = found.iter().map(|status| (status.key.clone(), status.settled)).collect();
        (Self { folder, written }, found)
    }

    /// Brings the folder up to date: what was collected since is written, what is collected no more is removed.
    pub fn update(&mut self, statuses: &[FruStatus]) {
        let Some(folder) = &self.folder else { return };
        for status in statuses {
            let is_kept = status.state == "collected" && !status.report.invocation.is_empty();
            let written = self.written.get(&status.key).copied();
            let done = match (is_kept, written) {
                (true, Some(settled)) if settled == status.settled => continue,
                (true, _) => write(folder, status).map(|()| {
                    self.written.insert(status.key.clone(), status.settled);
                }),
                // Only its end makes what is known of it wrong; another run does not, since a record names its run, and
                // no more does a restart of this service, which has yet to see the device.
                (false, Some(_)) if matches!(&*status.state, "absent" | "failed") => {
                    remove(folder, &status.key).map(|()| {
                        self.written.remove(&status.key);
                    })
                }
                _ => continue,
            };
            if let Err(error) = done {
                log::warn!("a restart of this service would read again: {error} fru={}", status.key);
            }
        }
    }
}

/// A key has no `/` in it.
fn path(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.json"))
}

fn write(folder: &Path, status: &FruStatus) -> io::Result<()> {
    let target = path(folder, &status.key);
    let fresh = target.with_extension("new");
    fs::write(&fresh, serde_json::to_vec(status)?)?;
    fs::rename(fresh, target)
}

fn remove(folder: &Path, key: &str) -> io::Result<()> {
    match fs::remove_file(path(folder, key)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_all(folder: &Path) -> Vec<FruStatus> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    paths.filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::vpd::collection::Report;

    fn collected(key: &str, settled: i64) -> FruStatus {
        let report = Report { key: key.to_owned(), invocation: "1".to_owned(), ..Report::default() };
        FruStatus {
            key: key.to_owned(),
            state: "collected".to_owned(),
            settled,
            report,
            ..FruStatus::default()
        }
    }

    #[test]
    fn what_was_collected_is_known_after_a_restart_until_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (mut records, found) = Records::open(Some(folder.path().to_owned()));
        assert!(found.is_empty());
        records.update(&[collected("10-0050", 1), collected("10-0051", 2)]);
        let gone = FruStatus { state: "absent".to_owned(), ..collected("10-0051", 3) };
        records.update(&[collected("10-0050", 1), gone]);
        let (_, found) = Records::open(Some(folder.path().to_owned()));
        assert_eq!(found, [collected("10-0050", 1)]);
    }

    #[test]
    fn a_service_that_ends_before_it_has_looked_forgets_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Records::open(Some(folder.path().to_owned()));
        open().0.update(&[collected("10-0050", 1)]);
        for state in ["unsettled", "overdue", "queued", "clearing"] {
            let status = FruStatus { state: state.to_owned(), settled: 0, ..collected("10-0050", 0) };
            open().0.update(&[status]);
            assert_eq!(open().1, [collected("10-0050", 1)], "{state}");
        }
    }

    #[test]
    fn a_damaged_record_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("10-0050.json"), "{").unwrap();
        assert!(Records::open(Some(folder.path().to_owned())).1.is_empty());
    }
}
