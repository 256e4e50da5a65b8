//! The memory of all services with as many parts as a large machine has, and with the largest inventory that the bounds
//! allow.
//!
//! `cargo build --release -p inventory-manager -p vpd-collection -p location-code-updater -p vpd-writer -p image-manager
//! -p ipz-vpd-parser -p keyword-vpd-parser`, then `cargo test --release -p house-tests --test bus memory_of -- --ignored --nocapture`.

use crate::collection::bed::{Bed, object};
use anyhow::Context as _;
use dbus_api::call::CallError;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::records::interface_of;
use dbus_api::inventory::{ASSET, ITEM, LOCATION_CODE, ROOT, located, manager};
use dbus_api::standard::OBJECT_MANAGER;
use house_tests::fixture;
use std::fmt::Write as _;
use test_bus::{Daemon, LIMIT};

const MIB: usize = 1 << 20;
/// The largest inventory, as `limits::INVENTORY` of `inventory-manager` has it.
const LARGEST: usize = 8 * MIB;
/// A call takes four times its length, and a service some MiB by itself.
const MOST_OF_INVENTORY: usize = 4 * LARGEST + 10 * MIB;
/// Bytes stay bytes while they are read.
const MOST_OF_READER: usize = 2 * LARGEST + 12 * MIB;

const PARTS: usize = 240;
/// Bytes of the largest keyword of each, so that all come to 1.3 MB.
const USUAL_KEYWORD: usize = 4_300;
/// The same, so that all come close to the bound.
const LARGE_KEYWORD: usize = 32_000;

/// One part with its records; the last keyword is so long, and one that the updater of location codes looks at.
fn part(path: &str, keyword: usize) -> Object<'_> {
    let mut object = Object { path: path.into(), interfaces: Vec::new() };
    let item = object.interface(ITEM);
    item.set("PrettyName", Value::Text("Memory module".into()));
    item.set("Present", Value::Bool(true));
    let asset = object.interface(ASSET);
    for (property, text) in [
        ("PartNumber", "03FM123"),
        ("SerialNumber", "YH30BG12C345"),
        ("Model", "7V11"),
        ("SparePartNumber", ""),
    ] {
        asset.set(property, Value::Text(text.into()));
    }
    // As long as what is published there.
    let code = Value::Text("U78DA.N00.WZS003T-P0-C000".into());
    object.interface(LOCATION_CODE).set(located::LOCATION_CODE_PROPERTY, code);
    let record = object.interface(interface_of("VINI"));
    for (property, text) in [("DR", "FAN CARD"), ("PN", "99VV102"), ("SN", "YVIV00000101"), ("CC", "7V11")] {
        record.set(property, Value::Bytes(text.as_bytes().into()));
    }
    let record = object.interface(interface_of("VCEN"));
    record.set("FC", Value::Bytes(vec![0xa5; keyword].into()));
    object
}

/// What is published beside the parts, so that there are codes.
fn enclosures() -> Vec<Object<'static>> {
    let text = |text: &'static str| Value::Bytes(text.as_bytes().into());
    let mut system = Object { path: "/system".into(), interfaces: Vec::new() };
    let record = system.interface(interface_of("VSYS"));
    record.set("TM", text("9105-22A"));
    record.set("SE", text("139F230"));
    let mut chassis = Object { path: "/system/chassis".into(), interfaces: Vec::new() };
    let record = chassis.interface(interface_of("VCEN"));
    record.set("FC", text("78DA"));
    record.set("SE", text("WZS003T"));
    vec![system, chassis]
}

fn locations() -> String {
    let mut text = "[[enclosure]]\npath = \"/system/chassis\"\nsource = \"/system/chassis\"\n".to_owned();
    for number in 0..PARTS {
        let path = object(&format!("part{number}"));
        let _ = writeln!(text, "[[object]]\npath = \"{path}\"\ncode = \"Ufcs-P0-C{number}\"");
    }
    text
}

/// `VmHWM` and `VmRSS` of a process, bytes.
fn memory(pid: u32) -> anyhow::Result<(usize, usize)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix(" kB"));
    let bytes = |name| anyhow::Ok(line(name).context("no such line")?.trim().parse::<usize>()? << 10);
    Ok((bytes("VmHWM:")?, bytes("VmRSS:")?))
}

/// Shows a line of the table.
#[expect(clippy::print_stdout, reason = "it is what this is for")]
fn tell(service: &Daemon, name: &str, when: &str, most: usize) -> anyhow::Result<()> {
    let (peak, now) = memory(service.pid())?;
    println!("| {name} | {when} | {:.1} | {:.1} |", mib(peak), mib(now));
    anyhow::ensure!(peak <= most, "{name}, {when}: {peak} bytes, and {most} are allowed");
    Ok(())
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / MIB as f64
}

fn start_inventory(bed: &Bed) -> anyhow::Result<Daemon> {
    let mut command = bed.machine.inventory_command()?;
    Daemon::spawn_ready("inventory-manager", &mut command, bed.machine.folder(), LIMIT)
}

fn publish(bed: &Bed, objects: Vec<Object<'_>>) -> anyhow::Result<Result<(), CallError>> {
    let notification = Notification { objects };
    bed.machine.run(async |connection| Ok(manager::notify(&connection, &notification).await))
}

/// Puts so large parts into the inventory, and others until it takes no more if all is wanted.
fn fill(bed: &Bed, keyword: usize, is_to_be_full: bool) -> anyhow::Result<()> {
    publish(bed, enclosures())??;
    let paths: Vec<String> = (0..PARTS).map(|number| object(&format!("part{number}"))).collect();
    for some in paths.chunks(60) {
        publish(bed, some.iter().map(|path| part(path, keyword)).collect())??;
    }
    let mut keyword = if is_to_be_full { LARGE_KEYWORD } else { 0 };
    for number in 0.. {
        let path = format!("/other/part{number}");
        match publish(bed, vec![part(&path, keyword)]) {
            _ if keyword < 100 => break,
            Ok(Ok(())) => {}
            Ok(Err(CallError::Refused { name, .. })) if name.ends_with("LimitsExceeded") => keyword /= 2,
            other => other??,
        }
    }
    Ok(())
}

/// Reads all; how much that is.
fn read_all(bed: &Bed) -> anyhow::Result<usize> {
    let name = Some(manager::BUS_NAME);
    bed.machine.run(async |connection| {
        let all = connection.call_method(name, ROOT, Some(OBJECT_MANAGER), "GetManagedObjects", &()).await?;
        Ok(all.body().len())
    })
}

#[expect(clippy::print_stdout, reason = "it is what this is for")]
fn measure(what: &str, keyword: usize, is_to_be_full: bool) -> anyhow::Result<()> {
    // They are not read here, so that what the inventory has of them stays.
    let kept = (0..PARTS).map(|number| (&*format!("part{number}").leak(), "power-off-only = true"));
    let frus: Vec<(&'static str, &'static str)> = kept.chain([("card", "")]).collect();
    let Some(bed) = Bed::new(&frus)? else { return Ok(()) };
    bed.configure("power-limit-ms = 10\nsettle-limit-ms = 10\n")?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    std::fs::write(bed.machine.root().join("run/vivianite/vpd/active/locations.toml"), locations())?;
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!(
        "\n{what}, {profile} programs\n\n| service | when | VmHWM, MiB | VmRSS, MiB |\n|---|---|---|---|"
    );
    let mut inventory = start_inventory(&bed)?;
    tell(&inventory, "inventory-manager", "started, empty", MOST_OF_INVENTORY)?;
    fill(&bed, keyword, is_to_be_full)?;
    tell(&inventory, "inventory-manager", "filled", MOST_OF_INVENTORY)?;
    let size = read_all(&bed)?;
    tell(&inventory, "inventory-manager", "all was read", MOST_OF_INVENTORY)?;
    inventory.kill()?;
    let mut inventory = start_inventory(&bed)?;
    tell(&inventory, "inventory-manager", "killed and started", MOST_OF_INVENTORY)?;
    anyhow::ensure!(read_all(&bed)? == size, "it shows something else");
    tell(&inventory, "inventory-manager", "all was read", MOST_OF_INVENTORY)?;
    for name in ["vpd-collection", "location-code-updater", "vpd-writer", "image-manager"] {
        for when in ["started, all read", "killed and started"] {
            let mut service = bed.machine.start(name)?;
            tell(&service, name, when, MOST_OF_READER)?;
            service.kill()?;
        }
    }
    tell(&inventory, "inventory-manager", "all have read", MOST_OF_INVENTORY)?;
    anyhow::ensure!(inventory.stop()?.success());
    let after = start_inventory(&bed)?;
    tell(&after, "inventory-manager", "stopped and started", MOST_OF_INVENTORY)?;
    println!("\nGetManagedObjects: {size} bytes");
    Ok(())
}

#[test]
#[ignore = "its figures are worth something for release programs only, which are built by hand"]
fn memory_of_all_services_is_bounded_with_240_parts_and_with_the_largest_inventory() -> anyhow::Result<()> {
    measure("240 parts", USUAL_KEYWORD, false)?;
    measure("The largest inventory", LARGE_KEYWORD, true)
}
