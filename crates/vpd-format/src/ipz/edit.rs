//! Plans the change of keywords of a record, or of the record as a whole.

use vpd_ecc::Correction;

use super::image::TocEntry;
use super::record;
use crate::edit::{Change, Write, differences, new_value};
use crate::error::{Part, VpdError};
use crate::names::{KeywordName, RecordName};
use crate::options::Ecc;

/// A record and its code as the EEPROM holds them, uncorrected.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Where both are.
    pub entry: TocEntry,
    /// The record's bytes.
    pub data: &'a [u8],
    /// The code's bytes.
    pub ecc: &'a [u8],
}

/// What to write to change a record; nothing if the EEPROM holds all of it already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Writes to the record. Includes the repair of damage that was found.
    pub data: Vec<Write>,
    /// Writes to the code.
    pub ecc: Vec<Write>,
    /// The record as it is after the writes.
    pub new_data: Vec<u8>,
    /// The code as it is after the writes.
    pub new_ecc: Vec<u8>,
    /// The values before the change, after correction, one for each change; none where the record is replaced as a whole.
    pub old_values: Vec<Vec<u8>>,
    /// Damage that was found, and that the writes repair.
    pub correction: Correction,
}

/// Plans the change of keywords of one record, in order: a later change of the same keyword finds the value of the earlier one.
///
/// The stored code is checked before anything else, so that damage is never sealed with a fresh code.
///
/// Errors: [`VpdError::ProtectedRecord`] for VHDR and VTOC; [`VpdError::ProtectedKeyword`] for RT and PF;
/// [`VpdError::AreaLength`] when the bytes do not fit the entry; [`VpdError::Uncorrectable`] and structural
/// errors when the stored record is bad; [`VpdError::NoSuchKeyword`]; [`VpdError::ValueLength`] when a value
/// is empty, longer than the stored one, or shorter without a pad byte.
pub fn plan_writes(stored: &Stored<'_>, changes: &[Change<'_>]) -> Result<Plan, VpdError> {
    let record = stored.entry.name;
    check_record(record)?;
    changes.iter().try_for_each(|change| check_keyword(change.keyword))?;
    check_lengths(stored)?;
    let (mut data, mut ecc) = (stored.data.to_vec(), stored.ecc.to_vec());
    let correction = vpd_ecc::correct(&mut data, &mut ecc).map_err(|error| stored.entry.ecc_error(error))?;
    let mut old_values = Vec::with_capacity(changes.len());
    for change in changes {
        let (start, old_value) = find(&stored.entry, &data, change.keyword)?;
        let value = new_value(Some(record), change, old_value.len())?;
        if let Some(place) = data.get_mut(start..start.saturating_add(value.len())) {
            place.copy_from_slice(&value);
        }
        old_values.push(old_value);
    }
    plan(stored, data, correction, old_values)
}

/// Plans to put another copy of a record, whose code was right, in place of what is stored, which may be damaged.
///
/// Errors: [`VpdError::ProtectedRecord`] for VHDR and VTOC; [`VpdError::AreaLength`] when the stored bytes or the copy do not
/// fit the entry; structural errors when the copy is not this record.
pub fn plan_record(stored: &Stored<'_>, copy: &[u8]) -> Result<Plan, VpdError> {
    check_record(stored.entry.name)?;
    check_lengths(stored)?;
    check_length(stored, Part::Data, copy.len())?;
    let body = record::check_frame(&stored.entry, copy, Ecc::Checked)?;
    record::walk(&stored.entry, body, |_, _| ())?;
    plan(stored, copy.to_vec(), Correction::default(), Vec::new())
}

/// The value of a keyword in the bytes of a record; `None` when they are not that record, or it has no such keyword.
#[must_use]
pub fn value_of(record: RecordName, bytes: &[u8], keyword: KeywordName) -> Option<Vec<u8>> {
    let length = u16::try_from(bytes.len()).ok()?;
    let entry = TocEntry { name: record, record_type: 0, offset: 0, length, ecc_offset: 0, ecc_length: 0 };
    find(&entry, bytes, keyword).ok().map(|(_, value)| value)
}

/// The writes that lead to a record with its code.
fn plan(
    stored: &Stored<'_>,
    new_data: Vec<u8>,
    correction: Correction,
    old_values: Vec<Vec<u8>>,
) -> Result<Plan, VpdError> {
    let entry = &stored.entry;
    let mut new_ecc = vec![0; stored.ecc.len()];
    vpd_ecc::create(&new_data, &mut new_ecc).map_err(|error| entry.ecc_error(error))?;
    Ok(Plan {
        data: differences(u64::from(entry.offset), stored.data, &new_data),
        ecc: differences(u64::from(entry.ecc_offset), stored.ecc, &new_ecc),
        new_data,
        new_ecc,
        old_values,
        correction,
    })
}

fn check_record(record: RecordName) -> Result<(), VpdError> {
    if matches!(record, RecordName::VHDR | RecordName::VTOC) {
        return Err(VpdError::ProtectedRecord { record });
    }
    Ok(())
}

fn check_keyword(keyword: KeywordName) -> Result<(), VpdError> {
    if matches!(keyword, KeywordName::RT | KeywordName::PF) {
        return Err(VpdError::ProtectedKeyword { keyword });
    }
    Ok(())
}

fn check_lengths(stored: &Stored<'_>) -> Result<(), VpdError> {
    check_length(stored, Part::Data, stored.data.len())?;
    check_length(stored, Part::Ecc, stored.ecc.len())
}

fn check_length(stored: &Stored<'_>, part: Part, found: usize) -> Result<(), VpdError> {
    let expected = stored.entry.range(part).len();
    if expected == found {
        return Ok(());
    }
    Err(VpdError::AreaLength {
        record: stored.entry.name,
        part,
        expected: expected as u32,
        found: u32::try_from(found).unwrap_or(u32::MAX),
    })
}

/// Where the first keyword of this name has its value in the record, and the value.
fn find(entry: &TocEntry, data: &[u8], keyword: KeywordName) -> Result<(usize, Vec<u8>), VpdError> {
    let mut found = None;
    let body = record::check_frame(entry, data, Ecc::Checked)?;
    record::walk(entry, body, |start, stored| {
        if stored.name == keyword && found.is_none() {
            let value = usize::from(start).saturating_add(stored.header_length as usize);
            found = Some((value, stored.value.to_vec()));
        }
    })?;
    found.ok_or(VpdError::NoSuchKeyword { record: Some(entry.name), keyword })
}
