//! phosphor-software-manager beside this service: it takes images for the BMC and the host by their descriptors, and this one
//! hands such images on to it. What it does is from `bmc/update_manager.cpp` of openbmc/phosphor-bmc-code-mgmt.

use super::bed::{
    ACTIVATION, Bed, IMAGE, IMMEDIATE, NAME, ON_REQUEST, ON_RESET, PROPERTIES, SOFTWARE_MANAGER, STATES,
    image, image_of_purpose, memory,
};
use super::ear::Said;
use super::real_clients::Bmcweb;
use image_builder::Purpose;
use std::collections::HashMap;
use std::io::Write as _;
use zbus::{Message, OwnedVariant, Variant};

const FIRST: &str = "/xyz/openbmc_project/software/5e1f0a01";
const PROGRESS: &str = "xyz.openbmc_project.Software.ActivationProgress";

fn bed(settings: &str, way: &str) -> anyhow::Result<Option<Bed>> {
    let Some(mut bed) = Bed::new(settings)? else { return Ok(None) };
    bed.start_peers(&["event-log", "object-mapper", "software-manager"])?;
    bed.command("Behave", &("software-manager", way))?;
    let association = "/xyz/openbmc_project/software/bmc/updateable";
    bed.wait("the mapper knows who updates", || Ok(Bmcweb(&bed).endpoints(association).is_ok()))?;
    bed.start()?;
    Ok(Some(bed))
}

fn bmc_image(version: &str) -> Vec<u8> {
    image_of_purpose(Purpose::Bmc, version)
}

/// The states of an object that were told after its first, with percents between them.
fn told(bed: &mut Bed, path: &str) -> anyhow::Result<Vec<String>> {
    let of_path = bed.heard()?.iter().filter(|heard| heard.path == path);
    let values = of_path.filter(|heard| matches!(heard.said, Said::Changed(..))).filter_map(|heard| {
        let state = heard.value(ACTIVATION, "Activation").map(|state| state.replace(STATES, ""));
        state.or_else(|| heard.value(PROGRESS, "Progress").map(str::to_owned))
    });
    Ok(values.collect())
}

fn reason(bed: &mut Bed, path: &str) -> anyhow::Result<String> {
    bed.until(|heard| {
        let own = heard.iter().filter(|heard| heard.path == path);
        own.filter_map(|heard| heard.value(IMAGE, "Reason")).next_back().map(str::to_owned)
    })
}

/// What the software manager has read of its first image.
fn received(bed: &Bed) -> anyhow::Result<Vec<u8>> {
    let arguments = ("io.vivianite.Test.Received", "Bytes");
    let reply = bed.call([SOFTWARE_MANAGER, FIRST, PROPERTIES], "Get", &arguments)?;
    Ok(Vec::try_from(reply.body().deserialize::<OwnedVariant>()?)?)
}

/// How often the software manager was handed an image.
fn handed_on(bed: &Bed) -> anyhow::Result<usize> {
    let calls: String = bed.command("Calls", &"software-manager")?.body().deserialize()?;
    Ok(calls.lines().filter(|call| call.contains(".StartUpdate")).count())
}

#[test]
fn an_image_for_the_bmc_is_handed_on_as_it_came_and_followed_to_its_end() -> anyhow::Result<()> {
    for (way, calls) in [("install", 1), ("force", 2)] {
        let Some(mut bed) = bed("", way)? else { return Ok(()) };
        let content = bmc_image("handed-on");
        // Its descriptor stands at the end.
        let object = bed.hand_over(memory(&content)?, IMMEDIATE)?;
        bed.await_state(&object, "Active")?;
        let mut told = told(&mut bed, &object)?;
        // How far it was is told where that takes time.
        told.retain(|told| told.parse::<u8>().is_err());
        assert_eq!(told, ["Ready", "Activating", "Active"]);
        assert_eq!(received(&bed)?, content);
        assert_eq!(handed_on(&bed)?, calls, "{way}");
        let stage = |heard: &super::ear::Heard| heard.value(IMAGE, "Stage") == Some("handed on");
        assert!(bed.heard()?.iter().any(stage));
        // No installer is to take it from here, and what was unpacked takes no more memory.
        assert!(!bed.heard()?.iter().any(|heard| heard.path == object && heard.adds(super::bed::VERSION)));
        bed.wait("its folder is gone", || Ok(bed.files()?.is_empty()))?;
        bed.wait("its object is gone", || Ok(bed.images()?.is_empty()))?;
        assert_eq!(bed.events()?, [""; 0]);
    }
    Ok(())
}

#[test]
fn images_for_the_host_are_handed_on_and_others_and_those_of_no_client_are_not() -> anyhow::Result<()> {
    let Some(mut bed) = bed("hand-on = [\"Host\"]\nclaim-timeout-s = 1\n", "install")? else { return Ok(()) };
    let object = bed.start_update(&image_of_purpose(Purpose::Host, "host"), IMMEDIATE)?;
    bed.await_state(&object, "Active")?;
    let calls: String = bed.command("Calls", &"software-manager")?.body().deserialize()?;
    assert!(
        calls.contains("/software/bios_active xyz.openbmc_project.Software.Update.StartUpdate"),
        "{calls}"
    );
    bed.drop_file("dropped", &image_of_purpose(Purpose::Host, "dropped"))?;
    bed.await_image("dropped")?;
    for content in [bmc_image("bmc"), image("psu")] {
        let object = bed.start_update(&content, IMMEDIATE)?;
        bed.await_state(&object, "Invalid")?;
        assert!(reason(&mut bed, &object)?.starts_with("no service installs this image"));
    }
    assert_eq!(handed_on(&bed)?, 1);
    Ok(())
}

#[test]
fn what_the_other_service_says_of_an_image_is_its_end_here_too() -> anyhow::Result<()> {
    for (way, state, says) in [
        ("busy", "Invalid", "xyz.openbmc_project.Software.Manager refuses the image: "),
        ("invalid", "Invalid", "xyz.openbmc_project.Software.Manager says that the image is invalid"),
        ("old", "Invalid", "was there before"),
        ("fail", "Failed", "xyz.openbmc_project.Software.Manager has failed to install the image"),
    ] {
        let Some(mut bed) = bed("", way)? else { return Ok(()) };
        let object = bed.start_update(&bmc_image(way), IMMEDIATE)?;
        bed.await_state(&object, state)?;
        let reason = reason(&mut bed, &object)?;
        assert!(reason.contains(says), "{way}: {reason}");
        // The reason is there before the state that it is for.
        let last = bed
            .heard()?
            .iter()
            .rfind(|heard| heard.path == object && heard.value(ACTIVATION, "Activation").is_some());
        assert_eq!(
            last.and_then(|heard| heard.value(ACTIVATION, "Activation")),
            Some(&*format!("{STATES}{state}"))
        );
        // A service that has looked at the image tells the event log itself.
        let has_looked = ["invalid", "fail"].contains(&way);
        let expected = if has_looked { vec![] } else { vec!["Update.UpdateNotApplicable".to_owned()] };
        if !has_looked {
            bed.await_events(1)?;
        }
        assert_eq!(bed.events()?, expected, "{way}");
        bed.wait("nothing of it stays", || Ok(bed.images()?.is_empty() && bed.files()?.is_empty()))?;
    }
    Ok(())
}

#[test]
fn a_service_that_is_lost_with_an_image_has_failed_to_install_it() -> anyhow::Result<()> {
    for (loses, says) in [(true, "is gone"), (false, "nothing to do with the image")] {
        let Some(mut bed) = bed("", "stay")? else { return Ok(()) };
        let object = bed.start_update(&bmc_image("lost"), IMMEDIATE)?;
        bed.await_state(&object, "Activating")?;
        if loses {
            bed.command("Leave", &"software-manager")?;
        } else {
            bed.command("Settle", &("software-manager", FIRST, ""))?;
        }
        bed.await_state(&object, "Failed")?;
        let reason = reason(&mut bed, &object)?;
        assert!(reason.starts_with(SOFTWARE_MANAGER) && reason.contains(says), "{reason}");
        bed.await_event("Update.UpdateNotApplicable")?;
    }
    Ok(())
}

#[test]
fn what_is_staged_waits_for_a_reset_and_ends_with_the_service_that_has_it() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "stay")? else { return Ok(()) };
    let object = bed.start_update(&bmc_image("staged"), ON_RESET)?;
    bed.await_state(&object, "Activating")?;
    bed.command("Settle", &("software-manager", FIRST, "Staged"))?;
    bed.await_state(&object, "Staged")?;
    bed.command("Leave", &"software-manager")?;
    bed.until(|heard| {
        let is_done =
            heard.iter().any(|heard| heard.path == object && heard.value(IMAGE, "Stage") == Some("done"));
        is_done.then_some(())
    })?;
    assert_eq!(told(&mut bed, &object)?.last().map(String::as_str), Some("Staged"));
    Ok(())
}

#[test]
fn a_client_that_asks_for_an_activation_is_heard_by_the_service_that_has_the_image() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "install")? else { return Ok(()) };
    let object = bed.start_update(&bmc_image("asked"), ON_REQUEST)?;
    bed.await_state(&object, "Ready")?;
    bed.await_state(FIRST, "Ready")?;
    assert_eq!(bed.get(NAME, &object, IMAGE, "Stage"), Ok("handed on".to_owned()));
    assert_eq!(
        bed.get(NAME, &object, IMAGE, "Reason").map(|reason| reason.contains(SOFTWARE_MANAGER)),
        Ok(true)
    );
    bed.set_requested(NAME, &object)?;
    bed.await_state(&object, "Active")?;
    Ok(())
}

#[test]
fn an_image_that_came_by_a_pipe_is_not_handed_on_and_says_why() -> anyhow::Result<()> {
    let Some(mut bed) = bed("claim-timeout-s = 1\n", "install")? else { return Ok(()) };
    let (reader, mut writer) = std::io::pipe()?;
    let content = bmc_image("by-pipe");
    let sending = std::thread::spawn(move || writer.write_all(&content));
    let object = bed.hand_over(&reader, IMMEDIATE)?;
    drop(reader);
    bed.await_image("by-pipe")?;
    sending.join().unwrap()?;
    bed.await_state(&object, "Invalid")?;
    let reason = reason(&mut bed, &object)?;
    assert!(reason.contains("none claimed it within 1 s"), "{reason}");
    assert!(reason.contains("only a file can be handed on"), "{reason}");
    assert_eq!(handed_on(&bed)?, 0);
    Ok(())
}

#[test]
fn an_image_that_was_handed_on_is_not_handed_on_again_after_a_restart() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "stay")? else { return Ok(()) };
    let object = bed.start_update(&bmc_image("restarted"), IMMEDIATE)?;
    bed.await_state(&object, "Activating")?;
    bed.kill()?;
    bed.forget()?;
    bed.start()?;
    bed.await_state(&object, "Invalid")?;
    let reason = reason(&mut bed, &object)?;
    assert!(reason.contains("handed on to another service"), "{reason}");
    bed.await_event("Update.TransferFailed")?;
    bed.wait("its object is gone", || Ok(bed.images()?.is_empty()))?;
    assert_eq!(handed_on(&bed)?, 1);
    bed.stop()?;
    bed.start()?;
    assert!(bed.images()?.is_empty());
    Ok(())
}

/// bmcweb gives a task up after five minutes in which nothing was heard.
#[test]
fn while_another_service_is_at_work_its_progress_is_said_again_and_again() -> anyhow::Result<()> {
    let Some(mut bed) = bed("keep-alive-s = 1\n", "stay")? else { return Ok(()) };
    let object = bed.start_update(&bmc_image("long"), IMMEDIATE)?;
    bed.await_state(&object, "Activating")?;
    bed.until(|heard| {
        let own = heard.iter().filter(|heard| heard.path == object);
        let again = own.filter(|heard| heard.value(PROGRESS, "Progress") == Some("10")).count();
        (again >= 3).then_some(())
    })?;
    bed.command("Settle", &("software-manager", FIRST, "Active"))?;
    bed.await_state(&object, "Active")?;
    Ok(())
}

/// More signals than may wait for a connection keep its answers waiting too.
#[test]
fn signals_of_others_do_not_keep_back_what_the_service_answers_that_has_the_image() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "install")? else { return Ok(()) };
    bed.command("SetMode", &("software-manager", "slow 1500"))?;
    let object = bed.start_update(&bmc_image("noise"), IMMEDIATE)?;
    bed.wait("the service is called", || Ok(handed_on(&bed)? == 1))?;
    let noise = Message::signal("/xyz/openbmc_project/software/noise", PROPERTIES, "PropertiesChanged");
    let changed = HashMap::from([("Activation", Variant::from(format!("{STATES}Failed")))]);
    let noise = noise.build(&(ACTIVATION, changed, Vec::<String>::new()))?;
    bed.runtime.block_on(async {
        for _ in 0..4_000 {
            bed.client.send(&noise).await?;
        }
        Ok::<_, zbus::Error>(())
    })?;
    bed.await_state(&object, "Active")?;
    assert_eq!(told(&mut bed, &object)?.last().map(String::as_str), Some("Active"));
    Ok(())
}

#[test]
fn what_was_unpacked_goes_before_the_service_has_the_image_and_that_is_said() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "install")? else { return Ok(()) };
    bed.command("SetMode", &("software-manager", "hanging"))?;
    let object = bed.start_update(&bmc_image("hanging"), IMMEDIATE)?;
    bed.await_state(&object, "Ready")?;
    bed.wait("its folder is gone", || Ok(bed.files()?.is_empty()))?;
    assert_eq!(bed.get(NAME, &object, IMAGE, "Stage"), Ok("handed on".to_owned()));
    assert_eq!(reason(&mut bed, &object)?, format!("is being handed on to {SOFTWARE_MANAGER}"));
    Ok(())
}

#[test]
fn an_image_is_followed_where_the_service_has_it_and_does_not_say_so() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "late")? else { return Ok(()) };
    let object = bed.start_update(&bmc_image("late"), IMMEDIATE)?;
    bed.await_state(&object, "Active")?;
    assert_eq!(handed_on(&bed)?, 1);
    Ok(())
}

#[test]
fn an_object_mapper_that_does_not_answer_is_why_no_service_has_an_image() -> anyhow::Result<()> {
    let Some(mut bed) = bed("claim-timeout-s = 1\n", "install")? else { return Ok(()) };
    bed.command("SetMode", &("object-mapper", "hanging"))?;
    let object = bed.start_update(&bmc_image("unknown"), IMMEDIATE)?;
    bed.await_state(&object, "Invalid")?;
    let reason = reason(&mut bed, &object)?;
    assert!(
        reason.contains("none claimed it within 1 s; the object mapper did not say within 2 s"),
        "{reason}"
    );
    assert_eq!(handed_on(&bed)?, 0);
    Ok(())
}

#[test]
fn an_image_that_waits_for_its_client_is_deleted_here_and_where_it_was_handed_on_to() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "stay")? else { return Ok(()) };
    let object = bed.start_update(&bmc_image("deleted"), ON_REQUEST)?;
    bed.await_state(FIRST, "Ready")?;
    let has_it = format!("{SOFTWARE_MANAGER} takes such images, and has it");
    bed.wait("the service has it", || Ok(bed.get(NAME, &object, IMAGE, "Reason") == Ok(has_it.clone())))?;
    assert_eq!(bed.delete(&object), Ok(()));
    assert!(bed.images()?.is_empty());
    bed.wait("the service has deleted it", || Ok(!bed.objects_of(SOFTWARE_MANAGER)?.contains_key(FIRST)))?;
    assert!(bed.events()?.is_empty());
    // Not one that a client has asked for.
    bed.forget()?;
    let second = FIRST.replace("5e1f0a01", "5e1f0a02");
    let object = bed.start_update(&bmc_image("asked"), ON_REQUEST)?;
    bed.await_state(&second, "Ready")?;
    bed.set_requested(NAME, &object)?;
    assert_eq!(bed.delete(&object), Err("xyz.openbmc_project.Common.Error.NotAllowed".to_owned()));
    Ok(())
}

#[test]
fn a_service_that_is_gone_before_it_is_called_is_looked_for_once_more() -> anyhow::Result<()> {
    let Some(mut bed) = bed("hold-ms = 4000\n", "install")? else { return Ok(()) };
    let asked = |bed: &Bed| -> anyhow::Result<usize> {
        let calls: String = bed.command("Calls", &"object-mapper")?.body().deserialize()?;
        Ok(calls.lines().filter(|call| call.contains("bmc/updateable")).count())
    };
    let before = asked(&bed)?;
    let object = bed.start_update(&bmc_image("gone"), IMMEDIATE)?;
    bed.wait("the service is looked for", || Ok(asked(&bed)? == before + 1))?;
    // What is asked of the bus after that has come long before another image is unpacked.
    let other = bed.start_update(&image("other"), IMMEDIATE)?;
    bed.until(|heard| {
        let own = heard.iter().filter(|heard| heard.path == other);
        own.filter_map(|heard| heard.value(IMAGE, "Stage")).any(|stage| stage == "checked").then_some(())
    })?;
    bed.command("Leave", &"software-manager")?;
    bed.await_state(&object, "Invalid")?;
    let says = format!("{SOFTWARE_MANAGER} is gone, and has not got the image");
    assert_eq!(reason(&mut bed, &object)?, says);
    assert_eq!(asked(&bed)?, before + 2);
    bed.await_event("Update.UpdateNotApplicable")?;
    Ok(())
}
