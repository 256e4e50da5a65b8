//! From the JSON of openpower-vpd-parser to a system of ours.

mod backup;
mod command;
mod eeprom;
mod fields;
mod fru;
mod interfaces;
mod json;
mod matching;
mod mux;
mod node;
mod object;
mod slot;
mod step;
mod text;
mod trial;
mod upstream;
mod words;

use crate::hosted::Hosted;
use crate::{Problem, Source, install};
use matching::Matching;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use system_index::{Levels, SystemName, SystemType};
use upstream::{BackupFile, System};

/// First line of what is written; a file that begins otherwise belongs to somebody.
const MARKER: &str =
    "# Imported by vpd-config. Importing again replaces this file, unless this line is gone.\n";

/// The largest file that is read, bytes: some sixteen times the largest that is known.
const LARGEST: u64 = 4 << 20;

/// What to import, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The JSON.
    pub upstream: PathBuf,
    /// The folder of sources to write to.
    pub output: PathBuf,
    /// Its file of backups; that which the JSON names, if it stands beside it, when not said.
    pub backup: Option<PathBuf>,
    /// Folders like `inventory-schema.d`, laid over the shipped one and the folder's own in this order.
    pub schema: Vec<PathBuf>,
    /// The system's name; the file's without its ending when not said.
    pub system: Option<SystemName>,
    /// The types that the system answers to; told from the file's name when none is said.
    pub types: Vec<SystemType>,
    /// The hardware levels that it answers to; `Any` leaves it to the file's name.
    pub levels: Levels,
}

/// What an import came to. Shown, it is a line for the file, one of counts, and the list of what was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// What was written, relative to the folder of sources.
    pub path: PathBuf,
    /// EEPROMs.
    pub eeproms: usize,
    /// Inventory objects.
    pub objects: usize,
    /// Steps of slots and at the start.
    pub actions: usize,
    /// Objects with a location code.
    pub location_codes: usize,
    /// Objects that are not created before their EEPROM is read.
    pub priming_exceptions: usize,
    /// What was not carried over: name, place in the JSON, and why.
    pub not_carried_over: Vec<String>,
    /// What was carried over and the inventory drops without a word: interface or property, and of which objects.
    pub not_shown: Vec<String>,
    /// What was carried over and the compiler warns of for another reason, such as a property of whose type
    /// phosphor-inventory-manager takes no value.
    pub warned: Vec<String>,
    /// Why the folder that was written to cannot be compiled as it is now; the file was written all the same, to be edited.
    pub refused: Vec<String>,
}

impl Import {
    /// Reads the JSON and writes the system's file.
    ///
    /// Errors: any [`Problem`] but [`Problem::Layer`]; nothing was written then.
    pub fn run(&self) -> Result<ImportReport, Problem> {
        let name = self.upstream.file_name().unwrap_or_default().to_string_lossy();
        let stem = self.upstream.file_stem().unwrap_or_default().to_string_lossy();
        let system = self.system(&stem)?;
        let matching = Matching::new(&stem, &self.types, &self.levels).ok_or_else(|| {
            let file = words::quoted(&words::shortened(&name));
            Problem::Usage(format!("no system type is known for a file {file}; say it with --im HEX8"))
        })?;
        let source = Source { image: &self.output, site: None, schema: &self.schema };
        let hosted = Hosted::load(&source)?;
        let imported = System::read(&read(&self.upstream)?, &name, &hosted, |name| self.backup(name))?;
        let path = Path::new("systems").join(system.as_str()).join(format!("10-{system}.toml"));
        let mut report = ImportReport::new(path, &imported);
        let body = text::text(&imported, &matching);
        let verdict = trial::compile(&self.output, &system, &report.path, &body, &hosted);
        (report.not_shown, report.warned) = (verdict.not_shown, verdict.warned);
        report.refused = verdict.refused;
        let text = format!("{}\n{body}", report.header(&name));
        install::replace(&self.output.join(&report.path), &text, MARKER)?;
        Ok(report)
    }

    fn system(&self, stem: &str) -> Result<SystemName, Problem> {
        let name = match &self.system {
            Some(name) => name.clone(),
            None => stem
                .parse()
                .map_err(|error| Problem::Usage(format!("{error}; say one with --system NAME")))?,
        };
        if name == SystemName::common() {
            return Err(Problem::Usage(format!("{name} is the name of what all systems have in common")));
        }
        Ok(name)
    }

    /// The file of backups; `None` if it is not said, and there is none of its name beside the JSON.
    fn backup(&self, name: &str) -> Result<Option<BackupFile>, Problem> {
        let beside = self.upstream.with_file_name(name);
        let is_plain = !name.is_empty() && beside.file_name().is_some_and(|last| last == name);
        let path = match &self.backup {
            Some(path) => path.clone(),
            None if is_plain && beside.exists() => beside,
            None => return Ok(None),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let content = match read(&path) {
            // Without the folder, which is to get into no file.
            Err(Problem::Wrong { message, .. }) => Err(Problem::Wrong { place: name.clone(), message }),
            Err(unreadable) => return Err(unreadable),
            read => read,
        };
        Ok(Some(BackupFile { name, content }))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let unreadable = |source| Problem::Unreadable { path: path.to_owned(), source };
    // Looked at before it is opened: opening a FIFO would wait for its writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST) {
        return Ok(bytes);
    }
    let message = format!("it is larger than {LARGEST} bytes, so it is no description of a system");
    Err(Problem::Wrong { place: path.display().to_string(), message })
}

impl ImportReport {
    fn new(path: PathBuf, system: &System) -> Self {
        let objects = || system.frus.iter().flat_map(|fru| &fru.objects);
        let steps = system.frus.iter().flat_map(|fru| fru.slot.phases()).map(|(_, steps)| steps.len());
        Self {
            path,
            eeproms: system.frus.len(),
            objects: objects().count(),
            actions: steps.sum::<usize>() + system.muxes.start.len(),
            location_codes: objects().filter(|object| object.interfaces.location.is_some()).count(),
            priming_exceptions: objects().filter(|object| !object.prime).count(),
            not_carried_over: system.losses.clone(),
            not_shown: Vec::new(),
            warned: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn counts(&self) -> String {
        format!(
            "{} EEPROMs, {} objects, {} actions, {} location codes, {} priming exceptions",
            self.eeproms, self.objects, self.actions, self.location_codes, self.priming_exceptions
        )
    }

    fn header(&self, name: &str) -> String {
        let name = words::quoted(&words::shortened(name));
        let mut text = format!("{MARKER}# From {name} of openpower-vpd-parser: {}.\n", self.counts());
        for (heading, lines) in self.lists() {
            text += &format!("#\n# {heading}:\n");
            lines.iter().for_each(|line| text += &format!("# - {line}\n"));
        }
        text
    }

    /// What people have to look at, each list under its heading.
    fn lists(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let lists = [
            ("Not carried over", &self.not_carried_over),
            ("Carried over, and not shown by the inventory", &self.not_shown),
            ("Carried over, and warned of by `vpd-config check`", &self.warned),
            ("Refused by `vpd-config check` until it is edited", &self.refused),
        ];
        lists
            .into_iter()
            .map(|(heading, lines)| (heading, lines.as_slice()))
            .filter(|(_, lines)| !lines.is_empty())
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\n{}", self.path.display(), self.counts())?;
        if self.lists().next().is_none() {
            return formatter.write_str("\neverything is carried over");
        }
        for (heading, lines) in self.lists() {
            write!(formatter, "\n{heading} ({}):", lines.len())?;
            lines.iter().try_for_each(|line| write!(formatter, "\n- {line}"))?;
        }
        Ok(())
    }
}
