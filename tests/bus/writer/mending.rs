//! Damaged records are repaired, corrected ones scrubbed, and what is kept a second time agrees with its EEPROM.

use super::administration::{
    answer, call, chip, describe, i2c_chip, image, inventory, keep, own, value, writer,
};
use super::bed::error_of;
use crate::collection::bed::Bed;
use dbus_api::vpd::collection::Outcome;
use dbus_api::vpd::writer::{Copy, CopyState, Difference};
use house_tests::fixture;
use std::path::Path;
use zbus::Variant;

const ECC_CHECK_FAILED: &str = "com.ibm.VPD.Error.EccCheckFailed";

/// Of the board, the part number is kept in the writer's state.
const IN_STATE: &str = "[[backup]]\nsource = \"file:board\"\n\
                        [[backup.keywords]]\nrecord = \"VINI\"\nkeyword = \"PN\"\n\
                        default = [32, 32, 32, 32, 32, 32, 32]\n";
/// Of the board, the part number is kept as the card's other number.
const IN_CARD: &str = "[[backup]]\nsource = \"file:board\"\ndestination = \"file:card\"\n\
                       [[backup.keywords]]\nrecord = \"VINI\"\nkeyword = \"PN\"\nbackup-keyword = \"FN\"\n\
                       default = [32, 32, 32, 32, 32, 32, 32]\n";
/// No record is named.
const ALL: &[&str] = &[];
/// Nothing is kept in the card yet.
const NOT_SET: (&str, &str) = ("FN = \"99VV101\"", "FN = \"       \"");

/// Board and card are read once, and the board's backup is where it says.
fn collected(backup: &str) -> anyhow::Result<Option<Bed>> {
    let Some(mut bed) = Bed::new(&[("board", ""), ("card", "")])? else { return Ok(None) };
    std::fs::write(bed.image("board"), fixture("card"))?;
    std::fs::write(bed.image("card"), image("card", &[NOT_SET])?)?;
    if !backup.is_empty() {
        keep(&bed, backup)?;
    }
    bed.machine.start_inventory()?;
    bed.start_peers(&["event-log"])?;
    bed.listen()?;
    bed.collect()?;
    Ok(Some(bed))
}

/// Where the serial number is in an image.
fn serial_in(image: &[u8]) -> usize {
    image.windows(4).position(|window| window == b"YVIV").unwrap_or_default()
}

/// Ruins the record that has the serial number, beyond what its code can correct.
fn ruin(path: &Path) -> anyhow::Result<()> {
    let mut image = std::fs::read(path)?;
    let at = serial_in(&image);
    image[at..at + 8].fill(0);
    Ok(std::fs::write(path, image)?)
}

/// Copies with their outcomes, and in what they differ.
type Verified = (Vec<(Copy, Outcome)>, Vec<Difference>);

fn verify(bed: &Bed, name: &str) -> anyhow::Result<Verified> {
    let reply = own(bed, "Verify", &format!("file:{name}"))?;
    let (copies, differences): (Vec<CopyState>, Vec<Difference>) = reply.body().deserialize()?;
    Ok((copies.into_iter().map(|copy| (copy.copy, copy.outcome)).collect(), differences))
}

/// Writes to the EEPROM alone, as if another part had been put in.
fn swap(bed: &Bed, name: &str, keyword: &'static str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = bed.image(name).display().to_string();
    call(bed, "WriteKeywordOnHardware", &(&*path, value(keyword, bytes))).map(drop)
}

#[test]
fn a_damaged_record_is_replaced_from_the_redundant_eeprom_and_never_by_a_keyword() -> anyhow::Result<()> {
    let Some(bed) = collected("")? else { return Ok(()) };
    describe(&bed, "card", "redundant = \"9-0050\"\n")?;
    let good = std::fs::read(bed.image("card"))?;
    std::fs::write(i2c_chip(&bed, "9-0050")?, &good)?;
    ruin(&bed.image("card"))?;
    bed.read_again("card")?;
    let Some(_writer) = writer(&bed)? else { return Ok(()) };
    let write = ("file:card", value("SN", b"YVIV00000999"));
    assert_eq!(error_of(call(&bed, "UpdateKeyword", &write))?, ECC_CHECK_FAILED);
    let (copies, _) = verify(&bed, "card")?;
    assert_eq!(copies[..2], [(Copy::Primary, Outcome::Bad), (Copy::Redundant, Outcome::Ok)]);
    let nowhere = ("file:card", vec!["VINI"], "backup");
    assert_eq!(error_of(own(&bed, "Repair", &nowhere))?, ECC_CHECK_FAILED);
    let reply = own(&bed, "Repair", &("file:card", vec!["VINI"], ""))?;
    assert_eq!(*answer(&reply, "shown")?, Variant::from(true));
    assert_eq!(std::fs::read(bed.image("card"))?, good);
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some("YVIV00000101"));
    // A write reaches both, and so does a repair in the other direction.
    call(&bed, "UpdateKeyword", &write)?;
    assert!(call(&bed, "ValidateRedundantEEPROM", &"file:card")?.body().deserialize::<bool>()?);
    let good = std::fs::read(bed.image("card"))?;
    let redundant = i2c_chip(&bed, "9-0050")?;
    assert_eq!(std::fs::read(&redundant)?, good);
    ruin(&redundant)?;
    own(&bed, "Repair", &("file:card", ALL, ""))?;
    assert_eq!(std::fs::read(&redundant)?, good);
    Ok(())
}

#[test]
fn a_header_that_cannot_be_read_is_repaired_and_the_part_is_shown_again() -> anyhow::Result<()> {
    let Some(bed) = collected("")? else { return Ok(()) };
    describe(&bed, "card", "redundant = \"9-0050\"\n")?;
    let good = std::fs::read(bed.image("card"))?;
    std::fs::write(i2c_chip(&bed, "9-0050")?, &good)?;
    let mut image = good.clone();
    image[12..50].fill(0);
    std::fs::write(bed.image("card"), image)?;
    assert_eq!(bed.read_again("card")?.report.outcome.as_str(), "bad");
    let Some(_writer) = writer(&bed)? else { return Ok(()) };
    let serial = ("file:card", value("SN", b"YVIV00000999"));
    assert_eq!(error_of(call(&bed, "UpdateKeyword", &serial))?, "com.ibm.VPD.Error.InvalidVPD");
    own(&bed, "Repair", &("file:card", ALL, ""))?;
    assert_eq!(std::fs::read(bed.image("card"))?, good);
    assert_eq!(bed.status("card")?.report.outcome.as_str(), "ok");
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some("YVIV00000101"));
    Ok(())
}

#[test]
fn a_damaged_record_is_replaced_from_an_image_that_the_caller_has() -> anyhow::Result<()> {
    let Some(bed) = collected("")? else { return Ok(()) };
    let _writer = bed.machine.start("vpd-writer")?;
    let good = std::fs::read(bed.image("card"))?;
    ruin(&bed.image("card"))?;
    assert_eq!(error_of(own(&bed, "Repair", &("file:card", ALL, "")))?, ECC_CHECK_FAILED);
    let damaged = std::fs::read(bed.image("card"))?;
    let error = error_of(own(&bed, "RepairFrom", &("file:card", ALL, &damaged)))?;
    assert_eq!((error.as_str(), std::fs::read(bed.image("card"))?), (ECC_CHECK_FAILED, damaged));
    let error = error_of(own(&bed, "RepairFrom", &("file:card", ALL, vec![0xff_u8; 512])))?;
    assert_eq!(error, "com.ibm.VPD.Error.InvalidVPD");
    own(&bed, "RepairFrom", &("file:card", ALL, &good))?;
    assert_eq!(std::fs::read(bed.image("card"))?, good);
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some("YVIV00000101"));
    Ok(())
}

#[test]
fn what_the_code_corrects_is_written_back_once_per_boot_and_the_redundant_eeprom_made_equal()
-> anyhow::Result<()> {
    let Some(bed) = collected("")? else { return Ok(()) };
    describe(&bed, "card", "redundant = \"9-0050\"\n")?;
    let good = std::fs::read(bed.image("card"))?;
    let redundant = i2c_chip(&bed, "9-0050")?;
    std::fs::write(&redundant, image("card", &[NOT_SET, ("YVIV00000101", "YVIV00000555")])?)?;
    let bend = || {
        let mut bent = good.clone();
        bent[serial_in(&good)] ^= 1;
        std::fs::write(bed.image("card"), bent)
    };
    bend()?;
    let Some(mut service) = writer(&bed)? else { return Ok(()) };
    let reply = own(&bed, "Scrub", &"file:card")?;
    assert_ne!(*answer(&reply, "changed")?, Variant::from(0_u32));
    assert_eq!((std::fs::read(bed.image("card"))?, std::fs::read(&redundant)?), (good.clone(), good.clone()));
    // A cell that bends again at once is worn out, and writing it wears out the others.
    bend()?;
    own(&bed, "Scrub", &"file:card")?;
    assert_ne!(std::fs::read(bed.image("card"))?, good);
    // Also after a restart of the service, in the same boot.
    service.stop()?;
    let Some(_writer) = writer(&bed)? else { return Ok(()) };
    own(&bed, "Scrub", &"file:card")?;
    assert_ne!(std::fs::read(bed.image("card"))?, good);
    Ok(())
}

#[test]
fn a_write_changes_the_backup_too_and_either_is_put_back_from_the_other() -> anyhow::Result<()> {
    for (backup, is_card) in [(IN_STATE, false), (IN_CARD, true)] {
        let Some(bed) = collected(backup)? else { return Ok(()) };
        let _writer = bed.machine.start("vpd-writer")?;
        let kept = || -> anyhow::Result<Vec<(String, String)>> {
            let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
            let (copies, differences) = verify(&bed, "board")?;
            assert!(copies.contains(&(Copy::Backup, Outcome::Ok)), "{copies:?}");
            let of_backup = differences.iter().filter(|difference| difference.copy == Copy::Backup);
            Ok(of_backup.map(|difference| (text(&difference.ours), text(&difference.theirs))).collect())
        };
        call(&bed, "UpdateKeyword", &("file:board", value("PN", b"99VV777")))?;
        assert_eq!(kept()?, []);
        let state = bed.machine.folder().join("vpd-writer.state/backup/file:board");
        if is_card {
            assert!(!state.exists());
            assert_eq!(chip(&bed, "card", "FN")?, "99VV777");
            assert_eq!(inventory(&bed, "card", "FN")?.as_deref(), Some("99VV777"), "of the backup's own FRU");
        }
        swap(&bed, "board", "PN", b"99VV333")?;
        assert_eq!(kept()?, [("99VV333".to_owned(), "99VV777".to_owned())]);
        own(&bed, "Restore", &"file:board")?;
        assert_eq!((chip(&bed, "board", "PN")?, kept()?), ("99VV777".to_owned(), Vec::new()));
        assert_eq!(inventory(&bed, "board", "PN")?.as_deref(), Some("99VV777"));
        swap(&bed, "board", "PN", b"99VV444")?;
        own(&bed, "Backup", &"file:board")?;
        assert_eq!((chip(&bed, "board", "PN")?, kept()?), ("99VV444".to_owned(), Vec::new()));
        if is_card {
            assert_eq!(chip(&bed, "card", "FN")?, "99VV444");
            assert_eq!(inventory(&bed, "card", "FN")?.as_deref(), Some("99VV444"));
            // By either name of the two.
            swap(&bed, "board", "PN", b"99VV555")?;
            own(&bed, "Restore", &"file:card")?;
            assert_eq!(chip(&bed, "board", "PN")?, "99VV444");
            assert_eq!(inventory(&bed, "board", "PN")?.as_deref(), Some("99VV444"));
        }
        // Nothing of it is kept.
        let error = error_of(own(&bed, "Backup", &if is_card { "file:other" } else { "file:card" }))?;
        let expected = if is_card { super::NOT_FOUND } else { super::INVALID_ARGUMENT };
        assert_eq!(error, expected);
    }
    Ok(())
}

#[test]
fn a_conflict_with_the_backup_is_one_event_over_restarts_until_restore_has_cleared_it() -> anyhow::Result<()>
{
    let Some(mut bed) = collected(IN_STATE)? else { return Ok(()) };
    let mut service = bed.machine.start("vpd-writer")?;
    own(&bed, "Backup", &"file:board")?;
    swap(&bed, "board", "PN", b"99VV333")?;
    for _ in 0..2 {
        service.stop()?;
        service = bed.machine.start("vpd-writer")?;
        let event = bed.await_events(1)?[0].clone();
        for text in ["com.ibm.VPD.Error.Mismatch", "VINI.PN of EEPROM file:board", "99VV333", "99VV102"] {
            assert!(event.contains(text), "{event}");
        }
        // Shown is what the EEPROM says, and neither was written over the other.
        assert_eq!(chip(&bed, "board", "PN")?, "99VV333");
    }
    own(&bed, "Restore", &"file:board")?;
    assert_eq!(chip(&bed, "board", "PN")?, "99VV102");
    // Agreed upon, so that another conflict is a new event.
    call(&bed, "UpdateKeyword", &("file:board", value("PN", b"99VV103")))?;
    swap(&bed, "board", "PN", b"99VV555")?;
    service.stop()?;
    let _service = bed.machine.start("vpd-writer")?;
    let events = bed.await_events(2)?;
    assert!(events[1].contains("99VV555") && events[1].contains("99VV103"), "{events:?}");
    Ok(())
}
