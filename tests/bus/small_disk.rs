//! The inventory on disks that are full, cannot be written, or hold what it did not put there.
//!
//! A small disk is memory that is mounted where no other process sees it: in a namespace of its own, for which no privilege is needed.

use anyhow::Context as _;
use dbus_api::call::CallError;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::{ITEM, ROOT, deletion, manager};
use dbus_api::standard::OBJECT_MANAGER;
use house_tests::Machine;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use test_bus::Daemon;
use zbus::{OwnedObjectPath, OwnedVariant};

const PAGE: u64 = 4096;

/// A disk of its own below the machine's state folder.
struct Disk {
    holder: Child,
    state: PathBuf,
}

impl Disk {
    /// Of so many KiB, mounted with more options afterwards; `None` where that cannot be, which it says.
    #[expect(clippy::print_stdout, reason = "the test harness shows it")]
    fn mount(machine: &Machine, size: u64, then: &str) -> anyhow::Result<Option<Self>> {
        let state = machine.state();
        std::fs::create_dir_all(&state)?;
        let script = format!(
            "mount -t tmpfs -o size={size}k,mode=0700 tmpfs \"$1\" {then} && echo mounted && exec cat"
        );
        let mut command = Command::new("unshare");
        command.args(["--map-current-user", "--keep-caps", "--mount", "sh", "-c", &script, "sh"]).arg(&state);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut disk = match spawned {
            Ok(holder) => Self { holder, state },
            Err(error) => {
                println!(
                    "SKIPPED small disk: unshare cannot be started (Debian package util-linux): {error}"
                );
                return Ok(None);
            }
        };
        let mut line = String::new();
        BufReader::new(disk.holder.stdout.take().context("no output")?).read_line(&mut line)?;
        if line != "mounted\n" {
            println!("SKIPPED small disk: nothing can be mounted in a namespace here");
            anyhow::ensure!(
                std::env::var("CI").is_ok_and(|value| value != "true"),
                "which CI must be able to"
            );
            return Ok(None);
        }
        Ok(Some(disk))
    }

    /// The disk as seen from outside.
    fn path(&self) -> PathBuf {
        let inside = self.state.strip_prefix("/").unwrap_or(&self.state);
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(inside)
    }

    /// The inventory, which sees the disk.
    fn start(&self, machine: &Machine) -> anyhow::Result<Daemon> {
        let bare = machine.inventory_command()?;
        let mut command = Command::new("nsenter");
        let target = self.holder.id().to_string();
        command.args(["--target", &target, "--user", "--mount", "--preserve-credentials"]);
        command.arg(bare.get_program()).args(bare.get_args());
        command.envs(bare.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let folder = self.state.parent().context("no folder")?;
        Daemon::spawn_ready("inventory-manager", &mut command, folder, test_bus::LIMIT)
    }

    /// Fills it but for so many pages.
    fn fill(&self, pages: u64) -> anyhow::Result<()> {
        let mut filler = File::create(self.path().join("filler"))?;
        let mut length = 0;
        loop {
            match filler.write(&[0xff; PAGE as usize]) {
                Ok(written) => length += written as u64,
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(filler.set_len(length.saturating_sub(pages * PAGE))?)
    }

    fn free(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.path().join("filler"))?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The names that objects have.
type Names = BTreeMap<String, String>;

fn named<'a>(path: &'a str, name: &'a str) -> Notification<'a> {
    let mut object = Object { path: path.into(), interfaces: Vec::new() };
    object.interface(ITEM).set("PrettyName", Value::Text(name.into()));
    Notification { objects: vec![object] }
}

/// Whether it was taken; what is refused for want of room is refused as that.
fn taken(outcome: Result<(), CallError>) -> anyhow::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(CallError::Refused { name, .. }) if name.ends_with(".IOError") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What the client knows, since it was answered.
struct Client<'m> {
    machine: &'m Machine,
    acknowledged: Names,
    refused: usize,
}

impl<'m> Client<'m> {
    fn new(machine: &'m Machine) -> Self {
        Self { machine, acknowledged: Names::new(), refused: 0 }
    }

    fn notify(&mut self, path: &str, name: &str) -> anyhow::Result<bool> {
        let outcome = self
            .machine
            .run(async |connection| Ok(manager::notify(&connection, &named(path, name)).await))?;
        let taken = taken(outcome)?;
        if taken {
            self.acknowledged.insert(path.to_owned(), name.to_owned());
        } else {
            self.refused += 1;
        }
        Ok(taken)
    }

    fn delete(&mut self, path: &str) -> anyhow::Result<bool> {
        let outcome = self.machine.run(async |connection| {
            let bus_name = Some(manager::BUS_NAME);
            let (interface, paths) = (Some(deletion::INTERFACE), [path].to_vec());
            let called = connection.call_method(bus_name, ROOT, interface, deletion::DELETE, &paths);
            Ok(called.await.map(drop).map_err(|error| dbus_api::call::classify(manager::BUS_NAME, error)))
        })?;
        let taken = taken(outcome)?;
        if taken {
            self.acknowledged.remove(path);
        }
        Ok(taken)
    }

    fn expect_what_was_answered(&self, when: &str) -> anyhow::Result<()> {
        type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;
        let objects: Objects = self.machine.run(async |connection| {
            let (name, interface) = (Some(manager::BUS_NAME), Some(OBJECT_MANAGER));
            let reply = connection.call_method(name, ROOT, interface, "GetManagedObjects", &()).await?;
            Ok(reply.body().deserialize()?)
        })?;
        let shown: anyhow::Result<Names> = objects
            .iter()
            .map(|(path, interfaces)| {
                let name = interfaces.get(ITEM).and_then(|item| item.get("PrettyName")).context("no name")?;
                let path = path.as_str().strip_prefix(ROOT).context("no inventory path")?;
                Ok((path.to_owned(), String::try_from(name.try_clone()?)?))
            })
            .collect();
        assert_eq!(shown?, self.acknowledged, "{when}");
        Ok(())
    }
}

/// For every fill level: what was answered is there, what was refused is not, a deletion goes through, and as soon as there is
/// room everything does, at once and after a start.
#[test]
fn a_disk_of_any_fill_level_keeps_what_was_answered_and_heals_by_itself() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    machine.configure("inventory-manager", "checkpoint-idle-ms = 3600000\n")?;
    let Some(disk) = Disk::mount(&machine, 1024, "")? else { return Ok(()) };
    let is_soak = std::env::var_os("VIVIANITE_SOAK").is_some_and(|value| value == "1");
    let levels: Vec<u64> =
        if is_soak { (0..160).collect() } else { (0..12).chain([16, 24, 40, 80]).collect() };
    let mut client = Client::new(&machine);
    let mut service = disk.start(&machine)?;
    for level in levels {
        let long = "n".repeat(3_000 * (level as usize % 9));
        for number in 0..6 {
            assert!(
                client.notify(&format!("/system/o{number}"), &format!("{level}{long}"))?,
                "level {level}"
            );
        }
        if level % 4 >= 2 {
            assert!(service.stop()?.success(), "level {level}");
            service = disk.start(&machine)?;
        }
        let has_journal = disk.path().join("journal").metadata()?.len() > 0;
        assert_eq!(has_journal, level % 4 < 2, "level {level}");
        disk.fill(level)?;
        if level % 2 == 1 {
            service.kill()?;
            service =
                disk.start(&machine).with_context(|| format!("level {level}: a start on a full disk"))?;
        }
        client.expect_what_was_answered(&format!("level {level}, full"))?;
        client.notify("/system/o1", "small")?;
        // What fits, what fits just so or not, and what does not.
        for pages in [level / 4, level / 2, level + 8] {
            client.notify("/system/new", &format!("{level}{}", "m".repeat((PAGE * pages) as usize)))?;
        }
        assert!(client.delete("/system/o0")?, "level {level}: a deletion on a full disk");
        client.expect_what_was_answered(&format!("level {level}, after a deletion"))?;
        client.notify("/system/o2", "2")?;
        client.delete("/system/o3")?;
        client.expect_what_was_answered(&format!("level {level}, after more"))?;
        if level % 3 == 0 {
            service.kill()?;
            service = disk.start(&machine)?;
            client.expect_what_was_answered(&format!("level {level}, killed while full"))?;
        }
        disk.free()?;
        assert!(client.notify("/system/o4", "there is room")?, "level {level}: there is room again");
        for path in ["/system/o5", "/system/new"] {
            let is_there = client.acknowledged.contains_key(path);
            assert!(!is_there || client.delete(path)?, "level {level}: there is room again");
        }
        service.kill()?;
        service = disk.start(&machine)?;
        client.expect_what_was_answered(&format!("level {level}, after a start"))?;
        assert!(disk.path().join("reserve").metadata()?.len() > 256 * 1024, "level {level}: no reserve");
    }
    assert!(client.refused > 5, "no disk was full: {}", client.refused);
    assert!(service.stop()?.success());
    Ok(())
}

#[test]
fn a_disk_that_cannot_be_written_is_served_and_refuses() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    let Some(disk) = Disk::mount(&machine, 64, "&& mount -o remount,ro \"$1\"")? else { return Ok(()) };
    let mut service = disk.start(&machine)?;
    let mut client = Client::new(&machine);
    assert!(!client.notify("/system/a", "A")?);
    client.expect_what_was_answered("nothing can be kept")?;
    assert!(service.stop()?.success());
    Ok(())
}

#[test]
fn a_pipe_in_the_place_of_the_journal_does_not_hold_the_start() -> anyhow::Result<()> {
    let Some(mut machine) = Machine::bare()? else { return Ok(()) };
    std::fs::create_dir_all(machine.state())?;
    nix::unistd::mkfifo(&machine.state().join("journal"), nix::sys::stat::Mode::S_IRWXU)?;
    machine.start_inventory()?;
    let mut client = Client::new(&machine);
    assert!(!client.notify("/system/a", "A")?);
    client.expect_what_was_answered("nothing can be kept")?;
    Ok(())
}

#[test]
fn a_damaged_file_is_named_and_not_believed() -> anyhow::Result<()> {
    let Some(mut machine) = Machine::with_inventory()? else { return Ok(()) };
    let mut client = Client::new(&machine);
    assert!(client.notify("/system/a", "A")? && client.notify("/system/b", "B")?);
    let mut acknowledged = client.acknowledged;
    assert!(machine.stop_inventory()?.success());
    let file = machine.state().join("objects/system/a").join(ITEM);
    let mut bytes = std::fs::read(&file)?;
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes)?;
    let log = machine.state().with_file_name("log");
    let mut command = machine.inventory_command()?;
    let folder = machine.state().with_file_name("");
    let mut service = Daemon::spawn_ready(
        "inventory-manager",
        command.stderr(File::create(&log)?),
        &folder,
        test_bus::LIMIT,
    )?;
    acknowledged.remove("/system/a");
    Client { acknowledged, ..Client::new(&machine) }.expect_what_was_answered("one is damaged")?;
    assert!(service.stop()?.success());
    let log = std::fs::read_to_string(log)?;
    let line = log.lines().find(|line| line.contains("damaged")).context("it is not named")?;
    for part in ["<3>", "object=/system/a ", &format!("interface={ITEM}"), ".damaged"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(file.with_file_name(format!(".{ITEM}.damaged")).exists());
    Ok(())
}
