//! Installers of another user than root's: believed for what the settings give their bus names, and for nothing else.

use super::bed::{
    ACTIVATION, Bed, IMAGE, IMMEDIATE, NAME, ON_REQUEST, STATES, VERSION, error_name, image, memory,
};
use super::installer::{DRIVE, DRIVES, Installer};
use super::tar::{Entry, archive};
use std::io::Write as _;

const OTHER: &str = "xyz.openbmc_project.Software.Other";
const NOT_ALLOWED: &str = "xyz.openbmc_project.Common.Error.NotAllowed";
const IGNORED: &str = "that it may not install: it is ignored";
/// What the images of this test are compatible with.
const PSU: &str = "org.example.Software.Element.Supply.Type.Psu";

fn settings(purpose: &str, compatible: &str) -> String {
    format!("[installers.\"{DRIVES}\"]\npurposes = [\"{purpose}\"]\ncompatible = [\"{compatible}\"]\n")
}

/// A machine whose settings give something to the drives' installer, which is not root's.
fn bed(settings: &str) -> anyhow::Result<Option<(Bed, Installer)>> {
    let Some(mut bed) = Bed::new(settings)? else { return Ok(None) };
    bed.start_peers(&["event-log"])?;
    bed.start_logged()?;
    let Some(installer) = Installer::start_by_another_user(&bed, DRIVES)? else { return Ok(None) };
    Ok(Some((bed, installer)))
}

fn await_claim(bed: &Bed, path: &str) -> anyhow::Result<()> {
    bed.wait("it is claimed", || Ok(bed.get(NAME, path, ACTIVATION, "Activation").is_err()))
}

/// It is told to begin once, and its end is the image's.
fn install(bed: &mut Bed, installer: &Installer, path: &str) -> anyhow::Result<()> {
    installer.await_told(bed, path, 1)?;
    installer.come_to(path, "Activating")?;
    installer.was_heard()?;
    assert_eq!(bed.delete(path), Err(NOT_ALLOWED.to_owned()));
    installer.come_to(path, "Active")?;
    bed.until(|heard| heard.iter().any(|heard| heard.path == path && heard.removes(VERSION)).then_some(()))?;
    assert_eq!(installer.told(path), 1);
    Ok(())
}

#[test]
fn an_installer_that_is_not_root_s_installs_what_it_is_given() -> anyhow::Result<()> {
    let Some((mut bed, mut installer)) = bed(&settings("PSU", PSU))? else { return Ok(()) };
    // A client's, an early claim of a client's, and its own.
    let path = bed.start_update(&image("client's"), IMMEDIATE)?;
    bed.await_image("client's")?;
    installer.claim(&path, "Ready")?;
    install(&mut bed, &installer, &path)?;
    let (reader, mut writer) = std::io::pipe()?;
    let path = bed.hand_over(&reader, IMMEDIATE)?;
    installer.claim(&path, "Ready")?;
    installer.was_heard()?;
    writer.write_all(&image("early"))?;
    drop((reader, writer));
    install(&mut bed, &installer, &path)?;
    let path = installer.hand_on(&image("own"), IMMEDIATE, DRIVE)?;
    installer.claim(&path, "NotReady")?;
    await_claim(&bed, &path)?;
    bed.kill()?;
    bed.start_logged()?;
    await_claim(&bed, &path)?;
    installer.come_to(&path, "Ready")?;
    install(&mut bed, &installer, &path)?;
    // A dropped one, which it removes itself.
    bed.drop_file("image", &image("dropped"))?;
    let path = bed.await_image("dropped")?;
    installer.claim(&path, "Activating")?;
    installer.was_heard()?;
    assert_eq!(bed.delete(&path), Err(NOT_ALLOWED.to_owned()));
    assert_eq!(installer.delete(&path), Ok(()));
    assert_eq!((bed.events()?, bed.logged(IGNORED)?), (Vec::new(), 0));
    Ok(())
}

#[test]
fn an_installer_that_is_not_root_s_does_nothing_to_images_that_it_is_not_given() -> anyhow::Result<()> {
    for (purpose, compatible) in [("PSU", "com.example.Drive"), ("Other", PSU)] {
        let given = settings(purpose, compatible);
        let Some((mut bed, mut installer)) = bed(&given)? else { return Ok(()) };
        let mut root = Installer::start(&bed, OTHER)?;
        let path = bed.start_update(&image("others'"), IMMEDIATE)?;
        bed.await_image("others'")?;
        installer.claim(&path, "Ready")?;
        installer.was_heard()?;
        for state in ["Activating", "Active", "Invalid", "Failed"] {
            installer.come_to(&path, state)?;
            installer.was_heard()?;
            let own = bed.get(NAME, &path, ACTIVATION, "Activation");
            assert_eq!(own, Ok(format!("{STATES}Ready")), "{given} {state}");
        }
        assert_eq!(installer.delete(&path), Err(NOT_ALLOWED.to_owned()), "{given}");
        // Nor does it keep one of root's from it.
        root.claim(&path, "Ready")?;
        install(&mut bed, &root, &path)?;
        assert_eq!(installer.told(&path), 0);
        let path = bed.start_update(&image("deleted"), ON_REQUEST)?;
        bed.await_image("deleted")?;
        installer.claim(&path, "Activating")?;
        bed.wait("it is ignored", || Ok(bed.logged(IGNORED)? == 2))?;
        assert_eq!(bed.delete(&path), Ok(()));
        bed.stop()?;
        assert_eq!(bed.logged(IGNORED)?, 2, "one line for each image");
        assert_eq!(bed.events()?, [""; 0]);
    }
    Ok(())
}

#[test]
fn a_name_that_the_settings_do_not_know_is_given_nothing() -> anyhow::Result<()> {
    let Some((mut bed, owner)) = bed(&settings("PSU", PSU))? else { return Ok(()) };
    let Some(mut unknown) = Installer::start_by_another_user(&bed, OTHER)? else { return Ok(()) };
    let refused = unknown.hand_on_from(memory(&image("handed-on"))?, IMMEDIATE, DRIVE);
    assert_eq!(refused.map_err(error_name), Err(NOT_ALLOWED.to_owned()));
    bed.drop_file("image", &image("dropped"))?;
    let dropped = bed.await_image("dropped")?;
    let handed_on = owner.hand_on(&image("owner's"), ON_REQUEST, DRIVE)?;
    bed.await_image("owner's")?;
    for (count, path) in [(1, &dropped), (2, &handed_on)] {
        unknown.claim(path, "Activating")?;
        unknown.was_heard()?;
        assert_eq!(unknown.delete(path), Err(NOT_ALLOWED.to_owned()));
        bed.wait("it is ignored", || Ok(bed.logged(IGNORED)? == count))?;
        assert_eq!(bed.delete(path), Ok(()));
    }
    assert_eq!(bed.images()?, [""; 0]);
    Ok(())
}

/// The bus says who may have which name; an installer of root's that has died has left its name to nothing else.
#[test]
fn a_name_alone_makes_no_installer_of_root_s() -> anyhow::Result<()> {
    let Some((mut bed, drives)) = bed(&settings("PSU", PSU))? else { return Ok(()) };
    let root = Installer::start(&bed, OTHER)?;
    let path = root.hand_on(&image("root's"), IMMEDIATE, DRIVE)?;
    bed.await_image("root's")?;
    assert_eq!(drives.delete(&path), Err(NOT_ALLOWED.to_owned()), "though it may install such images");
    root.die()?;
    let Some(mut thief) = Installer::start_by_another_user(&bed, OTHER)? else { return Ok(()) };
    thief.claim(&path, "Ready")?;
    thief.was_heard()?;
    bed.wait("it is ignored", || Ok(bed.logged(IGNORED)? == 1))?;
    assert_eq!(thief.delete(&path), Err(NOT_ALLOWED.to_owned()));
    thief.die()?;
    let mut root = Installer::start(&bed, OTHER)?;
    root.claim(&path, "Ready")?;
    install(&mut bed, &root, &path)
}

#[test]
fn an_image_that_an_installer_hands_on_and_is_not_given_is_invalid() -> anyhow::Result<()> {
    let unsigned = |rest: &str| {
        let manifest = format!("{}{rest}", super::archives::PURPOSE);
        archive(&[Entry::file("payload", "x"), Entry::file("MANIFEST", manifest)])
    };
    for (purpose, compatible, content) in [
        ("PSU", "com.example.Drive", image("another")),
        ("PSU", PSU, unsigned(&format!("BMC\nversion=bmc\nCompatibleName={PSU}\n"))),
        ("Other", "com.example.Drive", unsigned("Other\nversion=for-any\n")),
    ] {
        let given = "signature = \"off\"\n".to_owned() + &settings(purpose, compatible);
        let Some((mut bed, mut installer)) = bed(&given)? else { return Ok(()) };
        let path = installer.hand_on(&content, IMMEDIATE, DRIVE)?;
        installer.claim(&path, "Ready")?;
        bed.await_state(&path, "Invalid")?;
        let reason = bed.until(|heard| {
            let mut reasons = heard.iter().filter_map(|heard| heard.value(IMAGE, "Reason"));
            reasons.find(|reason| !reason.is_empty()).map(str::to_owned)
        })?;
        assert!(reason.contains(DRIVES) && reason.contains("may not install"), "{reason}");
        assert_eq!(bed.await_event("Update.UpdateNotApplicable")?["REASON"], reason);
        bed.wait("nothing is left", || Ok(bed.files()?.is_empty() && bed.images()?.is_empty()))?;
        assert_eq!((installer.told(&path), bed.events()?.len()), (0, 1));
    }
    Ok(())
}

#[test]
fn an_upload_is_cancelled_though_some_connection_claims_to_install_it() -> anyhow::Result<()> {
    let given = "stall-limit-s = 60\n".to_owned() + &settings("PSU", PSU);
    let Some((bed, mut installer)) = bed(&given)? else { return Ok(()) };
    let (reader, _writer) = std::io::pipe()?;
    let path = bed.hand_over(&reader, IMMEDIATE)?;
    installer.claim(&path, "Activating")?;
    installer.was_heard()?;
    assert_eq!(bed.delete(&path), Ok(()));
    assert_eq!(bed.images()?, [""; 0]);
    Ok(())
}
