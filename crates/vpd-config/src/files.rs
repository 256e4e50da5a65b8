//! The source: which files there are, and where in them a key is.

use crate::Problem;
use service_config::SourceFile;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use system_index::SystemName;
use toml::de::{DeTable, DeValue};

/// The files of a source folder, each list in the order in which it is merged.
#[derive(Debug)]
pub(crate) struct Sources {
    /// The layer of all systems.
    pub(crate) common: Vec<SourceFile>,
    /// The systems, by name.
    pub(crate) systems: Vec<(SystemName, Vec<SourceFile>)>,
}

impl Sources {
    /// Reads the image's folder, and the site's laid over it, file by file: one of the same name in the same place
    /// replaces the image's, an empty one or a link to `/dev/null` removes it.
    pub(crate) fn load(image: &Path, site: Option<&Path>) -> Result<Self, Problem> {
        for folder in site.into_iter().chain([image]) {
            if !folder.join(COMMON).is_dir() && !folder.join(SYSTEMS).is_dir() {
                let source = io::Error::new(io::ErrorKind::NotFound, "it holds neither vpd.d nor systems");
                return Err(Problem::Unreadable { path: folder.to_owned(), source });
            }
        }
        let folders: Vec<&Path> = [image].into_iter().chain(site).collect();
        Ok(Self { common: toml_files(&folders, Path::new(COMMON))?, systems: systems(&folders)? })
    }
}

impl Sources {
    /// Reads a folder as [`Self::load`] does, as if a file of one system had the text that is given; a folder that is not there
    /// has that file alone.
    pub(crate) fn with(folder: &Path, system: &SystemName, file: SourceFile) -> Result<Self, Problem> {
        let mut sources =
            Self { common: toml_files(&[folder], Path::new(COMMON))?, systems: systems(&[folder])? };
        let index = match sources.systems.iter().position(|(name, _)| name == system) {
            Some(index) => index,
            None => {
                sources.systems.push((system.clone(), Vec::new()));
                sources.systems.sort_by(|(a, _), (b, _)| a.cmp(b));
                sources.systems.iter().position(|(name, _)| name == system).unwrap_or_default()
            }
        };
        if let Some((_, files)) = sources.systems.get_mut(index) {
            files.retain(|other| other.path != file.path);
            files.push(file);
            files.sort_by(|a, b| a.path.cmp(&b.path));
        }
        Ok(sources)
    }
}

const COMMON: &str = "vpd.d";
const SYSTEMS: &str = "systems";

fn systems(folders: &[&Path]) -> Result<Vec<(SystemName, Vec<SourceFile>)>, Problem> {
    let mut names = BTreeMap::new();
    for folder in folders {
        for path in list(&folder.join(SYSTEMS))?.into_iter().filter(|path| path.is_dir()) {
            names.insert(path.file_name().unwrap_or_default().to_owned(), path);
        }
    }
    let mut systems = Vec::new();
    for (name, path) in names {
        let wrong = |message| Problem::Wrong { place: path.display().to_string(), message };
        let text = name.to_string_lossy();
        let system: SystemName =
            text.parse().map_err(|error: system_index::IdentityError| wrong(error.to_string()))?;
        if system == SystemName::common() {
            return Err(wrong(format!("{system} is the name of what all systems have in common")));
        }
        let place = Path::new(SYSTEMS).join(&name);
        let files = toml_files(folders, &place)?;
        // The site may take a system away by taking all its files away.
        let was_removed = files.is_empty() && folders.len() > 1;
        if !was_removed {
            systems.push((system, files));
        }
    }
    Ok(systems)
}

/// The files of one place in all folders.
fn toml_files(folders: &[&Path], place: &Path) -> Result<Vec<SourceFile>, Problem> {
    let mut layers = Layers::default();
    for folder in folders {
        layers.add_folder(&folder.join(place))?;
    }
    layers.read()
}

/// Folders laid over each other: a file replaces one of the same name in an earlier folder.
#[derive(Debug, Default)]
pub(crate) struct Layers(BTreeMap<OsString, Layer>);

#[derive(Debug)]
enum Layer {
    File(PathBuf),
    Text(SourceFile),
}

impl Layers {
    /// Lays the TOML files of a folder over what is there; a folder that does not exist holds none.
    pub(crate) fn add_folder(&mut self, folder: &Path) -> Result<(), Problem> {
        for path in list(folder)? {
            if let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|end| end == "toml"))
            {
                self.0.insert(name.to_owned(), Layer::File(path));
            }
        }
        Ok(())
    }

    /// Lays a text over what is there, as if a file of that name had it.
    pub(crate) fn add_text(&mut self, name: &str, path: PathBuf, text: &str) {
        self.0.insert(name.into(), Layer::Text(SourceFile { path, text: text.to_owned() }));
    }

    /// The files in the order in which they are merged, without those that an empty one or a link to `/dev/null` removes.
    pub(crate) fn read(self) -> Result<Vec<SourceFile>, Problem> {
        let files = self.0.into_values().filter_map(|layer| match layer {
            Layer::File(path) => read(path).transpose(),
            Layer::Text(file) => Some(Ok(file)),
        });
        files.collect()
    }
}

/// A file's text; `None` for one that is empty, or stands for a removed one.
fn read(path: PathBuf) -> Result<Option<SourceFile>, Problem> {
    let unreadable = |source| Problem::Unreadable { path: path.clone(), source };
    if fs::read_link(&path).is_ok_and(|target| target == Path::new("/dev/null")) {
        return Ok(None);
    }
    // Looked at before it is opened: opening a FIFO would wait for whoever writes to it.
    if !fs::metadata(&path).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
    }
    let text = fs::read_to_string(&path).map_err(unreadable)?;
    Ok((!text.is_empty()).then_some(SourceFile { path, text }))
}

/// What a folder holds, sorted; one that does not exist holds nothing.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let unreadable = |source| Problem::Unreadable { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// A problem at the last place that sets one of these keys, the first of them that is set at all.
pub(crate) fn wrong_at(files: &[SourceFile], keys: &[&[&str]], message: impl Into<String>) -> Problem {
    Places::of(files).wrong_at(keys, message)
}

/// Where in files keys are; they are parsed when the first is asked for, and only then.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    files: &'a [SourceFile],
    tables: OnceCell<Vec<Option<DeTable<'a>>>>,
}

impl<'a> Places<'a> {
    /// Files in rising order of precedence.
    pub(crate) fn of(files: &'a [SourceFile]) -> Self {
        Self { files, tables: OnceCell::new() }
    }

    /// A problem at a place that [`Self::find`] finds.
    pub(crate) fn wrong_at(&self, keys: &[&[&str]], message: impl Into<String>) -> Problem {
        Problem::Wrong { place: self.find(keys), message: message.into() }
    }

    /// The last place that sets one of these keys, the first of them that is set at all: file and line.
    pub(crate) fn find(&self, keys: &[&[&str]]) -> String {
        let parse = |file: &'a SourceFile| Some(DeTable::parse(&file.text).ok()?.into_inner());
        let tables = self.tables.get_or_init(|| self.files.iter().map(parse).collect());
        let place = keys.iter().find_map(|key| {
            self.files.iter().zip(tables).rev().find_map(|(file, table)| {
                let start = start_of(table.as_ref()?, key)?;
                let line = file.text.get(..start)?.matches('\n').count() + 1;
                Some(format!("{}:{line}", file.path.display()))
            })
        });
        let any = || self.files.last().map(|file| file.path.display().to_string()).unwrap_or_default();
        place.unwrap_or_else(any)
    }
}

/// Where a key begins, found by way of the tables and lists that hold it; of a list a key is an item's number.
fn start_of(table: &DeTable<'_>, key: &[&str]) -> Option<usize> {
    let (first, rest) = key.split_first()?;
    let (mut found, mut value) = entry(table, first)?;
    for name in rest {
        (found, value) = match value {
            DeValue::Table(table) => entry(table, name)?,
            DeValue::Array(items) => {
                let item = items.get(name.parse::<usize>().ok()?)?;
                (item.span(), item.get_ref())
            }
            _ => return None,
        };
    }
    Some(found.start)
}

/// Where a key of a table is, and its value.
fn entry<'a, 'b>(table: &'b DeTable<'a>, name: &str) -> Option<(Range<usize>, &'b DeValue<'a>)> {
    let (key, value) = table.iter().find(|(found, _)| found.get_ref() == name)?;
    Some((key.span(), value.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_line() {
        let text = "lanes = 4\n\n[fru.\"10-0050\"]\nformat = \"ipz\"\n[[fru.\"10-0050\".object]]\npath = \"/x\"\n\
                    [common.\"a.B\"]\nC = 1\n";
        for (key, line) in [
            (&["lanes"][..], Some(1)),
            (&["fru", "10-0050"], Some(3)),
            (&["fru", "10-0050", "object"], Some(5)),
            (&["common", "a.B", "C"], Some(8)),
            (&["fru", "10-0051"], None),
            (&["lanes", "x"], None),
            (&["fru", "10-0050", "object", "0", "path"], Some(6)),
            (&["fru", "10-0050", "object", "1", "path"], None),
            (&["fru", "10-0050", "object", "path"], None),
        ] {
            let files = [SourceFile { path: "a".into(), text: text.to_owned() }];
            let place = line.map_or("a".to_owned(), |line| format!("a:{line}"));
            assert_eq!(Places::of(&files).find(&[key]), place, "{key:?}");
        }
    }

    #[test]
    fn the_last_file_that_sets_a_key_is_named() {
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.to_owned() };
        let files = [file("a", "x = 1"), file("b", "\nx = 1"), file("c", "y = 1")];
        assert_eq!(wrong_at(&files, &[&["z"], &["x"]], "no").to_string(), "b:2: no");
        assert_eq!(wrong_at(&files, &[&["z"]], "no").to_string(), "c: no");
    }
}
