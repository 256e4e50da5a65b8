//! The service is killed at some moment and comes back.

use super::archives::noise;
use super::bed::{
    ACTIVATION, Bed, COMPATIBLE, EXTENDED_VERSION, FILE_PATH, IMAGE, IMMEDIATE, INSTALLER, NAME, ON_REQUEST,
    OTHER_KEY, ROOT, STATES, VERSION, image, image_of,
};
use super::ear::{Heard, Said};
use anyhow::Context as _;

fn bed(peers: &[&str]) -> anyhow::Result<Option<Bed>> {
    let Some(mut bed) = Bed::new("")? else { return Ok(None) };
    bed.start_peers(peers)?;
    bed.start()?;
    Ok(Some(bed))
}

/// The folders of others, whose names are like ours.
const FOREIGN: [&str; 2] = ["imageAbCdEf", "0badcafe"];

fn add_foreign(bed: &Bed) -> anyhow::Result<()> {
    for name in FOREIGN {
        std::fs::create_dir(bed.folder().join(name))?;
        std::fs::write(bed.folder().join(name).join("MANIFEST"), "of somebody else")?;
    }
    Ok(())
}

fn is_foreign_there(bed: &Bed) -> bool {
    let text = |name| std::fs::read_to_string(bed.folder().join(name).join("MANIFEST"));
    FOREIGN.into_iter().all(|name| text(name).is_ok_and(|text| text == "of somebody else"))
}

#[test]
fn killed_while_unpacking_a_file_is_taken_in_again_and_a_descriptor_is_lost_with_a_reason()
-> anyhow::Result<()> {
    let Some(mut bed) = bed(&["event-log"])? else { return Ok(()) };
    add_foreign(&bed)?;
    bed.drop_file("image", &image_of("again", &noise(60_000_000)))?;
    let is_unpacking = |bed: &Bed| Ok(bed.files()?.iter().any(|name| name.starts_with(".tmp-")));
    bed.wait("it is being unpacked", || is_unpacking(&bed))?;
    let waiting = bed.start_update(&image("lost"), IMMEDIATE)?;
    bed.kill()?;
    assert!(is_unpacking(&bed)?, "it was killed in time");
    bed.forget()?;
    bed.start()?;
    let object = bed.await_image("again")?;
    assert!(!is_unpacking(&bed)?);
    let reason = bed.get(NAME, &waiting, IMAGE, "Reason");
    assert!(reason.is_err() || reason.is_ok_and(|reason| reason.contains("the service ended")));
    let lost = bed.heard()?.iter().find(|heard| heard.path == waiting && heard.adds(ACTIVATION)).cloned();
    let lost = lost.expect("it is shown once more");
    assert_eq!(lost.value(ACTIVATION, "Activation"), Some(&*format!("{STATES}Invalid")));
    assert!(lost.value(IMAGE, "Reason").is_some_and(|reason| reason.contains("the service ended")));
    bed.await_event("Update.TransferFailed")?;
    assert_eq!(bed.events()?, ["Update.TransferFailed"]);
    bed.until(|heard| heard.iter().any(|heard| heard.path == waiting && heard.removes(IMAGE)).then_some(()))?;
    assert_eq!(bed.images()?, [&*object]);
    assert!(is_foreign_there(&bed));
    let mut files = bed.files()?;
    files.retain(|name| !FOREIGN.contains(&&**name));
    assert_eq!(files, [object.rsplit('/').next().unwrap()]);
    assert_eq!(bed.delete(&object), Ok(()));
    bed.stop()?;
    assert!(is_foreign_there(&bed));
    Ok(())
}

/// As from a folder in memory; what others have there stays, and what was only dropped is taken in.
#[test]
fn images_of_an_earlier_boot_are_removed_from_a_folder_on_a_disk() -> anyhow::Result<()> {
    let Some(mut bed) = bed(&["event-log"])? else { return Ok(()) };
    if !bed.is_lasting()? {
        println!("not tried: {} is in memory", bed.folder().display());
        return Ok(());
    }
    add_foreign(&bed)?;
    bed.drop_file("image", &image("dropped"))?;
    bed.await_image("dropped")?;
    bed.start_update(&image("handed-over"), ON_REQUEST)?;
    bed.await_image("handed-over")?;
    bed.kill()?;
    // What a boot does to /run.
    std::fs::remove_dir_all(bed.root().join("run/vivianite/image-manager"))?;
    bed.drop_file("next", &image("next"))?;
    bed.forget()?;
    bed.start()?;
    let next = bed.await_image("next")?;
    assert_eq!(bed.images()?, [&*next]);
    bed.wait("they are gone", || {
        let mut files = bed.files()?;
        files.retain(|name| !FOREIGN.contains(&&**name));
        Ok(files == [next.rsplit('/').next().unwrap_or_default()])
    })?;
    assert!(is_foreign_there(&bed));
    assert_eq!(bed.events()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn an_image_whose_record_is_damaged_leaves_no_folder_behind() -> anyhow::Result<()> {
    let Some(mut bed) = bed(&["event-log"])? else { return Ok(()) };
    bed.drop_file("image", &image("damaged"))?;
    let path = bed.await_image("damaged")?;
    bed.wait("the file is gone", || Ok(!bed.files()?.contains(&"image".to_owned())))?;
    bed.kill()?;
    let id = path.rsplit('/').next().unwrap_or_default();
    let record = bed.root().join("run/vivianite/image-manager/images").join(format!("{id}.toml"));
    let mut bytes = std::fs::read(&record)?;
    // The version, which nothing else would show to be wrong.
    let place = bytes.windows(7).position(|part| part == b"damaged").context("no version")?;
    bytes[place] ^= 1;
    std::fs::write(&record, bytes)?;
    bed.start()?;
    bed.wait("its folder is gone", || Ok(bed.files()?.is_empty()))?;
    assert_eq!(bed.images()?, [""; 0]);
    Ok(())
}

#[test]
fn what_was_published_is_back_under_its_id_and_announced_once() -> anyhow::Result<()> {
    let Some(mut bed) = bed(&["event-log", "object-mapper"])? else { return Ok(()) };
    add_foreign(&bed)?;
    bed.drop_file("image", &image("dropped"))?;
    let dropped = bed.await_image("dropped")?;
    let handed = bed.start_update(&image("handed-over"), ON_REQUEST)?;
    bed.await_image("handed-over")?;
    for is_killed in [true, false, true] {
        bed.wait("the file is gone", || Ok(!bed.files()?.contains(&"image".to_owned())))?;
        if is_killed {
            bed.kill()?
        } else {
            bed.stop()?
        }
        bed.forget()?;
        bed.start()?;
        let objects = bed.images()?;
        assert_eq!(objects.len(), 2, "{objects:?}");
        let heard = bed.heard()?.to_vec();
        for (object, version) in [(&dropped, "dropped"), (&handed, "handed-over")] {
            let added: Vec<&Heard> = heard
                .iter()
                .filter(|heard| heard.path == *object && matches!(heard.said, Said::Added(_)))
                .collect();
            let whole: Vec<_> = added.iter().filter(|heard| heard.adds(VERSION)).collect();
            assert_eq!(whole.len(), 1, "{added:?}");
            let last = added.last().unwrap();
            assert_eq!(last.value(VERSION, "Version"), Some(version));
            for interface in [EXTENDED_VERSION, FILE_PATH, COMPATIBLE] {
                assert!(last.adds(interface), "{interface}: {last:?}");
            }
        }
        assert_eq!(bed.get(NAME, &handed, ACTIVATION, "Activation"), Ok(format!("{STATES}Ready")));
    }
    // What was changed meanwhile is not what was checked.
    bed.kill()?;
    let id = dropped.rsplit('/').next().unwrap();
    std::fs::write(bed.folder().join(id).join("psu.bin"), "firmwar3")?;
    bed.start()?;
    assert_eq!(bed.images()?, [&*handed]);
    bed.wait("it is removed", || Ok(!bed.folder().join(id).exists()))?;
    assert!(is_foreign_there(&bed));
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}

#[test]
fn an_installer_that_was_told_is_not_told_again_after_a_restart() -> anyhow::Result<()> {
    let Some(mut bed) = bed(&["event-log", "object-mapper", "installer"])? else { return Ok(()) };
    bed.command("Behave", &("installer", "stay"))?;
    let object = bed.start_update(&image("told"), IMMEDIATE)?;
    let activating = format!("{STATES}Activating");
    bed.wait("it is told", || {
        Ok(bed.get(INSTALLER, &object, ACTIVATION, "Activation").as_ref() == Ok(&activating))
    })?;
    bed.kill()?;
    bed.start()?;
    // It is seen that the image has an installer.
    bed.wait("it is claimed", || Ok(bed.get(NAME, &object, ACTIVATION, "Activation").is_err()))?;
    assert_eq!(bed.delete(&object), Err("xyz.openbmc_project.Common.Error.NotAllowed".to_owned()));
    bed.command("Settle", &("installer", &object, "Ready"))?;
    assert_eq!(bed.images()?, [&*object]);
    assert_eq!(bed.requests(&object)?, 1);
    bed.command("Settle", &("installer", &object, "Active"))?;
    bed.until(|heard| heard.iter().any(|heard| heard.path == object && heard.removes(VERSION)).then_some(()))
}

#[test]
fn an_image_that_would_not_be_taken_in_any_more_does_not_come_back() -> anyhow::Result<()> {
    type Change = fn(&Bed) -> anyhow::Result<()>;
    let changes: [(Change, &str, &str); 4] = [
        (
            |bed| bed.configure("[[version-floors]]\npurpose = \"PSU\"\nminimum = \"9\"\n"),
            "Version.Error.Incompatible",
            "older than 9",
        ),
        (
            |bed| bed.configure("require-payload-digests = true\n"),
            "Version.Error.InvalidSignature",
            "does not list",
        ),
        (
            |bed| Ok(std::fs::remove_dir_all(bed.root().join("etc/activationdata"))?),
            "Version.Error.InvalidSignature",
            "no key",
        ),
        (
            |bed| bed.trust("OpenBMC", OTHER_KEY.public_key_pem(), "HashType=SHA256\n"),
            "Version.Error.InvalidSignature",
            "none of this machine's any more",
        ),
    ];
    for (change, event, expected) in changes {
        let Some(mut bed) = bed(&["event-log"])? else { return Ok(()) };
        bed.drop_file("image", &image("1"))?;
        bed.await_image("1")?;
        let handed = bed.start_update(&image("2"), ON_REQUEST)?;
        bed.await_image("2")?;
        bed.stop()?;
        change(&bed)?;
        bed.forget()?;
        bed.start()?;
        // Somebody may wait for what was handed over.
        let lost = bed.until(|heard| {
            heard.iter().find(|heard| heard.path == handed && heard.adds(ACTIVATION)).cloned()
        })?;
        assert_eq!(lost.value(ACTIVATION, "Activation"), Some(&*format!("{STATES}Invalid")));
        assert!(lost.value(IMAGE, "Reason").is_some_and(|reason| reason.contains(expected)), "{lost:?}");
        bed.wait("nothing is left", || Ok(bed.images()?.is_empty() && bed.files()?.is_empty()))?;
        assert_eq!(bed.events()?, [event; 2]);
    }
    Ok(())
}

#[test]
fn an_image_that_was_installed_or_given_up_does_not_come_back() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("linger-s = 60\nclaim-timeout-s = 1")? else { return Ok(()) };
    bed.start_peers(&["event-log", "installer"])?;
    bed.start()?;
    let installed = bed.start_update(&image("installed"), IMMEDIATE)?;
    let active = format!("{STATES}Active");
    bed.wait("it is installed", || {
        Ok(bed.get(INSTALLER, &installed, ACTIVATION, "Activation").as_ref() == Ok(&active))
    })?;
    bed.wait("the service knows", || Ok(bed.get(NAME, &installed, IMAGE, "Stage") == Ok("done".to_owned())))?;
    bed.command("SetMode", &("installer", "absent"))?;
    let given_up = bed.start_update(&image("given-up"), IMMEDIATE)?;
    bed.await_event("Update.UpdateNotApplicable")?;
    let refused = bed.start_update(b"no image at all, but long enough to be looked at", IMMEDIATE)?;
    bed.await_state(&refused, "Invalid")?;
    bed.await_state(&given_up, "Invalid")?;
    bed.kill()?;
    bed.forget()?;
    bed.start()?;
    assert_eq!(bed.images()?, [""; 0]);
    bed.wait("nothing is left", || Ok(bed.files()?.is_empty()))?;
    assert_eq!(bed.events()?, [""; 0], "what was told is not told again");
    Ok(())
}

/// What bmcweb does not take for the fate of another upload is told whenever that can be.
#[test]
fn what_the_event_log_was_not_there_for_is_told_after_two_restarts_and_a_removal_of_all() -> anyhow::Result<()>
{
    let Some(mut bed) = Bed::new("claim-timeout-s = 1")? else { return Ok(()) };
    bed.start_peers(&["event-log absent"])?;
    bed.start()?;
    let given_up = bed.start_update(&image("given-up"), IMMEDIATE)?;
    bed.await_state(&given_up, "Invalid")?;
    bed.call([NAME, ROOT, "xyz.openbmc_project.Collection.DeleteAll"], "DeleteAll", &())?;
    bed.kill()?;
    bed.start()?;
    bed.stop()?;
    bed.forget()?;
    bed.start()?;
    bed.command("SetMode", &("event-log", "normal"))?;
    assert_eq!(bed.await_event("Update.UpdateNotApplicable")?["TARGET_NAME"], given_up);
    assert_eq!(bed.events()?.len(), 1);
    Ok(())
}

#[test]
fn rules_that_are_not_meant_for_an_image_leave_it_where_it_is() -> anyhow::Result<()> {
    let Some(mut bed) = bed(&["event-log"])? else { return Ok(()) };
    bed.drop_file("image", &image("1"))?;
    let object = bed.await_image("1")?;
    bed.stop()?;
    bed.configure("[[version-floors]]\npurpose = \"BMC\"\nminimum = \"9\"\n")?;
    bed.trust("Another", OTHER_KEY.public_key_pem(), "HashType=SHA256\n")?;
    bed.forget()?;
    bed.start()?;
    assert_eq!(bed.await_image("1")?, object);
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}

/// An image that its installer has begun with, and does not come to an end with; its object.
fn begin_one(bed: &Bed) -> anyhow::Result<String> {
    bed.command("Behave", &("installer", "stay"))?;
    let object = bed.start_update(&image("1"), IMMEDIATE)?;
    let activating = format!("{STATES}Activating");
    bed.wait("it is told", || {
        Ok(bed.get(INSTALLER, &object, ACTIVATION, "Activation").as_ref() == Ok(&activating))
    })?;
    Ok(object)
}

#[test]
fn a_restart_takes_no_image_from_an_installer_that_is_at_work() -> anyhow::Result<()> {
    let Some(mut bed) = bed(&["event-log", "installer"])? else { return Ok(()) };
    let object = begin_one(&bed)?;
    bed.stop()?;
    bed.configure("[[version-floors]]\npurpose = \"PSU\"\nminimum = \"9\"\n")?;
    bed.forget()?;
    bed.start()?;
    // It has looked around: this is answered by what it knows then.
    bed.drop_file("new", &image("10"))?;
    bed.await_image("10")?;
    let folder = bed.folder().join(object.rsplit('/').next().unwrap_or_default());
    assert!(folder.join("psu.bin").exists());
    assert!(bed.get(NAME, &object, ACTIVATION, "Activation").is_err(), "the installer's is the only one");
    assert_eq!(bed.events()?, [""; 0]);
    bed.command("Settle", &("installer", &object, "Active"))?;
    bed.wait("it is removed then", || Ok(!folder.exists()))?;
    assert_eq!(bed.events()?, [""; 0], "what was installed has not failed");
    let is_shown = bed.heard()?.iter().any(|heard| heard.path == object && heard.adds(IMAGE));
    assert!(!is_shown, "nor is it shown as if it had");
    Ok(())
}

/// It may be too busy with its flash to answer.
#[test]
fn after_a_restart_no_image_expires_under_an_installer_that_is_silent() -> anyhow::Result<()> {
    let Some(mut bed) = bed(&["event-log", "installer"])? else { return Ok(()) };
    let object = begin_one(&bed)?;
    bed.kill()?;
    bed.command("SetMode", &("installer", "hanging"))?;
    bed.configure("image-ttl-s = 1\n")?;
    bed.start()?;
    // One that is as old as the other is now goes.
    bed.drop_file("other", &image("other"))?;
    let other = bed.await_image("other")?;
    bed.until(|heard| heard.iter().any(|heard| heard.path == other && heard.removes(VERSION)).then_some(()))?;
    let folder = bed.folder().join(object.rsplit('/').next().unwrap_or_default());
    assert!(folder.join("psu.bin").exists());
    Ok(())
}
