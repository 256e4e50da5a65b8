//! Who writes or reads an EEPROM holds a lock on it: a slot's part is not switched, and no device taken away, meanwhile.

use anyhow::Context as _;
use device_io::{EepromError, ExclusiveLock};
use fru_publication::EepromKey;
use service_runtime::Exit;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use system_index::{Action, Slot};

/// Longest wait for readers and writers, of all EEPROMs of the slot together; a parser that was told to wait by its inventory may
/// take longer, and the unit is started again.
pub(crate) const LIMIT: Duration = Duration::from_secs(12);

/// Locks what is there of the slot's EEPROMs, until the result is dropped: its own, and those whose devices its steps name.
///
/// Errors: marked [`Exit::PeerUnavailable`] when one is being read or written all the time; then nothing is to be done.
pub(crate) fn take(
    root: &Path,
    slot: &Slot,
    key: &EepromKey,
    limit: Duration,
) -> anyhow::Result<Vec<ExclusiveLock>> {
    let until = Instant::now() + limit;
    let mut locks = Vec::new();
    for path in eeproms(root, slot, key) {
        match ExclusiveLock::within(&path, until.saturating_duration_since(Instant::now())) {
            Ok(lock) => locks.push(lock),
            Err(EepromError::Absent { .. }) => {}
            Err(error @ EepromError::InUse { .. }) => {
                return Err(error).context("nothing is done at the slot").context(Exit::PeerUnavailable);
            }
            // What cannot be opened is not being written.
            Err(error) => log::info!("not locked: {:#}", anyhow::Error::new(error)),
        }
    }
    Ok(locks)
}

/// The attributes, by their paths, which is the order in which they are locked. None for a slot that only looks at lines.
fn eeproms(root: &Path, slot: &Slot, key: &EepromKey) -> BTreeSet<PathBuf> {
    let lists = [
        &slot.before_collection,
        &slot.after_collection,
        &slot.on_failure,
        &slot.before_removal,
        &slot.after_removal,
        &slot.on_removal_failure,
    ];
    let mut paths = BTreeSet::new();
    for step in lists.into_iter().flatten() {
        let address = match &step.action {
            Action::Presence(..) => continue,
            Action::NewDevice(_, address)
            | Action::DeleteDevice(address)
            | Action::Bind(address, _)
            | Action::Unbind(address, _) => Some(address),
            Action::Set(..) | Action::WriteSysfs(..) => None,
        };
        paths.extend(key.sysfs_path());
        paths.extend(
            address.map(|address| format!("/sys/bus/{}/devices/{address}/eeprom", address.bus_type())),
        );
    }
    paths.iter().map(|path| root.join(path.trim_start_matches('/'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn key() -> EepromKey {
        EepromKey::parse("20-0050").unwrap()
    }

    #[test]
    fn a_slot_waits_for_the_eeproms_that_it_may_take_away_and_for_no_others() {
        let slot = Slot::parse(
            "before-collection = [{ presence = \"A\", level = 0 }, { bind = \"20-0051\", driver = \"at24\" }]\n",
        )
        .unwrap();
        let root = tempfile::tempdir().unwrap();
        let attribute = |name: &str| {
            let folder = root.path().join("sys/bus/i2c/devices").join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("eeprom"), "x").unwrap();
            folder.join("eeprom")
        };
        let locked = || take(root.path(), &slot, &key(), Duration::ZERO);
        assert!(locked().unwrap().is_empty(), "its device is not there yet");
        let paths = ["20-0050", "20-0051", "20-0052"].map(attribute);
        for (path, is_meant) in paths.iter().zip([true, true, false]) {
            let writer = fs::File::options().write(true).open(path).unwrap();
            writer.try_lock().unwrap();
            match locked() {
                Ok(_) => assert!(!is_meant, "{}", path.display()),
                Err(error) => {
                    let exit = error.downcast_ref::<Exit>();
                    assert!(is_meant && exit == Some(&Exit::PeerUnavailable), "{error:#}");
                    assert!(format!("{error:#}").contains("is being read or written"), "{error:#}");
                }
            }
        }
        let held = locked().unwrap();
        let reader = fs::File::open(&paths[0]).unwrap();
        assert!(reader.try_lock_shared().is_err(), "until it is dropped");
        drop(held);
        reader.try_lock_shared().unwrap();
    }

    #[test]
    fn a_slot_that_only_looks_at_a_line_locks_nothing() {
        let slot = Slot::parse("before-collection = [{ presence = \"A\", level = 0 }]\n").unwrap();
        assert_eq!(eeproms(Path::new("/"), &slot, &key()), BTreeSet::new());
    }
}
