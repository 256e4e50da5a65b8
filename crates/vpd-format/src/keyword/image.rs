//! What a keyword VPD image holds.

use crate::error::VpdError;
use crate::names::{Keyword, KeywordName};
use crate::outcome::{Checksum, Outcome};

/// The tag that begins the keyword section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    /// 0x84: the section ends with 0x79, a checksum and 0x78.
    Vendor,
    /// 0x90, as PCI has it: the section ends with 0x78 alone, its checksum being keyword RV, or as for 0x84.
    ReadOnly,
}

impl Tag {
    /// The tag byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Vendor => 0x84,
            Self::ReadOnly => 0x90,
        }
    }
}

/// A keyword VPD image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// The identifier string, as stored.
    pub identifier: Vec<u8>,
    /// Kind of keyword section.
    pub tag: Tag,
    /// `Ok`, or `Unchecked` for an image without a checksum.
    pub outcome: Outcome,
    /// The checksums found: the byte after 0x79, keyword RV, both or none.
    pub checksums: Vec<Checksum>,
    /// Peculiarities that harm nothing: duplicate keywords. The first of a name is used.
    pub remarks: Vec<VpdError>,
    /// The keyword section.
    pub(crate) section: Vec<u8>,
    /// Where the section begins, from the start of the VPD.
    pub(crate) offset: u32,
    /// Where in `section` each keyword begins: first ones of their name only.
    pub(crate) starts: Vec<u16>,
}

impl Image {
    /// The keywords in stored order, RV included, later ones of the same name left out.
    pub fn keywords(&self) -> impl Iterator<Item = Keyword<'_>> + '_ {
        self.starts.iter().filter_map(|start| self.keyword_at(*start))
    }

    /// Finds a keyword by name.
    #[must_use]
    pub fn keyword(&self, name: KeywordName) -> Option<Keyword<'_>> {
        self.keywords().find(|keyword| keyword.name == name)
    }

    fn keyword_at(&self, start: u16) -> Option<Keyword<'_>> {
        let [first, second, length, data @ ..] = self.section.get(usize::from(start)..)? else { return None };
        let offset = self.offset.saturating_add(u32::from(start)).saturating_add(3);
        Some(Keyword {
            name: KeywordName([*first, *second]),
            data: data.get(..usize::from(*length))?,
            offset,
        })
    }
}
