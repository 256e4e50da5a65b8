//! Reads keyword VPD.

use super::checksum;
use super::image::{Image, Tag};
use super::layout::{Frame, Layout, SECTION_HEADER, end_fault, expect, identifier, need};
use super::{CHECKSUM_TAG, END_TAG, WRITABLE_TAG};
use crate::detect::{HEAD, check_blank};
use crate::error::{ReadError, VpdError};
use crate::fetch::Fetched;
use crate::names::{Keyword, KeywordName};
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
    need("keyword section", frame.section.end, size)?;
    let mut end = frame.section.end.saturating_add(ENDING);
    if let Some(writable) = frame.writable(image.fetch(0..end)?) {
        end = writable.end.saturating_add(1);
    }
    let Parsed { layout, checksums, problems, .. } = parse(image.fetch(0..end)?)?;
    let end = layout.writable.as_ref().map_or(frame.section.end, |writable| writable.section.end);
    let bytes = SharedBytes::new(&image.freeze(), 0..end);
    let is_covered = layout.keywords(&bytes).all(|keyword| is_covered(&keyword, &checksums));
    let outcome = match () {
        () if !problems.is_empty() => Outcome::Bad,
        () if checksums.is_empty() || !is_covered => Outcome::Unchecked,
        () => Outcome::Ok,
    };
    let (tag, remarks) = (layout.frame.tag, layout.duplicates.clone());
    Ok(Image { tag, outcome, checksums, remarks, problems, bytes, layout })
}

/// Keywords, what protects them, and what is wrong behind them.
pub(crate) struct Parsed {
    pub(crate) layout: Layout,
    checksums: Vec<Checksum>,
    problems: Vec<VpdError>,
    /// What is wrong with the checksum of a section that has one, though RV is right.
    pub(crate) broken_seal: Option<VpdError>,
}

/// Finds keywords and checksums in bytes that begin with an image.
///
/// Errors: any wrong tag, length or checksum before the writable section. There is no code that could tell right keywords
/// from wrong ones, so nothing of such an image is usable; unless RV says that they are right.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, VpdError> {
    let layout = Layout::parse(bytes)?;
    let rv = layout.rv_offset(bytes).map(|at| checksum::check(bytes, checksum::RV, 0..at, at)).transpose()?;
    let mut problems: Vec<VpdError> =
        layout.writable.iter().filter_map(|writable| writable.fault.clone()).collect();
    let (mut checksums, mut broken_seal) = (Vec::new(), None);
    match check_ending(bytes, &layout.frame) {
        Ok(section) => checksums.extend(section),
        Err(fault) if rv.is_some() => {
            let end = layout.frame.section.end;
            broken_seal = Some(fault.clone()).filter(|_| bytes.get(end) == Some(&CHECKSUM_TAG));
            problems.extend(end_fault(bytes, end).map(|_| fault));
        }
        Err(fault) => return Err(fault),
    }
    checksums.extend(rv);
    Ok(Parsed { layout, checksums, problems, broken_seal })
}

/// Whether a checksum covers a keyword. RV, which is one itself, needs none.
fn is_covered(keyword: &Keyword<'_>, checksums: &[Checksum]) -> bool {
    let end = keyword.offset.saturating_add(keyword.data.len() as u32);
    keyword.name == KeywordName::RV || checksums.iter().any(|checksum| end <= checksum.range.end)
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
