//! Reading one EEPROM, and saying what became of it.

use crate::arguments::Arguments;
use crate::redundant;
use anyhow::Context as _;
use dbus_api::vpd::collection::{self, InventoryAnswer, RecordReport, Redundant, Report};
use device_io::{Eeprom, EepromError};
use fru_publication::{EepromKey, Fragment, Keywords, Publication, Reading, Times};
use service_runtime::Exit;
use std::collections::BTreeSet;
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use vpd_format::{Content, Counted, Outcome, ReadAt, ReadError, Shortfall, Vpd, VpdError, Wanted, Window};

/// What reading an EEPROM gave.
#[derive(Debug)]
pub(crate) struct Collected {
    pub verdict: Verdict,
    pub image_size: u64,
    pub bytes_read: u64,
    /// Where that is from; empty when it could not be opened.
    pub file: PathBuf,
    /// What of its window the EEPROM lacks.
    pub shortfall: Option<Shortfall>,
    /// How it stands with the EEPROM that stands in.
    pub redundant: Redundant,
}

/// The verdict on an EEPROM.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// Something of it is usable; its own outcome says how much.
    Usable(Box<Vpd>),
    /// It was read, and nothing of it is usable.
    Unusable(VpdError),
    /// It is there and stopped answering.
    Unreadable(String),
    /// It is not there.
    Absent(String),
    /// A writer has held it all the time; nothing is known of it.
    Busy(String),
}

/// The EEPROMs that were opened, locked against writers until this is dropped: what is published of them must not be changed
/// before it is in the inventory, or the inventory would show the old value after the new one was written.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    _first: Option<Eeprom>,
    _second: Option<Eeprom>,
}

/// Reads what the fragment needs, from the EEPROM that stands in where the first is of no use. Both stay locked as long as
/// the locks are kept.
///
/// Errors: only what is neither the EEPROM's fault nor its writer's: configuration.
pub(crate) fn collect(arguments: &Arguments, fragment: &Fragment) -> anyhow::Result<(Collected, Locks)> {
    let file = arguments
        .file
        .as_ref()
        .or(fragment.file.as_ref())
        .with_context(|| format!("fru={}: neither the call nor the fragment names a file", arguments.key))
        .context(Exit::Configuration)?;
    let second = fragment.redundant.as_ref().and_then(EepromKey::sysfs_path).map(PathBuf::from);
    collect_from(file, second.as_deref(), fragment)
}

/// The first is locked until the second has been read: whoever writes locks in the same order.
fn collect_from(
    first: &Path,
    second: Option<&Path>,
    fragment: &Fragment,
) -> anyhow::Result<(Collected, Locks)> {
    let (collected, first) = open_and_read(first, fragment)?;
    let is_enough = collected.is_good() && !fragment.compare_redundant;
    let second = second.filter(|_| !is_enough && !collected.is_busy());
    let Some(second) = second else { return Ok((collected, Locks { _first: first, _second: None })) };
    let (other, second) = open_and_read(second, fragment)?;
    Ok((redundant::choose(collected, other), Locks { _first: first, _second: second }))
}

/// Reads one EEPROM, and gives it back locked, if it could be opened.
fn open_and_read(file: &Path, fragment: &Fragment) -> anyhow::Result<(Collected, Option<Eeprom>)> {
    Ok(match open(file)? {
        Ok(mut eeprom) => (Collected { file: file.to_owned(), ..read(&mut eeprom, fragment) }, Some(eeprom)),
        Err(verdict) => (Collected::without(verdict), None),
    })
}

/// Opens an EEPROM, or says what its absence or silence means for it.
fn open(file: &Path) -> anyhow::Result<Result<Eeprom, Verdict>> {
    match Eeprom::open(file) {
        Ok(eeprom) => Ok(Ok(eeprom)),
        Err(error @ EepromError::Absent { .. }) => Ok(Err(Verdict::Absent(error.to_string()))),
        Err(error @ EepromError::Locked { .. }) => Ok(Err(Verdict::Busy(error.to_string()))),
        // The chip is not to blame, and no later run of this unit will be allowed more.
        Err(EepromError::Unreadable { path, source }) if source.kind() == io::ErrorKind::PermissionDenied => {
            Err(source)
                .with_context(|| format!("cannot open {}", path.display()))
                .context(Exit::Configuration)
        }
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            Ok(Err(Verdict::Unreadable(format!("{error}{cause}"))))
        }
    }
}

pub(crate) fn read<R: ReadAt>(eeprom: R, fragment: &Fragment) -> Collected {
    let needed = fragment.needed_records();
    let options = fragment.read_options(needed.as_deref().map_or(Wanted::All, Wanted::Records));
    let window = Window::new(eeprom, fragment.offset, fragment.size);
    let shortfall = window.shortfall();
    let mut source = Counted::new(window);
    let verdict = match vpd_format::read(&mut source, &options) {
        Ok(vpd) => Verdict::Usable(Box::new(vpd)),
        Err(ReadError::Format(error)) => Verdict::Unusable(error),
        Err(error) => Verdict::Unreadable(error.to_string()),
    };
    let (image_size, bytes_read) = (source.size(), source.bytes());
    Collected { image_size, bytes_read, shortfall, ..Collected::without(verdict) }
}

impl Collected {
    fn without(verdict: Verdict) -> Self {
        Self {
            verdict,
            image_size: 0,
            bytes_read: 0,
            file: PathBuf::new(),
            shortfall: None,
            redundant: Redundant::Nothing,
        }
    }

    /// Nothing better can be hoped for from another copy.
    pub(crate) fn is_good(&self) -> bool {
        matches!(&self.verdict, Verdict::Usable(vpd) if vpd.outcome != Outcome::Bad)
    }

    /// It is to be read again when its writer is done.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.verdict, Verdict::Busy(_))
    }

    /// Somebody will want to see its bytes: they are there and wrong.
    pub(crate) fn is_damaged(&self) -> bool {
        match &self.verdict {
            Verdict::Usable(vpd) => vpd.outcome == Outcome::Bad,
            Verdict::Unusable(error) => error.outcome() != Outcome::Blank,
            Verdict::Unreadable(_) | Verdict::Absent(_) | Verdict::Busy(_) => false,
        }
    }

    pub(crate) fn reading(&self) -> Reading<'_> {
        match &self.verdict {
            Verdict::Usable(vpd) => Reading::Usable(vpd),
            Verdict::Absent(_) => Reading::Absent,
            Verdict::Unusable(_) | Verdict::Unreadable(_) | Verdict::Busy(_) => Reading::Unusable,
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match &self.verdict {
            Verdict::Usable(vpd) if vpd.outcome == Outcome::Bad => Exit::BadData,
            Verdict::Usable(_) => Exit::Done,
            Verdict::Unusable(_) => Exit::BadData,
            Verdict::Unreadable(_) | Verdict::Absent(_) => Exit::DeviceAbsent,
            Verdict::Busy(_) => Exit::PeerUnavailable,
        }
    }

    fn outcome(&self) -> collection::Outcome {
        match &self.verdict {
            Verdict::Usable(vpd) => said(vpd.outcome),
            Verdict::Unusable(error) => said(error.outcome()),
            Verdict::Unreadable(_) => collection::Outcome::Unreadable,
            Verdict::Absent(_) => collection::Outcome::Absent,
            Verdict::Busy(_) => collection::Outcome::Busy,
        }
    }

    pub(crate) fn reason(&self) -> String {
        match &self.verdict {
            Verdict::Usable(vpd) => problems(vpd).into_iter().next().unwrap_or_default(),
            Verdict::Unusable(error) => match self.shortfall {
                Some(shortfall) => format!("{error}: {shortfall}"),
                None => error.to_string(),
            },
            Verdict::Unreadable(reason) | Verdict::Absent(reason) | Verdict::Busy(reason) => reason.clone(),
        }
    }
}

/// The report without the inventory's part in it.
pub(crate) fn report(key: &EepromKey, collected: &Collected, times: Times) -> Report {
    let (format, records) = match &collected.verdict {
        Verdict::Usable(vpd) => (vpd.format.to_string(), records(vpd)),
        _ => (String::new(), Vec::new()),
    };
    Report {
        key: key.to_string(),
        format,
        outcome: collected.outcome(),
        reason: collected.reason(),
        inventory: InventoryAnswer::Nothing,
        ccin: match collected.reading() {
            Reading::Usable(vpd) => Keywords(vpd).ccin().filter(|ccin| is_ccin(ccin)).unwrap_or_default(),
            _ => String::new(),
        },
        redundant: collected.redundant,
        records,
        image_size: collected.image_size,
        bytes_read: collected.bytes_read,
        started: times.started,
        finished: times.completed,
        excluded: Vec::new(),
        // systemd tells each run of a unit its id.
        invocation: std::env::var("INVOCATION_ID").unwrap_or_default(),
    }
}

/// Whether the keyword's text is a CCIN, and not just any bytes: it becomes part of the name of a slot's unit.
fn is_ccin(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// An outcome of the format, as reports say it.
fn said(outcome: Outcome) -> collection::Outcome {
    match outcome {
        Outcome::Skipped => collection::Outcome::Skipped,
        Outcome::Ok => collection::Outcome::Ok,
        Outcome::Unchecked => collection::Outcome::Unchecked,
        Outcome::Recovered => collection::Outcome::Recovered,
        Outcome::Blank => collection::Outcome::Blank,
        Outcome::Bad => collection::Outcome::Bad,
    }
}

fn records(vpd: &Vpd) -> Vec<RecordReport> {
    match &vpd.content {
        Content::Ipz(image) => {
            let areas = [&image.header, &image.toc].map(|area| RecordReport {
                name: area.entry.name.to_string(),
                outcome: said(area.outcome),
                recovered_bits: area.correction.bits(),
                reason: String::new(),
            });
            let records = image.records.iter().map(|record| RecordReport {
                name: record.name().to_string(),
                outcome: said(record.outcome),
                recovered_bits: record.recovered_bits(),
                reason: record.reason.as_ref().map(VpdError::to_string).unwrap_or_default(),
            });
            areas.into_iter().chain(records).collect()
        }
        Content::Keyword(_) | Content::Memory(_) => Vec::new(),
    }
}

/// What is wrong with an image that is otherwise usable.
fn problems(vpd: &Vpd) -> Vec<String> {
    match &vpd.content {
        Content::Ipz(image) => image
            .records
            .iter()
            .filter_map(|record| record.reason.as_ref())
            .map(VpdError::to_string)
            .collect(),
        Content::Keyword(image) => image.problems.iter().map(VpdError::to_string).collect(),
        Content::Memory(module) => module.problems.iter().map(VpdError::to_string).collect(),
    }
}

/// One line per fact: the FRU and what is wrong with it, or that it was collected.
pub(crate) fn log(key: &EepromKey, collected: &Collected, publication: &Publication<'_>) {
    match &collected.verdict {
        Verdict::Usable(vpd) => {
            log_usable(key, vpd, collected.bytes_read);
            for problem in &publication.problems {
                log::warn!("{problem} fru={key}");
            }
            if !publication.not_programmed.is_empty() {
                log::info!(
                    "never programmed, so published empty fru={key} keywords={}",
                    few(&publication.not_programmed)
                );
            }
            if !publication.dropped.is_empty() {
                log::info!(
                    "the inventory has no place for these and does not show them fru={key} names={}",
                    few(&publication.dropped)
                );
            }
        }
        Verdict::Unusable(error) => {
            let (reason, outcome) = (collected.reason(), error.outcome());
            log::error!("nothing of this EEPROM is usable: {reason} fru={key} outcome={outcome}");
        }
        Verdict::Unreadable(reason) => log::error!("this EEPROM does not answer: {reason} fru={key}"),
        Verdict::Absent(reason) => log::warn!("this EEPROM is absent: {reason} fru={key}"),
        // Nothing of it is published.
        Verdict::Busy(_) => {}
    }
}

/// Lines of one kind that one EEPROM may cause.
const REMARKS_SHOWN: usize = 32;

/// Some of many names; an EEPROM decides how many there are.
fn few(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 16;
    let shown: Vec<_> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown.join(","),
        Some(more) => format!("{},… and {more} more", shown.join(",")),
    }
}

fn log_usable(key: &EepromKey, vpd: &Vpd, bytes: u64) {
    for problem in problems(vpd).into_iter().take(REMARKS_SHOWN) {
        log::error!("part of this EEPROM is not usable: {problem} fru={key}");
    }
    let remarks = match &vpd.content {
        Content::Ipz(image) => image.remarks.as_slice(),
        Content::Keyword(image) => &image.remarks,
        Content::Memory(module) => &module.remarks,
    };
    if let Content::Ipz(image) = &vpd.content {
        let areas = [&image.header, &image.toc].map(|area| (area.entry, area.correction));
        let records = image.records.iter().map(|record| (record.entry, record.correction));
        for (entry, correction) in
            areas.into_iter().chain(records).filter(|(_, correction)| correction.bits() > 0)
        {
            log::warn!(
                "corrected by its code fru={key} record={} offset={} bits={}",
                entry.name,
                entry.offset,
                correction.bits()
            );
        }
    }
    for remark in remarks.iter().take(REMARKS_SHOWN) {
        log::warn!("{remark} fru={key}");
    }
    log::info!("collected fru={key} format={} outcome={} bytes={bytes}", vpd.format, vpd.outcome);
}

#[cfg(test)]
mod tests;
