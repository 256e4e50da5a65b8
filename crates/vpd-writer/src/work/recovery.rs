//! Finishes or takes back what a loss of power, a kill or a silent chip has interrupted.

use super::backup::Backups;
use super::chips::{Chips, LOCK_LIMIT};
use super::journals::{Journals, Unusable};
use device_io::{EepromError, ExclusiveEeprom};
use durable_state::Disk;
use fru_publication::EepromKey;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vpd_transaction::{Check, ChipEnd, Direction, Journal, recover};

/// What became of an EEPROM's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// There is none.
    Nothing,
    /// Every chip has its new content, or its old one, as the words say.
    Settled(String),
    /// Another part is there. It was not touched, and the journal is where the path says.
    Rejected {
        /// Why the part is another.
        why: String,
        /// Where the journal is, if it could be put aside.
        kept: Option<PathBuf>,
    },
    /// It is tried again when the chip can be reached, for the reason.
    Pending(String),
    /// The EEPROM is whole and may be read. The redundant one is not reached, for the reason, and is tried again.
    CopyPending(String),
    /// The journal was damaged and is set aside; nothing was written by it, since it was never durable.
    Unusable(String),
}

impl Recovered {
    /// Whether the EEPROM's content may be another than it was when it was read last.
    pub fn has_settled(&self) -> bool {
        matches!(self, Self::Settled(_) | Self::Rejected { .. } | Self::CopyPending(_))
    }
}

/// Recovers one EEPROM. The chips are locked before the journal is looked for: another program may have recovered meanwhile.
///
/// `is_off` tells whether the chassis has no power; a journal of an EEPROM that can be reached only then is left alone
/// otherwise.
pub fn recover_one<D: Disk + Clone>(
    key: &EepromKey,
    journals: &Journals<D>,
    backups: &Backups<D>,
    is_off: bool,
) -> Recovered {
    let key = &journals.owner(key);
    let journal = match journals.load(key) {
        Ok(None) => return Recovered::Nothing,
        Ok(Some(journal)) => journal,
        Err(error) => return unusable(key, journals, &error),
    };
    if journal.power_off_only && !is_off {
        return Recovered::Pending("the EEPROM can be written only while the chassis is off".to_owned());
    }
    let paths: Vec<PathBuf> = journal.chips.iter().map(|chip| PathBuf::from(&chip.path)).collect();
    let eeproms = match lock(&paths) {
        Ok(eeproms) => eeproms,
        Err(why) => return Recovered::Pending(why),
    };
    // As it is under the locks.
    let mut journal = match journals.load(key) {
        Ok(None) => return Recovered::Nothing,
        Ok(Some(journal)) => journal,
        Err(error) => return unusable(key, journals, &error),
    };
    if journal.chips.iter().map(|chip| Path::new(&chip.path)).ne(paths.iter().map(PathBuf::as_path)) {
        return Recovered::Pending("another write has begun".to_owned());
    }
    let mut chips = Chips { eeproms, journals, key, writes: 0 };
    let ends = recover(&mut journal, &mut chips);
    let names: Vec<&str> = journal.chips.iter().map(|chip| chip.key.as_str()).collect();
    let outcome = judge(&names, &ends, journal.direction);
    if let Recovered::Pending(why) = &outcome
        && only_copies_are_pending(key, &journal, &ends)
    {
        return wait_for_copies(key, journals, journal, &ends, why);
    }
    if let (Recovered::Settled(_), Direction::Forward) = (&outcome, journal.direction)
        && let Err(error) = follow(key, &journal, &mut chips, backups)
    {
        return Recovered::Pending(format!("the backup cannot follow: {error}"));
    }
    let settled = match outcome {
        Recovered::Settled(_) => journals.drop(key).map(|()| outcome),
        Recovered::Rejected { why, .. } => {
            journals.reject(key).map(|path| Recovered::Rejected { why, kept: Some(path) })
        }
        other => Ok(other),
    };
    settled.unwrap_or_else(|error| Recovered::Pending(format!("its journal cannot be removed: {error}")))
}

/// Whether each FRU's own chip has arrived, and only those that stand in are missing.
fn only_copies_are_pending<E>(key: &EepromKey, journal: &Journal, ends: &[ChipEnd<E>]) -> bool {
    let mut chips = journal.chips.iter().zip(ends);
    let is_here = |end: &ChipEnd<E>| matches!(end, ChipEnd::New | ChipEnd::Old);
    chips.all(|(chip, end)| {
        is_here(end) || (end.is_pending() && chip.key != chip.fru && chip.fru == key.as_str())
    })
}

/// What is kept a second time of the EEPROM takes over what was written to it.
fn follow<D: Disk + Clone>(
    key: &EepromKey,
    journal: &Journal,
    chips: &mut Chips<'_, D>,
    backups: &Backups<D>,
) -> std::io::Result<()> {
    let places = journal.chips.iter().zip(&mut chips.eeproms);
    for (chip, eeprom) in places.filter(|(chip, _)| chip.key == key.as_str()) {
        let (Check::Ipz(records), Some(eeprom)) = (&chip.check, eeprom) else { continue };
        let records: Vec<_> = records.iter().map(|entry| entry.name).collect();
        backups.follow_recovery(key, &records, chip.window, eeprom)?;
    }
    Ok(())
}

/// The EEPROM is whole; only for a redundant chip the journal is still needed.
fn wait_for_copies<D: Disk + Clone, E>(
    key: &EepromKey,
    journals: &Journals<D>,
    mut journal: Journal,
    ends: &[ChipEnd<E>],
    why: &str,
) -> Recovered {
    let mut is_pending = ends.iter().map(ChipEnd::is_pending);
    journal.chips.retain(|_| is_pending.next() == Some(true));
    match journals.keep_copies(key, &journal) {
        Ok(()) => Recovered::CopyPending(why.to_owned()),
        Err(error) => Recovered::Pending(format!("{why}; its journal cannot be kept: {error}")),
    }
}

/// What the ends of all chips come to.
fn judge<E: std::fmt::Display>(names: &[&str], ends: &[ChipEnd<E>], direction: Direction) -> Recovered {
    let named = || names.iter().zip(ends);
    for (name, end) in named() {
        match end {
            ChipEnd::Absent => return Recovered::Pending(format!("{name} is absent")),
            ChipEnd::Failed(fault) => return Recovered::Pending(format!("{name}: {fault}")),
            _ => {}
        }
    }
    let other = named().find_map(|(name, end)| match end {
        ChipEnd::Other(why) => Some(format!("{name}: {why}")),
        _ => None,
    });
    match other {
        Some(why) => Recovered::Rejected { why, kept: None },
        None if direction == Direction::Forward => {
            Recovered::Settled("the interrupted write was finished".to_owned())
        }
        None => Recovered::Settled("the interrupted write was taken back".to_owned()),
    }
}

fn unusable<D: Disk + Clone>(key: &EepromKey, journals: &Journals<D>, error: &Unusable) -> Recovered {
    // One whose file was set aside is away already; another one must not keep the EEPROM from being read for ever.
    if let Unusable::Text { .. } = error
        && let Err(error) = journals.reject(key)
    {
        return Recovered::Pending(format!("its journal cannot be put aside: {error}"));
    }
    match error {
        Unusable::File(durable_state::LoadError::Damaged { .. }) | Unusable::Text { .. } => {
            Recovered::Unusable(error.to_string())
        }
        _ => Recovered::Pending(error.to_string()),
    }
}

/// Locks those chips that are there, first the one that counts, which is written last.
fn lock(paths: &[PathBuf]) -> Result<Vec<Option<ExclusiveEeprom>>, String> {
    let deadline = Instant::now() + LOCK_LIMIT;
    let mut eeproms = Vec::new();
    for path in paths.iter().rev() {
        eeproms.insert(
            0,
            match ExclusiveEeprom::open(path, deadline) {
                Ok(eeprom) => Some(eeprom),
                Err(EepromError::Absent { .. }) => None,
                Err(error) => return Err(super::write::not_locked(&error).text),
            },
        );
    }
    Ok(eeproms)
}
