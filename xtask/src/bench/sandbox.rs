//! `bench sandbox`: what a one-shot's sandbox costs at each start, directive by directive, beside what it is worth.
//!
//! A machine starts the unit without sandbox, as it is, without each part of its sandbox, and with each part alone, in
//! an order that rotates, so that what else the host does falls on all alike. The medians are compared. Exposure is
//! what `systemd-analyze security` says of the loaded unit.
//!
//! By default the machine counts instructions for time: emulated time differs by a factor of ten from start to start on
//! a busy host, instructions by a few per cent. A program that starts is dear in emulation, its code being new to it, so
//! ratios to the bare program are smaller in the host's time than in instructions; a processor lies between.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::variants::{Kept, Part, Sandboxed};
use crate::build::Profile;
use crate::vm::Clock;
use crate::workspace::Workspace;
use crate::{output, vm};

/// The EEPROM that instances read: the scenario's card, escaped.
const INSTANCE: &str = r"10\x2d0051";

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// The unit, a file of `units/`; a template gets the card's EEPROM as its instance
    #[arg(default_value = "ipz-vpd-parser@.service")]
    unit: String,
    /// How often each variant is started
    #[arg(long, default_value_t = 9)]
    runs: usize,
    /// Another text of the unit to compare with, instead of taking this one apart; can be given several times
    #[arg(long = "candidate")]
    candidates: Vec<PathBuf>,
    /// What the machine takes for time
    #[arg(long, value_enum, default_value_t = Clock::Instructions)]
    clock: Clock,
}

/// Measures and prints the tables.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    ensure!(arguments.runs > 1, "a median takes at least two runs");
    let unit = read(&workspace.root.join("units").join(&arguments.unit))?;
    let mut variants = Variants::new(&arguments.unit)?;
    variants.add("no sandbox", "bare", unit.text(Kept::Nothing));
    variants.add("as shipped", "shipped", unit.text(Kept::Everything));
    for (index, path) in arguments.candidates.iter().enumerate() {
        let text = read(path)?.text(Kept::Everything);
        variants.add(&path.display().to_string(), &format!("candidate-{index}"), text);
    }
    if let Some(user) = unit.parts.iter().find(|part| part.name == "User") {
        variants.add("User= alone", "user", unit.text(Kept::Only(user)));
    }
    let parts = if arguments.candidates.is_empty() { unit.parts.as_slice() } else { &[] };
    for part in parts {
        variants.add("", &format!("without-{}", part.name), unit.text(Kept::AllBut(part)));
        variants.add("", &format!("only-{}", part.name), unit.text(Kept::Only(part)));
    }
    let results =
        vm::bench(workspace, "sandbox", variants.files(arguments.runs), arguments.clock, Profile::Release)?;
    let figures = Figures::read(&results, arguments.runs)?;
    output::line(format!("{}, {} starts of each variant", arguments.unit, arguments.runs));
    if arguments.clock == Clock::Instructions {
        output::line("a millisecond is a million instructions, those of the kernel included");
    }
    output::line("");
    output::line(variants.summary(&figures)?);
    if !parts.is_empty() {
        output::line(variants.parts(parts, &figures)?);
    }
    Ok(())
}

fn read(path: &Path) -> Result<Sandboxed> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Sandboxed::parse(&text, &path.display().to_string())
}

/// One text of the unit.
struct Variant {
    /// What the summary calls it; empty if it is not there.
    label: String,
    /// The middle of its unit's name.
    name: String,
    text: String,
}

/// What the machine starts.
struct Variants {
    /// The end of each unit's name.
    tail: &'static str,
    all: Vec<Variant>,
}

impl Variants {
    fn new(unit: &str) -> Result<Self> {
        let stem = unit.strip_suffix(".service").with_context(|| format!("{unit} is no service"))?;
        Ok(Self { tail: if stem.ends_with('@') { "@.service" } else { ".service" }, all: Vec::new() })
    }

    fn add(&mut self, label: &str, name: &str, text: String) {
        self.all.push(Variant { label: label.to_owned(), name: name.to_owned(), text });
    }

    /// The unit that is started.
    fn started(&self, name: &str) -> String {
        format!("bench-{name}{}", self.tail).replace("@.", &format!("@{INSTANCE}."))
    }

    /// Everything that the machine is given: the units, their names, the order in which they are started.
    fn files(&self, runs: usize) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = Vec::new();
        for variant in &self.all {
            let path = format!("etc/systemd/system/bench-{}{}", variant.name, self.tail);
            files.push((path, variant.text.clone()));
        }
        let line = |variant: &Variant| self.started(&variant.name) + "\n";
        files.push(("etc/bed/bench/units".to_owned(), self.all.iter().map(line).collect()));
        let mut starts = String::new();
        for run in 0..runs {
            // Neighbours stay neighbours, but each round begins somewhere else.
            let (last, first) = self.all.split_at(run * self.all.len() / runs);
            starts.extend(first.iter().chain(last).map(line));
        }
        files.push(("etc/bed/bench/starts".to_owned(), starts));
        files
    }

    fn figure<'f>(&self, figures: &'f Figures, name: &str) -> Result<&'f Figure> {
        let unit = self.started(name);
        figures.0.get(&unit).with_context(|| format!("{unit} was not measured"))
    }

    fn summary(&self, figures: &Figures) -> Result<String> {
        let bare = self.figure(figures, "bare")?;
        let mut rows = Vec::new();
        for variant in self.all.iter().filter(|variant| !variant.label.is_empty()) {
            let figure = self.figure(figures, &variant.name)?;
            let Sample { low, median, high } = figure.unit_ms;
            rows.push(vec![
                variant.label.clone(),
                format!("{median:.1}"),
                format!("{low:.1} to {high:.1}"),
                format!("{:.2}", median / bare.unit_ms.median),
                format!("{:.1}", figure.process_1_ms.median),
                format!("{:.1}", figure.wall_ms.median),
                format!("{:.1}", figure.exposure),
            ]);
        }
        let header = ["variant", "CPU ms", "spread", "ratio", "process 1 ms", "wall ms", "exposure"];
        Ok(output::table(&header, &rows))
    }

    fn parts(&self, parts: &[Part], figures: &Figures) -> Result<String> {
        let (bare, shipped) = (self.figure(figures, "bare")?, self.figure(figures, "shipped")?);
        let mut rows = Vec::new();
        for part in parts {
            let without = self.figure(figures, &format!("without-{}", part.name))?;
            let alone = self.figure(figures, &format!("only-{}", part.name))?;
            let saved = shipped.unit_ms.median - without.unit_ms.median;
            let lost = without.exposure - shipped.exposure;
            // Below what repeats itself, a quotient would tell about noise.
            let worth = if saved > 0.5 { format!("{:.3}", lost / saved) } else { "-".to_owned() };
            rows.push(vec![
                part.name.clone(),
                format!("{saved:.1}"),
                format!("{lost:.1}"),
                worth,
                format!("{:.1}", shipped.process_1_ms.median - without.process_1_ms.median),
                format!("{:.1}", alone.unit_ms.median - bare.unit_ms.median),
                format!("{:.1}", bare.exposure - alone.exposure),
            ]);
        }
        let header = [
            "without it",
            "CPU ms saved",
            "score lost",
            "per ms",
            "process 1 ms saved",
            "alone: CPU ms",
            "score gained",
        ];
        Ok(output::table(&header, &rows))
    }
}

/// What was measured, by unit.
struct Figures(BTreeMap<String, Figure>);

/// What one variant cost, and how exposed it is.
struct Figure {
    /// Processor time of the unit's own processes.
    unit_ms: Sample,
    /// From the start of its start to its end.
    wall_ms: Sample,
    /// What process 1 has spent meanwhile.
    process_1_ms: Sample,
    exposure: f64,
}

/// The middle of some values, the least and the most.
#[derive(Debug, PartialEq)]
struct Sample {
    low: f64,
    median: f64,
    high: f64,
}

impl Figures {
    fn read(results: &Path, runs: usize) -> Result<Self> {
        let read = |name: &str| {
            let path = results.join(name);
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
        };
        Self::parse(&read("scores")?, &read("starts")?, runs)
    }

    /// Lines `UNIT SCORE`, and `UNIT NANOSECONDS MICROSECONDS MICROSECONDS` of unit, wall clock and process 1.
    fn parse(scores: &str, starts: &str, runs: usize) -> Result<Self> {
        let mut values: BTreeMap<&str, [Vec<f64>; 3]> = BTreeMap::new();
        for line in starts.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [unit, figures @ ..] = words.as_slice() else { continue };
            ensure!(figures.len() == 3, "no line of figures: {line}");
            let columns = values.entry(unit).or_default();
            for ((column, figure), per_ms) in columns.iter_mut().zip(figures).zip([1e6, 1e3, 1e3]) {
                let figure: f64 = figure.parse().with_context(|| format!("no figure: {line}"))?;
                column.push(figure / per_ms);
            }
        }
        let mut figures = BTreeMap::new();
        for line in scores.lines() {
            let (unit, score) = line.split_once(' ').with_context(|| format!("no score: {line}"))?;
            let [mut unit_ms, mut wall_ms, mut process_1_ms] = values.remove(unit).unwrap_or_default();
            ensure!(unit_ms.len() == runs, "{unit} was started {} times", unit_ms.len());
            let figure = Figure {
                unit_ms: Sample::of(&mut unit_ms)?,
                wall_ms: Sample::of(&mut wall_ms)?,
                process_1_ms: Sample::of(&mut process_1_ms)?,
                exposure: score.parse().with_context(|| format!("no score: {line}"))?,
            };
            figures.insert(unit.to_owned(), figure);
        }
        Ok(Self(figures))
    }
}

impl Sample {
    fn of(values: &mut [f64]) -> Result<Self> {
        values.sort_by(f64::total_cmp);
        let [low, .., high] = *values else { bail!("two starts are the least that tells about spread") };
        let median = values.get(values.len() / 2).copied().unwrap_or(low);
        Ok(Self { low, median, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variant_is_started_equally_often_and_not_always_at_the_same_turn() {
        let mut variants = Variants::new("x@.service").unwrap();
        variants.add("no sandbox", "bare", String::new());
        variants.add("", "without-User", "[Service]\n".to_owned());
        let files: BTreeMap<String, String> = variants.files(4).into_iter().collect();
        assert_eq!(files["etc/systemd/system/bench-without-User@.service"], "[Service]\n");
        let units: Vec<&str> = files["etc/bed/bench/units"].lines().collect();
        assert_eq!(units, [r"bench-bare@10\x2d0051.service", r"bench-without-User@10\x2d0051.service"]);
        let starts: Vec<&str> = files["etc/bed/bench/starts"].lines().collect();
        assert_eq!(starts.len(), 8);
        for unit in units {
            assert_eq!(starts.iter().filter(|started| **started == unit).count(), 4);
        }
        assert_ne!(starts.first(), starts.get(4));
        assert!(Variants::new("x.socket").is_err());
    }

    #[test]
    fn figures_are_medians_in_milliseconds() {
        let starts =
            "a.service 3000000 5000 1000\na.service 1000000 7000 1000\na.service 2000000 6000 1000\n";
        let figures = Figures::parse("a.service 1.2\n", starts, 3).unwrap();
        let figure = &figures.0["a.service"];
        assert_eq!(figure.unit_ms, Sample { low: 1.0, median: 2.0, high: 3.0 });
        assert!((figure.wall_ms.median - 6.0).abs() < 1e-9 && (figure.exposure - 1.2).abs() < 1e-9);
        assert!(Figures::parse("a.service 1.2\nb.service 1.0\n", starts, 3).is_err());
        assert!(Figures::parse("a.service 1.2\n", "a.service 1\n", 1).is_err());
    }
}
