//! Shared parts of the tests that need several crates: fixtures, and a machine on a private bus.

mod flood;
mod monitor;
mod peers;

pub use flood::{kept, limit_descriptors};
pub use monitor::{EventEar, Monitor, next};

use anyhow::Context as _;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::collections::HashMap;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use test_bus::{Daemon, Finished, PrivateBus, Window};
use tokio::runtime::Runtime;
use zbus::{Connection, OwnedVariant};

/// The limit of the watchdog under which services are looked at.
const WATCHDOG: Duration = Duration::from_secs(3);

/// A user that nothing belongs to.
pub const NOBODY: u32 = 65_534;

/// Root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The image that a description in `tests/data/vpd` stands for.
///
/// Panics, as a test does, when there is no such description or it is wrong.
#[expect(clippy::expect_used, reason = "fixtures are part of the tests")]
pub fn fixture(name: &str) -> Vec<u8> {
    let path = repository().join("tests/data/vpd").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).expect("the fixture's description is readable");
    vpd_builder::build(&text).expect("the fixture's description is right")
}

/// A stream to a bus whose socket is in this folder, of a user that is not this one; `None` where this is not root, and says so.
#[expect(clippy::print_stdout, reason = "the test harness shows it")]
pub fn stream_as_nobody(address: &str, folder: &Path) -> anyhow::Result<Option<UnixStream>> {
    if !rustix::process::getuid().is_root() {
        anyhow::ensure!(std::env::var("CI").as_deref() != Ok("true"), "this is not root");
        println!("SKIPPED connections of another user: this is not root");
        return Ok(None);
    }
    let path = address.split(',').next().and_then(|part| part.strip_prefix("unix:path="));
    let path = path.context("the bus has no path")?.to_owned();
    std::fs::set_permissions(folder, Permissions::from_mode(0o711))?;
    // The kernel keeps with a stream whose thread has connected it, and tells the bus.
    let connecting = std::thread::spawn(move || {
        let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        set_thread_groups(&[])?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        UnixStream::connect(path)
    });
    let stream = connecting.join().map_err(|_| anyhow::anyhow!("the thread has panicked"))?;
    Ok(Some(stream.context("cannot connect to the bus")?))
}

/// A machine: a bus, an inventory on it, and a folder for fragments, images and state.
#[derive(Debug)]
pub struct Machine {
    inventory: Option<Daemon>,
    bus: PrivateBus,
    folder: TempDir,
    runtime: Runtime,
}

impl Machine {
    /// A bus without an inventory; `None` where there is no dbus-daemon.
    pub fn bare() -> anyhow::Result<Option<Self>> {
        if !test_bus::can_run() {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let bus = PrivateBus::start(folder.path())?;
        std::fs::create_dir_all(folder.path().join("root/usr/share"))?;
        std::os::unix::fs::symlink(
            repository().join("configs"),
            folder.path().join("root/usr/share/vivianite"),
        )?;
        std::fs::create_dir_all(folder.path().join("frus"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Some(Self { inventory: None, bus, folder, runtime }))
    }

    /// A bus with an inventory on it.
    pub fn with_inventory() -> anyhow::Result<Option<Self>> {
        let Some(mut machine) = Self::bare()? else { return Ok(None) };
        machine.start_inventory()?;
        Ok(Some(machine))
    }

    /// Starts the inventory; it finds the state that an earlier one left.
    pub fn start_inventory(&mut self) -> anyhow::Result<()> {
        let mut command = self.inventory_command()?;
        let started =
            Daemon::spawn_ready("inventory-manager", &mut command, self.folder.path(), test_bus::LIMIT);
        self.inventory = Some(started?);
        Ok(())
    }

    /// The command that starts the inventory.
    pub fn inventory_command(&self) -> anyhow::Result<Command> {
        let mut command = self.bus.client(test_bus::built("inventory-manager")?);
        command.arg("--root").arg(self.folder.path().join("root")).env("STATE_DIRECTORY", self.state());
        Ok(command)
    }

    /// Adds a site file to a service's settings.
    pub fn configure(&self, service: &str, text: &str) -> anyhow::Result<()> {
        let folder = self.folder.path().join("root/etc/vivianite").join(format!("{service}.d"));
        std::fs::create_dir_all(&folder)?;
        Ok(std::fs::write(folder.join("90-test.toml"), text)?)
    }

    /// Ends the inventory as a crash would.
    pub fn kill_inventory(&mut self) -> anyhow::Result<()> {
        self.inventory.take().context("no inventory runs")?.kill()
    }

    /// Ends the inventory as systemd would.
    pub fn stop_inventory(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        self.inventory.take().context("no inventory runs")?.stop()
    }

    /// Where the inventory keeps its state.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The folder that all of it is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder that stands for `/`.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A service that is up, with state of its own over its restarts.
    pub fn start(&self, name: &str) -> anyhow::Result<Daemon> {
        self.await_ready(name, &mut self.command(name)?)
    }

    /// The command that starts a service.
    pub fn command(&self, name: &str) -> anyhow::Result<Command> {
        let mut command = self.bus.client(test_bus::built(name)?);
        let state = self.folder.path().join(format!("{name}.state"));
        std::fs::create_dir_all(&state)?;
        command.arg("--root").arg(self.root()).env("STATE_DIRECTORY", state);
        Ok(command)
    }

    fn await_ready(&self, name: &str, command: &mut Command) -> anyhow::Result<Daemon> {
        Daemon::spawn_ready(name, command, self.folder.path(), test_bus::LIMIT)
    }

    /// Whether a service that has nothing to do sleeps: without a watchdog always, with one but for that.
    ///
    /// Errors: it does not.
    pub fn expect_idle(&self, name: &str) -> anyhow::Result<()> {
        let mut service = self.start(name)?;
        report(name, "no watchdog", service.await_idle(&[]).with_context(|| name.to_owned())?);
        service.stop()?;
        let mut command = self.command(name)?;
        command.env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
        let service = self.await_ready(name, &mut command)?;
        // It is fed three times per limit.
        report(name, "a watchdog", service.await_idle(&[WATCHDOG / 3]).with_context(|| name.to_owned())?);
        Ok(())
    }

    /// The bus.
    pub fn bus(&self) -> &PrivateBus {
        &self.bus
    }

    /// Starts an attack of `test-attacks` on the bus, by a user that is not this one, if this is root; it has sent all.
    pub fn attack(&self, arguments: &[&str]) -> anyhow::Result<Child> {
        // Where any user can read it.
        let program = self.folder.path().join("test-attacks");
        if !program.exists() {
            // By a process of its own: a program that this one has open for writing cannot be run by the tests beside.
            let copied = Command::new("cp").arg(test_bus::built("test-attacks")?).arg(&program).status()?;
            anyhow::ensure!(copied.success(), "cannot copy test-attacks");
        }
        std::fs::set_permissions(self.folder.path(), Permissions::from_mode(0o711))?;
        let mut command = self.bus.client(&program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).current_dir("/");
        if rustix::process::getuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut attack = command.spawn()?;
        let mut said = String::new();
        let stdout = attack.stdout.take().context("no standard output")?;
        BufReader::new(stdout).read_line(&mut said)?;
        anyhow::ensure!(said == "sent\n", "the attack ended: {:?}", attack.wait()?);
        Ok(attack)
    }

    /// A stream to the bus, of a user that is not this one; `None` where this is not root, and says so.
    pub fn stream_of_another_user(&self) -> anyhow::Result<Option<UnixStream>> {
        stream_as_nobody(self.bus.address(), self.folder.path())
    }

    /// Writes an EEPROM's fragment.
    pub fn fragment(&self, key: &str, text: &str) -> anyhow::Result<()> {
        let path = self.folder.path().join("frus").join(format!("{key}.toml"));
        std::fs::write(path, text).context("cannot write a fragment")
    }

    /// Writes an EEPROM image.
    pub fn image(&self, name: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes)?;
        Ok(path)
    }

    /// Runs a parser on an image with a key's fragment.
    pub fn parse(&self, parser: &str, path: &Path, key: &str) -> anyhow::Result<Finished> {
        test_bus::run(&mut self.parser_command(parser, path, key)?)
    }

    /// The command that runs a parser.
    pub fn parser_command(&self, parser: &str, path: &Path, key: &str) -> anyhow::Result<Command> {
        // Each may hand over to the other, so both must be there.
        test_bus::built("ipz-vpd-parser")?;
        test_bus::built("keyword-vpd-parser")?;
        let mut command = self.bus.client(test_bus::built(parser)?);
        command.arg(path).args(["--key", key, "--fragments"]).arg(self.folder.path().join("frus"));
        Ok(command)
    }

    /// Runs client code.
    pub fn run<T>(&self, client: impl AsyncFnOnce(Connection) -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.runtime.block_on(async {
            let builder =
                zbus::connection::Builder::address(self.bus.address()).method_timeout(test_bus::LIMIT);
            client(builder.build().await?).await
        })
    }

    /// All properties of one interface of an inventory object; `None` when it does not have it.
    pub fn properties(
        &self,
        path: &str,
        interface: &str,
    ) -> anyhow::Result<Option<HashMap<String, OwnedVariant>>> {
        let path = format!("{}{path}", dbus_api::inventory::ROOT);
        let properties = Some(dbus_api::standard::PROPERTIES);
        self.run(async |connection| {
            let destination = Some(dbus_api::inventory::manager::BUS_NAME);
            match connection.call_method(destination, path.as_str(), properties, "GetAll", &interface).await {
                Ok(reply) => Ok(Some(reply.body().deserialize()?)),
                Err(zbus::Error::FDO(error)) if is_unknown(&error) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// One property as text: strings as they are, bytes as characters, others as Rust shows them.
    pub fn property(&self, path: &str, interface: &str, property: &str) -> anyhow::Result<Option<String>> {
        let Some(mut properties) = self.properties(path, interface)? else { return Ok(None) };
        let Some(value) = properties.remove(property) else { return Ok(None) };
        if let Ok(text) = String::try_from(value.try_clone()?) {
            return Ok(Some(text));
        }
        if let Ok(bytes) = Vec::<u8>::try_from(value.try_clone()?) {
            return Ok(Some(bytes.escape_ascii().to_string()));
        }
        Ok(Some(format!("{:?}", *value)))
    }
}

#[expect(clippy::print_stdout, reason = "the test harness shows it")]
fn report(name: &str, watchdog: &str, window: Window) {
    println!("{name} with {watchdog}: {window:?}");
}

fn is_unknown(error: &zbus::fdo::Error) -> bool {
    use zbus::fdo::Error;
    matches!(error, Error::UnknownObject(_) | Error::UnknownInterface(_))
}
