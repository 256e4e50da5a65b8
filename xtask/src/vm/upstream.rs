//! `cargo xtask vm upstream JSON`: a system of openpower-vpd-parser, imported and booted with parts behind its slots, and
//! the inventory compared object by object with what the JSON demands; see `tests/vm/upstream/README.md`.

mod parts;
mod population;
mod sizes;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use system_index::Levels;
use upstream_judge::{Image, Judge, Schema, System, Verdict};
use vpd_config::{Import, ImportReport};

use super::play;
use super::scenario::Scenario;
use crate::build::Profile;
use crate::output;
use crate::workspace::Workspace;
use parts::Kind;
use population::Population;

/// Small systems of our own, which are played with the scenarios.
const FIXTURES: &str = "tests/data/upstream";

/// Where the machine of every system is described.
const MACHINE: &str = "tests/vm/upstream";

/// What the inventory's schema is made from.
const FACTS: &str = "xtask/data/inventory-facts.toml";

/// What a system answers to whose name does not say it.
const USUAL_TYPE: &str = "50001001";

/// The system that is to be played.
#[derive(clap::Args)]
pub struct Arguments {
    /// A system's JSON of openpower-vpd-parser
    json: PathBuf,
    /// What an EEPROM holds instead of a part that is made up
    #[arg(long = "image", value_name = "KEY=FILE")]
    images: Vec<Given>,
    /// Import, compile and say what would be played; no machine
    #[arg(long)]
    dry_run: bool,
    /// Compare what the last machine of this system has left, without a machine
    #[arg(long)]
    again: bool,
    /// How our programs are built
    #[arg(long, value_enum, default_value_t = Profile::Machine)]
    pub profile: Profile,
}

impl Arguments {
    /// Whether nothing is booted.
    pub fn is_without_machine(&self) -> bool {
        self.dry_run || self.again
    }
}

/// What an EEPROM holds.
#[derive(Clone)]
struct Given {
    key: String,
    file: PathBuf,
}

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, file) = text.split_once('=').ok_or("KEY=FILE is wanted, as 8-0050=planar.bin")?;
        Ok(Self { key: key.to_owned(), file: file.into() })
    }
}

/// The machine of a system, and what is known of it before it boots.
struct Prepared {
    scenario: Scenario,
    imported: ImportReport,
    sizes: String,
    places: String,
}

/// What the names of these machines begin with; the name of the JSON follows.
const PREFIX: &str = "upstream-";

/// The machine of a system of our own, if that is what this is the name of.
pub fn fixture(workspace: &Workspace, name: &str) -> Result<Option<Scenario>> {
    let Some(stem) = name.strip_prefix(PREFIX) else { return Ok(None) };
    let file = workspace.root.join(FIXTURES).join(stem).with_extension("json");
    Ok(Some(prepare(workspace, &file, &BTreeMap::new())?.scenario))
}

/// The machines of all systems of our own.
pub fn fixtures(workspace: &Workspace) -> Result<Vec<Scenario>> {
    let folder = workspace.root.join(FIXTURES);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("json")) {
            files.push(path);
        }
    }
    files.sort();
    files.iter().map(|file| Ok(prepare(workspace, file, &BTreeMap::new())?.scenario)).collect()
}

/// Prepares a system's machine and says what is in it; `None` if that was all that was wanted.
pub fn scenario(workspace: &Workspace, arguments: &Arguments) -> Result<Option<Scenario>> {
    let mut given = BTreeMap::new();
    for image in &arguments.images {
        let cells = fs::read(&image.file).with_context(|| format!("reading {}", image.file.display()))?;
        given.insert(image.key.clone(), cells);
    }
    let prepared = prepare(workspace, &arguments.json, &given)?;
    if arguments.again {
        if let Some(judge) = &prepared.scenario.judge {
            compare(judge, &play::results(workspace, &prepared.scenario))?;
        }
        return Ok(None);
    }
    output::line(prepared.imported.to_string());
    output::line(&prepared.sizes);
    output::line(&prepared.places);
    Ok((!arguments.dry_run).then_some(prepared.scenario))
}

/// Imports, compiles and populates a system.
fn prepare(workspace: &Workspace, json: &Path, given: &BTreeMap<String, Vec<u8>>) -> Result<Prepared> {
    let system = System::read(json)?;
    for key in given.keys() {
        ensure!(system.eeprom(key).is_some(), "{} has no EEPROM {key}", json.display());
    }
    let stem = json.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let identity = Identity::of(&system, &stem, given)?;
    let name = format!("{PREFIX}{stem}");
    let folder = workspace.target.join("vm").join(format!("made-{name}"));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    let configs = folder.join("configs");
    let imported = identity.import(json, &stem, &configs)?;
    let sizes = sizes::table(&system, &configs, &folder.join("compiled"))?;
    let population =
        population::populate(&workspace.root, &system, (&identity.system_type, &identity.level), given)?;
    let mut scenario = Scenario::made(workspace.root.join(MACHINE), name)?;
    let places = places(&system, &population);
    scenario.plan.chips = population.chips;
    scenario.plan.gpio = population.lines.into_iter().collect();
    scenario.plan.pulled_up = population.pulled_up.into_iter().collect();
    scenario.plan.check().with_context(|| format!("checking the machine of {}", json.display()))?;
    scenario.cells = population.cells.clone();
    scenario.configs = Some(configs);
    let schema = Schema::read(&workspace.root.join(FACTS))?;
    let (present, cells) = (population.present, population.cells);
    scenario.judge = Some(Judge { system, schema, present, cells });
    Ok(Prepared { scenario, imported, sizes, places })
}

/// What the machine is by its planar.
struct Identity {
    system_type: String,
    level: String,
    /// Whether a real planar says so, whatever the JSON's name.
    is_given: bool,
}

impl Identity {
    fn of(system: &System, stem: &str, given: &BTreeMap<String, Vec<u8>>) -> Result<Self> {
        let planar = system.eeproms.iter().find(|eeprom| eeprom.is_system());
        let planar = planar.context("no EEPROM says what system this is")?;
        let Some(cells) = given.get(&planar.key) else {
            let named = stem.get(..8).filter(|name| name.bytes().all(|byte| byte.is_ascii_hexdigit()));
            // Upstream's newer files are for all levels but the first.
            let level = if stem.ends_with("_v2") { "0002" } else { "0001" };
            let system_type = named.unwrap_or(USUAL_TYPE).to_owned();
            return Ok(Self { system_type, level: level.to_owned(), is_given: named.is_none() });
        };
        let image = Image::read(cells, planar.offset()).context("the planar's image cannot be read")?;
        let digits = |record: &str, keyword: &str| -> Option<String> {
            let bytes = image.keyword(record, keyword)?;
            Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        };
        let system_type = digits("VSBP", "IM").context("the planar's image has no system type")?;
        let level = digits("VINI", "HW").context("the planar's image has no hardware level")?;
        let level = format!("00{}", level.get(2..4).context("the hardware level is no two bytes")?);
        Ok(Self { system_type, level, is_given: true })
    }

    fn import(&self, json: &Path, stem: &str, configs: &Path) -> Result<ImportReport> {
        fs::create_dir_all(configs).with_context(|| format!("creating {}", configs.display()))?;
        let mut import = Import {
            upstream: json.to_owned(),
            output: configs.to_owned(),
            backup: None,
            schema: Vec::new(),
            system: None,
            types: Vec::new(),
            levels: Levels::Any,
        };
        if self.is_given {
            import.system = Some(stem.parse()?);
            import.types = vec![self.system_type.parse()?];
            import.levels = Levels::new(Some(vec![self.level.parse()?]), None)?;
        }
        import.run().with_context(|| format!("importing {}", json.display()))
    }
}

/// How many places and parts there are of each kind, and what is not simulated.
fn places(system: &System, population: &Population) -> String {
    let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for eeprom in &system.eeproms {
        let [places, parts] = counts.entry(Kind::of(eeprom).as_str()).or_default();
        *places += 1;
        *parts += usize::from(population.present.contains(&eeprom.key));
    }
    let row = |(kind, [places, parts]): (&str, [usize; 2])| {
        vec![kind.to_owned(), places.to_string(), parts.to_string()]
    };
    let rows: Vec<_> = counts.into_iter().map(row).collect();
    let mut text = output::table(&["EEPROMs", "places", "parts"], &rows);
    text += &format!("{} chips, {} lines", population.chips.len(), population.lines.len());
    for place in &system.not_simulated {
        text += &format!("\nnot simulated: {place}");
    }
    text
}

/// Compares what the machine has left with what the JSON demands, prints the outcome, and leaves all of it as
/// `comparison` beside the results.
pub fn compare(judge: &Judge, results: &Path) -> Result<()> {
    let verdict = judge.judge(results)?;
    let summary = verdict.inventory.summary();
    let text = format!("{}\n{summary}", departures(&verdict));
    output::line(&text);
    let wrong = verdict.wrong();
    let lines = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let all = format!("{text}\n\n{}\n{}", lines(&wrong), verdict.inventory.objects());
    fs::write(results.join("comparison"), all)?;
    ensure!(verdict.is_good(), "{summary}\n{}", wrong[..wrong.len().min(40)].join("\n"));
    Ok(())
}

/// A row for each departure that was met: its name, objects, values; then the reasons.
fn departures(verdict: &Verdict) -> String {
    let met = verdict.inventory.departures();
    let rows: Vec<Vec<String>> = met
        .iter()
        .map(|met| vec![met.departure.name.to_owned(), met.objects.to_string(), met.values.to_string()])
        .collect();
    let mut text = output::table(&["other than upstream", "objects", "values"], &rows);
    for met in met {
        text += &format!("- {}: {}\n", met.departure.name, met.departure.reason);
    }
    text
}
