//! The journals on disk: one file for each EEPROM of which a write is not settled.

use durable_state::{Disk, Document, LoadError, RealDisk, Reserve, StateFolder, Step, is_full};
use fru_publication::EepromKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use vpd_transaction::{Direction, Journal, JournalError};

/// The folder of journals in the service's state, which the parsers' units name too.
pub const FOLDER: &str = "journals";
/// The folder of those whose EEPROM is whole, and whose redundant one cannot be reached. No unit waits for these.
const COPIES: &str = "journals-of-copies";
/// The folder of those that fit no part.
const REJECTED: &str = "rejected";
const JOURNAL: &str = ".journal";
const REJECTED_JOURNAL: &str = ".rejected";
const UNTOLD: &str = ".untold";
/// So many rejected ones stay, the newest.
const REJECTED_KEPT: usize = 16;
/// Room for a journal that is turned while the disk is full, bytes.
const RESERVED: u64 = 64 * 1024;
/// What a line takes in the file besides its text: quotes, comma, line break.
const LINE_OVERHEAD: u64 = 8;
/// A line that names a page that failed.
const FAILED_LINE: u64 = 24;
/// What the file has besides its lines, and a block that is begun.
const FILE_OVERHEAD: u64 = 8 * 1024;

/// A journal's file.
#[derive(Debug, Serialize, Deserialize)]
struct File {
    /// Lines of the journal's text.
    lines: Vec<String>,
}

impl Document for File {
    const FORMAT: u32 = 1;
    // Two chips, each with all of 64 KiB, before and after, in hexadecimal digits.
    const LONGEST: u64 = 2 * 1024 * 1024;
}

/// A rejected journal that the event log has not heard of: recovery before anything else has no bus.
#[derive(Debug, Serialize, Deserialize)]
struct Untold {
    /// Why the part is another one.
    why: String,
}

impl Document for Untold {
    const FORMAT: u32 = 1;
    const LONGEST: u64 = 16 * 1024;
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// The file cannot be read or is not believed.
    #[error(transparent)]
    File(#[from] LoadError),
    /// The text is none of a journal, though its checksum is right.
    #[error("{key}: {source}")]
    Text {
        /// Whose it is.
        key: EepromKey,
        /// What is wrong.
        source: JournalError,
    },
}

/// All journals of the machine.
#[derive(Debug)]
pub struct Journals<D = RealDisk> {
    journals: StateFolder<D>,
    copies: StateFolder<D>,
    rejected: StateFolder<D>,
    disk: D,
    reserve: Mutex<Reserved>,
}

/// Room for journals that are turned while the disk is full.
#[derive(Debug)]
struct Reserved {
    reserve: Reserve,
    /// What each journal wants that is longer than what is always held, bytes.
    long: BTreeMap<EepromKey, u64>,
}

impl<D: Disk + Clone> Journals<D> {
    /// The journals in the service's state folder.
    pub fn at(state: &Path, disk: D) -> Self {
        let reserve = Reserve::at(state.join("reserve"), RESERVED);
        let reserve = Mutex::new(Reserved { reserve, long: BTreeMap::new() });
        let journals = StateFolder::on(state.join(FOLDER), disk.clone());
        let copies = StateFolder::on(state.join(COPIES), disk.clone());
        let rejected = StateFolder::on(state.join(REJECTED), disk.clone());
        Self { journals, copies, rejected, disk, reserve }
    }

    /// Makes the folders if need be.
    ///
    /// Errors: as the kernel says.
    pub fn open(&self) -> io::Result<()> {
        self.journals.open()?;
        self.copies.open()?;
        self.rejected.open()?;
        if let Ok(mut reserved) = self.reserve.lock() {
            let Reserved { reserve, long } = &mut *reserved;
            // Of writes that are not settled yet.
            for key in self.keys()? {
                let length = self.journals.file(&name(&key)).metadata().map_or(0, |found| found.len());
                long.extend((length > RESERVED).then_some((key, length + FILE_OVERHEAD)));
            }
            reserve.grow(long.values().sum());
            reserve.take(&self.disk);
        }
        Ok(())
    }

    /// Removes links to journals that are gone, and moves damaged journals (by which nothing was written) to `rejected`: while the
    /// folder has files, the recovery is run at every boot. Not to be called while another program writes, whose link stands
    /// before its journal does.
    pub fn tidy(&self) {
        let Ok(entries) = std::fs::read_dir(self.journals.path()) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let is_gone = path.is_symlink() && !path.exists();
            let step = match path.file_name() {
                Some(_) if is_gone => Step::RemoveFile(path),
                Some(name) if durable_state::is_damaged(name) => {
                    Step::Rename { to: self.rejected.path().join(name), from: path }
                }
                _ => continue,
            };
            if let Err(error) = self.disk.perform(&step) {
                log::debug!("a journal without use stays, and recovery runs at each boot: {error}");
            }
        }
    }

    /// The EEPROMs that have a journal, sorted; none when there is no folder yet.
    ///
    /// Errors: as the kernel says.
    pub fn keys(&self) -> io::Result<Vec<EepromKey>> {
        let mut keys = Vec::new();
        for folder in self.folders() {
            let names = match folder.names() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                names => names?,
            };
            let is_own = |name: &&String| !folder.file(name).is_symlink();
            let key = |name: &String| EepromKey::parse(name.strip_suffix(JOURNAL)?).ok();
            keys.extend(names.iter().filter(is_own).filter_map(key));
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    fn folders(&self) -> [&StateFolder<D>; 2] {
        [&self.journals, &self.copies]
    }

    /// Whether an EEPROM has a journal, or is part of another one's.
    pub fn has(&self, key: &EepromKey) -> bool {
        self.folders().iter().any(|folder| folder.file(&name(key)).exists())
    }

    /// The EEPROM whose journal has this one's change: itself, but for a backup that is written with what it keeps.
    pub fn owner(&self, key: &EepromKey) -> EepromKey {
        let target = std::fs::read_link(self.journals.file(&name(key))).ok();
        let owner = target.and_then(|target| EepromKey::parse(target.to_str()?.strip_suffix(JOURNAL)?).ok());
        owner.unwrap_or_else(|| key.clone())
    }

    /// The journal of an EEPROM, if there is one. One that is damaged was set aside: it was not durable, so nothing was
    /// written by it.
    ///
    /// Errors: [`Unusable`].
    pub fn load(&self, key: &EepromKey) -> Result<Option<Journal>, Unusable> {
        let file = match self.journals.load::<File>(&name(key))? {
            Some(file) => file,
            None => match self.copies.load::<File>(&name(key))? {
                Some(file) => file,
                None => return Ok(None),
            },
        };
        let journal = Journal::parse(file.lines.iter().map(String::as_str));
        journal.map(Some).map_err(|source| Unusable::Text { key: key.clone(), source })
    }

    /// Keeps a journal, durably, in place of an earlier one.
    ///
    /// Errors: as the kernel says; the earlier one stays then. For a journal that was turned there is room in reserve. One that no
    /// recovery could read is refused: nothing may be written by it.
    pub fn save(&self, key: &EepromKey, journal: &Journal) -> io::Result<()> {
        let file = File { lines: journal.to_text() };
        let read = Journal::parse(file.lines.iter().map(String::as_str)).map_err(io::Error::other)?;
        if read != *journal {
            return Err(io::Error::other("it would not be read as it is"));
        }
        self.make_room(key, &file, journal)?;
        self.link_others(key, journal)?;
        let saved = self.journals.save(&name(key), &file);
        match saved {
            Err(error) if is_full(&error) && journal.direction == Direction::Back => {
                if let Ok(mut reserved) = self.reserve.lock() {
                    reserved.reserve.give_back(&self.disk)?;
                }
                self.journals.save(&name(key), &file)
            }
            saved => saved,
        }
    }

    /// A journal that could not be turned on a full disk would leave a page that failed pending: room for one that is longer than
    /// what is held in reserve is made before anything is written by it.
    fn make_room(&self, key: &EepromKey, file: &File, journal: &Journal) -> io::Result<()> {
        let pages: usize = journal.chips.iter().map(|chip| chip.pages.len()).sum();
        let lines = file.lines.iter().map(|line| line.len() as u64 + LINE_OVERHEAD).sum::<u64>();
        // When it is turned it names the pages that failed.
        let length = lines + pages as u64 * FAILED_LINE + FILE_OVERHEAD;
        if journal.direction == Direction::Back || length <= RESERVED {
            return Ok(());
        }
        let Ok(mut reserved) = self.reserve.lock() else { return Ok(()) };
        let Reserved { reserve, long } = &mut *reserved;
        long.insert(key.clone(), length);
        reserve.grow(long.values().sum());
        reserve.take(&self.disk);
        if reserve.is_whole() {
            return Ok(());
        }
        long.remove(key);
        Err(io::ErrorKind::StorageFull.into())
    }

    /// A journal has gone: no more room is held than the others want.
    fn give_room_back(&self, key: &EepromKey) {
        let Ok(mut reserved) = self.reserve.lock() else { return };
        let Reserved { reserve, long } = &mut *reserved;
        long.remove(key);
        let wanted = long.values().sum::<u64>().max(RESERVED);
        if let Err(error) = reserve.shrink(wanted, &self.disk) {
            log::debug!("more room than needed stays in reserve: {error}");
        }
        reserve.take(&self.disk);
    }

    /// Lets a journal go, durably.
    ///
    /// Errors: as the kernel says.
    pub fn drop(&self, key: &EepromKey) -> io::Result<()> {
        // A link to what is not there any more holds nothing up.
        for folder in self.folders() {
            if folder.file(&name(key)).symlink_metadata().is_ok() {
                folder.remove(&name(key))?;
            }
        }
        self.unlink_others(key);
        self.give_room_back(key);
        Ok(())
    }

    /// Other FRUs whose chips the journal has get a link to it under their own keys, so that their units wait too.
    fn link_others(&self, key: &EepromKey, journal: &Journal) -> io::Result<()> {
        for chip in &journal.chips {
            let other = EepromKey::parse(&chip.fru).map_err(io::Error::other)?;
            let path = self.journals.file(&name(&other));
            let target = PathBuf::from(name(key));
            if other == *key || std::fs::read_link(&path).is_ok_and(|found| found == target) {
                continue;
            }
            if path.is_symlink() {
                // To a journal that is settled.
                self.disk.perform(&Step::RemoveFile(path.clone()))?;
            }
            self.disk.perform(&Step::Link { path, target })?;
        }
        Ok(())
    }

    fn unlink_others(&self, key: &EepromKey) {
        let names = self.journals.names().unwrap_or_default();
        for path in names.iter().map(|name| self.journals.file(name)) {
            if std::fs::read_link(&path).is_ok_and(|target| target == Path::new(&name(key))) {
                let _ = self.disk.perform(&Step::RemoveFile(path));
            }
        }
    }

    /// Whether the units that read an EEPROM wait for a journal.
    pub fn holds_up(&self, key: &EepromKey) -> bool {
        self.journals.file(&name(key)).exists()
    }

    /// Keeps what is left of a journal for the chips of one FRU, which is read unless its own chip is one of them.
    ///
    /// Errors: as the kernel says.
    pub fn keep_part(&self, key: &EepromKey, left: &Journal) -> io::Result<()> {
        if left.chips.iter().any(|chip| chip.key == chip.fru) {
            // In place of a link too.
            return self.journals.save(&name(key), &File { lines: left.to_text() });
        }
        if left.chips.is_empty() {
            return self.drop(key);
        }
        self.keep_copies(key, left)?;
        if self.journals.file(&name(key)).symlink_metadata().is_ok() {
            self.journals.remove(&name(key))?;
        }
        self.unlink_others(key);
        self.give_room_back(key);
        Ok(())
    }

    /// Keeps what is left of a journal for redundant chips, beside the journal itself.
    ///
    /// Errors: as the kernel says.
    pub fn keep_copies(&self, key: &EepromKey, left: &Journal) -> io::Result<()> {
        if left.chips.is_empty() {
            return Ok(());
        }
        self.copies.save(&name(key), &File { lines: left.to_text() })
    }

    /// Puts a journal that fits another part aside, as `KEY.rejected`, to be looked into by people; returns where it is. What is
    /// said here is [`Self::untold`] until it was told.
    ///
    /// Errors: as the kernel says.
    pub fn reject_part(&self, key: &EepromKey, why: &str) -> io::Result<PathBuf> {
        // Before the journal goes: a cut in between has it rejected once more.
        self.rejected.save(&format!("{key}{UNTOLD}"), &Untold { why: why.to_owned() })?;
        self.reject(key)
    }

    /// The EEPROMs whose journal was rejected without the event log having heard of it, with why, sorted.
    pub fn untold(&self) -> Vec<(EepromKey, String)> {
        let names = self.rejected.names().unwrap_or_default();
        let keys = names.iter().filter_map(|name| EepromKey::parse(name.strip_suffix(UNTOLD)?).ok());
        let untold = keys.filter_map(|key| {
            let note = self.rejected.load::<Untold>(&format!("{key}{UNTOLD}")).ok()??;
            Some((key, note.why))
        });
        let mut untold: Vec<_> = untold.collect();
        untold.sort_unstable();
        untold
    }

    /// Where the journal of an EEPROM is that was rejected, if it is kept.
    pub fn kept(&self, key: &EepromKey) -> Option<PathBuf> {
        Some(self.rejected.file(&format!("{key}{REJECTED_JOURNAL}"))).filter(|path| path.exists())
    }

    /// The event log will hear of a rejected journal.
    pub fn told(&self, key: &EepromKey) {
        let name = format!("{key}{UNTOLD}");
        if self.rejected.file(&name).exists()
            && let Err(error) = self.rejected.remove(&name)
        {
            log::warn!("a rejected journal is told of once more after a restart: {error} fru={key}");
        }
    }

    /// Puts a journal aside that is of no use, as `KEY.rejected`; returns where it is.
    ///
    /// Errors: as the kernel says.
    pub fn reject(&self, key: &EepromKey) -> io::Result<PathBuf> {
        self.forget_rejected();
        let to = self.rejected.file(&format!("{key}{REJECTED_JOURNAL}"));
        // What is left for redundant chips stays until it is judged itself.
        let is_here = |folder: &&StateFolder<D>| folder.file(&name(key)).symlink_metadata().is_ok();
        if let Some(folder) = self.folders().into_iter().find(is_here) {
            self.disk.perform(&Step::Rename { from: folder.file(&name(key)), to: to.clone() })?;
            self.disk.perform(&Step::SyncFolder(folder.path().to_owned()))?;
        }
        self.unlink_others(key);
        self.give_room_back(key);
        Ok(to)
    }

    /// Room for one more, of keys that do not come back.
    fn forget_rejected(&self) {
        let names = self.rejected.names().unwrap_or_default();
        let journals = names.iter().filter(|name| name.ends_with(REJECTED_JOURNAL));
        let mut kept: Vec<_> = journals
            .filter_map(|name| {
                let path = self.rejected.file(name);
                Some((path.metadata().ok()?.modified().ok()?, path))
            })
            .collect();
        kept.sort_unstable();
        let superfluous = (kept.len() + 1).saturating_sub(REJECTED_KEPT);
        for (_, path) in kept.into_iter().take(superfluous) {
            let _ = self.disk.perform(&Step::RemoveFile(path));
        }
    }
}

fn name(key: &EepromKey) -> String {
    format!("{key}{JOURNAL}")
}

#[cfg(test)]
mod tests;
