//! Puts an EEPROM right: damaged records from another copy, corrected ones by themselves, kept keywords by their backup.

use super::Stores;
use super::backup::{self, Action, Kept, Row, compare, value_in};
use super::write::{All, Group, Outcome, Place, Which, change};
use crate::job::{Mend, MendJob, Partner};
use crate::reading;
use crate::refusal::{Cause, Refusal};
use dbus_api::vpd::writer::Copy;
use durable_state::Disk;
use fru_publication::{EepromKey, Fragment};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use system_index::BackedUp;
use vpd_format::{Bytes, Content, RecordName, Vpd, Wanted, Window, ipz};
use vpd_transaction::Edit;

/// The folder of images that are known to be right, in the service's state: `KEY.bin`.
const GOLDEN: &str = "golden";

/// Does what a job asks for.
///
/// Errors: those of the table in the service's README.
pub fn perform<D: Disk + Clone>(job: &MendJob, stores: &Stores<D>) -> Result<Settled, Refusal> {
    let alone = |outcome| Settled { outcome, ..Settled::default() };
    match &job.what {
        Mend::Repair { records, source, image } => {
            repair(job, records, *source, image.as_deref(), stores).map(alone)
        }
        Mend::Scrub => scrub(job, stores).map(alone),
        Mend::Backup => settle_backup(job, stores, Wish::Backup),
        Mend::Restore => settle_backup(job, stores, Wish::Restore),
        Mend::Settle => settle_backup(job, stores, Wish::Table),
    }
}

fn place(job: &MendJob) -> Place<'_> {
    Place { key: &job.key, chips: &job.chips, fragment: &job.fragment }
}

fn write<D: Disk + Clone>(
    job: &MendJob,
    which: Which,
    edits: Vec<Edit>,
    stores: &Stores<D>,
) -> Result<Outcome, Refusal> {
    let all = All { power_off_only: job.power_off_only, is_dry_run: false, journals: &stores.journals };
    let groups = [Group { place: place(job), which, edits }];
    let state = job.partner.as_ref().filter(|partner| partner.other.is_none() && !partner.is_backup);
    change(&groups, &all, |chip| match state {
        Some(partner) => {
            stores.backups.follow(&job.key, &partner.map, &groups[0].edits, groups[0].place.window(), chip)
        }
        None => Ok(()),
    })
}

/// Replaces damaged records, or those that are named, by a good copy with a right code.
fn repair<D: Disk + Clone>(
    job: &MendJob,
    records: &[RecordName],
    source: Option<Copy>,
    image: Option<&[u8]>,
    stores: &Stores<D>,
) -> Result<Outcome, Refusal> {
    let read = |chip: &PathBuf| reading::read(chip, &job.fragment, Wanted::All);
    let primary = read(job.chips.first().ok_or_else(|| Cause::Internal.because("there is no chip"))?)?;
    let redundant = job.chips.get(1).map(read);
    let redundant = redundant.and_then(Result::ok);
    let copies = Copies {
        primary: &primary,
        redundant: redundant.as_ref(),
        golden: match image {
            Some(bytes) => Some(of_image(bytes, &job.fragment)?),
            None => golden(&stores.state, &job.key, &job.fragment)?,
        },
        backup: stores.backups.load(&job.key),
    };
    let mut wanted: BTreeSet<RecordName> = records.iter().copied().collect();
    if wanted.is_empty() {
        wanted.extend(damaged(&primary));
        wanted.extend(copies.redundant.into_iter().flat_map(damaged));
    }
    let source = if image.is_some() { Some(Copy::Golden) } else { source };
    let mut edits = Vec::new();
    let repaired = wanted.clone();
    for record in wanted {
        let copy = copies.find(record, source).ok_or_else(|| {
            let from = source.map(|source| format!(" in the {source} copy")).unwrap_or_default();
            Cause::EccCheckFailed.because(format!("there is no good record {record}{from} to repair with"))
        })?;
        edits.push(Edit::Record { record, copy });
    }
    let mut outcome = write(job, Which::All { goes_on: true }, edits, stores)?;
    if outcome.left_out.is_some() && job.chips.len() < 2 {
        outcome.left_out = None;
    }
    // One that the service keeps itself has followed already.
    let keeps = |partner: &&Partner| partner.other.is_some() && !partner.is_backup;
    if job.partner.as_ref().is_some_and(|partner| keeps(&partner)) {
        let followed = settle_records(job, stores, Wish::Backup, Some(&repaired))?.outcome;
        outcome.written.changed += followed.written.changed;
        outcome.writes += followed.writes;
        outcome.frus.extend(followed.frus);
    }
    Ok(outcome)
}

/// The records of which nothing is usable.
fn damaged(vpd: &Vpd) -> Vec<RecordName> {
    match &vpd.content {
        Content::Ipz(image) => {
            let is_damaged = |record: &&ipz::Record| record.outcome == vpd_format::Outcome::Bad;
            image.records.iter().filter(is_damaged).map(ipz::Record::name).collect()
        }
        _ => Vec::new(),
    }
}

/// Where a record may be had from.
struct Copies<'a> {
    primary: &'a Vpd,
    redundant: Option<&'a Vpd>,
    golden: Option<Vpd>,
    backup: Option<Kept>,
}

impl Copies<'_> {
    /// A record's bytes, from the first place that has it whole.
    fn find(&self, record: RecordName, source: Option<Copy>) -> Option<Vec<u8>> {
        const ORDER: [Copy; 4] = [Copy::Primary, Copy::Redundant, Copy::Golden, Copy::Backup];
        let order = source.map_or(&ORDER[..], |_| &[]).iter().copied().chain(source);
        for copy in order {
            let found = match copy {
                Copy::Primary => good(self.primary, record),
                Copy::Redundant => self.redundant.and_then(|vpd| good(vpd, record)),
                Copy::Golden => self.golden.as_ref().and_then(|vpd| good(vpd, record)),
                Copy::Backup => self.backup.as_ref().and_then(|kept| kept.record(record)).map(<[u8]>::to_vec),
                Copy::Inventory => None,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

fn good(vpd: &Vpd, record: RecordName) -> Option<Vec<u8>> {
    let Content::Ipz(image) = &vpd.content else { return None };
    image.record(record).filter(|record| record.reason.is_none()).map(|record| record.bytes().to_vec())
}

/// The image that was put beside an EEPROM as the right one.
fn golden(state: &Path, key: &EepromKey, fragment: &Fragment) -> Result<Option<Vpd>, Refusal> {
    /// Longest image that any format can point to.
    const LONGEST: u64 = 256 * 1024;
    let path = state.join(GOLDEN).join(format!("{key}.bin"));
    match durable_state::read_regular(&path, LONGEST) {
        Ok(Some(bytes)) => of_image(&bytes, fragment).map(Some),
        Ok(None) => Err(Cause::InvalidVpd.because(format!("{} is longer than any VPD", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Cause::ReadFailure.because(format!("{}: {error}", path.display()))),
    }
}

/// An image that begins where the VPD begins.
fn of_image(bytes: &[u8], fragment: &Fragment) -> Result<Vpd, Refusal> {
    let mut window = Window::new(Bytes(bytes), 0, None);
    vpd_format::read(&mut window, &fragment.read_options(Wanted::All))
        .map_err(|error| Cause::InvalidVpd.because(format!("the image to repair with is of no use: {error}")))
}

/// Writes back what the code had to correct, each record once per boot, and has the redundant EEPROM say the same.
fn scrub<D: Disk + Clone>(job: &MendJob, stores: &Stores<D>) -> Result<Outcome, Refusal> {
    let read = |chip: &PathBuf| reading::read(chip, &job.fragment, Wanted::All);
    let mut copies = job.chips.iter().map(read);
    let primary = copies.next().ok_or_else(|| Cause::Internal.because("there is no chip"))??;
    let redundant = copies.next().transpose()?;
    let mut corrected: BTreeSet<RecordName> = corrected(&primary);
    corrected.extend(redundant.iter().flat_map(self::corrected));
    let mut outcome = Outcome::default();
    if let Ok(scrubbed) = stores.scrubbed.lock()
        && let Some(done) = scrubbed.get(&job.key)
    {
        corrected.retain(|record| !done.contains(record));
    }
    if !corrected.is_empty() {
        let edits = corrected.iter().map(|record| Edit::Scrub { record: *record }).collect();
        outcome = write(job, Which::All { goes_on: true }, edits, stores)?;
        if let Ok(mut scrubbed) = stores.scrubbed.lock() {
            scrubbed.entry(job.key.clone()).or_default().extend(corrected);
        }
    }
    let (Content::Ipz(ours), Some(Content::Ipz(theirs))) =
        (&primary.content, redundant.as_ref().map(|vpd| &vpd.content))
    else {
        return Ok(outcome);
    };
    let differs = |record: &&ipz::Record| {
        record.reason.is_none()
            && theirs.record(record.name()).is_some_and(|other| other.bytes() != record.bytes())
    };
    let edit = |record: &ipz::Record| Edit::Record { record: record.name(), copy: record.bytes().to_vec() };
    let edits: Vec<Edit> = ours.records.iter().filter(differs).map(edit).collect();
    if !edits.is_empty() {
        let second = write(job, Which::Only(1), edits, stores)?;
        outcome.written.changed += second.written.changed;
        outcome.writes += second.writes;
        outcome.frus.extend(second.frus);
    }
    outcome.left_out = None;
    Ok(outcome)
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

/// Has an EEPROM and its backup say the same, whichever of the two was named.
///
/// Errors: [`Cause::InvalidArgument`] when nothing of it is kept; those of a write.
pub fn settle_backup<D: Disk + Clone>(
    job: &MendJob,
    stores: &Stores<D>,
    wish: Wish,
) -> Result<Settled, Refusal> {
    settle_records(job, stores, wish, None)
}

/// The same, of all records or of some.
fn settle_records<D: Disk + Clone>(
    job: &MendJob,
    stores: &Stores<D>,
    wish: Wish,
    only: Option<&BTreeSet<RecordName>>,
) -> Result<Settled, Refusal> {
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
    let mut settled = Settled::default();
    note(&rows, wish, &mut settled);
    let to_backup = chosen(&rows, wish, Action::ToBackup);
    let to_source = chosen(&rows, wish, Action::ToSource);
    let all = All { power_off_only: job.power_off_only, is_dry_run: false, journals: &stores.journals };
    if !to_source.is_empty() {
        let edits = edits(&to_source, |keyword| (keyword.record, keyword.keyword), |row| row.theirs.clone());
        let groups = [Group { place: source, which: Which::All { goes_on: false }, edits }];
        settled.outcome = change(&groups, &all, |_| Ok(()))?;
        // Whole records are kept too, as they are now.
        ours = read(&source, &names(&|kept| kept.record))?;
    }
    match destination {
        Some(place) if !to_backup.is_empty() => {
            let edits = edits(&to_backup, BackedUp::place, |row| row.ours.clone());
            let groups = [Group { place, which: Which::All { goes_on: false }, edits }];
            let second = change(&groups, &all, |_| Ok(()))?;
            settled.outcome.written.changed += second.written.changed;
            settled.outcome.written.bytes += second.written.bytes;
            settled.outcome.writes += second.writes;
            settled.outcome.frus.extend(second.frus);
        }
        Some(_) => {}
        None if to_backup.is_empty() => {}
        None => {
            let mut kept = kept;
            kept.take(&ours, to_backup.iter().chain(&to_source).map(|row| row.kept));
            settled.outcome.written.bytes +=
                to_backup.iter().filter_map(|row| row.ours.as_ref()).map(Vec::len).sum::<usize>();
            stores.backups.save(source.key, &kept).map_err(|error| {
                Cause::JournalUnwritable.because(format!("the backup cannot be written: {error}"))
            })?;
        }
    }
    Ok(settled)
}

/// The EEPROM whose keywords are kept, and the one that keeps them, if one does.
fn sides<'a>(job: &'a MendJob, partner: &'a Partner) -> (Place<'a>, Option<Place<'a>>) {
    let other = partner.other.as_ref().map(backup::place);
    match other {
        Some(other) if partner.is_backup => (other, Some(place(job))),
        other => (place(job), other),
    }
}

/// Which rows go this way.
fn chosen<'a, 'b>(rows: &'b [Row<'a>], wish: Wish, way: Action) -> Vec<&'b Row<'a>> {
    let goes = |row: &&Row<'_>| match wish {
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
