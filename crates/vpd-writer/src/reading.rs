//! Reads and compares EEPROMs. All here waits for chips, so it runs on a thread of its own.

use crate::job::{Comparison, Done, Partner, ReadJob, Wanted};
use crate::refusal::{Cause, Refusal};
use crate::work::backup::{Backups, Kept, value_in};
use dbus_api::inventory::records::DEFAULT_RECORD;
use dbus_api::vpd::collection::Outcome;
use dbus_api::vpd::manager::{MEMORY_SIZE, Parsed};
use dbus_api::vpd::writer::{Copy, CopyState, Difference};
use device_io::{Eeprom, EepromError};
use durable_state::Disk;
use fru_publication::{EepromKey, Fragment, Keywords};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use vpd_format::{
    Content, KeywordName, ReadAt, ReadError, ReadOptions, RecordName, Vpd, VpdError, Wanted as WantedRecords,
    Window, WindowError,
};

use vpd_transaction::PlanError;

/// Records with their keywords and values, by name.
pub type Values = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// Does what a job asks for.
///
/// Errors: [`Cause::ReadFailure`] for a chip that is absent or silent, [`Cause::Unavailable`] for one that a writer holds,
/// [`Cause::EccCheckFailed`] and [`Cause::InvalidVpd`] by what it holds, [`Cause::RecordNotFound`] and
/// [`Cause::KeywordNotFound`]; [`Cause::InvalidArgument`] where a keyword is named as another format's is, or there is no
/// second chip.
pub fn perform<D: Disk>(job: &ReadJob, backups: &Backups<D>) -> Result<Done, Refusal> {
    let fragment = &*job.fragment;
    match &job.what {
        Wanted::Keyword { chip, record, keyword } => {
            let records = record.as_ref().map_or(&[][..], std::slice::from_ref);
            let vpd = read(chip_of(job, *chip)?, fragment, WantedRecords::Records(records))?;
            keyword_of(&vpd, *record, *keyword).map(Done::Keyword)
        }
        Wanted::All { chip } => {
            let vpd = read(chip_of(job, *chip)?, fragment, WantedRecords::All)?;
            Ok(Done::All(all_of(&vpd)))
        }
        Wanted::Agreement => {
            let second = job.chips.get(1).ok_or_else(|| no_second(job))?;
            let first = chip_of(job, 0)?;
            // In the order in which all lock two chips.
            let _first = open(first)?;
            let ours = values(&read(first, fragment, WantedRecords::All)?);
            let theirs = values(&read(second, fragment, WantedRecords::All)?);
            Ok(Done::Agreement(ours == theirs))
        }
        Wanted::Comparison => Ok(Done::Compared(compare(job, backups))),
    }
}

fn chip_of(job: &ReadJob, chip: usize) -> Result<&Path, Refusal> {
    job.chips.get(chip).map(PathBuf::as_path).ok_or_else(|| no_second(job))
}

fn no_second(job: &ReadJob) -> Refusal {
    Cause::InvalidArgument.because(format!("{} has no redundant EEPROM", job.key))
}

/// Why a chip gave nothing: as a copy among others, and as the answer to a call.
pub(crate) struct Fault {
    outcome: Outcome,
    refusal: Refusal,
}

impl Fault {
    /// Whether the chip was read, and what it holds is the fault.
    pub(crate) fn is_of_content(&self) -> bool {
        matches!(self.refusal.cause, Cause::EccCheckFailed | Cause::InvalidVpd)
    }

    /// What a chip holds cannot be read by a copy's layout either.
    pub(crate) fn of_copy(path: &Path, error: &PlanError<io::Error>) -> Self {
        let cause = match error {
            PlanError::Device(_) => Cause::ReadFailure,
            _ => Cause::InvalidVpd,
        };
        Self { outcome: Outcome::Unreadable, refusal: cause.because(format!("{}: {error}", path.display())) }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        fault.refusal
    }
}

pub(crate) fn open(path: &Path) -> Result<Eeprom, Fault> {
    Eeprom::open(path).map_err(|error| {
        let (outcome, cause) = match &error {
            EepromError::Absent { .. } => (Outcome::Absent, Cause::ReadFailure),
            EepromError::Locked { .. } => (Outcome::Unreadable, Cause::Unavailable),
            _ => (Outcome::Unreadable, Cause::ReadFailure),
        };
        let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        Fault { outcome, refusal: cause.because(format!("{error}{source}")) }
    })
}

pub(crate) fn read(path: &Path, fragment: &Fragment, wanted: WantedRecords<'_>) -> Result<Vpd, Fault> {
    let mut window = Window::new(open(path)?, fragment.offset, fragment.size);
    let shortfall = window.shortfall().map(|shortfall| format!(": {shortfall}")).unwrap_or_default();
    read_image(&mut window, &fragment.read_options(wanted)).map_err(|error| {
        let (outcome, cause) = match &error {
            ReadError::Format(
                error @ (VpdError::Uncorrectable { .. } | VpdError::NeededCorrection { .. }),
            ) => (word(error.outcome()), Cause::EccCheckFailed),
            ReadError::Format(error) => (word(error.outcome()), Cause::InvalidVpd),
            _ => (Outcome::Unreadable, Cause::ReadFailure),
        };
        Fault { outcome, refusal: cause.because(format!("{}: {error}{shortfall}", path.display())) }
    })
}

/// Reads an image through its window. By a pointer, or the compiler would make a reader of its own for each kind of source.
pub(crate) fn read_image(
    mut window: &mut dyn ReadAt<Error = WindowError<io::Error>>,
    options: &ReadOptions<'_>,
) -> Result<Vpd, ReadError<WindowError<io::Error>>> {
    vpd_format::read(&mut window, options)
}

/// An outcome of the format, as it is called on the bus.
fn word(outcome: vpd_format::Outcome) -> Outcome {
    Outcome::parse(outcome.as_str()).unwrap_or_default()
}

fn keyword_of(vpd: &Vpd, record: Option<RecordName>, keyword: KeywordName) -> Result<Vec<u8>, Refusal> {
    match (&vpd.content, record) {
        (Content::Ipz(_), None) => {
            return Err(Cause::InvalidArgument.because("IPZ VPD has records: name one, as (ss)"));
        }
        (Content::Ipz(image), Some(name)) => {
            let record = image.record(name).ok_or_else(|| no_record(name))?;
            if let Some(reason) = &record.reason {
                return Err(damaged(reason));
            }
        }
        // The inventory shows it as this record's.
        (_, Some(name)) if name.to_string() != DEFAULT_RECORD => return Err(no_record(name)),
        (Content::Keyword(_) | Content::Memory(_), _) => {}
    }
    let found = Keywords(vpd).find(record, keyword).map(|keyword| keyword.data.to_vec());
    found.ok_or_else(|| Cause::KeywordNotFound.because(format!("there is no keyword {keyword}")))
}

fn no_record(name: RecordName) -> Refusal {
    Cause::RecordNotFound.because(format!("there is no record {name}"))
}

fn damaged(reason: &VpdError) -> Refusal {
    let cause = match reason {
        VpdError::Uncorrectable { .. } => Cause::EccCheckFailed,
        _ => Cause::InvalidVpd,
    };
    cause.because(reason.to_string())
}

fn all_of(vpd: &Vpd) -> Parsed {
    let mut values = values(vpd);
    match &vpd.content {
        Content::Ipz(_) => Parsed::Records(values),
        Content::Keyword(_) => Parsed::Keywords(values.remove(DEFAULT_RECORD).unwrap_or_default(), None),
        Content::Memory(module) => {
            let size = module.memory_size_kb.map(|size| (MEMORY_SIZE, size));
            Parsed::Keywords(values.remove(DEFAULT_RECORD).unwrap_or_default(), size)
        }
    }
}

/// What an image says; records that are damaged are left out.
fn values(vpd: &Vpd) -> Values {
    let keywords = Keywords(vpd);
    let of_record = |record: &str| {
        let keywords = keywords.of_record(record).into_iter();
        keywords.map(|keyword| (keyword.name.to_string(), keyword.data.to_vec())).collect()
    };
    let usable = |outcome: &vpd_format::Outcome| *outcome != vpd_format::Outcome::Bad;
    let records = keywords.records().into_iter().filter(|(_, outcome)| usable(outcome));
    records.map(|(record, _)| (record.clone(), of_record(&record))).collect()
}

/// Reads both chips, as far as there are two; what is wrong with one is part of the answer.
fn compare<D: Disk>(job: &ReadJob, backups: &Backups<D>) -> Comparison {
    let mut comparison = Comparison::default();
    // The first stays locked until the second was read, as a writer would have changed both between.
    let _first = job.chips.first().map(|chip| open(chip));
    for (chip, copy) in job.chips.iter().zip([Copy::Primary, Copy::Redundant]) {
        let (outcome, reason, says) = match read(chip, &job.fragment, WantedRecords::All) {
            Ok(vpd) => (word(vpd.outcome), first_problem(&vpd), values(&vpd)),
            Err(fault) => (fault.outcome, fault.refusal.text, Values::new()),
        };
        let is_usable = !says.is_empty();
        comparison.copies.push(CopyState { copy, outcome, reason });
        if copy == Copy::Primary {
            comparison.says = says;
        } else if is_usable && !comparison.says.is_empty() {
            comparison.differences.extend(differences(copy, &comparison.says, &says));
        }
    }
    if let Some(partner) = job.partner.as_ref().filter(|partner| !partner.is_backup) {
        compare_backup(&job.key, partner, backups, &mut comparison);
    }
    comparison
}

/// Compares what is kept a second time, under the names that it has in the EEPROM.
fn compare_backup<D: Disk>(
    key: &EepromKey,
    partner: &Partner,
    backups: &Backups<D>,
    comparison: &mut Comparison,
) {
    let (outcome, reason, theirs) = match &partner.other {
        None => match backups.load(key) {
            Some(kept) => (Outcome::Ok, String::new(), Theirs::State(kept)),
            None => (Outcome::Blank, "nothing is kept yet".to_owned(), Theirs::State(Kept::default())),
        },
        Some(other) => {
            let chip = other.chips.first().map(PathBuf::as_path).unwrap_or(Path::new(""));
            match read(chip, &other.fragment, WantedRecords::All) {
                Ok(vpd) => (word(vpd.outcome), first_problem(&vpd), Theirs::Eeprom(Box::new(vpd))),
                Err(fault) => (fault.outcome, fault.refusal.text, Theirs::State(Kept::default())),
            }
        }
    };
    comparison.copies.push(CopyState { copy: Copy::Backup, outcome, reason });
    for kept in &partner.map.keywords {
        let (record, keyword) = (kept.record.to_string(), kept.keyword.to_string());
        let ours = comparison.says.get(&record).and_then(|keywords| keywords.get(&keyword)).cloned();
        let theirs = match &theirs {
            Theirs::State(state) => state.value(kept.record, kept.keyword).map(<[u8]>::to_vec),
            Theirs::Eeprom(vpd) => {
                let (record, keyword) = kept.place();
                value_in(vpd, record, keyword)
            }
        };
        if let (Some(ours), Some(theirs)) = (ours, theirs)
            && ours != theirs
        {
            comparison.differences.push(Difference { record, keyword, copy: Copy::Backup, ours, theirs });
        }
    }
}

/// Where second copies are.
enum Theirs {
    State(Kept),
    Eeprom(Box<Vpd>),
}

fn first_problem(vpd: &Vpd) -> String {
    let problem = match &vpd.content {
        Content::Ipz(image) => image.records.iter().find_map(|record| record.reason.as_ref()),
        Content::Keyword(image) => image.problems.first(),
        Content::Memory(module) => module.problems.first(),
    };
    problem.map(VpdError::to_string).unwrap_or_default()
}

/// Every keyword of which two copies do not say the same.
pub fn differences(copy: Copy, ours: &Values, theirs: &Values) -> Vec<Difference> {
    let names = |values: &Values| -> BTreeSet<(String, String)> {
        let of_record = |(record, keywords): (&String, &BTreeMap<String, Vec<u8>>)| {
            keywords.keys().map(|keyword| (record.clone(), keyword.clone())).collect::<Vec<_>>()
        };
        values.iter().flat_map(of_record).collect()
    };
    let value = |values: &Values, record: &str, keyword: &str| {
        values.get(record).and_then(|keywords| keywords.get(keyword)).cloned()
    };
    let mut found = Vec::new();
    for (record, keyword) in &names(ours) | &names(theirs) {
        let (one, other) = (value(ours, &record, &keyword), value(theirs, &record, &keyword));
        if one != other {
            let (ours, theirs) = (one.unwrap_or_default(), other.unwrap_or_default());
            found.push(Difference { record, keyword, copy, ours, theirs });
        }
    }
    found
}

#[cfg(test)]
mod tests;
