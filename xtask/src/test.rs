//! `cargo xtask test`: every test that fits into twenty minutes, with what it needs installed first.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::output;
use crate::packages::{self, DBUS, GCC, LIBSYSTEMD, LIBUDEV, STRACE, SYSTEMD, VALGRIND};
use crate::step::Step;
use crate::workspace::Workspace;

/// What to test.
#[derive(clap::Args)]
pub struct Arguments {
    /// Further arguments for `cargo test`, for example `-p vpd-ecc` or `-- name_of_a_test`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Runs the tests; output goes to the terminal, so the closing lines are those of cargo.
pub fn run(arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    let workspace = Workspace::load()?;
    // The instruments of the bench are tested too.
    packages::require(&[needed(&workspace), vec![GCC, LIBSYSTEMD, STRACE, VALGRIND]].concat())?;
    let selection: &[&str] = if arguments.rest.is_empty() { &["--workspace", "--locked"] } else { &[] };
    // Programs that tests start are named to them by cargo only within their own package; the others find them
    // beside the test binary, where this build puts them.
    Step::cargo().args(["build", "--workspace", "--bins", "--locked"]).dir(&workspace.root).run()?;
    Step::cargo()
        .arg("test")
        .args(selection)
        .args(&arguments.rest)
        .env_remove("RUST_BACKTRACE")
        .dir(&workspace.root)
        .deadline(Duration::from_secs(20 * 60))
        .run()?;
    output::line(format!("test: all passed in {}", output::seconds(started.elapsed())));
    Ok(())
}

/// The packages that building and testing everything takes.
pub fn needed(workspace: &Workspace) -> Vec<packages::Package> {
    let mut needed = vec![DBUS, SYSTEMD];
    let watches = |name: &str| name == "udev" || name == "tokio-udev";
    if workspace.crates.iter().flat_map(|member| &member.dependencies).any(|edge| watches(&edge.name)) {
        needed.push(LIBUDEV);
    }
    needed
}
