//! Finishes or takes back what a loss of power, a kill or a silent chip has interrupted.

use super::backup::Backups;
use super::chips::{Chips, LOCK_LIMIT};
use super::journals::{Journals, Unusable};
use device_io::{EepromError, ExclusiveEeprom};
use durable_state::Disk;
use fru_publication::EepromKey;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vpd_transaction::{
    ChipChange, ChipEnd, Direction, Fault, FaultKind, Journal, Machine as _, OtherPart, recover,
};

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

/// When a write is recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before anything reads EEPROMs. Whether the chassis has power is not known yet, as there is no bus: what can be written
    /// only without is left to the service. The chips have just got their power: one that is empty is blank.
    Boot,
    /// While the service runs. A chip that reads as empty may have fallen silent, and is waited for until the next boot.
    Serving {
        /// The chassis has no power.
        is_off: bool,
    },
}

impl Recovered {
    /// Whether the EEPROM's content may be another than it was when it was read last.
    pub fn has_settled(&self) -> bool {
        matches!(self, Self::Settled(_) | Self::Rejected { .. } | Self::CopyPending(_))
    }
}

/// Recovers one EEPROM. The chips are locked before the journal is looked for: another program may have recovered meanwhile.
///
/// A journal of an EEPROM that can be reached only while the chassis has no power is left alone otherwise.
pub fn recover_one<D: Disk + Clone>(
    key: &EepromKey,
    journals: &Journals<D>,
    backups: &Backups<D>,
    when: When,
) -> Recovered {
    recover_watched(key, journals, backups, when, |_| {})
}

/// The same; before a chip is touched, tells of the FRUs whose chips the journal has.
pub(crate) fn recover_watched<D: Disk + Clone>(
    key: &EepromKey,
    journals: &Journals<D>,
    backups: &Backups<D>,
    when: When,
    begins: impl FnOnce(BTreeSet<EepromKey>),
) -> Recovered {
    let key = &journals.owner(key);
    let journal = match journals.load(key) {
        Ok(None) => return Recovered::Nothing,
        Ok(Some(journal)) => journal,
        Err(error) => return unusable(key, journals, &error),
    };
    if journal.power_off_only && when != (When::Serving { is_off: true }) {
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
    begins(journal.chips.iter().filter_map(|chip| EepromKey::parse(&chip.fru).ok()).collect());
    let mut chips = Chips { eeproms, journals, key, writes: 0 };
    let silent = if when == When::Boot { Vec::new() } else { silent_blanks(&journal, &mut chips) };
    for place in &silent {
        // It is not touched.
        if let Some(eeprom) = chips.eeproms.get_mut(*place) {
            *eeprom = None;
        }
    }
    let mut ends = recover(&mut journal, &mut chips);
    if when != When::Boot {
        for (place, (end, chip)) in ends.iter_mut().zip(&journal.chips).enumerate() {
            let is_empty = matches!(end, ChipEnd::Other(OtherPart::Empty)) && is_on_spi(chip);
            if is_empty || silent.contains(&place) {
                let kind = FaultKind::Silent(io::Error::other(OtherPart::Empty.to_string()));
                *end = ChipEnd::Failed(Fault { chip: place, offset: 0, kind });
            }
        }
    }
    if let Err(error) = follow(key, &journal, &ends, &mut chips, backups) {
        return Recovered::Pending(format!("the backup cannot follow: {error}"));
    }
    let names: Vec<&str> = journal.chips.iter().map(|chip| chip.key.as_str()).collect();
    let settled = match judge(&names, &ends, journal.direction) {
        outcome @ Recovered::Settled(_) => journals.drop(key).map(|()| outcome),
        Recovered::Rejected { why, .. } => {
            let kept = journals.reject_part(key, &why);
            kept.map(|path| Recovered::Rejected { why, kept: Some(path) })
        }
        Recovered::Pending(why) => divide(key, journals, &journal, &ends, why),
        other => Ok(other),
    };
    settled.unwrap_or_else(|error| Recovered::Pending(format!("its journal cannot be changed: {error}")))
}

/// What does not answer on SPI reads as 0xff; on I²C it does not acknowledge, which is an error.
fn is_on_spi(chip: &ChipChange) -> bool {
    chip.key.starts_with("spi")
}

/// Chips on SPI that were blank before the write and read as 0xff. One may be so still, or have been written in part and not
/// answer; the next boot takes it for blank. One that can be reached only while the chassis is off has no such boot.
fn silent_blanks<D: Disk + Clone>(journal: &Journal, chips: &mut Chips<'_, D>) -> Vec<usize> {
    let is_erased = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0xff);
    let mut silent = Vec::new();
    for (place, chip) in journal.chips.iter().enumerate() {
        let was_blank = !chip.pages.is_empty() && chip.pages.iter().all(|page| is_erased(&page.old));
        let mut reads_empty = || {
            chip.pages.iter().all(|page| {
                let mut found = vec![0; page.old.len()];
                chips.read(place, page.offset, &mut found).is_ok_and(|()| is_erased(&found))
            })
        };
        if is_on_spi(chip) && !journal.power_off_only && was_blank && reads_empty() {
            silent.push(place);
        }
    }
    silent
}

/// What is kept a second time of the EEPROM takes over what was written to it, whatever became of other chips.
fn follow<D: Disk + Clone, E>(
    key: &EepromKey,
    journal: &Journal,
    ends: &[ChipEnd<E>],
    chips: &mut Chips<'_, D>,
    backups: &Backups<D>,
) -> io::Result<()> {
    let places = journal.chips.iter().zip(ends).zip(&mut chips.eeproms);
    for ((change, end), eeprom) in places {
        if journal.backup_follows
            && change.key == key.as_str()
            && let (ChipEnd::New, Some(eeprom)) = (end, eeprom)
        {
            backups.follow_recovery(key, change, eeprom)?;
        }
    }
    Ok(())
}

/// Has each FRU of a journal wait for its own chips only: one that was taken out for good must not keep another one from being
/// read. A FRU whose own chip has arrived is read though a redundant one is pending.
fn divide<D: Disk + Clone, E>(
    key: &EepromKey,
    journals: &Journals<D>,
    journal: &Journal,
    ends: &[ChipEnd<E>],
    why: String,
) -> io::Result<Recovered> {
    let part = |fru: &str| {
        let chips = journal.chips.iter().zip(ends);
        let left = chips.filter(|(chip, end)| chip.fru == fru && end.is_pending());
        let chips = left.map(|(chip, _)| chip.clone()).collect();
        Journal { key: fru.to_owned(), chips, ..journal.clone() }
    };
    let ours = part(key.as_str());
    let own_is_pending = ours.chips.iter().any(|chip| chip.key == chip.fru);
    if ours.chips.len() == journal.chips.len() && (own_is_pending || !journals.holds_up(key)) {
        return Ok(Recovered::Pending(why));
    }
    let others: BTreeSet<&str> = journal.chips.iter().map(|chip| chip.fru.as_str()).collect();
    // Its own last, as it has all that is left of the others.
    for fru in others.into_iter().filter(|fru| *fru != key.as_str()) {
        journals.keep_part(&EepromKey::parse(fru).map_err(io::Error::other)?, &part(fru))?;
    }
    let other_part = journal.chips.iter().zip(ends).find_map(|(chip, end)| match end {
        ChipEnd::Other(why) => Some(format!("{}: {why}", chip.key)),
        _ => None,
    });
    if let Some(why) = other_part.filter(|_| !own_is_pending) {
        journals.keep_copies(key, &ours)?;
        return journals.reject_part(key, &why).map(|path| Recovered::Rejected { why, kept: Some(path) });
    }
    journals.keep_part(key, &ours)?;
    Ok(match () {
        () if own_is_pending => Recovered::Pending(why),
        () if !ours.chips.is_empty() => Recovered::CopyPending(why),
        () => settled(journal.direction),
    })
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
        None => settled(direction),
    }
}

fn settled(direction: Direction) -> Recovered {
    let what = match direction {
        Direction::Forward => "the interrupted write was finished",
        Direction::Back => "the interrupted write was taken back",
    };
    Recovered::Settled(what.to_owned())
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
