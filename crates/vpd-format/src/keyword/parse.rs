//! Reads keyword VPD.

use core::ops::Range;

use super::checksum;
use super::image::{Image, Tag};
use super::{CHECKSUM_TAG, END_TAG, IDENTIFIER_TAG};
use crate::detect::{HEAD, check_blank};
use crate::duplicates::first_of_each;
use crate::error::{ReadError, VpdError};
use crate::fetch::Fetched;
use crate::names::KeywordName;
use crate::outcome::{Checksum, Outcome};
use crate::source::ReadAt;

/// Where the identifier begins: after its tag and length.
const IDENTIFIER: usize = 3;
/// Length of the tag and length before the keywords.
const SECTION_HEADER: usize = 3;
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
    Ok(parse(image.fetch(0..frame.section.end.saturating_add(ENDING))?)?)
}

/// Reads an image from bytes that begin with it.
///
/// Errors: any wrong tag, length or checksum. There is no code that could tell right keywords from wrong
/// ones, so nothing of such an image is usable.
pub(crate) fn parse(bytes: &[u8]) -> Result<Image, VpdError> {
    let (frame, mut image) = structure(bytes)?;
    image.checksums.extend(check_ending(bytes, &frame)?);
    if let Some(at) = rv_offset(&image) {
        image.checksums.push(checksum::check(bytes, checksum::RV, 0..at, at)?);
    }
    if image.checksums.is_empty() {
        image.outcome = Outcome::Unchecked;
    }
    Ok(image)
}

/// Finds the keywords without a look at what follows them.
pub(crate) fn structure(bytes: &[u8]) -> Result<(Frame, Image), VpdError> {
    let frame = Frame::parse(bytes)?;
    need("keyword section", frame.section.end, bytes.len() as u64)?;
    let section = bytes.get(frame.section.clone()).unwrap_or_default();
    let offset = frame.section.start as u32;
    let keywords = first_of_each(walk(section, offset)?);
    let duplicate = keywords.duplicate.map(|(keyword, start)| VpdError::DuplicateKeyword {
        record: None,
        keyword,
        offset: offset.saturating_add(u32::from(start)),
    });
    let image = Image {
        identifier: bytes.get(frame.identifier.clone()).unwrap_or_default().to_vec(),
        tag: frame.tag,
        outcome: Outcome::Ok,
        checksums: Vec::new(),
        remarks: duplicate.into_iter().collect(),
        section: section.to_vec(),
        offset,
        starts: keywords.starts,
    };
    Ok((frame, image))
}

/// Where the checksum of keyword RV is, if the image has one. In an 0x84 section RV has no such meaning.
pub(crate) fn rv_offset(image: &Image) -> Option<usize> {
    let keyword = image.keyword(KeywordName::RV)?;
    (image.tag == Tag::ReadOnly && !keyword.data.is_empty()).then_some(keyword.offset as usize)
}

/// Where the parts of an image are.
pub(crate) struct Frame {
    pub(crate) identifier: Range<usize>,
    pub(crate) tag: Tag,
    pub(crate) section: Range<usize>,
}

impl Frame {
    /// Reads tags and lengths up to the first keyword.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, VpdError> {
        let identifier = identifier(bytes)?;
        let offset = identifier.end;
        let Some([tag, low, high]) = bytes.get(offset..).and_then(|rest| rest.first_chunk()) else {
            let expected = offset.saturating_add(SECTION_HEADER) as u64;
            return Err(VpdError::TooShort { what: "keyword section", expected, found: bytes.len() as u64 });
        };
        let tag = match *tag {
            0x84 => Tag::Vendor,
            0x90 => Tag::ReadOnly,
            found => {
                let (what, offset) = ("keyword section tag (0x84 or 0x90)", offset as u32);
                return Err(VpdError::UnexpectedByte { what, offset, expected: 0x84, found });
            }
        };
        let start = offset.saturating_add(SECTION_HEADER);
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        if length == 0 {
            return Err(VpdError::EmptySection { offset: start as u32 });
        }
        Ok(Self { identifier, tag, section: start..start.saturating_add(length) })
    }
}

fn identifier(bytes: &[u8]) -> Result<Range<usize>, VpdError> {
    let Some([tag, low, high]) = bytes.first_chunk() else {
        let (what, expected) = ("keyword VPD", IDENTIFIER as u64);
        return Err(VpdError::TooShort { what, expected, found: bytes.len() as u64 });
    };
    if *tag != IDENTIFIER_TAG {
        let what = "identifier tag";
        return Err(VpdError::UnexpectedByte { what, offset: 0, expected: IDENTIFIER_TAG, found: *tag });
    }
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    Ok(IDENTIFIER..IDENTIFIER.saturating_add(length))
}

fn need(what: &'static str, expected: usize, found: u64) -> Result<(), VpdError> {
    let expected = expected as u64;
    if expected > found { Err(VpdError::TooShort { what, expected, found }) } else { Ok(()) }
}

/// Name and place of each keyword, which must fill the section exactly.
fn walk(section: &[u8], offset: u32) -> Result<Vec<(KeywordName, u16)>, VpdError> {
    let mut keywords = Vec::new();
    let mut rest = section;
    while !rest.is_empty() {
        let start = section.len().saturating_sub(rest.len());
        let at = offset.saturating_add(start as u32);
        let found = rest.len() as u32;
        let [first, second, length, ..] = rest else {
            return Err(VpdError::StrayBytes { record: None, offset: at, found });
        };
        let keyword = KeywordName([*first, *second]);
        let expected = u32::from(*length).saturating_add(3);
        let Some(next) = rest.get(expected as usize..) else {
            return Err(VpdError::KeywordTruncated { record: None, keyword, offset: at, expected, found });
        };
        keywords.push((keyword, start as u16));
        rest = next;
    }
    Ok(keywords)
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
