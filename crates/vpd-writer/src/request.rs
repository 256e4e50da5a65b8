//! What a call asks for, made of its arguments: total, without any knowledge of the system.

use crate::job::{KeywordChange, Mend};
use crate::refusal::{Cause, Refusal};
use dbus_api::skim::Plain;
use dbus_api::vpd::manager::{self, Named};
use dbus_api::vpd::writer::{self, Change, Copies, Copy, option};
use location_code::Unexpanded;
use serde::Deserialize;
use std::collections::BTreeMap;
use vpd_format::{KeywordName, RecordName};
use zbus::message::Body;
use zbus::{ObjectPath, Signature, Type};

/// Most keywords that one call may change: all of the largest image that is known, many times.
const CHANGES: usize = 256;
/// Longest path of an object or chip, bytes.
const LONGEST_PATH: usize = 1_024;
/// Shortest expanded location code, bytes: `U`, feature code, node and serial number.
const SHORTEST_EXPANDED: usize = 17;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Something that is known without a chip.
    LookUp(LookUp),
    /// Something of a chip.
    Read(String, Reading),
    /// New values of keywords.
    Write(String, WriteRequest),
    /// Something is to be put right.
    Mend(String, Mend),
    /// Which EEPROMs have a write that is not settled.
    Pending,
    /// The last writes.
    History,
    /// Parts are to be read again, or taken out.
    Collect(Collect),
}

/// What is answered at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// The code of the machine's own for one that is not expanded.
    Expanded(Unexpanded),
    /// Objects by a code that is not expanded.
    ByUnexpanded(Unexpanded),
    /// Objects by a code as it is printed on the machine.
    ByExpanded(String),
    /// Chips of an object.
    HardwarePath(String),
}

/// What is wanted of a chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// One keyword.
    Keyword(Option<RecordName>, KeywordName),
    /// All of them.
    All,
    /// Whether the redundant one says the same.
    Agreement,
    /// The same in full, with the inventory.
    Comparison,
}

/// New values of keywords of one EEPROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteRequest {
    /// Only in the chip that the path names, and nowhere else.
    pub on_hardware_only: bool,
    /// At least one.
    pub changes: Vec<KeywordChange>,
    /// Which chips.
    pub copies: Copies,
    /// Nothing is written.
    pub dry_run: bool,
}

/// What the collection service is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collect {
    /// Read one again.
    One(String),
    /// Read again all that may be replaced while the host is off.
    Replaceable,
    /// Read all again.
    All,
    /// Take one out.
    Remove(String),
    /// Take all out but the system's own.
    RemoveAll,
}

impl Request {
    /// What a call of one of the methods of our interfaces asks for.
    ///
    /// Errors: [`Cause::UnknownMethod`], [`Cause::Arguments`] for arguments of another type, [`Cause::InvalidArgument`] and
    /// [`Cause::NotAllowed`] by what they say.
    pub fn of_call(method: &str, body: &Body) -> Result<Self, Refusal> {
        Arguments { method, body }.request()
    }
}

struct Arguments<'a> {
    method: &'a str,
    body: &'a Body,
}

impl<'a> Arguments<'a> {
    fn request(&self) -> Result<Request, Refusal> {
        if let Some(request) = self.of_keyword()? {
            return Ok(request);
        }
        Ok(match self.method {
            manager::GET_PARSED_VPD => Request::Read(self.path()?, Reading::All),
            manager::VALIDATE_REDUNDANT => Request::Read(self.path()?, Reading::Agreement),
            writer::VERIFY => Request::Read(self.path()?, Reading::Comparison),
            manager::GET_HARDWARE_PATH => Request::LookUp(LookUp::HardwarePath(self.object()?)),
            manager::COLLECT_FRU_VPD => Request::Collect(Collect::One(self.object()?)),
            manager::DELETE_FRU_VPD | manager::DELETE_FRU_VPD_OLDER => {
                Request::Collect(Collect::Remove(self.object()?))
            }
            manager::PERFORM_VPD_RECOLLECTION => self.nothing(Request::Collect(Collect::Replaceable))?,
            manager::COLLECT_ALL_FRU_VPD => self.nothing(Request::Collect(Collect::All))?,
            manager::DELETE_ALL_FRU_VPD => self.nothing(Request::Collect(Collect::RemoveAll))?,
            manager::GET_EXPANDED_LOCATION_CODE => Request::LookUp(LookUp::Expanded(self.unexpanded()?)),
            manager::GET_FRUS_BY_UNEXPANDED => Request::LookUp(LookUp::ByUnexpanded(self.unexpanded()?)),
            manager::GET_FRUS_BY_EXPANDED => {
                let (code,) = self.take()?;
                Request::LookUp(LookUp::ByExpanded(expanded(code)?))
            }
            writer::REPAIR => {
                let (path, records, source): (&str, Vec<&str>, &str) = self.take()?;
                let records = records.into_iter().map(record_to_write).collect::<Result<_, _>>()?;
                Request::Mend(
                    checked_path(path)?,
                    Mend::Repair { records, source: source_of(source)?, image: None },
                )
            }
            writer::REPAIR_FROM => {
                let (path, records, image): (&str, Vec<&str>, &[u8]) = self.take()?;
                let records = records.into_iter().map(record_to_write).collect::<Result<_, _>>()?;
                let image = Some(image.to_vec());
                Request::Mend(checked_path(path)?, Mend::Repair { records, source: None, image })
            }
            writer::SCRUB => Request::Mend(self.path()?, Mend::Scrub),
            writer::BACKUP => Request::Mend(self.path()?, Mend::Backup),
            writer::RESTORE => Request::Mend(self.path()?, Mend::Restore),
            writer::PENDING => self.nothing(Request::Pending)?,
            writer::HISTORY => self.nothing(Request::History)?,
            method => return Err(Cause::UnknownMethod.because(format!("there is no method {method}"))),
        })
    }

    /// The methods that name keywords.
    fn of_keyword(&self) -> Result<Option<Request>, Refusal> {
        Ok(Some(match self.method {
            manager::WRITE_KEYWORD => {
                let (path, record, keyword, value): (ObjectPath<'_>, &str, &str, &[u8]) = self.take()?;
                let change = change(Some(record), keyword, value)?;
                Request::Write(checked_path(&path)?, WriteRequest::of(change, false))
            }
            manager::UPDATE_KEYWORD | manager::WRITE_KEYWORD_ON_HARDWARE => {
                let (path, named): (&str, Named<'_>) = self.take()?;
                let change = match named {
                    Named::ValueInRecord(record, keyword, value) => change(Some(record), keyword, value)?,
                    Named::ValueAlone(keyword, value) => change(None, keyword, value)?,
                    _ => return Err(wrong_variant("(ssay) or (say)")),
                };
                let on_hardware_only = self.method == manager::WRITE_KEYWORD_ON_HARDWARE;
                Request::Write(checked_path(path)?, WriteRequest::of(change, on_hardware_only))
            }
            manager::READ_KEYWORD => {
                let (path, named): (&str, Named<'_>) = self.take()?;
                let (record, keyword) = match named {
                    Named::InRecord(record, keyword) => (Some(record_name(record)?), keyword),
                    Named::Alone(keyword) => (None, keyword),
                    _ => return Err(wrong_variant("(ss) or s")),
                };
                if let Some(record) = record.filter(|record| is_structure(*record)) {
                    return Err(Cause::NotAllowed.because(format!("record {record} is not read by keyword")));
                }
                Request::Read(checked_path(path)?, Reading::Keyword(record, keyword_name(keyword)?))
            }
            writer::WRITE => {
                let (path, changes, options): (&str, Vec<Change<'_>>, BTreeMap<&str, Plain<'_>>) =
                    self.take()?;
                Request::Write(checked_path(path)?, batch(&changes, &options)?)
            }
            _ => return Ok(None),
        }))
    }

    fn take<T: Deserialize<'a> + Type>(&self) -> Result<T, Refusal> {
        let method = self.method;
        // No message of the bus's lacks the body that its signature speaks of: it was longer than is taken.
        if self.body.is_empty() && *self.body.signature() != Signature::Unit {
            let text = format!("the arguments of {method} are longer than it takes and were not read");
            return Err(Cause::Arguments.because(text));
        }
        let refused = |error| Cause::Arguments.because(format!("the arguments do not fit {method}: {error}"));
        self.body.deserialize().map_err(refused)
    }

    fn nothing(&self, request: Request) -> Result<Request, Refusal> {
        if *self.body.signature() == Signature::Unit {
            return Ok(request);
        }
        Err(Cause::Arguments.because(format!("{} takes no arguments", self.method)))
    }

    fn path(&self) -> Result<String, Refusal> {
        let (path,) = self.take()?;
        checked_path(path)
    }

    fn object(&self) -> Result<String, Refusal> {
        let (path,): (ObjectPath<'_>,) = self.take()?;
        checked_path(&path)
    }

    fn unexpanded(&self) -> Result<Unexpanded, Refusal> {
        let (code, _node): (&str, u16) = self.take()?;
        Unexpanded::parse(code).map_err(|error| Cause::InvalidArgument.because(error.to_string()))
    }
}

impl WriteRequest {
    fn of(change: KeywordChange, on_hardware_only: bool) -> Self {
        Self { on_hardware_only, changes: vec![change], copies: Copies::default(), dry_run: false }
    }
}

fn wrong_variant(wanted: &str) -> Refusal {
    Cause::InvalidArgument.because(format!("the variant must be {wanted}"))
}

fn checked_path(path: &str) -> Result<String, Refusal> {
    match path.len() {
        0 => Err(Cause::InvalidArgument.because("the path is empty")),
        1..=LONGEST_PATH => Ok(path.to_owned()),
        length => Err(Cause::InvalidArgument.because(format!("a path of {length} bytes is none"))),
    }
}

fn expanded(code: &str) -> Result<String, Refusal> {
    let is_code = code.starts_with('U')
        && (SHORTEST_EXPANDED..=location_code::LONGEST).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_graphic());
    if is_code {
        return Ok(code.to_owned());
    }
    Err(Cause::InvalidArgument.because(format!("{code:?} is no expanded location code")))
}

/// Header and table of contents, which no keyword is read or written of.
fn is_structure(record: RecordName) -> bool {
    [RecordName::VHDR, RecordName::VTOC].contains(&record)
}

fn record_name(text: &str) -> Result<RecordName, Refusal> {
    let name = text.parse().ok().filter(|_| is_name(text));
    name.ok_or_else(|| Cause::InvalidArgument.because(format!("{text:?} is no record: four characters")))
}

fn keyword_name(text: &str) -> Result<KeywordName, Refusal> {
    let name = text.parse().ok().filter(|_| is_name(text));
    name.ok_or_else(|| Cause::InvalidArgument.because(format!("{text:?} is no keyword: two characters")))
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn record_to_write(text: &str) -> Result<RecordName, Refusal> {
    let record = record_name(text)?;
    if is_structure(record) {
        return Err(Cause::NotAllowed.because(format!("record {record} is never written")));
    }
    Ok(record)
}

/// What is not a keyword's value but part of how records and sections are made.
const STRUCTURE: [KeywordName; 4] = [KeywordName::RT, KeywordName::PF, KeywordName::RV, KeywordName::RW];

fn change(record: Option<&str>, keyword: &str, value: &[u8]) -> Result<KeywordChange, Refusal> {
    let record = record.map(record_to_write).transpose()?;
    let keyword = keyword_name(keyword)?;
    if STRUCTURE.contains(&keyword) {
        return Err(Cause::NotAllowed.because(format!("keyword {keyword} is never written")));
    }
    if value.is_empty() {
        return Err(Cause::InvalidArgument.because(format!("the value of keyword {keyword} is empty")));
    }
    Ok(KeywordChange { record, keyword, value: value.to_owned(), pad: None, expected: None })
}

fn batch(changes: &[Change<'_>], options: &BTreeMap<&str, Plain<'_>>) -> Result<WriteRequest, Refusal> {
    if !(1..=CHANGES).contains(&changes.len()) {
        let text = format!("one call changes 1 to {CHANGES} keywords, not {}", changes.len());
        return Err(Cause::InvalidArgument.because(text));
    }
    let mut request = WriteRequest {
        on_hardware_only: false,
        changes: Vec::with_capacity(changes.len()),
        copies: Copies::default(),
        dry_run: false,
    };
    for (name, value) in options {
        match (*name, *value) {
            (option::DRY_RUN, Plain::Bool(is_dry)) => request.dry_run = is_dry,
            (option::COPIES, Plain::Text(word)) => {
                let unknown = || format!("{}: {word:?} is none of both, one, go-on", option::COPIES);
                let copies = Copies::parse(word).ok_or_else(|| Cause::InvalidArgument.because(unknown()));
                request.copies = copies?;
            }
            (name, _) => {
                let text = format!("there is no option {name:?} of this type");
                return Err(Cause::InvalidArgument.because(text));
            }
        }
    }
    for given in changes {
        let record = (!given.record.is_empty()).then_some(given.record);
        let mut change = change(record, given.keyword, given.value)?;
        change.pad = match given.pad {
            [] => None,
            [byte] => Some(*byte),
            bytes => {
                let text = format!("keyword {} is padded with one byte, not {}", change.keyword, bytes.len());
                return Err(Cause::InvalidArgument.because(text));
            }
        };
        change.expected = (!given.expected.is_empty()).then(|| given.expected.to_owned());
        let is_same =
            |other: &&KeywordChange| (other.record, other.keyword) == (change.record, change.keyword);
        if let Some(twice) = request.changes.iter().find(is_same) {
            return Err(Cause::InvalidArgument.because(format!("keyword {} is named twice", twice.keyword)));
        }
        request.changes.push(change);
    }
    Ok(request)
}

fn source_of(word: &str) -> Result<Option<Copy>, Refusal> {
    match Copy::parse(word) {
        _ if word.is_empty() => Ok(None),
        Some(source @ (Copy::Redundant | Copy::Backup | Copy::Golden)) => Ok(Some(source)),
        _ => {
            let text = format!("{word:?} is none of redundant, backup, golden");
            Err(Cause::InvalidArgument.because(text))
        }
    }
}

#[cfg(test)]
mod tests;
