//! The structure of one record: tags, size, name, keywords.

use super::header::{END_TAG, START_TAG, is_tag};
use super::image::{StoredKeyword, TocEntry};
use crate::duplicates::{FirstOfEach, MOST_KEYWORDS, first_of_each};
use crate::error::VpdError;
use crate::names::{KeywordName, RecordName};
use crate::options::Ecc;

/// Where the body begins: after the tag and the size of the body.
const BODY: usize = 3;
/// Bytes around the body.
const AROUND: u32 = 4;

/// The keywords of a record.
#[derive(Debug, Default)]
pub(crate) struct Keywords {
    /// Where in the record each keyword begins: first ones of their name only, without PF, ascending.
    pub(crate) starts: Vec<u16>,
    /// The first keyword whose name was seen before.
    pub(crate) duplicate: Option<VpdError>,
}

/// Checks a record's structure and finds its keywords, at most `room` of them.
///
/// Errors: tags, size or name differ from what the format and `entry` say; a keyword leaves the record; there are
/// too many keywords.
pub(crate) fn parse(entry: &TocEntry, bytes: &[u8], ecc: Ecc, room: usize) -> Result<Keywords, VpdError> {
    let body = check_frame(entry, bytes, ecc)?;
    let mut starts = Vec::new();
    walk(entry, body, |start, keyword| {
        if starts.len() <= room {
            starts.push((keyword.name, start));
        }
    })?;
    if starts.len() > room {
        return Err(VpdError::TooManyKeywords { record: Some(entry.name), limit: MOST_KEYWORDS });
    }
    let FirstOfEach { starts, duplicate } = first_of_each(starts);
    let duplicate = duplicate.map(|(keyword, start)| VpdError::DuplicateKeyword {
        record: Some(entry.name),
        keyword,
        offset: u32::from(entry.offset).saturating_add(u32::from(start)),
    });
    Ok(Keywords { starts, duplicate })
}

/// Checks everything around and before the keywords; returns the body.
pub(crate) fn check_frame<'a>(entry: &TocEntry, bytes: &'a [u8], ecc: Ecc) -> Result<&'a [u8], VpdError> {
    let offset = u32::from(entry.offset);
    let unexpected = |what, at: u32, expected, found| VpdError::UnexpectedByte {
        what,
        offset: offset.saturating_add(at),
        expected,
        found,
    };
    let length = u32::from(entry.length);
    let [tag, low, high, body @ .., end] = bytes else {
        return Err(VpdError::BodySize { record: entry.name, offset, expected: AROUND, found: length });
    };
    if !is_tag(*tag, START_TAG, ecc) {
        return Err(unexpected("record start tag", 0, START_TAG, *tag));
    }
    let (expected, found) = (length.saturating_sub(AROUND), u32::from(u16::from_le_bytes([*low, *high])));
    if expected != found {
        return Err(VpdError::BodySize { record: entry.name, offset, expected, found });
    }
    if !is_tag(*end, END_TAG, ecc) {
        return Err(unexpected("record end tag", length.saturating_sub(1), END_TAG, *end));
    }
    check_name(entry, body)?;
    Ok(body)
}

/// The first keyword must be RT and repeat the name of the entry.
fn check_name(entry: &TocEntry, body: &[u8]) -> Result<(), VpdError> {
    let offset = u32::from(entry.offset).saturating_add(BODY as u32);
    let record_type = StoredKeyword::parse(body).filter(|keyword| keyword.name == KeywordName::RT);
    let Some(record_type) = record_type else {
        return Err(VpdError::MissingKeyword { record: Some(entry.name), keyword: KeywordName::RT, offset });
    };
    let found = RecordName(record_type.value.first_chunk().copied().unwrap_or_default());
    if record_type.length != 4 || found != entry.name {
        return Err(VpdError::RecordNameMismatch {
            record: entry.name,
            offset: offset.saturating_add(3),
            found,
        });
    }
    Ok(())
}

/// Calls `visit` with each keyword before PF and its place in the record.
///
/// A record may do without PF if its keywords fill it exactly. What follows PF is padding whatever it holds.
pub(crate) fn walk<'a>(
    entry: &TocEntry,
    body: &'a [u8],
    mut visit: impl FnMut(u16, StoredKeyword<'a>),
) -> Result<(), VpdError> {
    let mut rest = body;
    while !rest.is_empty() {
        let start = BODY.saturating_add(body.len().saturating_sub(rest.len()));
        let offset = u32::from(entry.offset).saturating_add(start as u32);
        let left = rest.len() as u32;
        let Some(keyword) = StoredKeyword::parse(rest) else {
            return Err(VpdError::StrayBytes { record: Some(entry.name), offset, found: left });
        };
        let expected = keyword.full_length();
        let Some(next) = rest.get(expected as usize..) else {
            return Err(VpdError::KeywordTruncated {
                record: Some(entry.name),
                keyword: keyword.name,
                offset,
                expected,
                found: left,
            });
        };
        if keyword.name == KeywordName::PF {
            break;
        }
        visit(start as u16, keyword);
        rest = next;
    }
    Ok(())
}
