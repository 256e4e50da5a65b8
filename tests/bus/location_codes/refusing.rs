//! An inventory that does not take everything.

use anyhow::Context as _;
use dbus_api::inventory::{LOCATION_CODE, ROOT, manager};
use house_tests::Machine;
use std::collections::HashMap;
use std::sync::mpsc;
use std::thread;
use zbus::fdo;
use zbus::{OwnedObjectPath, OwnedVariant, Variant};

type Interfaces = HashMap<String, HashMap<String, OwnedVariant>>;
type Objects = HashMap<OwnedObjectPath, Interfaces>;

/// Takes no `Notify` with `/cables/x` in it, and tells of the others.
struct Picky(mpsc::Sender<Vec<String>>);

#[zbus::interface(name = "xyz.openbmc_project.Inventory.Manager")]
impl Picky {
    fn notify(&self, objects: Objects) -> fdo::Result<()> {
        let mut paths: Vec<String> = objects.keys().map(|path| path.as_str().to_owned()).collect();
        paths.sort();
        if paths.iter().any(|path| path == "/cables/x") {
            return Err(fdo::Error::InvalidArgs("not that one".to_owned()));
        }
        let _ = self.0.send(paths);
        Ok(())
    }
}

/// What it shows.
struct Shown;

#[zbus::interface(name = "org.freedesktop.DBus.ObjectManager")]
impl Shown {
    fn get_managed_objects(&self) -> fdo::Result<Objects> {
        let bytes = |text: &str| OwnedVariant::try_from(Variant::from(text.as_bytes().to_vec()));
        let mut objects = Objects::new();
        for path in ["/system/chassis", "/system/chassis/motherboard", "/cables/x"] {
            let path = OwnedObjectPath::try_from(format!("{ROOT}{path}"))?;
            objects.insert(path, Interfaces::from([(LOCATION_CODE.to_owned(), HashMap::new())]));
        }
        let chassis = OwnedObjectPath::try_from(format!("{ROOT}/system/chassis"))?;
        let record = HashMap::from([("FC".to_owned(), bytes("78DA")?), ("SE".to_owned(), bytes("WZS003T")?)]);
        objects.entry(chassis).or_default().insert("com.ibm.ipzvpd.VCEN".to_owned(), record);
        Ok(objects)
    }
}

/// Runs the picky inventory beside the test until the result is dropped.
fn start(
    machine: &Machine,
    taken: mpsc::Sender<Vec<String>>,
) -> anyhow::Result<tokio::sync::oneshot::Sender<()>> {
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let (ready, is_ready) = mpsc::channel();
    let address = machine.bus().address().to_owned();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let builder = zbus::connection::Builder::address(address.as_str());
            let builder = builder.serve_at(ROOT, Picky(taken)).serve_at(ROOT, Shown);
            let connection = builder.name(manager::BUS_NAME).build().await;
            ready.send(connection.as_ref().map(drop).map_err(ToString::to_string)).unwrap();
            let _ = ended.await;
            drop(connection);
        });
    });
    is_ready.recv_timeout(test_bus::LIMIT)?.map_err(anyhow::Error::msg)?;
    Ok(end)
}

#[test]
fn one_object_that_the_inventory_refuses_does_not_sink_the_others() -> anyhow::Result<()> {
    let Some(mut bed) = super::Bed::without_inventory()? else { return Ok(()) };
    let (taken, took) = mpsc::channel();
    let _inventory = start(&bed.machine, taken)?;
    bed.start_updater()?;
    let mut all = Vec::new();
    while all.len() < 2 {
        all.extend(took.recv_timeout(test_bus::LIMIT).context("nothing was published")?);
    }
    assert_eq!(all, ["/system/chassis", "/system/chassis/motherboard"]);
    Ok(())
}
