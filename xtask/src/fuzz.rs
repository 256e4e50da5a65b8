//! `cargo xtask fuzz`: the targets of `tests/fuzz`, built with coverage counters and run for a while.
//!
//! libFuzzer comes with the `libfuzzer-sys` crate, so a C++ compiler and the flags below are all that it takes. The
//! targets are laid out as `cargo fuzz` wants them, for those who have it, but nothing here depends on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Error, Result, bail, ensure};
use serde::Deserialize;

use crate::crew::{self, AT_ONCE};
use crate::packages::{self, Part};
use crate::step::Step;
use crate::workspace::Workspace;
use crate::{fixtures, output};

/// Where the targets are, with their committed corpora beside them.
const FOLDER: &str = "tests/fuzz";

/// Counters per edge, a table of their addresses, and operands of comparisons: what libFuzzer works with.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

/// Time that building a target may take.
const BUILD: Duration = Duration::from_secs(600);

/// Time that a single input may take; the parsers need microseconds.
const SECONDS_PER_INPUT: u32 = 5;

/// What to fuzz, and for how long.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Only these targets
    targets: Vec<String>,
    /// Seconds per target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Where the random numbers start
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Afterwards add what reached new code to the committed corpus
    #[arg(long)]
    merge: bool,
}

impl Arguments {
    /// One target or every one, for so long each, from the usual seed.
    pub fn of(target: Option<&str>, seconds: u32) -> Self {
        Self { targets: target.map(str::to_owned).into_iter().collect(), seconds, seed: 1, merge: false }
    }
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default, rename = "bin")]
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Runs the targets, two at once and each also after a find; a find is an error that names the file which holds it.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    let folder = workspace.root.join(FOLDER);
    let targets = select(&manifest(&folder)?, &arguments.targets)?;
    packages::require(Part::Fuzz)?;
    let toolchain = Toolchain::find(&folder);
    output::line(toolchain.describe());
    // Cargo builds one after the other in any case.
    let built: Vec<(String, PathBuf)> = targets
        .into_iter()
        .map(|target| toolchain.build(&folder, &target).map(|program| (target, program)))
        .collect::<Result<_>>()?;
    output::line(format!("fuzz: {} targets, {} s each, two at once", built.len(), arguments.seconds));
    let results = crew::work(AT_ONCE, &built, |(target, program)| fuzz(&folder, target, program, arguments));
    let finds: Vec<Error> = results.into_iter().filter_map(Result::err).collect();
    finds.iter().for_each(output::error);
    ensure!(finds.is_empty(), "{} of {} targets failed", finds.len(), built.len());
    output::line(format!("fuzz: nothing found in {} targets, {} s each", built.len(), arguments.seconds));
    Ok(())
}

/// Runs all targets within so many seconds, building apart.
pub fn run_within(seconds: u32) -> Result<()> {
    let count = targets(&Workspace::load()?)?.len();
    run(&Arguments::of(None, share(seconds, count)))
}

/// Seconds for each target: they take turns, two at once.
fn share(seconds: u32, targets: usize) -> u32 {
    let turns = u32::try_from(targets.div_ceil(AT_ONCE)).unwrap_or(u32::MAX).max(1);
    (seconds / turns).max(1)
}

/// The names of all targets.
pub fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    select(&manifest(&workspace.root.join(FOLDER))?, &[])
}

fn manifest(folder: &Path) -> Result<String> {
    let path = folder.join("Cargo.toml");
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// The targets that the manifest has, or those of them that were asked for.
fn select(manifest: &str, wanted: &[String]) -> Result<Vec<String>> {
    let manifest: Manifest =
        toml::from_str(manifest).with_context(|| format!("parsing {FOLDER}/Cargo.toml"))?;
    let all: Vec<String> = manifest.targets.into_iter().map(|target| target.name).collect();
    if let Some(stranger) = wanted.iter().find(|name| !all.contains(name)) {
        bail!("there is no target {stranger}, only {}", all.join(", "));
    }
    Ok(if wanted.is_empty() { all } else { wanted.to_vec() })
}

/// What the targets are built with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Toolchain {
    /// With the address sanitizer.
    Nightly,
    /// Coverage only.
    Stable,
}

impl Toolchain {
    fn find(folder: &Path) -> Self {
        let probe = Step::new("cargo").args(["+nightly", "--version"]).dir(folder).capture();
        if probe.is_ok_and(|captured| captured.status.success()) { Self::Nightly } else { Self::Stable }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Nightly => "fuzz: nightly toolchain with the address sanitizer",
            Self::Stable => "fuzz: stable toolchain, coverage without a sanitizer (no nightly is installed)",
        }
    }

    fn build(self, folder: &Path, target: &str) -> Result<PathBuf> {
        let mut flags = COVERAGE.to_vec();
        let mut arguments = Vec::new();
        if self == Self::Nightly {
            flags.push("-Zsanitizer=address");
            arguments.push("+nightly");
        }
        // A target triple, even the host's, keeps the flags away from build scripts.
        let triple = host_triple(folder)?;
        arguments.extend(["build", "--release", "--bin", target, "--target", &triple]);
        let output = folder.join("target").join(self.name());
        Step::new("cargo")
            .args(arguments)
            .env("RUSTFLAGS", flags.join(" "))
            .env("CARGO_TARGET_DIR", &output)
            .dir(folder)
            .deadline(BUILD)
            .run_quietly()?;
        Ok(output.join(triple).join("release").join(target))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Nightly => "nightly",
            Self::Stable => "stable",
        }
    }
}

fn host_triple(folder: &Path) -> Result<String> {
    let version = Step::new("rustc").arg("-vV").dir(folder).output()?;
    let version = String::from_utf8(version)?;
    let triple =
        version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(triple.to_owned())
}

/// New inputs go below the target folder, so that a run leaves the checkout as it was.
fn fuzz(folder: &Path, target: &str, program: &Path, arguments: &Arguments) -> Result<()> {
    let found = folder.join("target/corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    let committed = folder.join("corpus").join(target);
    for needed in [&found, &artifacts, &committed] {
        fs::create_dir_all(needed).with_context(|| format!("creating {}", needed.display()))?;
    }
    sow(folder, &found)?;
    let before = count(&artifacts)?;
    let result = Step::new(program)
        .args([&found, &committed])
        .args(common_options(&artifacts, arguments))
        .arg(format!("-max_total_time={}", arguments.seconds))
        // libFuzzer prints a trace of its own; the panic's would push its message out of what is shown.
        .env_remove("RUST_BACKTRACE")
        .deadline(Duration::from_secs(u64::from(arguments.seconds) + 120))
        .run_quietly();
    if let Err(error) = result {
        let news =
            if count(&artifacts)? > before { "the input is the newest in" } else { "no input was left in" };
        return Err(error.context(format!("{target} failed; {news} {}", artifacts.display())));
    }
    output::line(format!("fuzz: {target}: {} inputs known", count(&found)? + count(&committed)?));
    if arguments.merge {
        let merge = Step::new(program).arg("-merge=1").args([&committed, &found]);
        merge.args(common_options(&artifacts, arguments)).run_quietly()?;
        output::line(format!("fuzz: {target}: the committed corpus has {} inputs", count(&committed)?));
    }
    Ok(())
}

/// Gives every target our fixtures to start from: images to what takes bytes, descriptions to what takes text.
fn sow(folder: &Path, found: &Path) -> Result<()> {
    let root = folder.ancestors().nth(2).context("the targets lie in the workspace")?;
    for name in fixtures::names(root)? {
        fs::write(found.join(format!("{name}.image")), fixtures::image(root, &name)?)?;
        fs::write(found.join(format!("{name}.text")), fixtures::description(root, &name)?)?;
    }
    Ok(())
}

fn common_options(artifacts: &Path, arguments: &Arguments) -> [String; 4] {
    [
        format!("-artifact_prefix={}/", artifacts.display()),
        format!("-timeout={SECONDS_PER_INPUT}"),
        "-rss_limit_mb=1024".to_owned(),
        format!("-seed={}", arguments.seed),
    ]
}

fn count(folder: &Path) -> Result<usize> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let count = entries.count();
    ensure!(count < 1_000_000, "{} has grown beyond reason", folder.display());
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str =
        "[package]\nname = \"f\"\n[[bin]]\nname = \"a\"\npath = \"a.rs\"\n[[bin]]\nname = \"b\"\n";

    #[test]
    fn the_time_of_all_is_divided_over_turns_of_two() {
        assert_eq!(share(600, 10), 120);
        assert_eq!(share(600, 11), 100);
        assert_eq!(share(600, 1), 600);
        assert_eq!(share(1, 10), 1, "a second is the least");
    }

    #[test]
    fn targets_are_those_of_the_manifest() {
        assert_eq!(select(MANIFEST, &[]).unwrap(), ["a", "b"]);
        assert_eq!(select(MANIFEST, &["b".to_owned()]).unwrap(), ["b"]);
        let error = select(MANIFEST, &["c".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "there is no target c, only a, b");
    }
}
