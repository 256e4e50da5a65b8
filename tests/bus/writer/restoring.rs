//! `vpd-writer --restore`, as it runs before the parsers: a planar that was never programmed gets what identifies the machine.

use super::administration::{image, keep};
use crate::collection::bed::{Bed, object};
use dbus_api::inventory::manager;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::records::interface_of;
use house_tests::fixture;

const BACKUP: &str = "[[backup]]\nsource = \"file:planar\"\n\
                      [[backup.keywords]]\nrecord = \"VSYS\"\nkeyword = \"SE\"\ndefault = [32, 32, 32, 32, 32, 32, 32]\n\
                      [[backup.keywords]]\nrecord = \"VSYS\"\nkeyword = \"TM\"\ndefault = [32, 32, 32, 32, 32, 32, 32, 32]\n\
                      [[backup.keywords]]\nrecord = \"VCEN\"\nkeyword = \"SE\"\ndefault = [32, 32, 32, 32, 32, 32, 32]\n";
/// What identifies the machine, and what stands there before anything was programmed.
const IDENTITY: [(&str, &str); 3] = [
    ("SE = \"7VIV001\"", "SE = \"       \""),
    ("TM = \"9999-VV1\"", "TM = \"        \""),
    ("SE = \"VIV000T\"", "SE = \"       \""),
];

fn bed() -> anyhow::Result<Option<Bed>> {
    let Some(mut bed) = Bed::new(&[("planar", "")])? else { return Ok(None) };
    keep(&bed, BACKUP)?;
    bed.machine.start_inventory()?;
    Ok(Some(bed))
}

fn restore(bed: &Bed) -> anyhow::Result<test_bus::Finished> {
    let run = test_bus::run(bed.machine.command("vpd-writer")?.arg("--restore"))?;
    anyhow::ensure!(run.status == Some(0), "{run:?}");
    Ok(run)
}

/// What the inventory shows of the machine's identity.
fn identity(bed: &Bed) -> anyhow::Result<Vec<String>> {
    let shown = [("VSYS", "SE"), ("VSYS", "TM"), ("VCEN", "SE")].map(|(record, keyword)| {
        bed.machine.property(&object("planar"), &interface_of(record), keyword).map(Option::unwrap_or_default)
    });
    shown.into_iter().collect()
}

#[test]
fn a_planar_that_was_never_programmed_gets_the_machines_identity_before_it_is_read() -> anyhow::Result<()> {
    let Some(mut bed) = bed()? else { return Ok(()) };
    let planar = fixture("system-planar");
    std::fs::write(bed.image("planar"), &planar)?;
    restore(&bed)?;
    assert_eq!(
        std::fs::read(bed.image("planar"))?,
        planar,
        "of a planar that is programmed nothing is written"
    );
    std::fs::write(bed.image("planar"), image("system-planar", &IDENTITY)?)?;
    let run = restore(&bed)?;
    assert!(run.log.contains("EEPROM and backup differed, and say the same now"), "{run:?}");
    assert_eq!(std::fs::read(bed.image("planar"))?, planar);
    bed.collect()?;
    assert_eq!(identity(&bed)?, ["7VIV001", "9999-VV1", "VIV000T"]);
    // Another machine's planar is no blank one: both stay as they are.
    let other = image("system-planar", &[("7VIV001", "7VIV999")])?;
    std::fs::write(bed.image("planar"), &other)?;
    let run = restore(&bed)?;
    assert!(run.log.contains("VSYS.SE is set differently in EEPROM and backup"), "{run:?}");
    assert_eq!(std::fs::read(bed.image("planar"))?, other);
    std::fs::write(bed.image("planar"), image("system-planar", &IDENTITY)?)?;
    restore(&bed)?;
    assert_eq!(std::fs::read(bed.image("planar"))?, planar);
    Ok(())
}

#[test]
fn the_first_start_adopts_what_the_inventory_has_kept_and_later_ones_do_not() -> anyhow::Result<()> {
    let Some(mut bed) = bed()? else { return Ok(()) };
    let show = |serial: &str| {
        let path = object("planar");
        let mut kept = Object { path: path.as_str().into(), interfaces: Vec::new() };
        for (record, keyword, value) in
            [("VSYS", "SE", serial), ("VSYS", "TM", "9999-VV1"), ("VCEN", "SE", "short")]
        {
            kept.interface(interface_of(record)).set(keyword, Value::Bytes(value.as_bytes().into()));
        }
        let kept = Notification { objects: vec![kept] };
        bed.machine.run(async |connection| Ok(manager::notify(&connection, &kept).await?))
    };
    show("7VIV777")?;
    std::fs::write(bed.image("planar"), image("system-planar", &IDENTITY)?)?;
    let run = restore(&bed)?;
    assert!(run.log.contains("took over what the inventory has kept keywords=2"), "{run:?}");
    show("7VIV888")?;
    std::fs::write(bed.image("planar"), image("system-planar", &IDENTITY)?)?;
    restore(&bed)?;
    bed.collect()?;
    // Of another length than the keyword's is what no planar can have said.
    assert_eq!(identity(&bed)?, ["7VIV777", "9999-VV1", "       "]);
    Ok(())
}

#[test]
fn without_an_inventory_nothing_is_adopted_and_a_chip_that_is_away_stops_no_boot() -> anyhow::Result<()> {
    let Some(bed) = Bed::new(&[("planar", "")])? else { return Ok(()) };
    keep(&bed, BACKUP)?;
    let run = restore(&bed)?;
    assert!(run.log.contains("EEPROM and backup were not compared"), "{run:?}");
    let blank = image("system-planar", &IDENTITY)?;
    std::fs::write(bed.image("planar"), &blank)?;
    restore(&bed)?;
    assert_eq!(std::fs::read(bed.image("planar"))?, blank);
    Ok(())
}
