//! Where everything is in keyword VPD.

use core::ops::Range;

use super::IDENTIFIER_TAG;
use super::image::Tag;
use crate::duplicates::{FirstOfEach, MOST_KEYWORDS, first_of_each};
use crate::error::VpdError;
use crate::names::{Keyword, KeywordName};

/// Where the identifier begins: after its tag and length.
const IDENTIFIER: usize = 3;
/// Length of the tag and length before the keywords.
pub(crate) const SECTION_HEADER: usize = 3;
/// Length of name and length before a value.
const KEYWORD_HEADER: usize = 3;

/// Places of the keywords, whatever follows them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    pub(crate) frame: Frame,
    /// Where in the section each keyword begins: first ones of their name only.
    starts: Vec<u16>,
    /// The first keyword whose name was seen before.
    pub(crate) duplicate: Option<VpdError>,
}

impl Layout {
    /// Finds the keywords of an image without a look at what follows them.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, VpdError> {
        let frame = Frame::parse(bytes)?;
        need("keyword section", frame.section.end, bytes.len() as u64)?;
        let section = bytes.get(frame.section.clone()).unwrap_or_default();
        let offset = frame.section.start as u32;
        let FirstOfEach { starts, duplicate } = first_of_each(walk(section, offset)?);
        let duplicate = duplicate.map(|(keyword, start)| VpdError::DuplicateKeyword {
            record: None,
            keyword,
            offset: offset.saturating_add(u32::from(start)),
        });
        Ok(Self { frame, starts, duplicate })
    }

    /// The keywords in stored order; `bytes` are those that were parsed.
    pub(crate) fn keywords<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Keyword<'a>> + 'a {
        let section = bytes.get(self.frame.section.clone()).unwrap_or_default();
        self.starts.iter().filter_map(move |start| {
            let [first, second, length, data @ ..] = section.get(usize::from(*start)..)? else { return None };
            let at = self.frame.section.start.saturating_add(usize::from(*start));
            Some(Keyword {
                name: KeywordName([*first, *second]),
                data: data.get(..usize::from(*length))?,
                offset: at.saturating_add(KEYWORD_HEADER) as u32,
            })
        })
    }

    /// Finds a keyword by name.
    pub(crate) fn keyword<'a>(&'a self, bytes: &'a [u8], name: KeywordName) -> Option<Keyword<'a>> {
        self.keywords(bytes).find(|keyword| keyword.name == name)
    }

    /// Where the checksum of keyword RV is, if the image has one. In an 0x84 section RV has no such meaning.
    pub(crate) fn rv_offset(&self, bytes: &[u8]) -> Option<usize> {
        let keyword = self.keyword(bytes, KeywordName::RV)?;
        let is_checksum = self.frame.tag == Tag::ReadOnly && !keyword.data.is_empty();
        is_checksum.then_some(keyword.offset as usize)
    }
}

/// Where the parts of an image are.
#[derive(Clone, PartialEq, Eq, Debug)]
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

/// Where the identifier is.
pub(crate) fn identifier(bytes: &[u8]) -> Result<Range<usize>, VpdError> {
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

/// Refuses an image that ends before something.
pub(crate) fn need(what: &'static str, expected: usize, found: u64) -> Result<(), VpdError> {
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
        if keywords.len() == MOST_KEYWORDS {
            return Err(VpdError::TooManyKeywords { record: None, limit: MOST_KEYWORDS });
        }
        keywords.push((keyword, start as u16));
        rest = next;
    }
    Ok(keywords)
}
