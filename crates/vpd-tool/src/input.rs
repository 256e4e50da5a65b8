//! Keywords and values as people write them. Pure, but for the file that a value is read from.

use crate::exit::{Exit, Failure};
use crate::value;
use anyhow::Context as _;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use vpd_format::{KeywordName, RecordName};

/// A keyword, as `VINI.SN`; of VPD without records `SN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub(crate) record: Option<RecordName>,
    pub(crate) keyword: KeywordName,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let complaint = || format!("{text:?} is no keyword: VINI.SN, or SN for VPD without records");
        let (record, keyword) = match text.split_at_checked(4) {
            Some((record, rest)) => (Some(record), rest.strip_prefix('.').ok_or_else(complaint)?),
            None => (None, text),
        };
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let record = record.map(str::parse::<RecordName>).transpose().map_err(|_| complaint())?;
        let keyword = keyword.parse().ok().filter(|_| is_visible).ok_or_else(complaint)?;
        Ok(Self { record, keyword })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.record {
            Some(record) => write!(formatter, "{record}.{}", self.keyword),
            None => write!(formatter, "{}", self.keyword),
        }
    }
}

/// A value: text as it is, or `0x` and an even number of hexadecimal digits.
///
/// Errors: it is empty, or no such digits.
pub(crate) fn value(text: &str) -> Result<Vec<u8>, String> {
    let bytes = match text.strip_prefix("0x") {
        Some(digits) => from_hex(digits)
            .ok_or_else(|| format!("{text:?}: behind 0x there is an even number of hexadecimal digits"))?,
        None => text.as_bytes().to_vec(),
    };
    if bytes.is_empty() { Err("the value is empty".to_owned()) } else { Ok(bytes) }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let nibbles: Vec<u8> =
        digits.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect::<Option<_>>()?;
    let (pairs, rest) = nibbles.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// One byte: a character, or a number as `0x20` or `32`.
pub(crate) fn byte(text: &str) -> Result<u8, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok(),
        None if text.len() > 1 => text.parse().ok(),
        None => text.bytes().next().filter(u8::is_ascii),
    };
    number.ok_or_else(|| {
        format!("{text:?} is no byte: a character, 0x00 to 0xff, or a number of two or three digits")
    })
}

/// The value in the first line of a file.
pub(crate) fn value_of_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let text = text.map_err(|cause| Failure::new(Exit::NoInput, cause))?;
    let line = text.lines().next().unwrap_or_default();
    value(line).map_err(|complaint| Failure::say(Exit::Usage, format!("{}: {complaint}", path.display())))
}

/// A value in the form that [`value()`] reads: text if every byte can be printed, else digits. Text that would be read as digits
/// is written as digits.
pub(crate) fn written(bytes: &[u8]) -> String {
    match value::text(bytes) {
        Some(text) if !text.starts_with("0x") => text.to_owned(),
        _ => format!("0x{}", value::hex(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_come_with_their_record_or_alone() {
        for (text, shown) in
            [("VINI.SN", "VINI.SN"), ("VEIR.#I", "VEIR.#I"), ("SN", "SN"), ("VSYS..1", "VSYS..1")]
        {
            assert_eq!(text.parse::<Named>().unwrap().to_string(), shown);
        }
        for text in [
            "", "S", "VINI", "VINI.", "VINI.S", "VINI.SNX", "VIN.SN", "VINI SN", "VINI:SN", "é.SN", "VI I.SN",
        ] {
            assert!(text.parse::<Named>().is_err(), "{text}");
        }
    }

    #[test]
    fn values_are_text_or_digits_and_never_guessed() {
        for (text, bytes) in [("AB 1", &b"AB 1"[..]), ("0x00fF", &[0, 0xff]), ("0X41", b"0X41"), ("x", b"x")]
        {
            assert_eq!(value(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "0x", "0x1", "0x123", "0xgg", "0x+1"] {
            assert!(value(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back_as_the_same_bytes() {
        for bytes in [&b"SYSTEM  "[..], &[0, 1], b"A\0", b"0x41", b"0x"] {
            assert_eq!(value(&written(bytes)).unwrap(), bytes);
        }
    }

    #[test]
    fn a_byte_is_a_character_or_a_number() {
        for (text, expected) in [(" ", 0x20), ("0", 0x30), ("0x00", 0), ("00", 0), ("255", 0xff)] {
            assert_eq!(byte(text), Ok(expected), "{text:?}");
        }
        for text in ["", "é", "256", "0x100", "ab"] {
            assert!(byte(text).is_err(), "{text:?}");
        }
    }
}
