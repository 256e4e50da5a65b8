//! What programs of OpenBMC do with this service: the same calls in the same order, from their public source. Each test names
//! the file that it was read from.

use super::bed::{
    ACTIVATION, Bed, IMMEDIATE, NAME, PROPERTIES, SOFTWARE_MANAGER, STATES, UPDATE, error_name, image, memory,
};
use anyhow::Context as _;
use std::fs::File;
use std::os::fd::AsFd as _;
use zbus::{Fd, OwnedObjectPath, OwnedVariant};

const MAPPER: &str = "xyz.openbmc_project.ObjectMapper";
const BMC: &str = "/xyz/openbmc_project/software/bmc";

/// bmcweb's calls: `redfish-core/lib/update_service.hpp` of openbmc/bmcweb, the build with `StartUpdate`.
struct Bmcweb<'a>(&'a Bed);

impl Bmcweb<'_> {
    /// `getAssociationEndPoints` of `src/dbus_utility.cpp`.
    fn endpoints(&self, path: &str) -> Result<Vec<String>, String> {
        let arguments = ("xyz.openbmc_project.Association", "endpoints");
        let reply = self.0.call([MAPPER, path, PROPERTIES], "Get", &arguments).map_err(error_name)?;
        let value: OwnedVariant = reply.body().deserialize().map_err(error_name)?;
        Vec::try_from(value).map_err(|error| error.to_string())
    }

    /// `startUpdate`; what its name is for a reply of an error goes no further than `InternalError`.
    fn start_update(&self, service: &str, path: &str, image: &File, apply: &str) -> Result<String, String> {
        let body = (Fd::from(image.as_fd()), apply);
        let reply = self.0.call([service, path, UPDATE], "StartUpdate", &body).map_err(error_name)?;
        let object: OwnedObjectPath = reply.body().deserialize().map_err(error_name)?;
        Ok(object.to_string())
    }

    /// `handleBMCUpdate`: what is pushed to `HttpPushUri`, or has `Managers/bmc` as its target.
    fn update_bmc(&self, image: &File, apply: &str) -> anyhow::Result<String> {
        let endpoints = self.endpoints(&format!("{BMC}/updateable")).map_err(anyhow::Error::msg)?;
        let [endpoint] = &*endpoints else { anyhow::bail!("500: {endpoints:?}") };
        self.start_update(SOFTWARE_MANAGER, endpoint, image, apply).map_err(anyhow::Error::msg)
    }
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
    let object = Bmcweb(&bed).update_bmc(&memory(&image("pushed"))?, IMMEDIATE)?;
    assert_eq!(bed.await_image("pushed")?, object);
    bed.await_state(&object, "Active")?;
    let bad = Bmcweb(&bed).update_bmc(&memory(b"no image")?, IMMEDIATE)?;
    bed.await_state(&bad, "Invalid")?;
    // What else bmcweb asks of the service of this name is refused, and not taken for done: `redfish-core/lib/managers.hpp`.
    let reset = [SOFTWARE_MANAGER, BMC, "xyz.openbmc_project.Common.FactoryReset"];
    let refused = bed.call(reset, "Reset", &()).map(drop).map_err(error_name);
    assert_eq!(refused, Err("org.freedesktop.DBus.Error.UnknownInterface".to_owned()));
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
fn the_name_for_the_bmc_is_taken_from_no_other_service_and_images_are_taken_without_it() -> anyhow::Result<()>
{
    let Some(mut bed) = Bed::new("software-manager = \"on\"")? else { return Ok(()) };
    bed.runtime.block_on(bed.client.request_name(SOFTWARE_MANAGER))?;
    let ours = bed.client.unique_name().map(ToString::to_string);
    bed.start()?;
    bed.start_update(&image("taken"), IMMEDIATE)?;
    let object = bed.await_image("taken")?;
    assert_eq!(bed.get(NAME, &object, ACTIVATION, "Activation"), Ok(format!("{STATES}Ready")));
    bed.wait("it has given up", || Ok(connections(&bed)?.len() == 1))?;
    assert_eq!(owner(&bed, SOFTWARE_MANAGER), ours);
    // Were it in the bus's queue for the name, it would get it now.
    bed.runtime.block_on(bed.client.release_name(SOFTWARE_MANAGER))?;
    assert_eq!(owner(&bed, SOFTWARE_MANAGER), None);
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
