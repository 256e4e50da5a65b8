use anyhow::Context as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A dbus-daemon that only its owner knows of.
#[derive(Debug)]
pub struct PrivateBus {
    address: String,
    daemon: Child,
    _folder: TempDir,
}

impl PrivateBus {
    /// Starts a daemon; `None`, with a line that says so, where there is no dbus-daemon to start.
    ///
    /// Under `CI=true` a missing daemon is an error: a ring that cannot run must not look green.
    pub fn start() -> anyhow::Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let configuration = folder.path().join("bus.conf");
        std::fs::write(&configuration, configuration_for(folder.path()))?;
        let started = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", configuration.display()))
            .args(["--nofork", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let mut daemon = match started {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !in_ci() => {
                println("SKIPPED private bus: there is no dbus-daemon here (Debian package dbus-daemon)");
                return Ok(None);
            }
            started => started.context("cannot start dbus-daemon")?,
        };
        let mut address = String::new();
        let output = daemon.stdout.take().context("dbus-daemon has no output")?;
        BufReader::new(output).read_line(&mut address)?;
        anyhow::ensure!(!address.is_empty(), "dbus-daemon told no address");
        Ok(Some(Self { address: address.trim().to_owned(), daemon, _folder: folder }))
    }

    /// The daemon's address, for `DBUS_SYSTEM_BUS_ADDRESS` and `busctl --address=`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The daemon's process id.
    pub fn pid(&self) -> u32 {
        self.daemon.id()
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        // It may have ended already; there is nothing to be done about a failure here.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn configuration_for(folder: &Path) -> String {
    format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
         <busconfig>\n  <type>session</type>\n  <listen>unix:path={}/socket</listen>\n  <auth>EXTERNAL</auth>\n  \
         <policy context=\"default\">\n    <allow user=\"*\"/>\n    <allow own=\"*\"/>\n    \
         <allow send_type=\"method_call\"/>\n    <allow send_type=\"signal\"/>\n    \
         <allow send_requested_reply=\"true\"/>\n    <allow receive_type=\"method_call\"/>\n    \
         <allow receive_type=\"signal\"/>\n    <allow receive_type=\"error\"/>\n    \
         <allow receive_type=\"method_return\"/>\n  </policy>\n</busconfig>\n",
        folder.display()
    )
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

#[expect(clippy::print_stdout, reason = "the test harness shows it")]
fn println(text: &str) {
    println!("{text}");
}
