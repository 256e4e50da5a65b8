use super::*;
use durable_state::simulation::every_cut;
use std::fs;
use vpd_transaction::{Check, ChipChange, PageChange, Rest, VpdWindow};

pub(crate) fn journal(fill: u8) -> Journal {
    Journal {
        key: "8-0050".to_owned(),
        power_off_only: false,
        backup_follows: true,
        direction: Direction::Forward,
        chips: vec![ChipChange {
            key: "8-0050".to_owned(),
            fru: "8-0050".to_owned(),
            path: "/sys/bus/i2c/devices/8-0050/eeprom".to_owned(),
            window: VpdWindow::default(),
            page_size: 16,
            check: Check::Keyword(16),
            rest: Rest { ranges: Vec::new(), digest: [0; 32] },
            pages: vec![PageChange { offset: 0, old: vec![0; 16], new: vec![fill; 16] }],
            failed: Vec::new(),
        }],
    }
}

fn key(text: &str) -> EepromKey {
    EepromKey::parse(text).unwrap()
}

/// The same of another EEPROM.
fn of(key: &EepromKey) -> Journal {
    let mut journal = Journal { key: key.to_string(), ..journal(1) };
    journal.chips[0].fru = key.to_string();
    journal
}

#[test]
fn the_units_of_all_fru_of_a_journal_wait_until_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let journals = Journals::at(folder.path(), RealDisk);
    journals.open().unwrap();
    let mut both = journal(1);
    both.chips.insert(0, of(&key("7-0050")).chips.remove(0));
    for _ in 0..2 {
        journals.save(&key("8-0050"), &both).unwrap();
        assert!(folder.path().join("journals/7-0050.journal").exists());
        assert_eq!(journals.keys().unwrap(), [key("8-0050")], "it is one journal");
        assert!(journals.has(&key("7-0050")));
        assert_eq!(journals.owner(&key("7-0050")), key("8-0050"));
        journals.drop(&key("8-0050")).unwrap();
        assert!(!journals.has(&key("7-0050")) && !folder.path().join("journals/7-0050.journal").exists());
        // A link that a cut has left is to nothing, and is in the way of nothing.
        let link = folder.path().join("journals/7-0050.journal");
        std::os::unix::fs::symlink("12-0050.journal", link).unwrap();
    }
}

#[test]
fn a_cut_leaves_the_earlier_or_the_new_journal_whole_and_what_was_answered_stays() {
    let load = |folder: &Path| Journals::at(folder, RealDisk).load(&key("8-0050")).unwrap();
    let begin = |folder: &Path| {
        let journals = Journals::at(folder, RealDisk);
        journals.open().unwrap();
        journals.save(&key("8-0050"), &journal(1)).unwrap();
    };
    let cuts = every_cut(
        begin,
        |folder, disk| Journals::at(folder, disk).save(&key("8-0050"), &journal(2)).is_ok(),
        |folder, cut, was_answered| {
            let found = load(folder);
            let is_right = found == Some(journal(2)) || found == Some(journal(1)) && !was_answered;
            assert!(is_right, "{cut:?}: {found:?}");
        },
    );
    assert!(cuts > 10, "{cuts}");
    every_cut(
        begin,
        |folder, disk| Journals::at(folder, disk).drop(&key("8-0050")).is_ok(),
        |folder, cut, was_answered| {
            let found = load(folder);
            assert!(found.is_none() || found == Some(journal(1)) && !was_answered, "{cut:?}");
        },
    );
}

/// A disk with so much room, of which reserves take some.
#[derive(Clone)]
struct Small {
    room: u64,
    reserved: std::sync::Arc<std::sync::atomic::AtomicU64>,
    is_full: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Disk for Small {
    fn perform(&self, step: &Step) -> io::Result<()> {
        use std::sync::atomic::Ordering::Relaxed;
        let full = || Err(io::ErrorKind::StorageFull.into());
        match step {
            Step::Reserve { length, .. } if *length > self.room => full(),
            Step::Reserve { length, .. } => {
                self.reserved.store(*length, Relaxed);
                Ok(())
            }
            // What is given back is all the room that there is.
            Step::Write { bytes, .. } if self.is_full.load(Relaxed) => {
                let room = self.room - self.reserved.load(Relaxed);
                if bytes.len() as u64 > room { full() } else { RealDisk.perform(step) }
            }
            step => RealDisk.perform(step),
        }
    }
}

#[test]
fn a_long_journal_can_be_turned_on_a_full_disk_or_nothing_is_written_by_it() {
    use std::sync::atomic::Ordering::Relaxed;
    let mut long = journal(1);
    long.chips[0].page_size = 4096;
    long.chips[0].pages = (0..12)
        .map(|page| PageChange { offset: page * 4096, old: vec![0; 4096], new: vec![1; 4096] })
        .collect();
    let mut turned = long.clone();
    turned.direction = Direction::Back;
    turned.chips[0].failed = vec![0];
    for (room, fits) in [(1 << 20, true), (128 * 1024, false)] {
        let folder = tempfile::tempdir().unwrap();
        let disk = Small { room, reserved: Default::default(), is_full: Default::default() };
        let journals = Journals::at(folder.path(), disk.clone());
        journals.open().unwrap();
        assert_eq!(disk.reserved.load(Relaxed), RESERVED);
        let saved = journals.save(&key("8-0050"), &long);
        assert_eq!((saved.is_ok(), journals.has(&key("8-0050"))), (fits, fits), "{saved:?}");
        // What another write gives back is not this one's.
        journals.drop(&key("7-0050")).unwrap();
        assert_eq!(disk.reserved.load(Relaxed) > RESERVED, fits);
        if fits {
            disk.is_full.store(true, Relaxed);
            journals.save(&key("8-0050"), &turned).unwrap();
            disk.is_full.store(false, Relaxed);
        }
        journals.drop(&key("8-0050")).unwrap();
        assert_eq!(disk.reserved.load(Relaxed), RESERVED, "no more than is needed is held");
    }
}

#[test]
fn what_says_nothing_keeps_no_recovery_running_at_every_boot() {
    let folder = tempfile::tempdir().unwrap();
    let journals = Journals::at(folder.path(), RealDisk);
    journals.open().unwrap();
    let place = folder.path().join(FOLDER);
    std::os::unix::fs::symlink("8-0050.journal", place.join("7-0050.journal")).unwrap();
    fs::write(place.join("9-0050.journal"), "x").unwrap();
    assert!(journals.load(&key("9-0050")).is_err(), "it is set aside");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 2);
    journals.tidy();
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

#[test]
fn a_journal_that_no_recovery_could_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let journals = Journals::at(folder.path(), RealDisk);
    journals.open().unwrap();
    let with = |change: &dyn Fn(&mut ChipChange)| {
        let mut journal = journal(1);
        change(&mut journal.chips[0]);
        journals.save(&key("8-0050"), &journal).unwrap_err();
        assert!(!journals.has(&key("8-0050")));
    };
    // Further into a file than any EEPROM is long.
    with(&|chip| chip.pages[0].offset = 1 << 32);
    with(&|chip| chip.rest.ranges = std::iter::once((1 << 32)..(1 << 32) + 16).collect());
    with(&|chip| chip.path = "/a\nb".to_owned());
}

#[test]
fn a_damaged_journal_is_set_aside_and_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let journals = Journals::at(folder.path(), RealDisk);
    journals.open().unwrap();
    assert_eq!(journals.keys().unwrap(), []);
    for name in ["spi12.0", "8-0050", "file:a board"] {
        journals.save(&key(name), &of(&key(name))).unwrap();
    }
    fs::write(folder.path().join("journals/README"), "x").unwrap();
    assert_eq!(journals.keys().unwrap(), [key("8-0050"), key("file:a board"), key("spi12.0")]);
    let path = folder.path().join("journals/8-0050.journal");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 20]).unwrap();
    assert!(matches!(journals.load(&key("8-0050")), Err(Unusable::File(LoadError::Damaged { .. }))));
    assert!(!journals.has(&key("8-0050")));
    assert!(journals.load(&key("8-0050")).unwrap().is_none());
    assert!(journals.has(&key("spi12.0")));
}

#[test]
fn what_recovery_has_rejected_is_told_once_by_the_service_that_has_a_bus() {
    let folder = tempfile::tempdir().unwrap();
    let journals = Journals::at(folder.path(), RealDisk);
    journals.open().unwrap();
    journals.save(&key("8-0050"), &journal(1)).unwrap();
    let kept = journals.reject_part(&key("8-0050"), "other bytes").unwrap();
    let later = Journals::at(folder.path(), RealDisk);
    later.open().unwrap();
    assert_eq!(later.untold(), [(key("8-0050"), "other bytes".to_owned())]);
    assert_eq!(later.kept(&key("8-0050")), Some(kept));
    later.told(&key("8-0050"));
    later.told(&key("8-0050"));
    assert!(later.untold().is_empty() && later.kept(&key("8-0050")).is_some());
}

#[test]
fn only_the_newest_rejected_journals_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let journals = Journals::at(folder.path(), RealDisk);
    journals.open().unwrap();
    for number in 0..REJECTED_KEPT + 4 {
        let key = key(&format!("{number}-0050"));
        journals.save(&key, &of(&key)).unwrap();
        let kept = journals.reject(&key).unwrap();
        assert!(kept.ends_with(format!("rejected/{key}.rejected")) && kept.exists());
        assert!(!journals.has(&key));
    }
    assert_eq!(fs::read_dir(folder.path().join("rejected")).unwrap().count(), REJECTED_KEPT);
}
