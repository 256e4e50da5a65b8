use crate::{LIMIT, PrivateBus};
use anyhow::Context as _;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

/// The binary of a crate of this workspace, built if need be, in the profile of the running test.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    static DONE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let own = std::env::current_exe()?;
    // …/target/<profile>/deps/<test> or …/target/<profile>/<program>
    let folder = own
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps") && !folder.ends_with("examples"))
        .context("the running program is in no folder")?;
    let mut done = DONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !done.contains(name) && folder.ends_with("debug") {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("no workspace")?;
        let status = Command::new(cargo)
            .current_dir(root)
            .args(["build", "--quiet", "--package", name])
            .status()
            .context("cannot run cargo")?;
        anyhow::ensure!(status.success(), "cannot build {name}");
        done.insert(name.to_owned());
    }
    Ok(folder.join(name))
}

/// A service process on a private bus, ready to be called.
#[derive(Debug)]
pub struct Service {
    child: Child,
    notifications: UnixDatagram,
    _folder: TempDir,
}

impl Service {
    /// Starts a daemon as systemd would and waits for its READY.
    pub fn start<A: AsRef<OsStr>>(
        bus: &PrivateBus,
        binary: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &OsStr)],
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("notify");
        let notifications = UnixDatagram::bind(&socket)?;
        notifications.set_read_timeout(Some(LIMIT))?;
        let child = Command::new(binary)
            .args(arguments)
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus.address())
            .env("NOTIFY_SOCKET", &socket)
            .env_remove("RUST_BACKTRACE")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut service = Self { child, notifications, _folder: folder };
        service.wait_for("READY=1")?;
        Ok(service)
    }

    /// Waits for a notification to systemd that is exactly `message`.
    pub fn wait_for(&mut self, message: &str) -> anyhow::Result<()> {
        let mut buffer = [0; 512];
        let short = std::time::Duration::from_millis(200);
        self.notifications.set_read_timeout(Some(short))?;
        let deadline = std::time::Instant::now() + LIMIT;
        while std::time::Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the service ended with {status} before it said {message}");
            }
            match self.notifications.recv(&mut buffer) {
                Ok(length) if buffer.get(..length) == Some(message.as_bytes()) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        anyhow::bail!("the service never said {message}")
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the service at once, as a crash would.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks the service to end, as systemd would, and waits for it.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into()?);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already; there is nothing to be done about a failure here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A one-shot that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub output: String,
    /// What it logged, with priorities.
    pub log: String,
}

/// Runs a one-shot to its end; without a bus, its bus address leads nowhere.
pub fn run<A: AsRef<OsStr>>(
    bus: Option<&PrivateBus>,
    binary: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> anyhow::Result<Finished> {
    let address = bus.map_or("unix:path=/nonexistent/bus", PrivateBus::address);
    let output = Command::new(binary)
        .args(arguments)
        .env("DBUS_SYSTEM_BUS_ADDRESS", address)
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    Ok(Finished {
        status: output.status.code(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        log: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
