//! Units found below a root folder: the file itself, then its drop-ins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::name::UnitName;
use super::syntax::{self, Assignment};

/// Where units lie; what is earlier wins.
const FOLDERS: [&str; 3] = ["etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system"];

/// What masks a file.
const NOTHING: &str = "/dev/null";

/// Longest chain of links.
const LINKS: usize = 16;

/// A unit with everything that its files assign, in the order in which it counts.
#[derive(Debug)]
pub struct Unit {
    /// Its own name, also when it was asked for by another.
    pub name: UnitName,
    /// All assignments.
    pub assignments: Vec<Assignment>,
}

impl Unit {
    /// Finds a unit, by its name or by a link to it, below the folder that stands for `/`.
    ///
    /// Errors: it is not there or masked; a file cannot be read or is no unit file, with its name and line.
    pub fn load(root: &Path, name: &str) -> Result<Self> {
        let asked = UnitName::parse(name)?;
        let file = find(root, &asked)?.with_context(|| format!("there is no unit {name}"))?;
        let Some(file) = file else { bail!("{name} is masked") };
        let mut assignments = read(root, &file)?;
        let name = own_name(&file, &asked)?;
        for drop_in in drop_ins(root, &name)? {
            assignments.extend(read(root, &drop_in)?);
        }
        Ok(Self { name, assignments })
    }
}

/// The unit's file, or its template's; the inner `None` is a mask.
fn find(root: &Path, name: &UnitName) -> Result<Option<Option<PathBuf>>> {
    for name in [Some(name.clone()), name.template()].into_iter().flatten() {
        for folder in FOLDERS {
            let path = root.join(folder).join(name.full());
            if path.symlink_metadata().is_ok() {
                return follow(root, path).map(Some);
            }
        }
    }
    Ok(None)
}

/// Follows links as they lead below the root; `None` where they lead to nothing on purpose.
fn follow(root: &Path, path: PathBuf) -> Result<Option<PathBuf>> {
    let mut path = path;
    for _ in 0..LINKS {
        let about = path.symlink_metadata().with_context(|| format!("finding {}", shown(root, &path)))?;
        if !about.is_symlink() {
            return Ok(Some(path));
        }
        let target = fs::read_link(&path)?;
        if target == Path::new(NOTHING) {
            return Ok(None);
        }
        path = match target.strip_prefix("/") {
            Ok(below) => root.join(below),
            Err(_) => plain(&path.parent().unwrap_or(root).join(target)),
        };
    }
    bail!("too many links lead to {}", shown(root, &path))
}

/// Takes `..` out of a path whose folders are no links.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// A link's target names the unit; a template gets the instance that was asked for.
fn own_name(file: &Path, asked: &UnitName) -> Result<UnitName> {
    let name = file.file_name().and_then(|name| name.to_str()).context("a unit's name is text")?;
    let name = UnitName::parse(name)?;
    let instance =
        if name.instance.as_deref() == Some("") { asked.instance.clone() } else { name.instance.clone() };
    Ok(UnitName { instance, ..name })
}

/// The drop-ins in the order of their names; of several with one name the first found hides the others.
fn drop_ins(root: &Path, name: &UnitName) -> Result<Vec<PathBuf>> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in FOLDERS {
        for name in names_of_drop_ins(name) {
            for (file, path) in files(&root.join(folder).join(format!("{name}.d")))? {
                found.entry(file).or_insert(path);
            }
        }
    }
    let followed = found.into_values().map(|path| follow(root, path));
    followed.filter_map(Result::transpose).collect()
}

/// The names whose drop-ins apply, what hides before what is hidden.
fn names_of_drop_ins(name: &UnitName) -> Vec<String> {
    let mut names = names_from(name);
    names.push(name.kind.clone());
    names
}

/// A name and the shorter ones below it: its template and what that leads to, then its own prefixes.
fn names_from(name: &UnitName) -> Vec<String> {
    let mut names = vec![name.full()];
    let template = name.template();
    names.extend(template.iter().flat_map(names_from));
    // A prefix loses its last part and keeps the dash before; an instance stays, a template's `@` goes.
    let shorter = name.prefix.trim_end_matches('-').rsplit_once('-');
    if let Some((shorter, _)) = shorter.filter(|(shorter, _)| !shorter.is_empty()) {
        let instance = name.instance.clone().filter(|_| template.is_some());
        let prefix = format!("{shorter}-");
        names.extend(names_from(&UnitName { prefix, instance, kind: name.kind.clone() }));
    }
    names
}

/// The `.conf` files of a folder that may not be there.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".conf") && !name.starts_with('.') {
            files.push((name, entry.path()));
        }
    }
    Ok(files)
}

fn read(root: &Path, path: &Path) -> Result<Vec<Assignment>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    syntax::parse(&text, &shown(root, path))
}

/// A path as the system names it.
fn shown(root: &Path, path: &Path) -> String {
    Path::new("/").join(path.strip_prefix(root).unwrap_or(path)).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_ins_are_looked_for_from_the_particular_to_the_general() {
        let name = UnitName::parse("a-b@x.service").unwrap();
        assert_eq!(
            names_of_drop_ins(&name),
            ["a-b@x.service", "a-b@.service", "a-.service", "a-@x.service", "a-@.service", "service",]
        );
        let longer = UnitName::parse("a-b-c.service").unwrap();
        assert_eq!(names_of_drop_ins(&longer), ["a-b-c.service", "a-b-.service", "a-.service", "service"]);
        assert_eq!(names_of_drop_ins(&UnitName::parse("a.slice").unwrap()), ["a.slice", "slice"]);
    }
}
