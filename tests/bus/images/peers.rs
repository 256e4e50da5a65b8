//! Peers that are absent, slow, hanging or refusing make nobody wait, and unpacking makes no reader wait.

use super::archives::noise;
use super::bed::{ACTIVATION, Bed, IMMEDIATE, NAME, ON_REQUEST, SOFTWARE_MANAGER, VERSION, image, image_of};

#[test]
fn a_peer_that_does_not_answer_makes_nobody_wait() -> anyhow::Result<()> {
    for mode in ["absent", "hanging", "refusing", "slow 3600000"] {
        let Some(mut bed) = Bed::new("")? else { return Ok(()) };
        bed.start_peers(&[&format!("event-log {mode}"), &format!("object-mapper {mode}")])?;
        bed.start()?;
        bed.drop_file("image", &image("dropped"))?;
        let dropped = bed.await_image("dropped")?;
        bed.drop_file("broken", b"no image at all")?;
        // All of this is answered and done while no peer has answered anything.
        bed.start_update(&image("handed-over"), ON_REQUEST)?;
        let handed = bed.await_image("handed-over")?;
        bed.await_state(&handed, "Ready")?;
        let bad = bed.start_update(b"no image at all either", IMMEDIATE)?;
        bed.await_state(&bad, "Invalid")?;
        for object in [&dropped, &handed] {
            assert_eq!(bed.delete(object), Ok(()), "{mode}");
        }
        // What was refused is told when the event log comes, once and in order.
        bed.command("SetMode", &("event-log", "absent"))?;
        let before = bed.events()?.len();
        bed.command("SetMode", &("event-log", "normal"))?;
        bed.await_events(before + 2)?;
        assert!(bed.events()?.iter().all(|event| event == "Image.Error.UnTarFailure"), "{mode}");
    }
    Ok(())
}

#[test]
fn readers_are_answered_while_a_large_image_is_unpacked() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    bed.drop_file("small", &image("small"))?;
    let small = bed.await_image("small")?;
    let large = bed.start_update(&image_of("large", &noise(64 << 20)), ON_REQUEST)?;
    let mut reads = 0;
    while bed.get(NAME, &large, ACTIVATION, "Activation").is_ok_and(|state| state.ends_with("NotReady")) {
        assert_eq!(bed.get(NAME, &small, VERSION, "Version"), Ok("small".to_owned()));
        reads += 1;
    }
    bed.await_image("large")?;
    println!("{reads} reads");
    // Unpacked in one piece, or in few, it would be over after as many.
    assert!(reads > 5, "{reads}");
    Ok(())
}

#[test]
fn an_image_manager_stands_what_any_user_may_send() -> anyhow::Result<()> {
    let Some(bed) = Bed::new("")? else { return Ok(()) };
    bed.machine.expect_steady("image-manager", NAME)?;
    bed.machine.expect_steady("image-manager", SOFTWARE_MANAGER)
}

#[test]
fn an_idle_image_manager_wakes_only_for_its_watchdog() -> anyhow::Result<()> {
    let Some(bed) = Bed::new("")? else { return Ok(()) };
    bed.machine.expect_idle("image-manager")
}
