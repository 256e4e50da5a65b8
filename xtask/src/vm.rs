//! `cargo xtask vm`: a machine with systemd, udev, a bus and EEPROMs, booted in QEMU; see `tests/vm/README.md`.

mod archive;
mod cache;
mod chips;
mod kernel;
mod left_out;
mod machine;
mod overlay;
mod play;
mod regions;
mod scenario;
mod upstream;
mod userland;

use std::cmp::Reverse;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail, ensure};

use crate::build::Profile;
use crate::crew::{self, AT_ONCE};
use crate::output;
use crate::packages::{self, Part};
use crate::rings::Outcome;
use crate::workspace::Workspace;
use scenario::Scenario;

pub use scenario::{Clock, Extent};

/// What to do with the machine.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Prepare kernel, userland and modules in the cache
    Build,
    /// The scenarios and what each protects
    List,
    /// Play scenarios, all of them when none is named
    Run(Run),
    /// Import a system of openpower-vpd-parser, boot it, and compare the inventory with what its JSON demands
    Upstream(upstream::Arguments),
    /// A root shell in the machine, on this terminal; leaving the shell ends the machine
    Shell(Shell),
}

#[derive(clap::Args)]
struct Run {
    /// Names of folders in tests/vm/scenarios
    names: Vec<String>,
    /// Every boot, also those that only `cargo xtask soak` plays
    #[arg(long)]
    full: bool,
    /// How our programs are built
    #[arg(long, value_enum, default_value_t = Profile::Machine)]
    profile: Profile,
}

#[derive(clap::Args)]
struct Shell {
    /// The scenario whose programs, chips and files the machine has
    #[arg(default_value = "boots")]
    name: String,
    /// How our programs are built
    #[arg(long, value_enum, default_value_t = Profile::Machine)]
    profile: Profile,
}

/// What every machine boots from, in the cache.
pub struct Guest {
    /// The kernel, as an ELF file.
    kernel: PathBuf,
    /// Archive of the modules, ours included.
    modules: PathBuf,
    /// Archive of the Debian userland.
    userland: PathBuf,
}

impl Arguments {
    /// What the action takes.
    pub fn parts(&self) -> &'static [Part] {
        match &self.action {
            Action::List => &[],
            Action::Upstream(arguments) if arguments.is_without_machine() => &[],
            Action::Build => &[Part::Machines],
            Action::Run(_) | Action::Upstream(_) | Action::Shell(_) => &[Part::Build, Part::Machines],
        }
    }
}

/// Does as asked.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    match &arguments.action {
        Action::Build => {
            let started = Instant::now();
            let guest = build(&workspace)?;
            for path in [&guest.kernel, &guest.modules, &guest.userland] {
                let mebibytes = path.metadata()?.len() >> 20;
                output::line(format!("{mebibytes:>4} MiB  {}", path.display()));
            }
            output::line(format!("vm: ready after {}", output::seconds(started.elapsed())));
            Ok(())
        }
        Action::List => {
            for scenario in all(&workspace)? {
                output::line(format!("{:<22} {}", scenario.name, scenario.plan.protects));
                for sharer in &scenario.sharers {
                    output::line(format!("  and {:<16} {}", sharer.name, sharer.protects));
                }
            }
            Ok(())
        }
        Action::Run(run) => {
            let extent = if run.full { Extent::Full } else { Extent::Quick };
            let scenarios = if run.names.is_empty() {
                taking_part(&workspace, extent)?
            } else {
                run.names.iter().map(|name| named(&workspace, name)).collect::<Result<_>>()?
            };
            // They would play in the same folder at once.
            let mut names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
            names.sort_unstable();
            for (name, next) in names.iter().zip(names.iter().skip(1)) {
                ensure!(name != next, "{name} is named twice, maybe by what shares its boot");
            }
            play_all(&workspace, &scenarios, run.profile, extent, None)
        }
        Action::Upstream(arguments) => match upstream::scenario(&workspace, arguments)? {
            Some(scenario) => play_all(&workspace, &[scenario], arguments.profile, Extent::Quick, None),
            None => Ok(()),
        },
        Action::Shell(shell) => {
            let scenario = named(&workspace, &shell.name)?;
            let guest = build(&workspace)?;
            play::shell(&workspace, &guest, &scenario, shell.profile)
        }
    }
}

/// Plays every scenario as a part of the tests; none is begun after `until`, which makes it a failed one.
pub fn ring(workspace: &Workspace, until: Instant) -> Result<Outcome> {
    if let Some(reason) = obstacle() {
        return Ok(Outcome::Skipped(reason));
    }
    let extent = Extent::Quick;
    play_all(workspace, &taking_part(workspace, extent)?, Profile::Machine, extent, Some(until))?;
    Ok(Outcome::Passed)
}

/// The scenarios, for who plays them one by one.
pub struct Machines<'a> {
    workspace: &'a Workspace,
    extent: Extent,
    scenarios: Vec<Scenario>,
    /// Looked for when the first of them is played.
    obstacle: OnceLock<Option<String>>,
    /// What they boot from, made when the first of them is played.
    guest: OnceLock<Result<Guest, String>>,
}

impl<'a> Machines<'a> {
    /// All that take part; nothing is built.
    pub fn load(workspace: &'a Workspace, extent: Extent) -> Result<Self> {
        let mut scenarios = taking_part(workspace, extent)?;
        scenarios.sort_by_key(|scenario| Reverse(scenario.plan.takes_s(extent)));
        Ok(Self { workspace, extent, scenarios, obstacle: OnceLock::new(), guest: OnceLock::new() })
    }

    /// Their names, the longest first, or one of them would run alone at the end.
    pub fn names(&self) -> Vec<String> {
        self.scenarios.iter().map(|scenario| scenario.name.clone()).collect()
    }

    /// Plays one.
    pub fn play(&self, name: &str) -> Result<Outcome> {
        let scenario = self.scenarios.iter().find(|scenario| scenario.name == name);
        let scenario = scenario.with_context(|| format!("there is no scenario {name}"))?;
        if let Some(reason) = self.obstacle.get_or_init(obstacle) {
            return Ok(Outcome::Skipped(reason.clone()));
        }
        let make = || build(self.workspace).map_err(|error| format!("{error:#}"));
        let guest = self.guest.get_or_init(make).as_ref().map_err(|error| Error::msg(error.clone()))?;
        play_one(self.workspace, guest, scenario, Profile::Machine, self.extent)?;
        Ok(Outcome::Passed)
    }
}

/// Makes what a run of the machines would make when it is the first: packages, caches, programs. Says why there can be
/// none here, if so.
pub fn prepare(workspace: &Workspace) -> Result<Option<String>> {
    if let Some(reason) = obstacle() {
        return Ok(Some(reason));
    }
    build(workspace)?;
    for scenario in all(workspace)? {
        overlay::build_programs(workspace, &scenario.plan, Profile::Machine)?;
    }
    Ok(None)
}

/// Every scenario, by name, and the machines of the systems that are made like scenarios.
fn all(workspace: &Workspace) -> Result<Vec<Scenario>> {
    let mut scenarios = scenario::all(&workspace.root)?;
    scenarios.extend(upstream::fixtures(workspace)?);
    Ok(scenarios)
}

/// Those that are played when nobody names any; says which are not.
fn taking_part(workspace: &Workspace, extent: Extent) -> Result<Vec<Scenario>> {
    let is_left = |scenario: &Scenario| extent == Extent::Quick && scenario.plan.soak;
    let (left, scenarios): (Vec<_>, Vec<_>) = all(workspace)?.into_iter().partition(is_left);
    if !left.is_empty() {
        let names: Vec<_> = left.iter().map(|scenario| scenario.name.as_str()).collect();
        output::progress(format!("left to soak: {}", names.join(", ")));
    }
    Ok(scenarios)
}

/// One of them.
fn named(workspace: &Workspace, name: &str) -> Result<Scenario> {
    match upstream::fixture(workspace, name)? {
        Some(scenario) => Ok(scenario),
        None => Scenario::load(&workspace.root, name),
    }
}

/// Plays one scenario for somebody to watch: its script's log is what there is to see. Says where its results are.
pub fn show(workspace: &Workspace, name: &str, profile: Profile) -> Result<(Outcome, Option<PathBuf>)> {
    if let Some(reason) = obstacle() {
        return Ok((Outcome::Skipped(reason), None));
    }
    let scenario = Scenario::load(&workspace.root, name)?;
    let guest = build(workspace)?;
    play::play(workspace, &guest, &scenario, profile, Extent::Quick)?;
    output::line(play::log(workspace, &scenario)?);
    Ok((Outcome::Passed, Some(play::results(workspace, &scenario))))
}

/// Plays the machine of a bench with files made for the occasion; says where its results are.
pub fn bench(
    workspace: &Workspace,
    name: &str,
    made: Vec<(String, String)>,
    clock: Clock,
    profile: Profile,
) -> Result<PathBuf> {
    let scenario = Scenario { made, clock, ..Scenario::bench(&workspace.root, name)? };
    play::play(workspace, &build(workspace)?, &scenario, profile, Extent::Quick)?;
    Ok(play::results(workspace, &scenario))
}

/// Why no machine can be made here, if so.
fn obstacle() -> Option<String> {
    Part::Machines
        .obstacle()
        .or_else(|| packages::require(Part::Machines).err().map(|error| format!("{error:#}")))
}

/// Plays scenarios, all of them also after a failure, and ends with a table.
fn play_all(
    workspace: &Workspace,
    scenarios: &[Scenario],
    profile: Profile,
    extent: Extent,
    until: Option<Instant>,
) -> Result<()> {
    let guest = build(workspace)?;
    let play = |scenario: &Scenario| {
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(late());
        }
        play_one(workspace, &guest, scenario, profile, extent)
    };
    // The longest come first, or one of them would run alone at the end.
    let mut order: Vec<usize> = (0..scenarios.len()).collect();
    order.sort_by_key(|index| {
        Reverse(scenarios.get(*index).map_or(0, |scenario| scenario.plan.takes_s(extent)))
    });
    let played = |index: &usize| (*index, scenarios.get(*index).map_or_else(|| Err(late()), play));
    report(scenarios, &crew::work(AT_ONCE, &order, played))
}

/// Says what is played, and plays it.
fn play_one(
    workspace: &Workspace,
    guest: &Guest,
    scenario: &Scenario,
    profile: Profile,
    extent: Extent,
) -> Result<Duration> {
    output::progress(format!("--- {}: {}", scenario.name, scenario.plan.protects));
    for sharer in &scenario.sharers {
        output::progress(format!("--- and {}: {}", sharer.name, sharer.protects));
    }
    play::play(workspace, guest, scenario, profile, extent)
}

fn report(scenarios: &[Scenario], results: &[(usize, Result<Duration>)]) -> Result<()> {
    let mut failed = Vec::new();
    let mut table = Vec::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        let played = results.iter().find(|(played, _)| *played == index).map(|(_, result)| result);
        let (result, time) = match played {
            Some(Ok(time)) => ("passed", output::seconds(*time)),
            other => {
                if let Some(Err(error)) = other {
                    output::error(error);
                }
                failed.push(scenario.name.clone());
                ("FAILED", String::new())
            }
        };
        table.push(vec![scenario.name.clone(), result.to_owned(), time]);
    }
    output::line(output::table(&["scenario", "result", "in QEMU"], &table));
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

fn late() -> Error {
    Error::msg("not played, the time for all tests was over")
}

/// Finds or makes everything that a machine boots from.
fn build(workspace: &Workspace) -> Result<Guest> {
    packages::require(Part::Machines)?;
    let kernel = kernel::obtain()?;
    Ok(Guest {
        modules: kernel::modules(&kernel, &workspace.root.join("tests/vm/module"))?,
        kernel: kernel.image(),
        userland: userland::obtain()?,
    })
}
