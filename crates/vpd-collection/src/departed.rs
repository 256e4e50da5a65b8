//! Objects that the machine had and has no more: another system was chosen, or its description has changed.

use service_runtime::durable;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The key under which what departed is dealt with; no EEPROM can have it.
pub const KEY: &str = "departed";

/// The objects that this service has had a hand in, kept over power-off.
#[derive(Debug)]
pub struct Objects {
    file: Option<PathBuf>,
    current: BTreeSet<String>,
    /// What was published once and belongs to nothing of this system.
    pub departed: BTreeSet<String>,
}

impl Objects {
    /// Compares what is kept in systemd's state folder with what the system has now. When nobody knows what system this
    /// is, nothing has departed.
    pub fn load(folder: Option<PathBuf>, current: BTreeSet<String>, is_known: bool) -> Self {
        let file = folder.map(|folder| folder.join("objects"));
        let text = file.as_ref().and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        let known: BTreeSet<String> =
            text.lines().filter(|line| is_object_path(line)).map(str::to_owned).collect();
        let departed = known.difference(&current).filter(|_| is_known).cloned().collect();
        let objects = Self { file, current, departed };
        // Nothing is published before it is remembered.
        if !objects.current.is_subset(&known) {
            objects.keep(objects.current.union(&known));
        }
        objects
    }

    /// What departed has been dealt with.
    pub fn settle(&mut self) {
        if !std::mem::take(&mut self.departed).is_empty() {
            self.keep(&self.current);
        }
    }

    fn keep<'a>(&self, objects: impl IntoIterator<Item = &'a String>) {
        let text: String = objects.into_iter().map(|path| format!("{path}\n")).collect();
        let written = self.file.as_deref().map_or(Ok(()), |file| durable::replace(file, &text));
        if let Err(error) = written {
            log::warn!(
                "objects of an earlier system may stay in the inventory: cannot remember them: {error}"
            );
        }
    }
}

/// One line that a failing flash chip has changed must not keep the others from being dealt with, boot after boot.
fn is_object_path(line: &str) -> bool {
    let object = format!("{}{line}", dbus_api::inventory::ROOT);
    line.len() > 1 && line.starts_with('/') && zbus::ObjectPath::try_from(object).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> BTreeSet<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn what_another_system_had_is_known_until_it_is_dealt_with() {
        let folder = tempfile::tempdir().unwrap();
        let load = |paths| Objects::load(Some(folder.path().to_owned()), set(paths), true);
        assert_eq!(load(&["/a", "/b"]).departed, set(&[]));
        assert_eq!(load(&["/b", "/c"]).departed, set(&["/a"]));
        // Not dealt with: it is still known, and so is what is new.
        let mut objects = load(&["/b"]);
        assert_eq!(objects.departed, set(&["/a", "/c"]));
        objects.settle();
        assert_eq!(load(&["/b"]).departed, set(&[]));
    }

    #[test]
    fn nothing_departs_while_nobody_knows_what_system_this_is() {
        let folder = tempfile::tempdir().unwrap();
        let load = |paths, is_known| Objects::load(Some(folder.path().to_owned()), set(paths), is_known);
        assert_eq!(load(&["/a", "/b"], true).departed, set(&[]));
        let mut objects = load(&["/c"], false);
        assert_eq!(objects.departed, set(&[]));
        objects.settle();
        assert_eq!(load(&["/a"], true).departed, set(&["/b", "/c"]));
    }

    #[test]
    fn what_is_no_path_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("objects"), "/a\n\n/b c\nd\n/\n/e/\n\0\n/f\n").unwrap();
        let objects = Objects::load(Some(folder.path().to_owned()), set(&[]), true);
        assert_eq!(objects.departed, set(&["/a", "/f"]));
    }

    #[test]
    fn without_a_folder_nothing_departs() {
        assert_eq!(Objects::load(None, set(&["/a"]), true).departed, set(&[]));
    }
}
