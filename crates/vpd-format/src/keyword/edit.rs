//! Plans the change of keywords of keyword VPD.

use super::checksum;
use super::image::Tag;
use super::parse::{Parsed, parse};
use crate::edit::{Change, Write, differences, new_value};
use crate::error::VpdError;
use crate::names::KeywordName;

/// What to write to change keywords; nothing if the EEPROM holds all of it already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Writes to the keywords and to the checksums that cover it.
    pub writes: Vec<Write>,
    /// The image as it is after the writes.
    pub new_image: Vec<u8>,
    /// The values before the change, one for each change.
    pub old_values: Vec<Vec<u8>>,
}

/// Plans the change of keywords, in order: a later change of the same keyword finds the value of the earlier one.
///
/// `image` begins with the VPD and reaches at least to its end tag. Its checksums are checked first, so that
/// damage is never sealed with a fresh one.
///
/// Errors: whatever is wrong with the stored image; [`VpdError::ProtectedKeyword`] for RV after tag 0x90,
/// which is a checksum; [`VpdError::NoSuchKeyword`]; [`VpdError::ValueLength`] when a value is empty, longer
/// than the stored one, or shorter without a pad byte.
pub fn plan_writes(image: &[u8], changes: &[Change<'_>]) -> Result<Plan, VpdError> {
    let Parsed { layout, broken_seal, .. } = parse(image)?;
    if let Some(fault) = broken_seal {
        return Err(fault);
    }
    let is_locked =
        |change: &&Change<'_>| layout.frame.tag == Tag::ReadOnly && change.keyword == KeywordName::RV;
    if let Some(Change { keyword, .. }) = changes.iter().find(is_locked) {
        return Err(VpdError::ProtectedKeyword { keyword: *keyword });
    }
    let (mut new_image, mut old_values) = (image.to_vec(), Vec::with_capacity(changes.len()));
    for change in changes {
        let missing = VpdError::NoSuchKeyword { record: None, keyword: change.keyword };
        let stored = layout.keyword(&new_image, change.keyword).ok_or(missing)?;
        let value = new_value(None, change, stored.data.len())?;
        let (start, old_value) = (stored.offset as usize, stored.data.to_vec());
        if let Some(place) = new_image.get_mut(start..start.saturating_add(value.len())) {
            place.copy_from_slice(&value);
        }
        old_values.push(old_value);
    }
    checksum::refresh(&mut new_image)?;
    Ok(Plan { writes: differences(0, image, &new_image), new_image, old_values })
}
