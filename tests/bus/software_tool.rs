//! The tool for firmware images, with the real image-manager and an installer.

mod bed;
mod installer;

use anyhow::Context as _;
use bed::Bed;
use dbus_api::software::ROOT;
use installer::Installer;
use std::fs;

/// The stand-in that installs images of image-manager, and the one that takes images itself with its object.
const INSTALLER: &str = "xyz.openbmc_project.Software.Psu.Updater";
const DEVICE_SERVICE: &str = "xyz.openbmc_project.Software.Device.Updater";
const DEVICE: &str = "device_1";

/// The image's id, as standard output begins with it.
fn id(output: &str) -> anyhow::Result<String> {
    let id = output.split_whitespace().next().context("nothing was printed")?;
    anyhow::ensure!(id.len() == 8, "{output}");
    Ok(id.to_owned())
}

#[test]
fn an_image_is_followed_until_it_is_active() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let _installer = bed.start_peer("installer", "vanish Active")?;
    let run = bed.run("install @image.tar")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.output.ends_with(" is active\n"), "{run:?}");
    let id = id(&run.output)?;
    for line in ["activating 50 %", "activating 100 %"] {
        assert!(run.log.lines().any(|told| told == format!("{id}: {line}")), "{line}: {run:?}");
    }
    Ok(())
}

#[test]
fn a_result_is_one_object_of_json() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let _installer = bed.start_peer("installer", "vanish Staged")?;
    let run = bed.run("install @image.tar --apply on-reset --json")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    let result: serde_json::Value = serde_json::from_str(&run.output)?;
    assert_eq!((&result["result"], &result["version"]), (&"Staged".into(), &"1.2".into()));
    assert_eq!(
        (&result["service"], &result["reason"]),
        (&dbus_api::software::IMAGE_MANAGER.into(), &().into())
    );
    Ok(())
}

#[test]
fn a_refused_image_ends_with_the_reason_that_the_service_has() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    bed.tamper()?;
    let run = bed.run("install @wrong.tar")?;
    assert_eq!((run.status, run.output.as_str()), (Some(65), ""), "{run:?}");
    assert!(run.log.contains("is refused: signature: psu.bin.sig"), "{run:?}");
    let listed = bed.list()?;
    assert_eq!((&listed[0]["activation"], &listed[0]["stage"]), (&"Invalid".into(), &"failed".into()));
    assert!(listed[0]["reason"].as_str().is_some_and(|reason| reason.starts_with("signature: ")), "{listed}");
    let again = bed.run(&format!("activate {}", listed[0]["id"].as_str().context("no id")?))?;
    assert_eq!(again.status, Some(65), "{again:?}");
    assert!(again.log.contains("psu.bin.sig"), "{again:?}");
    let json = bed.run("install @wrong.tar --json")?;
    assert_eq!(json.status, Some(65));
    let result: serde_json::Value = serde_json::from_str(&json.output)?;
    assert_eq!((&result["result"], &result["reason"]), (&"Invalid".into(), &listed[0]["reason"]));
    Ok(())
}

#[test]
fn an_installation_that_fails_is_an_error() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let _installer = bed.start_peer("installer", "vanish Failed")?;
    let run = bed.run("install @image.tar")?;
    assert_eq!(run.status, Some(65), "{run:?}");
    assert!(run.log.contains("could not be installed"), "{run:?}");
    Ok(())
}

#[test]
fn what_nobody_installs_is_said_so() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("claim-timeout-s = 1\n")? else { return Ok(()) };
    let run = bed.run("install @image.tar")?;
    assert_eq!(run.status, Some(65), "{run:?}");
    assert!(run.log.contains("no service installs this image of purpose PSU"), "{run:?}");
    Ok(())
}

#[test]
fn an_image_from_a_pipe_waits_until_it_is_activated() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let run = bed.pipe("install - --apply on-request")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.output.contains("is ready"), "{run:?}");
    let id = id(&run.output)?;
    let listed = bed.list()?;
    let row = &listed[0];
    assert_eq!(
        (&row["id"], &row["activation"], &row["purpose"]),
        (&id.as_str().into(), &"Ready".into(), &"PSU".into())
    );
    let _installer = bed.start_peer("installer", "vanish Active")?;
    let run = bed.run(&format!("activate {id}"))?;
    assert_eq!((run.status, run.output), (Some(0), format!("{id} is active\n")), "{}", run.log);
    Ok(())
}

#[test]
fn an_image_that_was_dropped_is_activated_by_its_installer() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let watch = bed.begin("watch --json")?;
    watch.tells("watching")?;
    fs::copy(bed.file("image.tar"), bed.file("tmp/images/.image.part"))?;
    fs::rename(bed.file("tmp/images/.image.part"), bed.file("tmp/images/image"))?;
    let line = watch.says("Software.Version\"")?;
    let event: serde_json::Value = serde_json::from_str(&line)?;
    assert_eq!(
        (&event["event"], &event["service"]),
        (&"added".into(), &dbus_api::software::IMAGE_MANAGER.into())
    );
    let id = event["id"].as_str().context("no id")?;
    let nobody = bed.run(&format!("activate {id}"))?;
    assert_eq!(nobody.status, Some(69), "{nobody:?}");
    assert!(nobody.log.contains("no service that installs"), "{nobody:?}");
    let _installer = bed.start_peer("installer", "vanish Active")?;
    assert!(watch.says("service-came")?.contains(INSTALLER));
    watch.says("\"Activation\":\"Ready\"")?;
    let run = bed.run(&format!("activate {id}"))?;
    assert_eq!(run.status, Some(0), "{run:?}");
    watch.says("\"Activation\":\"Active\"")?;
    Ok(())
}

#[test]
fn a_device_that_takes_images_itself_is_a_target() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let _device = bed.start_peer("device", "vanish Active")?;
    let run = bed.run(&format!("install @image.tar --target {DEVICE}"))?;
    assert_eq!((run.status, run.output), (Some(0), format!("{DEVICE}_1 is active\n")), "{}", run.log);
    let refused = bed.run(&format!("install @image.tar --target {DEVICE} --apply on-request"))?;
    assert_eq!(refused.status, Some(64), "{refused:?}");
    assert!(refused.log.contains(DEVICE_SERVICE) && refused.log.contains("InvalidArgs"), "{refused:?}");
    let unknown = bed.run("install @image.tar --target nothing")?;
    assert_eq!(unknown.status, Some(69), "{unknown:?}");
    Ok(())
}

#[test]
fn the_object_mapper_says_who_takes_all_images() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let (object, marker) = (format!("{ROOT}/{DEVICE}"), dbus_api::software::MULTIPART_UPDATE);
    let plan = format!(
        "peers = [\"object-mapper\", \"device absent\"]\n[mapped.\"{object}\"]\n\"{DEVICE_SERVICE}\" = [\"{marker}\"]\n"
    );
    let _peers = bed.machine.start_peers_by(&plan)?;
    bed.bring("device", "vanish Active")?;
    let run = bed.run("install @image.tar")?;
    assert_eq!((run.status, run.output), (Some(0), format!("{DEVICE}_1 is active\n")), "{}", run.log);
    Ok(())
}

#[test]
fn a_service_that_dies_on_the_way_is_waited_for() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::with_service("")? else { return Ok(()) };
    let running = bed.begin("install @image.tar")?;
    running.tells("waiting for an installer")?;
    bed.service.take().context("it does not run")?.kill()?;
    running.tells("waiting for news")?;
    bed.start_service()?;
    let _installer = bed.start_peer("installer", "vanish Active")?;
    running.says("is active")?;
    assert_eq!(running.status()?, Some(0));
    Ok(())
}

#[test]
fn silence_is_not_waited_out() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let _installer = bed.start_peer("installer", "stay")?;
    let run = bed.run("install @image.tar --timeout 2")?;
    assert_eq!(run.status, Some(75), "{run:?}");
    assert!(run.log.contains("nothing was heard of") && run.log.contains("activating"), "{run:?}");
    Ok(())
}

#[test]
fn images_are_removed_one_or_all() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(id(&bed.run("install @image.tar --apply on-request")?.output)?);
    }
    let run = bed.run(&format!("delete {}", ids[0]))?;
    assert_eq!((run.status, run.output), (Some(0), format!("{} is removed\n", ids[0])));
    assert_eq!(bed.list()?.as_array().map(Vec::len), Some(2));
    let run = bed.run(&format!("delete {}", ids[0]))?;
    assert_eq!(run.status, Some(69), "{run:?}");
    assert!(run.log.contains("software-tool list"), "{run:?}");
    assert_eq!(bed.run("delete --all")?.status, Some(0));
    assert_eq!(bed.list()?.as_array().map(Vec::len), Some(0));
    Ok(())
}

#[test]
fn an_image_that_is_removed_meanwhile_is_no_success() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let running = bed.begin("install @image.tar")?;
    let id =
        running.tells("waiting for an installer")?.split(':').next().map(str::to_owned).context("no id")?;
    assert_eq!(bed.run(&format!("delete {id}"))?.status, Some(0));
    running.tells("was removed before")?;
    assert_eq!(running.status()?, Some(65));
    Ok(())
}

#[test]
fn what_the_service_refuses_is_told_by_its_error() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("max-images = 1\n")? else { return Ok(()) };
    fs::write(bed.file("empty.tar"), "")?;
    let run = bed.run("install @empty.tar")?;
    assert_eq!(run.status, Some(65), "{run:?}");
    assert!(
        run.log.contains("the file is empty (xyz.openbmc_project.Software.Update.Error.InvalidImage)"),
        "{run:?}"
    );
    assert_eq!(bed.run("install @image.tar --apply on-request")?.status, Some(0));
    let full = bed.run("install @image.tar")?;
    assert_eq!(full.status, Some(75), "{full:?}");
    assert!(full.log.contains("Common.Error.Unavailable") && full.log.contains("delete"), "{full:?}");
    Ok(())
}

#[test]
fn without_a_service_it_says_which_to_start() -> anyhow::Result<()> {
    let Some(bed) = Bed::without_service()? else { return Ok(()) };
    for command in ["list", "install @image.tar"] {
        let run = bed.run(command)?;
        assert_eq!(run.status, Some(69), "{run:?}");
        assert!(run.log.contains("image-manager.service"), "{run:?}");
    }
    Ok(())
}

#[test]
fn without_waiting_the_id_is_all_that_is_told() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    let run = bed.run("install @image.tar --no-wait")?;
    assert_eq!((run.status, run.log.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(bed.list()?[0]["id"], id(&run.output)?);
    Ok(())
}

/// What its settings give a bus name, image-manager believes, and the tool does too.
#[test]
fn an_installer_that_is_not_root_s_is_followed_for_an_image_that_settings_give_it() -> anyhow::Result<()> {
    let given = format!("[installers.\"{}\"]\npurposes = [\"PSU\"]\n", installer::DRIVES);
    let Some(bed) = Bed::with_service(&given)? else { return Ok(()) };
    let running = bed.begin("install @image.tar --root @")?;
    let line = running.tells("waiting for an installer")?;
    let path = format!("{ROOT}/{}", line.split(':').next().context("no id")?);
    let Some(installer) = Installer::start(&bed.machine, &path, "Ready")? else { return Ok(()) };
    running.tells("activating")?;
    running.says("is active")?;
    assert_eq!(running.status()?, Some(0));
    assert_eq!(installer.told(), 1);
    // One that is there before the tool.
    let id = id(&bed.run("install @image.tar --apply on-request")?.output)?;
    let Some(installer) = Installer::start(&bed.machine, &format!("{ROOT}/{id}"), "Ready")? else {
        return Ok(());
    };
    let run = bed.run(&format!("activate {id} --root @"))?;
    assert_eq!((run.status, run.output), (Some(0), format!("{id} is active\n")), "{}", run.log);
    assert_eq!(installer.told(), 1);
    Ok(())
}

#[test]
fn an_installer_that_is_not_root_s_is_passed_over_for_other_images() -> anyhow::Result<()> {
    let given = format!("[installers.\"{}\"]\npurposes = [\"Other\"]\n", installer::DRIVES);
    let Some(bed) = Bed::with_service(&format!("claim-timeout-s = 3\n{given}"))? else { return Ok(()) };
    let id = id(&bed.run("install @image.tar --apply on-request --root @")?.output)?;
    let Some(liar) = Installer::start(&bed.machine, &format!("{ROOT}/{id}"), "Active")? else {
        return Ok(());
    };
    let listed: serde_json::Value = serde_json::from_str(&bed.run("list --json --root @")?.output)?;
    let row = &listed[0];
    assert_eq!((&row["id"], &row["activation"]), (&id.as_str().into(), &"Ready".into()), "{listed}");
    assert_eq!(row["services"], serde_json::json!([dbus_api::software::IMAGE_MANAGER]));
    let running = bed.begin(&format!("activate {id} --root @"))?;
    running.tells("waiting for an installer")?;
    liar.come_to("Active")?;
    running.tells("no service installs this image of purpose PSU")?;
    assert_eq!(running.status()?, Some(65));
    assert_eq!(liar.told(), 0);
    Ok(())
}

#[test]
fn a_broken_file_of_settings_is_told_of() -> anyhow::Result<()> {
    let Some(bed) = Bed::with_service("")? else { return Ok(()) };
    bed.machine.configure("image-manager", "[installers.\"a.b\"]\npurposes = [\"Toaster\"]\n")?;
    let run = bed.run("list --root @")?;
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.log.contains("90-test.toml") && run.log.contains("Toaster"), "{run:?}");
    Ok(())
}
