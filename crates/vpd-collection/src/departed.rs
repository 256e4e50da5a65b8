//! Objects that the machine had and has no more: another system was chosen, or its description has changed.

use durable_state::{Document, StateFolder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The key under which what departed is dealt with; no EEPROM can have it.
pub const KEY: &str = "departed";

/// The objects that this service has had a hand in, kept over power-off.
#[derive(Debug)]
pub struct Objects {
    folder: Option<StateFolder>,
    current: BTreeSet<String>,
    /// What was published once and belongs to nothing of this system.
    pub departed: BTreeSet<String>,
}

impl Objects {
    /// Compares what is kept in systemd's state folder with what the system has now. When nobody knows what system this
    /// is, nothing has departed.
    pub fn load(folder: Option<PathBuf>, current: BTreeSet<String>, is_known: bool) -> Self {
        let folder = folder.map(StateFolder::at);
        let known = folder.as_ref().map(read).unwrap_or_default();
        let mut departed = BTreeSet::new();
        departed.extend(known.difference(&current).filter(|_| is_known).cloned());
        let objects = Self { folder, current, departed };
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
        let mut kept = Kept { objects: BTreeSet::new() };
        kept.objects.extend(objects.into_iter().cloned());
        let written = self.folder.as_ref().map_or(Ok(()), |folder| folder.save(NAME, &kept));
        if let Err(error) = written {
            log::warn!(
                "objects of an earlier system may stay in the inventory: cannot remember them: {error}"
            );
        }
    }
}

/// Its file below the state folder.
const NAME: &str = "objects";

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Paths of objects below the inventory's root.
    objects: BTreeSet<String>,
}

impl Document for Kept {
    const FORMAT: u32 = 1;
    const LONGEST: u64 = 4 * 1024 * 1024;
}

fn read(folder: &StateFolder) -> BTreeSet<String> {
    match folder.load(NAME) {
        Ok(kept) => {
            let mut objects = kept.map(|Kept { objects }| objects).unwrap_or_default();
            objects.retain(|path| is_object_path(path));
            objects
        }
        Err(error) => {
            log::warn!("objects of an earlier system may stay in the inventory: {error}");
            BTreeSet::new()
        }
    }
}

/// One that no object can have must not keep the others from being dealt with, boot after boot.
fn is_object_path(path: &str) -> bool {
    let object = format!("{}{path}", dbus_api::inventory::ROOT);
    path.len() > 1 && path.starts_with('/') && zbus::ObjectPath::try_from(object).is_ok()
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
        let objects = set(&["/a", "", "/b c", "d", "/", "/e/", "\0", "/f"]);
        StateFolder::at(folder.path()).save(NAME, &Kept { objects }).unwrap();
        let objects = Objects::load(Some(folder.path().to_owned()), set(&[]), true);
        assert_eq!(objects.departed, set(&["/a", "/f"]));
    }

    #[test]
    fn of_a_damaged_file_nothing_is_believed_and_the_next_is_kept_again() {
        let folder = tempfile::tempdir().unwrap();
        let load = |paths| Objects::load(Some(folder.path().to_owned()), set(paths), true);
        load(&["/a", "/b"]);
        let file = folder.path().join(NAME);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("/a", "/x")).unwrap();
        assert_eq!(load(&["/b"]).departed, set(&[]));
        assert_eq!(load(&["/c"]).departed, set(&["/b"]));
    }

    #[test]
    fn without_a_folder_nothing_departs() {
        assert_eq!(Objects::load(None, set(&["/a"]), true).departed, set(&[]));
    }
}
