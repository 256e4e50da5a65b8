//! Names of records and keywords, and a keyword with its value.

use core::fmt;
use core::str::FromStr;

/// Name of an IPZ record.
///
/// Shape: four bytes, ASCII letters and digits in every known image; any bytes are representable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName(pub [u8; 4]);

impl RecordName {
    /// The fixed header record.
    pub const VHDR: Self = Self(*b"VHDR");
    /// The table of contents.
    pub const VTOC: Self = Self(*b"VTOC");
    /// The record that identifies the FRU.
    pub const VINI: Self = Self(*b"VINI");
}

/// Name of a keyword, in IPZ records and in keyword VPD.
///
/// Shape: two bytes; may begin with a digit, or with `#` for the long form of IPZ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeywordName(pub [u8; 2]);

impl KeywordName {
    /// Record type: first keyword of every IPZ record, holds the record's name.
    pub const RT: Self = Self(*b"RT");
    /// Table of entries inside VTOC.
    pub const PT: Self = Self(*b"PT");
    /// Padding: ends an IPZ record, never published.
    pub const PF: Self = Self(*b"PF");
    /// Checksum keyword of PCI-style keyword VPD.
    pub const RV: Self = Self(*b"RV");
    /// What is left of the room in PCI's writable section; never published.
    pub const RW: Self = Self(*b"RW");

    /// Tells whether IPZ stores this keyword with a two-byte length.
    #[must_use]
    pub const fn is_long(self) -> bool {
        self.0[0] == b'#'
    }
}

/// One keyword, borrowed from what was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keyword<'a> {
    /// The keyword's name.
    pub name: KeywordName,
    /// The value, after correction.
    pub data: &'a [u8],
    /// Where the value begins, in bytes from the start of the VPD.
    pub offset: u32,
}

/// A text is not the name of a record or keyword.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a name of {expected} ASCII characters is needed, found {found} bytes or a byte above 0x7f")]
pub struct NameError {
    /// Length of a name of the wanted kind, in bytes.
    pub expected: usize,
    /// Length of the text, in bytes.
    pub found: usize,
}

macro_rules! name_traits {
    ($name:ident, $length:literal) => {
        /// Bytes outside printable ASCII, quotes and backslashes are escaped, so the text is safe in a log line.
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}", self.0.escape_ascii())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        /// Accepts exactly the plain characters, without escapes.
        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let bytes = text.as_bytes();
                let error = NameError { expected: $length, found: bytes.len() };
                if !text.is_ascii() {
                    return Err(error);
                }
                bytes.try_into().map(Self).map_err(|_| error)
            }
        }
    };
}

name_traits!(RecordName, 4);
name_traits!(KeywordName, 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_when_shown() {
        assert_eq!(RecordName(*b"VI\x00\xff").to_string(), r"VI\x00\xff");
        assert_eq!(KeywordName(*b"#I").to_string(), "#I");
        assert_eq!(format!("{:?}", KeywordName(*b"\n1")), r"\n1");
    }

    #[test]
    fn names_are_read_from_plain_text_only() {
        assert_eq!("VINI".parse(), Ok(RecordName::VINI));
        assert_eq!("#I".parse(), Ok(KeywordName(*b"#I")));
        assert_eq!("VIN".parse::<RecordName>(), Err(NameError { expected: 4, found: 3 }));
        assert_eq!("ä".parse::<KeywordName>(), Err(NameError { expected: 2, found: 2 }));
    }

    #[test]
    fn only_pound_keywords_are_long() {
        assert!(KeywordName(*b"#I").is_long());
        assert!(!KeywordName(*b"I#").is_long());
    }
}
