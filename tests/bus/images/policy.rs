//! What configuration decides: which versions are taken, whose purposes are left alone, how long images are kept.

use super::bed::{Bed, VERSION, image};

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
