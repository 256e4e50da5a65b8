//! What an installer may count on that hands on an image, from its side and in many orders of events.

use super::bed::{
    ACTIVATION, Bed, IMAGE, IMMEDIATE, KEY, NAME, ON_REQUEST, STATES, VERSION, error_name, image, memory,
};
use super::installer::{DRIVE, DRIVES, Installer};
use super::tar::{Entry, archive};
use image_signature::PublicKey;
use std::io::Write as _;

const OTHER: &str = "xyz.openbmc_project.Software.Other";
const NOT_ALLOWED: &str = "xyz.openbmc_project.Common.Error.NotAllowed";
const INVALID_ARGUMENT: &str = "xyz.openbmc_project.Common.Error.InvalidArgument";
const NOT_APPLICABLE: &str = "Update.UpdateNotApplicable";

fn bed(settings: &str) -> anyhow::Result<Option<(Bed, Installer)>> {
    let Some(mut bed) = Bed::new(settings)? else { return Ok(None) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let owner = Installer::start(&bed, DRIVES)?;
    Ok(Some((bed, owner)))
}

/// What image-manager shows of an image.
fn shown(bed: &Bed, path: &str, property: &str) -> Result<String, String> {
    bed.get(NAME, path, IMAGE, property)
}

/// Waits until image-manager has taken its own Activation of an image away.
fn await_claim(bed: &Bed, path: &str) -> anyhow::Result<()> {
    bed.wait("it is claimed", || Ok(bed.get(NAME, path, ACTIVATION, "Activation").is_err()))
}

/// Waits until image-manager shows its own Activation in a state.
fn await_own(bed: &Bed, path: &str, state: &str) -> anyhow::Result<()> {
    let state = format!("{STATES}{state}");
    bed.wait(&state, || Ok(bed.get(NAME, path, ACTIVATION, "Activation").as_ref() == Ok(&state)))
}

/// Waits until the image is not published any more.
fn await_end(bed: &mut Bed, path: &str) -> anyhow::Result<()> {
    bed.until(|heard| heard.iter().any(|heard| heard.path == path && heard.removes(VERSION)).then_some(()))
}

/// The installer does what it is told.
fn install(bed: &mut Bed, owner: &Installer, path: &str) -> anyhow::Result<()> {
    for state in ["Activating", "Active"] {
        owner.come_to(path, state)?;
    }
    await_end(bed, path)
}

/// An image that was handed on is shown as Invalid, with this in its reason.
fn await_invalid(bed: &mut Bed, path: &str, part: &str) -> anyhow::Result<()> {
    bed.until(|heard| {
        let own = heard.iter().filter(|heard| heard.path == path);
        let told = own.filter_map(|heard| heard.value(IMAGE, "Reason")).any(|reason| reason.contains(part));
        told.then_some(())
    })?;
    let data = bed.await_event(NOT_APPLICABLE)?;
    assert!(data["REASON"].contains(part) && data["REASON"].contains(DRIVES), "{data:?}");
    assert_eq!(data["TARGET_NAME"], path);
    bed.until(|heard| {
        let gone = |heard: &&super::ear::Heard| heard.path == path && heard.removes(IMAGE);
        heard.iter().find(gone).map(drop)
    })?;
    let heard = bed.heard()?;
    let own = heard.iter().rfind(|heard| heard.path == path && heard.adds(IMAGE)).map(|heard| &heard.sender);
    let mut states = heard.iter().rev().filter(|heard| heard.path == path && Some(&heard.sender) == own);
    let last = states.find_map(|heard| heard.value(ACTIVATION, "Activation"));
    assert_eq!(last, Some(&*format!("{STATES}Invalid")));
    bed.wait("nothing is left", || Ok(bed.files()?.is_empty()))
}

#[test]
fn an_image_that_is_handed_on_shows_target_and_signer_over_restarts() -> anyhow::Result<()> {
    let manifest = format!("{}Other\nversion=unsigned\n", super::archives::PURPOSE);
    let unsigned = archive(&[Entry::file("payload", "x"), Entry::file("MANIFEST", manifest)]);
    let signer = PublicKey::from_pem(KEY.public_key_pem().as_bytes())?.fingerprint().to_string();
    let field_mode = ("xyz.openbmc_project.Software.BMC.Updater", "xyz.openbmc_project.Control.FieldMode");
    for (settings, content, signer) in [
        ("", image("signed"), &*signer),
        ("signature = \"off\"", unsigned.clone(), ""),
        ("signature = \"field-mode\"", unsigned, ""),
    ] {
        let Some(mut bed) = Bed::new(settings)? else { return Ok(()) };
        bed.start_peers(&["event-log", "object-mapper", "field-mode"])?;
        let (service, interface) = field_mode;
        bed.command("Map", &(super::bed::ROOT, service, [interface].as_slice()))?;
        bed.start()?;
        let owner = Installer::start(&bed, DRIVES)?;
        let path = owner.hand_on(&content, ON_REQUEST, DRIVE)?;
        assert_eq!(shown(&bed, &path, "Target"), Ok(DRIVE.to_owned()), "with the reply");
        bed.await_state(&path, "Ready")?;
        for is_killed in [None, Some(true), Some(false), Some(true)] {
            match is_killed {
                None => {}
                Some(true) => bed.kill()?,
                Some(false) => bed.stop()?,
            }
            if is_killed.is_some() {
                bed.start()?;
            }
            let told = ["Target", "Signer"].map(|property| shown(&bed, &path, property));
            assert_eq!(told, [Ok(DRIVE.to_owned()), Ok(signer.to_owned())], "{settings} {is_killed:?}");
        }
        assert_eq!(bed.events()?, [""; 0]);
    }
    Ok(())
}

#[test]
fn nothing_but_the_installer_that_has_handed_an_image_on_is_told_or_heard() -> anyhow::Result<()> {
    let Some((mut bed, mut owner)) = bed("")? else { return Ok(()) };
    let mut other = Installer::start(&bed, OTHER)?;
    for order in ["first", "at the same time", "later"] {
        bed.forget()?;
        let path = owner.hand_on(&image(order), IMMEDIATE, DRIVE)?;
        match order {
            "first" => {
                other.claim(&path, "Ready")?;
                other.was_heard()?;
                bed.await_image(order)?;
                owner.claim(&path, "NotReady")?;
            }
            "later" => {
                owner.claim(&path, "NotReady")?;
                await_claim(&bed, &path)?;
                other.claim(&path, "Ready")?;
            }
            _ => {
                owner.claim(&path, "NotReady")?;
                other.claim(&path, "Ready")?;
            }
        }
        other.was_heard()?;
        assert_eq!(owner.told(&path), 0, "{order}");
        owner.come_to(&path, "Ready")?;
        owner.await_told(&bed, &path, 1)?;
        for state in ["Activating", "Active", "Failed", "Invalid"] {
            other.come_to(&path, state)?;
            other.was_heard()?;
            assert_eq!(bed.images()?, [&*path], "{order}: {state} of another");
        }
        owner.come_to(&path, "Activating")?;
        other.give_up(&path)?;
        other.was_heard()?;
        assert_eq!(bed.delete(&path), Err(NOT_ALLOWED.to_owned()));
        owner.come_to(&path, "Active")?;
        await_end(&mut bed, &path)?;
        assert_eq!((owner.told(&path), other.told(&path)), (1, 0), "{order}");
        owner.give_up(&path)?;
        bed.wait("nothing is left", || Ok(bed.files()?.is_empty()))?;
    }
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}

#[test]
fn no_installer_is_told_before_a_client_wants_it_where_that_is_the_apply_time() -> anyhow::Result<()> {
    let Some((mut bed, mut owner)) = bed("")? else { return Ok(()) };
    // Before it is claimed.
    let path = owner.hand_on(&image("before"), ON_REQUEST, DRIVE)?;
    bed.await_state(&path, "Ready")?;
    bed.set_requested(NAME, &path)?;
    owner.claim(&path, "NotReady")?;
    await_claim(&bed, &path)?;
    assert_eq!(owner.told(&path), 0);
    owner.come_to(&path, "Ready")?;
    owner.await_told(&bed, &path, 1)?;
    install(&mut bed, &owner, &path)?;
    // After: then clients ask the installer itself.
    let path = owner.hand_on(&image("after"), ON_REQUEST, DRIVE)?;
    owner.claim(&path, "Ready")?;
    await_claim(&bed, &path)?;
    owner.was_heard()?;
    assert_eq!(bed.requests(&path)?, 0);
    bed.set_requested(DRIVES, &path)?;
    assert_eq!(owner.told(&path), 1);
    install(&mut bed, &owner, &path)?;
    assert_eq!(owner.told(&path), 1);
    Ok(())
}

#[test]
fn an_installer_may_claim_as_soon_as_it_has_the_reply() -> anyhow::Result<()> {
    let Some((mut bed, mut owner)) = bed("stall-limit-s = 60")? else { return Ok(()) };
    for state in ["NotReady", "Ready"] {
        let (reader, mut writer) = std::io::pipe()?;
        let path = owner.hand_on_from(&reader, IMMEDIATE, DRIVE)?;
        owner.claim(&path, state)?;
        owner.was_heard()?;
        // It is image-manager that is at work so far.
        assert_eq!(bed.get(NAME, &path, ACTIVATION, "Activation"), Ok(format!("{STATES}NotReady")));
        writer.write_all(&image(state))?;
        drop((reader, writer));
        bed.await_image(state)?;
        await_claim(&bed, &path)?;
        if state == "NotReady" {
            assert_eq!(owner.told(&path), 0);
            owner.come_to(&path, "Ready")?;
        }
        owner.await_told(&bed, &path, 1)?;
        install(&mut bed, &owner, &path)?;
        assert_eq!(owner.told(&path), 1);
    }
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}

#[test]
fn an_image_that_its_installer_finds_unfit_is_invalid_and_says_who_says_so() -> anyhow::Result<()> {
    // It has looked at it, has known so from the start, or before it was unpacked.
    for order in ["later", "at once", "before"] {
        let Some((mut bed, mut owner)) = bed("stall-limit-s = 60")? else { return Ok(()) };
        let (reader, mut writer) = std::io::pipe()?;
        let path = owner.hand_on_from(&reader, IMMEDIATE, DRIVE)?;
        if order == "before" {
            owner.claim(&path, "Invalid")?;
            owner.was_heard()?;
        }
        writer.write_all(&image(order))?;
        drop((reader, writer));
        bed.await_image(order)?;
        match order {
            "later" => {
                owner.claim(&path, "NotReady")?;
                await_claim(&bed, &path)?;
                owner.come_to(&path, "Invalid")?;
            }
            "at once" => owner.claim(&path, "Invalid")?,
            _ => {}
        }
        await_invalid(&mut bed, &path, "says that the image is invalid")?;
        assert_eq!((owner.told(&path), bed.events()?.len()), (0, 1), "{order}");
    }
    Ok(())
}

#[test]
fn an_image_whose_installer_does_not_come_is_invalid_and_names_it() -> anyhow::Result<()> {
    for order in ["silent", "dead", "another"] {
        let Some((mut bed, owner)) = bed("claim-timeout-s = 1")? else { return Ok(()) };
        let path = owner.hand_on(&image(order), IMMEDIATE, DRIVE)?;
        let mut other = Installer::start(&bed, OTHER)?;
        match order {
            "dead" => owner.die()?,
            "another" => other.claim(&path, "Ready")?,
            _ => {}
        }
        await_invalid(&mut bed, &path, "did not claim it within 1 s")?;
        assert_eq!((other.told(&path), bed.events()?.len()), (0, 1), "{order}");
    }
    Ok(())
}

#[test]
fn an_installer_that_dies_claims_again_and_is_not_told_again_unless_a_client_asks() -> anyhow::Result<()> {
    let Some((mut bed, mut owner)) = bed("")? else { return Ok(()) };
    let path = owner.hand_on(&image("dying"), IMMEDIATE, DRIVE)?;
    owner.claim(&path, "Ready")?;
    owner.await_told(&bed, &path, 1)?;
    owner.come_to(&path, "Activating")?;
    owner.was_heard()?;
    owner.die()?;
    await_own(&bed, &path, "Ready")?;
    let mut second = Installer::start(&bed, DRIVES)?;
    second.claim(&path, "NotReady")?;
    await_claim(&bed, &path)?;
    second.come_to(&path, "Ready")?;
    second.was_heard()?;
    second.die()?;
    await_own(&bed, &path, "Ready")?;
    assert_eq!(bed.requests(&path)?, 1, "of all installers so far");
    bed.set_requested(NAME, &path)?;
    let mut third = Installer::start(&bed, DRIVES)?;
    third.claim(&path, "Ready")?;
    third.await_told(&bed, &path, 1)?;
    install(&mut bed, &third, &path)?;
    assert_eq!((bed.requests(&path)?, bed.events()?.len()), (2, 0));
    Ok(())
}

/// What is known of an image's installer outlives image-manager as well.
#[test]
fn a_restart_changes_nothing_between_an_image_and_its_installer() -> anyhow::Result<()> {
    let Some((mut bed, mut owner)) = bed("")? else { return Ok(()) };
    let mut other = Installer::start(&bed, OTHER)?;
    // Before it is claimed.
    let path = owner.hand_on(&image("waiting"), IMMEDIATE, DRIVE)?;
    bed.await_state(&path, "Ready")?;
    bed.kill()?;
    other.claim(&path, "Ready")?;
    bed.start()?;
    other.was_heard()?;
    owner.claim(&path, "Ready")?;
    owner.await_told(&bed, &path, 1)?;
    // While it is installed.
    owner.come_to(&path, "Activating")?;
    owner.was_heard()?;
    bed.kill()?;
    bed.start()?;
    await_claim(&bed, &path)?;
    other.come_to(&path, "Active")?;
    other.was_heard()?;
    assert_eq!(bed.images()?, [&*path]);
    // The installer dies while image-manager is away.
    bed.kill()?;
    owner.die()?;
    bed.start()?;
    let mut owner = Installer::start(&bed, DRIVES)?;
    owner.claim(&path, "Ready")?;
    await_claim(&bed, &path)?;
    owner.was_heard()?;
    assert_eq!((bed.requests(&path)?, other.told(&path)), (1, 0));
    bed.set_requested(DRIVES, &path)?;
    install(&mut bed, &owner, &path)?;
    assert_eq!((owner.told(&path), other.told(&path)), (1, 0));
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}

#[test]
fn what_cannot_be_handed_on_is_refused_and_leaves_nothing() -> anyhow::Result<()> {
    let Some((bed, owner)) = bed("")? else { return Ok(()) };
    for name in ["", "com.example.Drives", "xyz.openbmc_project.SoftwareDrives"] {
        let nameless = Installer::start(&bed, name)?;
        let refused = nameless.hand_on_from(memory(&image("nameless"))?, IMMEDIATE, DRIVE);
        assert_eq!(refused.map_err(error_name), Err(NOT_ALLOWED.to_owned()), "{name:?}");
    }
    let long = format!("/{}", "drive".repeat(1_000));
    let cases = [
        ("", DRIVE),
        ("Immediate", DRIVE),
        (&*format!("{IMMEDIATE}ly"), DRIVE),
        (IMMEDIATE, "drive"),
        (IMMEDIATE, "/drive/"),
        (IMMEDIATE, "/drive 1"),
        (IMMEDIATE, &long),
    ];
    for (apply, target) in cases {
        let refused = owner.hand_on_from(memory(&image("wrong"))?, apply, target);
        assert_eq!(refused.map_err(error_name), Err(INVALID_ARGUMENT.to_owned()), "{apply} {target}");
    }
    assert_eq!((bed.images()?, bed.files()?), (Vec::new(), Vec::new()));
    let records = bed.root().join("run/vivianite/image-manager/images");
    assert_eq!(std::fs::read_dir(records)?.count(), 0);
    Ok(())
}

#[test]
fn an_installer_has_images_for_two_devices_at_work_at_once_and_two_for_one_in_turn() -> anyhow::Result<()> {
    let Some((mut bed, mut owner)) = bed("")? else { return Ok(()) };
    let content = image("same");
    let mut paths = Vec::new();
    for target in [DRIVE, "/xyz/openbmc_project/software/drive_2", DRIVE] {
        let path = owner.hand_on(&content, IMMEDIATE, target)?;
        owner.claim(&path, "Ready")?;
        await_claim(&bed, &path)?;
        paths.push(path);
    }
    let [first, second, third] = &*paths else { unreachable!() };
    for path in [first, second] {
        owner.await_told(&bed, path, 1)?;
        owner.come_to(path, "Activating")?;
    }
    owner.was_heard()?;
    bed.wait(
        "the third waits",
        || Ok(shown(&bed, third, "Stage").is_ok_and(|stage| stage.contains("turn"))),
    )?;
    // The end of an image for another device is not its turn.
    install(&mut bed, &owner, second)?;
    assert_eq!(owner.told(third), 0);
    install(&mut bed, &owner, first)?;
    owner.await_told(&bed, third, 1)?;
    install(&mut bed, &owner, third)?;
    assert_eq!(paths.iter().map(|path| owner.told(path)).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}
