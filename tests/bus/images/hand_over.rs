//! Images that are handed over, and the installer: there, absent, late, dying, refusing.

use super::bed::{
    ACTIVATION, Bed, COMPATIBLE, DELETE, EXTENDED_VERSION, FILE_PATH, IMAGE, IMMEDIATE, INSTALLER, NAME,
    ON_REQUEST, ON_RESET, STATES, VERSION, error_name, image, image_for,
};
use super::ear::{Heard, Said};
use std::collections::BTreeMap;
use std::io::Write as _;
use zbus::{ObjectPath, Variant};

const NOT_ALLOWED: &str = "xyz.openbmc_project.Common.Error.NotAllowed";
const PROGRESS: &str = "xyz.openbmc_project.Software.ActivationProgress";
const APPLY_TIME: &str = "xyz.openbmc_project.Software.ApplyTime";

fn bed(settings: &str, installer: &str) -> anyhow::Result<Option<Bed>> {
    let Some(mut bed) = Bed::new(settings)? else { return Ok(None) };
    bed.start_peers(&["event-log", "object-mapper", installer])?;
    bed.start()?;
    Ok(Some(bed))
}

/// Waits until the service's own Activation of an image is gone for so many times.
fn await_claims(bed: &mut Bed, path: &str, count: usize) -> anyhow::Result<()> {
    bed.until(|heard| {
        let gone = heard.iter().filter(|heard| heard.path == path && heard.removes(ACTIVATION));
        (gone.count() >= count).then_some(())
    })
}

/// The installer's Activation of an image is in a state.
fn await_installer(bed: &Bed, path: &str, state: &str) -> anyhow::Result<()> {
    let state = format!("{STATES}{state}");
    bed.wait(&state, || Ok(bed.get(INSTALLER, path, ACTIVATION, "Activation").as_ref() == Ok(&state)))
}

/// What the service itself has said of an object.
fn own<'a>(heard: &'a [Heard], path: &str) -> Vec<&'a Heard> {
    let first = heard.iter().find(|heard| heard.path == path && heard.adds(IMAGE));
    let sender = first.map(|heard| heard.sender.clone()).unwrap_or_default();
    heard.iter().filter(|heard| heard.path == path && heard.sender == sender).collect()
}

/// bmcweb gives a task up after five minutes without a Progress signal, whatever its value.
#[test]
fn an_image_that_waits_says_so_again_and_again() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("keep-alive-s = 1\nstall-limit-s = 60")? else { return Ok(()) };
    let (reader, mut writer) = std::io::pipe()?;
    let slow = bed.hand_over(&reader, IMMEDIATE)?;
    let waiting = bed.start_update(&image("waiting"), IMMEDIATE)?;
    for path in [&slow, &waiting] {
        bed.until(|heard| {
            let own = heard.iter().filter(|heard| heard.path == *path);
            let is_told = |heard: &&Heard| {
                matches!(&heard.said, Said::Changed(..)) && heard.value(PROGRESS, "Progress") == Some("0")
            };
            (own.filter(is_told).count() >= 3).then_some(())
        })?;
    }
    // Once nothing is waited for any more, nothing is said.
    writer.write_all(&image("slow"))?;
    drop((reader, writer));
    for path in [slow, waiting] {
        bed.await_state(&path, "Ready")?;
        bed.until(|heard| {
            heard.iter().any(|heard| heard.path == path && heard.removes(PROGRESS)).then_some(())
        })?;
    }
    Ok(())
}

#[test]
fn an_image_is_offered_in_order_claimed_and_begun_with_once() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "installer")? else { return Ok(()) };
    for apply in [IMMEDIATE, ON_RESET] {
        let path = bed.start_update(&image("installed"), apply)?;
        await_installer(&bed, &path, "Active")?;
        bed.until(|heard| {
            heard.iter().any(|heard| heard.path == path && heard.removes(VERSION)).then_some(())
        })?;
        assert_eq!(bed.requests(&path)?, 1);
        let heard = bed.heard()?.to_vec();
        let own = own(&heard, &path);
        let at = |is_it: &dyn Fn(&&Heard) -> bool| own.iter().position(is_it).unwrap_or(usize::MAX);
        let order = [
            at(&|heard| heard.adds(ACTIVATION)),
            at(&|heard| heard.value(ACTIVATION, "Activation") == Some(&format!("{STATES}Ready"))),
            at(&|heard| heard.adds(VERSION)),
            at(&|heard| heard.removes(ACTIVATION)),
            at(&|heard| heard.removes(VERSION)),
        ];
        assert!(order.is_sorted() && order[4] < usize::MAX, "{order:?} {own:#?}");
        let announcements: Vec<_> = own.iter().filter(|heard| matches!(heard.said, Said::Added(_))).collect();
        assert_eq!(announcements.len(), 2, "{own:#?}");
        let whole = announcements[1];
        for interface in [VERSION, EXTENDED_VERSION, FILE_PATH, COMPATIBLE, DELETE, APPLY_TIME] {
            assert!(whole.adds(interface), "{interface} {whole:?}");
        }
        assert_eq!(whole.value(VERSION, "Version"), Some("installed"));
        assert_eq!(
            whole.value(EXTENDED_VERSION, "ExtendedVersion"),
            Some("model=model-1,manufacturer=maker")
        );
        assert_eq!(whole.value(APPLY_TIME, "RequestedApplyTime"), Some(apply));
        let id = path.rsplit('/').next().unwrap();
        assert_eq!(whole.value(FILE_PATH, "Path"), bed.folder().join(id).to_str());
    }
    assert_eq!(bed.events()?, [""; 0]);
    bed.wait("the folder is empty", || Ok(bed.files()?.is_empty()))
}

#[test]
fn without_an_installer_an_image_is_invalid_with_its_reason_and_goes() -> anyhow::Result<()> {
    let Some(mut bed) = bed("claim-timeout-s = 1\n", "installer absent")? else { return Ok(()) };
    let path = bed.start_update(&image("nobody"), IMMEDIATE)?;
    let data = bed.await_event("Update.UpdateNotApplicable")?;
    assert_eq!(bed.get(NAME, &path, ACTIVATION, "Activation"), Ok(format!("{STATES}Invalid")));
    assert_eq!(bed.get(NAME, &path, IMAGE, "Reason").as_ref(), Ok(&data["REASON"]));
    assert_eq!(
        (&data["TARGET_NAME"], &data["IMAGE_IDENTIFIER"][..]),
        (&path, path.rsplit('/').next().unwrap())
    );
    assert!(bed.set_requested(NAME, &path).is_err(), "nothing comes of an invalid image");
    bed.until(|heard| heard.iter().any(|heard| heard.path == path && heard.removes(IMAGE)).then_some(()))?;
    assert_eq!((bed.images()?.len(), bed.requests(&path)?), (0, 0));
    assert_eq!(bed.events()?.len(), 1);
    bed.wait("the folder is empty", || Ok(bed.files()?.is_empty()))
}

#[test]
fn an_installer_that_comes_late_is_told_and_a_wish_of_before_counts() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "installer absent")? else { return Ok(()) };
    let at_once = bed.start_update(&image("late"), IMMEDIATE)?;
    bed.await_state(&at_once, "Ready")?;
    bed.command("SetMode", &("installer", "normal"))?;
    await_installer(&bed, &at_once, "Active")?;
    assert_eq!(bed.requests(&at_once)?, 1);
    bed.command("SetMode", &("installer", "absent"))?;
    let (wished, not) = (
        bed.start_update(&image("wished"), ON_REQUEST)?,
        bed.start_update(&image("not-wished"), ON_REQUEST)?,
    );
    bed.await_state(&not, "Ready")?;
    bed.set_requested(NAME, &wished)?;
    bed.command("SetMode", &("installer", "normal"))?;
    await_installer(&bed, &wished, "Active")?;
    await_claims(&mut bed, &not, 1)?;
    assert_eq!(bed.get(INSTALLER, &not, ACTIVATION, "Activation"), Ok(format!("{STATES}Ready")));
    assert_eq!(bed.requests(&not)?, 0);
    bed.set_requested(INSTALLER, &not)?;
    await_installer(&bed, &not, "Active")
}

#[test]
fn an_installer_that_dies_leaves_the_image_ready_and_its_successor_is_not_told() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "installer")? else { return Ok(()) };
    bed.command("Behave", &("installer", "stay"))?;
    let path = bed.start_update(&image("dying"), IMMEDIATE)?;
    await_installer(&bed, &path, "Activating")?;
    bed.command("Leave", &"installer")?;
    bed.until(|heard| {
        let own = own(heard, &path);
        let gone = own.iter().position(|heard| heard.removes(ACTIVATION))?;
        own[gone..].iter().any(|heard| heard.adds(ACTIVATION)).then_some(())
    })?;
    assert_eq!(bed.get(NAME, &path, ACTIVATION, "Activation"), Ok(format!("{STATES}Ready")));
    bed.command("Replace", &"installer")?;
    await_claims(&mut bed, &path, 2)?;
    assert_eq!(bed.get(INSTALLER, &path, ACTIVATION, "Activation"), Ok(format!("{STATES}Ready")));
    assert_eq!(bed.requests(&path)?, 1);
    // A client may tell it.
    bed.set_requested(INSTALLER, &path)?;
    await_installer(&bed, &path, "Active")?;
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}

#[test]
fn an_installer_that_refuses_is_asked_again() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "installer")? else { return Ok(()) };
    bed.command("Behave", &("installer", "refuse"))?;
    let path = bed.start_update(&image("refused"), IMMEDIATE)?;
    bed.until(|heard| {
        let asked = heard.iter().filter(|heard| heard.path == path && matches!(heard.said, Said::Set(..)));
        (asked.count() == 2).then_some(())
    })?;
    bed.command("Behave", &("installer", "install"))?;
    await_installer(&bed, &path, "Active")?;
    assert_eq!(bed.requests(&path)?, 3, "and not again once it was taken");
    Ok(())
}

/// An image that is being installed, and one for the same place that its installer has claimed.
fn one_behind_the_other(bed: &mut Bed) -> anyhow::Result<(String, String)> {
    bed.command("Behave", &("installer", "stay"))?;
    let first = bed.start_update(&image("first"), IMMEDIATE)?;
    await_installer(bed, &first, "Activating")?;
    let second = bed.start_update(&image("second"), IMMEDIATE)?;
    await_claims(bed, &second, 1)?;
    Ok((first, second))
}

#[test]
fn two_images_for_one_place_are_installed_one_after_the_other() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "installer")? else { return Ok(()) };
    let (first, second) = one_behind_the_other(&mut bed)?;
    assert_eq!(bed.images()?.len(), 2);
    assert_eq!((bed.requests(&first)?, bed.requests(&second)?), (1, 0));
    let stage = |bed: &Bed, path: &str| bed.get(NAME, path, IMAGE, "Stage");
    bed.wait("it says that it waits", || Ok(stage(&bed, &second).as_deref() == Ok("waiting for its turn")))?;
    assert_eq!(stage(&bed, &first).as_deref(), Ok("with its installer"));
    bed.command("Settle", &("installer", &first, "Failed"))?;
    await_installer(&bed, &second, "Activating")?;
    assert_eq!((bed.requests(&first)?, bed.requests(&second)?), (1, 1));
    Ok(())
}

#[test]
fn images_for_different_places_do_not_wait_for_each_other() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "installer")? else { return Ok(()) };
    bed.command("Behave", &("installer", "stay"))?;
    let first = bed.start_update(&image_for("model=a,manufacturer=m", "first"), IMMEDIATE)?;
    let second = bed.start_update(&image_for("model=b,manufacturer=m", "second"), IMMEDIATE)?;
    for path in [first, second] {
        await_installer(&bed, &path, "Activating")?;
        assert_eq!(bed.requests(&path)?, 1);
    }
    Ok(())
}

#[test]
fn an_installer_that_does_not_become_ready_is_given_up_where_the_client_sees_it() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("ready-timeout-s = 1\nkeep-alive-s = 1")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let path = bed.start_update(&image("stuck"), IMMEDIATE)?;
    bed.await_image("stuck")?;
    // This test as the installer.
    show_activation(&bed, &path, "NotReady")?;
    await_claims(&mut bed, &path, 1)?;
    bed.forget()?;
    bed.await_state(&path, "Invalid")?;
    let reason = bed.get(NAME, &path, IMAGE, "Reason").map_err(anyhow::Error::msg)?;
    assert!(reason.contains("was not ready within 1 s"), "{reason}");
    assert_eq!(bed.await_event("Update.UpdateNotApplicable")?["REASON"], reason);
    bed.until(|heard| heard.iter().any(|heard| heard.path == path && heard.removes(IMAGE)).then_some(()))?;
    assert_eq!(bed.images()?, [""; 0]);
    bed.wait("its folder is gone", || Ok(bed.files()?.is_empty()))
}

/// The end of the one that was told is heard, whoever else would like to install the image.
#[test]
fn of_two_installers_the_one_that_was_told_counts() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "installer")? else { return Ok(()) };
    bed.command("Behave", &("installer", "stay"))?;
    let first = bed.start_update(&image("first"), IMMEDIATE)?;
    await_installer(&bed, &first, "Activating")?;
    show_activation(&bed, &first, "Ready")?;
    let second = bed.start_update(&image("second"), IMMEDIATE)?;
    await_claims(&mut bed, &second, 1)?;
    bed.command("Settle", &("installer", &first, "Active"))?;
    await_installer(&bed, &second, "Activating")?;
    bed.until(|heard| heard.iter().any(|heard| heard.path == first && heard.removes(VERSION)).then_some(()))?;
    assert_eq!(bed.requests(&first)?, 1);
    Ok(())
}

/// This test as an installer, which tells that it has an image.
fn show_activation(bed: &Bed, path: &str, state: &str) -> anyhow::Result<()> {
    let states = BTreeMap::from([("Activation", Variant::from(format!("{STATES}{state}")))]);
    let body = (ObjectPath::try_from(path)?, BTreeMap::from([(ACTIVATION, states)]));
    let (manager, root) = ("org.freedesktop.DBus.ObjectManager", super::bed::ROOT);
    let signal = bed.client.emit_signal(None::<&str>, root, manager, "InterfacesAdded", &body);
    Ok(bed.runtime.block_on(signal)?)
}

#[test]
fn an_image_that_is_being_installed_is_removed_by_its_installer_only() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "installer")? else { return Ok(()) };
    bed.command("Behave", &("installer", "stay"))?;
    bed.drop_file("image", &image("busy"))?;
    let path = bed.await_image("busy")?;
    await_installer(&bed, &path, "Ready")?;
    bed.set_requested(INSTALLER, &path)?;
    // At once: the service has heard of it before this call.
    assert_eq!(bed.delete(&path), Err(NOT_ALLOWED.to_owned()));
    let delete_all = [NAME, super::bed::ROOT, "xyz.openbmc_project.Collection.DeleteAll"];
    bed.call(delete_all, "DeleteAll", &())?;
    assert_eq!(bed.images()?, [&*path]);
    bed.command("Settle", &("installer", &path, "Active"))?;
    bed.wait("it is deleted", || Ok(bed.delete(&path).is_ok()))?;
    assert_eq!(bed.images()?, [""; 0]);

    // This test as the installer.
    bed.command("SetMode", &("installer", "absent"))?;
    bed.runtime.block_on(bed.client.request_name("xyz.openbmc_project.Software.Ours"))?;
    bed.drop_file("image", &image("ours"))?;
    let path = bed.await_image("ours")?;
    show_activation(&bed, &path, "Activating")?;
    let by_another = || {
        bed.machine.run(async |connection| {
            let deleted = connection.call_method(Some(NAME), &*path, Some(DELETE), "Delete", &()).await;
            Ok(deleted.map(drop).map_err(error_name))
        })
    };
    assert_eq!(by_another()?, Err(NOT_ALLOWED.to_owned()));
    assert_eq!(bed.delete(&path), Ok(()));
    bed.wait("the folder is empty", || Ok(bed.files()?.is_empty()))
}

/// A connection with several names is the same installer after it has given one of them up.
#[test]
fn an_installer_that_gives_up_one_of_its_names_is_still_at_work() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "installer")? else { return Ok(()) };
    bed.command("SetMode", &("installer", "absent"))?;
    // This test as the installer.
    let names = ["xyz.openbmc_project.Software.One", "xyz.openbmc_project.Software.Two"];
    for name in names {
        bed.runtime.block_on(bed.client.request_name(name))?;
    }
    bed.drop_file("image", &image("ours"))?;
    let path = bed.await_image("ours")?;
    show_activation(&bed, &path, "Activating")?;
    bed.runtime.block_on(bed.client.release_name(names[0]))?;
    let deleted = bed.machine.run(async |connection| {
        let deleted = connection.call_method(Some(NAME), &*path, Some(DELETE), "Delete", &()).await;
        Ok(deleted.map(drop).map_err(error_name))
    })?;
    assert_eq!(deleted, Err(NOT_ALLOWED.to_owned()));
    assert_eq!(bed.delete(&path), Ok(()));
    Ok(())
}

#[test]
fn an_installer_is_not_told_to_begin_with_an_image_whose_files_are_gone() -> anyhow::Result<()> {
    let Some(mut bed) = bed("", "installer")? else { return Ok(()) };
    let (first, second) = one_behind_the_other(&mut bed)?;
    // As a program does that cleans up in /tmp.
    let folder = bed.folder().join(second.rsplit('/').next().unwrap_or_default());
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name == "psu.bin") {
            std::fs::remove_file(path)?;
        }
    }
    bed.command("Settle", &("installer", &first, "Failed"))?;
    bed.await_state(&second, "Invalid")?;
    let reason = bed.get(NAME, &second, IMAGE, "Reason").map_err(anyhow::Error::msg)?;
    assert!(reason.contains("psu.bin was removed or changed"), "{reason}");
    assert_eq!(bed.await_event("Update.UpdateNotApplicable")?["REASON"], reason);
    bed.wait("its folder is gone", || Ok(!folder.exists()))?;
    assert_eq!(bed.requests(&second)?, 0);
    Ok(())
}
