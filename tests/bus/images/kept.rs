//! Images that no installer has installed: those that failed, and dropped ones that are not claimed. How long they stay, what is
//! said of them, and what makes them go.

use super::bed::{Bed, IMAGE, IMMEDIATE, INSTALLER, NAME, ON_REQUEST, VERSION, image, image_for};
use super::installer::{DRIVE, DRIVES, Installer};

const NOT_ALLOWED: &str = "xyz.openbmc_project.Common.Error.NotAllowed";
const NOT_APPLICABLE: &str = "Update.UpdateNotApplicable";

fn bed(settings: &str) -> anyhow::Result<Option<Bed>> {
    let Some(mut bed) = Bed::new(settings)? else { return Ok(None) };
    bed.start_peers(&["event-log", "object-mapper", "installer"])?;
    bed.start()?;
    Ok(Some(bed))
}

fn shown(bed: &Bed, path: &str, property: &str) -> Result<String, String> {
    bed.get(NAME, path, IMAGE, property)
}

fn await_stage(bed: &Bed, path: &str, stage: &str) -> anyhow::Result<()> {
    bed.wait(stage, || Ok(shown(bed, path, "Stage").as_deref() == Ok(stage)))
}

fn await_end(bed: &mut Bed, path: &str) -> anyhow::Result<()> {
    bed.until(|heard| heard.iter().any(|heard| heard.path == path && heard.removes(VERSION)).then_some(()))
}

/// An image whose installation has failed.
fn failed(bed: &Bed, content: &[u8]) -> anyhow::Result<String> {
    let path = bed.start_update(content, IMMEDIATE)?;
    await_stage(bed, &path, "failed")?;
    Ok(path)
}

#[test]
fn an_image_whose_installation_failed_says_whose_and_can_be_tried_again() -> anyhow::Result<()> {
    let Some(mut bed) = bed("linger-s = 60")? else { return Ok(()) };
    bed.command("Behave", &("installer", "fail"))?;
    let path = failed(&bed, &image("failed"))?;
    let is_told = |bed: &Bed| {
        let reason = shown(bed, &path, "Reason");
        assert!(
            reason.as_ref().is_ok_and(|text| text.starts_with(INSTALLER) && text.contains("failed")),
            "{reason:?}"
        );
    };
    is_told(&bed);
    bed.kill()?;
    bed.start()?;
    await_stage(&bed, &path, "failed")?;
    is_told(&bed);
    bed.command("Behave", &("installer", "stay"))?;
    bed.set_requested(INSTALLER, &path)?;
    await_stage(&bed, &path, "with its installer")?;
    assert_eq!(shown(&bed, &path, "Reason"), Ok(String::new()), "nothing is wrong any more");
    bed.command("Settle", &("installer", &path, "Failed"))?;
    await_stage(&bed, &path, "failed")?;
    is_told(&bed);
    bed.command("Behave", &("installer", "install"))?;
    bed.set_requested(INSTALLER, &path)?;
    await_stage(&bed, &path, "done")?;
    assert_eq!(shown(&bed, &path, "Reason"), Ok(String::new()));
    assert_eq!((bed.requests(&path)?, bed.events()?), (1, Vec::new()), "clients have asked for the others");
    Ok(())
}

#[test]
fn an_installer_tries_again_what_it_has_handed_on_and_failed_to_install() -> anyhow::Result<()> {
    let Some(mut bed) = bed("")? else { return Ok(()) };
    let mut owner = Installer::start(&bed, DRIVES)?;
    let path = owner.hand_on(&image("handed-on"), IMMEDIATE, DRIVE)?;
    owner.claim(&path, "Ready")?;
    owner.await_told(&bed, &path, 1)?;
    for state in ["Activating", "Failed"] {
        owner.come_to(&path, state)?;
    }
    await_stage(&bed, &path, "failed")?;
    assert!(shown(&bed, &path, "Reason").is_ok_and(|reason| reason.starts_with(DRIVES)));
    bed.set_requested(DRIVES, &path)?;
    for state in ["Activating", "Active"] {
        owner.come_to(&path, state)?;
    }
    await_end(&mut bed, &path)?;
    assert_eq!((owner.told(&path), bed.requests(&path)?), (2, 1));
    Ok(())
}

#[test]
fn of_the_images_that_failed_for_one_place_the_last_is_kept() -> anyhow::Result<()> {
    let Some(mut bed) = bed("max-images = 4")? else { return Ok(()) };
    bed.command("Behave", &("installer", "fail"))?;
    let other = failed(&bed, &image_for("model=other,manufacturer=m", "other"))?;
    let mut last = String::new();
    for count in 0..10 {
        last = failed(&bed, &image(&format!("failed-{count}")))?;
    }
    let mut expected = [other, last];
    expected.sort();
    bed.wait("the others are gone", || Ok(bed.files()?.len() == 2))?;
    assert_eq!(bed.images()?, expected);
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}

#[test]
fn an_image_that_failed_goes_after_a_while() -> anyhow::Result<()> {
    let Some(mut bed) = bed("kept-s = 1")? else { return Ok(()) };
    bed.command("Behave", &("installer", "fail"))?;
    let path = failed(&bed, &image("failed"))?;
    await_end(&mut bed, &path)?;
    bed.wait("its folder is gone", || Ok(bed.files()?.is_empty()))
}

#[test]
fn an_image_that_failed_makes_way_for_the_next() -> anyhow::Result<()> {
    let Some(mut bed) = bed("max-images = 2")? else { return Ok(()) };
    bed.command("Behave", &("installer", "fail"))?;
    let [first, second] =
        ["a", "b"].map(|model| failed(&bed, &image_for(&format!("model={model},manufacturer=m"), model)));
    let (first, second) = (first?, second?);
    bed.command("Behave", &("installer", "stay"))?;
    let third = bed.start_update(&image("third"), IMMEDIATE)?;
    assert!(!bed.images()?.contains(&first) && bed.images()?.contains(&second), "the oldest has gone");
    await_stage(&bed, &third, "with its installer")?;
    // One that is dropped makes the other go.
    bed.drop_file("image", &image_for("model=d,manufacturer=m", "dropped"))?;
    let dropped = bed.await_image("dropped")?;
    let mut expected = [third, dropped];
    expected.sort();
    assert_eq!(bed.images()?, expected);
    // None of these has failed.
    let refused = bed.start_update(&image("refused"), IMMEDIATE).unwrap_err().to_string();
    assert!(refused.contains("Unavailable"), "{refused}");
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}

#[test]
fn a_dropped_image_that_no_installer_claims_says_so_once_and_is_claimed_later() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("claim-timeout-s = 1")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    bed.drop_file("image", &image("unclaimed"))?;
    let path = bed.await_image("unclaimed")?;
    assert_eq!(shown(&bed, &path, "Reason"), Ok(String::new()));
    let data = bed.await_event(NOT_APPLICABLE)?;
    assert_eq!(data["TARGET_NAME"], path);
    assert!(data["REASON"].contains("purpose PSU") && data["REASON"].contains("within 1 s"), "{data:?}");
    let is_told = |bed: &Bed| {
        bed.wait("its reason", || Ok(shown(bed, &path, "Reason").as_ref() == Ok(&data["REASON"])))
    };
    is_told(&bed)?;
    for is_killed in [true, false] {
        if is_killed {
            bed.kill()?
        } else {
            bed.stop()?
        }
        bed.start()?;
        is_told(&bed)?;
    }
    // As long as it took the first time, and an image that comes later has said so.
    bed.drop_file("later", &image("later"))?;
    let later = bed.await_image("later")?;
    bed.await_events(2)?;
    let mut installer = Installer::start(&bed, DRIVES)?;
    installer.claim(&path, "Ready")?;
    bed.wait("it is claimed", || Ok(shown(&bed, &path, "Reason") == Ok(String::new())))?;
    assert_ne!(shown(&bed, &later, "Reason"), Ok(String::new()));
    assert_eq!(installer.told(&path), 0, "no client wants it yet");
    assert_eq!(bed.events()?, [NOT_APPLICABLE; 2]);
    Ok(())
}

#[test]
fn a_dropped_image_that_no_installer_claims_goes_in_the_end() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("claim-timeout-s = 1\nunclaimed-s = 2")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    bed.drop_file("image", &image("unclaimed"))?;
    let path = bed.await_image("unclaimed")?;
    bed.await_event(NOT_APPLICABLE)?;
    assert_eq!(bed.images()?, [&*path], "it is kept for a while");
    await_end(&mut bed, &path)?;
    bed.wait("its folder is gone", || Ok(bed.files()?.is_empty()))?;
    assert_eq!(bed.events()?, [NOT_APPLICABLE]);
    Ok(())
}

/// A service that has a name and answers nothing may be an installer at work, but not for ever.
#[test]
fn a_silent_service_keeps_an_image_for_ten_seconds_after_a_restart_and_asks_the_mapper_nothing()
-> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("linger-s = 60")? else { return Ok(()) };
    bed.start_peers(&["event-log", "object-mapper"])?;
    bed.start()?;
    let old = bed.start_update(&image("1"), ON_REQUEST)?;
    bed.await_image("1")?;
    let kept = bed.start_update(&image("2"), ON_REQUEST)?;
    bed.await_image("2")?;
    bed.stop()?;
    bed.configure("linger-s = 60\n[[version-floors]]\npurpose = \"PSU\"\nminimum = \"2\"\n")?;
    let name = "xyz.openbmc_project.Software.Silent";
    bed.runtime.block_on(bed.client.request_name(name))?;
    bed.command("Forget", &"object-mapper")?;
    bed.forget()?;
    bed.start()?;
    assert_eq!(bed.delete(&kept), Err(NOT_ALLOWED.to_owned()));
    bed.wait("it may be deleted", || Ok(bed.delete(&kept).is_ok()))?;
    // One that has to go by itself waits for the answer: there may be an installer at work on it.
    let folder = bed.folder().join(old.rsplit('/').next().unwrap_or_default());
    assert!(folder.join("psu.bin").exists());
    let calls: String = bed.command("Calls", &"object-mapper")?.body().deserialize()?;
    let asked = calls.lines().filter(|line| line.contains("GetSubTree") && line.contains("MultipartUpdate"));
    // Before its name is taken; then at once, after two seconds, and after eight more, about now.
    let count = asked.count();
    assert!((3..=4).contains(&count), "{count} {calls}");
    Ok(())
}
