//! Everything that can be wrong with an image, an edit or a description.

use core::fmt;

use crate::memory::dram;
use crate::names::{KeywordName, RecordName};
use crate::options::Format;
use crate::outcome::Outcome;

/// Reading an image failed as a whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError<E> {
    /// The device did not give its bytes; says nothing about the data.
    #[error("reading {length} bytes at offset {offset}")]
    Device {
        /// Start of the failed read, from the start of the VPD.
        offset: u64,
        /// Length of the failed read in bytes.
        length: usize,
        /// What the device said.
        source: E,
    },
    /// The bytes are not usable VPD.
    #[error(transparent)]
    Format(#[from] VpdError),
}

/// Which of the two areas of a record an error speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The record itself.
    Data,
    /// Its error correcting code.
    Ecc,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Data => "data",
            Self::Ecc => "code",
        })
    }
}

/// What is wrong, and where.
///
/// Offsets count from the start of the VPD, lengths are bytes. `record` is `VHDR` for the header and `VTOC`
/// for the table of contents.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named by the enum's own words: what, where, expected, found")]
pub enum VpdError {
    /// The image ends before something every image of its format has.
    #[error("{what} needs {expected} bytes, the image has {found}")]
    TooShort { what: &'static str, expected: u64, found: u64 },
    /// The image was never programmed.
    #[error("the image is blank (all bytes 0x{fill:02x})")]
    Blank { fill: u8 },
    /// No known format begins like this.
    #[error("unknown format: begins with {}{}", Hex(.start), AtEleven(*.tag))]
    UnknownFormat { start: [u8; 4], tag: Option<u8> },
    /// An IPZ image has no error correcting code, and is read with the code checked. `missing` is the first tag of its header
    /// that is not there either, and where it belongs.
    #[error(
        "IPZ without error correcting code (it is zero){}: it can be read with ecc = \"ignored\" only",
        MissingTag(*.missing)
    )]
    NoCode { missing: Option<(&'static str, u32)> },
    /// The image is in a known format that is not supported.
    #[error("the image is {what}, which is not supported")]
    UnsupportedFormat { what: &'static str },
    /// The image is in another format than the one asked for.
    #[error("the image is {found}, expected {expected}")]
    WrongFormat { expected: Format, found: Format },
    /// A byte that the format fixes has another value.
    #[error("{what} at offset {offset}: expected 0x{expected:02x}, found 0x{found:02x}")]
    UnexpectedByte { what: &'static str, offset: u32, expected: u8, found: u8 },

    /// An entry of the table of contents points past the image.
    #[error("{part} of record {record}: {length} bytes at offset {offset} pass the end of {image} bytes")]
    OutOfImage { record: RecordName, part: Part, offset: u32, length: u32, image: u64 },
    /// An entry of the table of contents has a zero offset or length.
    #[error("{part} of record {record}: entry says {length} bytes at offset {offset}")]
    EmptyArea { record: RecordName, part: Part, offset: u32, length: u32 },
    /// An entry of the table of contents claims bytes that belong to an earlier one.
    #[error("{part} of record {record}: {length} bytes at offset {offset} overlap another area")]
    Overlap { record: RecordName, part: Part, offset: u32, length: u32 },
    /// The area has more damage than its code can repair, or is not protected by this code at all.
    #[error("record {record} at offset {offset}: {length} bytes are damaged beyond correction")]
    Uncorrectable { record: RecordName, offset: u32, length: u32 },
    /// The code's length does not belong to the record's length.
    #[error("record {record}: {expected} bytes of code expected, entry says {found}")]
    EccLength { record: RecordName, expected: u32, found: u32 },
    /// The policy is strict and a header or table of contents had to be corrected.
    #[error("record {record} at offset {offset} needed correction of {bits} bits, and the policy is strict")]
    NeededCorrection { record: RecordName, offset: u32, bits: u32 },
    /// The body size inside a record contradicts its entry.
    #[error("record {record} at offset {offset}: body size {expected} expected, found {found}")]
    BodySize { record: RecordName, offset: u32, expected: u32, found: u32 },
    /// A record bears another name than its entry.
    #[error("record {record} at offset {offset} is named {found}")]
    RecordNameMismatch { record: RecordName, offset: u32, found: RecordName },
    /// A keyword runs past the record or section that holds it.
    #[error("keyword {keyword} at offset {offset} needs {expected} bytes, {found} are left")]
    KeywordTruncated {
        record: Option<RecordName>,
        keyword: KeywordName,
        offset: u32,
        expected: u32,
        found: u32,
    },
    /// Something that is no keyword stands where one should be.
    #[error("{found} stray bytes at offset {offset} where a keyword should be")]
    StrayBytes { record: Option<RecordName>, offset: u32, found: u32 },
    /// A keyword that must be there is missing.
    #[error("keyword {keyword} missing at offset {offset}")]
    MissingKeyword { record: Option<RecordName>, keyword: KeywordName, offset: u32 },
    /// A table of contents keyword does not hold whole entries.
    #[error("table of contents at offset {offset}: {found} bytes are no multiple of 14")]
    TocLength { offset: u32, found: u32 },
    /// The table of contents has more entries than any real image.
    #[error("table of contents has more than {limit} entries")]
    TooManyRecords { limit: usize },
    /// A record, or the image, has more keywords than any real image has in all its records together.
    #[error("more than {limit} keywords")]
    TooManyKeywords { record: Option<RecordName>, limit: usize },
    /// A later record of a name already seen; the first one is used.
    #[error("record {record} appears again, at offset {offset}")]
    DuplicateRecord { record: RecordName, offset: u32 },
    /// Later keywords of a name already seen; the first one is used. One report per record: its first such
    /// keyword by offset.
    #[error("keyword {keyword} appears again, at offset {offset}")]
    DuplicateKeyword { record: Option<RecordName>, keyword: KeywordName, offset: u32 },

    /// A checksum does not agree with the bytes it covers.
    #[error("{name} at offset {offset}: expected 0x{expected:x}, found 0x{found:x}")]
    ChecksumMismatch { name: &'static str, offset: u32, expected: u16, found: u16 },
    /// The keyword section is empty.
    #[error("keyword section at offset {offset} has length 0")]
    EmptySection { offset: u32 },
    /// A memory module says it is a DDIMM but bears no bar code.
    #[error("no bar code (11S) at offset {offset}, found {}", Hex(.found))]
    NoBarCode { offset: u32, found: [u8; 3] },
    /// The image is the SPD of a module whose DRAM type is neither DDR4 nor DDR5.
    #[error("DRAM type 0x{found:02x} at offset {offset}{} is not supported", dram::InBrackets(*.found))]
    UnsupportedDramType { offset: u32, found: u8 },
    /// The DRAM type is one that is supported, but the other bytes that begin an SPD are not such a module's.
    #[error(
        "unknown format: byte 2 is {dram}'s DRAM type, but the {what} at offset {offset} is 0x{found:02x}"
    )]
    NoModule { dram: &'static str, what: &'static str, offset: u32, found: u8 },
    /// The ranks of a memory module differ from each other.
    #[error(
        "the ranks differ (byte {offset} is 0x{found:02x}): the capacity of such a module is not computed"
    )]
    RanksDiffer { offset: u32, found: u8 },
    /// A field of a memory module has a reserved value, so the module's size is unknown.
    #[error("{what} at offset {offset} has the reserved value 0x{found:02x}")]
    ReservedValue { what: &'static str, offset: u32, found: u8 },

    /// The record may not be edited.
    #[error("record {record} must not be written")]
    ProtectedRecord { record: RecordName },
    /// The keyword may not be edited.
    #[error("keyword {keyword} must not be written")]
    ProtectedKeyword { keyword: KeywordName },
    /// The keyword to edit does not exist.
    #[error("no keyword {keyword}")]
    NoSuchKeyword { record: Option<RecordName>, keyword: KeywordName },
    /// A value is empty, or does not fill its keyword and no pad byte was given, or is too long.
    #[error("keyword {keyword} holds {expected} bytes, the new value has {found}")]
    ValueLength { record: Option<RecordName>, keyword: KeywordName, expected: u32, found: u32 },
    /// The record's length is no multiple of four bytes, so no code can be made for it.
    #[error("record {record} has {length} bytes, no multiple of four")]
    OddLength { record: RecordName, length: u32 },
    /// The bytes handed in are not as long as the entry says.
    #[error("{part} of record {record}: {expected} bytes expected, {found} given")]
    AreaLength { record: RecordName, part: Part, expected: u32, found: u32 },

    /// Something described does not fit its length field or the image.
    #[error("{what} has {found} bytes, at most {limit} fit")]
    DoesNotFit { what: &'static str, limit: u64, found: u64 },
    /// A described value does not have the one length that it must have.
    #[error("{what} has {found} bytes instead of {expected}")]
    FieldLength { what: &'static str, expected: u32, found: u32 },
}

/// Bytes as hex digits with blanks between.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let blank = if index == 0 { "" } else { " " };
            write!(formatter, "{blank}{byte:02x}")?;
        }
        Ok(())
    }
}

/// The byte that would be IPZ's first tag, if the image reaches so far.
struct AtEleven(Option<u8>);

impl fmt::Display for AtEleven {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(byte) => write!(formatter, ", byte 11 is {byte:02x}"),
            None => formatter.write_str(", and ends before byte 11"),
        }
    }
}

/// The tag that is missing, if one is.
struct MissingTag(Option<(&'static str, u32)>);

impl fmt::Display for MissingTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((tag, offset)) => write!(formatter, ", and no {tag} at offset {offset}"),
            None => Ok(()),
        }
    }
}

impl VpdError {
    /// The outcome to report for an image that failed with this error.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Blank { .. } => Outcome::Blank,
            _ => Outcome::Bad,
        }
    }
}
