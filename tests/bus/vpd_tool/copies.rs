//! An EEPROM with a redundant one that says something else, and one of which an earlier write is not settled.

use super::SERIAL;
use super::bed::{Bed, REDUNDANT};
use crate::writer::administration::image;
use crate::writer::recovering::{NEW, OLD, await_settled, collected, cut};
use serde_json::Value;

/// What the redundant EEPROM says.
const OTHER: &str = "YVIV00000555";

/// The row of a table that has all of these words, as words.
fn row<'a>(text: &'a str, words: &[&str]) -> Vec<&'a str> {
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.into_iter().find(|row| words.iter().all(|word| row.contains(word))).unwrap_or_default()
}

#[test]
fn a_redundant_eeprom_that_says_something_else_is_named_with_what_it_says() -> anyhow::Result<()> {
    let other = image("card", &[(SERIAL, OTHER)])?;
    let Some(bed) = Bed::with_redundant(&other)? else { return Ok(()) };
    for line in ["verify card", "diff card", &format!("verify {REDUNDANT}")] {
        let run = bed.run(line)?;
        assert_eq!(run.status, Some(1), "{line}: {run:?}");
        let (serial, says) = (format!("\"{SERIAL}\""), format!("\"{OTHER}\""));
        for expected in [
            &["file:card", "primary", "ok"][..],
            &["file:card", "redundant", "ok", "1"],
            &["file:card", "inventory", "ok", "0"],
            &["file:card", "VINI.SN", &serial, "redundant", &says],
        ] {
            assert_eq!(row(&run.output, expected), expected, "{line}: {run:?}");
        }
    }
    let run = bed.run("diff card --json")?;
    let said: Value = serde_json::from_str(&run.output)?;
    assert_eq!(said["differences"].as_array().map(Vec::len), Some(1), "{run:?}");
    assert_eq!(said["differences"][0]["copy"], "redundant", "{run:?}");
    // Each chip by its own name; without one, the inventory, which shows the one that counts.
    for (line, serial) in [
        (format!("read {REDUNDANT} VINI.SN"), OTHER),
        ("read file:card VINI.SN --hardware".to_owned(), SERIAL),
        ("read card VINI.SN".to_owned(), SERIAL),
    ] {
        assert_eq!(bed.run(&line)?.output.trim_end(), serial, "{line}");
    }
    let run = bed.run(&format!("show {REDUNDANT}"))?;
    assert!(run.status == Some(0) && run.output.contains(OTHER) && !run.output.contains(SERIAL), "{run:?}");
    // What is written is in both; of the rest, the redundant one is what it was until it is scrubbed.
    let run = bed.run("write card VINI.PN 99VV777")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    for name in ["file:card", REDUNDANT] {
        assert_eq!(bed.run(&format!("read {name} VINI.PN --hardware"))?.output, "99VV777\n", "{name}");
    }
    assert_eq!(bed.run("verify card")?.status, Some(1));
    assert_eq!(bed.run("scrub card")?.status, Some(0));
    let run = bed.run("verify card")?;
    assert_eq!((run.status, row(&run.output, &["redundant"])[3]), (Some(0), "0"), "{run:?}");
    assert_eq!(std::fs::read(bed.redundant()?)?, std::fs::read(bed.image("card"))?);
    Ok(())
}

#[test]
fn without_its_redundant_eeprom_nothing_is_written_unless_that_is_wished() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_redundant(&house_tests::fixture("card"))? else { return Ok(()) };
    let before = std::fs::read(bed.image("card"))?;
    let chip = bed.redundant()?;
    std::fs::rename(&chip, bed.image("away"))?;
    let run = bed.run("verify card")?;
    assert_eq!((run.status, row(&run.output, &["redundant"])[2]), (Some(2), "absent"), "{run:?}");
    let run = bed.run("write card VINI.SN YVIV00000102")?;
    assert_eq!((run.status, std::fs::read(bed.image("card"))? == before), (Some(71), true), "{run:?}");
    assert!(run.log.contains(REDUNDANT), "{run:?}");
    let run = bed.run("write card VINI.SN YVIV00000102 --copies go-on")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(bed.run("read card VINI.SN")?.output, "YVIV00000102\n");
    std::fs::rename(bed.image("away"), &chip)?;
    let run = bed.run("verify card")?;
    assert_eq!((run.status, row(&run.output, &["redundant"])[3]), (Some(1), "1"), "{run:?}");
    Ok(())
}

#[test]
fn while_an_earlier_write_is_not_settled_none_is_made_and_it_is_said_why() -> anyhow::Result<()> {
    let Some(machine) = collected()? else { return Ok(()) };
    cut(&machine, machine.machine.start("vpd-writer")?)?;
    let (path, away) = (machine.image("card"), machine.image("away"));
    std::fs::rename(&path, &away)?;
    let torn = std::fs::read(&away)?;
    let writer = machine.machine.start("vpd-writer")?;
    let bed = Bed::of(machine, writer);
    let why = "an earlier write of file:card is not settled: file:card is absent";
    for line in ["write card VINI.SN YVIV00000777", "write card VINI.SN YVIV00000777 --dry-run"] {
        let run = bed.run(line)?;
        assert_eq!((run.status, &*run.output), (Some(75), ""), "{line}: {run:?}");
        for text in
            [why, "file:card was not written: an earlier write of file:card is pending", "Unavailable"]
        {
            assert!(run.log.contains(text), "{line}: {run:?}");
        }
    }
    for line in ["scrub card", "repair card"] {
        let run = bed.run(line)?;
        assert!(run.status != Some(0) && run.log.contains(why), "{line}: {run:?}");
    }
    // What the inventory shows is of before, as the write was never answered.
    let run = bed.run("show card")?;
    assert!(run.status == Some(0) && run.output.contains(OLD) && run.log.contains(why), "{run:?}");
    let run = bed.run("show card --hardware")?;
    assert!(run.status == Some(71) && run.log.contains(why), "{run:?}");
    let run = bed.run("report")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    let unsettled = "== writes that are not settled: 1 ==\nfile:card: file:card is absent\n";
    assert!(run.output.contains(unsettled), "{run:?}");
    let said: Value = serde_json::from_str(&bed.run("report --json")?.output)?;
    let pending = serde_json::json!([{ "key": "file:card", "reason": "file:card is absent" }]);
    assert_eq!(said["pending"], pending);
    assert!(std::fs::read(&away)? == torn, "nothing was written");
    std::fs::rename(&away, &path)?;
    assert_eq!(bed.run("recollect card")?.status, Some(0));
    await_settled(&bed.bed)?;
    let run = bed.run("show card --hardware")?;
    assert!(run.status == Some(0) && run.output.contains(NEW) && run.log.is_empty(), "{run:?}");
    let run = bed.run("write card VINI.SN YVIV00000777")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(bed.run("report")?.output.contains("== writes that are not settled: 0 ==\n\n"));
    Ok(())
}
