//! `cargo xtask test`: every test that fits into what `xtask/data/test-time.toml` allows, with what it needs installed
//! first; machines last.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::allowance::{Allowances, Part};
use crate::output;
use crate::packages::{self, Part as Need};
use crate::rings::{self, Outcome};
use crate::step::Step;
use crate::vm;
use crate::workspace::Workspace;

/// When something hangs rather than being slow.
const TIME: Duration = Duration::from_secs(45 * 60);

/// What can be said to cargo without leaving out a test.
const NOT_NARROWING: [&str; 8] =
    ["--workspace", "--all", "--locked", "--offline", "--no-fail-fast", "--quiet", "-q", "-v"];

/// What to test.
#[derive(clap::Args)]
pub struct Arguments {
    /// Further arguments for `cargo test`, for example `-p vpd-ecc` or `-- name_of_a_test`; what narrows the choice
    /// leaves out the machines
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

impl Arguments {
    /// Whether the machines take part.
    pub fn has_machines(&self) -> bool {
        !narrows(&self.rest)
    }
}

/// Runs the tests, and plays the machines' scenarios unless the choice was narrowed.
pub fn run(arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    let workspace = Workspace::load()?;
    packages::require(Need::Tests)?;
    if !arguments.has_machines() {
        build(&workspace, &arguments.rest)?;
        cargo_test(&workspace, &arguments.rest)?;
        output::line(format!("test: all passed in {}", output::seconds(started.elapsed())));
        return Ok(());
    }
    let mut parts = Vec::new();
    build(&workspace, &arguments.rest)?;
    let machines_wait = vm::prepare(&workspace)?;
    parts.push(Part { name: "building, and what is cached", time: started.elapsed(), is_first: true });
    let times = rings::play_timed(&[
        ("tests", &|| cargo_test(&workspace, &arguments.rest).map(|()| Outcome::Passed)),
        ("machines", &|| match &machines_wait {
            Some(reason) => Ok(Outcome::Skipped(reason.clone())),
            None => vm::ring(&workspace, Instant::now() + TIME),
        }),
    ])?;
    parts.extend(times.into_iter().map(|(name, time)| Part { name, time, is_first: false }));
    output::line(Allowances::load(&workspace.root)?.account(&parts));
    Ok(())
}

/// Whether arguments for cargo may leave out a test.
fn narrows(rest: &[String]) -> bool {
    rest.iter().any(|argument| !NOT_NARROWING.contains(&argument.as_str()))
}

/// What tests need built, and the tests themselves.
fn build(workspace: &Workspace, rest: &[String]) -> Result<()> {
    // Programs that tests start are named to them by cargo only within their own package; the others find them
    // beside the test binary, where this build puts them.
    Step::cargo().args(["build", "--workspace", "--bins", "--locked"]).dir(&workspace.root).run()?;
    if narrows(rest) {
        return Ok(());
    }
    Step::cargo().args(["test", "--no-run", "--workspace", "--locked"]).dir(&workspace.root).run()
}

/// Tests at once for each processor, unless `RUST_TEST_THREADS` says otherwise. Those with a bus wait for limits and windows of time
/// more than they compute: 275 of them take 115 s of computing, and 460 s one after another.
const TESTS_PER_PROCESSOR: usize = 2;

/// The tests that cargo knows; output goes to the terminal.
fn cargo_test(workspace: &Workspace, rest: &[String]) -> Result<()> {
    let selection: &[&str] = if rest.is_empty() { &["--workspace", "--locked"] } else { &[] };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let at_once = std::env::var_os("RUST_TEST_THREADS")
        .unwrap_or_else(|| (TESTS_PER_PROCESSOR * processors).to_string().into());
    Step::cargo()
        .arg("test")
        .args(selection)
        .args(rest)
        .env_remove("RUST_BACKTRACE")
        .env("RUST_TEST_THREADS", at_once)
        .dir(&workspace.root)
        .deadline(TIME)
        .run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_left_out_only_when_the_choice_is_narrowed() {
        for (rest, narrowed) in [
            (&[][..], false),
            (&["--workspace"], false),
            (&["--workspace", "--no-fail-fast"], false),
            (&["-p", "vpd-ecc"], true),
            (&["--package=vpd-ecc"], true),
            (&["--workspace", "--lib"], true),
            (&["--", "some_name"], true),
            (&["some_name"], true),
        ] {
            let rest: Vec<String> = rest.iter().map(|&argument| argument.to_owned()).collect();
            assert_eq!(narrows(&rest), narrowed, "{rest:?}");
        }
    }
}
