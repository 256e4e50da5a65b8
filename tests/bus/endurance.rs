//! Sick disks, silent peers and supervisors.

use anyhow::Context as _;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::{ITEM, ROOT, manager};
use dbus_api::standard::PEER;
use house_tests::{Machine, fixture, next};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Command;
use zbus::message::Flags;
use zbus::{Message, MessageStream};

const KEY: &str = "10-0050";
const FRAGMENT: &str = "[[object]]\npath = \"/system/card0\"\nrecords = \"all\"\n\
    [object.interfaces.\"xyz.openbmc_project.Inventory.Decorator.Asset\"]\n\
    BuildDate = { record = \"VINI\", keyword = \"SN\", encoding = \"date\" }\n";

fn named(path: &str, name: &str) -> Notification<'static> {
    let mut object = Object { path: path.to_owned().into(), interfaces: Vec::new() };
    object.interface(ITEM).set("PrettyName", Value::Text(name.to_owned().into()));
    Notification { objects: vec![object] }
}

#[test]
fn a_change_that_cannot_be_written_is_refused_and_not_made() -> anyhow::Result<()> {
    let Some(mut machine) = Machine::bare()? else { return Ok(()) };
    std::fs::create_dir_all(machine.state())?;
    std::os::unix::fs::symlink("/dev/full", machine.state().join("journal"))?;
    machine.start_inventory()?;
    let refused =
        machine.run(async |connection| Ok(manager::notify(&connection, &named("/a", "A")).await))?;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("IOError") && message.contains("journal"), "{message}");
    assert_eq!(machine.properties("/a", ITEM)?, None, "what is not kept is not shown");
    Ok(())
}

#[test]
fn a_full_journal_is_carried_over_without_waiting_for_quiet() -> anyhow::Result<()> {
    let Some(mut machine) = Machine::bare()? else { return Ok(()) };
    machine.configure("inventory-manager", "journal-limit-kib = 4\ncheckpoint-idle-ms = 3600000\n")?;
    machine.start_inventory()?;
    let journal = machine.state().join("journal");
    machine.run(async |connection| {
        for count in 0..200 {
            manager::notify(&connection, &named("/a", &format!("{count:0>100}"))).await?;
            assert!(std::fs::metadata(&journal)?.len() < 8 * 1024, "call {count}");
        }
        Ok(())
    })
}

#[test]
fn a_clean_end_leaves_nothing_in_the_journal() -> anyhow::Result<()> {
    let Some(mut machine) = Machine::bare()? else { return Ok(()) };
    machine.configure("inventory-manager", "checkpoint-idle-ms = 3600000\n")?;
    machine.start_inventory()?;
    machine.run(async |connection| Ok(manager::notify(&connection, &named("/a", "A")).await?))?;
    assert_ne!(std::fs::metadata(machine.state().join("journal"))?.len(), 0);
    assert!(machine.stop_inventory()?.success());
    assert_eq!(std::fs::metadata(machine.state().join("journal"))?.len(), 0);
    Ok(())
}

#[test]
fn a_call_that_wants_no_reply_gets_none() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.run(async |connection| {
        let mut stream = MessageStream::from(&connection);
        let call = |interface: &'static str, method: &'static str| {
            Message::method_call(ROOT, method).map_interface(interface)
        };
        let silent = call(manager::INTERFACE, manager::NOTIFY).with_flags(Flags::NO_REPLY_EXPECTED);
        connection.send(&silent.build(&named("/a", "A"))?).await?;
        let ping = call(PEER, "Ping").build(&())?;
        connection.send(&ping).await?;
        let serial = ping.primary_header().serial_num();
        loop {
            let message = next(&mut stream).await?;
            if let Some(replied) = message.header().reply_serial() {
                assert_eq!(replied, serial, "the first answer must be the ping's");
                return Ok(());
            }
        }
    })
}

/// Only so that both calls above are built alike.
trait ToInventory<'a> {
    fn map_interface(self, interface: &'static str) -> zbus::message::Builder<'a>;
}

impl<'a> ToInventory<'a> for zbus::message::Builder<'a> {
    fn map_interface(self, interface: &'static str) -> zbus::message::Builder<'a> {
        self.destination(manager::BUS_NAME).interface(interface)
    }
}

#[test]
fn the_watchdog_is_fed_by_the_task_that_does_the_work() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    let socket = machine.state().with_file_name("systemd");
    let systemd = UnixDatagram::bind(&socket)?;
    systemd.set_read_timeout(Some(test_bus::LIMIT))?;
    let mut command = machine.inventory_command()?;
    let mut child = command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "90000").spawn()?;
    let mut buffer = [0; 512];
    let mut fed = 0;
    let heard = loop {
        match systemd.recv(&mut buffer) {
            Ok(length) if &buffer[..length] == b"WATCHDOG=1" && fed == 2 => break Ok(()),
            Ok(length) => fed += usize::from(&buffer[..length] == b"WATCHDOG=1"),
            Err(error) => break Err(error),
        }
    };
    child.kill()?;
    child.wait()?;
    Ok(heard?)
}

#[test]
fn a_writer_that_does_not_end_is_worth_a_retry() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.fragment(KEY, FRAGMENT)?;
    let image = machine.image("eeprom.bin", &fixture("card"))?;
    let writer = std::fs::File::options().write(true).open(&image)?;
    writer.try_lock()?;
    let finished = machine.parse("ipz-vpd-parser", &image, KEY)?;
    assert_eq!(finished.status, Some(75), "{}", finished.log);
    assert!(finished.log.contains("fru=10-0050") && finished.log.contains("locked"), "{}", finished.log);
    Ok(())
}

#[test]
fn a_bus_that_accepts_and_says_nothing_holds_nobody() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    machine.fragment(KEY, FRAGMENT)?;
    let image = machine.image("eeprom.bin", &fixture("card"))?;
    let socket = machine.state().with_file_name("silent");
    let _silent = UnixListener::bind(&socket)?;
    let mut command = machine.parser_command("ipz-vpd-parser", &image, KEY)?;
    command.env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", socket.display()));
    let (status, log) = run(&mut command)?;
    assert_eq!(status, Some(75), "{log}");
    assert!(log.contains("did not answer the connection in time"), "{log}");
    Ok(())
}

#[test]
fn parsers_do_not_send_each_other_round() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.fragment(KEY, FRAGMENT)?;
    let image = machine.image("eeprom.bin", &fixture("keyword"))?;
    let mut command = machine.parser_command("ipz-vpd-parser", &image, KEY)?;
    let (status, log) = run(command.env("VIVIANITE_HANDED_OVER", "1"))?;
    assert_eq!(status, Some(70), "{log}");
    assert!(log.contains("fru=10-0050") && log.contains("not ours either"), "{log}");
    Ok(())
}

#[test]
fn a_value_that_cannot_be_rendered_is_named_with_its_place() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.fragment(KEY, FRAGMENT)?;
    let image = machine.image("eeprom.bin", &fixture("card"))?;
    let finished = machine.parse("ipz-vpd-parser", &image, KEY)?;
    assert_eq!(finished.status, Some(0), "{}", finished.log);
    let line = finished.log.lines().find(|line| line.contains("BuildDate")).context("no such line")?;
    for part in ["<4>", "record=VINI", "keyword=SN", "offset=", "fru=10-0050"] {
        assert!(line.contains(part), "{line}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_an_eeprom_is_told_at_once() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.fragment(KEY, FRAGMENT)?;
    let fifo = machine.state().with_file_name("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU)?;
    for path in [fifo.as_path(), Path::new("/dev/zero"), Path::new("/proc")] {
        let finished = machine.parse("ipz-vpd-parser", path, KEY)?;
        assert_eq!(finished.status, Some(69), "{}: {}", path.display(), finished.log);
    }
    Ok(())
}

fn run(command: &mut Command) -> anyhow::Result<(Option<i32>, String)> {
    let output = command.output()?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}
