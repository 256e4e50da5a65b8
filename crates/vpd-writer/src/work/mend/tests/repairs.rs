//! Headers, blank chips and locked keywords in repairs.

use super::*;
use crate::work::repair::damaged;

fn with_unreadable_header() -> Vec<u8> {
    let mut bytes = image();
    bytes[12..50].fill(0x11);
    bytes
}

#[test]
fn a_header_that_cannot_be_read_is_repaired_with_what_is_damaged_besides() {
    for (name, other) in [("primary", "redundant"), ("redundant", "primary")] {
        let bed = Bed::new();
        let mut bytes = with_unreadable_header();
        let at = bytes.windows(4).position(|window| window == b"YVIV").unwrap();
        bytes[at..at + 12].fill(0x11);
        bed.put(name, &bytes);
        bed.mend(repair(None)).unwrap();
        assert!(bed.bytes(name) == image() && bed.bytes(other) == image(), "{name}");
    }
    // What the chip still says itself stays as it is.
    let bed = Bed::new();
    let mut own = with_serial("OWNS00000001");
    own[12..50].fill(0x11);
    bed.put("primary", &own);
    bed.mend(repair(None)).unwrap();
    assert_eq!(bed.bytes("primary"), with_serial("OWNS00000001"));
}

#[test]
fn a_blank_chip_is_programmed_from_the_copy_that_is_named_and_from_no_other() {
    let bed = Bed::new();
    for name in ["primary", "redundant"] {
        bed.put(name, &vec![0xff; image().len()]);
    }
    assert_eq!(bed.mend(repair(None)).unwrap_err().cause, Cause::InvalidVpd);
    fs::create_dir(bed.path("golden")).unwrap();
    bed.put("golden/8-0050.bin", &image());
    assert_eq!(bed.mend(repair(Some(Copy::Redundant))).unwrap_err().cause, Cause::InvalidVpd);
    bed.mend(repair(Some(Copy::Golden))).unwrap();
    for name in ["primary", "redundant"] {
        assert_eq!(record(&bed.bytes(name)), record(&image()), "{name}");
    }
}

#[test]
fn a_clients_image_brings_no_value_of_a_locked_keyword_that_no_copy_has() {
    let bed = Bed::new();
    for name in ["primary", "redundant"] {
        bed.put(name, &damaged_image());
    }
    let locked = Locked::parse(["VINI.SN"]).unwrap();
    let repair_with = |serial: &str| {
        let what = Mend::Repair { records: Vec::new(), source: None, image: Some(with_serial(serial)) };
        let job = MendJob { locked: locked.clone(), ..bed.job(what, None) };
        bed.run(&job).map(drop).map_err(|refusal| refusal.cause)
    };
    assert_eq!(repair_with("YVIV00000001"), Err(Cause::NotAllowed), "nothing says that it is its own");
    bed.put("redundant", &image());
    assert_eq!(repair_with("FORGED000001"), Err(Cause::NotAllowed));
    let own = serial(&image()).unwrap();
    assert_eq!(repair_with(std::str::from_utf8(&own).unwrap()), Ok(()));
    assert_eq!(bed.bytes("primary"), image());
}

#[test]
fn no_source_brings_another_value_of_a_locked_keyword_into_a_sound_record() {
    let bed = Bed::new();
    fs::create_dir(bed.path("golden")).unwrap();
    bed.put("golden/8-0050.bin", &with_serial("FORGED000001"));
    let mut kept = Kept::default();
    let forged = vpd_format::read(&mut Bytes(&with_serial("FORGED000001")), &ReadOptions::default()).unwrap();
    kept.take(&forged, &bed.partner(false).map.keywords);
    bed.stores.backups.save(&key(), &kept).unwrap();
    bed.put("redundant", &with_serial("FORGED000001"));
    // No serial number at all, in a record of the same length.
    let renamed = vpd_builder::build(&CARD.replace("SN = \"YVIV", "ZZ = \"YVIV")).unwrap();
    assert!(serial(&renamed).is_none());
    let repair_with = |locked: &[&str], source, image| {
        let what = Mend::Repair { records: vec![VINI], source, image };
        let locked = Locked::parse(locked.iter().copied()).unwrap();
        let job = MendJob { locked, ..bed.job(what, None) };
        bed.run(&job).map(drop).map_err(|refusal| refusal.cause)
    };
    for source in [Copy::Redundant, Copy::Golden, Copy::Backup] {
        assert_eq!(repair_with(&["VINI.SN"], Some(source), None), Err(Cause::NotAllowed), "{source}");
    }
    assert_eq!(repair_with(&["VINI.SN"], None, Some(renamed)), Err(Cause::NotAllowed));
    assert_eq!(bed.bytes("primary"), image());
    assert_eq!(repair_with(&["VINI.PN"], Some(Copy::Golden), None), Ok(()));
    assert_eq!(bed.bytes("primary"), with_serial("FORGED000001"));
}

#[test]
fn a_locked_keyword_is_not_taken_away_with_a_record_that_no_chip_has_whole() {
    let bed = Bed::new();
    for name in ["primary", "redundant"] {
        bed.put(name, &damaged_image());
    }
    let renamed = vpd_builder::build(&CARD.replace("SN = \"YVIV", "ZZ = \"YVIV")).unwrap();
    let what = Mend::Repair { records: Vec::new(), source: None, image: Some(renamed) };
    let job = MendJob { locked: Locked::parse(["VINI.SN"]).unwrap(), ..bed.job(what, None) };
    assert_eq!(bed.run(&job).unwrap_err().cause, Cause::NotAllowed);
    assert_eq!(bed.bytes("primary"), damaged_image());
}

#[test]
fn a_redundant_chip_of_which_nothing_is_sound_is_programmed_only_when_that_is_asked_for() {
    let two = |text: &str| {
        let more = format!(
            "{CARD}\n[[record]]\nname = \"UTIL\"\n[record.keywords]\nD0 = {{ hex = \"01\" }}\nD1 = \"{text}\"\n"
        );
        vpd_builder::build(&more).unwrap()
    };
    let sound = two("note");
    let bed = Bed::new();
    fs::create_dir(bed.path("golden")).unwrap();
    bed.put("golden/8-0050.bin", &sound);
    let mut torn = sound.clone();
    torn[12..50].fill(0x11);
    let at = torn.windows(4).position(|window| window == b"note").unwrap();
    torn[at..at + 4].fill(0x11);
    bed.put("primary", &torn);
    let blank = vec![0xff; sound.len()];
    bed.put("redundant", &blank);
    assert!(bed.mend(repair(None)).is_err());
    assert!(bed.bytes("primary") == torn && bed.bytes("redundant") == blank);
    // One record is named, and the blank one gets all.
    let what = Mend::Repair { records: vec![RecordName(*b"UTIL")], source: Some(Copy::Golden), image: None };
    bed.mend(what).unwrap();
    for name in ["primary", "redundant"] {
        let vpd = vpd_format::read(&mut Bytes(&bed.bytes(name)), &ReadOptions::default()).unwrap();
        assert!(damaged(&vpd).is_empty(), "{name}");
    }
}

#[test]
fn a_machine_with_locked_keywords_takes_no_header_from_a_client() {
    let bed = Bed::new();
    let repair_with = |locked: &[&str]| {
        for name in ["primary", "redundant"] {
            bed.put(name, &with_unreadable_header());
        }
        let what = Mend::Repair { records: Vec::new(), source: None, image: Some(image()) };
        let locked = Locked::parse(locked.iter().copied()).unwrap();
        let job = MendJob { locked, ..bed.job(what, None) };
        bed.run(&job).map(drop).map_err(|refusal| refusal.cause)
    };
    assert!(repair_with(&["VINI.SN"]).is_err());
    assert_eq!(repair_with(&[]), Ok(()));
    assert_eq!(bed.bytes("primary"), image());
}

#[test]
fn no_repair_makes_a_planar_a_system_that_the_image_does_not_know() {
    let planar = |im: &str| {
        let text = format!(
            "format = \"ipz\"\nsize = 4096\n[[record]]\nname = \"VINI\"\n[record.keywords]\nSN = \"YVIV00000001\"\n\
             [[record]]\nname = \"VSBP\"\n[record.keywords]\nIM = {{ hex = \"{im}\" }}\n"
        );
        vpd_builder::build(&text).unwrap()
    };
    let bed = Bed::new();
    for name in ["primary", "redundant"] {
        bed.put(name, &planar("50001001"));
    }
    let repair_with = |im: &str| {
        let (records, image) = (vec![RecordName(*b"VSBP")], Some(planar(im)));
        let what = Mend::Repair { records, source: None, image };
        let types = vec![system_index::SystemType::of_keyword(&[0x50, 0, 0x10, 1]).unwrap()];
        bed.run(&MendJob { types, ..bed.job(what, None) }).map(drop).map_err(|refusal| refusal.cause)
    };
    assert_eq!(repair_with("50001002"), Err(Cause::NotAllowed));
    assert_eq!(bed.bytes("primary"), planar("50001001"));
    assert_eq!(repair_with("50001001"), Ok(()));
}

#[test]
fn a_chip_of_which_nothing_is_sound_is_not_programmed_from_what_happens_to_be_there() {
    let bed = Bed::new();
    fs::create_dir(bed.path("golden")).unwrap();
    bed.put("golden/8-0050.bin", &image());
    // Another card came into the slot whose header is damaged.
    let mut other = vec![0x5a; image().len()];
    other[11] = 0x84;
    for name in ["primary", "redundant"] {
        bed.put(name, &other);
    }
    assert_eq!(bed.mend(repair(None)).unwrap_err().cause, Cause::InvalidVpd);
    assert_eq!(bed.bytes("primary"), other);
    // What is damaged beside the copy that is asked for is in nobody's way.
    bed.put("redundant", &image());
    bed.put("golden/8-0050.bin", &[1, 2, 3]);
    bed.mend(repair(Some(Copy::Redundant))).unwrap();
    assert_eq!(record(&bed.bytes("primary")), record(&image()));
}

#[test]
fn what_a_repair_did_not_write_stays_as_it_is_kept_when_that_is_recovered() {
    let bed = Bed::new();
    let mut kept = Kept::default();
    kept.set(VINI, SN, b"ELSE00000001");
    bed.stores.backups.save(&key(), &kept).unwrap();
    let mut torn = image();
    torn[12..50].fill(0x11);
    for name in ["primary", "redundant"] {
        bed.put(name, &torn);
    }
    // The power goes right after the journal.
    let watched = JournalKept(bed.folder.path().to_owned());
    let stores = Stores::at(bed.folder.path(), None, watched);
    let what = Mend::Repair { records: Vec::new(), source: None, image: Some(image()) };
    let job = bed.job(what, Some(bed.partner(false)));
    let (_, done) = perform(&job, &stores);
    done.unwrap();
    fs::rename(bed.path("kept.journal"), bed.path("journals/8-0050.journal")).unwrap();
    bed.stores.backups.save(&key(), &kept).unwrap();
    for name in ["primary", "redundant"] {
        bed.put(name, &torn);
    }
    let when = When::Serving { is_off: true };
    let recovered = recover_one(&key(), &bed.stores.journals, &bed.stores.backups, when);
    assert!(matches!(recovered, Recovered::Settled(_)), "{recovered:?}");
    assert_eq!(bed.bytes("primary"), image());
    assert_eq!(bed.stores.backups.load(&key()).unwrap().value(VINI, SN), Some(&b"ELSE00000001"[..]));
}

/// A disk that keeps a copy of the journal.
#[derive(Clone)]
struct JournalKept(PathBuf);

impl Disk for JournalKept {
    fn perform(&self, step: &durable_state::Step) -> std::io::Result<()> {
        RealDisk.perform(step)?;
        if let durable_state::Step::Rename { to, .. } = step
            && to.ends_with("journals/8-0050.journal")
        {
            fs::copy(to, self.0.join("kept.journal"))?;
        }
        Ok(())
    }
}

#[test]
fn a_locked_keyword_is_restored_only_where_it_was_never_set() {
    for in_other in [false, true] {
        let bed = Bed::new();
        let locked = Locked::parse(["VINI.SN"]).unwrap();
        let run = |what| {
            let job = bed.job(what, Some(bed.partner(in_other)));
            bed.run(&MendJob { locked: locked.clone(), ..job }).unwrap()
        };
        run(Mend::Backup);
        bed.put("primary", &with_serial("ELSE00000001"));
        assert_eq!(run(Mend::Restore).outcome.writes, 0);
        bed.put("primary", &with_serial("            "));
        run(Mend::Restore);
        assert_eq!(bed.bytes("primary"), image(), "{in_other}");
    }
}
