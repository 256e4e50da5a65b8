//! What puts EEPROMs and backups right: what comes of it, which calls the tool makes, and when it makes none.

use super::SERIAL;
use super::bed::Bed;
use super::stand_in::StandIn;

fn bed() -> anyhow::Result<Option<(Bed, StandIn)>> {
    let Some(bed) = Bed::without_writer()? else { return Ok(None) };
    let stand_in = StandIn::start(bed.bed.machine.bus().address())?;
    Ok(Some((bed, stand_in)))
}

#[test]
fn each_command_becomes_its_calls() -> anyhow::Result<()> {
    let Some((bed, stand_in)) = bed()? else { return Ok(()) };
    std::fs::write(bed.image("golden.bin"), [7; 300])?;
    for (line, calls) in [
        ("repair card", &["Repair /system/chassis/card [] \"\""][..]),
        (
            "repair card VINI VSYS --from redundant",
            &["Repair /system/chassis/card [\"VINI\", \"VSYS\"] \"redundant\""],
        ),
        ("repair file:card --from golden", &["Repair file:card [] \"golden\""]),
        ("repair card --golden @golden.bin", &["RepairFrom /system/chassis/card [] 300 bytes"]),
        ("scrub card board", &["Scrub /system/chassis/card", "Scrub /system/chassis/board"]),
        ("scrub --all", &["Scrub file:board", "Scrub file:card", "Scrub file:flat"]),
        ("backup", &["Backup file:board"]),
        ("restore board", &["Restore /system/chassis/board"]),
        ("clean --yes", &["Write file:board VINI.CE= "]),
        ("clean --dry-run", &["Write file:board VINI.CE=  dry"]),
        ("--mfgClean --yes", &["Write file:board VINI.CE= "]),
        ("fix-system-vpd --from backup --yes", &["Restore file:board"]),
        ("fix-system-vpd --from primary --yes", &["Backup file:board"]),
    ] {
        let run = bed.run(line)?;
        assert_eq!(run.status, Some(0), "{line}: {run:?}");
        assert_eq!(stand_in.calls(), calls, "{line}");
    }
    Ok(())
}

#[test]
fn without_a_terminal_nothing_is_written_that_was_not_confirmed() -> anyhow::Result<()> {
    let Some((bed, stand_in)) = bed()? else { return Ok(()) };
    for line in ["clean", "--mfgClean", "fix-system-vpd", "fix-system-vpd --from backup", "--fixSystemVPD"] {
        let run = bed.run(line)?;
        assert_eq!(run.status, Some(64), "{line}: {run:?}");
    }
    assert!(stand_in.calls().is_empty());
    Ok(())
}

#[test]
fn what_differs_is_shown_side_by_side_and_a_refusal_commands_no_terminal() -> anyhow::Result<()> {
    let Some((bed, _stand_in)) = bed()? else { return Ok(()) };
    let run = bed.run("fix-system-vpd --from primary --yes")?;
    let row = run.output.lines().find(|line| line.contains("SN")).unwrap_or_default();
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>(),
        ["1", "file:board", "VINI", "SN", "\"YVIV00000777\"", "\"YVIV00000101\"", "YES"],
        "{run:?}"
    );
    assert!(run.output.lines().any(|line| line.contains("CE") && line.ends_with("NO")), "{run:?}");
    let run = bed.run("repair card --from backup")?;
    assert_eq!(run.status, Some(70), "{run:?}");
    assert!(run.log.contains("no backup\\u001b[2J has it"), "{run:?}");
    Ok(())
}

#[test]
fn a_damaged_record_is_repaired_from_an_image_in_hand() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    let good = std::fs::read(bed.image("card"))?;
    std::fs::write(bed.image("golden.bin"), &good)?;
    let mut bad = good.clone();
    let at = bad.windows(12).position(|window| window == SERIAL.as_bytes()).unwrap_or_default();
    bad[at..at + 12].fill(0xff);
    std::fs::write(bed.image("card"), &bad)?;
    // Never a keyword into a damaged record.
    assert_eq!(bed.run("write card VINI.SN YVIV00000102")?.status, Some(2));
    let run = bed.run("repair card --golden @golden.bin")?;
    assert_eq!((run.status, std::fs::read(bed.image("card"))? == good), (Some(0), true), "{run:?}");
    assert_eq!(bed.run("verify card")?.status, Some(0));
    // One bit, which the code corrects.
    let mut bent = good.clone();
    bent[at] ^= 1;
    std::fs::write(bed.image("card"), bent)?;
    assert_eq!(bed.run("verify card")?.status, Some(1));
    let run = bed.run("scrub card")?;
    assert_eq!((run.status, std::fs::read(bed.image("card"))? == good), (Some(0), true), "{run:?}");
    Ok(())
}

#[test]
fn an_eeprom_and_its_backup_are_settled_by_either_side_and_reset() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    let differs = || {
        bed.run("verify board --json")
            .map(|run| run.output.contains("\"copy\": \"backup\",\n        \"ours\""))
    };
    let serial = || bed.run("read board VINI.SN --hardware").map(|run| run.output);
    let run = bed.run("backup board")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(!differs()?);
    for (side, expected) in [("backup", SERIAL), ("primary", "YVIV00000888")] {
        bed.run("write board VINI.SN YVIV00000888 --hardware")?;
        assert!(differs()?, "{side}");
        let run = bed.run(&format!("fix-system-vpd --from {side} --yes"))?;
        assert_eq!(run.status, Some(0), "{run:?}");
        assert_eq!((serial()?.trim_end(), differs()?), (expected, false), "{side}: {run:?}");
    }
    // One keyword by the EEPROM's own value: what the menu does.
    bed.run("write board VINI.SN YVIV00000777 --hardware")?;
    let run = bed.run("write board VINI.SN YVIV00000777")?;
    assert_eq!((run.status, differs()?), (Some(0), false), "{run:?}");
    bed.run("write board VINI.SN YVIV00000666 --hardware")?;
    let run = bed.run("restore board")?;
    assert_eq!((run.status, serial()?.trim_end()), (Some(0), "YVIV00000777"), "{run:?}");
    let run = bed.run("clean --yes")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(bed.run("read board VINI.CE VINI.SN")?.output, "VINI.CE  \nVINI.SN YVIV00000777\n");
    Ok(())
}

#[test]
fn a_person_at_a_terminal_settles_keyword_by_keyword() -> anyhow::Result<()> {
    let Some((bed, stand_in)) = bed()? else { return Ok(()) };
    for (answers, calls) in [
        ("0\n", &[][..]),
        ("9\n1\n", &["Restore file:board"]),
        ("2\n", &["Backup file:board"]),
        ("3\n4\n", &["Write file:board VINI.SN=YVIV00000777"]),
        ("3\n5\n", &["Write file:board VINI.SN=YVIV00000101"]),
        ("3\n6\nYVIV00000555\n", &["Write file:board VINI.SN=YVIV00000555"]),
        ("3\n7\n", &[]),
    ] {
        let Some(shown) = bed.at_terminal("fix-system-vpd", answers)? else { return Ok(()) };
        assert!(shown.contains("YVIV00000777"), "{answers:?}: {shown}");
        assert_eq!(stand_in.calls(), calls, "{answers:?}: {shown}");
    }
    Ok(())
}
