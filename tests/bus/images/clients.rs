//! What bmcweb and administrators do, call by call.

use super::bed::{
    ACTIVATION, Bed, INSTALLER, MULTIPART, NAME, ON_RESET, REQUESTED, ROOT, STATES, UPDATE, VERSION, image,
    memory,
};
use super::ear::Heard;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

const MAPPER: [&str; 3] = [
    "xyz.openbmc_project.ObjectMapper",
    "/xyz/openbmc_project/object_mapper",
    "xyz.openbmc_project.ObjectMapper",
];
const MARKER: &str = "xyz.openbmc_project.Software.MultipartUpdate";
const PROGRESS: &str = "xyz.openbmc_project.Software.ActivationProgress";
/// bmcweb's for an upload.
const UPLOAD_LIMIT: Duration = Duration::from_secs(50);

fn bed() -> anyhow::Result<Option<Bed>> {
    // Short times but for those that a client may count on.
    let Some(mut bed) = Bed::new("hold-ms = 500\n")? else { return Ok(None) };
    bed.start_peers(&["event-log", "object-mapper", "installer"])?;
    bed.start()?;
    Ok(Some(bed))
}

fn services(bed: &Bed, path: &str, interface: &str) -> anyhow::Result<Vec<String>> {
    let reply = bed.call(MAPPER, "GetObject", &(path, [interface].as_slice()))?;
    let services: BTreeMap<String, Vec<String>> = reply.body().deserialize()?;
    Ok(services.into_keys().collect())
}

/// The states and percents that somebody hears who listens by path from the message on that has this number.
fn followed(heard: &[Heard], path: &str, from: usize) -> Vec<String> {
    let values = heard[from..].iter().filter(|heard| heard.path == path).filter_map(|heard| {
        let state = heard.value(ACTIVATION, "Activation").map(|state| state.replace(STATES, ""));
        state.or_else(|| heard.value(PROGRESS, "Progress").map(str::to_owned))
    });
    values.collect()
}

#[test]
fn bmcweb_that_drops_a_file_finds_one_activation_and_follows_it() -> anyhow::Result<()> {
    let Some(mut bed) = bed()? else { return Ok(()) };
    let began = Instant::now();
    let path = bed.folder().join("5f1c8d0e-4a53-4a4a-9f39-1c2f5f1e4b70");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o440).open(path)?;
    file.write_all(&image("by-file"))?;
    drop(file);
    let (object, at) = bed.until(|heard| {
        let at = heard.iter().position(|heard| heard.adds(ACTIVATION))?;
        Some((heard[at].path.clone(), at))
    })?;
    bed.wait("the mapper knows it", || Ok(services(&bed, &object, ACTIVATION).is_ok()))?;
    assert_eq!(services(&bed, &object, ACTIVATION)?, [INSTALLER]);
    assert_eq!(services(&bed, &object, VERSION)?, [NAME]);
    bed.set_requested(INSTALLER, &object)?;
    bed.await_state(&object, "Active")?;
    assert!(began.elapsed() < UPLOAD_LIMIT);
    let told = followed(bed.heard()?, &object, at);
    assert_eq!(told, ["Ready", "Activating", "0", "50", "100", "Active"]);
    assert_eq!(bed.delete(&object), Ok(()));
    // What goes wrong is an event while it listens.
    bed.drop_file("broken", b"no image")?;
    bed.await_event("Image.Error.UnTarFailure")?;
    Ok(())
}

#[test]
fn bmcweb_that_hands_over_a_descriptor_follows_it_from_after_the_reply() -> anyhow::Result<()> {
    let Some(mut bed) = bed()? else { return Ok(()) };
    let found = || -> anyhow::Result<BTreeMap<String, BTreeMap<String, Vec<String>>>> {
        // Nothing is known below the root at first.
        let reply = bed.call(MAPPER, "GetSubTree", &(ROOT, 1, [MARKER].as_slice()));
        Ok(reply.map_or_else(|_| Ok(BTreeMap::new()), |reply| reply.body().deserialize())?)
    };
    bed.wait("the mapper knows the marker", || Ok(!found()?.is_empty()))?;
    let found = found()?;
    assert_eq!(found.keys().collect::<Vec<_>>(), [MULTIPART]);
    assert_eq!(found[MULTIPART].keys().collect::<Vec<_>>(), [NAME]);
    assert!(found[MULTIPART][NAME].contains(&UPDATE.to_owned()));
    let times = bed.get(NAME, MULTIPART, UPDATE, "AllowedApplyTimes").unwrap();
    assert!(times.contains(ON_RESET), "{times}");
    let object = bed.hand_over(memory(&image("by-descriptor"))?, ON_RESET)?;
    let from = bed.heard()?.len();
    bed.await_state(&object, "Active")?;
    assert_eq!(
        followed(bed.heard()?, &object, from),
        ["Ready", "Ready", "Activating", "0", "50", "100", "Active"]
    );
    let object = bed.hand_over(memory(b"no image")?, ON_RESET)?;
    let from = bed.heard()?.len();
    bed.await_state(&object, "Invalid")?;
    assert_eq!(followed(bed.heard()?, &object, from), ["Invalid"]);
    Ok(())
}

#[test]
fn the_marker_goes_while_another_service_has_one() -> anyhow::Result<()> {
    let Some(mut bed) = bed()? else { return Ok(()) };
    let has = |bed: &Bed| Ok::<_, anyhow::Error>(bed.objects()?[MULTIPART].contains(MARKER));
    bed.wait("it is there", || has(&bed))?;
    let other = "xyz.openbmc_project.Software.Other";
    bed.command("Map", &("/xyz/openbmc_project/software/all", other, [MARKER, UPDATE].as_slice()))?;
    bed.runtime.block_on(bed.client.request_name(other))?;
    bed.wait("it is gone", || Ok(!has(&bed)?))?;
    assert!(bed.objects()?[MULTIPART].contains(UPDATE));
    bed.until(|heard| heard.iter().any(|heard| heard.removes(MARKER)).then_some(()))?;
    bed.command("Unmap", &"/xyz/openbmc_project/software/all")?;
    bed.runtime.block_on(bed.client.release_name(other))?;
    bed.wait("it is back", || has(&bed))
}

fn busctl(bed: &Bed, arguments: &[&str]) -> anyhow::Result<String> {
    let address = format!("--address={}", bed.machine.bus().address());
    let output = Command::new("busctl").arg(address).args(arguments).output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(output.status.success(), "busctl {arguments:?}: {told}");
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn what_administrators_type_works() -> anyhow::Result<()> {
    if Command::new("busctl").arg("--version").output().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "busctl is missing");
        println!("SKIPPED busctl: it cannot be started (Debian package systemd)");
        return Ok(());
    }
    let Some(mut bed) = bed()? else { return Ok(()) };
    bed.command("Behave", &("installer", "stay"))?;
    bed.drop_file(".img.part", &image("typed"))?;
    std::fs::rename(bed.folder().join(".img.part"), bed.folder().join("img.tar"))?;
    let object = bed.await_image("typed")?;
    bed.until(|heard| heard.iter().any(|heard| heard.adds(ACTIVATION)).then_some(()))?;
    let tree = busctl(&bed, &["tree", NAME])?;
    assert!(tree.contains(&object) && tree.contains(MULTIPART), "{tree}");
    let shown = busctl(&bed, &["introspect", NAME, &object])?;
    for name in
        [VERSION, "xyz.openbmc_project.Object.Delete", "\"typed\"", ".Names", ".Path", ".ExtendedVersion"]
    {
        assert!(shown.contains(name), "{name}: {shown}");
    }
    let purpose = busctl(&bed, &["get-property", NAME, &object, VERSION, "Purpose"])?;
    assert_eq!(purpose, "s \"xyz.openbmc_project.Software.Version.VersionPurpose.PSU\"\n");
    busctl(&bed, &["set-property", INSTALLER, &object, ACTIVATION, "RequestedActivation", "s", REQUESTED])?;
    assert_eq!(busctl(&bed, &["get-property", INSTALLER, &object, PROGRESS, "Progress"])?, "y 0\n");
    bed.command("Settle", &("installer", &object, "Active"))?;
    bed.await_state(&object, "Active")?;
    bed.wait("it is deleted", || {
        Ok(busctl(&bed, &["call", NAME, &object, "xyz.openbmc_project.Object.Delete", "Delete"]).is_ok())
    })?;
    assert!(!busctl(&bed, &["tree", NAME])?.contains(&object));
    Ok(())
}
