//! Location codes as clients of the inventory see them.

pub mod bed;
mod refusing;

use bed::{Bed, chassis, marker, system, tagged};

const BOARD: &str = "/system/chassis/motherboard";

#[test]
fn all_codes_are_published_at_once_and_a_restart_publishes_nothing() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.publish(vec![system("139F230"), chassis(b"78DA", b"WZS003T"), marker(BOARD), marker("/other")])?;
    bed.start_updater()?;
    assert_eq!(bed.code("/system")?.as_deref(), Some("U9105.22A.139F230"));
    assert_eq!(bed.code("/system/chassis")?.as_deref(), Some("U78DA.N00.WZS003T"));
    assert_eq!(bed.code(BOARD)?.as_deref(), Some("U78DA.N00.WZS003T-P0"));
    assert_eq!(bed.code("/other")?, None);
    assert!(!bed.exists("/cables/x")?, "what the inventory does not have is not made");
    assert_eq!(bed.notifies()?, ["/system /system/chassis /system/chassis/motherboard"]);
    bed.stop_updater()?;
    bed.start_updater()?;
    assert_eq!(bed.notifies()?, [""; 0]);
    Ok(())
}

#[test]
fn a_systems_first_asset_tag_is_made_and_its_owners_is_left_alone() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.publish(vec![system("139F230"), chassis(b"78DA", b"WZS003T")])?;
    bed.start_updater()?;
    assert_eq!(bed.asset_tag()?.as_deref(), Some("Server-9105-22A-139F230"));
    for tag in ["Rack 7", ""] {
        bed.publish(vec![tagged(tag)])?;
        bed.notifies()?;
        bed.stop_updater()?;
        bed.start_updater()?;
        assert_eq!(bed.notifies()?, [""; 0]);
        assert_eq!(bed.asset_tag()?.as_deref(), Some(tag));
    }
    Ok(())
}

#[test]
fn a_changed_identity_changes_all_codes_with_it_and_a_burst_is_one_change() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.configure("settle-ms = 300\n")?;
    bed.publish(vec![system("139F230"), chassis(b"78DA", b"OLD"), marker(BOARD)])?;
    bed.start_updater()?;
    bed.notifies()?;
    bed.publish(vec![system("2222222")])?;
    bed.publish(vec![chassis(b"78DA", b"BETWEEN")])?;
    bed.publish(vec![chassis(b"78DB", b"NEW")])?;
    bed.await_code(BOARD, "U78DB.N00.NEW-P0")?;
    assert_eq!(bed.code("/system")?.as_deref(), Some("U9105.22A.2222222"));
    assert_eq!(bed.notifies()?, ["/system /system/chassis /system/chassis/motherboard"]);
    Ok(())
}

#[test]
fn a_part_that_appears_later_gets_its_code_and_only_that_is_published() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.publish(vec![system("139F230"), chassis(b"78DA", b"WZS003T")])?;
    bed.start_updater()?;
    bed.notifies()?;
    bed.publish(vec![marker("/other"), marker("/cables/x")])?;
    bed.await_code("/cables/x", "U78DA.N00.WZS003T-P0-T1")?;
    assert_eq!(bed.notifies()?, ["/cables/x"]);
    Ok(())
}

#[test]
fn a_blank_identity_is_one_event_until_it_is_there_over_restarts_too() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.start_event_log("normal")?;
    bed.configure("report-after-ms = 50\n")?;
    bed.publish(vec![system("139F230"), chassis(b"    ", b"WZS003T"), marker(BOARD)])?;
    bed.start_updater()?;
    assert_eq!(bed.code(BOARD)?.as_deref(), Some("Ufcs-P0"));
    let event = &bed.await_events(1)?[0];
    for part in [
        "com.ibm.VPD.Error.BlankSystemVPD",
        "Level.Error",
        "FC was never programmed",
        "inventory/system/chassis\"",
    ] {
        assert!(event.contains(part), "{part}: {event}");
    }
    bed.stop_updater()?;
    bed.start_updater()?;
    bed.publish(vec![chassis(b"78DA", b"WZS003T")])?;
    bed.await_code(BOARD, "U78DA.N00.WZS003T-P0")?;
    bed.publish(vec![chassis(b"78DA", b"")])?;
    bed.await_code(BOARD, "Ufcs-P0")?;
    let events = bed.await_events(2)?;
    assert_eq!(events.len(), 2);
    assert!(events[1].contains("SE was never programmed"), "{}", events[1]);
    Ok(())
}

#[test]
fn an_orderly_stop_waits_for_the_event_that_is_on_its_way() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.start_event_log("slow 400")?;
    bed.configure("report-after-ms = 0\n")?;
    bed.publish(vec![system("139F230"), chassis(b"    ", b"WZS003T"), marker(BOARD)])?;
    bed.start_updater()?;
    bed.await_events(1)?;
    assert!(bed.stop_updater()?.success());
    assert_eq!(bed.machine.entries()?, 1, "the answer came first");
    assert!(bed.record()?.contains("blank-VCEN"), "{}", bed.record()?);
    bed.start_updater()?;
    bed.publish(vec![chassis(b"78DA", b"WZS003T")])?;
    bed.await_code(BOARD, "U78DA.N00.WZS003T-P0")?;
    bed.publish(vec![chassis(b"78DA", b"")])?;
    bed.await_code(BOARD, "Ufcs-P0")?;
    assert!(bed.await_events(2)?[1].contains("SE was never programmed"), "it was told once");
    Ok(())
}

#[test]
fn an_event_that_is_lost_during_an_orderly_stop_is_told_by_the_next_run() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.start_event_log("hanging")?;
    bed.configure("report-after-ms = 0\n")?;
    bed.publish(vec![system("139F230"), chassis(b"    ", b"WZS003T"), marker(BOARD)])?;
    bed.start_updater()?;
    bed.await_events(1)?;
    bed.ask_updater_to_stop()?;
    bed.kill_event_log()?;
    assert!(bed.stop_updater()?.success());
    assert!(!bed.record()?.contains("blank-VCEN"), "{}", bed.record()?);
    Ok(())
}

#[test]
fn an_inventory_that_comes_late_is_not_waited_for_for_ever_and_served_when_it_comes() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::without_inventory()? else { return Ok(()) };
    bed.configure("inventory-limit-ms = 100\n")?;
    bed.start_updater()?;
    bed.machine.start_inventory()?;
    bed.watch()?;
    bed.publish(vec![system("139F230"), chassis(b"78DA", b"WZS003T"), marker(BOARD)])?;
    bed.await_code(BOARD, "U78DA.N00.WZS003T-P0")?;
    // It crashes, and another part says who it is before anybody has looked.
    bed.machine.kill_inventory()?;
    bed.machine.start_inventory()?;
    bed.publish(vec![chassis(b"78DA", b"OTHER")])?;
    bed.await_code(BOARD, "U78DA.N00.OTHER-P0")?;
    Ok(())
}

#[test]
fn an_event_log_that_does_not_answer_holds_nothing_up() -> anyhow::Result<()> {
    for mode in ["hanging", "absent"] {
        let Some(mut bed) = Bed::with_inventory()? else { return Ok(()) };
        bed.start_event_log(mode)?;
        bed.configure("report-after-ms = 0\n")?;
        bed.publish(vec![system(" "), chassis(b"", b""), marker(BOARD)])?;
        bed.start_updater()?;
        if mode == "hanging" {
            bed.await_events(1)?;
        }
        bed.publish(vec![chassis(b"78DA", b"WZS003T")])?;
        bed.await_code(BOARD, "U78DA.N00.WZS003T-P0")?;
        assert!(bed.stop_updater()?.success(), "{mode}");
        if mode == "hanging" {
            assert_eq!(bed.machine.entries()?, 0, "the event log has answered");
        }
    }
    Ok(())
}

#[test]
fn hostile_values_reach_no_location_code() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.publish(vec![system("139F230"), chassis(b"78DA", b"FIRST"), marker(BOARD)])?;
    bed.start_updater()?;
    let huge = vec![b'A'; 65_536];
    for (feature, serial) in [
        (&b"78DA"[..], &b"WZS\x1b[2J"[..]),
        (b"78DA", b"\xc3\x28\xff"),
        (b"78DA", &huge),
        (b"78 A", b"WZS003T"),
        (b"    -001", b"WZS003T"),
        (b"78DA", b"W Z/03"),
        (b"\0\x01\x02\x03", b"WZS003T"),
    ] {
        bed.publish(vec![chassis(feature, serial)])?;
        bed.await_code(BOARD, "Ufcs-P0")?;
        assert_eq!(bed.code("/system")?.as_deref(), Some("U9105.22A.139F230"));
        bed.publish(vec![chassis(b"78DA", b"GOOD")])?;
        bed.await_code(BOARD, "U78DA.N00.GOOD-P0")?;
    }
    Ok(())
}

#[test]
fn a_system_without_location_codes_keeps_nobody_waiting() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::without_inventory()? else { return Ok(()) };
    // An updater that waited for the inventory, which never comes, would not be ready before the test gives up.
    bed.configure("inventory-limit-ms = 3600000\n")?;
    std::fs::remove_file(bed.locations())?;
    bed.start_updater()
}

#[test]
fn an_updater_stands_what_any_user_may_send() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.publish(vec![system("139F230"), chassis(b"78DA", b"WZS003T"), marker(BOARD)])?;
    bed.machine.expect_steady("location-code-updater", dbus_api::vpd::location::BUS_NAME)
}

#[test]
fn an_idle_updater_wakes_only_for_its_watchdog() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.publish(vec![system("139F230"), chassis(b"78DA", b"WZS003T"), marker(BOARD)])?;
    bed.machine.expect_idle("location-code-updater")
}
