//! How well a part of an image could be read.

use core::fmt;
use core::ops::Range;

/// What became of one area, record, module or whole image.
///
/// Ordered by how much attention it needs: `Skipped` least, `Bad` most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// Not wanted by the caller, hence not read.
    Skipped,
    /// Read, and the check over it agrees.
    Ok,
    /// Read, but nothing protects it, or the caller told not to check.
    Unchecked,
    /// Damaged, and restored by its error correcting code; the restored bytes are used.
    Recovered,
    /// Never programmed: all bytes 0x00 or all 0xff.
    Blank,
    /// Damaged beyond use.
    Bad,
}

impl Outcome {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Unchecked => "unchecked",
            Self::Recovered => "recovered",
            Self::Blank => "blank",
            Self::Bad => "bad",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One checksum of an image and what it said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checksum {
    /// What it is, in words an operator can use.
    pub name: &'static str,
    /// The bytes it covers, from the start of the VPD.
    pub range: Range<u32>,
    /// Where it is stored, from the start of the VPD.
    pub offset: u32,
    /// The value in the image.
    pub stored: u16,
    /// The value that the covered bytes give.
    pub computed: u16,
    /// `Ok`, `Bad` or `Unchecked` (the image stores none).
    pub outcome: Outcome,
}
