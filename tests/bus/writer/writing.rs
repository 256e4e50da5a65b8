//! Keywords are written, and what follows.

use super::administration::{call, chip, inventory, own, value};
use super::bed::{Client, error_of, locked};
use super::{INVALID_ARGUMENT, NOT_ALLOWED, NOT_FOUND, UNAVAILABLE};
use crate::collection::bed::{Bed, object};
use house_tests::fixture;
use std::collections::BTreeMap;
use zbus::{Message, ObjectPath, OwnedVariant, Variant};

fn collected() -> anyhow::Result<Option<Bed>> {
    let Some(mut bed) = Bed::new(&[("card", "")])? else { return Ok(None) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    bed.collect()?;
    Ok(Some(bed))
}

#[test]
fn what_was_written_is_in_chip_and_inventory_when_the_call_returns() -> anyhow::Result<()> {
    let Some(bed) = collected()? else { return Ok(()) };
    let _writer = bed.machine.start("vpd-writer")?;
    let path = object("card");
    let reply =
        call(&bed, "WriteKeyword", &(ObjectPath::try_from(&*path)?, "VINI", "SN", b"YVIV00000999".to_vec()))?;
    assert_eq!(reply.body().signature().to_string(), "i");
    assert_eq!(reply.body().deserialize::<i32>()?, 12);
    assert_eq!(chip(&bed, "card", "SN")?, "YVIV00000999");
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some("YVIV00000999"));
    let full = format!("/xyz/openbmc_project/inventory{path}");
    call(&bed, "UpdateKeyword", &(&*full, value("PN", b"99VV999")))?;
    assert_eq!(inventory(&bed, "card", "PN")?.as_deref(), Some("99VV999"));
    assert!(!std::fs::exists(bed.machine.folder().join("vpd-writer.state/journals/file:card.journal"))?);
    Ok(())
}

#[test]
fn what_was_written_is_shown_though_the_collection_ends_meanwhile() -> anyhow::Result<()> {
    let Some(mut bed) = collected()? else { return Ok(()) };
    let _writer = bed.machine.start("vpd-writer")?;
    let connection = bed.machine.run(async |connection| Ok(connection))?;
    let mut client = Client::new(connection);
    let held = locked(&bed.image("card"))?;
    let write = ("file:card", value("SN", b"YVIV00000999"));
    let call = bed.machine.run(async |_| client.begin("UpdateKeyword", &write).await)?;
    // It was taken, as calls are in their order.
    bed.machine.run(async |connection| {
        let hardware = ("GetHardwarePath", ObjectPath::try_from(object("card"))?);
        Client::new(connection).call(hardware.0, &hardware.1).await.map(drop)
    })?;
    bed.stop()?;
    drop(held);
    bed.collect()?;
    bed.machine.run(async |_| client.reply(call).await.map(drop))?;
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some("YVIV00000999"));
    Ok(())
}

/// As it is when the service is killed right after its journal has gone: the chip has it, the inventory does not.
#[test]
fn what_a_killed_service_has_written_and_not_shown_is_shown_when_it_starts_again() -> anyhow::Result<()> {
    let Some(bed) = collected()? else { return Ok(()) };
    let mut service = bed.machine.start("vpd-writer")?;
    let write = value("SN", b"YVIV00000888");
    call(&bed, "WriteKeywordOnHardware", &(bed.image("card").display().to_string(), write))?;
    service.stop()?;
    let this_boot = bed.machine.root().join("run/vivianite/vpd-writer");
    std::fs::write(this_boot.join("file:card.unshown"), "")?;
    let _service = bed.machine.start("vpd-writer")?;
    let asked = std::time::Instant::now();
    while inventory(&bed, "card", "SN")?.as_deref() != Some("YVIV00000888") {
        anyhow::ensure!(asked.elapsed() < test_bus::LIMIT, "it is not shown");
    }
    while this_boot.read_dir()?.count() > 0 {
        anyhow::ensure!(asked.elapsed() < test_bus::LIMIT, "it is shown for ever");
    }
    Ok(())
}

#[test]
fn a_write_to_the_hardware_is_in_the_chip_alone_until_it_is_read_again() -> anyhow::Result<()> {
    let Some(bed) = collected()? else { return Ok(()) };
    let _writer = bed.machine.start("vpd-writer")?;
    let path = bed.image("card").display().to_string();
    call(&bed, "WriteKeywordOnHardware", &(&*path, value("SN", b"YVIV00000888")))?;
    assert_eq!(chip(&bed, "card", "SN")?, "YVIV00000888");
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some("YVIV00000101"));
    Ok(())
}

#[test]
fn a_batch_is_written_as_a_whole_or_not_at_all_and_a_dry_run_writes_nothing() -> anyhow::Result<()> {
    let Some(bed) = collected()? else { return Ok(()) };
    let _writer = bed.machine.start("vpd-writer")?;
    type Row<'a> = (&'a str, &'a str, &'a [u8], &'a [u8], &'a [u8]);
    let write = |rows: &[Row<'_>], is_dry: bool| {
        let options = BTreeMap::from([("dry-run", Variant::from(is_dry))]);
        own(&bed, "Write", &(object("card"), rows, options))
    };
    let answer = |reply: Message| -> anyhow::Result<BTreeMap<String, OwnedVariant>> {
        Ok(reply.body().deserialize()?)
    };
    let (sn, cc): (Row<'_>, Row<'_>) =
        (("VINI", "SN", b"YVIV7", b" ", b"YVIV00000101"), ("VINI", "CC", b"7V12", b"", b""));
    let before = std::fs::read(bed.image("card"))?;
    assert_eq!(*answer(write(&[sn, cc], true)?)?["bytes"], Variant::from(16_u32));
    let other: Row<'_> = ("VINI", "CC", b"7V12", b"", b"7V99");
    assert_eq!(error_of(write(&[sn, other], false))?, "com.ibm.VPD.Error.Mismatch");
    assert_eq!(std::fs::read(bed.image("card"))?, before);
    assert_eq!(*answer(write(&[sn, cc], false)?)?["shown"], Variant::from(true));
    assert_eq!((&*chip(&bed, "card", "SN")?, &*chip(&bed, "card", "CC")?), ("YVIV7       ", "7V12"));
    // Nothing to change is success.
    let same: Row<'_> = ("VINI", "CC", b"7V12", b"", b"");
    assert_eq!(*answer(write(&[same], false)?)?["changed"], Variant::from(0_u32));
    Ok(())
}

#[test]
fn what_is_not_written_is_refused_by_the_name_of_what_is_wrong() -> anyhow::Result<()> {
    let Some(bed) = collected()? else { return Ok(()) };
    let _writer = bed.machine.start("vpd-writer")?;
    let before = std::fs::read(bed.image("card"))?;
    for (path, record, keyword, bytes, error) in [
        ("", "VINI", "SN", &b"YVIV00000999"[..], INVALID_ARGUMENT),
        ("file:card", "VINI", "SN", b"", INVALID_ARGUMENT),
        ("file:card", "VINI", "SN", b"short", INVALID_ARGUMENT),
        ("file:card", "VINI", "SN", b"longer than it is", INVALID_ARGUMENT),
        ("file:card", "VIN", "SN", b"YVIV00000999", INVALID_ARGUMENT),
        ("/system/unknown", "VINI", "SN", b"YVIV00000999", NOT_FOUND),
        ("file:card", "VCEN", "SE", b"x", "com.ibm.VPD.Error.RecordNotFound"),
        ("file:card", "VINI", "ZZ", b"x", "com.ibm.VPD.Error.KeywordNotFound"),
        ("file:card", "VTOC", "PT", b"x", NOT_ALLOWED),
        ("file:card", "VINI", "RT", b"VINX", NOT_ALLOWED),
    ] {
        let named = Variant::from((record, keyword, bytes.to_vec()));
        let found = error_of(call(&bed, "UpdateKeyword", &(path, named)))?;
        assert_eq!(found, error, "{path} {record} {keyword} {bytes:?}");
    }
    assert_eq!(std::fs::read(bed.image("card"))?, before);
    Ok(())
}

#[test]
fn a_write_waits_for_the_first_reading_and_not_for_ever() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    bed.machine.configure("vpd-writer", "wait-limit-ms = 200\n")?;
    let writer = bed.machine.start("vpd-writer")?;
    let write = ("file:card", value("SN", b"YVIV00000999"));
    assert_eq!(error_of(call(&bed, "UpdateKeyword", &write))?, UNAVAILABLE);
    assert_eq!(chip(&bed, "card", "SN")?, "YVIV00000101");
    drop(writer);
    bed.machine.configure("vpd-writer", "")?;
    let _writer = bed.machine.start("vpd-writer")?;
    // Before the collection is there; answered once it has read the card.
    let connection = bed.machine.run(async |connection| Ok(connection))?;
    let mut client = Client::new(connection);
    let waiting = bed.machine.run(async |_| client.begin("UpdateKeyword", &write).await)?;
    bed.collect()?;
    bed.machine.run(async |_| client.reply(waiting).await.map(drop))?;
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some("YVIV00000999"));
    Ok(())
}

#[test]
fn writes_are_told_without_their_values_also_after_a_restart() -> anyhow::Result<()> {
    let Some(bed) = collected()? else { return Ok(()) };
    let mut writer = bed.machine.start("vpd-writer")?;
    call(&bed, "UpdateKeyword", &("file:card", value("SN", b"YVIV00000999")))?;
    error_of(call(&bed, "UpdateKeyword", &("file:card", value("ZZ", b"x"))))?;
    writer.stop()?;
    let _writer = bed.machine.start("vpd-writer")?;
    type Past = (i64, String, String, String, Vec<(String, u64, String)>, u64, String);
    let past: Vec<Past> = own(&bed, "History", &())?.body().deserialize()?;
    let told: Vec<_> = past
        .iter()
        .map(|(_, _, fru, action, keywords, _, outcome)| {
            format!("{fru} {action} {} {outcome}", keywords[0].0)
        })
        .collect();
    let expected =
        ["file:card write VINI.SN done", "file:card write VINI.ZZ com.ibm.VPD.Error.KeywordNotFound"];
    assert_eq!(told, expected);
    let user = if rustix::process::getuid().is_root() { "user=0 " } else { "user=" };
    assert!(past[0].1.starts_with(user), "{}", past[0].1);
    let kept = std::fs::read_to_string(bed.machine.folder().join("vpd-writer.state/history-0"))?;
    assert!(!kept.contains("YVIV00000999"), "{kept}");
    assert!(own(&bed, "Pending", &())?.body().deserialize::<Vec<(String, String)>>()?.is_empty());
    Ok(())
}

#[test]
fn writes_to_one_eeprom_are_done_in_their_order_and_share_what_follows() -> anyhow::Result<()> {
    let Some(bed) = collected()? else { return Ok(()) };
    let _writer = bed.machine.start("vpd-writer")?;
    bed.process_1.started();
    bed.machine.run(async |connection| {
        let mut client = Client::new(connection);
        let mut calls = Vec::new();
        for number in 0..20 {
            let serial = format!("YVIV000003{number:02}");
            let body = ("file:card", value("SN", serial.as_bytes()));
            calls.push(client.begin("UpdateKeyword", &body).await?);
        }
        for call in calls {
            client.reply(call).await?;
        }
        Ok(())
    })?;
    assert_eq!(chip(&bed, "card", "SN")?, "YVIV00000319");
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some("YVIV00000319"));
    let runs = bed.process_1.started().len();
    assert!((1..=2).contains(&runs), "{runs} runs of the parser for 20 writes");
    Ok(())
}
