//! From what a caller asks for to what is done to an EEPROM.

use crate::job::{Job, KeywordChange, Mend, MendJob, Partner, ReadJob, RecoverJob, Wanted, WriteJob};
use crate::known::{Eeprom, Known};
use crate::queue::Needs;
use crate::refusal::{Cause, Refusal};
use crate::request::{Reading, WriteRequest};
use crate::settings::{Settings, WhenRedundantFails};
use dbus_api::vpd::writer::Copies;
use fru_publication::EepromKey;
use std::time::Duration;
use vpd_format::{Ecc, KeywordName, RecordName};

/// A reading of the EEPROM that a caller names.
///
/// Errors: as [`Known::eeprom`].
pub fn reading(known: &Known, named: &str, reading: Reading, deadline: Duration) -> Planned {
    let eeprom = known.eeprom(named)?;
    let chip = eeprom.chip;
    let what = match reading {
        Reading::Keyword(record, keyword) => Wanted::Keyword { chip, record, keyword },
        Reading::All => Wanted::All { chip },
        Reading::Agreement => Wanted::Agreement,
        Reading::Comparison => Wanted::Comparison,
    };
    let needs = needs(&eeprom, false, deadline);
    let Eeprom { key, chips, fragment, power_off_only, partner, .. } = eeprom;
    Ok((needs, Job::Read(ReadJob { key, chips, fragment, power_off_only, partner, what })))
}

/// The recovery of an interrupted write, whether the chosen system has the EEPROM or not. Whether the chassis is off, it is told
/// when it begins.
pub fn recovery(known: &Known, key: EepromKey) -> (Needs, Job) {
    let wires = known.wires(&key);
    let needs = Needs { key: key.clone(), wires, first_reading: false, deadline: Duration::MAX };
    (needs, Job::Recover(RecoverJob { key, is_off: false }))
}

/// New values for keywords of the EEPROM that a caller names.
///
/// Errors: as [`Known::eeprom`]; [`Cause::UnsupportedRequest`] for an EEPROM whose code is not looked at;
/// [`Cause::NotAllowed`] for a locked keyword, and for a type of system that the image does not know.
pub fn write(
    known: &Known,
    settings: &Settings,
    named: &str,
    request: WriteRequest,
    deadline: Duration,
) -> Planned {
    let eeprom = writable(known, named)?;
    let partner = eeprom.partner.as_ref().filter(|_| !request.on_hardware_only);
    let mut power_off_only = eeprom.power_off_only;
    for change in &request.changes {
        not_locked(settings, change.record, change.keyword)?;
        // What is kept a second time is written in both places.
        if let Some(partner) = partner
            && let Some((record, keyword)) =
                change.record.and_then(|record| partner.of(record, change.keyword))
        {
            not_locked(settings, Some(record), keyword)?;
            power_off_only |= partner.is_power_off_only();
        }
        identifies(known, &eeprom, change)?;
    }
    let needs = needs(&eeprom, true, deadline);
    let WriteRequest { on_hardware_only, changes, copies, dry_run } = request;
    let on_hardware_only = on_hardware_only.then_some(eeprom.chip);
    let copies = match (copies, settings.when_redundant_fails) {
        (Copies::Both, WhenRedundantFails::GoOn) => Copies::GoOn,
        (copies, _) => copies,
    };
    let Eeprom { key, chips, fragment, partner, .. } = eeprom;
    let job = WriteJob {
        key,
        chips,
        on_hardware_only,
        fragment,
        power_off_only,
        changes,
        copies,
        dry_run,
        partner,
    };
    Ok((needs, Job::Write(job)))
}

/// What puts the EEPROM right that a caller names.
///
/// Errors: as [`write()`].
pub fn mend(known: &Known, settings: &Settings, named: &str, what: Mend, deadline: Duration) -> Planned {
    let eeprom = writable(known, named)?;
    let needs = needs(&eeprom, true, deadline);
    let Eeprom { key, chips, fragment, mut power_off_only, partner, .. } = eeprom;
    power_off_only |=
        partner.as_ref().is_some_and(|partner| concerns(partner, &what) && partner.is_power_off_only());
    let (locked, types) = (settings.locked.clone(), known.types());
    Ok((needs, Job::Mend(MendJob { key, chips, fragment, power_off_only, partner, locked, types, what })))
}

/// Whether the other EEPROM of a backup is read or written too.
fn concerns(partner: &Partner, what: &Mend) -> bool {
    match what {
        Mend::Scrub => false,
        Mend::Repair { records, .. } if !records.is_empty() => {
            partner.map.keywords.iter().any(|kept| records.contains(&kept.record))
        }
        _ => true,
    }
}

fn not_locked(settings: &Settings, record: Option<RecordName>, keyword: KeywordName) -> Result<(), Refusal> {
    if settings.locked.has(record, keyword) {
        let record = record.map(|record| format!("{record}.")).unwrap_or_default();
        let text = format!("{record}{keyword} is locked by this machine's settings");
        return Err(Cause::NotAllowed.because(text));
    }
    Ok(())
}

/// A job with what the queue has to know of it, or why there is none.
pub type Planned = Result<(Needs, Job), Refusal>;

/// The keyword that has the system's type.
pub(crate) const TYPE: (RecordName, KeywordName) = (RecordName(*b"VSBP"), KeywordName(*b"IM"));

/// A boot with such a type would end without a system.
pub(crate) fn unknown_type() -> Refusal {
    Cause::NotAllowed.because("VSBP.IM: the image knows no system of this type")
}

/// What identifies the system counts from the next boot on, and no boot may end without a system.
fn identifies(known: &Known, eeprom: &Eeprom, change: &KeywordChange) -> Result<(), Refusal> {
    const LEVEL: (RecordName, KeywordName) = (RecordName::VINI, KeywordName(*b"HW"));
    let name = change.record.map(|record| (record, change.keyword));
    if name == Some(TYPE) && !known.knows_type(&change.value) {
        return Err(unknown_type());
    }
    if name == Some(TYPE) || (name == Some(LEVEL) && known.says_system(&eeprom.key)) {
        log::info!("what system this is counts from the next boot on fru={}", eeprom.key);
    }
    Ok(())
}

fn writable(known: &Known, named: &str) -> Result<Eeprom, Refusal> {
    let eeprom = known.eeprom(named)?;
    if eeprom.fragment.ecc == Ecc::Ignored {
        let text = format!("{} is read without its code, and so is not written", eeprom.key);
        return Err(Cause::UnsupportedRequest.because(text));
    }
    Ok(eeprom)
}

fn needs(eeprom: &Eeprom, first_reading: bool, deadline: Duration) -> Needs {
    Needs { key: eeprom.key.clone(), wires: eeprom.wires.clone(), first_reading, deadline }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Locked;

    fn known(fragment: &str) -> (tempfile::TempDir, Known) {
        let root = tempfile::tempdir().unwrap();
        let frus = root.path().join("run/vivianite/vpd/active/frus");
        std::fs::create_dir_all(&frus).unwrap();
        let index = "[[fru]]\nkey = \"8-0050\"\nparser = \"ipz-vpd-parser\"\n";
        std::fs::write(frus.parent().unwrap().join("index.toml"), index).unwrap();
        let fragment = format!("redundant = \"9-0051\"\n{fragment}[[object]]\npath = \"/card\"\n");
        std::fs::write(frus.join("8-0050.toml"), fragment).unwrap();
        let known = Known::load(root.path()).unwrap();
        (root, known)
    }

    fn settings(locked: &[&str]) -> Settings {
        Settings {
            wait_limit: Duration::from_secs(1),
            locked: Locked::parse(locked.iter().copied()).unwrap(),
            when_redundant_fails: WhenRedundantFails::Refuse,
        }
    }

    #[test]
    fn a_machine_says_what_a_redundant_chip_that_fails_means_where_a_caller_does_not() {
        let (_root, known) = known("");
        for (when, asked, copies) in [
            (WhenRedundantFails::Refuse, Copies::Both, Copies::Both),
            (WhenRedundantFails::GoOn, Copies::Both, Copies::GoOn),
            (WhenRedundantFails::GoOn, Copies::One, Copies::One),
        ] {
            let settings = Settings { when_redundant_fails: when, ..settings(&[]) };
            let request = WriteRequest { copies: asked, ..request(false) };
            let (_, job) = write(&known, &settings, "/card", request, Duration::ZERO).unwrap();
            let Job::Write(job) = job else { panic!("it is no write") };
            assert_eq!(job.copies, copies);
        }
    }

    fn request(on_hardware_only: bool) -> WriteRequest {
        let (record, keyword) = (None, "SN".parse().unwrap());
        let change = KeywordChange { record, keyword, value: vec![1], pad: None, expected: None };
        WriteRequest { on_hardware_only, changes: vec![change], copies: Copies::Both, dry_run: false }
    }

    #[test]
    fn only_a_write_to_the_hardware_is_for_the_chip_that_was_named() {
        let (_root, known) = known("");
        for (on_hardware_only, named, expected) in [
            (false, "/card", None),
            (false, "9-0051", None),
            (true, "/card", Some(0)),
            (true, "8-0050", Some(0)),
            (true, "/sys/bus/i2c/drivers/at24/9-0051/eeprom", Some(1)),
        ] {
            let (needs, job) =
                write(&known, &settings(&[]), named, request(on_hardware_only), Duration::ZERO).unwrap();
            let Job::Write(job) = job else { panic!("it is no write") };
            assert_eq!((job.on_hardware_only, job.chips.len()), (expected, 2), "{named}");
            assert!(needs.first_reading && needs.key == job.key && needs.wires.len() == 2);
        }
    }

    #[test]
    fn a_system_gets_no_type_that_the_image_does_not_know() {
        let (root, _) = known("");
        let index = "[[match]]\nsystem = \"demo\"\nim = \"50001001\"\n";
        let folder = root.path().join("usr/share/vivianite/vpd");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("index.toml"), index).unwrap();
        let known = Known::load(root.path()).unwrap();
        let settings = settings(&[]);
        let planned = |value: &[u8]| {
            let mut request = request(false);
            request.changes[0].record = Some("VSBP".parse().unwrap());
            request.changes[0].keyword = "IM".parse().unwrap();
            request.changes[0].value = value.to_vec();
            write(&known, &settings, "/card", request, Duration::ZERO).err().map(|refusal| refusal.cause)
        };
        assert_eq!(planned(&[0x50, 0, 0x10, 1]), None);
        for value in [&[0x50, 0, 0x10, 2][..], &[0x50], &[]] {
            assert_eq!(planned(value), Some(Cause::NotAllowed), "{value:?}");
        }
    }

    #[test]
    fn a_locked_keyword_is_not_written() {
        let (_root, known) = known("");
        let refused = write(&known, &settings(&["SN"]), "/card", request(false), Duration::ZERO).unwrap_err();
        assert_eq!(refused.cause, Cause::NotAllowed);
        let other = settings(&["VINI.SN", "PN"]);
        assert!(write(&known, &other, "/card", request(false), Duration::ZERO).is_ok());
    }

    #[test]
    fn what_is_kept_in_another_eeprom_is_locked_by_either_name_and_reached_when_both_can_be() {
        let (root, _) = known("");
        let active = root.path().join("run/vivianite/vpd/active");
        let index = "[[fru]]\nkey = \"8-0050\"\nparser = \"ipz-vpd-parser\"\n\
                     [[fru]]\nkey = \"7-0050\"\nparser = \"ipz-vpd-parser\"\npower-off-only = true\n";
        std::fs::write(active.join("index.toml"), index).unwrap();
        std::fs::write(active.join("frus/7-0050.toml"), "[[object]]\npath = \"/other\"\n").unwrap();
        let backups = "[[backup]]\nsource = \"8-0050\"\ndestination = \"7-0050\"\n[[backup.keywords]]\n\
                       record = \"VSYS\"\nkeyword = \"SE\"\nbackup-record = \"VSBK\"\ndefault = [32]\n";
        std::fs::write(active.join("backups.toml"), backups).unwrap();
        let known = Known::load(root.path()).unwrap();
        let planned = |named: &str, name: &str, locked: &[&str], on_hardware_only| {
            let mut request = request(on_hardware_only);
            let (record, keyword) = name.split_once('.').unwrap();
            request.changes[0].record = Some(record.parse().unwrap());
            request.changes[0].keyword = keyword.parse().unwrap();
            let planned = write(&known, &settings(locked), named, request, Duration::ZERO);
            planned.map(|(_, job)| job.is_power_off_only()).map_err(|refusal| refusal.cause)
        };
        for (named, name) in [("/card", "VSYS.SE"), ("/other", "VSBK.SE")] {
            for locked in ["VSYS.SE", "VSBK.SE"] {
                assert_eq!(planned(named, name, &[locked], false), Err(Cause::NotAllowed), "{name} {locked}");
            }
            assert_eq!(planned(named, name, &["VSYS.TM"], false), Ok(true), "{name}");
        }
        assert_eq!(planned("/card", "VSYS.SE", &["VSBK.SE"], true), Ok(false), "that chip alone");
        assert_eq!(planned("/card", "VSYS.TM", &[], false), Ok(false), "it is not kept");
        for (what, is_power_off_only) in [(Mend::Backup, true), (Mend::Scrub, false)] {
            let (_, job) = mend(&known, &settings(&[]), "/card", what, Duration::ZERO).unwrap();
            assert_eq!(job.is_power_off_only(), is_power_off_only);
        }
    }

    #[test]
    fn a_reading_waits_for_no_other_and_is_of_the_chip_that_was_named() {
        let (_root, known) = known("");
        let (needs, job) = reading(&known, "9-0051", Reading::All, Duration::ZERO).unwrap();
        let Job::Read(job) = job else { panic!("it is no reading") };
        assert_eq!((job.what, needs.first_reading), (Wanted::All { chip: 1 }, false));
    }

    #[test]
    fn what_is_read_without_its_code_is_not_written() {
        let (_root, known) = known("ecc = \"ignored\"\n");
        let refused = write(&known, &settings(&[]), "/card", request(false), Duration::ZERO).unwrap_err();
        assert_eq!(refused.cause, Cause::UnsupportedRequest);
        let refused = mend(&known, &settings(&[]), "/card", Mend::Scrub, Duration::ZERO).unwrap_err();
        assert_eq!(refused.cause, Cause::UnsupportedRequest);
        assert!(reading(&known, "/card", Reading::All, Duration::ZERO).is_ok());
    }
}
