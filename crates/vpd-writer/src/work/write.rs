//! Keywords of an EEPROM get other values: all of them, in all copies, or none.

use super::Stores;
use super::backup;
use super::chips::{Chips, LOCK_LIMIT};
use super::journals::Journals;
use crate::job::{KeywordChange, WriteJob, Written};
use crate::refusal::{Cause, Refusal};
use dbus_api::vpd::writer::Copies;
use device_io::{EepromError, ExclusiveEeprom};
use durable_state::Disk;
use fru_publication::{EepromKey, Fragment, WantedFormat};
use std::collections::BTreeSet;
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vpd_format::{Ecc, Format};
use vpd_transaction::{
    ChipChange, ChipPlace, ChipPlan, DEFAULT_PAGE, Direction, Edit, Failure, Journal, VpdWindow,
    carry_out_without, plan_chip,
};

/// What a write came to, and what has to follow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// What the caller is told.
    pub written: Written,
    /// The values before, in the order of the changes.
    pub old_values: Vec<Vec<u8>>,
    /// Why the redundant EEPROM was left as it is; it differs until it is scrubbed.
    pub left_out: Option<String>,
    /// Calls that wrote to a chip.
    pub writes: usize,
    /// The FRUs of which a chip was written.
    pub frus: BTreeSet<EepromKey>,
}

impl Outcome {
    /// Adds what came of another change for the same caller.
    pub(crate) fn add(&mut self, other: Self) {
        self.written.bytes += other.written.bytes;
        self.written.changed += other.written.changed;
        self.writes += other.writes;
        self.frus.extend(other.frus);
        self.left_out = self.left_out.take().or(other.left_out);
    }
}

/// Does what a job asks for.
///
/// Errors: those of the table in the service's README. After [`Cause::WriteFailure`] the EEPROM has its earlier content, or is
/// pending, which [`Journals::has`] tells.
pub fn perform<D: Disk + Clone>(job: &WriteJob, stores: &Stores<D>) -> Result<Outcome, Refusal> {
    let edits: Vec<Edit> = job.changes.iter().map(edit).collect();
    let which = match (job.on_hardware_only, job.copies) {
        (Some(only), _) => Which::Only(only),
        (None, Copies::One) => Which::Only(0),
        (None, Copies::Both) => Which::All { goes_on: false },
        (None, Copies::GoOn) => Which::All { goes_on: true },
    };
    let place = Place { key: &job.key, chips: &job.chips, fragment: &job.fragment };
    let mut groups = vec![Group { place, which, edits }];
    // What is written to one chip alone is nothing else's.
    let partner = job.partner.as_ref().filter(|_| job.on_hardware_only.is_none());
    groups.extend(partner.and_then(|partner| backup::partner_group(partner, &groups[0].edits, which)));
    let state = partner.filter(|partner| partner.other.is_none()).map(|partner| &partner.map);
    let is_alone = job.on_hardware_only.is_some();
    let all = All { power_off_only: job.power_off_only, is_dry_run: job.dry_run, is_alone, stores };
    change(&groups, &all, |chips| match state {
        Some(map) => stores.backups.follow(&job.key, map, &groups[0].edits, place.window(), chips),
        None => Ok(()),
    })
}

/// An EEPROM with its copies.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) key: &'a EepromKey,
    /// The one that counts, then the one that stands in.
    pub(crate) chips: &'a [PathBuf],
    pub(crate) fragment: &'a Fragment,
}

/// What changes of one FRU.
pub(crate) struct Group<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) which: Which,
    pub(crate) edits: Vec<Edit>,
}

/// What counts for all that changes together.
pub(crate) struct All<'a, D> {
    pub(crate) power_off_only: bool,
    pub(crate) is_dry_run: bool,
    /// One chip is written and nothing else follows from it: neither a backup, nor what the inventory shows.
    pub(crate) is_alone: bool,
    pub(crate) stores: &'a Stores<D>,
}

/// Which chips change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// This one.
    Only(usize),
    /// All of them; or, if the redundant one fails, the one that counts alone.
    All {
        /// Whether a redundant one that fails is left out.
        goes_on: bool,
    },
}

/// Plans, journals and writes; the first group is the FRU that is written, and names the journal. Locks are held for all of it.
///
/// `before_settling` does what has to be durable before the journal goes; it is given the chip that counts of the first group.
/// Where it fails the journal stays, recovery does it, and the caller is told.
pub(crate) fn change<D: Disk + Clone>(
    groups: &[Group<'_>],
    all: &All<'_, D>,
    before_settling: impl FnOnce(&mut ExclusiveEeprom) -> io::Result<()>,
) -> Result<Outcome, Refusal> {
    let Some(main) = groups.first() else { return Ok(Outcome::default()) };
    let (key, journals) = (main.place.key, &all.stores.journals);
    let pending = || groups.iter().try_for_each(|group| not_pending(group.place.key, journals));
    for group in groups {
        if group.place.fragment.ecc == Ecc::Ignored {
            return Err(Cause::UnsupportedRequest
                .because("VPD that is read without its code (ecc = \"ignored\") is not written"));
        }
    }
    pending()?;
    let deadline = Instant::now() + LOCK_LIMIT;
    let mut locked = Vec::new();
    for group in groups {
        locked.push(Locked::open(group, deadline)?);
    }
    // Again under the locks: another program may have begun one.
    pending()?;
    let (mut changes, mut eeproms, mut outcome) = (Vec::new(), Vec::new(), Outcome::default());
    for (place, (locked, group)) in locked.into_iter().zip(groups).enumerate() {
        let Planned { plans, eeproms: chips, left_out } = locked.plan(group)?;
        outcome.left_out = outcome.left_out.or(left_out);
        let changed = plans.iter().map(|plan| changed_bytes(&plan.change)).sum::<usize>();
        outcome.written.changed += changed;
        if place == 0 {
            outcome.old_values = plans.last().map(|plan| plan.old_values.clone()).unwrap_or_default();
            outcome.written.bytes = outcome.old_values.iter().map(Vec::len).sum();
        }
        // Before what was planned earlier: the chip that counts of the first group is the last to be written.
        changes.splice(0..0, plans.into_iter().map(|plan| plan.change));
        eeproms.splice(0..0, chips.into_iter().map(Some));
    }
    let mut journal = Journal {
        key: key.to_string(),
        power_off_only: all.power_off_only,
        backup_follows: !all.is_alone,
        direction: Direction::Forward,
        chips: changes,
    };
    let mut chips = Chips { eeproms, journals, key, writes: 0 };
    if all.is_dry_run {
        return Ok(outcome);
    }
    let is_empty = journal.is_empty();
    let counts: Vec<usize> = journal.chips.iter().map(changed_bytes).collect();
    let result = if is_empty {
        Ok(())
    } else {
        let written = carry_out_without(&mut journal, &mut chips, |chip| may_be_left_out(chip, groups));
        written.map(|left_out| {
            for fault in left_out {
                outcome.written.changed -= counts.get(fault.chip).copied().unwrap_or_default();
                outcome.left_out = Some(fault.to_string());
            }
            // Chips that were left out have no pages any more.
            let written = journal.chips.iter().filter(|chip| !chip.pages.is_empty());
            outcome.frus = written.filter_map(|chip| EepromKey::parse(&chip.fru).ok()).collect();
        })
    };
    outcome.writes = chips.writes;
    let settles = match &result {
        Ok(()) => match chips.eeproms.last_mut() {
            Some(Some(main)) => before_settling(main),
            _ => Ok(()),
        },
        Err(Failure::PutBack(_)) => Ok(()),
        Err(failure @ Failure::NotBegun(_)) => return Err(not_begun(key, journals, failure)),
        Err(failure) => return Err(super::failed(failure)),
    };
    // Before the locks go: a reader must not find a journal of what is whole.
    match settles {
        Ok(()) if is_empty => {}
        Ok(()) => {
            if result.is_ok() && !all.is_alone {
                // Before the journal goes, after which nothing else says that the parsers have to run.
                outcome.frus.iter().for_each(|fru| all.stores.this_boot.written(fru));
            }
            settle(key, journals);
        }
        Err(error) => {
            // With a journal, which stays, the backup follows when that is recovered.
            let written = if is_empty { "the EEPROM has it already" } else { "the EEPROM was written" };
            let text = format!("{written}, its backup cannot be: {error}");
            return Err(Cause::JournalUnwritable.because(text));
        }
    }
    result.map(|()| outcome).map_err(|failure| super::failed(&failure))
}

/// A journal that cannot be made durable may be there all the same: what its caller is told was not written must not be
/// recovered.
fn not_begun<D: Disk + Clone>(
    key: &EepromKey,
    journals: &Journals<D>,
    failure: &Failure<io::Error>,
) -> Refusal {
    match journals.drop(key) {
        Ok(()) => super::failed(failure),
        Err(error) => Cause::WriteFailure
            .because(format!("the journal can be neither kept nor removed, the write is pending: {error}")),
    }
}

pub(crate) fn not_pending<D: Disk + Clone>(key: &EepromKey, journals: &Journals<D>) -> Result<(), Refusal> {
    if journals.has(key) {
        return Err(Cause::Unavailable.because(format!("an earlier write of {key} is pending")));
    }
    Ok(())
}

/// Lets the journal of a settled write go. One that stays finds nothing to do when it is recovered.
fn settle<D: Disk + Clone>(key: &EepromKey, journals: &Journals<D>) {
    if let Err(error) = journals.drop(key) {
        log::error!("the journal of a finished write stays until the next start: {error} fru={key}");
    }
}

/// A redundant chip, where that is allowed.
fn may_be_left_out(chip: &ChipChange, groups: &[Group<'_>]) -> bool {
    let is_of = |group: &&Group<'_>| group.place.key.as_str() == chip.fru;
    let goes_on = |group: &Group<'_>| group.which == Which::All { goes_on: true };
    chip.key != chip.fru && groups.iter().find(is_of).is_some_and(goes_on)
}

fn changed_bytes(chip: &ChipChange) -> usize {
    let differs = |(old, new): &(&u8, &u8)| old != new;
    chip.pages.iter().map(|page| page.old.iter().zip(&page.new).filter(differs).count()).sum()
}

fn edit(change: &KeywordChange) -> Edit {
    Edit::Keyword {
        record: change.record,
        keyword: change.keyword,
        value: change.value.clone(),
        pad: change.pad,
        expected: change.expected.clone(),
    }
}

/// Chips of one FRU that are locked, the one that counts first.
struct Locked {
    chips: Vec<LockedChip>,
    left_out: Option<String>,
}

struct LockedChip {
    /// Its place in the list of chips.
    place: usize,
    path: PathBuf,
    eeprom: ExclusiveEeprom,
}

/// Plans and chips of one FRU, in the order of writing.
struct Planned {
    plans: Vec<ChipPlan>,
    eeproms: Vec<ExclusiveEeprom>,
    left_out: Option<String>,
}

impl Locked {
    /// Locks first the chip that counts, as readers do.
    fn open(group: &Group<'_>, deadline: Instant) -> Result<Self, Refusal> {
        let place = &group.place;
        let mut locked = Self { chips: Vec::new(), left_out: None };
        let wanted: Vec<usize> = match group.which {
            Which::Only(only) => vec![only],
            Which::All { .. } => (0..place.chips.len()).collect(),
        };
        for chip in wanted {
            let path = place.chips.get(chip).ok_or_else(|| {
                Cause::InvalidArgument.because(format!("{} has no redundant EEPROM", place.key))
            })?;
            match ExclusiveEeprom::open(path, deadline) {
                Ok(eeprom) => locked.chips.push(LockedChip { place: chip, path: path.clone(), eeprom }),
                Err(error) => locked.leave_out(chip, group.which, not_locked(&error))?,
            }
        }
        Ok(locked)
    }

    /// Goes on without a redundant chip, where that is allowed.
    fn leave_out(&mut self, chip: usize, which: Which, refusal: Refusal) -> Result<(), Refusal> {
        let Which::All { goes_on } = which else { return Err(refusal) };
        if chip == 0 {
            return Err(refusal);
        }
        if goes_on {
            self.left_out = Some(refusal.text);
            return Ok(());
        }
        let text = format!("the redundant EEPROM failed, so nothing was written: {}", refusal.text);
        Err(refusal.cause.because(text))
    }

    /// Plans each chip. The one that counts says first what is wrong with the call.
    fn plan(mut self, group: &Group<'_>) -> Result<Planned, Refusal> {
        let (mut plans, mut eeproms) = (Vec::new(), Vec::new());
        for mut chip in std::mem::take(&mut self.chips) {
            // What a caller expects, the EEPROM that counts is to hold.
            let is_copy = chip.place > 0 && matches!(group.which, Which::All { .. });
            let edit = |edit: &Edit| if is_copy { without_expectation(edit) } else { edit.clone() };
            let edits: Vec<Edit> = group.edits.iter().map(edit).collect();
            match plan_chip(&mut chip.eeprom, &group.place.of(&chip.path, chip.place), &edits) {
                Ok(plan) => {
                    plans.insert(0, plan);
                    eeproms.insert(0, chip.eeprom);
                }
                Err(error) => self.leave_out(chip.place, group.which, super::refused(error))?,
            }
        }
        Ok(Planned { plans, eeproms, left_out: self.left_out })
    }
}

fn without_expectation(edit: &Edit) -> Edit {
    match edit {
        Edit::Keyword { record, keyword, value, pad, .. } => Edit::Keyword {
            record: *record,
            keyword: *keyword,
            value: value.clone(),
            pad: *pad,
            expected: None,
        },
        other => other.clone(),
    }
}

impl Place<'_> {
    /// The part of each chip that has the VPD.
    pub(crate) fn window(&self) -> VpdWindow {
        VpdWindow { offset: self.fragment.offset, size: self.fragment.size }
    }

    /// What is known of one of the chips.
    pub(crate) fn of(&self, path: &Path, chip: usize) -> ChipPlace {
        let fragment = self.fragment;
        let redundant = fragment.redundant.as_ref().filter(|_| chip > 0);
        ChipPlace {
            key: redundant.unwrap_or(self.key).to_string(),
            fru: self.key.to_string(),
            path: path.to_string_lossy().into_owned(),
            window: self.window(),
            page_size: fragment.page_size.unwrap_or(DEFAULT_PAGE),
            format: match fragment.format {
                WantedFormat::Auto => None,
                WantedFormat::Pinned(format) => Some(format),
            }
            .filter(|format| *format != Format::Memory),
            policy: fragment.policy,
        }
    }
}

pub(crate) fn not_locked(error: &EepromError) -> Refusal {
    let cause = match error {
        EepromError::Locked { .. } | EepromError::InUse { .. } => Cause::Unavailable,
        // The driver knows that the chip is write-protected, or the unit may not write a file that stands in for one.
        EepromError::Unreadable { source, .. } if is_read_only(source) => Cause::WriteFailure,
        _ => Cause::ReadFailure,
    };
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    let held = if cause == Cause::Unavailable { "another reader or writer holds it: " } else { "" };
    cause.because(format!("{held}{error}{source}"))
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests;
