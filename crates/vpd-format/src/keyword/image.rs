//! What a keyword VPD image holds.

use super::layout::Layout;
use crate::error::VpdError;
use crate::names::{Keyword, KeywordName};
use crate::outcome::{Checksum, Outcome};
use crate::shared::SharedBytes;

/// The tag that begins the keyword section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    /// 0x84: the section ends with 0x79, a checksum and 0x78.
    Vendor,
    /// 0x90, as PCI has it: the section ends with 0x78 alone, its checksum being keyword RV, or as for 0x84; a writable
    /// section may stand before 0x78.
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
    /// Kind of keyword section.
    pub tag: Tag,
    /// `Ok`; `Unchecked` when no checksum covers some keyword, as in a writable section; `Bad` when there are problems.
    pub outcome: Outcome,
    /// The checksums found: the byte after 0x79, keyword RV, both or none.
    pub checksums: Vec<Checksum>,
    /// Peculiarities that harm nothing: duplicate keywords. The first of a name is used.
    pub remarks: Vec<VpdError>,
    /// Why the outcome is bad: what is wrong behind keywords that their checksum RV says are right. What it spoils is left
    /// out.
    pub problems: Vec<VpdError>,
    /// The image up to the end of its keywords.
    pub(crate) bytes: SharedBytes,
    /// Where everything is in it.
    pub(crate) layout: Layout,
}

impl Image {
    /// The identifier string, as stored.
    #[must_use]
    pub fn identifier(&self) -> &[u8] {
        self.bytes.get(self.layout.frame.identifier.clone()).unwrap_or_default()
    }

    /// The keywords in stored order, RV included, RW of a writable section and later ones of the same name left out.
    pub fn keywords(&self) -> impl Iterator<Item = Keyword<'_>> + '_ {
        self.layout.keywords(&self.bytes)
    }

    /// The keywords of the first section, RV included.
    pub fn read_only_keywords(&self) -> impl Iterator<Item = Keyword<'_>> + '_ {
        self.layout.read_only_keywords(&self.bytes)
    }

    /// The keywords of the writable section, RW included; `None` if there is no such section.
    pub fn writable_keywords(&self) -> Option<impl Iterator<Item = Keyword<'_>> + '_> {
        self.layout.writable.as_ref().map(|_| self.layout.writable_keywords(&self.bytes))
    }

    /// Finds a keyword by name.
    #[must_use]
    pub fn keyword(&self, name: KeywordName) -> Option<Keyword<'_>> {
        self.keywords().find(|keyword| keyword.name == name)
    }
}
