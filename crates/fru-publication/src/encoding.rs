use std::borrow::Cow;
use std::fmt::Write as _;
use std::str::FromStr;

/// How the bytes of a keyword become the text of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// `text`: the characters, without trailing blanks and NULs; what is no text becomes `0x…`.
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
    /// Renders the bytes of a keyword; an empty keyword is an empty text under every encoding.
    ///
    /// Errors: the bytes are too few, or no digits where digits belong.
    pub fn render<'a>(self, bytes: &'a [u8]) -> Result<Cow<'a, str>, EncodingError> {
        if bytes.is_empty() {
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
            Self::Date => date(bytes).ok_or_else(|| fail("three bytes and twelve digits YYYYMMDDHHMM"))?,
            Self::BcdDate => {
                bcd_date(bytes).ok_or_else(|| fail("a byte and seven bytes of decimal digits"))?
            }
            Self::Uuid => uuid(bytes).ok_or_else(|| fail("sixteen bytes"))?,
        }))
    }
}

/// D-Bus carries no NUL and nothing but UTF-8; control characters would garble a console.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |last| last + 1);
    match std::str::from_utf8(bytes.get(..end).unwrap_or_default()) {
        Ok(text) if !text.chars().any(char::is_control) => Cow::Borrowed(text),
        _ => Cow::Owned(format!("0x{}", hex(bytes))),
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
    let digits = std::str::from_utf8(bytes.get(3..15)?).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range| digits.get(range);
    Some(format!("{}-{}-{} {}:{}", part(0..4)?, part(4..6)?, part(6..8)?, part(8..10)?, part(10..12)?))
}

fn bcd_date(bytes: &[u8]) -> Option<String> {
    let digits = hex(bytes.get(1..8)?);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range| digits.get(range);
    let (day, time) = ((part(0..4)?, part(4..6)?, part(6..8)?), (part(8..10)?, part(10..12)?, part(12..14)?));
    Some(format!("{}-{}-{}-{}:{}:{}", day.0, day.1, day.2, time.0, time.1, time.2))
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
            ("text", b"    ", ""),
            ("mac", b"\x08\x94\xef\x80\x1a\xbc", "08:94:ef:80:1a:bc"),
            ("first-mac", b"\x01\x02\x03\x04\x05\x06\x07", "01:02:03:04:05:06"),
            ("date", b"xxx202308151030", "2023-08-15 10:30"),
            ("bcd-date", b"\x01\x20\x19\x01\x01\x08\x30\x00", "2019-01-01-08:30:00"),
            ("uuid", &[0xa5; 16], "a5a5a5a5-a5a5-a5a5-a5a5-a5a5a5a5a5a5"),
            ("hex", b"\x00\x0a", "000a"),
        ] {
            assert_eq!(word.parse::<Encoding>().unwrap().render(bytes).unwrap(), expected, "{word}");
            assert_eq!(word.parse::<Encoding>().unwrap().render(b"").unwrap(), "", "{word}");
        }
    }

    #[test]
    fn bytes_that_do_not_fit_their_encoding_are_an_error_not_a_guess() {
        for (word, bytes) in [
            ("date", &b"xxx20230815103"[..]),
            ("date", b"xxx2023-8151030"),
            ("first-mac", b"\x01\x02"),
            ("bcd-date", b"\x01\x20\x19"),
            ("bcd-date", b"\x01\x2a\x19\x01\x01\x08\x30\x00"),
            ("uuid", b"short"),
        ] {
            assert!(word.parse::<Encoding>().unwrap().render(bytes).is_err(), "{word}");
        }
    }
}
