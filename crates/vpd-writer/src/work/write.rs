//! Keywords of an EEPROM get other values: all of them, in all copies, or none.

use super::chips::{Chips, LOCK_LIMIT};
use super::journals::Journals;
use crate::job::{KeywordChange, WriteJob, Written};
use crate::refusal::{Cause, Refusal};
use dbus_api::vpd::writer::Copies;
use device_io::{EepromError, ExclusiveEeprom};
use durable_state::Disk;
use fru_publication::{EepromKey, Fragment, WantedFormat};
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vpd_format::{Ecc, Format};
use vpd_transaction::{
    ChipPlace, ChipPlan, DEFAULT_PAGE, Direction, Edit, Failure, Journal, VpdWindow, carry_out, plan_chip,
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
}

/// Does what a job asks for.
///
/// Errors: those of the table in the service's README. After [`Cause::WriteFailure`] the EEPROM has its earlier content, or is
/// pending, which [`Journals::has`] tells.
pub fn perform<D: Disk + Clone>(job: &WriteJob, journals: &Journals<D>) -> Result<Outcome, Refusal> {
    let edits: Vec<Edit> = job.changes.iter().map(edit).collect();
    let place = Place { key: &job.key, chips: &job.chips, fragment: &job.fragment };
    let which = match (job.on_hardware_only, job.copies) {
        (Some(only), _) => Which::Only(only),
        (None, Copies::One) => Which::Only(0),
        (None, Copies::Both) => Which::All { goes_on: false },
        (None, Copies::GoOn) => Which::All { goes_on: true },
    };
    change(&place, which, &edits, job.power_off_only, job.dry_run, journals)
}

/// An EEPROM with its copies.
pub(crate) struct Place<'a> {
    pub(crate) key: &'a EepromKey,
    /// The one that counts, then the one that stands in.
    pub(crate) chips: &'a [PathBuf],
    pub(crate) fragment: &'a Fragment,
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

/// Plans, journals and writes. Locks are held for all of it.
pub(crate) fn change<D: Disk + Clone>(
    place: &Place<'_>,
    which: Which,
    edits: &[Edit],
    power_off_only: bool,
    is_dry_run: bool,
    journals: &Journals<D>,
) -> Result<Outcome, Refusal> {
    if place.fragment.ecc == Ecc::Ignored {
        return Err(Cause::UnsupportedRequest
            .because("VPD that is read without its code (ecc = \"ignored\") is not written"));
    }
    not_pending(place.key, journals)?;
    let mut locked = Locked::open(place, which)?;
    // Again under the locks: another program may have begun one.
    not_pending(place.key, journals)?;
    let plans = locked.plan(place, edits)?;
    let mut outcome = Outcome {
        written: Written {
            bytes: plans.last().map_or(0, |plan| plan.old_values.iter().map(Vec::len).sum()),
            changed: plans.iter().map(changed_bytes).sum(),
        },
        old_values: plans.last().map(|plan| plan.old_values.clone()).unwrap_or_default(),
        left_out: locked.left_out.take(),
        writes: 0,
    };
    let mut journal = Journal {
        key: place.key.to_string(),
        power_off_only,
        direction: Direction::Forward,
        chips: plans.into_iter().map(|plan| plan.change).collect(),
    };
    if is_dry_run || journal.is_empty() {
        return Ok(outcome);
    }
    let eeproms = locked.in_order.into_iter().map(|chip| Some(chip.eeprom)).collect();
    let mut chips = Chips { eeproms, journals, key: place.key, writes: 0 };
    let result = carry_out(&mut journal, &mut chips);
    outcome.writes = chips.writes;
    match &result {
        // Before the locks go: a reader must not find a journal of what is whole.
        Ok(()) | Err(Failure::PutBack(_)) => settle(place.key, journals),
        Err(_) => {}
    }
    result.map(|()| outcome).map_err(|failure| super::failed(&failure))
}

fn not_pending<D: Disk + Clone>(key: &EepromKey, journals: &Journals<D>) -> Result<(), Refusal> {
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

fn changed_bytes(plan: &ChipPlan) -> usize {
    let differs = |(old, new): &(&u8, &u8)| old != new;
    plan.change.pages.iter().map(|page| page.old.iter().zip(&page.new).filter(differs).count()).sum()
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

/// Chips that are locked, in the order of writing: copies first.
struct Locked {
    in_order: Vec<LockedChip>,
    left_out: Option<String>,
    goes_on: bool,
}

struct LockedChip {
    /// Its place in the list of chips.
    place: usize,
    path: PathBuf,
    eeprom: ExclusiveEeprom,
}

impl Locked {
    /// Locks first the chip that counts, as readers do.
    fn open(place: &Place<'_>, which: Which) -> Result<Self, Refusal> {
        let deadline = Instant::now() + LOCK_LIMIT;
        let mut locked = Self { in_order: Vec::new(), left_out: None, goes_on: false };
        let wanted: Vec<usize> = match which {
            Which::Only(only) => vec![only],
            Which::All { goes_on } => {
                locked.goes_on = goes_on;
                (0..place.chips.len()).collect()
            }
        };
        for chip in wanted {
            let path = place.chips.get(chip).ok_or_else(|| {
                Cause::InvalidArgument.because(format!("{} has no redundant EEPROM", place.key))
            })?;
            match ExclusiveEeprom::open(path, deadline) {
                Ok(eeprom) => {
                    locked.in_order.insert(0, LockedChip { place: chip, path: path.clone(), eeprom })
                }
                Err(error) => {
                    let refusal = not_locked(&error);
                    locked.leave_out(chip, which, refusal)?;
                }
            }
        }
        Ok(locked)
    }

    /// Goes on without a redundant chip, where that is allowed.
    fn leave_out(&mut self, chip: usize, which: Which, refusal: Refusal) -> Result<(), Refusal> {
        let is_copy = chip > 0 && matches!(which, Which::All { .. });
        if is_copy && self.goes_on {
            self.left_out = Some(refusal.text);
            return Ok(());
        }
        let what = if is_copy { "the redundant EEPROM, so nothing was written: " } else { "" };
        Err(refusal.cause.because(format!("{what}{}", refusal.text)))
    }

    /// Plans each chip; in the order of writing.
    fn plan(&mut self, place: &Place<'_>, edits: &[Edit]) -> Result<Vec<ChipPlan>, Refusal> {
        let which = if self.in_order.len() > 1 || self.left_out.is_some() {
            Which::All { goes_on: self.goes_on }
        } else {
            Which::Only(0)
        };
        // The one that counts says first what is wrong with the call.
        let mut plans: Vec<(usize, ChipPlan)> = Vec::new();
        let mut kept = Vec::new();
        for mut chip in std::mem::take(&mut self.in_order).into_iter().rev() {
            // What a caller expects, the EEPROM that counts is to hold.
            let is_copy = chip.place > 0 && matches!(which, Which::All { .. });
            let edits: Vec<Edit> = edits
                .iter()
                .map(|edit| if is_copy { without_expectation(edit) } else { edit.clone() })
                .collect();
            match plan_chip(&mut chip.eeprom, &place.of(&chip.path, chip.place), &edits) {
                Ok(plan) => {
                    plans.push((chip.place, plan));
                    kept.push(chip);
                }
                Err(error) => self.leave_out(chip.place, which, super::refused(error))?,
            }
        }
        kept.reverse();
        plans.reverse();
        self.in_order = kept;
        Ok(plans.into_iter().map(|(_, plan)| plan).collect())
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
    /// What is known of one of the chips.
    pub(crate) fn of(&self, path: &Path, chip: usize) -> ChipPlace {
        let fragment = self.fragment;
        let redundant = fragment.redundant.as_ref().filter(|_| chip > 0);
        ChipPlace {
            key: redundant.unwrap_or(self.key).to_string(),
            path: path.to_string_lossy().into_owned(),
            window: VpdWindow { offset: fragment.offset, size: fragment.size },
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
        EepromError::Locked { .. } => Cause::Unavailable,
        _ => Cause::ReadFailure,
    };
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    let held = if cause == Cause::Unavailable { "another reader or writer holds it: " } else { "" };
    cause.because(format!("{held}{error}{source}"))
}

#[cfg(test)]
mod tests;
