//! `cargo xtask ci`: the gate, the same for everyone. Tests are a command of their own, see `.ci/run`.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::packages::{self, Part};
use crate::rings::{Outcome, Row};
use crate::step::Step;
use crate::workspace::Workspace;
use crate::{fuzz, introspect, new_service, rings, schema, size, tidy, tools};

/// Seconds of fuzzing in all, by the clock on the wall.
const FUZZ_SECONDS: u32 = 600;

/// What to run.
#[derive(clap::Args)]
pub struct Arguments {
    /// Names of rows; all without
    rows: Vec<String>,
}

/// Runs every row that is wanted, also after a failure, and ends with a table of the results.
///
/// Errors: a row failed, or there is none of a name.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    packages::require(Part::Build)?;
    let rows: [Row<'_>; 11] = [
        ("format", &|| format(&workspace)),
        ("tidy", &|| tidy::run().map(passed)),
        ("schema", &|| schema::check(&workspace.root).map(passed)),
        ("clippy", &|| clippy(&workspace)),
        ("documentation", &|| documentation(&workspace)),
        ("no default features", &|| no_default_features(&workspace)),
        ("skeleton", &|| new_service::try_out(&workspace).map(passed)),
        ("introspection", &|| introspect::check(&workspace).map(passed)),
        ("size", &|| size::run(&size::Arguments::default()).map(passed)),
        ("dependencies", &|| dependencies(&workspace)),
        ("fuzz", &|| fuzz::run_within(FUZZ_SECONDS).map(passed)),
    ];
    if let Some(other) = arguments.rows.iter().find(|name| rows.iter().all(|(row, _)| row != name)) {
        let names: Vec<&str> = rows.iter().map(|(row, _)| *row).collect();
        bail!("there is no row {other}, but {}", names.join(", "));
    }
    let is_wanted =
        |row: &&Row<'_>| arguments.rows.is_empty() || arguments.rows.iter().any(|name| name == row.0);
    rings::play(&rows.iter().filter(is_wanted).copied().collect::<Vec<_>>())
}

fn passed((): ()) -> Outcome {
    Outcome::Passed
}

fn format(workspace: &Workspace) -> Result<Outcome> {
    Step::cargo().args(["fmt", "--all", "--check"]).dir(&workspace.root).run_quietly()?;
    Ok(Outcome::Passed)
}

fn clippy(workspace: &Workspace) -> Result<Outcome> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    Step::cargo().args(arguments).dir(&workspace.root).run_quietly()?;
    Ok(Outcome::Passed)
}

fn documentation(workspace: &Workspace) -> Result<Outcome> {
    let arguments = ["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"];
    Step::cargo().args(arguments).env("RUSTDOCFLAGS", "-D warnings").dir(&workspace.root).run_quietly()?;
    Ok(Outcome::Passed)
}

/// Each library alone, since building the workspace at once would lend it its neighbours' features.
fn no_default_features(workspace: &Workspace) -> Result<Outcome> {
    for member in workspace.crates.iter().filter(|member| member.library) {
        Step::cargo()
            .args(["check", "--lib", "--no-default-features", "--locked", "-p", &member.name])
            .dir(&workspace.root)
            .deadline(Duration::from_secs(600))
            .run_quietly()?;
    }
    Ok(Outcome::Passed)
}

/// Licences, bans and sources of everything we link. Advisories need a host that not every machine can reach.
fn dependencies(workspace: &Workspace) -> Result<Outcome> {
    let program = match tools::obtain(&tools::CARGO_DENY)? {
        tools::Tool::Ready(program) => program,
        tools::Tool::Missing(reason) => return Ok(Outcome::Skipped(reason)),
    };
    Step::new(program)
        .args(["--workspace", "--locked", "check", "bans", "licenses", "sources"])
        .dir(&workspace.root)
        .run_quietly()?;
    Ok(Outcome::Passed)
}
