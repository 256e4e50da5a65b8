//! The two checksums of keyword VPD.

use core::ops::Range;

use super::CHECKSUM_TAG;
use super::layout::Layout;
use crate::error::VpdError;
use crate::outcome::{Checksum, Outcome};

/// Name of the checksum after 0x79.
pub(crate) const SECTION: &str = "keyword section checksum";
/// Name of the checksum in keyword RV.
pub(crate) const RV: &str = "RV checksum";

/// The byte that brings the sum of `bytes` and itself to zero.
pub(crate) fn complement(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

/// Compares the checksum at `offset` with the bytes of `range`.
pub(crate) fn check(
    image: &[u8],
    name: &'static str,
    range: Range<usize>,
    offset: usize,
) -> Result<Checksum, VpdError> {
    let stored = u16::from(image.get(offset).copied().unwrap_or_default());
    let computed = u16::from(complement(image.get(range.clone()).unwrap_or_default()));
    let offset = offset as u32;
    if stored != computed {
        return Err(VpdError::ChecksumMismatch { name, offset, expected: computed, found: stored });
    }
    let range = range.start as u32..range.end as u32;
    Ok(Checksum { name, range, offset, stored, computed, outcome: Outcome::Ok })
}

/// Writes the checksums that an image has room for, after its keywords changed.
pub(crate) fn refresh(image: &mut [u8]) -> Result<(), VpdError> {
    let layout = Layout::parse(image)?;
    let frame = &layout.frame;
    if let Some(at) = layout.rv_offset(image) {
        set(image, 0..at, at);
    }
    let end = frame.section.end;
    if image.get(end) == Some(&CHECKSUM_TAG) {
        set(image, frame.identifier.end..end, end.saturating_add(1));
    }
    Ok(())
}

fn set(image: &mut [u8], range: Range<usize>, at: usize) {
    let value = complement(image.get(range).unwrap_or_default());
    if let Some(byte) = image.get_mut(at) {
        *byte = value;
    }
}
