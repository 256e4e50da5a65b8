//! What the caller may choose about a read.

use core::fmt;
use core::str::FromStr;

use crate::names::RecordName;

/// Format of an image.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Format {
    /// Records with error correcting code (IPZ, OpenPOWER).
    Ipz,
    /// A flat list of keywords with a checksum.
    Keyword,
    /// Serial presence detect data of a memory module.
    Memory,
}

impl Format {
    /// The word used in configuration and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipz => "ipz",
            Self::Keyword => "keyword",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A word is not the name of a format.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown format {0:?}: expected ipz, keyword or memory")]
pub struct UnknownWord(pub String);

impl FromStr for Format {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "ipz" => Ok(Self::Ipz),
            "keyword" => Ok(Self::Keyword),
            "memory" => Ok(Self::Memory),
            _ => Err(UnknownWord(word.to_owned())),
        }
    }
}

/// What to do when an IPZ header or table of contents needs correction.
///
/// Records are corrected under both policies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Policy {
    /// A header or table of contents that had to be corrected is an error.
    Strict,
    /// Corrected bytes are used and reported.
    #[default]
    Recover,
}

/// Whether the error correcting code of an IPZ image is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ecc {
    /// Every area is checked and, where possible, corrected.
    #[default]
    Checked,
    /// Nothing is checked, and a tag may be zero: for images without code. Old OpenPOWER images have code areas that are
    /// all zero; others have none, and no tag but the first. Never a fallback.
    Ignored,
}

/// Which numbers identify a DDR4 industry standard module.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PartNumbers {
    /// PN is the module's own. FN and CC are those that a table has for its organisation and speed, or absent.
    #[default]
    Module,
    /// As openpower-vpd-parser has them: PN is FN, and `FFFFFFF` and `XXXX` stand for what the table lacks.
    Upstream,
}

/// The records a caller has use for; others are not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wanted<'a> {
    /// Every record of the table of contents.
    #[default]
    All,
    /// These records only. A name that the image lacks is not an error.
    Records(&'a [RecordName]),
}

impl Wanted<'_> {
    /// Tells whether a record is to be read.
    #[must_use]
    pub fn includes(&self, record: RecordName) -> bool {
        match self {
            Self::All => true,
            Self::Records(names) => names.contains(&record),
        }
    }
}

/// How to read an image; the default detects the format, checks, recovers and reads every record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReadOptions<'a> {
    /// The only acceptable format, or `None` to detect it.
    pub format: Option<Format>,
    /// Treatment of a corrected header or table of contents (IPZ).
    pub policy: Policy,
    /// Use of the error correcting code (IPZ).
    pub ecc: Ecc,
    /// Records to read (IPZ).
    pub wanted: Wanted<'a>,
    /// Numbers of DDR4 industry standard modules (memory).
    pub part_numbers: PartNumbers,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_words_go_both_ways() {
        for format in [Format::Ipz, Format::Keyword, Format::Memory] {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!("IPZ".parse::<Format>(), Err(UnknownWord("IPZ".to_owned())));
    }
}
