//! Plans the change of one keyword of keyword VPD.

use super::checksum;
use super::image::Tag;
use super::parse::{Parsed, parse};
use crate::edit::{Change, Write, differences, new_value};
use crate::error::VpdError;
use crate::names::KeywordName;

/// What to write to change a keyword; nothing if the EEPROM holds all of it already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Writes to the keyword and to the checksums that cover it.
    pub writes: Vec<Write>,
    /// The image as it is after the writes.
    pub new_image: Vec<u8>,
    /// The keyword's value before the change.
    pub old_value: Vec<u8>,
}

/// Plans the change of one keyword.
///
/// `image` begins with the VPD and reaches at least to its end tag. Its checksums are checked first, so that
/// damage is never sealed with a fresh one.
///
/// Errors: whatever is wrong with the stored image; [`VpdError::ProtectedKeyword`] for RV after tag 0x90,
/// which is a checksum; [`VpdError::NoSuchKeyword`]; [`VpdError::ValueLength`] when the value is empty, longer
/// than the stored one, or shorter without a pad byte.
pub fn plan_write(image: &[u8], change: &Change<'_>) -> Result<Plan, VpdError> {
    let Parsed { layout, broken_seal, .. } = parse(image)?;
    if let Some(fault) = broken_seal {
        return Err(fault);
    }
    if layout.frame.tag == Tag::ReadOnly && change.keyword == KeywordName::RV {
        return Err(VpdError::ProtectedKeyword { keyword: change.keyword });
    }
    let missing = VpdError::NoSuchKeyword { record: None, keyword: change.keyword };
    let stored = layout.keyword(image, change.keyword).ok_or(missing)?;
    let value = new_value(None, change, stored.data.len())?;
    let mut new_image = image.to_vec();
    let start = stored.offset as usize;
    if let Some(place) = new_image.get_mut(start..start.saturating_add(value.len())) {
        place.copy_from_slice(&value);
    }
    checksum::refresh(&mut new_image)?;
    Ok(Plan { writes: differences(0, image, &new_image), new_image, old_value: stored.data.to_vec() })
}
