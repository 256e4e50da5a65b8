//! The header: 55 bytes at fixed positions that lead to the table of contents.

use core::ops::Range;

use vpd_ecc::Verdict;

use super::image::{AreaReport, TocEntry};
use crate::error::{Part, VpdError};
use crate::names::RecordName;
use crate::options::{Ecc, Policy};

/// Length of the header with its code.
pub(crate) const LENGTH: usize = 55;
/// Length of the header's code, which comes first.
pub(crate) const ECC_LENGTH: usize = 11;
/// Length of the record VHDR.
pub(crate) const RECORD_LENGTH: usize = LENGTH - ECC_LENGTH;

/// Where the entry for VTOC begins, from the start of the record.
const TOC_ENTRY: usize = 18;
const NAME: usize = 6;

/// Large resource tag that begins a record.
pub(crate) const START_TAG: u8 = 0x84;
/// End tag of a record.
pub(crate) const END_TAG: u8 = 0x78;

/// Place of the header and its code, as an entry.
const ENTRY: TocEntry = TocEntry {
    name: RecordName::VHDR,
    record_type: 0,
    offset: ECC_LENGTH as u16,
    length: RECORD_LENGTH as u16,
    ecc_offset: 0,
    ecc_length: ECC_LENGTH as u16,
};

/// The header's own report and the entry for the table of contents.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) report: AreaReport,
    pub(crate) toc: TocEntry,
}

/// Tells whether the first bytes of an image are, or can be corrected to be, an IPZ header.
///
/// So is one with the names VHDR and VTOC in their places, even if its tags are wrong, and one that is cut off after its
/// start tag; no other format is that short.
pub(crate) fn is_ipz(head: &[u8], ecc: Ecc) -> bool {
    let Some((code, record)) = split(head) else { return head.get(ECC_LENGTH) == Some(&START_TAG) };
    if check_tags(&record, ecc).is_ok() || has_names(&record) {
        return true;
    }
    let (mut code, mut record) = (code, record);
    ecc == Ecc::Checked
        && matches!(vpd_ecc::check(&record, &code), Verdict::Correctable(_))
        && vpd_ecc::correct(&mut record, &mut code).is_ok()
        && check_tags(&record, ecc).is_ok()
}

/// Reads the header from the first bytes of an image.
///
/// The code is used before anything is looked at, so that damaged tags and names are repaired too.
pub(crate) fn parse(head: &[u8], ecc: Ecc, policy: Policy) -> Result<Header, VpdError> {
    let (mut code, mut record) = split(head).ok_or(VpdError::TooShort {
        what: "IPZ header",
        expected: LENGTH as u64,
        found: head.len() as u64,
    })?;
    let report = match ecc {
        Ecc::Ignored => AreaReport::unchecked(ENTRY),
        Ecc::Checked => AreaReport::corrected(ENTRY, vpd_ecc::correct(&mut record, &mut code), policy)?,
    };
    check_tags(&record, ecc)?;
    Ok(Header { report, toc: toc_entry(&record) })
}

/// Copies code and record, if there are enough bytes.
fn split(head: &[u8]) -> Option<([u8; ECC_LENGTH], [u8; RECORD_LENGTH])> {
    let (code, rest) = head.split_first_chunk()?;
    Some((*code, *rest.first_chunk()?))
}

/// Where the code of the table of contents would be, if there is none before the header, and what to say if there is none
/// there either.
pub(crate) fn without_code(head: &[u8]) -> Option<(Range<usize>, VpdError)> {
    let (code, record) = split(head)?;
    let is_bare = code == [0; ECC_LENGTH] && has_names(&record);
    is_bare.then(|| (toc_entry(&record).range(Part::Ecc), VpdError::NoCode { missing: missing_tag(&record) }))
}

/// The entry for the table of contents.
fn toc_entry(record: &[u8; RECORD_LENGTH]) -> TocEntry {
    let entry =
        record.get(TOC_ENTRY..).and_then(|bytes| bytes.first_chunk()).unwrap_or(&[0; TocEntry::LENGTH]);
    TocEntry { name: RecordName::VTOC, ..TocEntry::parse(entry) }
}

/// Tells whether a byte is the tag that belongs there.
///
/// Some images have names and lengths only: no code, and zero for every tag but the first. Where the code is ignored, so is
/// that.
pub(crate) fn is_tag(found: u8, tag: u8, ecc: Ecc) -> bool {
    found == tag || found == 0 && ecc == Ecc::Ignored
}

/// Tells whether the names of header and table of contents are where they belong.
fn has_names(record: &[u8; RECORD_LENGTH]) -> bool {
    let name_at = |at: usize| record.get(at..).and_then(|bytes| bytes.first_chunk()).copied().map(RecordName);
    name_at(NAME) == Some(RecordName::VHDR) && name_at(TOC_ENTRY) == Some(RecordName::VTOC)
}

/// The first tag of the header that is not there, and where it belongs.
fn missing_tag(record: &[u8; RECORD_LENGTH]) -> Option<(&'static str, u32)> {
    match check_tags(record, Ecc::Checked) {
        Err(VpdError::UnexpectedByte { what, offset, .. }) => Some((what, offset)),
        _ => None,
    }
}

fn check_tags(record: &[u8; RECORD_LENGTH], ecc: Ecc) -> Result<(), VpdError> {
    let [start, .., end] = record;
    let unexpected =
        |what, offset, expected, found| Err(VpdError::UnexpectedByte { what, offset, expected, found });
    if !is_tag(*start, START_TAG, ecc) {
        return unexpected("start tag of VHDR", 11, START_TAG, *start);
    }
    if !is_tag(*end, END_TAG, ecc) {
        return unexpected("end tag of VHDR", 54, END_TAG, *end);
    }
    match record.get(NAME..).and_then(|bytes| bytes.first_chunk()).map(|name| RecordName(*name)) {
        Some(RecordName::VHDR) => Ok(()),
        found => Err(VpdError::RecordNameMismatch {
            record: RecordName::VHDR,
            offset: 17,
            found: found.unwrap_or(RecordName([0; 4])),
        }),
    }
}
