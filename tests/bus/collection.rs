//! The collection among its peers: process 1, parsers, the inventory, the event log, the chassis.

pub mod bed;

use bed::{Bed, object};
use dbus_api::call::CallError;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::records::interface_of;
use dbus_api::inventory::{ASSET, AVAILABILITY, ITEM, OPERATIONAL_STATUS, PROGRESS, manager};
use dbus_api::vpd::collection;
use house_tests::fixture;
use std::time::{Duration, Instant};

/// A mode in which a peer answers after all that a test waits for.
const MUCH_TOO_SLOW: &str = "slow 3600000";
const POWER_OFF_ONLY: &str = "power-off-only = true";

#[test]
fn what_is_there_is_read_before_the_service_is_ready_and_what_is_not_is_absent() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", ""), ("none", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    bed.collect()?;
    assert_eq!(bed.status("card")?.report.outcome, "ok");
    assert_eq!(bed.status("none")?.state, "absent");
    let present = |name: &str| bed.machine.property(&object(name), ITEM, "Present");
    assert_eq!(present("card")?.as_deref(), Some("Bool(true)"));
    assert_eq!(present("none")?.as_deref(), Some("Bool(false)"));
    assert_eq!(bed.machine.property(&object("none"), ITEM, "PrettyName")?.as_deref(), Some("Part none"));
    Ok(())
}

#[test]
fn phosphors_inventory_is_told_of_all_parts_but_for_what_it_drops_and_that_is_named() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", ""), ("none", ""), ("odd", ""), ("odd_none", "")])? else {
        return Ok(());
    };
    bed.start_peers(&["phosphor-inventory"])?;
    for name in ["card", "odd"] {
        std::fs::write(bed.image(name), fixture("card"))?;
    }
    for name in ["odd", "odd_none"] {
        let fragment = bed.machine.root().join(format!("run/vivianite/vpd/active/frus/file:{name}.toml"));
        let text = std::fs::read_to_string(&fragment)?;
        std::fs::write(&fragment, text.replace(&format!("\"Part {name}\""), "5"))?;
    }
    let began = Instant::now();
    bed.collect()?;
    // Five seconds for the collection's own first call, and for each parser's; none for those that follow.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(bed.status("card")?.state, "collected");
    assert_eq!(bed.status("none")?.state, "absent");
    assert_eq!(bed.status("odd")?.report.inventory, "refused");
    for (name, state) in [("odd", "failed"), ("odd_none", "absent")] {
        let status = bed.status(name)?;
        assert_eq!(status.state, state);
        for part in [&*object(name), "the manager dropped the call"] {
            assert!(status.reason.contains(part), "{}", status.reason);
        }
    }
    assert!(bed.machine.property(&object("none"), PROGRESS, "StartTime")?.is_some());
    Ok(())
}

#[test]
fn what_is_wrong_with_a_part_is_one_event_over_runs_and_restarts_until_it_has_cleared() -> anyhow::Result<()>
{
    let Some(mut bed) = Bed::new(&[("card", ""), ("blank", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    bed.start_peers(&["event-log"])?;
    bed.listen()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    std::fs::write(bed.image("blank"), [0xff; 256])?;
    bed.collect()?;
    assert!(bed.await_events(1)?[0].contains("EEPROM file:blank: it is blank"));
    bed.read_again("blank")?;
    bed.stop()?;
    bed.collect()?;
    bed.read_again("blank")?;
    std::fs::write(bed.image("blank"), fixture("card"))?;
    assert_eq!(bed.read_again("blank")?.report.outcome, "ok");
    std::fs::write(bed.image("blank"), vec![0x55; 256])?;
    bed.read_again("blank")?;
    // One more than there should be would have come before this.
    let events = bed.await_events(2)?;
    assert!(events[1].contains("EEPROM file:blank: nothing of it is usable"), "{events:?}");
    Ok(())
}

#[test]
fn an_event_log_that_does_not_answer_makes_nobody_wait() -> anyhow::Result<()> {
    for mode in ["absent", "hanging", MUCH_TOO_SLOW] {
        let Some(mut bed) = Bed::new(&[("blank", "")])? else { return Ok(()) };
        bed.machine.start_inventory()?;
        bed.start_peers(&[&format!("event-log {mode}")])?;
        bed.listen()?;
        std::fs::write(bed.image("blank"), [0xff; 256])?;
        // The call for an event is never given up: a collection that waited for its answer would not get here.
        bed.collect()?;
        if mode != "absent" {
            bed.await_events(1)?;
        }
        bed.read_again("blank")?;
        if mode != "absent" {
            assert_eq!(bed.machine.entries()?, 0, "{mode}: the event log has answered");
        }
        bed.stop()?;
    }
    Ok(())
}

#[test]
fn what_needs_the_chassis_off_is_kept_when_nobody_says_and_read_when_somebody_does() -> anyhow::Result<()> {
    for mode in ["absent", "hanging"] {
        let Some(mut bed) = Bed::new(&[("card", POWER_OFF_ONLY)])? else { return Ok(()) };
        bed.machine.start_inventory()?;
        bed.start_peers(&[&format!("chassis-state {mode}")])?;
        bed.configure("power-limit-ms = 300\n")?;
        std::fs::write(bed.image("card"), fixture("card"))?;
        // A hanging chassis never answers: a collection that waited for that would not get here.
        bed.collect()?;
        assert_eq!(bed.status("card")?.state, "kept", "{mode}");
        assert_eq!(bed.process_1.started(), [""; 0]);
        bed.set_mode("chassis-state", "normal")?;
        let status = bed.await_status("card", |status| status.state == "collected")?;
        assert_eq!(status.report.outcome, "ok");
    }
    Ok(())
}

#[test]
fn an_inventory_that_comes_late_is_told_everything() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", ""), ("none", ""), ("slot", "slot = true")])? else {
        return Ok(());
    };
    bed.configure("inventory-limit-ms = 300\n")?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    // The inventory comes after this only.
    bed.collect()?;
    assert_eq!(bed.status("card")?.state, "overdue");
    assert_eq!(bed.process_1.started(), ["RestartUnit vpd-slot@prepare:file:slot.service"]);
    bed.machine.start_inventory()?;
    bed.await_status("card", |status| status.state == "collected")?;
    for name in ["none", "slot"] {
        bed.await_status(name, |status| status.state == "absent")?;
        let present = bed.machine.property(&object(name), ITEM, "Present")?;
        assert_eq!(present.as_deref(), Some("Bool(false)"), "{name}");
    }
    Ok(())
}

#[test]
fn priming_creates_what_the_inventory_lacks_and_changes_nothing_that_it_has() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", POWER_OFF_ONLY), ("other", POWER_OFF_ONLY)])? else {
        return Ok(());
    };
    bed.machine.start_inventory()?;
    bed.start_peers(&["chassis-state absent"])?;
    bed.configure("power-limit-ms = 300\n")?;
    let mut kept = Object { path: object("card").into(), interfaces: Vec::new() };
    kept.interface(ITEM).set("Present", Value::Bool(true));
    kept.interface(ASSET).set("SerialNumber", Value::Text("KEPT".into()));
    kept.interface(OPERATIONAL_STATUS).set("Functional", Value::Bool(false));
    let notification = Notification { objects: vec![kept] };
    bed.machine.run(async |connection| Ok(manager::notify(&connection, &notification).await?))?;
    bed.collect()?;
    for (interface, property, value) in [
        (ITEM, "Present", "Bool(true)"),
        (ASSET, "SerialNumber", "KEPT"),
        (OPERATIONAL_STATUS, "Functional", "Bool(false)"),
        (AVAILABILITY, "Available", "Bool(false)"),
    ] {
        let shown = bed.machine.property(&object("card"), interface, property)?;
        assert_eq!(shown.as_deref(), Some(value), "{property}");
    }
    assert!(bed.machine.properties(&object("other"), AVAILABILITY)?.is_some());
    Ok(())
}

#[test]
fn a_part_in_a_slot_is_prepared_read_and_removed() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("blank", "slot = true")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("blank"), [0xff; 256])?;
    bed.collect()?;
    let started = bed.process_1.started();
    for phase in ["vpd-slot@prepare:file:blank", "vpd-slot@failed:file:blank"] {
        assert_eq!(started.iter().filter(|line| line.contains(phase)).count(), 1, "{phase}: {started:?}");
    }
    // What can be seen before udev is done is read at once, and again when that was in vain.
    let readings = started.iter().filter(|line| line.contains("ipz-vpd-parser@file:blank")).count();
    assert!((1..=2).contains(&readings), "{started:?}");
    assert!(started.last().is_some_and(|line| line.contains("vpd-slot@failed:")), "{started:?}");
    bed.remove("blank")?;
    bed.await_status("blank", |status| status.state == "absent")?;
    assert_eq!(bed.process_1.started(), ["RestartUnit vpd-slot@remove:file:blank.service"]);
    Ok(())
}

#[test]
fn a_collection_stands_what_any_user_may_send() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", ""), ("none", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    bed.machine.expect_steady("vpd-collection", dbus_api::vpd::collection::BUS_NAME)
}

#[test]
fn a_large_inventory_costs_the_collection_twice_its_size_at_most() -> anyhow::Result<()> {
    /// Other pages that a process comes to touch, bytes.
    const SLACK: usize = 1 << 20;
    let Some(mut bed) = Bed::new(&[("card", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    bed.collect()?;
    let (most, now) = bed.memory()?;
    bed.stop()?;
    // As large as all keywords of 60 parts.
    let value = vec![0xa5; 3 << 10];
    let paths: Vec<String> = (0..60).map(|index| object(&format!("part{index}"))).collect();
    let part = |path: &'_ String| {
        let mut object = Object { path: path.clone().into(), interfaces: Vec::new() };
        let record = object.interface(interface_of("VCEN"));
        record.set("FC", Value::Bytes(value.as_slice().into()));
        record.set("SE", Value::Bytes(value.as_slice().into()));
        object
    };
    let parts = Notification { objects: paths.iter().map(part).collect() };
    bed.machine.run(async |connection| Ok(manager::notify(&connection, &parts).await?))?;
    bed.collect()?;
    let (most_large, now_large) = bed.memory()?;
    println!("{most} and {now} bytes, with {} parts {most_large} and {now_large}", paths.len());
    let size = paths.len() * 2 * value.len();
    assert!(most_large <= most + 2 * size + SLACK, "{most_large} bytes, and {most} without");
    assert!(now_large <= now + SLACK, "{now_large} bytes stay, and {now} without");
    Ok(())
}

#[test]
fn a_report_with_a_word_that_is_none_is_refused_and_changes_nothing() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    bed.collect()?;
    let before = bed.status("card")?.report;
    for words in [["odd", "", "", ""], ["ok", "odd", "", ""], ["ok", "", "odd", ""], ["ok", "", "", "odd"]] {
        let [outcome, inventory, redundant, of_record] = words;
        let (records, none) = ([("VINI", of_record, 0_u32, "")], [""; 0]);
        let (records, none) = (records.as_slice(), none.as_slice());
        let (one, late) = (1_u64, i64::MAX);
        let report = (
            "file:card",
            "ipz",
            outcome,
            "",
            inventory,
            "",
            redundant,
            records,
            none,
            one,
            one,
            late,
            late,
            "",
        );
        let refusal = bed.machine.run(async |connection| {
            let (name, interface) = (Some(collection::BUS_NAME), Some(collection::INTERFACE));
            let body = (report, [0_u8; 0].as_slice());
            Ok(connection.call_method(name, collection::PATH, interface, collection::REPORT, &body).await)
        })?;
        let text = format!("{:?}", refusal.err());
        assert!(text.contains("InvalidArgs") && text.contains("is no word of this interface"), "{text}");
        assert_eq!(bed.status("card")?.report, before);
    }
    Ok(())
}

#[test]
fn an_idle_collection_wakes_only_for_its_watchdog() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", ""), ("none", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    bed.machine.expect_idle("vpd-collection")
}

/// The name of an error, and its text.
fn refusal<T: std::fmt::Debug>(answer: Result<T, CallError>) -> (String, String) {
    match answer {
        Err(CallError::Refused { name, text, .. }) => {
            (name.trim_start_matches("xyz.openbmc_project.Common.Error.").to_owned(), text)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reading_that_is_asked_for_is_in_the_inventory_when_it_is_answered_and_its_slot_does_nothing()
-> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", "slot = true"), ("none", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    bed.collect()?;
    bed.await_status("card", |status| status.state == "collected")?;
    bed.process_1.started();
    let serial = || bed.machine.property(&object("card"), "com.ibm.ipzvpd.VINI", "SN");
    for (image, outcome) in [(vec![0xff; 256], "blank"), (vec![0x55; 256], "bad"), (fixture("card"), "ok")] {
        std::fs::write(bed.image("card"), image)?;
        let (answer, changes) = bed.reread("card")?;
        assert_eq!(answer, outcome);
        assert_eq!(serial()?.is_some_and(|serial| !serial.is_empty()), outcome == "ok");
        let said: Vec<&str> = changes.iter().map(|change| change.state.as_str()).collect();
        assert!(said.starts_with(&["queued"]) && said.ends_with(&["collected"]), "{said:?}");
        assert!(changes.iter().all(|change| change.key == "file:card"), "{changes:?}");
        assert_eq!(changes.last().map(|change| change.outcome.as_str()), Some(outcome));
    }
    assert_eq!(bed.process_1.started(), ["RestartUnit ipz-vpd-parser@file:card.service"; 3]);
    let key = "file:none".to_owned();
    bed.machine.run(async |connection| {
        let state = collection::state(&connection, &key).await?;
        assert_eq!((state.0.as_str(), state.1.as_str()), ("absent", ""));
        let (name, text) = refusal(collection::reread(&connection, &key).await);
        assert_eq!((&*name, &*text), ("Unavailable", "file:none: it is absent"));
        for answer in [
            collection::reread(&connection, "file:odd").await.map(drop),
            collection::state(&connection, "file:odd").await.map(drop),
        ] {
            assert_eq!(refusal(answer).0, "InvalidArgument");
        }
        Ok(())
    })
}

#[test]
fn a_wish_that_nothing_follows_is_refused_and_else_it_is_said_what_follows() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", ""), ("late", ""), ("none", ""), ("slot", "slot = true")])?
    else {
        return Ok(());
    };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    bed.collect()?;
    bed.machine.run(async |connection| {
        let keys = |names: &[&str]| names.iter().map(|name| format!("file:{name}")).collect::<Vec<_>>();
        for answer in [
            collection::recollect(&connection, &keys(&["card", "none"])).await,
            collection::remove(&connection, &keys(&["none"])).await,
        ] {
            assert_eq!(refusal(answer), ("Unavailable".to_owned(), "file:none: it is absent".to_owned()));
        }
        assert_eq!(refusal(collection::remove(&connection, &[]).await).0, "InvalidArgument");
        // Nothing is done if there is one of which nothing follows.
        assert_eq!(collection::state(&connection, "file:card").await?.0.as_str(), "collected");
        let followed = collection::recollect(&connection, &[]).await?;
        let words: Vec<&str> = followed.iter().map(|(_, follows)| follows.as_str()).collect();
        assert_eq!(words, ["reading", "absent", "absent", "preparing"]);
        Ok(())
    })?;
    // Of a file no news comes.
    std::fs::write(bed.image("late"), fixture("card"))?;
    let keys = ["file:late".to_owned()];
    bed.machine.run(async |connection| Ok(collection::recollect(&connection, &keys).await?))?;
    bed.await_status("late", |status| status.report.outcome == "ok")?;
    Ok(())
}

#[test]
fn an_eeprom_that_is_being_written_is_read_when_its_writer_is_done_and_causes_no_error() -> anyhow::Result<()>
{
    let Some(mut bed) = Bed::new(&[("blank", ""), ("card", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    bed.start_peers(&["event-log"])?;
    bed.listen()?;
    bed.configure("attempts = 1\n")?;
    for (name, image) in [("blank", vec![0xff; 256]), ("card", fixture("card"))] {
        std::fs::write(bed.image(name), image)?;
    }
    let writer = std::fs::File::options().write(true).open(bed.image("card"))?;
    writer.try_lock()?;
    bed.collect()?;
    let status = bed.status("card")?;
    assert_eq!((status.state.as_str(), status.report.outcome.as_str()), ("overdue", ""));
    assert_eq!(status.reason, "the EEPROM is being written; to be tried again");
    assert_eq!(bed.machine.property(&object("card"), "com.ibm.ipzvpd.VINI", "SN")?, None);
    drop(writer);
    let status = bed.await_status("card", |status| status.state == "collected")?;
    assert_eq!(status.report.outcome, "ok");
    let events = bed.await_events(2)?;
    assert!(events.iter().all(|event| event.contains("Entry.Level.Warning")), "{events:?}");
    Ok(())
}
