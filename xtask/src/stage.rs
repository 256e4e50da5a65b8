//! A machine in a folder: its root as `dist` installs it, a private bus, and services started from their units.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::build::Profile;
use crate::dist::{self, Strip};
use crate::step::{Captured, Step};
use crate::workspace::Workspace;
use test_bus::Daemon;
use test_bus::PrivateBus;
use unit_plan::{Kind, Place, Plan, Unit};

/// Names to services the folder that they take for `/`.
const ROOT_VARIABLE: &str = "VIVIANITE_ROOT";

/// Longest start of a unit that sets no limit.
const START: Duration = Duration::from_secs(120);

/// Longest run of a client.
const CALL: Duration = Duration::from_secs(60);

/// What became of a one-shot.
pub enum Run {
    /// This condition of its unit keeps it from running.
    Unmet(String),
    /// It ran to its end.
    Ended {
        /// What it left behind.
        captured: Captured,
        /// What systemd would say of the unit.
        state: &'static str,
    },
}

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
        let root = folder.path().join("root");
        dist::install_data(&workspace.root, &root)?;
        dist::install_vpd(&workspace.root.join("configs"), &root)?;
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

    /// Starts a service that stays as its installed unit says, and waits until it is ready.
    pub fn start(&mut self, name: &str) -> Result<()> {
        self.start_by(name, |command| command)
    }

    /// The same with another command in the place of the unit's, which has to become that in the end.
    pub fn start_by(&mut self, name: &str, by: impl FnOnce(Command) -> Command) -> Result<()> {
        let plan = self.plan(&format!("{name}.service"))?;
        if let Some(condition) = plan.unmet() {
            bail!("{} is not to be started, by its condition {condition}", plan.name);
        }
        let mut command = by(self.processes(&plan)?.pop().context("a plan has a program")?);
        let daemon = match plan.kind {
            Kind::Notifying => {
                let limit = plan.start_limit.unwrap_or(START);
                Daemon::spawn_ready(name, &mut command, self.folder.path(), limit)?
            }
            Kind::Running => Daemon::spawn(name, &mut command)?,
            Kind::OneShot => bail!("{} does not stay", plan.name),
        };
        self.services.push((name.to_owned(), daemon));
        Ok(())
    }

    /// Takes a service out of the machine's care.
    pub fn take(&mut self, name: &str) -> Option<Daemon> {
        let place = self.services.iter().position(|(running, _)| running == name)?;
        Some(self.services.remove(place).1)
    }

    /// The command of a one-shot as its installed unit says, whatever its conditions.
    pub fn command(&self, unit: &str) -> Result<Command> {
        self.processes(&self.plan(unit)?)?.pop().context("a plan has a program")
    }

    /// Runs a one-shot as its installed unit says, to its end. The name is the unit's.
    pub fn run(&self, unit: &str) -> Result<Run> {
        let plan = self.plan(unit)?;
        ensure!(plan.kind == Kind::OneShot, "{unit} is no one-shot");
        if let Some(condition) = plan.unmet() {
            return Ok(Run::Unmet(condition.to_owned()));
        }
        let mut last = None;
        for (line, process) in plan.commands.iter().zip(self.processes(&plan)?) {
            let captured = Step::of(process).deadline(plan.start_limit.unwrap_or(START)).capture()?;
            let good = line.may_fail || plan.succeeded(captured.status);
            last = Some(Run::Ended { captured, state: if good { "active" } else { "failed" } });
            if !good {
                break;
            }
        }
        last.context("a plan has a program")
    }

    fn plan(&self, unit: &str) -> Result<Plan> {
        Plan::make(&Unit::load(&self.root(), unit)?, &Place::below(&self.root())?)
    }

    /// The programs of a plan, installed, and told of this machine's bus and root.
    fn processes(&self, plan: &Plan) -> Result<Vec<Command>> {
        for line in &plan.commands {
            let name = line.program.file_name().and_then(OsStr::to_str).context("a program has a name")?;
            // The root is ours from its beginning, so what lies there was built for it.
            if !line.program.exists() {
                self.install(name)?;
            }
        }
        plan.make_folders()?;
        let mut processes = plan.processes();
        for process in &mut processes {
            process.env(test_bus::ADDRESS_VARIABLE, self.bus.address()).env(ROOT_VARIABLE, self.root());
            process.stdin(Stdio::null());
        }
        Ok(processes)
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
