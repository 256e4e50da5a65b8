//! Processes in the background: each is started here, known by its pid, and ended by it.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Time between the polite and the impolite signal: many times what the longest orderly end takes, for loaded machines.
const GRACE: Duration = Duration::from_secs(30);

/// A daemon of ours; it is ended when this goes out of scope.
#[derive(Debug)]
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

    /// Starts a service and returns once it has told the service manager's socket that it is ready.
    pub fn spawn_ready(name: &str, command: &mut Command, folder: &Path, deadline: Duration) -> Result<Self> {
        let (mut daemon, told) = Self::spawn_told(name, command, folder)?;
        if told.is_ready_within(&mut daemon, deadline)? {
            return Ok(daemon);
        }
        bail!("{name} was not ready within {} s", deadline.as_secs())
    }

    /// Starts a service, and kills it as a crash would if it is not ready by then.
    pub fn spawn_or_kill(
        name: &str,
        command: &mut Command,
        folder: &Path,
        moment: Duration,
    ) -> Result<Option<Self>> {
        let (mut daemon, told) = Self::spawn_told(name, command, folder)?;
        if told.is_ready_within(&mut daemon, moment)? {
            return Ok(Some(daemon));
        }
        daemon.kill()?;
        Ok(None)
    }

    fn spawn_told(name: &str, command: &mut Command, folder: &Path) -> Result<(Self, Told)> {
        let path = folder.join(format!("{name}.notify"));
        // One of the same name may have run before; a socket stays behind its process.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let socket = UnixDatagram::bind(&path).with_context(|| format!("binding {}", path.display()))?;
        let daemon = Self::spawn(name, command.env("NOTIFY_SOCKET", &path))?;
        Ok((daemon, Told(listen(socket))))
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Takes the pipe from the daemon's standard output, if it was asked for.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Ends the daemon at once, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("killing {}", self.name))?;
        self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        Ok(())
    }

    /// Makes the daemon stand still as it is.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    pub fn go_on(&mut self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Asks the daemon politely to end, and does not wait for that.
    pub fn ask_to_end(&mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// One that has ended gets none.
    fn signal(&mut self, signal: Signal) -> Result<()> {
        // A pid fits, and a child that is not reaped yet has its own still.
        match (self.child.try_wait()?, i32::try_from(self.child.id())) {
            (None, Ok(pid)) => {
                kill(Pid::from_raw(pid), signal).with_context(|| format!("sending {signal} to {}", self.name))
            }
            _ => Ok(()),
        }
    }

    /// Ends the daemon, first politely, then not; tells how it ended.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        self.ask_to_end()?;
        let started = Instant::now();
        while started.elapsed() < GRACE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().with_context(|| format!("ending {}", self.name))?;
        self.child.wait().with_context(|| format!("waiting for {}", self.name))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// What a service tells.
struct Told(Receiver<()>);

impl Told {
    /// Errors: the service has ended.
    fn is_ready_within(&self, daemon: &mut Daemon, deadline: Duration) -> Result<bool> {
        let started = Instant::now();
        while let Some(left) = deadline.checked_sub(started.elapsed()) {
            // Short slices, so that a program that dies early is noticed at once and not at the deadline.
            if self.0.recv_timeout(left.min(Duration::from_millis(100))).is_ok() {
                return Ok(true);
            }
            if let Some(status) = daemon.child.try_wait()? {
                bail!("{} ended with {status} before it was ready", daemon.name);
            }
        }
        Ok(false)
    }
}

/// Reads all that a service tells, as systemd does: a full socket would block the service. Tells of READY.
fn listen(socket: UnixDatagram) -> Receiver<()> {
    let (sender, ready) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0_u8; 4096];
        while let Ok(length) = socket.recv(&mut buffer) {
            if is_ready(buffer.get(..length).unwrap_or_default()) {
                // Nobody waits any more after the first time.
                let _ = sender.send(());
            }
        }
    });
    ready
}

fn is_ready(datagram: &[u8]) -> bool {
    datagram.split(|byte| *byte == b'\n').any(|line| line == b"READY=1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_a_whole_line_of_the_datagram() {
        assert!(is_ready(b"STATUS=up\nREADY=1\n"));
        assert!(!is_ready(b"STATUS=READY=1"));
        assert!(!is_ready(b"STOPPING=1"));
    }

    #[test]
    fn a_daemon_that_dies_early_is_reported_before_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("false");
        let result = Daemon::spawn_ready("false", &mut command, folder.path(), Duration::from_secs(60));
        let error = result.err().unwrap().to_string();
        assert!(error.contains("before it was ready"), "{error}");
    }

    #[test]
    fn a_daemon_that_is_not_ready_at_the_moment_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        let moment = Duration::from_millis(1);
        let daemon = Daemon::spawn_or_kill("sleep", command.arg("600"), folder.path(), moment).unwrap();
        assert!(daemon.is_none());
    }

    #[test]
    fn a_daemon_is_gone_after_stop() {
        let mut daemon = Daemon::spawn("sleep", Command::new("sleep").arg("600")).unwrap();
        let pid = daemon.pid();
        daemon.stop().unwrap();
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}
