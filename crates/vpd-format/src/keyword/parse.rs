//! Reads keyword VPD.

use super::checksum;
use super::image::{Image, Tag};
use super::layout::{Frame, Layout, SECTION_HEADER, expect, identifier, need};
use super::{CHECKSUM_TAG, END_TAG, WRITABLE_TAG};
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
    let mut end = frame.section.end.saturating_add(ENDING);
    if let Some(writable) = frame.writable(image.fetch(0..end)?) {
        end = writable.end.saturating_add(1);
    }
    let (layout, checksums) = parse(image.fetch(0..end)?)?;
    let problems: Vec<VpdError> =
        layout.writable.iter().filter_map(|writable| writable.fault.clone()).collect();
    let end = layout.writable.as_ref().map_or(frame.section.end, |writable| writable.section.end);
    let bytes = SharedBytes::new(&image.freeze(), 0..end);
    // What the writable section says is covered by no checksum.
    let is_covered = layout.keywords(&bytes).count() == layout.read_only_keywords(&bytes).count();
    let outcome = match () {
        () if !problems.is_empty() => Outcome::Bad,
        () if checksums.is_empty() || !is_covered => Outcome::Unchecked,
        () => Outcome::Ok,
    };
    let (tag, remarks) = (layout.frame.tag, layout.duplicates.clone());
    Ok(Image { tag, outcome, checksums, remarks, problems, bytes, layout })
}

/// Finds keywords and checksums in bytes that begin with an image.
///
/// Errors: any wrong tag, length or checksum, but in a writable section. There is no code that could tell right keywords
/// from wrong ones, so nothing of such an image is usable.
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
    if frame.tag == Tag::ReadOnly && matches!(byte(0), Some(END_TAG | WRITABLE_TAG)) {
        return Ok(None);
    }
    expect(bytes, "keyword section end", end, CHECKSUM_TAG)?;
    let at = end.saturating_add(1);
    need("keyword section checksum", at.saturating_add(1), bytes.len() as u64)?;
    let checksum = checksum::check(bytes, checksum::SECTION, frame.identifier.end..end, at)?;
    expect(bytes, "end tag", end.saturating_add(2), END_TAG)?;
    Ok(Some(checksum))
}
