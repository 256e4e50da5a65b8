//! `cargo xtask soak`: what takes too long for every change, and has to pass before something counts as done.

use std::time::Duration;

use anyhow::Result;

use crate::fuzz;
use crate::packages::{self, Part};
use crate::rings::{self, Outcome};
use crate::step::Step;
use crate::vm::{self, Extent};
use crate::workspace::Workspace;

/// How long.
#[derive(clap::Args)]
pub struct Arguments {
    /// Seconds of fuzzing per target
    #[arg(long, default_value_t = 300)]
    fuzz_seconds: u32,
}

/// Runs all tests, those ignored for their length included and with nothing sampled, plays every boot of the machines'
/// scenarios, and fuzzes.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    packages::require(Part::Tests)?;
    rings::play(&[
        ("long tests", &|| long_tests(&workspace)),
        ("machines", &|| vm::ring(&workspace, Extent::Full, None)),
        ("fuzz", &|| fuzz::run(&fuzz::Arguments::of(None, arguments.fuzz_seconds)).map(|()| Outcome::Passed)),
    ])
}

fn long_tests(workspace: &Workspace) -> Result<Outcome> {
    Step::cargo()
        .args(["test", "--workspace", "--locked", "--no-fail-fast", "--", "--include-ignored"])
        // Enumerations that are sampled otherwise.
        .env("VIVIANITE_SOAK", "1")
        .env_remove("RUST_BACKTRACE")
        .dir(&workspace.root)
        .deadline(Duration::from_secs(4 * 3600))
        .run()?;
    Ok(Outcome::Passed)
}
