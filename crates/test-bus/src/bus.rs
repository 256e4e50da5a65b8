//! A message bus of our own, for as long as a demonstration or a measurement takes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::LIMIT;
use crate::daemon::Daemon;

/// The variable by which every client finds the system bus.
pub const ADDRESS_VARIABLE: &str = "DBUS_SYSTEM_BUS_ADDRESS";

/// The bus itself, of the Debian package of the same name.
const PROGRAM: &str = "dbus-daemon";

/// A running bus on which anyone may own and call anything; it ends when this goes out of scope.
#[derive(Debug)]
pub struct PrivateBus {
    daemon: Daemon,
    address: String,
}

impl PrivateBus {
    /// Starts a bus whose socket, configuration and log lie in this folder.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::start_as(folder, OPEN)
    }

    /// As [`Self::start`], of a bus that is as closed as a machine's, but for what these policies allow.
    pub fn start_with_policies(folder: &Path, policies: &[&Path]) -> Result<Self> {
        let mut policy = CLOSED.to_owned();
        for path in policies {
            policy += &format!("<include>{}</include>", path.display());
        }
        Self::start_as(folder, &policy)
    }

    fn start_as(folder: &Path, policy: &str) -> Result<Self> {
        let configuration = folder.join("bus.conf");
        fs::write(&configuration, configuration_text(&folder.join("bus.socket"), policy)?)
            .with_context(|| format!("writing {}", configuration.display()))?;
        let mut command = Command::new(PROGRAM);
        command.arg("--config-file").arg(&configuration).args([
            "--nofork",
            "--nopidfile",
            "--print-address=1",
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(folder.join("bus.log"))?);
        let mut daemon = Daemon::spawn("dbus-daemon", &mut command)?;
        let stdout = daemon.take_stdout().context("dbus-daemon has no standard output")?;
        let mut address = String::new();
        // The address is printed once the socket listens, and the pipe closes if the daemon dies before.
        BufReader::new(stdout).read_line(&mut address).context("reading the bus address")?;
        if address.trim().is_empty() {
            let log = fs::read_to_string(folder.join("bus.log")).unwrap_or_default();
            bail!("dbus-daemon ended before it said where it listens\n{log}");
        }
        Ok(Self { daemon, address: address.trim().to_owned() })
    }

    /// The address that clients connect to.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A command that takes this bus for the system bus.
    pub fn client(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env(ADDRESS_VARIABLE, &self.address).env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        command
    }

    /// Starts the stand-ins of `test-peers` by a plan, which is the text of their `peers.toml`; they serve when this
    /// returns. `program` is their binary, and `root` in the folder is what they take for `/`.
    pub fn start_peers(&self, program: &Path, folder: &Path, plan: &str) -> Result<Daemon> {
        let root = folder.join("root");
        let bed = root.join("etc/bed");
        fs::create_dir_all(&bed).with_context(|| format!("creating {}", bed.display()))?;
        let path = bed.join("peers.toml");
        fs::write(&path, plan).with_context(|| format!("writing {}", path.display()))?;
        Daemon::spawn_ready("test-peers", self.client(program).arg("--root").arg(&root), folder, LIMIT)
    }

    /// Ends the bus, and with it every connection.
    pub fn stop(&mut self) -> Result<()> {
        self.daemon.stop().map(drop)
    }

    /// Whether there is a dbus-daemon to start.
    pub fn is_available() -> bool {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(PROGRAM).is_file()))
    }
}

/// Anyone may own and call anything.
const OPEN: &str = "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>\
     <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/></policy>";
/// What dbus-daemon's own configuration of a system's bus lets everybody do.
const CLOSED: &str = "<policy context=\"default\"><allow user=\"*\"/><deny own=\"*\"/>\
     <deny send_type=\"method_call\"/><allow send_type=\"signal\"/>\
     <allow send_requested_reply=\"true\" send_type=\"method_return\"/>\
     <allow send_requested_reply=\"true\" send_type=\"error\"/><allow receive_type=\"method_call\"/>\
     <allow receive_type=\"method_return\"/><allow receive_type=\"error\"/><allow receive_type=\"signal\"/>\
     <allow send_destination=\"org.freedesktop.DBus\" send_interface=\"org.freedesktop.DBus\"/></policy>";

fn configuration_text(socket: &Path, policy: &str) -> Result<String> {
    let socket = socket.to_str().context("the socket's path is not UTF-8")?;
    Ok(format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><type>custom</type>\
         <listen>unix:path={socket}</listen><auth>EXTERNAL</auth>{policy}</busconfig>\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bus_comes_up_and_ends() {
        if !crate::can_run() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut bus = PrivateBus::start(folder.path()).unwrap();
        assert!(bus.address().starts_with("unix:path="), "{}", bus.address());
        bus.stop().unwrap();
        assert!(std::os::unix::net::UnixStream::connect(folder.path().join("bus.socket")).is_err());
    }
}
