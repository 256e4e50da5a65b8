//! What an IPZ image holds.

use core::ops::Range;

use vpd_ecc::{Correction, EccError};

use crate::error::{Part, VpdError};
use crate::names::{Keyword, KeywordName, RecordName};
use crate::options::Policy;
use crate::outcome::Outcome;
use crate::shared::SharedBytes;

/// An IPZ image: the report on its header and table of contents, and its records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// The header (`VHDR`).
    pub header: AreaReport,
    /// The table of contents (`VTOC`).
    pub toc: AreaReport,
    /// One per entry of the table of contents, in its order, without later entries of a name already seen.
    pub records: Vec<Record>,
    /// Peculiarities that harm nothing: duplicate records and keywords. The first of a name is used.
    pub remarks: Vec<VpdError>,
}

impl Image {
    /// Finds a record by name, whatever its outcome.
    #[must_use]
    pub fn record(&self, name: RecordName) -> Option<&Record> {
        self.records.iter().find(|record| record.name() == name)
    }
}

/// How an area that holds no data of its own was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AreaReport {
    /// Where the area and its code are.
    pub entry: TocEntry,
    /// `Ok`, `Recovered` or `Unchecked`; otherwise there would be no image.
    pub outcome: Outcome,
    /// What was corrected.
    pub correction: Correction,
}

impl AreaReport {
    /// The report on an area that was not checked.
    pub(crate) fn unchecked(entry: TocEntry) -> Self {
        Self { entry, outcome: Outcome::Unchecked, correction: Correction::default() }
    }

    /// The report on an area after an attempt to correct it, or why it cannot be used.
    pub(crate) fn corrected(
        entry: TocEntry,
        result: Result<Correction, EccError>,
        policy: Policy,
    ) -> Result<Self, VpdError> {
        let correction = result.map_err(|error| entry.ecc_error(error))?;
        if correction.is_empty() {
            return Ok(Self { entry, outcome: Outcome::Ok, correction });
        }
        match policy {
            Policy::Recover => Ok(Self { entry, outcome: Outcome::Recovered, correction }),
            Policy::Strict => Err(VpdError::NeededCorrection {
                record: entry.name,
                offset: u32::from(entry.offset),
                bits: correction.bits(),
            }),
        }
    }
}

/// Where a record and its code are, as the table of contents (or the header, for VTOC) says.
///
/// Shape: 14 bytes: name (4), type, offset, length, offset and length of the code (`u16` little-endian each).
/// Offsets count from the start of the VPD.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TocEntry {
    /// Name of the record.
    pub name: RecordName,
    /// Record type; has no known meaning.
    pub record_type: u16,
    /// Start of the record.
    pub offset: u16,
    /// Length of the record in bytes.
    pub length: u16,
    /// Start of the record's code.
    pub ecc_offset: u16,
    /// Length of the record's code in bytes.
    pub ecc_length: u16,
}

impl TocEntry {
    /// Length of an entry in bytes.
    pub const LENGTH: usize = 14;

    /// Reads an entry.
    #[must_use]
    pub const fn parse(bytes: &[u8; Self::LENGTH]) -> Self {
        let [n0, n1, n2, n3, t0, t1, o0, o1, l0, l1, e0, e1, c0, c1] = *bytes;
        Self {
            name: RecordName([n0, n1, n2, n3]),
            record_type: u16::from_le_bytes([t0, t1]),
            offset: u16::from_le_bytes([o0, o1]),
            length: u16::from_le_bytes([l0, l1]),
            ecc_offset: u16::from_le_bytes([e0, e1]),
            ecc_length: u16::from_le_bytes([c0, c1]),
        }
    }

    /// Writes the entry.
    #[must_use]
    pub const fn encode(&self) -> [u8; Self::LENGTH] {
        let [n0, n1, n2, n3] = self.name.0;
        let [t0, t1] = self.record_type.to_le_bytes();
        let [o0, o1] = self.offset.to_le_bytes();
        let [l0, l1] = self.length.to_le_bytes();
        let [e0, e1] = self.ecc_offset.to_le_bytes();
        let [c0, c1] = self.ecc_length.to_le_bytes();
        [n0, n1, n2, n3, t0, t1, o0, o1, l0, l1, e0, e1, c0, c1]
    }

    /// The bytes of the record or of its code.
    #[must_use]
    pub fn range(&self, part: Part) -> Range<usize> {
        let (offset, length) = match part {
            Part::Data => (self.offset, self.length),
            Part::Ecc => (self.ecc_offset, self.ecc_length),
        };
        usize::from(offset)..usize::from(offset).saturating_add(usize::from(length))
    }

    /// Says what a failed correction means for this record.
    pub(crate) fn ecc_error(&self, error: EccError) -> VpdError {
        match error {
            EccError::WrongEccSize { expected, found } => VpdError::EccLength {
                record: self.name,
                expected: u32::try_from(expected).unwrap_or(u32::MAX),
                found: u32::try_from(found).unwrap_or(u32::MAX),
            },
            EccError::WrongBufferSize { found } if found > 0 => {
                VpdError::OddLength { record: self.name, length: u32::from(self.length) }
            }
            _ => VpdError::Uncorrectable {
                record: self.name,
                offset: u32::from(self.offset),
                length: u32::from(self.length),
            },
        }
    }
}

/// One record of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Where the record is.
    pub entry: TocEntry,
    /// `Ok`, `Recovered`, `Unchecked`, `Skipped` (not wanted) or `Bad`.
    pub outcome: Outcome,
    /// Why the record is bad; `None` for every other outcome.
    pub reason: Option<VpdError>,
    /// What was corrected.
    pub correction: Correction,
    /// The record's bytes after correction; empty unless usable.
    pub(crate) data: SharedBytes,
    /// Where in `data` each keyword begins: first ones of their name only, without PF.
    pub(crate) starts: Vec<u16>,
}

impl Record {
    /// The record's name.
    #[must_use]
    pub const fn name(&self) -> RecordName {
        self.entry.name
    }

    /// Start of the record, from the start of the VPD.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.entry.offset as u32
    }

    /// Number of bits that were corrected, in the record and in its code.
    #[must_use]
    pub const fn recovered_bits(&self) -> u32 {
        self.correction.bits()
    }

    /// Bytes of the record, corrected; empty if the record is bad or was skipped.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }

    /// The record's keywords in stored order: RT included, PF and later ones of the same name left out. None
    /// if the record is bad or was skipped.
    pub fn keywords(&self) -> impl Iterator<Item = Keyword<'_>> + '_ {
        self.starts.iter().filter_map(|start| self.keyword_at(*start))
    }

    /// Finds a keyword by name.
    #[must_use]
    pub fn keyword(&self, name: KeywordName) -> Option<Keyword<'_>> {
        self.keywords().find(|keyword| keyword.name == name)
    }

    fn keyword_at(&self, start: u16) -> Option<Keyword<'_>> {
        let stored = self.data.get(usize::from(start)..).and_then(StoredKeyword::parse)?;
        let offset = self.offset().saturating_add(u32::from(start)).saturating_add(stored.header_length);
        Some(Keyword { name: stored.name, data: stored.value, offset })
    }
}

/// A keyword as an IPZ record stores it: name, one or two bytes length, value.
#[derive(Clone, Copy)]
pub(crate) struct StoredKeyword<'a> {
    pub(crate) name: KeywordName,
    /// Bytes before the value.
    pub(crate) header_length: u32,
    /// What the length field says.
    pub(crate) length: u32,
    /// The value, shorter than `length` if the bytes end before.
    pub(crate) value: &'a [u8],
}

impl<'a> StoredKeyword<'a> {
    /// Reads a keyword; `None` if not even name and length are there.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (name, rest) = bytes.split_first_chunk()?;
        let name = KeywordName(*name);
        let (header_length, length, rest) = if name.is_long() {
            let (length, rest) = rest.split_first_chunk()?;
            (4, u16::from_le_bytes(*length), rest)
        } else {
            let (length, rest) = rest.split_first()?;
            (3, u16::from(*length), rest)
        };
        let value = rest.get(..usize::from(length)).unwrap_or(rest);
        Some(Self { name, header_length, length: u32::from(length), value })
    }

    /// Bytes of the whole keyword if nothing was cut off.
    pub(crate) const fn full_length(&self) -> u32 {
        self.header_length.saturating_add(self.length)
    }
}
