//! What a planned write consists of.

use core::ops::Range;

use crate::error::VpdError;
use crate::names::{KeywordName, RecordName};

/// Two changed places this close are written as one: rewriting a few equal bytes is cheaper than another
/// write cycle of the EEPROM, which takes milliseconds whatever its length.
const MERGE_GAP: usize = 8;

/// A new value for one keyword.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change<'a> {
    /// The keyword to change.
    pub keyword: KeywordName,
    /// Its new value; never longer than the stored one, never empty.
    pub value: &'a [u8],
    /// Fills the rest when the value is shorter than the stored one; without it that is an error.
    pub pad: Option<u8>,
}

/// Bytes to put at one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// Where, in bytes from the start of the VPD (a device window's offset is not included).
    pub offset: u64,
    /// What.
    pub bytes: Vec<u8>,
}

/// The value to store in a keyword that holds `length` bytes.
pub(crate) fn new_value(
    record: Option<RecordName>,
    change: &Change<'_>,
    length: usize,
) -> Result<Vec<u8>, VpdError> {
    let mut value = change.value.to_vec();
    if let Some(pad) = change.pad
        && !value.is_empty()
        && value.len() < length
    {
        value.resize(length, pad);
    }
    if value.is_empty() || value.len() != length {
        return Err(VpdError::ValueLength {
            record,
            keyword: change.keyword,
            expected: u32::try_from(length).unwrap_or(u32::MAX),
            found: u32::try_from(change.value.len()).unwrap_or(u32::MAX),
        });
    }
    Ok(value)
}

/// The writes that turn `old` into `new`, both beginning at `offset` and of the same length.
pub(crate) fn differences(offset: u64, old: &[u8], new: &[u8]) -> Vec<Write> {
    let changed = old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (index, _) in changed {
        let end = index.saturating_add(1);
        match ranges.last_mut() {
            Some(last) if index <= last.end.saturating_add(MERGE_GAP) => last.end = end,
            _ => ranges.push(index..end),
        }
    }
    let write = |range: Range<usize>| Write {
        offset: offset.saturating_add(range.start as u64),
        bytes: new.get(range).unwrap_or_default().to_vec(),
    };
    ranges.into_iter().map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changed_places_are_written_and_near_ones_together() {
        let old = [0; 40];
        let mut new = old;
        new[3] = 1;
        new[12] = 2;
        new[22] = 3;
        new[39] = 4;
        let writes: Vec<_> =
            differences(100, &old, &new).iter().map(|write| (write.offset, write.bytes.len())).collect();
        assert_eq!(writes, [(103, 10), (122, 1), (139, 1)]);
        assert_eq!(differences(100, &new, &new), []);
    }

    #[test]
    fn a_value_must_fill_its_keyword_or_be_padded_on_purpose() {
        let keyword = KeywordName(*b"SN");
        let value = |value, pad| new_value(None, &Change { keyword, value, pad }, 4);
        let refused = |found| Err(VpdError::ValueLength { record: None, keyword, expected: 4, found });
        assert_eq!(value(b"1234", None), Ok(b"1234".to_vec()));
        assert_eq!(value(b"12", Some(b' ')), Ok(b"12  ".to_vec()));
        assert_eq!(value(b"12", None), refused(2));
        assert_eq!(value(b"", Some(0)), refused(0));
        assert_eq!(value(b"12345", Some(0)), refused(5));
    }
}
