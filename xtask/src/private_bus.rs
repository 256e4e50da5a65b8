//! A message bus of our own, for as long as a demonstration or a measurement takes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::daemon::Daemon;

/// The variable by which every client finds the system bus.
pub const ADDRESS_VARIABLE: &str = "DBUS_SYSTEM_BUS_ADDRESS";

/// Who may do what on the bus.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Anyone may own and call anything.
    Open,
}

/// A running bus; it ends when this goes out of scope.
pub struct PrivateBus {
    _daemon: Daemon,
    address: String,
}

impl PrivateBus {
    /// Starts a bus whose socket and configuration lie in this folder.
    pub fn start(folder: &Path, policy: Policy, policies: &[PathBuf]) -> Result<Self> {
        let configuration = folder.join("bus.conf");
        fs::write(&configuration, configuration_text(&folder.join("bus.socket"), policy, policies)?)
            .with_context(|| format!("writing {}", configuration.display()))?;
        let mut command = Command::new("dbus-daemon");
        command.arg("--config-file").arg(&configuration).args([
            "--nofork",
            "--nopidfile",
            "--print-address=1",
        ]);
        let mut daemon = Daemon::spawn("dbus-daemon", command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let stdout = daemon.take_stdout().context("dbus-daemon has no standard output")?;
        let mut address = String::new();
        // The address is printed once the socket listens, and the pipe closes if the daemon dies before.
        BufReader::new(stdout).read_line(&mut address).context("reading the bus address")?;
        if address.trim().is_empty() {
            bail!("dbus-daemon ended before it said where it listens");
        }
        Ok(Self { _daemon: daemon, address: address.trim().to_owned() })
    }

    /// The address that clients connect to.
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn configuration_text(socket: &Path, policy: Policy, policies: &[PathBuf]) -> Result<String> {
    let socket = socket.to_str().context("the socket's path is not UTF-8")?;
    let rules = match policy {
        Policy::Open => {
            "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/>"
        }
    };
    let mut includes = String::new();
    for file in policies {
        includes.push_str(&format!("<include>{}</include>", file.to_str().context("a path is not UTF-8")?));
    }
    Ok(format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><type>custom</type>\
         <listen>unix:path={socket}</listen><auth>EXTERNAL</auth>\
         <policy context=\"default\">{rules}</policy>{includes}</busconfig>\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bus_comes_up_and_ends() {
        if crate::step::find_program("dbus-daemon").is_none() {
            return crate::output::line("SKIPPED private bus: no dbus-daemon here");
        }
        let folder = tempfile::tempdir().unwrap();
        let bus = PrivateBus::start(folder.path(), Policy::Open, &[]).unwrap();
        assert!(bus.address().starts_with("unix:path="), "{}", bus.address());
        assert!(folder.path().join("bus.socket").exists());
    }
}
