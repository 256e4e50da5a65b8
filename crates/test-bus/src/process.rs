use anyhow::Context as _;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// The binary of a crate of this workspace, built if need be, in the profile of the running test.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    static ALL: OnceLock<bool> = OnceLock::new();
    static DONE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let own = std::env::current_exe()?;
    // …/target/<profile>/deps/<test> or …/target/<profile>/<program>
    let folder = own
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps") && !folder.ends_with("examples"))
        .context("the running program is in no folder")?;
    if !folder.ends_with("debug") {
        return Ok(folder.join(name));
    }
    // All at once, as `cargo xtask test` has them built. Each by itself has other features, for which cargo compiles nearly
    // all of it anew: half a minute for each program.
    let is_built = *ALL.get_or_init(|| {
        let output =
            cargo(&["build", "--quiet", "--workspace", "--bins"]).and_then(|mut all| Ok(all.output()?));
        output.is_ok_and(|output| output.status.success())
    });
    // Where a library of the system is missing, only the program that needs it cannot be built.
    let mut done = DONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !is_built && !done.contains(name) {
        let status = cargo(&["build", "--quiet", "--package", name])?.status().context("cannot run cargo")?;
        anyhow::ensure!(status.success(), "cannot build {name}");
        done.insert(name.to_owned());
    }
    Ok(folder.join(name))
}

fn cargo(arguments: &[&str]) -> anyhow::Result<Command> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("no workspace")?;
    let mut command = Command::new(cargo);
    command.current_dir(root).args(arguments);
    Ok(command)
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

/// Runs a one-shot to its end.
pub fn run(command: &mut Command) -> anyhow::Result<Finished> {
    let output = command.output().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    Ok(Finished {
        status: output.status.code(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        log: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
