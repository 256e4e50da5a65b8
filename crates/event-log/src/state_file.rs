use crate::{Kept, Ledger, Limits};
use durable_state::StateFolder;
use std::path::PathBuf;

/// Its name below the folder.
const NAME: &str = "events";

/// Where a ledger is kept; without a folder it is forgotten at the end.
#[derive(Debug)]
pub struct StateFile {
    folder: Option<StateFolder>,
    /// What is known to be in it.
    written: Option<Kept>,
}

impl StateFile {
    /// The file `events` of the folder that systemd assigned.
    pub fn in_folder(folder: Option<PathBuf>) -> Self {
        Self { folder: folder.map(StateFolder::at), written: None }
    }

    /// What is kept. A file that cannot be believed is none: its events are told once more.
    pub fn load(&mut self, limits: Limits) -> Ledger {
        self.written = match self.folder.as_ref().map(|folder| folder.load(NAME)) {
            None => None,
            Some(Ok(kept)) => kept,
            Some(Err(error)) => {
                log::warn!("events that were told before may be told again: {error}");
                None
            }
        };
        Ledger::of(self.written.clone().unwrap_or_default(), limits)
    }

    /// Keeps a ledger, over a loss of power too; what is kept already is not written.
    pub fn save(&mut self, ledger: &Ledger) {
        let kept = ledger.kept();
        let Some(folder) = &self.folder else { return };
        if self.written.as_ref() == Some(&kept) {
            return;
        }
        match folder.save(NAME, &kept) {
            Ok(()) => self.written = Some(kept),
            Err(error) => {
                // It is tried again with the next change.
                self.written = None;
                log::warn!(
                    "after a restart events may be told again, or never: cannot remember them: {error}"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use dbus_api::logging::Severity;
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    fn open(folder: &Path) -> (StateFile, Ledger) {
        let mut file = StateFile::in_folder(Some(folder.to_owned()));
        let ledger = file.load(Limits::default());
        (file, ledger)
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart_and_of_damage_nothing_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let current = || ["a", "b"].map(|subject| Event::new(subject, "x", "a.Id", Severity::Error));
        let (mut file, mut ledger) = open(folder.path());
        ledger.update(current());
        while ledger.take_next(Duration::ZERO).is_some() {
            ledger.sent();
            ledger.answered();
        }
        file.save(&ledger);
        assert!(open(folder.path()).1.update(current()).raised.is_empty());
        let path = folder.path().join("events");
        let mut bytes = fs::read(&path).unwrap();
        let position = bytes.windows(3).position(|window| window == b"a =").unwrap();
        bytes[position] = b'c';
        fs::write(&path, bytes).unwrap();
        assert_eq!(open(folder.path()).1.update(current()).raised.len(), 2);
        assert!(folder.path().join(".events.damaged").exists());
    }

    #[test]
    fn without_a_folder_or_with_one_that_cannot_be_written_to_things_go_on() {
        let mut file = StateFile::in_folder(None);
        let ledger = file.load(Limits::default());
        file.save(&ledger);
        let folder = tempfile::tempdir().unwrap();
        let (mut file, ledger) = open(&folder.path().join("missing"));
        file.save(&ledger);
    }
}
