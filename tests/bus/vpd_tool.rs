//! The tool for vital product data, with the real services, and with a stand-in for what they are not asked in earnest.

mod bed;
mod copies;
mod mending;
mod stand_in;
mod upstream;
#[path = "../../crates/vpd-tool/tests/tool/validator.rs"]
mod validator;

use bed::Bed;
use serde_json::Value;

const SERIAL: &str = "YVIV00000101";

#[test]
fn a_part_is_read_from_the_inventory_or_its_chip_by_every_way_to_name_it() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    for name in [
        "/xyz/openbmc_project/inventory/system/chassis/card",
        "/system/chassis/card",
        "file:card",
        "chassis/card",
        "is/card",
        "Ufcs-P0-C1",
        "U78DA.ND0.WZS003T-P0-C1",
        "@card",
    ] {
        for source in ["", "--hardware"] {
            let run = bed.run(&format!("read {name} VINI.SN {source}"))?;
            assert_eq!((run.status, run.output.trim_end()), (Some(0), SERIAL), "{name} {source}: {run:?}");
        }
    }
    let run = bed.run("read card VINI.HW VINI.SN")?;
    assert_eq!(run.output, format!("VINI.HW 0x0002\nVINI.SN {SERIAL}\n"));
    for source in ["", "--hardware"] {
        let run = bed.run(&format!("show card {source}"))?;
        for text in ["/system/chassis/card", "file:card", "Ufcs-P0-C1", "\"FAN CARD\"", "0x40150000"] {
            assert!(run.output.contains(text), "{text}: {run:?}");
        }
    }
    let run = bed.run("read flat SN --hardware")?;
    assert_eq!(run.output, "YVIV00000201\n", "{run:?}");
    for (line, status, said) in [
        ("read cards VINI.SN", 67, "no object, EEPROM or location code"),
        ("read d VINI.SN", 68, "/system/chassis/board\n  /system/chassis/card"),
        ("read card VINI.ZZ", 67, "ZZ"),
        ("read card VINI.ZZ --hardware", 67, "KeywordNotFound"),
        ("read card VCEN.SE --hardware", 67, "RecordNotFound"),
        ("read card VTOC.PT --hardware", 77, "NotAllowed"),
        ("read flat VINI.ZZ", 67, "ZZ"),
        ("read card VINI.SN --offset 5", 64, "--offset"),
        ("read card VINI", 64, "VINI"),
    ] {
        let run = bed.run(line)?;
        assert_eq!((run.status, &*run.output), (Some(status), ""), "{line}: {run:?}");
        assert!(run.log.contains(said), "{line}: {run:?}");
    }
    Ok(())
}

#[test]
fn a_write_is_in_chip_and_inventory_and_its_refusals_have_statuses_of_their_own() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    let before = std::fs::read(bed.image("card"))?;
    for (line, status) in [
        ("write card VINI.SN YVIV00000102 --expect YVIV00000199", 76),
        ("write card VINI.SN YVIV1", 64),
        ("write card VINI.SN YVIV000001020", 64),
        ("write card VINI.SN 0x1", 64),
        ("write card VINI.RT VINX", 77),
        ("write card VINI.ZZ x", 67),
        ("write cards VINI.SN x", 67),
        ("write d VINI.SN x", 68),
        ("write absent VINI.SN YVIV00000102", 71),
        ("write card VINI.SN YVIV00000102 --dry-run", 0),
    ] {
        let run = bed.run(line)?;
        assert_eq!(run.status, Some(status), "{line}: {run:?}");
        assert_eq!(std::fs::read(bed.image("card"))?, before, "{line}");
    }
    let run = bed.run("write card VINI.SN YVIV00000102 --expect YVIV00000101")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.output.starts_with("file:card: "), "{run:?}");
    let run = bed.run("write Ufcs-P0-C1 VINI.CE 0x32")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    let run = bed.run("write file:card VINI.PN XYZ --pad 0x20")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    for source in ["", "--hardware"] {
        let run = bed.run(&format!("read card VINI.SN VINI.CE VINI.PN {source}"))?;
        assert_eq!(run.output, "VINI.SN YVIV00000102\nVINI.CE 2\nVINI.PN XYZ    \n", "{run:?}");
    }
    let run = bed.run("write card VINI.SN YVIV00000102")?;
    assert_eq!(run.output, "file:card: nothing had to be written\n");
    let run = bed.run("write card VINI.SN YVIV00000103 --hardware")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(bed.run("read card VINI.SN")?.output, "YVIV00000102\n");
    let run = bed.run("diff card")?;
    assert_eq!(run.status, Some(1), "{run:?}");
    assert!(run.output.contains("\"YVIV00000103\"  inventory  \"YVIV00000102\""), "{run:?}");
    let run = bed.run("recollect card --only-reread")?;
    assert_eq!((run.status, &*run.output), (Some(0), "file:card ok\n"), "{run:?}");
    assert_eq!(bed.run("read card VINI.SN")?.output, "YVIV00000103\n");
    Ok(())
}

#[test]
fn a_batch_is_all_or_nothing_for_each_part_and_says_how_far_it_came() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    let before = std::fs::read(bed.image("card"))?;
    std::fs::write(bed.image("one.txt"), "VINI.SN = YVIV00000104\nVINI.PN = too long for it\n")?;
    let run = bed.run("write card --batch @one.txt")?;
    assert_eq!((run.status, std::fs::read(bed.image("card"))? == before), (Some(64), true), "{run:?}");
    std::fs::write(
        bed.image("two.toml"),
        "[\"/system/chassis/board\".VINI]\nSN = { value = \"YVIV7\", pad = \" \", expect = \"YVIV00000101\" }\nPN = \"99VV777\"\n\
         [\"file:card\".VINI]\nSN = { value = \"YVIV00000105\", expect = \"YVIV00000199\" }\n",
    )?;
    let run = bed.run("write --batch @two.toml")?;
    assert_eq!(run.status, Some(76), "{run:?}");
    assert!(run.output.starts_with("file:board: "), "{run:?}");
    assert!(run.log.contains("written before: 1 of 2"), "{run:?}");
    assert_eq!(std::fs::read(bed.image("card"))?, before);
    assert_eq!(bed.run("read board VINI.SN VINI.PN")?.output, "VINI.SN YVIV7       \nVINI.PN 99VV777\n");
    // A name that is wrong is told before anything is written.
    std::fs::write(bed.image("three.txt"), "[card]\nVINI.SN = YVIV00000106\n[cards]\nVINI.SN = x\n")?;
    let run = bed.run("write --batch @three.txt")?;
    assert_eq!((run.status, std::fs::read(bed.image("card"))? == before), (Some(67), true), "{run:?}");
    std::fs::write(
        bed.image("four.txt"),
        "[card]\nVINI.SN = YVIV00000106\n[file:card]\nVINI.PN = 99VV777\n",
    )?;
    let run = bed.run("write --batch @four.txt")?;
    assert_eq!((run.status, std::fs::read(bed.image("card"))? == before), (Some(64), true), "{run:?}");
    Ok(())
}

#[test]
fn copies_are_compared_also_with_an_image_in_hand() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    let run = bed.run("verify card")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    // One that is absent is passed over where all are verified.
    assert_eq!(bed.run("verify absent")?.status, Some(3));
    assert_eq!(bed.run("verify")?.status, Some(0));
    let mut golden = std::fs::read(bed.image("card"))?;
    std::fs::write(bed.image("golden.bin"), &golden)?;
    assert_eq!(bed.run("diff card --golden @golden.bin")?.status, Some(0));
    std::fs::write(bed.image("golden.bin"), house_tests::fixture("system-planar"))?;
    let run = bed.run("diff card --golden @golden.bin")?;
    assert_eq!(run.status, Some(1), "{run:?}");
    assert!(run.output.contains("VSYS.TM") && run.output.contains("golden"), "{run:?}");
    // More than its code can correct, in the only record.
    let at = golden.windows(12).position(|window| window == SERIAL.as_bytes()).unwrap_or_default();
    golden[at..at + 12].fill(0xff);
    std::fs::write(bed.image("card"), golden)?;
    let run = bed.run("verify card")?;
    assert_eq!(run.status, Some(2), "{run:?}");
    let run = bed.run("read card VINI.SN --hardware")?;
    assert_eq!(run.status, Some(2), "{run:?}");
    assert!(run.log.contains("EccCheckFailed"), "{run:?}");
    Ok(())
}

#[test]
fn what_the_system_does_not_have_is_read_and_never_written() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    let image = [vec![0xff; 256], house_tests::fixture("card")].concat();
    std::fs::write(bed.image("spare.bin"), &image)?;
    let run = bed.run("read @spare.bin VINI.SN --offset 0x100")?;
    assert_eq!((run.status, run.output.trim_end()), (Some(0), SERIAL), "{run:?}");
    let run = bed.run("show @spare.bin --hardware --offset 256")?;
    assert!(run.status == Some(0) && run.output.contains(SERIAL), "{run:?}");
    assert_eq!(bed.run("read @spare.bin VINI.SN")?.status, Some(3));
    for line in ["write @spare.bin VINI.SN YVIV00000102", "scrub @spare.bin", "repair @spare.bin"] {
        let run = bed.run(line)?;
        assert_eq!(run.status, Some(77), "{line}: {run:?}");
        assert!(run.log.contains("no EEPROM of this system"), "{line}: {run:?}");
    }
    assert_eq!(std::fs::read(bed.image("spare.bin"))?, image);
    Ok(())
}

#[test]
fn parts_and_places_lead_to_each_other() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    for what in ["Ufcs-P0-C1", "U78DA.ND0.WZS003T-P0-C1", "card"] {
        let run = bed.run(&format!("locate {what}"))?;
        for text in ["/system/chassis/card", "file:card", "Ufcs-P0-C1", "U78DA.ND0.WZS003T-P0-C1"] {
            assert!(run.status == Some(0) && run.output.contains(text), "{what}: {run:?}");
        }
    }
    assert_eq!(bed.run("locate Ufcs-P9")?.status, Some(67));
    Ok(())
}

#[test]
fn json_is_as_its_schema_says_and_tells_what_happened() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    bed.run("write card VINI.SN YVIV00000107")?;
    bed.run("write card VINI.RT VINX")?;
    let schema = include_str!("../../crates/vpd-tool/schema/machine.schema.json");
    let schema: Value = serde_json::from_str(schema)?;
    let mut said = std::collections::BTreeMap::new();
    for (line, name) in [
        ("list --json", "list"),
        ("show card --json", "show"),
        ("show flat --hardware --json", "show"),
        ("read card VINI.SN VINI.HW --json", "read"),
        ("write card VINI.SN YVIV00000108 --json --dry-run", "write"),
        ("verify --json", "verify"),
        ("diff card --json", "diff"),
        ("locate card --json", "locate"),
        ("history --json", "history"),
        ("report --json", "report"),
        ("recollect card --json", "recollect"),
    ] {
        let run = bed.run(line)?;
        let value: Value =
            serde_json::from_str(&run.output).map_err(|error| anyhow::anyhow!("{line}: {error}: {run:?}"))?;
        let definition = schema.pointer(&format!("/$defs/{name}")).unwrap_or(&Value::Null);
        assert_eq!(validator::fault(definition, &schema, &value), None, "{line}: {}", run.output);
        said.insert(name, value);
    }
    let history = &said["history"][0];
    assert_eq!((&history["key"], &history["keywords"][0]["name"]), (&"file:card".into(), &"VINI.SN".into()));
    assert_eq!((&history["action"], &history["outcome"]), (&"write".into(), &"done".into()));
    assert_eq!(said["report"]["history"], said["history"]);
    assert_eq!(said["report"]["problems"], Value::Array(Vec::new()));
    let card = said["list"].as_array().and_then(|all| all.iter().find(|entry| entry["key"] == "file:card"));
    assert_eq!(card.map(|card| &card["serial-number"]), Some(&"YVIV00000107".into()));
    Ok(())
}

#[test]
fn without_services_what_is_missing_is_said_and_a_report_names_it() -> anyhow::Result<()> {
    let Some(bed) = Bed::without_writer()? else { return Ok(()) };
    for line in ["verify card", "write card VINI.SN YVIV00000102", "read card VINI.SN --hardware", "history"]
    {
        let run = bed.run(line)?;
        assert_eq!(run.status, Some(69), "{line}: {run:?}");
        assert!(run.log.contains("com.ibm.VPD.Manager is not on the bus"), "{line}: {run:?}");
    }
    assert_eq!(bed.run("read card VINI.SN")?.status, Some(0));
    let run = bed.run("report --output @report.txt")?;
    assert_eq!((run.status, &*run.output), (Some(0), ""), "{run:?}");
    let text = std::fs::read_to_string(bed.image("report.txt"))?;
    assert!(
        text.contains("problem   history: com.ibm.VPD.Manager") && text.contains("== collection =="),
        "{text}"
    );
    // An expanded code is the inventory's to know.
    for line in ["list", "read U78DA.ND0.WZS003T-P0-C1 VINI.SN", "read card VINI.SN"] {
        let run = test_bus::run(bed.tool(line)?.env(test_bus::ADDRESS_VARIABLE, "unix:path=/nonexistent"))?;
        assert_eq!(run.status, Some(69), "{line}: {run:?}");
    }
    Ok(())
}
