mod repairs;

use super::*;
use crate::job::PartnerEeprom;
use crate::work::backup::Backups;
use crate::work::backup::Kept;
use crate::work::journals::Journals;
use crate::work::recovery::{Recovered, When, recover_one};
use crate::work::repair::good;
use dbus_api::vpd::writer::Copy;
use durable_state::RealDisk;
use fru_publication::{EepromKey, Fragment};
use std::fs;
use std::sync::{Arc, LazyLock};
use system_index::Backup;
use tempfile::TempDir;
use vpd_format::Bytes;
use vpd_format::{KeywordName, ReadOptions};

const CARD: &str = include_str!("../../../../../tests/data/vpd/card.toml");
const VINI: RecordName = RecordName::VINI;
const SN: KeywordName = KeywordName(*b"SN");

struct Bed {
    folder: TempDir,
    stores: Stores,
}

fn key() -> EepromKey {
    EepromKey::parse("8-0050").unwrap()
}

fn serial(bytes: &[u8]) -> Option<Vec<u8>> {
    let vpd = vpd_format::read(&mut Bytes(bytes), &ReadOptions::default()).unwrap();
    value_in(&vpd, VINI, SN)
}

/// VINI as a whole.
fn record(bytes: &[u8]) -> Option<Vec<u8>> {
    let vpd = vpd_format::read(&mut Bytes(bytes), &ReadOptions::default()).unwrap();
    good(&vpd, VINI)
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores::at(folder.path(), None, RealDisk);
        stores.open().unwrap();
        let bed = Self { folder, stores };
        for chip in ["primary", "redundant", "other"] {
            bed.put(chip, &image());
        }
        bed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn job(&self, what: Mend, partner: Option<Partner>) -> MendJob {
        let text = "redundant = \"9-0050\"\n[[object]]\npath = \"/x\"\nrecords = \"all\"\n";
        MendJob {
            key: key(),
            chips: ["primary", "redundant"].map(|name| self.path(name)).to_vec(),
            fragment: Arc::new(Fragment::parse(text).unwrap()),
            power_off_only: false,
            partner,
            locked: Locked::default(),
            types: Vec::new(),
            what,
        }
    }

    fn mend(&self, what: Mend) -> Result<Outcome, Refusal> {
        self.run(&self.job(what, None)).map(|settled| settled.outcome)
    }

    fn run(&self, job: &MendJob) -> Result<Settled, Refusal> {
        let (settled, done) = perform(job, &self.stores);
        done.map(|()| settled)
    }

    /// The serial number is kept in the state, or in another EEPROM under another name.
    fn partner(&self, in_other: bool) -> Partner {
        let text = "source = \"8-0050\"\n[[keywords]]\nrecord = \"VINI\"\nkeyword = \"SN\"\n\
                    default = [32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32]\nevent = true\n";
        let map: Backup = toml::from_str(text).unwrap();
        let text = "[[object]]\npath = \"/y\"\n";
        let other = in_other.then(|| PartnerEeprom {
            key: EepromKey::parse("7-0050").unwrap(),
            chips: vec![self.path("other")],
            fragment: Arc::new(Fragment::parse(text).unwrap()),
            power_off_only: false,
        });
        Partner { map: Arc::new(map), is_backup: false, other }
    }
}

fn image() -> Vec<u8> {
    static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| vpd_builder::build(CARD).unwrap());
    IMAGE.clone()
}

fn with_serial(serial: &str) -> Vec<u8> {
    let at = CARD.find("YVIV").unwrap();
    vpd_builder::build(&CARD.replace(&CARD[at..at + 12], serial)).unwrap()
}

fn damaged_image() -> Vec<u8> {
    let mut bytes = image();
    let at = bytes.windows(4).position(|window| window == b"YVIV").unwrap();
    bytes[at..at + 12].fill(0x11);
    bytes
}

fn repair(source: Option<Copy>) -> Mend {
    Mend::Repair { records: Vec::new(), source, image: None }
}

#[test]
fn a_damaged_record_is_replaced_as_a_whole_from_the_other_chip() {
    for name in ["primary", "redundant"] {
        let bed = Bed::new();
        bed.put(name, &damaged_image());
        let outcome = bed.mend(repair(None)).unwrap();
        assert!(outcome.written.changed > 0);
        assert_eq!((bed.bytes("primary"), bed.bytes("redundant")), (image(), image()));
        assert_eq!(bed.mend(repair(None)).unwrap().writes, 0, "nothing to repair");
    }
}

#[test]
fn without_a_good_copy_nothing_is_repaired() {
    let bed = Bed::new();
    bed.put("primary", &damaged_image());
    bed.put("redundant", &damaged_image());
    assert_eq!(bed.mend(repair(None)).unwrap_err().cause, Cause::EccCheckFailed);
    assert_eq!(bed.mend(repair(Some(Copy::Backup))).unwrap_err().cause, Cause::EccCheckFailed);
    assert_eq!(bed.bytes("primary"), damaged_image());
    // From an image that lies beside it, one of the caller's, or the backup.
    fs::create_dir(bed.path("golden")).unwrap();
    bed.put("golden/8-0050.bin", &image());
    bed.mend(repair(None)).unwrap();
    assert_eq!((bed.bytes("primary"), bed.bytes("redundant")), (image(), image()));
    bed.put("primary", &damaged_image());
    let of_caller =
        Mend::Repair { records: vec![VINI], source: None, image: Some(with_serial("GOLDEN000001")) };
    bed.mend(of_caller).unwrap();
    assert_eq!(serial(&bed.bytes("redundant")).unwrap(), b"GOLDEN000001");
    let useless = Mend::Repair { records: vec![VINI], source: None, image: Some(vec![1, 2, 3]) };
    assert_eq!(bed.mend(useless).unwrap_err().cause, Cause::InvalidVpd);
}

#[test]
fn what_keeps_a_repaired_record_a_second_time_follows() {
    let bed = Bed::new();
    let image = with_serial("GOLDEN000001");
    let what = Mend::Repair { records: vec![VINI], source: None, image: Some(image) };
    bed.run(&bed.job(what, Some(bed.partner(true)))).unwrap();
    for name in ["primary", "redundant", "other"] {
        assert_eq!(serial(&bed.bytes(name)).unwrap(), b"GOLDEN000001", "{name}");
    }
}

#[test]
fn a_planar_that_was_never_set_is_no_backup() {
    let bed = Bed::new();
    for name in ["primary", "redundant"] {
        bed.put(name, &with_serial("            "));
    }
    let job = bed.job(Mend::Settle, Some(bed.partner(false)));
    bed.run(&job).unwrap();
    assert!(!bed.stores.backups.has(&key()), "what the inventory has kept may still be taken over");
}

#[test]
fn the_backup_repairs_a_record_that_no_chip_has() {
    let bed = Bed::new();
    bed.run(&bed.job(Mend::Backup, Some(bed.partner(false)))).unwrap();
    bed.put("primary", &damaged_image());
    bed.put("redundant", &damaged_image());
    bed.mend(repair(None)).unwrap();
    assert_eq!((bed.bytes("primary"), bed.bytes("redundant")), (image(), image()));
}

#[test]
fn what_the_code_corrects_is_written_back_and_both_chips_say_the_same_again() {
    let bed = Bed::new();
    let mut flipped = image();
    let at = flipped.windows(4).position(|window| window == b"YVIV").unwrap();
    flipped[at] ^= 1;
    bed.put("primary", &flipped);
    bed.put("redundant", &with_serial("OTHER0000001"));
    bed.mend(Mend::Scrub).unwrap();
    assert_eq!((bed.bytes("primary"), bed.bytes("redundant")), (image(), image()));
    assert_eq!(bed.mend(Mend::Scrub).unwrap().writes, 0);
    // What flips again at once is a chip that wears out: it is written once per boot.
    bed.put("primary", &flipped);
    assert_eq!(bed.mend(Mend::Scrub).unwrap().writes, 0);
    assert_eq!(bed.bytes("primary"), flipped);
}

#[test]
fn backup_and_restore_go_both_ways_into_the_state_and_into_another_eeprom() {
    for in_other in [false, true] {
        let bed = Bed::new();
        let run = |what| bed.run(&bed.job(what, Some(bed.partner(in_other))));
        bed.put("primary", &with_serial("SOURCE000001"));
        bed.put("redundant", &with_serial("SOURCE000001"));
        run(Mend::Backup).unwrap();
        if in_other {
            assert_eq!(serial(&bed.bytes("other")).unwrap(), b"SOURCE000001");
        }
        bed.put("primary", &with_serial("LOST00000001"));
        run(Mend::Restore).unwrap();
        assert_eq!(serial(&bed.bytes("primary")).unwrap(), b"SOURCE000001", "{in_other}");
        if !in_other {
            // As a whole, for repairs.
            let kept = bed.stores.backups.load(&key()).unwrap();
            assert_eq!(kept.record(VINI).map(<[u8]>::to_vec), record(&bed.bytes("primary")));
        }
    }
    let bed = Bed::new();
    assert_eq!(bed.mend(Mend::Backup).unwrap_err().cause, Cause::InvalidArgument);
}

#[test]
fn a_blank_value_is_restored_at_boot_and_a_conflict_is_told_and_left() {
    for in_other in [false, true] {
        let bed = Bed::new();
        let settle = || bed.run(&bed.job(Mend::Settle, Some(bed.partner(in_other)))).unwrap();
        bed.put("other", &with_serial("            "));
        let first = settle();
        assert!(first.conflicts.is_empty() && first.not_set.is_empty());
        assert_eq!(settle().outcome.writes, 0);
        // The planar was replaced by one that was never programmed.
        for name in ["primary", "redundant"] {
            bed.put(name, &with_serial("            "));
        }
        settle();
        assert_eq!((bed.bytes("primary"), bed.bytes("redundant")), (image(), image()), "{in_other}");
        // Another one that was: its own values stay.
        bed.put("primary", &with_serial("ELSE00000001"));
        let conflict = settle();
        assert_eq!(conflict.conflicts[0].0, "VINI.SN");
        assert_eq!(
            (conflict.outcome.writes, serial(&bed.bytes("primary")).unwrap()),
            (0, b"ELSE00000001".to_vec())
        );
    }
    let bed = Bed::new();
    for name in ["primary", "redundant", "other"] {
        bed.put(name, &with_serial("            "));
    }
    let job = bed.job(Mend::Settle, Some(bed.partner(true)));
    assert_eq!(bed.run(&job).unwrap().not_set, ["VINI.SN"]);
}

#[test]
fn a_record_is_kept_with_all_that_is_written_to_it() {
    use crate::job::{KeywordChange, WriteJob};
    let bed = Bed::new();
    let partner = Some(bed.partner(false));
    bed.run(&bed.job(Mend::Backup, partner.clone())).unwrap();
    let MendJob { key, chips, fragment, .. } = bed.job(Mend::Backup, None);
    let (record_name, keyword) = (Some(VINI), KeywordName(*b"CC"));
    let change =
        KeywordChange { record: record_name, keyword, value: b"ABCD".to_vec(), pad: None, expected: None };
    let job = WriteJob {
        key: key.clone(),
        chips,
        on_hardware_only: None,
        fragment,
        power_off_only: false,
        changes: vec![change],
        copies: Default::default(),
        dry_run: false,
        partner,
    };
    crate::work::write::perform(&job, &bed.stores).unwrap();
    let kept = bed.stores.backups.load(&key).unwrap();
    assert_eq!(kept.record(VINI).map(<[u8]>::to_vec), record(&bed.bytes("primary")));
    assert_eq!(kept.count(), 1, "no other value is kept");
}

/// A write, cut by the disk at each of its steps; then recovery.
#[test]
fn eeprom_and_backup_agree_after_a_cut_write_and_its_recovery() {
    use crate::job::{KeywordChange, WriteJob};
    use crate::work::write;
    use durable_state::simulation::every_cut;
    let cuts = every_cut(
        |folder| {
            for name in ["primary", "redundant"] {
                fs::write(folder.join(name), image()).unwrap();
            }
            Journals::at(folder, RealDisk).open().unwrap();
            let backups = Backups::at(folder, RealDisk);
            backups.open().unwrap();
            let vpd = vpd_format::read(&mut Bytes(&image()), &ReadOptions::default()).unwrap();
            let bed = Bed::new();
            let mut kept = Kept::default();
            kept.take(&vpd, &bed.partner(false).map.keywords);
            backups.save(&key(), &kept).unwrap();
        },
        |folder, disk| {
            let bed = Bed::new();
            let MendJob { key, fragment, partner, .. } = bed.job(Mend::Backup, Some(bed.partner(false)));
            let job = WriteJob {
                key,
                chips: ["primary", "redundant"].map(|name| folder.join(name)).to_vec(),
                on_hardware_only: None,
                fragment,
                power_off_only: false,
                changes: vec![KeywordChange {
                    record: Some(VINI),
                    keyword: SN,
                    value: b"NEW000000001".to_vec(),
                    pad: None,
                    expected: None,
                }],
                copies: Default::default(),
                dry_run: false,
                partner,
            };
            write::perform(&job, &Stores::at(folder, None, &disk)).is_ok()
        },
        |folder, cut, was_answered| {
            let (journals, backups) = (Journals::at(folder, RealDisk), Backups::at(folder, RealDisk));
            let recovered = recover_one(&key(), &journals, &backups, When::Serving { is_off: true });
            assert!(matches!(recovered, Recovered::Settled(_) | Recovered::Nothing), "{cut:?} {recovered:?}");
            let value = serial(&fs::read(folder.join("primary")).unwrap()).unwrap();
            assert_eq!(serial(&fs::read(folder.join("redundant")).unwrap()).unwrap(), value, "{cut:?}");
            let kept = backups.load(&key()).unwrap();
            assert_eq!(kept.value(VINI, SN), Some(&value[..]), "{cut:?}");
            assert!(!was_answered || value == b"NEW000000001", "{cut:?}");
            assert_eq!(journals.keys().unwrap(), []);
        },
    );
    assert!(cuts > 20, "{cuts}");
}

/// A disk that has no room for backups.
#[derive(Clone)]
struct NoBackups;

impl Disk for NoBackups {
    fn perform(&self, step: &durable_state::Step) -> std::io::Result<()> {
        match step.path().components().any(|part| part.as_os_str() == "backup") {
            true => Err(std::io::ErrorKind::StorageFull.into()),
            false => RealDisk.perform(step),
        }
    }
}

#[test]
fn what_was_done_is_told_where_not_all_could_be() {
    let bed = Bed::new();
    for name in ["primary", "redundant"] {
        bed.put(name, &with_serial("            "));
    }
    let mut kept = Kept::default();
    kept.set(VINI, SN, b"KEPT00000001");
    bed.stores.backups.save(&key(), &kept).unwrap();
    let stores = Stores::at(bed.folder.path(), None, NoBackups);
    // The EEPROM is written; the whole record, which is kept too, cannot be.
    let (settled, done) = perform(&bed.job(Mend::Restore, Some(bed.partner(false))), &stores);
    let refusal = done.unwrap_err();
    assert!(refusal.cause == Cause::JournalUnwritable && refusal.text.contains("bytes were written"));
    assert!(settled.outcome.written.changed > 0 && settled.outcome.frus.contains(&key()));
    assert_eq!(serial(&bed.bytes("primary")).unwrap(), b"KEPT00000001");
    assert_eq!(stores.this_boot.all_unshown(), [key()], "its parser has to run all the same");
}
