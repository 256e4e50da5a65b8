//! A machine in a folder: its root as `dist` installs it, a private bus, and services started as systemd would.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::build::Profile;
use crate::dist::{self, Strip};
use crate::step::Step;
use crate::workspace::Workspace;
use test_bus::Daemon;
use test_bus::PrivateBus;

/// Longest wait for a service to say that it is ready.
const READY: Duration = Duration::from_secs(30);

/// Longest run of a one-shot or a client.
const CALL: Duration = Duration::from_secs(60);

/// The machine; everything on it ends, in reverse order, when this goes out of scope.
pub struct Stage<'a> {
    workspace: &'a Workspace,
    profile: Profile,
    // Fields are dropped in order: services first, then the bus, then the folder.
    services: Vec<(String, Daemon)>,
    bus: PrivateBus,
    folder: tempfile::TempDir,
}

impl<'a> Stage<'a> {
    /// Installs configuration below a temporary root and starts the bus.
    pub fn set(workspace: &'a Workspace, profile: Profile) -> Result<Self> {
        let folder = tempfile::tempdir().context("creating a folder for the machine")?;
        dist::install_data(&workspace.root, &folder.path().join("root"))?;
        let bus = PrivateBus::start(folder.path())?;
        Ok(Self { workspace, profile, services: Vec::new(), bus, folder })
    }

    /// Whether the workspace has a shipped crate of this name.
    pub fn offers(&self, name: &str) -> bool {
        self.workspace.shipped().iter().any(|member| member.name == name)
    }

    /// The folder that programs take for `/`.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A folder for files of the occasion.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// The bus.
    pub fn bus(&self) -> &PrivateBus {
        &self.bus
    }

    /// Builds a shipped program and installs it; says where.
    pub fn install(&self, name: &str) -> Result<PathBuf> {
        dist::install_binary(self.workspace, name, self.profile, Strip::Nothing, &self.root())
    }

    /// Starts a service that stays, with a state folder of its own, and waits until it is ready.
    pub fn start(&mut self, name: &str) -> Result<()> {
        let state = self.folder.path().join(format!("{name}.state"));
        fs::create_dir_all(&state).with_context(|| format!("creating {}", state.display()))?;
        let mut command: Command = self.bus.client(self.install(name)?);
        command.arg("--root").arg(self.root()).env("STATE_DIRECTORY", state);
        let daemon = Daemon::spawn_ready(name, &mut command, self.folder.path(), READY)?;
        self.services.push((name.to_owned(), daemon));
        Ok(())
    }

    /// Starts a service unless it runs already.
    pub fn ensure_running(&mut self, name: &str) -> Result<()> {
        if self.services.iter().any(|(running, _)| running == name) { Ok(()) } else { self.start(name) }
    }

    /// `busctl` on this machine's bus; the verb follows.
    pub fn busctl(&self) -> Step {
        self.step("busctl").arg(format!("--address={}", self.bus.address()))
    }

    /// A program that runs to its end on this machine's bus.
    pub fn step(&self, program: impl AsRef<OsStr>) -> Step {
        let address = self.bus.address();
        Step::new(program)
            .env(test_bus::ADDRESS_VARIABLE, address)
            .env_remove("RUST_BACKTRACE")
            .deadline(CALL)
    }

    /// The services that were started, with their process ids.
    pub fn running(&self) -> Vec<String> {
        self.services.iter().map(|(name, daemon)| format!("{name} (pid {})", daemon.pid())).collect()
    }

    /// Ends the services in reverse order and then the bus, and reports whichever resisted.
    pub fn end(mut self) -> Result<()> {
        while let Some((name, mut daemon)) = self.services.pop() {
            daemon.stop().with_context(|| format!("stopping {name}"))?;
        }
        self.bus.stop()
    }
}
