//! What programs of OpenBMC do with this service: the same calls in the same order, from their public source. Each test names
//! the file that it was read from.

use super::bed::{
    ACTIVATION, Bed, IMAGE, IMMEDIATE, MULTIPART, NAME, ON_RESET, PROPERTIES, ROOT, SOFTWARE_MANAGER, STATES,
    UPDATE, VERSION, error_name, image, image_of_purpose, memory,
};
use super::ear::{Heard, Said};
use anyhow::Context as _;
use image_builder::Purpose;
use rustix::net::{Shutdown, shutdown};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use zbus::{Fd, OwnedObjectPath, OwnedVariant, Variant};

const MAPPER: &str = "xyz.openbmc_project.ObjectMapper";
const MAPPER_OBJECT: &str = "/xyz/openbmc_project/object_mapper";
const MARKER: &str = "xyz.openbmc_project.Software.MultipartUpdate";
const PROGRESS: &str = "xyz.openbmc_project.Software.ActivationProgress";
const SETTINGS: &str = "xyz.openbmc_project.Settings";
const APPLY_TIME: &str = "xyz.openbmc_project.Software.ApplyTime";
const BMC_UPDATER: &str = "xyz.openbmc_project.Software.BMC.Updater";
const BMC: &str = "/xyz/openbmc_project/software/bmc";

/// Services with their interfaces.
type Services = BTreeMap<String, Vec<String>>;

/// bmcweb's calls: `redfish-core/lib/update_service.hpp` of openbmc/bmcweb, the build with `StartUpdate`. Where it answers a
/// client with `InternalError`, so do these.
pub struct Bmcweb<'a>(pub &'a Bed);

impl Bmcweb<'_> {
    /// `getSubTree` of `src/dbus_utility.cpp`.
    fn sub_tree(&self, interface: &str) -> Result<BTreeMap<String, Services>, String> {
        let arguments = (ROOT, 1, vec![interface]);
        let reply = self.0.call([MAPPER, MAPPER_OBJECT, MAPPER], "GetSubTree", &arguments);
        reply.and_then(|reply| reply.body().deserialize()).map_err(error_name)
    }

    /// `getAssociationEndPoints` of `src/dbus_utility.cpp`.
    pub fn endpoints(&self, path: &str) -> Result<Vec<String>, String> {
        let arguments = ("xyz.openbmc_project.Association", "endpoints");
        let reply = self.0.call([MAPPER, path, PROPERTIES], "Get", &arguments).map_err(error_name)?;
        let value: OwnedVariant = reply.body().deserialize().map_err(error_name)?;
        Vec::try_from(value).map_err(|error| error.to_string())
    }

    /// `startUpdate`.
    fn start_update(&self, service: &str, path: &str, image: &File, apply: &str) -> Result<String, String> {
        let body = (Fd::from(image.as_fd()), apply);
        let reply = self.0.call([service, path, UPDATE], "StartUpdate", &body).map_err(error_name)?;
        let object: OwnedObjectPath = reply.body().deserialize().map_err(error_name)?;
        Ok(object.to_string())
    }

    /// `handleMultipartManagerUpdate`: the body names no targets.
    fn update_without_targets(&self, image: &File, apply: &str) -> Result<String, String> {
        let found = self.sub_tree(MARKER)?;
        let mut paths = found.iter();
        let (Some((path, services)), None) = (paths.next(), paths.next()) else {
            return Err(format!("{} paths", found.len()));
        };
        let takes = |(_, interfaces): &(&String, &Vec<String>)| interfaces.iter().any(|name| name == UPDATE);
        let (service, _) = services.iter().find(takes).ok_or("no service")?;
        self.start_update(service, path, image, apply)
    }

    /// `handleBMCUpdate`: what is pushed to `HttpPushUri`, or has `Managers/bmc` as its target.
    pub fn update_bmc(&self, image: &File, apply: &str) -> Result<String, String> {
        let endpoints = self.endpoints(&format!("{BMC}/updateable"))?;
        let [endpoint] = &*endpoints else { return Err(format!("{endpoints:?}")) };
        self.start_update(SOFTWARE_MANAGER, endpoint, image, apply)
    }

    /// `getSwInfo`: the target is an item of the firmware inventory, whose first service is called.
    fn update_item(&self, id: &str, image: &File, apply: &str) -> Result<String, String> {
        let found = self.sub_tree(VERSION)?;
        let is_it = |(path, _): &(&String, &Services)| path.rsplit('/').next() == Some(id);
        let (path, services) = found.iter().find(is_it).ok_or("PropertyValueFormatError")?;
        let service = services.keys().next().ok_or("no service")?;
        self.start_update(service, path, image, apply)
    }
}

/// How a task stands, by what was said since it began: `createTask` of `update_service.hpp`. It hears signals of any sender.
#[derive(Debug, Default, PartialEq, Eq)]
struct Task {
    ended: Option<&'static str>,
    percents: Vec<String>,
}

impl Task {
    fn of(heard: &[Heard], path: &str) -> Self {
        let mut task = Self::default();
        let changes = heard.iter().filter(|heard| matches!(heard.said, Said::Changed(..)));
        for heard in changes.filter(|heard| heard.path == path) {
            if task.ended.is_some() {
                break;
            }
            let state = heard.value(ACTIVATION, "Activation").and_then(|state| state.strip_prefix(STATES));
            task.percents.extend(heard.value(PROGRESS, "Progress").map(str::to_owned));
            task.ended = match state {
                Some("Invalid" | "Failed") => Some("Exception"),
                Some("Active") => Some("Completed"),
                _ => None,
            };
        }
        task
    }
}

/// Waits for a task's end; it began when so many messages had been heard.
fn await_task(bed: &mut Bed, path: &str, from: usize) -> anyhow::Result<Task> {
    bed.until(|heard| Some(Task::of(&heard[from..], path)).filter(|task| task.ended.is_some()))
}

/// Has the object mapper know the system's settings, which are no service of firmware.
fn map_settings(bed: &Bed) -> anyhow::Result<()> {
    let object = format!("{ROOT}/apply_time");
    bed.command("Map", &(object, SETTINGS, [APPLY_TIME].as_slice())).map(drop)
}

/// A unit, installed for all that the service can see.
fn install_unit(bed: &Bed, name: &str) -> anyhow::Result<()> {
    let folder = bed.root().join("usr/lib/systemd/system");
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join(format!("{name}.service")), "[Service]\n")?)
}

fn owner(bed: &Bed, name: &str) -> Option<String> {
    let bus = ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"];
    bed.call(bus, "GetNameOwner", &name).ok()?.body().deserialize().ok()
}

/// Waits until another service has the name than this test.
fn wait_for_owner(bed: &Bed, name: &str) -> anyhow::Result<()> {
    bed.wait("the name has an owner", || Ok(owner(bed, name).is_some()))
}

#[test]
fn bmcweb_pushes_an_image_to_the_object_that_is_associated_with_the_bmc() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("")? else { return Ok(()) };
    bed.start_peers(&["event-log", "object-mapper", "installer"])?;
    bed.start()?;
    let association = format!("{BMC}/updateable");
    bed.wait("the mapper knows the association", || Ok(Bmcweb(&bed).endpoints(&association).is_ok()))?;
    assert_eq!(Bmcweb(&bed).endpoints(&association), Ok(vec![BMC.to_owned()]));
    assert_eq!(Bmcweb(&bed).endpoints(&format!("{BMC}/software_version")), Ok(vec![BMC.to_owned()]));
    for (content, end) in [(image("pushed"), "Completed"), (b"no image".to_vec(), "Exception")] {
        let from = bed.heard()?.len();
        let object = Bmcweb(&bed).update_bmc(&memory(&content)?, IMMEDIATE).map_err(anyhow::Error::msg)?;
        assert_eq!(await_task(&mut bed, &object, from)?.ended, Some(end));
    }
    // What else bmcweb asks of the service of this name is refused, and not taken for done: `redfish-core/lib/managers.hpp`.
    let reset = [SOFTWARE_MANAGER, BMC, "xyz.openbmc_project.Common.FactoryReset"];
    let refused = bed.call(reset, "Reset", &()).map(drop).map_err(error_name);
    assert_eq!(refused, Err("org.freedesktop.DBus.Error.UnknownInterface".to_owned()));
    Ok(())
}

#[test]
fn bmcweb_hands_over_an_image_without_targets_and_its_task_comes_to_its_end() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("")? else { return Ok(()) };
    bed.start_peers(&["event-log", "object-mapper", "installer"])?;
    bed.start()?;
    bed.wait("the mapper knows the marker", || {
        Ok(Bmcweb(&bed).sub_tree(MARKER).is_ok_and(|found| found.contains_key(MULTIPART)))
    })?;
    bed.command("Behave", &("installer", "install"))?;
    let from = bed.heard()?.len();
    let update = |bed: &Bed, content: &[u8]| {
        Bmcweb(bed).update_without_targets(&memory(content)?, ON_RESET).map_err(anyhow::Error::msg)
    };
    let object = update(&bed, &image("whole"))?;
    let task = await_task(&mut bed, &object, from)?;
    assert_eq!((task.ended, task.percents.last().map(String::as_str)), (Some("Completed"), Some("100")));
    let from = bed.heard()?.len();
    let object = update(&bed, b"no image")?;
    assert_eq!(await_task(&mut bed, &object, from)?.ended, Some("Exception"));
    bed.command("Behave", &("installer", "fail"))?;
    let from = bed.heard()?.len();
    let object = update(&bed, &image("failing"))?;
    assert_eq!(await_task(&mut bed, &object, from)?.ended, Some("Exception"));
    Ok(())
}

#[test]
fn bmcweb_targets_an_item_of_the_firmware_inventory_that_is_an_image_here() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("")? else { return Ok(()) };
    bed.start_peers(&["event-log", "object-mapper"])?;
    bed.start()?;
    bed.drop_file("dropped", &image("dropped"))?;
    let dropped = bed.await_image("dropped")?;
    let id = dropped.rsplit('/').next().context("it has a name")?.to_owned();
    bed.wait("the mapper knows it", || {
        Ok(Bmcweb(&bed).sub_tree(VERSION).is_ok_and(|found| found.contains_key(&dropped)))
    })?;
    assert_eq!(Bmcweb(&bed).sub_tree(VERSION).map(|found| found[&dropped].len()), Ok(1));
    // `getSwUpdatableStatus`.
    let asked = bed.call([MAPPER, MAPPER_OBJECT, MAPPER], "GetObject", &(&dropped, [UPDATE].as_slice()))?;
    assert_eq!(asked.body().deserialize::<Services>()?.into_keys().collect::<Vec<_>>(), [NAME]);
    let update = |bed: &Bed, content: &[u8]| {
        Bmcweb(bed).update_item(&id, &memory(content)?, ON_RESET).map_err(anyhow::Error::msg)
    };
    let next = update(&bed, &image("next"))?;
    assert_eq!(bed.await_image("next")?, next);
    // It is for what the image there is for, which was for whatever fits.
    assert_eq!(bed.get(NAME, &next, IMAGE, "Target"), Ok(String::new()));
    let from = bed.heard()?.len();
    let other = update(&bed, &image_of_purpose(Purpose::Bmc, "other"))?;
    assert_eq!(await_task(&mut bed, &other, from)?.ended, Some("Exception"));
    let reason = bed.get(NAME, &other, IMAGE, "Reason");
    assert!(reason.as_ref().is_ok_and(|reason| reason.contains("its purpose is BMC")), "{reason:?}");
    let unknown = Bmcweb(&bed).update_item("0", &memory(&image("unknown"))?, ON_RESET);
    assert_eq!(unknown, Err("PropertyValueFormatError".to_owned()));
    Ok(())
}

/// The build that drops files, with phosphor-image-updater: `redfish-core/lib/update_service.hpp` of openbmc/bmcweb,
/// `bmc/item_updater.cpp` of openbmc/phosphor-bmc-code-mgmt.
#[test]
fn bmcweb_drops_an_image_for_the_bmc_and_sets_the_apply_time_itself() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("")? else { return Ok(()) };
    bed.start_peers(&["event-log", "object-mapper", "settings", "bmc-updater"])?;
    map_settings(&bed)?;
    bed.start()?;
    let settings = [SETTINGS, &format!("{ROOT}/apply_time"), PROPERTIES];
    bed.call(settings, "Set", &(APPLY_TIME, "RequestedApplyTime", Variant::from(IMMEDIATE)))?;
    let path = bed.folder().join("5f1c8d0e-4a53-4a4a-9f39-1c2f5f1e4b70");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o440).open(path)?;
    file.write_all(&image_of_purpose(Purpose::Bmc, "dropped"))?;
    drop(file);
    let object = bed.until(|heard| {
        let found = heard.iter().find(|heard| heard.adds(ACTIVATION))?;
        Some(found.path.clone())
    })?;
    let services = |bed: &Bed, interface: &str| -> anyhow::Result<Vec<String>> {
        let arguments = (&object, vec![interface]);
        let asked = bed.call([MAPPER, MAPPER_OBJECT, MAPPER], "GetObject", &arguments)?;
        Ok(asked.body().deserialize::<Services>()?.into_keys().collect())
    };
    bed.wait("the mapper knows it", || Ok(services(&bed, ACTIVATION).is_ok()))?;
    assert_eq!(services(&bed, ACTIVATION)?, [BMC_UPDATER], "of several it would choose none");
    let from = bed.heard()?.len();
    bed.set_requested(BMC_UPDATER, &object)?;
    assert_eq!(await_task(&mut bed, &object, from)?.ended, Some("Completed"));
    // The updater has asked for that by the bus name: it needs the image no more.
    bed.wait("the image is gone here", || Ok(bed.images()?.is_empty()))?;
    assert_eq!(
        bed.get(SETTINGS, &format!("{ROOT}/apply_time"), APPLY_TIME, "RequestedApplyTime"),
        Ok(IMMEDIATE.to_owned())
    );
    Ok(())
}

/// It reads the system's setting at its end, and asks for a reboot by hand unless that is Immediate: `bmc/activation.cpp` of
/// openbmc/phosphor-bmc-code-mgmt.
/// It reads the system's setting at its end: with another image's it would reset the machine, or not.
#[test]
fn an_installer_is_told_to_begin_right_after_the_image_s_own_apply_time_was_set() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("")? else { return Ok(()) };
    bed.start_peers(&["event-log", "object-mapper", "settings", "bmc-updater"])?;
    map_settings(&bed)?;
    bed.start()?;
    let (mut images, from) = (Vec::new(), bed.heard()?.len());
    for (version, apply) in [("one", ON_RESET), ("two", IMMEDIATE), ("three", ON_RESET), ("four", IMMEDIATE)]
    {
        images.push((bed.start_update(&image_of_purpose(Purpose::Bmc, version), apply)?, apply));
    }
    for (object, _) in &images {
        assert_eq!(await_task(&mut bed, object, from)?.ended, Some("Completed"));
    }
    let (mut set, mut told) = (String::new(), 0);
    for heard in bed.heard()?.to_vec() {
        let Said::Set(_, property, value) = &heard.said else { continue };
        if property == "RequestedApplyTime" {
            set.clone_from(value);
        } else {
            let (_, apply) =
                images.iter().find(|(object, _)| *object == heard.path).context("another image")?;
            assert_eq!(set, *apply, "{heard:?}");
            told += 1;
        }
    }
    assert_eq!(told, images.len());
    Ok(())
}

#[test]
fn phosphor_image_updater_finds_the_apply_time_of_the_image_that_it_is_told_to_install() -> anyhow::Result<()>
{
    for (apply, before) in [(IMMEDIATE, ON_RESET), (ON_RESET, IMMEDIATE)] {
        let Some(mut bed) = Bed::new("")? else { return Ok(()) };
        bed.start_peers(&["event-log", "object-mapper", "settings", "bmc-updater"])?;
        map_settings(&bed)?;
        bed.command("SetText", &("settings", "RequestedApplyTime", before))?;
        bed.start()?;
        let from = bed.heard()?.len();
        let object = bed.start_update(&image_of_purpose(Purpose::Bmc, "handed-over"), apply)?;
        assert_eq!(await_task(&mut bed, &object, from)?.ended, Some("Completed"));
        let is_set = |heard: &&Heard| matches!(heard.said, Said::Set(..));
        let sets = bed.heard()?.iter().filter(is_set).map(|heard| format!("{heard:?}"));
        let sets: Vec<_> =
            sets.map(|set| set.split_once(": ").map_or("", |(_, set)| set).to_owned()).collect();
        let wish = "xyz.openbmc_project.Software.Activation.RequestedActivations.Active";
        let expected =
            [format!("set RequestedApplyTime = {apply}"), format!("set RequestedActivation = {wish}")];
        assert_eq!(sets, expected, "the setting comes first");
        let calls: String = bed.command("Calls", &"settings")?.body().deserialize()?;
        let asked: Vec<_> = calls.lines().map(|call| call.split(' ').nth(1).unwrap_or_default()).collect();
        assert_eq!(asked, [format!("{PROPERTIES}.Set"), format!("{PROPERTIES}.Get")]);
        bed.wait("the image is gone here", || Ok(bed.images()?.is_empty()))?;
    }
    Ok(())
}

/// An installer would take what has a version and a path for an image: `bmc/item_updater.cpp` of openbmc/phosphor-bmc-code-mgmt.
#[test]
fn the_object_for_the_bmc_is_no_image() -> anyhow::Result<()> {
    let Some(bed) = Bed::running("")? else { return Ok(()) };
    wait_for_owner(&bed, SOFTWARE_MANAGER)?;
    let shown = bed.objects_of(SOFTWARE_MANAGER)?;
    let interfaces = ["xyz.openbmc_project.Association.Definitions", UPDATE].map(str::to_owned);
    assert_eq!(shown, [(BMC.to_owned(), interfaces.into())].into());
    // The mapper introspects, and reads.
    let xml: String = bed
        .call([SOFTWARE_MANAGER, BMC, "org.freedesktop.DBus.Introspectable"], "Introspect", &())?
        .body()
        .deserialize()?;
    assert!(xml.contains("xyz.openbmc_project.Association.Definitions") && xml.contains(UPDATE), "{xml}");
    assert!(!xml.contains("xyz.openbmc_project.Software.Version\""), "{xml}");
    // One connection has one name, or the mapper would list each of its objects twice: `handler.cpp` of
    // openbmc/phosphor-objmgr.
    assert_ne!(owner(&bed, SOFTWARE_MANAGER), owner(&bed, NAME));
    Ok(())
}

/// It would be started again for ever: sdbusplus asks for the name once, and the unit has `Restart=always`.
#[test]
fn the_name_for_the_bmc_is_left_to_a_service_that_is_installed() -> anyhow::Result<()> {
    for (settings, has_name) in
        [("", false), ("software-manager = \"off\"", false), ("software-manager = \"on\"", true)]
    {
        let Some(mut bed) = Bed::new(settings)? else { return Ok(()) };
        install_unit(&bed, SOFTWARE_MANAGER)?;
        bed.start()?;
        if has_name {
            wait_for_owner(&bed, SOFTWARE_MANAGER)?;
        }
        // Without a second connection, which is made before the service is ready, it cannot have the name later.
        assert_eq!(connections(&bed)?.len(), if has_name { 2 } else { 1 }, "{settings}");
    }
    Ok(())
}

#[test]
fn the_name_for_the_bmc_is_taken_from_no_other_service_but_once_it_is_free() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("software-manager = \"on\"")? else { return Ok(()) };
    bed.runtime.block_on(bed.client.request_name(SOFTWARE_MANAGER))?;
    let ours = bed.client.unique_name().map(ToString::to_string);
    bed.start_logged()?;
    bed.start_update(&image("taken"), IMMEDIATE)?;
    let object = bed.await_image("taken")?;
    assert_eq!(bed.get(NAME, &object, ACTIVATION, "Activation"), Ok(format!("{STATES}Ready")));
    let says = "do not reach this service";
    bed.wait("it says that it has not got the name", || Ok(bed.logged(says)? == 1))?;
    assert_eq!(owner(&bed, SOFTWARE_MANAGER), ours);
    bed.runtime.block_on(bed.client.release_name(SOFTWARE_MANAGER))?;
    wait_for_owner(&bed, SOFTWARE_MANAGER)?;
    assert!(owner(&bed, SOFTWARE_MANAGER) != ours && connections(&bed)?.len() == 2);
    Ok(())
}

/// The unique names of the service's connections.
fn connections(bed: &Bed) -> anyhow::Result<Vec<String>> {
    let bus = ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"];
    let process = bed.manager_process()?;
    let names: Vec<String> = bed.call(bus, "ListNames", &())?.body().deserialize()?;
    let is_its = |name: &String| {
        let asked = bed.call(bus, "GetConnectionUnixProcessID", name);
        let asked = asked.ok().and_then(|reply| reply.body().deserialize::<u32>().ok());
        name.starts_with(':') && asked == Some(process)
    };
    Ok(names.into_iter().filter(is_its).collect())
}

/// The bus may have the connection of a service that was killed a moment longer than the kernel has its process.
#[test]
fn the_name_for_the_bmc_is_had_again_after_a_kill() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    for _ in 0..3 {
        wait_for_owner(&bed, SOFTWARE_MANAGER)?;
        let before = owner(&bed, SOFTWARE_MANAGER).context("it has an owner")?;
        bed.kill()?;
        bed.start()?;
        bed.wait("it has another owner", || {
            Ok(owner(&bed, SOFTWARE_MANAGER).is_some_and(|owner| owner != before))
        })?;
    }
    Ok(())
}

/// Else clients would find the object no more, and nothing would bring it back.
#[test]
fn a_service_that_has_lost_its_connection_for_the_bmc_ends() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    wait_for_owner(&bed, SOFTWARE_MANAGER)?;
    let process = bed.manager_process()?;
    let mut sockets = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/fd"))? {
        let path = entry?.path();
        let is_socket = std::fs::read_link(&path).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
        let number = path.file_name().and_then(|name| name.to_str()?.parse::<i32>().ok());
        sockets.extend(number.filter(|_| is_socket));
    }
    // That of the second connection is the youngest.
    let socket = sockets.into_iter().max().context("it has sockets")?;
    let pid = Pid::from_raw(i32::try_from(process)?).context("it has a number")?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    shutdown(pidfd_getfd(&process, socket, PidfdGetfdFlags::empty())?, Shutdown::Both)?;
    bed.wait("it has left the bus", || Ok(owner(&bed, NAME).is_none()))?;
    assert!(bed.stop().is_err(), "it did not end as it does when it is told to");
    Ok(())
}
