//! `cargo xtask soak`: what takes too long for every change, and has to pass before something counts as done.
//!
//! It takes hours and is made of parts. A part that has passed is [remembered](memory) for the commit, so a run that was
//! interrupted goes on where it was, and loses at most the parts under way.

mod memory;
mod suites;

use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail, ensure};

use crate::crew::{self, AT_ONCE};
use crate::packages::{self, Part as Need};
use crate::rings::{self, Outcome};
use crate::vm::{Extent, Machines};
use crate::workspace::Workspace;
use crate::{fuzz, output};
use memory::Memory;

/// How long.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only parts whose names have one of these words in them
    names: Vec<String>,
    /// Seconds of fuzzing per target
    #[arg(long, default_value_t = 300)]
    fuzz_seconds: u32,
    /// Repeat what has passed on this commit too
    #[arg(long)]
    again: bool,
    /// Play nothing: build the tests, say which parts there are and which have passed on this commit
    #[arg(long)]
    list: bool,
}

/// A part of the run.
pub struct Part<'a> {
    name: String,
    work: Box<dyn Fn() -> Result<Outcome> + Sync + 'a>,
}

impl<'a> Part<'a> {
    fn new(name: String, work: impl Fn() -> Result<Outcome> + Sync + 'a) -> Self {
        Self { name, work: Box::new(work) }
    }

    /// Stands for parts that could not be told apart.
    fn broken(name: &str, error: &Error) -> Self {
        let error = format!("{error:#}");
        Self::new(name.to_owned(), move || bail!("{error}"))
    }

    fn is_wanted(&self, words: &[String]) -> bool {
        words.is_empty() || words.iter().any(|word| self.name.contains(word.as_str()))
    }
}

/// How a part ended, in this run or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed(Duration),
    Remembered(Duration),
    Skipped,
    Failed(Duration),
    /// Not tried yet.
    Open,
}

/// Runs all tests, those ignored for their length included and with nothing sampled, plays every boot of the machines'
/// scenarios, and fuzzes; what has passed on this commit is not repeated.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    packages::require(Need::Tests)?;
    let memory = Memory::of(&workspace)?;
    output::progress(memory.describe());
    let machines = Machines::load(&workspace, Extent::Full);
    let mut groups = [
        (1, suites::parts(&workspace).unwrap_or_else(|error| vec![Part::broken("tests", &error)])),
        (AT_ONCE, machine_parts(&machines)),
        (AT_ONCE, fuzz_parts(&workspace, arguments.fuzz_seconds)),
    ];
    let mut rows = Vec::new();
    for (at_once, parts) in &mut groups {
        parts.retain(|part| part.is_wanted(&arguments.names));
        let verdicts = crew::work(*at_once, parts, |part| verdict(part, &memory, arguments));
        rows.extend(parts.iter().map(|part| part.name.clone()).zip(verdicts));
    }
    ensure!(!rows.is_empty(), "no part has such a name");
    conclude(&rows)
}

fn verdict(part: &Part<'_>, memory: &Memory, arguments: &Arguments) -> Verdict {
    let known = memory.time_of(&part.name).filter(|_| !arguments.again);
    match known {
        Some(time) => Verdict::Remembered(time),
        None if arguments.list => Verdict::Open,
        None => play(part, memory),
    }
}

fn play(part: &Part<'_>, memory: &Memory) -> Verdict {
    output::progress(format!("--- {}", part.name));
    let started = Instant::now();
    let result = (part.work)().and_then(|outcome| rings::account(&part.name, &outcome).map(|()| outcome));
    let time = started.elapsed();
    let result = result.and_then(|outcome| {
        if outcome == Outcome::Passed {
            memory.keep(&part.name, time).context("remembering that it passed")?;
        }
        Ok(outcome)
    });
    match result {
        Ok(Outcome::Passed) => Verdict::Passed(time),
        Ok(Outcome::Skipped(_)) => Verdict::Skipped,
        Err(error) => {
            output::error(&error.context(format!("{} failed", part.name)));
            Verdict::Failed(time)
        }
    }
}

fn machine_parts<'a>(machines: &'a Result<Machines<'_>>) -> Vec<Part<'a>> {
    let machines = match machines {
        Ok(machines) => machines,
        Err(error) => return vec![Part::broken("machines", error)],
    };
    let part = |name: String| Part::new(format!("machine {name}"), move || machines.play(&name));
    machines.names().into_iter().map(part).collect()
}

fn fuzz_parts(workspace: &Workspace, seconds: u32) -> Vec<Part<'static>> {
    let part = |target: String| {
        // Another time is another part: less does not stand for more.
        Part::new(format!("fuzz {target}, {seconds} s"), move || {
            fuzz::run(&fuzz::Arguments::of(Some(&target), seconds)).map(|()| Outcome::Passed)
        })
    };
    match fuzz::targets(workspace) {
        Ok(targets) => targets.into_iter().map(part).collect(),
        Err(error) => vec![Part::broken("fuzz", &error)],
    }
}

/// The table of all parts; an error names those that failed.
fn conclude(rows: &[(String, Verdict)]) -> Result<()> {
    let row = |(name, verdict): &(String, Verdict)| {
        let (word, time) = match verdict {
            Verdict::Passed(time) => ("passed", output::seconds(*time)),
            Verdict::Remembered(time) => ("passed before", output::seconds(*time)),
            Verdict::Skipped => ("skipped", String::new()),
            Verdict::Failed(time) => ("FAILED", output::seconds(*time)),
            Verdict::Open => ("open", String::new()),
        };
        vec![name.clone(), word.to_owned(), time]
    };
    output::line(output::table(&["part", "result", "time"], &rows.iter().map(row).collect::<Vec<_>>()));
    let count = |of: fn(&Verdict) -> bool| rows.iter().filter(|(_, verdict)| of(verdict)).count();
    output::line(format!(
        "soak: {} parts; {} passed now, {} passed before on this commit, {} skipped",
        rows.len(),
        count(|verdict| matches!(verdict, Verdict::Passed(_))),
        count(|verdict| matches!(verdict, Verdict::Remembered(_))),
        count(|verdict| *verdict == Verdict::Skipped),
    ));
    let failed: Vec<&str> = rows
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Failed(_)))
        .map(|(name, _)| name.as_str())
        .collect();
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(again: bool) -> Arguments {
        Arguments { names: Vec::new(), fuzz_seconds: 1, again, list: false }
    }

    #[test]
    fn a_part_that_passed_is_repeated_only_when_asked_and_one_that_failed_always() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_file(folder.path().join("passed"));
        let good = Part::new("good".to_owned(), || Ok(Outcome::Passed));
        let bad = Part::new("bad".to_owned(), || bail!("broken"));
        assert!(matches!(verdict(&good, &memory, &arguments(false)), Verdict::Passed(_)));
        assert!(matches!(verdict(&bad, &memory, &arguments(false)), Verdict::Failed(_)));
        let memory = Memory::in_file(folder.path().join("passed"));
        assert!(matches!(verdict(&good, &memory, &arguments(false)), Verdict::Remembered(_)));
        assert!(matches!(verdict(&good, &memory, &arguments(true)), Verdict::Passed(_)));
        assert!(matches!(verdict(&bad, &memory, &arguments(false)), Verdict::Failed(_)));
    }

    #[test]
    fn what_was_skipped_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_file(folder.path().join("passed"));
        memory.keep("another", Duration::ZERO).unwrap();
        let tried = Part::new("machine".to_owned(), || Ok(Outcome::Skipped("no emulator".to_owned())));
        verdict(&tried, &memory, &arguments(false));
        assert_eq!(Memory::in_file(folder.path().join("passed")).time_of("machine"), None);
    }

    #[test]
    fn the_end_names_what_failed() {
        let rows = [
            ("a".to_owned(), Verdict::Passed(Duration::ZERO)),
            ("b".to_owned(), Verdict::Failed(Duration::ZERO)),
            ("c".to_owned(), Verdict::Remembered(Duration::ZERO)),
        ];
        assert_eq!(conclude(&rows).unwrap_err().to_string(), "failed: b");
    }
}
