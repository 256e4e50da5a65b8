//! Processes in the background: each is started here, known by its pid, and ended by it.

use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::process::send;

/// Time between the polite and the impolite signal.
const GRACE: Duration = Duration::from_secs(5);

/// A daemon of ours; it is ended when this goes out of scope.
pub struct Daemon {
    name: String,
    child: Child,
}

impl Daemon {
    /// Starts a program that keeps running.
    pub fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child })
    }

    /// Takes the pipe from the daemon's standard output, if it was asked for.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Ends the daemon: first politely, then not.
    pub fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        send(self.child.id(), Signal::SIGTERM);
        let started = Instant::now();
        while started.elapsed() < GRACE {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().with_context(|| format!("ending {}", self.name))?;
        self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_daemon_is_gone_after_stop() {
        let mut daemon = Daemon::spawn("sleep", Command::new("sleep").arg("600")).unwrap();
        let pid = daemon.child.id();
        daemon.stop().unwrap();
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}
