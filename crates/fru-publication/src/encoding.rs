use plain_text::{printable, without_padding};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::str::FromStr;

/// How the bytes of a keyword become the text of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// `text`: printable ASCII, without trailing blanks and NULs; all other bytes become `0x…`.
    #[default]
    Text,
    /// `mac`: every byte as two hex digits, joined by `:`.
    Mac,
    /// `first-mac`: as `mac`, of the first six bytes.
    FirstMac,
    /// `date`: three bytes passed over, then digits `YYYYMMDDHHMM`, shown as `YYYY-MM-DD HH:MM`.
    Date,
    /// `bcd-date`: one byte passed over, then seven bytes of binary coded decimal, shown as
    /// `YYYY-MM-DD-HH:MM:SS`.
    BcdDate,
    /// `uuid`: sixteen bytes, shown in groups of 8-4-4-4-12 hex digits.
    Uuid,
    /// `hex`: lower-case hex digits.
    Hex,
}

/// Where the digits of a date are.
const DATE: std::ops::Range<usize> = 3..15;
/// Where the bytes of a date in binary coded decimal are.
const BCD_DATE: std::ops::Range<usize> = 1..8;

/// The bytes of a keyword do not have the form that its encoding needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{needed} needed, found {found} bytes {bytes}")]
pub struct EncodingError {
    needed: &'static str,
    found: usize,
    bytes: String,
}

impl FromStr for Encoding {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(match word {
            "text" => Self::Text,
            "mac" => Self::Mac,
            "first-mac" => Self::FirstMac,
            "date" => Self::Date,
            "bcd-date" => Self::BcdDate,
            "uuid" => Self::Uuid,
            "hex" => Self::Hex,
            _ => {
                return Err(format!(
                    "unknown encoding {word:?}: expected text, mac, first-mac, date, bcd-date, uuid or hex"
                ));
            }
        })
    }
}

impl Encoding {
    /// Whether the bytes that it renders were ever written.
    ///
    /// Beside what says so for all values, that is no UUID of one repeated byte, and no date of nothing but the digit zero.
    pub fn is_programmed(self, bytes: &[u8]) -> bool {
        let part = |range| bytes.get(range).unwrap_or(bytes);
        let used = match self {
            Self::Text | Self::Hex | Self::Mac => bytes,
            Self::FirstMac => part(0..6),
            Self::Date => part(DATE),
            Self::BcdDate => part(BCD_DATE),
            Self::Uuid => part(0..16),
        };
        let is_all = |byte: u8| used.iter().all(|used| *used == byte);
        let says_nothing = match self {
            Self::Date => is_all(b'0'),
            Self::Uuid => used.first().is_some_and(|first| is_all(*first)),
            _ => false,
        };
        let is_padding = matches!(self, Self::Text | Self::Date) && without_padding(used).is_empty();
        plain_text::is_programmed(used) && !is_padding && !says_nothing
    }

    /// Renders the bytes of a keyword; one that is empty, or was never programmed, is an empty text under every encoding.
    ///
    /// Errors: the bytes are too few, no digits where digits belong, or no date.
    pub fn render<'a>(self, bytes: &'a [u8]) -> Result<Cow<'a, str>, EncodingError> {
        if !self.is_programmed(bytes) {
            return Ok(Cow::Borrowed(""));
        }
        let fail = |needed| EncodingError {
            needed,
            found: bytes.len(),
            bytes: hex(bytes.get(..16).unwrap_or(bytes)),
        };
        Ok(Cow::Owned(match self {
            Self::Text => return Ok(text(bytes)),
            Self::Hex => hex(bytes),
            Self::Mac => mac(bytes),
            Self::FirstMac => mac(bytes.first_chunk::<6>().ok_or_else(|| fail("six bytes"))?),
            Self::Date => date(bytes).ok_or_else(|| fail("three bytes and a date YYYYMMDDHHMM"))?,
            Self::BcdDate => {
                bcd_date(bytes).ok_or_else(|| fail("a byte and a date in seven bytes of decimal digits"))?
            }
            Self::Uuid => uuid(bytes).ok_or_else(|| fail("sixteen bytes"))?,
        }))
    }
}

/// Bytes that are UTF-8 by chance are no text: a serial number in Hangul, or one that has the rest of a line turned round,
/// helps no reader.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match printable(without_padding(bytes)) {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(format!("0x{}", hex(bytes))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn date(bytes: &[u8]) -> Option<String> {
    let digits = std::str::from_utf8(bytes.get(DATE)?).ok()?;
    let [year, month, day, hour, minute] = parts_of_date(digits)?;
    Some(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"))
}

fn bcd_date(bytes: &[u8]) -> Option<String> {
    let digits = hex(bytes.get(BCD_DATE)?);
    let [year, month, day, hour, minute, second] = parts_of_date(&digits)?;
    Some(format!("{year:04}-{month:02}-{day:02}-{hour:02}:{minute:02}:{second:02}"))
}

/// The numbers of a date: a year of four digits, all else of two, each of them one that a calendar or a clock has.
fn parts_of_date<const PARTS: usize>(digits: &str) -> Option<[u16; PARTS]> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut parts = [0; PARTS];
    let mut rest = digits;
    for (index, part) in parts.iter_mut().enumerate() {
        let (number, after) = rest.split_at_checked(if index == 0 { 4 } else { 2 })?;
        (*part, rest) = (number.parse().ok()?, after);
    }
    let [year, month, day, hour, minute, ..] = parts.as_slice() else { return None };
    let (year, month, day) = (*year, *month, *day);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    let is_time = *hour < 24 && *minute < 60 && parts.get(5).is_none_or(|second| *second < 60);
    (rest.is_empty() && year > 0 && (1..=days).contains(&day) && is_time).then_some(parts)
}

fn uuid(bytes: &[u8]) -> Option<String> {
    let digits = hex(bytes.first_chunk::<16>()?);
    let part = |range| digits.get(range);
    Some(format!("{}-{}-{}-{}-{}", part(0..8)?, part(8..12)?, part(12..16)?, part(16..20)?, part(20..32)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_renders_as_tools_expect() {
        for (word, bytes, expected) in [
            ("text", &b"02WG676 \0\0"[..], "02WG676"),
            ("text", b" 01KU724", " 01KU724"),
            ("text", b"\x50\x00\x10\x01", "0x50001001"),
            ("text", b"\xff\xfe", "0xfffe"),
            ("text", b"KVR24R17S4\xff\xff", "KVR24R17S4"),
            // Zeros and blanks make a number where they are mixed.
            ("hex", b"\x00\x20", "0020"),
            ("mac", b"\x00\x20\x00\x00\x00\x20", "00:20:00:00:00:20"),
            // Each of these is UTF-8 without control characters.
            ("text", b"\xde\xad0", "0xdead30"),
            ("text", "\u{202e}321".as_bytes(), "0xe280ae333231"),
            ("text", "\u{200b}".as_bytes(), "0xe2808b"),
            ("text", "7größe".as_bytes(), "0x376772c3b6c39f65"),
            ("text", b"    ", ""),
            ("mac", b"\x08\x94\xef\x80\x1a\xbc", "08:94:ef:80:1a:bc"),
            ("first-mac", b"\x01\x02\x03\x04\x05\x06\x07", "01:02:03:04:05:06"),
            ("date", b"xxx202308151030", "2023-08-15 10:30"),
            ("bcd-date", b"\x01\x20\x19\x01\x01\x08\x30\x00", "2019-01-01-08:30:00"),
            ("date", b"xxx202402292359", "2024-02-29 23:59"),
            (
                "uuid",
                b"\x12\x34\x56\x78\x9a\xbc\xde\xf0\0\x01\x02\x03\x04\x05\x06\x07",
                "12345678-9abc-def0-0001-020304050607",
            ),
            ("hex", b"\x00\x0a", "000a"),
        ] {
            assert_eq!(word.parse::<Encoding>().unwrap().render(bytes).unwrap(), expected, "{word}");
            assert_eq!(word.parse::<Encoding>().unwrap().render(b"").unwrap(), "", "{word}");
        }
    }

    #[test]
    fn what_was_never_programmed_is_empty_under_every_encoding() {
        for word in ["text", "mac", "first-mac", "date", "bcd-date", "uuid", "hex"] {
            let encoding: Encoding = word.parse().unwrap();
            for fill in [0x00, 0xff, b' '] {
                for length in [1, 6, 8, 16, 24] {
                    let bytes = vec![fill; length];
                    assert!(!encoding.is_programmed(&bytes), "{word} {fill:#x} {length}");
                    assert_eq!(encoding.render(&bytes).unwrap(), "", "{word} {fill:#x} {length}");
                }
            }
        }
        for (word, bytes) in [
            // What stands before and behind the part that is used does not count.
            ("text", &b" \0\xff "[..]),
            ("date", b"UTC            "),
            ("date", b"UTC000000000000"),
            ("date", b"abc\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffxyz"),
            ("bcd-date", b"\x01\0\0\0\0\0\0\0"),
            ("bcd-date", b"\x01       "),
            ("first-mac", b"\xff\xff\xff\xff\xff\xff\x01\x02"),
            ("uuid", &[0xa5; 16]),
            ("uuid", &[0x11; 20]),
        ] {
            let encoding: Encoding = word.parse().unwrap();
            assert!(!encoding.is_programmed(bytes), "{word} {bytes:?}");
            assert_eq!(encoding.render(bytes).unwrap(), "", "{word} {bytes:?}");
        }
    }

    #[test]
    fn bytes_that_do_not_fit_their_encoding_are_an_error_not_a_guess() {
        for (word, bytes) in [
            ("date", &b"xxx20230815103"[..]),
            ("date", b"xxx2023-8151030"),
            ("date", b"xxx202399151030"),
            ("date", b"xxx202300151030"),
            ("date", b"xxx202302291030"),
            ("date", b"xxx202304311030"),
            ("date", b"xxx202308002400"),
            ("date", b"xxx202308152400"),
            ("date", b"xxx202308151060"),
            ("date", b"xxx000008151030"),
            ("bcd-date", b"\x01\x20\x19\x13\x01\x08\x30\x00"),
            ("bcd-date", b"\x01\x20\x19\x01\x01\x08\x30\x60"),
            ("first-mac", b"\x01\x02"),
            ("bcd-date", b"\x01\x20\x19"),
            ("bcd-date", b"\x01\x2a\x19\x01\x01\x08\x30\x00"),
            ("uuid", b"short"),
        ] {
            assert!(word.parse::<Encoding>().unwrap().render(bytes).is_err(), "{word}");
        }
    }
}
