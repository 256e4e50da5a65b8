//! What a unit's assignments amount to: conditions, command lines, environment, folders, limits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::load::Unit;
use super::name::UnitName;
use super::syntax::Assignment;
use super::{directives, specifiers, values, words};

/// The search path that systemd gives to services of the system.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Longest start unless the unit says otherwise; one-shots have no limit.
const USUAL_START: Duration = Duration::from_secs(90);

/// The folder that stands for `/`.
#[derive(Debug, Clone)]
pub struct Place(String);

impl Place {
    /// The system itself: plans are what systemd does.
    pub fn system() -> Self {
        Self(String::new())
    }

    /// A folder: what a unit runs, looks at and makes lies below it.
    pub fn below(root: &Path) -> Result<Self> {
        let root = root.to_str().filter(|root| root.starts_with('/'));
        Ok(Self(root.context("a root is an absolute path in UTF-8")?.trim_end_matches('/').to_owned()))
    }

    fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("{}{path}", self.0))
    }
}

/// When a service counts as started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Once its process runs (`simple`, `exec`).
    Running,
    /// Once it says so (`notify`).
    Notifying,
    /// Once it has ended (`oneshot`).
    OneShot,
}

/// One program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The file.
    pub program: PathBuf,
    /// Everything that the program is told, its own name first.
    pub arguments: Vec<String>,
    /// Whether a failure counts as a success (`-`).
    pub may_fail: bool,
}

/// `ConditionPathExists=` or `ConditionDirectoryNotEmpty=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// As it is written, for people.
    pub text: String,
    /// What is looked for.
    pub path: PathBuf,
    /// Whether it has to be a folder with something in it, not only to be there.
    pub filled: bool,
    /// Whether it must be so (without `!`).
    pub present: bool,
    /// One of those with `|` is enough.
    pub triggering: bool,
}

/// What starting a unit comes to.
#[derive(Debug)]
pub struct Plan {
    /// The unit's full name.
    pub name: String,
    /// When it counts as started.
    pub kind: Kind,
    /// What decides whether it is started at all.
    pub conditions: Vec<Condition>,
    /// The programs; several only for one-shots, one after another.
    pub commands: Vec<CommandLine>,
    /// What the unit decides about the environment; systemd adds what differs from start to start.
    pub environment: BTreeMap<String, String>,
    /// Folders to make, with their modes.
    pub folders: Vec<(PathBuf, u32)>,
    /// Exit statuses beside 0 that are a success.
    pub success: BTreeSet<i32>,
    /// Longest start; `None` for no limit.
    pub start_limit: Option<Duration>,
}

/// What has been assigned so far.
struct Draft<'a> {
    name: &'a UnitName,
    place: &'a Place,
    kind: Kind,
    conditions: Vec<Condition>,
    commands: Vec<Assignment>,
    environment: BTreeMap<String, String>,
    unset: Vec<String>,
    user: Option<String>,
    state: Folders,
    runtime: Folders,
    success: BTreeSet<i32>,
    start_limit: Option<Option<Duration>>,
    watchdog: Option<Duration>,
}

/// Folders of one of systemd's bases.
struct Folders {
    base: &'static str,
    names: Vec<String>,
    mode: u32,
}

impl Folders {
    fn below(base: &'static str) -> Self {
        Self { base, names: Vec::new(), mode: 0o755 }
    }

    fn assign(&mut self, names: Vec<String>) -> Result<()> {
        let usual =
            |name: &String| !name.starts_with('/') && !name.contains([':', '\\']) && !name.contains("..");
        if let Some(name) = names.iter().find(|name| !usual(name)) {
            bail!("{name} is no name of a folder that is understood here");
        }
        collect(&mut self.names, names);
        Ok(())
    }

    fn paths<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = PathBuf> + 'a {
        self.names.iter().map(|name| place.path(&format!("{}/{name}", self.base)))
    }
}

impl Plan {
    /// Works out what a service's unit means.
    ///
    /// Errors: a directive that is neither applied nor left out on purpose, or a value that is not understood, each
    /// with file and line; no program to run.
    pub fn make(unit: &Unit, place: &Place) -> Result<Self> {
        let name = unit.name.full();
        ensure!(unit.name.kind == "service", "{name} is no service");
        ensure!(unit.name.instance.as_deref() != Some(""), "{name} is a template, name an instance");
        let mut draft = Draft::new(&unit.name, place);
        for assignment in &unit.assignments {
            draft.take(assignment).with_context(|| shown(assignment))?;
        }
        draft.finish().with_context(|| format!("planning {name}"))
    }

    /// The plan as lines, for a comparison with a real system: `unit NAME`, of each program `program PATH` and one
    /// `argv WORD` for each word, then `env NAME=VALUE`.
    pub fn lines(&self) -> String {
        let mut text = format!("unit {}\n", self.name);
        for command in &self.commands {
            text += &format!("program {}\n", command.program.display());
            text.extend(command.arguments.iter().map(|word| format!("argv {word}\n")));
        }
        for (name, value) in &self.environment {
            text += &format!("env {name}={value}\n");
        }
        text
    }
}

impl<'a> Draft<'a> {
    fn new(name: &'a UnitName, place: &'a Place) -> Self {
        Self {
            name,
            place,
            kind: Kind::Running,
            conditions: Vec::new(),
            commands: Vec::new(),
            environment: BTreeMap::new(),
            unset: Vec::new(),
            user: None,
            state: Folders::below("/var/lib"),
            runtime: Folders::below("/run"),
            success: BTreeSet::new(),
            start_limit: None,
            watchdog: None,
        }
    }

    fn take(&mut self, assignment: &Assignment) -> Result<()> {
        let value = assignment.value.as_str();
        match (assignment.section.as_str(), assignment.key.as_str()) {
            ("Unit", "ConditionPathExists") => self.condition(value, false)?,
            ("Unit", "ConditionDirectoryNotEmpty") => self.condition(value, true)?,
            ("Service", "Type") => self.kind = kind(value)?,
            ("Service", "ExecStart") if value.is_empty() => self.commands.clear(),
            ("Service", "ExecStart") => self.commands.push(assignment.clone()),
            ("Service", "Environment") if value.is_empty() => self.environment.clear(),
            ("Service", "Environment") => self.variables(value)?,
            ("Service", "UnsetEnvironment") => {
                let words = self.words(value)?;
                collect(&mut self.unset, words);
            }
            ("Service", "User") => self.user = Some(value.to_owned()).filter(|user| !user.is_empty()),
            ("Service", "StateDirectory") => self.state.assign(self.words(value)?)?,
            ("Service", "StateDirectoryMode") => self.state.mode = values::mode(value)?,
            ("Service", "RuntimeDirectory") => self.runtime.assign(self.words(value)?)?,
            ("Service", "RuntimeDirectoryMode") => self.runtime.mode = values::mode(value)?,
            ("Service", "SuccessExitStatus") if value.is_empty() => self.success.clear(),
            ("Service", "SuccessExitStatus") => self.success.extend(values::statuses(value)?),
            // Nothing and zero both stand for no limit.
            ("Service", "TimeoutStartSec") => {
                self.start_limit = Some(values::time_span(value)?.filter(|span| !span.is_zero()));
            }
            ("Service", "WatchdogSec") => {
                self.watchdog = values::time_span(value)?.filter(|span| !span.is_zero())
            }
            (section, key) => {
                ensure!(
                    directives::left_out(section, key),
                    "[{section}] {key} is neither applied nor left out on purpose"
                );
            }
        }
        Ok(())
    }

    fn words(&self, value: &str) -> Result<Vec<String>> {
        let words = words::split(value)?;
        words.iter().map(|word| specifiers::expand(word, self.name, &self.place.0)).collect()
    }

    fn condition(&mut self, value: &str, filled: bool) -> Result<()> {
        if value.is_empty() {
            self.conditions.clear();
            return Ok(());
        }
        let (triggering, rest) = without(value, "|");
        let (absent, path) = without(rest, "!");
        // Specifiers that are folders bring the root with them; what is written out does not.
        let path = specifiers::expand(path, self.name, "")?;
        ensure!(path.starts_with('/'), "{path} is no absolute path");
        let path = self.place.path(&path);
        self.conditions.push(Condition {
            text: value.to_owned(),
            path,
            filled,
            present: !absent,
            triggering,
        });
        Ok(())
    }

    fn variables(&mut self, value: &str) -> Result<()> {
        for word in self.words(value)? {
            let (name, value) = word.split_once('=').with_context(|| format!("{word} assigns nothing"))?;
            let usual = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let good = name.chars().all(usual) && !name.starts_with(|c: char| c.is_ascii_digit());
            ensure!(good && !name.is_empty(), "{name} is no name of a variable");
            self.environment.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }

    fn finish(self) -> Result<Plan> {
        ensure!(!self.commands.is_empty(), "there is nothing to start");
        let environment = self.final_environment()?;
        let mut commands = Vec::new();
        for assignment in &self.commands {
            let lines = self.command_lines(&assignment.value, &environment);
            commands.extend(lines.with_context(|| shown(assignment))?);
        }
        ensure!(commands.len() == 1 || self.kind == Kind::OneShot, "only a one-shot starts several programs");
        let folders = [&self.state, &self.runtime].into_iter();
        let folders = folders.flat_map(|kind| kind.paths(self.place).map(|path| (path, kind.mode))).collect();
        let usual = (self.kind != Kind::OneShot).then_some(USUAL_START);
        Ok(Plan {
            name: self.name.full(),
            kind: self.kind,
            conditions: self.conditions,
            commands,
            environment,
            folders,
            success: self.success,
            start_limit: self.start_limit.unwrap_or(usual),
        })
    }

    /// What systemd gives, then what the unit sets, less what it unsets.
    fn final_environment(&self) -> Result<BTreeMap<String, String>> {
        let mut environment = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
        let mut give = |name: &str, value: String| environment.insert(name.to_owned(), value);
        if let Some(user) = &self.user {
            give("USER", user.clone());
            give("LOGNAME", user.clone());
        }
        if let Some(watchdog) = self.watchdog {
            give("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        for (name, folders) in [("STATE_DIRECTORY", &self.state), ("RUNTIME_DIRECTORY", &self.runtime)] {
            let paths: Vec<String> =
                folders.paths(self.place).map(|path| path.display().to_string()).collect();
            if !paths.is_empty() {
                give(name, paths.join(":"));
            }
        }
        environment.extend(self.environment.clone());
        for unset in &self.unset {
            match unset.split_once('=') {
                Some((name, value)) if environment.get(name).is_some_and(|found| found == value) => {
                    environment.remove(name);
                }
                Some(_) => {}
                None => {
                    environment.remove(unset);
                }
            }
        }
        Ok(environment)
    }

    /// The programs of one `ExecStart=`; a `;` of its own separates them.
    fn command_lines(&self, text: &str, environment: &BTreeMap<String, String>) -> Result<Vec<CommandLine>> {
        let mut commands = Vec::new();
        // The path is looked at below the root, the arguments are handed over as the system would see them.
        let words = words::split(text)?;
        for words in words.split(|word| word == ";").filter(|words| !words.is_empty()) {
            commands.push(self.command_line(words, environment)?);
        }
        Ok(commands)
    }

    fn command_line(&self, words: &[String], environment: &BTreeMap<String, String>) -> Result<CommandLine> {
        let (first, rest) = words.split_first().context("there is no program")?;
        let path = first.trim_start_matches(['-', '@', ':', '+', '!']);
        let prefixes = first.strip_suffix(path).unwrap_or_default();
        let path = specifiers::expand(path, self.name, "")?;
        ensure!(path.starts_with('/'), "{path} is no absolute path");
        let mut arguments = Vec::new();
        for word in rest {
            arguments.push(specifiers::expand(word, self.name, &self.place.0)?);
        }
        if prefixes.contains('@') {
            ensure!(!arguments.is_empty(), "@ wants a name for the program");
        } else {
            arguments.insert(0, path.clone());
        }
        if !prefixes.contains(':') {
            arguments = words::expand(&arguments, environment)?;
        }
        Ok(CommandLine { program: self.place.path(&path), arguments, may_fail: prefixes.contains('-') })
    }
}

/// An assignment and where it stands, for errors.
fn shown(assignment: &Assignment) -> String {
    format!("{}: {}={}", assignment.spot, assignment.key, assignment.value)
}

/// Adds to a list; nothing empties it.
fn collect(list: &mut Vec<String>, more: Vec<String>) {
    if more.is_empty() {
        list.clear();
    }
    list.extend(more);
}

fn without<'a>(text: &'a str, prefix: &str) -> (bool, &'a str) {
    text.strip_prefix(prefix).map_or((false, text), |rest| (true, rest.trim_start()))
}

fn kind(value: &str) -> Result<Kind> {
    Ok(match value {
        "simple" | "exec" => Kind::Running,
        "notify" => Kind::Notifying,
        "oneshot" => Kind::OneShot,
        _ => bail!("services of this type are not started here"),
    })
}
