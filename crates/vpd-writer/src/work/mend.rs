//! Puts an EEPROM right: damaged records from another copy, corrected ones by themselves, kept keywords by their backup.

use super::Stores;
use super::backup::{self, Action, Row, compare, value_in};
use super::repair::{Wished, repair};
use super::write::{All, Group, Outcome, Place, Which, change, not_pending};
use crate::job::{Mend, MendJob, Partner};
use crate::reading;
use crate::refusal::{Cause, Refusal};
use crate::settings::Locked;
use durable_state::Disk;
use std::collections::BTreeSet;
use std::path::PathBuf;
use system_index::BackedUp;
use vpd_format::{Content, RecordName, Vpd, Wanted, ipz};
use vpd_transaction::Edit;

/// Does what a job asks for. What was done is told also where not all of it could be.
///
/// Errors: those of the table in the service's README.
pub fn perform<D: Disk + Clone>(job: &MendJob, stores: &Stores<D>) -> (Settled, Result<(), Refusal>) {
    let mut settled = Settled::default();
    if let Err(refusal) = not_pending(&job.key, &stores.journals) {
        return (settled, Err(refusal));
    }
    let done = match &job.what {
        Mend::Repair { records, source, image } => {
            let wished = Wished { records, source: *source, image: image.as_deref() };
            repair(job, &wished, stores, &mut settled)
        }
        Mend::Scrub => scrub(job, stores, &mut settled.outcome),
        Mend::Backup => settle_records(job, stores, Wish::Backup, None, &mut settled),
        Mend::Restore => settle_records(job, stores, Wish::Restore, None, &mut settled),
        Mend::Settle => settle_records(job, stores, Wish::Table, None, &mut settled),
    };
    let done = done.map_err(|refusal| match settled.outcome.written.changed {
        0 => refusal,
        changed => refusal.cause.because(format!("{changed} bytes were written, and then: {}", refusal.text)),
    });
    (settled, done)
}

fn place(job: &MendJob) -> Place<'_> {
    Place { key: &job.key, chips: &job.chips, fragment: &job.fragment }
}

pub(super) fn write<D: Disk + Clone>(
    job: &MendJob,
    which: Which,
    edits: Vec<Edit>,
    stores: &Stores<D>,
) -> Result<Outcome, Refusal> {
    let all = All { power_off_only: job.power_off_only, is_dry_run: false, is_alone: false, stores };
    let groups = [Group { place: place(job), which, edits }];
    let state = job.partner.as_ref().filter(|partner| partner.other.is_none() && !partner.is_backup);
    change(&groups, &all, |chip| match state {
        Some(partner) => {
            stores.backups.follow(&job.key, &partner.map, &groups[0].edits, groups[0].place.window(), chip)
        }
        None => Ok(()),
    })
}

/// Writes back what the code had to correct, each record once per boot, and has the redundant EEPROM say the same.
fn scrub<D: Disk + Clone>(job: &MendJob, stores: &Stores<D>, outcome: &mut Outcome) -> Result<(), Refusal> {
    let read = |chip: &PathBuf| reading::read(chip, &job.fragment, Wanted::All);
    let mut copies = job.chips.iter().map(read);
    let primary = copies.next().ok_or_else(|| Cause::Internal.because("there is no chip"))??;
    let redundant = copies.next().transpose()?;
    let mut corrected: BTreeSet<RecordName> = corrected(&primary);
    corrected.extend(redundant.iter().flat_map(self::corrected));
    let done = stores.this_boot.scrubbed(&job.key);
    corrected.retain(|record| !done.contains(record));
    if !corrected.is_empty() {
        let edits = corrected.iter().map(|record| Edit::Scrub { record: *record }).collect();
        *outcome = write(job, Which::All { goes_on: true }, edits, stores)?;
        stores.this_boot.add_scrubbed(&job.key, &corrected);
    }
    let (Content::Ipz(ours), Some(Content::Ipz(theirs))) =
        (&primary.content, redundant.as_ref().map(|vpd| &vpd.content))
    else {
        return Ok(());
    };
    let differs = |record: &&ipz::Record| {
        record.reason.is_none()
            && theirs.record(record.name()).is_some_and(|other| other.bytes() != record.bytes())
    };
    let edit = |record: &ipz::Record| Edit::Record { record: record.name(), copy: record.bytes().to_vec() };
    let edits: Vec<Edit> = ours.records.iter().filter(differs).map(edit).collect();
    if !edits.is_empty() {
        outcome.add(write(job, Which::Only(1), edits, stores)?);
    }
    outcome.left_out = None;
    Ok(())
}

/// The records that their code had to correct.
fn corrected(vpd: &Vpd) -> BTreeSet<RecordName> {
    match &vpd.content {
        Content::Ipz(image) => {
            let is_corrected = |record: &&ipz::Record| record.recovered_bits() > 0 && record.reason.is_none();
            image.records.iter().filter(is_corrected).map(ipz::Record::name).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Which copy is to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The EEPROM.
    Backup,
    /// The backup.
    Restore,
    /// What the table says.
    Table,
}

/// What became of a backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// What was written.
    pub outcome: Outcome,
    /// Keywords that were set differently in both, with both values.
    pub conflicts: Vec<(String, Vec<u8>, Vec<u8>)>,
    /// Keywords that were set in neither, and should be.
    pub not_set: Vec<String>,
}

impl Settled {
    /// Whether there is something to be told.
    pub fn is_fault(&self) -> bool {
        !self.conflicts.is_empty() || !self.not_set.is_empty()
    }
}

/// Has an EEPROM and its backup say the same, whichever of the two was named; all records, or some.
///
/// Errors: [`Cause::InvalidArgument`] when nothing of it is kept; those of a write.
pub(super) fn settle_records<D: Disk + Clone>(
    job: &MendJob,
    stores: &Stores<D>,
    wish: Wish,
    only: Option<&BTreeSet<RecordName>>,
    settled: &mut Settled,
) -> Result<(), Refusal> {
    let none = || Cause::InvalidArgument.because(format!("nothing of {} is kept a second time", job.key));
    let partner = job.partner.as_ref().ok_or_else(none)?;
    let (source, destination) = sides(job, partner);
    let names = |name: &dyn Fn(&BackedUp) -> RecordName| {
        let names: BTreeSet<RecordName> = partner.map.keywords.iter().map(name).collect();
        names.into_iter().collect::<Vec<_>>()
    };
    let read = |place: &Place<'_>, records: &[RecordName]| {
        let chip = place.chips.first().ok_or_else(none)?;
        reading::read(chip, place.fragment, Wanted::Records(records)).map_err(Refusal::from)
    };
    let mut ours = read(&source, &names(&|kept| kept.record))?;
    let kept = stores.backups.load(source.key).unwrap_or_default();
    let theirs = destination.as_ref().map(|place| read(place, &names(&|kept| kept.place().0))).transpose()?;
    let rows = compare(
        &partner.map,
        |keyword| value_in(&ours, keyword.record, keyword.keyword),
        |keyword| match &theirs {
            Some(vpd) => {
                let (record, name) = keyword.place();
                value_in(vpd, record, name)
            }
            None => kept.value(keyword.record, keyword.keyword).map(<[u8]>::to_vec),
        },
    );
    let rows: Vec<Row<'_>> =
        rows.into_iter().filter(|row| only.is_none_or(|only| only.contains(&row.kept.record))).collect();
    note(&rows, wish, settled);
    let to_backup = chosen(&rows, wish, Action::ToBackup, &job.locked);
    let to_source = chosen(&rows, wish, Action::ToSource, &job.locked);
    let mut groups = Vec::new();
    if !to_source.is_empty() {
        let edits = edits(&to_source, |keyword| (keyword.record, keyword.keyword), |row| row.theirs.clone());
        groups.push(Group { place: source, which: Which::All { goes_on: false }, edits });
    }
    let is_state = destination.is_none();
    if let Some(place) = destination
        && !to_backup.is_empty()
    {
        let edits = edits(&to_backup, BackedUp::place, |row| row.ours.clone());
        groups.push(Group { place, which: Which::All { goes_on: false }, edits });
    }
    // One transaction for both directions.
    let all = All { power_off_only: job.power_off_only, is_dry_run: false, is_alone: false, stores };
    settled.outcome.add(change(&groups, &all, |_| Ok(()))?);
    if is_state && !(to_backup.is_empty() && to_source.is_empty()) {
        if !to_source.is_empty() {
            // Whole records are kept too, as they are now.
            ours = read(&source, &names(&|kept| kept.record))?;
        }
        let mut kept = kept;
        kept.take(&ours, to_backup.iter().chain(&to_source).map(|row| row.kept));
        settled.outcome.written.bytes +=
            to_backup.iter().filter_map(|row| row.ours.as_ref()).map(Vec::len).sum::<usize>();
        stores.backups.save(source.key, &kept).map_err(|error| {
            Cause::JournalUnwritable.because(format!("the backup cannot be written: {error}"))
        })?;
    }
    Ok(())
}

/// The EEPROM whose keywords are kept, and the one that keeps them, if one does.
fn sides<'a>(job: &'a MendJob, partner: &'a Partner) -> (Place<'a>, Option<Place<'a>>) {
    let other = partner.other.as_ref().map(backup::place);
    match other {
        Some(other) if partner.is_backup => (other, Some(place(job))),
        other => (place(job), other),
    }
}

/// Which rows go this way. No client's wish changes a locked keyword: for it, the README's table counts.
fn chosen<'a, 'b>(rows: &'b [Row<'a>], wish: Wish, way: Action, locked: &Locked) -> Vec<&'b Row<'a>> {
    let is_locked = |row: &Row<'_>| {
        let names = [(row.kept.record, row.kept.keyword), row.kept.place()];
        names.into_iter().any(|(record, keyword)| locked.has(Some(record), keyword))
    };
    let goes = |row: &&Row<'_>| match wish {
        Wish::Backup | Wish::Restore if is_locked(row) => row.action == way,
        Wish::Table => row.action == way,
        Wish::Backup => way == Action::ToBackup && row.ours.is_some() && row.ours != row.theirs,
        Wish::Restore => way == Action::ToSource && row.theirs.is_some() && row.ours != row.theirs,
    };
    rows.iter().filter(goes).collect()
}

fn edits(
    rows: &[&Row<'_>],
    name: impl Fn(&BackedUp) -> (RecordName, vpd_format::KeywordName),
    value: impl Fn(&Row<'_>) -> Option<Vec<u8>>,
) -> Vec<Edit> {
    let edit = |row: &&Row<'_>| {
        let (record, keyword) = name(row.kept);
        Some(Edit::Keyword { record: Some(record), keyword, value: value(row)?, pad: None, expected: None })
    };
    rows.iter().filter_map(edit).collect()
}

/// What is told besides.
fn note(rows: &[Row<'_>], wish: Wish, settled: &mut Settled) {
    if wish != Wish::Table {
        return;
    }
    for row in rows {
        let name = format!("{}.{}", row.kept.record, row.kept.keyword);
        match row.action {
            Action::Conflict => {
                let value = |value: &Option<Vec<u8>>| value.clone().unwrap_or_default();
                settled.conflicts.push((name, value(&row.ours), value(&row.theirs)));
            }
            Action::BothDefault if row.kept.event => settled.not_set.push(name),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
