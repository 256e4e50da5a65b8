//! Reads keyword VPD.

use super::checksum;
use super::image::{Image, Tag};
use super::layout::{Frame, Layout, SECTION_HEADER, identifier, need};
use super::{CHECKSUM_TAG, END_TAG};
use crate::detect::{HEAD, check_blank};
use crate::error::{ReadError, VpdError};
use crate::fetch::Fetched;
use crate::outcome::{Checksum, Outcome};
use crate::shared::SharedBytes;
use crate::source::ReadAt;

/// Length of the longest ending.
const ENDING: usize = 3;

/// Reads an image of this format, as far as its lengths say.
pub(crate) fn read_image<R: ReadAt>(image: &mut Fetched<'_, R>) -> Result<Image, ReadError<R::Error>> {
    let size = image.size();
    let head = image.fetch(0..HEAD)?;
    check_blank(head)?;
    let header_end = identifier(head)?.end.saturating_add(SECTION_HEADER);
    need("keyword section", header_end, size)?;
    let frame = Frame::parse(image.fetch(0..header_end)?)?;
    need("keyword section", frame.section.end.saturating_add(1), size)?;
    let (layout, checksums) = parse(image.fetch(0..frame.section.end.saturating_add(ENDING))?)?;
    Ok(Image {
        tag: layout.frame.tag,
        outcome: if checksums.is_empty() { Outcome::Unchecked } else { Outcome::Ok },
        checksums,
        remarks: layout.duplicate.iter().cloned().collect(),
        bytes: SharedBytes::new(&image.freeze(), 0..frame.section.end),
        layout,
    })
}

/// Finds keywords and checksums in bytes that begin with an image.
///
/// Errors: any wrong tag, length or checksum. There is no code that could tell right keywords from wrong
/// ones, so nothing of such an image is usable.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Layout, Vec<Checksum>), VpdError> {
    let layout = Layout::parse(bytes)?;
    let mut checksums = Vec::new();
    checksums.extend(check_ending(bytes, &layout.frame)?);
    if let Some(at) = layout.rv_offset(bytes) {
        checksums.push(checksum::check(bytes, checksum::RV, 0..at, at)?);
    }
    Ok((layout, checksums))
}

/// Checks what follows the keywords; returns the checksum if there is one.
fn check_ending(bytes: &[u8], frame: &Frame) -> Result<Option<Checksum>, VpdError> {
    let end = frame.section.end;
    let byte = |at: usize| bytes.get(end.saturating_add(at)).copied();
    if frame.tag == Tag::ReadOnly && byte(0) == Some(END_TAG) {
        return Ok(None);
    }
    expect(bytes, "keyword section end", end, CHECKSUM_TAG)?;
    let at = end.saturating_add(1);
    need("keyword section checksum", at.saturating_add(1), bytes.len() as u64)?;
    let checksum = checksum::check(bytes, checksum::SECTION, frame.identifier.end..end, at)?;
    expect(bytes, "end tag", end.saturating_add(2), END_TAG)?;
    Ok(Some(checksum))
}

fn expect(bytes: &[u8], what: &'static str, at: usize, expected: u8) -> Result<(), VpdError> {
    match bytes.get(at).copied() {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(VpdError::UnexpectedByte { what, offset: at as u32, expected, found }),
        None => need(what, at.saturating_add(1), bytes.len() as u64),
    }
}
