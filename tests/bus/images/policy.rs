//! What configuration decides: which versions are taken, whose purposes are left alone, how long images are kept.

use super::bed::{Bed, NAME, ON_REQUEST, VERSION, image};
use super::tar::{Entry, archive};
use std::os::unix::fs::MetadataExt as _;

#[test]
fn a_version_below_the_floor_is_refused_with_both_versions() -> anyhow::Result<()> {
    let floors = "[[version-floors]]\npurpose = \"PSU\"\nminimum = \"v2.10\"\n";
    let Some(mut bed) = Bed::new(floors)? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    bed.drop_file("old", &image("2.9"))?;
    let data = bed.await_event("Version.Error.Incompatible")?;
    assert_eq!(data["MIN_VERSION"], "v2.10");
    assert_eq!(data["ACTUAL_VERSION"], "2.9");
    assert_eq!(data["VERSION_PURPOSE"], "xyz.openbmc_project.Software.Version.VersionPurpose.PSU");
    assert!(data["REASON"].contains("older than v2.10"), "{data:?}");
    bed.wait("the file is gone", || Ok(bed.files()?.is_empty()))?;
    bed.drop_file("new", &image("2.11"))?;
    bed.await_image("2.11")?;
    assert_eq!(bed.events()?, ["Version.Error.Incompatible"]);
    Ok(())
}

#[test]
fn a_dropped_package_for_another_service_is_left_where_it_is() -> anyhow::Result<()> {
    // As PLDM packages of version 1.0 begin.
    let magic =
        [0xf0, 0x18, 0x87, 0x8c, 0xcb, 0x7d, 0x49, 0x43, 0x98, 0x00, 0xa0, 0x2f, 0x05, 0x9a, 0xca, 0x02];
    let package = [&magic[..], &[7; 1000]].concat();
    for (settings, is_kept) in [("max-images = 1", true), ("ignore-foreign-packages = false", false)] {
        let Some(mut bed) = Bed::new(settings)? else { return Ok(()) };
        bed.start_peers(&["event-log"])?;
        bed.start()?;
        bed.drop_file("package", &package)?;
        if !is_kept {
            bed.await_event("Image.Error.UnTarFailure")?;
        }
        // It was looked at before the next.
        bed.drop_file("image", &image("next"))?;
        bed.await_image("next")?;
        bed.wait("the image's file is gone", || Ok(!bed.files()?.contains(&"image".to_owned())))?;
        assert_eq!(bed.folder().join("package").exists(), is_kept);
        if is_kept {
            // Also where no image would be taken in.
            bed.drop_file("package-2", &package)?;
            bed.drop_file("image", &image("too-many"))?;
            bed.await_event("Image.Error.BusyFailure")?;
            assert!(bed.folder().join("package-2").exists());
            assert_eq!(bed.events()?, ["Image.Error.BusyFailure"]);
            continue;
        }
    }
    Ok(())
}

#[test]
fn images_of_an_ignored_purpose_are_left_where_they_are() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("ignore-purposes = [\"PSU\"]")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    bed.drop_file("image", &image("1"))?;
    // Found again after a restart, and left alone again.
    bed.stop()?;
    bed.start()?;
    bed.drop_file("not-an-image", b"something else that is long enough to be looked at")?;
    bed.await_event("Image.Error.UnTarFailure")?;
    assert_eq!(bed.images()?, [""; 0]);
    assert!(bed.files()?.contains(&"image".to_owned()));
    assert_eq!(bed.events()?, ["Image.Error.UnTarFailure"]);
    Ok(())
}

#[test]
fn an_image_that_nobody_activates_is_removed_in_time() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("image-ttl-s = 1")? else { return Ok(()) };
    bed.drop_file("image", &image("1"))?;
    let object = bed.await_image("1")?;
    bed.until(|heard| {
        heard.iter().any(|heard| heard.path == object && heard.removes(VERSION)).then_some(())
    })?;
    bed.wait("its folder is gone", || Ok(bed.files()?.is_empty()))?;
    assert_eq!(bed.images()?, [""; 0]);
    Ok(())
}

#[test]
fn a_file_of_settings_that_is_broken_takes_no_other_with_it() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("image-ttl-s = 0")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    let folder = bed.root().join("etc/vivianite/image-manager.d");
    let floor = "[[version-floors]]\npurpose = \"PSU\"\nminimum = \"2\"\n";
    for (name, text) in [("91-no-toml.toml", "= ="), ("92-floor.toml", floor), ("93-unknown.toml", "tll = 1")]
    {
        std::fs::write(folder.join(name), text)?;
    }
    bed.start()?;
    bed.drop_file("old", &image("1"))?;
    bed.await_event("Version.Error.Incompatible")?;
    Ok(())
}

#[test]
fn an_unknown_purpose_passes_only_where_that_is_allowed() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("signature = \"off\"")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let manifest = format!("{}Toaster\nversion=1\n", super::archives::PURPOSE);
    let toaster = archive(&[Entry::file("MANIFEST", manifest), Entry::file("payload", "x")]);
    bed.drop_file("image", &toaster)?;
    bed.await_event("Image.Error.ImageFailure")?;
    bed.stop()?;
    bed.configure("signature = \"off\"\nallow-unknown-purpose = true")?;
    bed.start()?;
    bed.drop_file("image", &toaster)?;
    let object = bed.await_image("1")?;
    let purpose = bed.get(NAME, &object, VERSION, "Purpose");
    assert_eq!(purpose, Ok("xyz.openbmc_project.Software.Version.VersionPurpose.Unknown".to_owned()));
    Ok(())
}

/// Installers that are not root's read what they install.
#[test]
fn unpacked_images_are_readable_by_the_group_of_the_settings() -> anyhow::Result<()> {
    let (gid, name) = own_group()?;
    let Some(mut bed) = Bed::running(&format!("group = \"{name}\"\n"))? else { return Ok(()) };
    let object = bed.start_update(&image("readable"), ON_REQUEST)?;
    bed.await_image("readable")?;
    let folder = bed.folder().join(object.rsplit('/').next().unwrap_or_default());
    for (path, readable) in [(folder.join("psu.bin"), 0o040), (folder, 0o050)] {
        let found = std::fs::metadata(&path)?;
        assert_eq!((found.gid(), found.mode() & 0o077), (gid, readable), "{}", path.display());
    }
    Ok(())
}

/// One of our own groups, which needs no right to be given, and its name; not root's, which is used without a setting, where
/// there is another.
fn own_group() -> anyhow::Result<(u32, String)> {
    let own = |words: &[&str]| -> anyhow::Result<String> {
        let told = std::process::Command::new("id").args(words).output()?;
        Ok(String::from_utf8(told.stdout)?.trim().to_owned())
    };
    if own(&["-u"])? == "0" {
        // Root may give any.
        return Ok((1, "daemon".to_owned()));
    }
    Ok((own(&["-g"])?.parse()?, own(&["-gn"])?))
}
