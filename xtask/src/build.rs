//! Building of shipped binaries, one cargo call each: otherwise cargo lends each the features of its neighbours.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::packages::{self, Part};
use crate::step::Step;
use crate::workspace::{Crate, Workspace};

/// How to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// Fast to build, with assertions
    Dev,
    /// With assertions, and fast enough for an emulated processor
    Machine,
    /// As shipped
    Release,
}

impl Profile {
    /// What cargo is told, and the folder where it puts the result.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Dev => ("dev", "debug"),
            Self::Machine => ("machine", "machine"),
            Self::Release => ("release", "release"),
        }
    }
}

/// What this process has built, so that cargo need not look at the tree again for every machine.
static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());

/// Builds the binary of one shipped crate and says where it is. A foreign triple needs its linker's name.
pub fn binary(
    workspace: &Workspace,
    member: &Crate,
    profile: Profile,
    foreign: Option<(&str, &str)>,
) -> Result<PathBuf> {
    if member.watches_devices() {
        packages::require(Part::Build)?;
    }
    let name = member.binaries.first().with_context(|| format!("{} has no binary", member.name))?;
    let what = format!("{name} {profile:?} {foreign:?}");
    // Held while it builds: machines that start at once want the same programs.
    let mut done = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(built) = done.get(&what) {
        return Ok(built.clone());
    }
    let (option, outcome) = profile.words();
    let step = Step::cargo().args(["build", "--locked", "--profile", option]);
    let mut step = step.args(["-p", &member.name, "--bin", name]);
    let mut folder = workspace.target.clone();
    if let Some((triple, linker)) = foreign {
        let variable = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"));
        step = step.args(["--target", triple]).env(&variable, linker);
        folder.push(triple);
    }
    step.dir(&workspace.root).deadline(Duration::from_secs(900)).run_quietly()?;
    let built = folder.join(outcome).join(name);
    done.insert(what, built.clone());
    Ok(built)
}
