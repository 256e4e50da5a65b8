//! What a memory module says about itself.

use core::fmt;

use crate::error::VpdError;
use crate::names::{Keyword, KeywordName};
use crate::outcome::{Checksum, Outcome};

/// Kind of memory module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// DDR4, differential interface, with bar code.
    Ddr4Ddimm,
    /// DDR5, differential interface, with bar code.
    Ddr5Ddimm,
    /// DDR4, industry standard.
    Ddr4Isdimm,
    /// DDR5, industry standard.
    Ddr5Isdimm,
}

impl Kind {
    /// The word used in descriptions and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ddr4Ddimm => "ddr4-ddimm",
            Self::Ddr5Ddimm => "ddr5-ddimm",
            Self::Ddr4Isdimm => "ddr4-isdimm",
            Self::Ddr5Isdimm => "ddr5-isdimm",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A memory module.
///
/// A value whose checksum is wrong is left out; the others stay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Module {
    /// Kind of module.
    pub kind: Kind,
    /// `Ok`, `Unchecked` (some value is covered by no stored checksum, or by none that this kind has) or `Bad`
    /// (some value is left out).
    pub outcome: Outcome,
    /// Capacity in KiB; `None` when its bytes are damaged or reserved, or the ranks differ.
    pub memory_size_kb: Option<u64>,
    /// Every checksum of this kind of module.
    pub checksums: Vec<Checksum>,
    /// Why the outcome is bad: wrong checksums and reserved values.
    pub problems: Vec<VpdError>,
    /// Peculiarities that harm nothing: ranks that differ.
    pub remarks: Vec<VpdError>,
    /// Values that are left out because their bytes were never programmed.
    pub not_programmed: Vec<KeywordName>,
    /// Name, value, offset of its first byte.
    pub(crate) values: Vec<(KeywordName, Vec<u8>, u32)>,
}

impl Module {
    /// The module's identification as keywords, always in this order, those that are known: FN (FRU number), PN (part
    /// number), SN (serial number), CC (customer card identification), DI (manufacturer id, two raw bytes).
    pub fn keywords(&self) -> impl Iterator<Item = Keyword<'_>> + '_ {
        self.values.iter().map(|(name, data, offset)| Keyword { name: *name, data, offset: *offset })
    }

    /// Finds a keyword by name.
    #[must_use]
    pub fn keyword(&self, name: KeywordName) -> Option<Keyword<'_>> {
        self.keywords().find(|keyword| keyword.name == name)
    }
}
