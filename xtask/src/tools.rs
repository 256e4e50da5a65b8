//! Cargo subcommands that are programs of their own: taken from the search path, or built once into the cache.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::step::{Step, find_program};
use crate::{output, workspace};

/// A program that `cargo install` can build.
pub struct Recipe {
    name: &'static str,
    version: &'static str,
}

/// Where a program is, or why it is not.
pub enum Tool {
    /// Its path.
    Ready(PathBuf),
    /// What stood in the way.
    Missing(String),
}

/// The checker of licences, bans and sources.
pub const CARGO_DENY: Recipe = Recipe { name: "cargo-deny", version: "0.20.2" };

/// Finds the program, or builds it. The cache is keyed by the version, which fixes the source.
pub fn obtain(recipe: &Recipe) -> Result<Tool> {
    if let Some(program) = find_program(recipe.name) {
        return Ok(Tool::Ready(program));
    }
    let folder = workspace::cache()?.join("tools").join(format!("{}-{}", recipe.name, recipe.version));
    let program = folder.join("bin").join(recipe.name);
    if program.is_file() {
        return Ok(Tool::Ready(program));
    }
    output::progress(format!("building {} {} into {}", recipe.name, recipe.version, folder.display()));
    let built = Step::cargo()
        .args(["install", recipe.name, "--version", recipe.version, "--locked", "--root"])
        .arg(&folder)
        // Not inside a checkout, whose toolchain file and target folder are none of this program's business.
        .dir(workspace::cache()?)
        .deadline(Duration::from_secs(900))
        .run_quietly();
    Ok(match built {
        Ok(()) => Tool::Ready(program),
        Err(error) => Tool::Missing(format!("cannot build {} {}: {error:#}", recipe.name, recipe.version)),
    })
}
