//! Where everything is in keyword VPD.

use core::ops::Range;

use super::image::Tag;
use super::{END_TAG, IDENTIFIER_TAG, WRITABLE_TAG};
use crate::duplicates::{FirstOfEach, MOST_KEYWORDS, first_of_each};
use crate::error::VpdError;
use crate::names::{Keyword, KeywordName};
use plain_text::is_programmed;

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
    /// The writable section that may follow a read-only one.
    pub(crate) writable: Option<Writable>,
    /// The first keyword whose name was seen before, in each section.
    pub(crate) duplicates: Vec<VpdError>,
}

/// The writable section of PCI's VPD, tag 0x91. Nothing protects it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Writable {
    /// Its keywords, as far as the image has them.
    pub(crate) section: Range<usize>,
    /// Where in it each keyword begins that is whole: first ones of their name, and none that the other section has.
    starts: Vec<u16>,
    /// What ends it too early.
    pub(crate) fault: Option<VpdError>,
}

impl Layout {
    /// Finds the keywords of an image without a look at what follows them.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, VpdError> {
        let frame = Frame::parse(bytes)?;
        need("keyword section", frame.section.end, bytes.len() as u64)?;
        let mut duplicates = Vec::new();
        let (keywords, fault) = walk(bytes, &frame.section);
        if let Some(fault) = fault {
            return Err(fault);
        }
        let range = frame.writable(bytes);
        let writable = range.map(|range| Writable::parse(bytes, range, &keywords, &mut duplicates));
        let starts = firsts(keywords, &frame.section, &mut duplicates);
        Ok(Self { frame, starts, writable, duplicates })
    }

    /// The keywords in stored order, those of a writable section last and without what is left of its room; `bytes` are
    /// those that were parsed.
    pub(crate) fn keywords<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Keyword<'a>> + 'a {
        let writable = self.writable_keywords(bytes).filter(|keyword| keyword.name != KeywordName::RW);
        self.read_only_keywords(bytes).chain(writable)
    }

    /// The keywords of the first section.
    pub(crate) fn read_only_keywords<'a>(
        &'a self,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Keyword<'a>> + 'a {
        keywords_in(bytes, &self.frame.section, &self.starts)
    }

    /// The keywords of the writable section, RW included.
    pub(crate) fn writable_keywords<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Keyword<'a>> + 'a {
        self.writable.iter().flat_map(|writable| keywords_in(bytes, &writable.section, &writable.starts))
    }

    /// Finds a keyword by name.
    pub(crate) fn keyword<'a>(&'a self, bytes: &'a [u8], name: KeywordName) -> Option<Keyword<'a>> {
        self.keywords(bytes).find(|keyword| keyword.name == name)
    }

    /// Where the checksum of keyword RV is, if the image has one. In an 0x84 section RV has no such meaning.
    pub(crate) fn rv_offset(&self, bytes: &[u8]) -> Option<usize> {
        let keyword = self.read_only_keywords(bytes).find(|keyword| keyword.name == KeywordName::RV)?;
        let is_checksum = self.frame.tag == Tag::ReadOnly && !keyword.data.is_empty();
        is_checksum.then_some(keyword.offset as usize)
    }
}

impl Writable {
    /// Finds the keywords up to the first that is not whole; `read_only` are those of the other section.
    fn parse(
        bytes: &[u8],
        range: Range<usize>,
        read_only: &[(KeywordName, u16)],
        duplicates: &mut Vec<VpdError>,
    ) -> Self {
        let end = range.end.min(bytes.len());
        let section = range.start.min(end)..end;
        let (mut keywords, mut stray) = walk(bytes, &section);
        // Nothing else tells keywords from the bytes that a wrong length leads to.
        if let Some(first) = keywords.iter().position(|(name, _)| !is_pci_name(*name)) {
            let start = keywords.get(first).map_or(0, |(_, start)| usize::from(*start));
            let (offset, found) = (section.start.saturating_add(start), section.len().saturating_sub(start));
            stray = Some(VpdError::StrayBytes { record: None, offset: offset as u32, found: found as u32 });
            keywords.truncate(first);
        }
        // A section, or the end of one, that was never programmed is room.
        stray = stray.filter(|_| is_programmed(rest_of(bytes, &section, &keywords)));
        let cut = need("writable section", range.end.saturating_add(1), bytes.len() as u64).err();
        let fault = cut.or(stray).or_else(|| end_fault(bytes, range.end));
        // Sorted, so that no hostile image can make it take squared time.
        let mut taken: Vec<KeywordName> = read_only.iter().map(|(name, _)| *name).collect();
        taken.sort_unstable();
        let is_taken = |name: &KeywordName| taken.binary_search(name).is_ok();
        let again = keywords.iter().find(|(name, _)| is_taken(name));
        duplicates.extend(again.map(|(name, start)| seen_before(*name, &section, *start)));
        keywords.retain(|(name, _)| !is_taken(name));
        // One keyword has room for 255 bytes, so there may be several that say how much is left.
        let (room, keywords): (Vec<_>, Vec<_>) =
            keywords.into_iter().partition(|(name, _)| *name == KeywordName::RW);
        let mut starts = firsts(keywords, &section, duplicates);
        starts.extend(room.into_iter().map(|(_, start)| start));
        starts.sort_unstable();
        Self { section, starts, fault }
    }
}

/// What stands behind the last of the keywords.
fn rest_of<'a>(bytes: &'a [u8], section: &Range<usize>, keywords: &[(KeywordName, u16)]) -> &'a [u8] {
    let section = bytes.get(section.clone()).unwrap_or_default();
    let end = keywords.last().map_or(0, |(_, start)| {
        let start = usize::from(*start);
        let length = section.get(start.saturating_add(2)).copied().map_or(0, usize::from);
        start.saturating_add(KEYWORD_HEADER).saturating_add(length)
    });
    section.get(end..).unwrap_or_default()
}

/// What is wrong behind a section whose keywords are known to be right: another tag than the end tag, or nothing. An end tag
/// that was never programmed takes nothing away.
pub(crate) fn end_fault(bytes: &[u8], at: usize) -> Option<VpdError> {
    match bytes.get(at) {
        Some(0x00 | 0xff) => None,
        _ => expect(bytes, "end tag", at, END_TAG).err(),
    }
}

/// Tells whether PCI knows keywords of this shape: letters and digits.
const fn is_pci_name(name: KeywordName) -> bool {
    let KeywordName([first, second]) = name;
    first.is_ascii_alphanumeric() && second.is_ascii_alphanumeric()
}

/// The first keywords of each name; another one of a name is noted down.
fn firsts(
    keywords: Vec<(KeywordName, u16)>,
    section: &Range<usize>,
    duplicates: &mut Vec<VpdError>,
) -> Vec<u16> {
    let FirstOfEach { starts, duplicate } = first_of_each(keywords);
    duplicates.extend(duplicate.map(|(keyword, start)| seen_before(keyword, section, start)));
    starts
}

fn seen_before(keyword: KeywordName, section: &Range<usize>, start: u16) -> VpdError {
    let offset = (section.start as u32).saturating_add(u32::from(start));
    VpdError::DuplicateKeyword { record: None, keyword, offset }
}

fn keywords_in<'a>(
    bytes: &'a [u8],
    section: &Range<usize>,
    starts: &'a [u16],
) -> impl Iterator<Item = Keyword<'a>> + 'a {
    let from = section.start;
    let section = bytes.get(section.clone()).unwrap_or_default();
    starts.iter().filter_map(move |start| {
        let [first, second, length, data @ ..] = section.get(usize::from(*start)..)? else { return None };
        let at = from.saturating_add(usize::from(*start));
        Some(Keyword {
            name: KeywordName([*first, *second]),
            data: data.get(..usize::from(*length))?,
            offset: at.saturating_add(KEYWORD_HEADER) as u32,
        })
    })
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

    /// Where the keywords of a writable section are, by its length, if one follows.
    pub(crate) fn writable(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let end = self.section.end;
        let (tag, rest) = bytes.get(end..)?.split_first()?;
        let start = end.saturating_add(SECTION_HEADER);
        // An image that ends before the length has nothing of the section, which is then told.
        let length = rest.first_chunk().map_or(0, |length| u16::from_le_bytes(*length));
        let is_there = self.tag == Tag::ReadOnly && *tag == WRITABLE_TAG;
        is_there.then(|| start..start.saturating_add(usize::from(length)))
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

/// Refuses another byte than the one that belongs there.
pub(crate) fn expect(bytes: &[u8], what: &'static str, at: usize, expected: u8) -> Result<(), VpdError> {
    match bytes.get(at).copied() {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(VpdError::UnexpectedByte { what, offset: at as u32, expected, found }),
        None => need(what, at.saturating_add(1), bytes.len() as u64),
    }
}

/// Name and place of each keyword, which must fill the section exactly; and what keeps the rest from being read.
fn walk(bytes: &[u8], range: &Range<usize>) -> (Vec<(KeywordName, u16)>, Option<VpdError>) {
    let mut keywords = Vec::new();
    let section = bytes.get(range.clone()).unwrap_or_default();
    let mut rest = section;
    while !rest.is_empty() {
        let start = section.len().saturating_sub(rest.len());
        let at = range.start.saturating_add(start) as u32;
        let found = rest.len() as u32;
        let [first, second, length, ..] = rest else {
            return (keywords, Some(VpdError::StrayBytes { record: None, offset: at, found }));
        };
        let keyword = KeywordName([*first, *second]);
        let expected = u32::from(*length).saturating_add(3);
        let Some(next) = rest.get(expected as usize..) else {
            let fault = VpdError::KeywordTruncated { record: None, keyword, offset: at, expected, found };
            return (keywords, Some(fault));
        };
        if keywords.len() == MOST_KEYWORDS {
            let fault = VpdError::TooManyKeywords { record: None, limit: MOST_KEYWORDS };
            return (keywords, Some(fault));
        }
        keywords.push((keyword, start as u16));
        rest = next;
    }
    (keywords, None)
}
