use super::*;
use crate::work::recovery::{Recovered, When, recover_one};
use durable_state::RealDisk;
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;
use vpd_format::{KeywordName, RecordName};

const CARD: &str = include_str!("../../../../../tests/data/vpd/card.toml");

/// An EEPROM and a redundant one, as files, and a folder for the state.
struct Bed {
    folder: TempDir,
    stores: Stores<RealDisk>,
}

fn key() -> EepromKey {
    EepromKey::parse("8-0050").unwrap()
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores::at(folder.path(), None, RealDisk);
        stores.open().unwrap();
        let bed = Self { folder, stores };
        for chip in bed.chips() {
            fs::write(chip, vpd_builder::build(CARD).unwrap()).unwrap();
        }
        bed
    }

    fn chips(&self) -> Vec<PathBuf> {
        ["primary", "redundant"].map(|name| self.folder.path().join(name)).to_vec()
    }

    fn bytes(&self) -> [Vec<u8>; 2] {
        [0, 1].map(|chip| fs::read(&self.chips()[chip]).unwrap())
    }

    fn job(&self, value: &[u8]) -> WriteJob {
        let text = "redundant = \"9-0050\"\n[[object]]\npath = \"/x\"\nrecords = \"all\"\n";
        WriteJob {
            key: key(),
            chips: self.chips(),
            on_hardware_only: None,
            fragment: Arc::new(Fragment::parse(text).unwrap()),
            power_off_only: false,
            changes: vec![KeywordChange {
                record: Some(RecordName::VINI),
                keyword: KeywordName(*b"SN"),
                value: value.to_vec(),
                pad: None,
                expected: None,
            }],
            copies: Copies::Both,
            dry_run: false,
            partner: None,
        }
    }

    fn write(&self, job: &WriteJob) -> Result<Outcome, Cause> {
        perform(job, &self.stores).map_err(|refusal| {
            assert!(!refusal.text.is_empty());
            refusal.cause
        })
    }
}

fn holds(bytes: &[u8], value: &[u8]) -> bool {
    bytes.windows(value.len()).any(|window| window == value)
}

const NEW: &[u8; 12] = b"ZWJW00000007";

#[test]
fn a_write_reaches_both_chips_and_leaves_no_journal() {
    let bed = Bed::new();
    let before = bed.bytes();
    let outcome = bed.write(&bed.job(NEW)).unwrap();
    assert_eq!((outcome.written.bytes, &outcome.left_out), (12, &None));
    assert!(outcome.written.changed > 12 && outcome.writes >= 2, "{outcome:?}");
    let after = bed.bytes();
    assert!(after.iter().all(|bytes| holds(bytes, NEW)));
    assert_eq!((after[0] == after[1], before[0] == after[0]), (true, false));
    assert!(!bed.stores.journals.has(&key()));
    let again = bed.write(&bed.job(NEW)).unwrap();
    assert_eq!((again.written, again.writes), (Written { bytes: 12, changed: 0 }, 0), "no write cycle");
    assert_eq!(again.old_values, [NEW]);
}

#[test]
fn a_dry_run_says_what_would_change_and_writes_nothing() {
    let bed = Bed::new();
    let before = bed.bytes();
    let outcome = bed.write(&WriteJob { dry_run: true, ..bed.job(NEW) }).unwrap();
    assert!(outcome.written.changed > 0);
    assert_eq!((bed.bytes(), outcome.writes), (before, 0));
}

#[test]
fn a_redundant_chip_that_fails_keeps_the_first_from_being_written_unless_it_may_be_left_out() {
    for damage in ["absent", "blank", "damaged"] {
        let bed = Bed::new();
        let redundant = &bed.chips()[1];
        match damage {
            "absent" => fs::remove_file(redundant).unwrap(),
            "blank" => fs::write(redundant, [0xff; 4096]).unwrap(),
            _ => {
                let mut bytes = fs::read(redundant).unwrap();
                let at = bytes.windows(4).position(|window| window == b"YVIV").unwrap();
                bytes[at..at + 8].fill(0x11);
                fs::write(redundant, bytes).unwrap();
            }
        }
        let before = fs::read(&bed.chips()[0]).unwrap();
        let left = fs::read(redundant).ok();
        bed.write(&bed.job(NEW)).unwrap_err();
        assert_eq!(fs::read(&bed.chips()[0]).unwrap(), before, "{damage}");
        for copies in [Copies::GoOn, Copies::One] {
            let value: &[u8] = if copies == Copies::One { b"ZWJW00000008" } else { NEW };
            let outcome = bed.write(&WriteJob { copies, ..bed.job(value) }).unwrap();
            assert_eq!(outcome.left_out.is_some(), copies == Copies::GoOn, "{damage}");
            assert!(holds(&fs::read(&bed.chips()[0]).unwrap(), value));
            assert_eq!(fs::read(redundant).ok(), left, "{damage}");
        }
    }
}

#[test]
fn one_chip_alone_is_written_on_request() {
    let bed = Bed::new();
    let before = bed.bytes();
    bed.write(&WriteJob { on_hardware_only: Some(1), ..bed.job(NEW) }).unwrap();
    let after = bed.bytes();
    assert_eq!((&after[0], holds(&after[1], NEW)), (&before[0], true));
}

#[test]
fn what_a_caller_expects_counts_for_the_first_chip_only() {
    let bed = Bed::new();
    bed.write(&WriteJob { on_hardware_only: Some(1), ..bed.job(b"QQQQ00000009") }).unwrap();
    let expecting = |expected: &[u8]| {
        let mut job = bed.job(NEW);
        job.changes[0].expected = Some(expected.to_vec());
        job
    };
    assert_eq!(bed.write(&expecting(b"QQQQ00000009")), Err(Cause::Mismatch));
    let old = {
        let options = vpd_format::ReadOptions::default();
        let bytes = bed.bytes();
        let vpd = vpd_format::read(&mut vpd_format::Bytes(&bytes[0]), &options).unwrap();
        let vpd_format::Content::Ipz(image) = vpd.content else { panic!() };
        image.record(RecordName::VINI).unwrap().keyword(KeywordName(*b"SN")).unwrap().data.to_vec()
    };
    bed.write(&expecting(&old)).unwrap();
    assert!(bed.bytes().iter().all(|bytes| holds(bytes, NEW)));
}

#[test]
fn refusals_have_the_causes_of_the_table_and_change_nothing() {
    let bed = Bed::new();
    let before = bed.bytes();
    let with = |change: &dyn Fn(&mut KeywordChange)| {
        let mut job = bed.job(NEW);
        change(&mut job.changes[0]);
        job
    };
    for (job, cause) in [
        (with(&|change| change.record = Some(RecordName(*b"NONE"))), Cause::RecordNotFound),
        (with(&|change| change.keyword = KeywordName(*b"ZZ")), Cause::KeywordNotFound),
        (with(&|change| change.value.truncate(3)), Cause::InvalidArgument),
        (with(&|change| change.value = vec![1; 40]), Cause::InvalidArgument),
        (with(&|change| change.record = Some(RecordName::VTOC)), Cause::NotAllowed),
        (with(&|change| change.keyword = KeywordName::RT), Cause::NotAllowed),
        (with(&|change| change.record = None), Cause::InvalidArgument),
        (with(&|change| change.expected = Some(b"something".to_vec())), Cause::Mismatch),
    ] {
        assert_eq!(bed.write(&job), Err(cause), "{:?}", job.changes);
    }
    let ignored = "ecc = \"ignored\"\n[[object]]\npath = \"/x\"\n";
    let job = WriteJob { fragment: Arc::new(Fragment::parse(ignored).unwrap()), ..bed.job(NEW) };
    assert_eq!(bed.write(&job), Err(Cause::UnsupportedRequest));
    let no_second =
        WriteJob { on_hardware_only: Some(1), chips: vec![bed.chips()[0].clone()], ..bed.job(NEW) };
    assert_eq!(bed.write(&no_second), Err(Cause::InvalidArgument));
    assert_eq!(bed.bytes(), before);
    fs::write(&bed.chips()[0], vec![0xff; 4096]).unwrap();
    assert_eq!(bed.write(&bed.job(NEW)), Err(Cause::InvalidVpd));
    fs::remove_file(&bed.chips()[0]).unwrap();
    assert_eq!(bed.write(&bed.job(NEW)), Err(Cause::ReadFailure));
}

const ON: When = When::Serving { is_off: false };
const OFF: When = When::Serving { is_off: true };

/// A write of a chip with this key, as if the power had gone right after the journal. Of small pages: one that is all 0xff alone
/// may be a cut's work.
fn interrupt_alone(bed: &Bed, key: &EepromKey) {
    let fragment = Arc::new(Fragment::parse("page-size = 32\n[[object]]\npath = \"/x\"\n").unwrap());
    let job = WriteJob { fragment, key: key.clone(), ..bed.job(NEW) };
    let place = Place { key: &job.key, chips: &job.chips, fragment: &job.fragment };
    let edits: Vec<Edit> = job.changes.iter().map(edit).collect();
    let group = Group { place, which: Which::Only(0), edits };
    let planned = Locked::open(&group, Instant::now()).unwrap().plan(&group).unwrap();
    let journal = Journal {
        key: key.to_string(),
        power_off_only: false,
        backup_follows: true,
        direction: Direction::Forward,
        chips: planned.plans.into_iter().map(|plan| plan.change).collect(),
    };
    bed.stores.journals.save(key, &journal).unwrap();
}

#[test]
fn a_chip_on_spi_that_reads_as_empty_is_waited_for_until_it_has_got_its_power_anew() {
    let key = EepromKey::parse("spi12.0").unwrap();
    for ends_with_boot in [false, true] {
        let bed = Bed::new();
        interrupt_alone(&bed, &key);
        let chip = &bed.chips()[0];
        let before = fs::read(chip).unwrap();
        fs::write(chip, vec![0xff; before.len()]).unwrap();
        let silent = recover_one(&key, &bed.stores.journals, &bed.stores.backups, ON);
        assert!(matches!(silent, Recovered::Pending(_)), "{silent:?}");
        if ends_with_boot {
            let blank = recover_one(&key, &bed.stores.journals, &bed.stores.backups, When::Boot);
            assert!(matches!(blank, Recovered::Rejected { .. }), "{blank:?}");
            assert!(fs::read(chip).unwrap().iter().all(|byte| *byte == 0xff));
        } else {
            fs::write(chip, before).unwrap();
            let back = recover_one(&key, &bed.stores.journals, &bed.stores.backups, ON);
            assert!(matches!(back, Recovered::Settled(_)), "{back:?}");
            assert!(holds(&fs::read(chip).unwrap(), NEW));
        }
    }
}

#[test]
fn a_blank_part_on_i2c_in_place_of_the_interrupted_one_is_told_at_once() {
    let bed = Bed::new();
    interrupt_alone(&bed, &key());
    fs::write(&bed.chips()[0], vec![0xff; 512]).unwrap();
    let blank = recover_one(&key(), &bed.stores.journals, &bed.stores.backups, ON);
    assert!(matches!(blank, Recovered::Rejected { .. }), "{blank:?}");
    assert!(!bed.stores.journals.holds_up(&key()), "its parser reads it");
}

#[test]
fn a_pending_write_refuses_the_next_one_until_it_is_recovered() {
    let bed = Bed::new();
    // As if the power had gone right after the journal.
    let job = bed.job(NEW);
    let place = Place { key: &job.key, chips: &job.chips, fragment: &job.fragment };
    let edits: Vec<Edit> = job.changes.iter().map(edit).collect();
    let group = Group { place, which: Which::All { goes_on: false }, edits };
    let Planned { plans, eeproms, .. } = Locked::open(&group, Instant::now()).unwrap().plan(&group).unwrap();
    assert_eq!(plans.iter().map(|plan| plan.change.key.as_str()).collect::<Vec<_>>(), ["9-0050", "8-0050"]);
    let journal = Journal {
        key: key().to_string(),
        power_off_only: true,
        backup_follows: true,
        direction: Direction::Forward,
        chips: plans.into_iter().map(|plan| plan.change).collect(),
    };
    drop(eeproms);
    bed.stores.journals.save(&key(), &journal).unwrap();
    assert_eq!(bed.write(&bed.job(b"ZWJW00000008")), Err(Cause::Unavailable));
    assert!(
        matches!(recover_one(&key(), &bed.stores.journals, &bed.stores.backups, ON), Recovered::Pending(_)),
        "the chassis is on"
    );
    // The redundant chip is away: the other one is whole, and can be read.
    let (here, away) = (&bed.chips()[1], bed.folder.path().join("away"));
    fs::rename(here, &away).unwrap();
    assert!(matches!(
        recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF),
        Recovered::CopyPending(_)
    ));
    assert!(holds(&fs::read(&bed.chips()[0]).unwrap(), NEW));
    assert!(!bed.folder.path().join("journals/8-0050.journal").exists(), "no unit waits");
    assert_eq!(bed.stores.journals.keys().unwrap(), [key()]);
    assert_eq!(bed.write(&bed.job(b"ZWJW00000008")), Err(Cause::Unavailable));
    fs::rename(&away, here).unwrap();
    assert!(matches!(
        recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF),
        Recovered::Settled(_)
    ));
    assert!(bed.bytes().iter().all(|bytes| holds(bytes, NEW)));
    assert_eq!(recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF), Recovered::Nothing);
    bed.write(&bed.job(b"ZWJW00000008")).unwrap();
}

/// A backup of the card, in another EEPROM.
struct BackupCard {
    key: EepromKey,
    chips: Vec<PathBuf>,
    fragment: Fragment,
}

impl BackupCard {
    fn new(bed: &Bed) -> Self {
        let chips = vec![bed.folder.path().join("backup-card")];
        fs::write(&chips[0], vpd_builder::build(CARD).unwrap()).unwrap();
        let fragment = Fragment::parse("[[object]]\npath = \"/y\"\n").unwrap();
        Self { key: EepromKey::parse("7-0050").unwrap(), chips, fragment }
    }

    fn place(&self) -> Place<'_> {
        Place { key: &self.key, chips: &self.chips, fragment: &self.fragment }
    }
}

/// As if the power had gone right after the journal.
fn interrupt(bed: &Bed, backup: Option<&BackupCard>) {
    let job = bed.job(NEW);
    let place = Place { key: &job.key, chips: &job.chips, fragment: &job.fragment };
    let mut changes = Vec::new();
    for place in [Some(place), backup.map(BackupCard::place)].into_iter().flatten() {
        let edits = job.changes.iter().map(edit).collect();
        let group = Group { place, which: Which::All { goes_on: false }, edits };
        let planned = Locked::open(&group, Instant::now()).unwrap().plan(&group).unwrap();
        changes.splice(0..0, planned.plans.into_iter().map(|plan| plan.change));
    }
    let direction = Direction::Forward;
    let journal = Journal {
        key: key().to_string(),
        power_off_only: false,
        backup_follows: true,
        direction,
        chips: changes,
    };
    bed.stores.journals.save(&key(), &journal).unwrap();
}

#[test]
fn a_fru_that_was_taken_out_keeps_no_other_one_from_being_read() {
    for is_backup_gone in [true, false] {
        let bed = Bed::new();
        let backup = BackupCard::new(&bed);
        interrupt(&bed, Some(&backup));
        let (mut gone, mut here) = (bed.chips(), vec![backup.chips[0].clone()]);
        let (mut gone_key, mut here_key) = (key(), backup.key.clone());
        if is_backup_gone {
            (gone, here) = (here, gone);
            (gone_key, here_key) = (here_key, gone_key);
        }
        let away = |chip: &Path| chip.with_extension("away");
        for chip in &gone {
            fs::rename(chip, away(chip)).unwrap();
        }
        let recovered = recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF);
        assert_eq!(matches!(recovered, Recovered::Settled(_)), is_backup_gone, "{recovered:?}");
        assert!(here.iter().all(|chip| holds(&fs::read(chip).unwrap(), NEW)));
        assert!(!bed.stores.journals.has(&here_key) && bed.stores.journals.holds_up(&gone_key));
        assert_eq!(bed.stores.journals.keys().unwrap(), [gone_key.clone()]);
        let again = recover_one(&gone_key, &bed.stores.journals, &bed.stores.backups, OFF);
        assert!(matches!(again, Recovered::Pending(_)), "{again:?}");
        for chip in &gone {
            fs::rename(away(chip), chip).unwrap();
        }
        let again = recover_one(&gone_key, &bed.stores.journals, &bed.stores.backups, OFF);
        assert!(matches!(again, Recovered::Settled(_)), "{again:?}");
        assert!(gone.iter().all(|chip| holds(&fs::read(chip).unwrap(), NEW)));
        assert_eq!(bed.stores.journals.keys().unwrap(), []);
    }
}

#[test]
fn another_part_is_read_though_its_redundant_chip_is_silent() {
    let bed = Bed::new();
    interrupt(&bed, None);
    let [primary, redundant] = bed.chips().try_into().unwrap();
    let other = vpd_builder::build(&CARD.replace("YVIV", "QQQQ")).unwrap();
    fs::write(&primary, &other).unwrap();
    let away = redundant.with_extension("away");
    fs::rename(&redundant, &away).unwrap();
    let recovered = recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF);
    assert!(matches!(recovered, Recovered::Rejected { kept: Some(_), .. }), "{recovered:?}");
    assert!(!bed.stores.journals.holds_up(&key()) && bed.stores.journals.has(&key()));
    fs::rename(&away, &redundant).unwrap();
    let recovered = recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF);
    assert!(matches!(recovered, Recovered::Settled(_)), "{recovered:?}");
    assert_eq!((fs::read(&primary).unwrap(), bed.stores.journals.has(&key())), (other, false));
}

#[test]
fn what_is_written_to_one_chip_alone_changes_no_backup_when_it_is_recovered_either() {
    for (is_alone, expected) in [(true, &b"earlier"[..]), (false, NEW)] {
        let bed = Bed::new();
        bed.stores.backups.open().unwrap();
        let mut kept = backup::Kept::default();
        kept.set(RecordName::VINI, KeywordName(*b"SN"), b"earlier");
        bed.stores.backups.save(&key(), &kept).unwrap();
        interrupt(&bed, None);
        let mut journal = bed.stores.journals.load(&key()).unwrap().unwrap();
        journal.backup_follows = !is_alone;
        bed.stores.journals.save(&key(), &journal).unwrap();
        let recovered = recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF);
        assert!(matches!(recovered, Recovered::Settled(_)), "{recovered:?}");
        let kept = bed.stores.backups.load(&key()).unwrap();
        assert_eq!(kept.value(RecordName::VINI, KeywordName(*b"SN")), Some(expected));
    }
    // The journal says it.
    let bed = Bed::new();
    for (only, follows) in [(Some(0), false), (None, true)] {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let stores = Stores::at(bed.folder.path(), None, Watched(Arc::clone(&seen)));
        let value = if follows { NEW } else { b"ZWJW00000009" };
        perform(&WriteJob { on_hardware_only: only, ..bed.job(value) }, &stores).unwrap();
        let said = if follows { "backup follows" } else { "backup stays" };
        let seen = seen.lock().unwrap();
        assert!(seen.iter().any(|bytes| String::from_utf8_lossy(bytes).contains(said)), "{only:?}");
        assert_eq!(stores.this_boot.all_unshown().is_empty(), !follows, "the inventory shows it as it was");
    }
}

/// Wherever the service is killed in a write that changed the chip, a journal says that it is interrupted, or a mark that its
/// parser has to run.
#[test]
fn a_write_leaves_its_journal_or_a_mark_wherever_the_service_is_killed() {
    use durable_state::simulation::every_cut;
    let chips = |folder: &Path| ["primary", "redundant"].map(|name| folder.join(name)).to_vec();
    let bed = Bed::new();
    let cuts = every_cut(
        |folder| {
            chips(folder).iter().for_each(|chip| fs::write(chip, vpd_builder::build(CARD).unwrap()).unwrap());
            Stores::at(folder, Some(folder.join("run")), RealDisk).open().unwrap();
        },
        |folder, disk| {
            let job = WriteJob { chips: chips(folder), ..bed.job(NEW) };
            perform(&job, &Stores::at(folder, Some(folder.join("run")), &disk)).is_ok()
        },
        |folder, cut, was_answered| {
            let is_changed = chips(folder).iter().any(|chip| holds(&fs::read(chip).unwrap(), NEW));
            let stores = Stores::at(folder, Some(folder.join("run")), RealDisk);
            let is_known = stores.journals.has(&key()) || stores.this_boot.all_unshown() == [key()];
            // With the power the inventory goes too.
            let is_killed = cut.fate == durable_state::simulation::Fate::Killed;
            assert!(!is_killed || is_known || !(is_changed || was_answered), "{cut:?}");
        },
    );
    assert!(cuts > 10, "{cuts}");
}

/// A disk that remembers what was written to it.
#[derive(Clone)]
struct Watched(Arc<std::sync::Mutex<Vec<Vec<u8>>>>);

impl Disk for Watched {
    fn perform(&self, step: &durable_state::Step) -> io::Result<()> {
        if let durable_state::Step::Write { bytes, .. } = step {
            self.0.lock().unwrap().push(bytes.to_vec());
        }
        RealDisk.perform(step)
    }
}

#[test]
fn a_backup_follows_though_the_redundant_chip_is_silent_and_keeps_what_was_not_written() {
    let bed = Bed::new();
    bed.stores.backups.open().unwrap();
    let mut kept = backup::Kept::default();
    let (sn, pn) = (KeywordName(*b"SN"), KeywordName(*b"PN"));
    kept.set(RecordName::VINI, sn, b"earlier");
    kept.set(RecordName::VINI, pn, b"differs");
    bed.stores.backups.save(&key(), &kept).unwrap();
    interrupt(&bed, None);
    fs::remove_file(&bed.chips()[1]).unwrap();
    assert!(matches!(
        recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF),
        Recovered::CopyPending(_)
    ));
    let kept = bed.stores.backups.load(&key()).unwrap();
    assert_eq!(kept.value(RecordName::VINI, sn), Some(&NEW[..]));
    assert_eq!(kept.value(RecordName::VINI, pn), Some(&b"differs"[..]));
    let again = recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF);
    assert!(matches!(again, Recovered::Pending(_)), "the parser has run since: {again:?}");
}

#[test]
fn another_part_is_left_alone_and_its_journal_is_kept_aside() {
    let bed = Bed::new();
    let job = bed.job(NEW);
    let place = Place { key: &job.key, chips: &job.chips, fragment: &job.fragment };
    let edits: Vec<Edit> = job.changes.iter().map(edit).collect();
    let group = Group { place, which: Which::Only(0), edits };
    let Planned { plans, eeproms, .. } = Locked::open(&group, Instant::now()).unwrap().plan(&group).unwrap();
    drop(eeproms);
    let journal = Journal {
        key: key().to_string(),
        power_off_only: false,
        backup_follows: true,
        direction: Direction::Forward,
        chips: plans.into_iter().map(|plan| plan.change).collect(),
    };
    bed.stores.journals.save(&key(), &journal).unwrap();
    let other = vpd_builder::build(&CARD.replace("YVIV", "QQQQ")).unwrap();
    fs::write(&bed.chips()[0], &other).unwrap();
    let Recovered::Rejected { kept: Some(kept), .. } =
        recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF)
    else {
        panic!()
    };
    assert!(kept.exists() && !bed.stores.journals.has(&key()));
    assert_eq!(fs::read(&bed.chips()[0]).unwrap(), other);
}

#[test]
fn a_full_disk_refuses_the_write_before_any_chip_is_touched() {
    let bed = Bed::new();
    let before = bed.bytes();
    fs::remove_dir_all(bed.folder.path().join("journals")).unwrap();
    assert_eq!(bed.write(&bed.job(NEW)), Err(Cause::JournalUnwritable));
    assert_eq!(bed.bytes(), before);
}

#[test]
fn a_chip_that_can_only_be_read_is_write_protected() {
    for (kind, cause) in [
        (io::ErrorKind::PermissionDenied, Cause::WriteFailure),
        (io::ErrorKind::ReadOnlyFilesystem, Cause::WriteFailure),
        (io::ErrorKind::TimedOut, Cause::ReadFailure),
    ] {
        let error = EepromError::Unreadable { path: "/x".into(), source: kind.into() };
        assert_eq!(not_locked(&error).cause, cause);
    }
}

#[test]
fn only_a_redundant_chip_is_left_out_and_where_that_is_allowed() {
    let bed = Bed::new();
    interrupt(&bed, None);
    let chips = bed.stores.journals.load(&key()).unwrap().unwrap().chips;
    let job = bed.job(NEW);
    let may_be = |chip: &ChipChange, which| {
        let place = Place { key: &job.key, chips: &job.chips, fragment: &job.fragment };
        may_be_left_out(chip, &[Group { place, which, edits: Vec::new() }])
    };
    let goes_on = Which::All { goes_on: true };
    assert_eq!(chips.iter().map(|chip| may_be(chip, goes_on)).collect::<Vec<_>>(), [true, false]);
    assert!(!may_be(&chips[0], Which::All { goes_on: false }) && !may_be(&chips[0], Which::Only(1)));
}

/// A disk that fails once to make names in the folder of journals durable.
#[derive(Debug, Clone)]
struct Unflushed(Arc<std::sync::atomic::AtomicBool>);

impl Disk for Unflushed {
    fn perform(&self, step: &durable_state::Step) -> io::Result<()> {
        use std::sync::atomic::Ordering;
        match step {
            durable_state::Step::SyncFolder(path)
                if path.ends_with("journals") && self.0.swap(false, Ordering::Relaxed) =>
            {
                Err(io::Error::other("no answer"))
            }
            step => RealDisk.perform(step),
        }
    }
}

#[test]
fn what_is_said_not_to_be_written_is_not_recovered_later() {
    let bed = Bed::new();
    let before = bed.bytes();
    let disk = Unflushed(Arc::new(true.into()));
    let refused = perform(&bed.job(NEW), &Stores::at(bed.folder.path(), None, disk)).unwrap_err();
    assert_eq!(refused.cause, Cause::JournalUnwritable);
    assert_eq!(recover_one(&key(), &bed.stores.journals, &bed.stores.backups, OFF), Recovered::Nothing);
    assert_eq!(bed.bytes(), before);
}

#[test]
fn a_write_names_the_frus_that_are_to_be_read_again() {
    let bed = Bed::new();
    let BackupCard { key: other, chips, fragment } = BackupCard::new(&bed);
    let text = "source = \"8-0050\"\ndestination = \"7-0050\"\n[[keywords]]\nrecord = \"VINI\"\nkeyword = \"SN\"\n\
                default = [32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32]\n";
    let map = Arc::new(toml::from_str(text).unwrap());
    let eeprom = crate::job::PartnerEeprom {
        key: other.clone(),
        chips,
        fragment: Arc::new(fragment),
        power_off_only: false,
    };
    let partner = Some(crate::job::Partner { map, is_backup: false, other: Some(eeprom) });
    let job = WriteJob { partner, ..bed.job(NEW) };
    assert_eq!(bed.write(&job).unwrap().frus, [other, key()].into());
    assert_eq!(bed.write(&job).unwrap().frus, [].into());
}

#[test]
fn the_window_of_an_eeprom_is_where_it_is_written() {
    let bed = Bed::new();
    let image = vpd_builder::build(CARD).unwrap();
    let around = [&[0x5a; 100][..], &image, &[0xa5; 100]].concat();
    fs::write(&bed.chips()[0], &around).unwrap();
    let text = format!("offset = 100\nsize = {}\npage-size = 64\n[[object]]\npath = \"/x\"\n", image.len());
    let job = WriteJob {
        fragment: Arc::new(Fragment::parse(&text).unwrap()),
        chips: vec![bed.chips()[0].clone()],
        ..bed.job(NEW)
    };
    bed.write(&job).unwrap();
    let after = fs::read(&bed.chips()[0]).unwrap();
    assert!(holds(&after[100..], NEW));
    let changed: Vec<usize> = (0..after.len()).filter(|at| after[*at] != around[*at]).collect();
    assert!(changed.iter().all(|at| (100..100 + image.len()).contains(at)), "{changed:?}");
}
