use crate::{Ledger, Limits, ledger_text};
use service_runtime::durable;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Where a ledger is kept; without a file it is forgotten at the end.
#[derive(Debug)]
pub struct StateFile {
    path: Option<PathBuf>,
    /// What is known to be in it.
    written: Option<String>,
}

impl StateFile {
    /// The file `events` of the folder that systemd assigned.
    pub fn in_folder(folder: Option<PathBuf>) -> Self {
        Self { path: folder.map(|folder| folder.join("events")), written: None }
    }

    /// What is kept. A file that cannot be read is none: its events are told once more.
    pub fn load(&mut self, limits: Limits) -> Ledger {
        let text = match self.path.as_deref().map(read) {
            None => None,
            Some(Ok(text)) => Some(text),
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Some(Err(error)) => {
                log::warn!("events that were told before may be told again: cannot read them: {error}");
                None
            }
        };
        let ledger = Ledger::parse(text.as_deref().unwrap_or_default(), limits);
        self.written = text;
        ledger
    }

    /// Keeps a ledger, over a loss of power too; what is kept already is not written.
    pub fn save(&mut self, ledger: &Ledger) {
        let text = ledger.to_text();
        let Some(path) = &self.path else { return };
        if self.written.as_ref() == Some(&text) {
            return;
        }
        match durable::replace(path, &text) {
            Ok(()) => self.written = Some(text),
            Err(error) => {
                // It is tried again with the next change.
                self.written = None;
                log::warn!("after a restart events may be told again: cannot remember them: {error}");
            }
        }
    }
}

/// At most as much as a ledger can be; what a flash chip has made of the bytes is dealt with line by line.
fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(ledger_text::LONGEST).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use dbus_api::logging::Severity;
    use std::fs;

    fn open(folder: &Path) -> (StateFile, Ledger) {
        let mut file = StateFile::in_folder(Some(folder.to_owned()));
        let ledger = file.load(Limits::default());
        (file, ledger)
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart_and_damage_costs_one_event() {
        let folder = tempfile::tempdir().unwrap();
        let current = || ["a", "b"].map(|subject| Event::new(subject, "x", "a.Id", Severity::Error));
        let (mut file, mut ledger) = open(folder.path());
        ledger.update(current());
        while ledger.take_next().is_some() {
            ledger.sent();
            ledger.answered();
        }
        file.save(&ledger);
        assert!(open(folder.path()).1.update(current()).raised.is_empty());
        let path = folder.path().join("events");
        let mut bytes = fs::read(&path).unwrap();
        let position = bytes.windows(3).position(|window| window == b"a x").unwrap();
        bytes[position] = 0xff;
        fs::write(&path, bytes).unwrap();
        let raised = open(folder.path()).1.update(current()).raised;
        assert_eq!(raised.len(), 1);
        assert_eq!(raised[0].subject, "a");
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
