//! `vpd-writer` as its clients see it: look-ups, reads, order, limits, what it refuses and by which name, and its policy.

pub mod administration;
mod bed;
mod collecting;
mod mending;
mod policy;
pub mod recovering;
mod restoring;
mod writing;

use bed::{BOARD, Bed, CARD, error_of, locked};
use dbus_api::vpd::collection::Outcome;
use dbus_api::vpd::writer::{Copy, CopyState, Difference};
use house_tests::fixture;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use zbus::{OwnedVariant, Variant};

const INVALID_ARGUMENT: &str = "xyz.openbmc_project.Common.Error.InvalidArgument";
const UNAVAILABLE: &str = "xyz.openbmc_project.Common.Error.Unavailable";
const NOT_ALLOWED: &str = "xyz.openbmc_project.Common.Error.NotAllowed";
const NOT_FOUND: &str = "com.ibm.VPD.Error.PathNotFound";
/// What PLDM and error logging must not wait for.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn parts_are_found_by_the_codes_that_the_inventory_shows_now() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new()? else { return Ok(()) };
    bed.machine.start_inventory()?;
    bed.show_code(BOARD, "U78DA.N00.WZS003T-P0")?;
    bed.show_code("/other", "U78DA.N00.WZS003T-P0")?;
    bed.start()?;
    bed.await_code("Ufcs-P0", "U78DA.N00.WZS003T-P0")?;
    let (board, other) =
        (format!("/xyz/openbmc_project/inventory{BOARD}"), "/xyz/openbmc_project/inventory/other".to_owned());
    assert_eq!(bed.paths("GetFRUsByUnexpandedLocationCode", &("Ufcs-P0", 0_u16))?, [&*board]);
    assert_eq!(bed.paths("GetFRUsByExpandedLocationCode", &"U78DA.N00.WZS003T-P0")?, [&*other, &*board]);
    assert_eq!(bed.paths("GetFRUsByExpandedLocationCode", &"U78DA.N00.WZS003T-P9")?, [""; 0]);
    bed.show_code(BOARD, "U78DA.N00.NEWONE1-P0")?;
    bed.await_code("Ufcs-P0", "U78DA.N00.NEWONE1-P0")?;
    assert_eq!(bed.paths("GetFRUsByExpandedLocationCode", &"U78DA.N00.WZS003T-P0")?, [&*other]);
    // In the description, and not in the inventory.
    let call = |code: &str| bed.call("GetExpandedLocationCode", &(code, 0_u16));
    assert_eq!(error_of(call("Ufcs-P0-C1"))?, UNAVAILABLE);
    for code in ["Ufcs-P7", "P0", ""] {
        assert_eq!(error_of(call(code))?, INVALID_ARGUMENT, "{code}");
    }
    assert_eq!(error_of(bed.call("GetFRUsByExpandedLocationCode", &"U78DA"))?, INVALID_ARGUMENT);
    Ok(())
}

#[test]
fn without_an_inventory_only_what_it_shows_cannot_be_looked_up_until_it_comes() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new()? else { return Ok(()) };
    bed.start()?;
    assert_eq!(bed.paths("GetFRUsByUnexpandedLocationCode", &("Ufcs-P0", 0_u16))?.len(), 1);
    assert_eq!(error_of(bed.call("GetExpandedLocationCode", &("Ufcs-P0", 0_u16)))?, UNAVAILABLE);
    let expanded = bed.call("GetFRUsByExpandedLocationCode", &"U78DA.N00.WZS003T-P0");
    assert_eq!(error_of(expanded)?, UNAVAILABLE);
    bed.machine.start_inventory()?;
    bed.show_code(BOARD, "U78DA.N00.WZS003T-P0")?;
    bed.await_code("Ufcs-P0", "U78DA.N00.WZS003T-P0")
}

#[test]
fn a_keyword_is_read_from_the_chip_by_each_of_its_names() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new()? else { return Ok(()) };
    bed.start()?;
    let sn = || Variant::from(("VINI", "SN"));
    let file = bed.image("card").display().to_string();
    for path in [CARD, "/xyz/openbmc_project/inventory/system/chassis/card", "file:card", &file] {
        let reply = bed.call("ReadKeyword", &(path, sn()))?;
        assert_eq!(reply.body().signature().to_string(), "v");
        let value: OwnedVariant = reply.body().deserialize()?;
        assert_eq!(*value, Variant::from(b"YVIV00000101".to_vec()), "{path}");
    }
    assert_eq!(bed.texts("GetHardwarePath", &zbus::ObjectPath::try_from(CARD)?)?, [&*file]);
    let reply = bed.call("GetParsedVPD", &CARD)?;
    let parsed: OwnedVariant = reply.body().deserialize()?;
    let parsed: BTreeMap<String, BTreeMap<String, Vec<u8>>> = parsed.try_into()?;
    assert_eq!(parsed["VINI"]["PN"], b"99VV102");
    let reply = bed.call("GetParsedVPD", &"file:flat")?;
    let parsed: OwnedVariant = reply.body().deserialize()?;
    let parsed: BTreeMap<String, OwnedVariant> = parsed.try_into()?;
    assert_eq!(*parsed["SN"], Variant::from(b"YVIV00000201".to_vec()));
    Ok(())
}

#[test]
fn what_cannot_be_read_is_refused_by_the_name_of_what_is_wrong() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new()? else { return Ok(()) };
    bed.start()?;
    let mut damaged = fixture("card");
    let at = damaged.windows(4).position(|window| window == b"YVIV").unwrap_or_default();
    damaged[at..at + 8].fill(0);
    std::fs::write(bed.image("board"), damaged)?;
    let keyword = |record: &'static str, keyword: &'static str| Variant::from((record, keyword));
    for (path, named, error) in [
        ("", keyword("VINI", "SN"), INVALID_ARGUMENT),
        (CARD, Variant::from(7_u32), INVALID_ARGUMENT),
        (CARD, Variant::from("SN"), INVALID_ARGUMENT),
        (CARD, keyword("VIN", "SN"), INVALID_ARGUMENT),
        (CARD, keyword("VINI", "S"), INVALID_ARGUMENT),
        ("/system/unknown", keyword("VINI", "SN"), NOT_FOUND),
        ("/system/chassis/others", keyword("VINI", "SN"), NOT_FOUND),
        ("/sys/bus/i2c/drivers/at24/8-0050/eeprom", keyword("VINI", "SN"), NOT_FOUND),
        (CARD, keyword("VCEN", "SE"), "com.ibm.VPD.Error.RecordNotFound"),
        (CARD, keyword("VINI", "ZZ"), "com.ibm.VPD.Error.KeywordNotFound"),
        (CARD, keyword("VHDR", "VD"), NOT_ALLOWED),
        (CARD, keyword("VTOC", "PT"), NOT_ALLOWED),
        (BOARD, keyword("VINI", "SN"), "com.ibm.VPD.Error.EccCheckFailed"),
        ("file:blank", keyword("VINI", "SN"), "com.ibm.VPD.Error.InvalidVPD"),
        ("file:absent", keyword("VINI", "SN"), "xyz.openbmc_project.Common.Device.Error.ReadFailure"),
    ] {
        let shown = format!("{path} {named:?}");
        assert_eq!(error_of(bed.call("ReadKeyword", &(path, named)))?, error, "{shown}");
    }
    assert_eq!(error_of(bed.call("ValidateRedundantEEPROM", &CARD))?, INVALID_ARGUMENT);
    let unknown = zbus::ObjectPath::try_from("/system/unknown")?;
    assert_eq!(error_of(bed.call("GetHardwarePath", &unknown))?, NOT_FOUND);
    // Of our own interface beside this one.
    let unknown_method = "org.freedesktop.DBus.Error.UnknownMethod";
    assert_eq!(error_of(bed.call("Repair", &(CARD, vec!["VINI"], "")))?, unknown_method);
    Ok(())
}

#[test]
fn an_eeprom_that_a_writer_holds_keeps_nothing_else_from_being_answered() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new()? else { return Ok(()) };
    bed.start()?;
    let held = locked(&bed.image("card"))?;
    bed.run(async |client| {
        let waiting = client.begin("ReadKeyword", &(CARD, Variant::from(("VINI", "SN")))).await?;
        let began = Instant::now();
        client.call("GetFRUsByUnexpandedLocationCode", &("Ufcs-P0", 0_u16)).await?;
        client.call("ReadKeyword", &("file:flat", Variant::from("SN"))).await?;
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        drop(held);
        client.reply(waiting).await.map(drop)
    })
}

#[test]
fn the_sixty_fifth_caller_is_refused_and_the_others_are_answered_in_their_order() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new()? else { return Ok(()) };
    bed.start()?;
    let held = locked(&bed.image("card"))?;
    bed.run(async |client| {
        let mut waiting = Vec::new();
        for _ in 0..64 {
            waiting.push(client.begin("ReadKeyword", &(CARD, Variant::from(("VINI", "SN")))).await?);
        }
        let refused = client.call("ReadKeyword", &("file:flat", Variant::from("SN"))).await;
        assert_eq!(error_of(refused)?, "xyz.openbmc_project.Common.Error.TooManyResources");
        client.call("GetFRUsByUnexpandedLocationCode", &("Ufcs-P0", 0_u16)).await?;
        drop(held);
        // Replies are heard in the order in which they come.
        for call in waiting {
            assert_eq!(client.next_reply().await?, call);
        }
        client.call("ReadKeyword", &("file:flat", Variant::from("SN"))).await.map(drop)
    })
}

#[test]
fn when_it_is_to_end_what_is_under_way_is_answered_and_what_waits_is_refused() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new()? else { return Ok(()) };
    bed.start()?;
    let held = locked(&bed.image("card"))?;
    let mut service = bed.take_service()?;
    bed.run(async |client| {
        let named = || (CARD, Variant::from(("VINI", "SN")));
        let under_way = client.begin("ReadKeyword", &named()).await?;
        let waiting = client.begin("ReadKeyword", &named()).await?;
        // Behind those two.
        client.call("GetFRUsByUnexpandedLocationCode", &("Ufcs-P0", 0_u16)).await?;
        service.ask_to_end()?;
        assert_eq!(error_of(client.reply(waiting).await)?, UNAVAILABLE);
        let late = client.call("ReadKeyword", &("file:flat", Variant::from("SN"))).await;
        assert_eq!(error_of(late)?, UNAVAILABLE);
        drop(held);
        client.reply(under_way).await.map(drop)
    })?;
    assert_eq!(service.stop()?.code(), Some(0));
    Ok(())
}

#[test]
fn a_verification_says_what_the_inventory_shows_otherwise() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new()? else { return Ok(()) };
    bed.machine.start_inventory()?;
    bed.start()?;
    type Verified = (Vec<CopyState>, Vec<Difference>);
    let verify = |bed: &Bed| -> anyhow::Result<Verified> { Ok(bed.verify(CARD)?.body().deserialize()?) };
    let (copies, differences) = verify(&bed)?;
    let outcomes: Vec<_> = copies.iter().map(|copy| (copy.copy, copy.outcome)).collect();
    assert_eq!(outcomes, [(Copy::Primary, Outcome::Ok), (Copy::Inventory, Outcome::Absent)]);
    assert_eq!(differences, []);
    bed.show_keyword(CARD, "SN", b"YVIV00000101")?;
    bed.show_keyword(CARD, "PN", b"99VV103")?;
    let (copies, differences) = verify(&bed)?;
    assert_eq!(copies[1].outcome, Outcome::Ok);
    let part = differences.iter().find(|difference| difference.keyword == "PN");
    let part = part.map(|difference| (&*difference.ours, &*difference.theirs));
    assert_eq!(part, Some((&b"99VV102"[..], &b"99VV103"[..])));
    assert!(differences.iter().all(|difference| difference.keyword != "SN"), "{differences:?}");
    Ok(())
}

#[test]
fn it_stands_what_any_user_may_send() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new()? else { return Ok(()) };
    bed.machine.start_inventory()?;
    bed.machine.expect_steady("vpd-writer", bed::NAME)
}

#[test]
fn it_sleeps_when_nothing_is_asked() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new()? else { return Ok(()) };
    bed.machine.start_inventory()?;
    bed.machine.expect_idle("vpd-writer")
}
