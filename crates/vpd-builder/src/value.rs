//! Values in descriptions: text, hexadecimal, fill; with padding.

use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;
use vpd_format::KeywordName;

use crate::error::BuildError;

/// Longest value of any format.
const LONGEST: usize = 0xffff;

/// Values by key. TOML tables have no order, the text has: the places of the values restore it.
pub(crate) type Values = BTreeMap<String, Spanned<Value>>;

/// A value as it is written.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Parts(Parts),
}

/// A value in table form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Parts {
    hex: Option<String>,
    text: Option<String>,
    fill: Option<u8>,
    length: Option<usize>,
    pad_to: Option<usize>,
    pad: Option<Pad>,
}

/// A pad byte: a character or a number.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Pad {
    Byte(u8),
    Character(char),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Value;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string, or a table with hex, text or fill")
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
                Parts::deserialize(MapAccessDeserializer::new(map)).map(Value::Parts)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl Value {
    fn bytes(&self) -> Result<Vec<u8>, &'static str> {
        match self {
            Self::Text(text) => ascii(text),
            Self::Parts(parts) => parts.bytes(),
        }
    }
}

impl Parts {
    fn bytes(&self) -> Result<Vec<u8>, &'static str> {
        match (&self.hex, &self.text, self.fill) {
            (Some(hex), None, None) => self.padded(from_hex(hex)?),
            (None, Some(text), None) => self.padded(ascii(text)?),
            (None, None, Some(fill)) => self.filled(fill),
            _ => Err("needs exactly one of hex, text and fill"),
        }
    }

    fn filled(&self, fill: u8) -> Result<Vec<u8>, &'static str> {
        match (self.length, self.pad_to, self.pad) {
            (Some(length), None, None) if length <= LONGEST => Ok(vec![fill; length]),
            (Some(_), None, None) => Err("longer than any value can be"),
            _ => Err("fill needs length, and nothing else"),
        }
    }

    fn padded(&self, mut bytes: Vec<u8>) -> Result<Vec<u8>, &'static str> {
        if self.length.is_some() {
            return Err("length belongs to fill; use pad-to");
        }
        let pad = match self.pad {
            None => 0,
            Some(Pad::Byte(byte)) => byte,
            Some(Pad::Character(character)) if character.is_ascii() => character as u8,
            Some(Pad::Character(_)) => return Err("the pad character is not ASCII"),
        };
        match self.pad_to {
            None if self.pad.is_some() => return Err("pad needs pad-to"),
            None => {}
            Some(length) if length > LONGEST => return Err("longer than any value can be"),
            Some(length) if length < bytes.len() => return Err("longer than pad-to already"),
            Some(length) => bytes.resize(length, pad),
        }
        Ok(bytes)
    }
}

fn ascii(text: &str) -> Result<Vec<u8>, &'static str> {
    if text.is_ascii() { Ok(text.as_bytes().to_vec()) } else { Err("not ASCII; use hex") }
}

/// Pairs of digits; white space between them is ignored.
fn from_hex(text: &str) -> Result<Vec<u8>, &'static str> {
    let digits = text.chars().filter(|character| !character.is_whitespace());
    let digits = digits.map(|digit| digit.to_digit(16).map(|value| value as u8)).collect::<Option<Vec<u8>>>();
    let digits = digits.ok_or("not hexadecimal")?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("an odd number of hexadecimal digits");
    }
    Ok(pairs.iter().map(|[high, low]| high.wrapping_shl(4) | low).collect())
}

/// The text of a description, to find lines in.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a>(pub(crate) &'a str);

impl Lines<'_> {
    /// The line, counted from 1, that a span begins in.
    pub(crate) fn of<T>(self, spanned: &Spanned<T>) -> usize {
        let before = self.0.as_bytes().get(..spanned.span().start).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
    }

    /// The bytes of a value, if their number is allowed.
    pub(crate) fn bytes(
        self,
        key: &str,
        value: &Spanned<Value>,
        expected: RangeInclusive<usize>,
    ) -> Result<Vec<u8>, BuildError> {
        let (line, key) = (self.of(value), key.to_owned());
        let bytes = match value.get_ref().bytes() {
            Ok(bytes) => bytes,
            Err(reason) => return Err(BuildError::Value { line, key, reason }),
        };
        if expected.contains(&bytes.len()) {
            Ok(bytes)
        } else {
            Err(BuildError::Length { line, key, expected, found: bytes.len() })
        }
    }

    /// A name of a record or keyword.
    pub(crate) fn name<N: FromStr, T>(
        self,
        name: &str,
        place: &Spanned<T>,
        expected: &'static str,
    ) -> Result<N, BuildError> {
        let error = |_| BuildError::Name { line: self.of(place), name: name.to_owned(), expected };
        name.parse().map_err(error)
    }

    /// Keywords in the order of the text. `longest` tells how long a value may be.
    pub(crate) fn keywords(
        self,
        values: &Values,
        longest: impl Fn(KeywordName) -> usize,
    ) -> Result<Vec<(KeywordName, Vec<u8>)>, BuildError> {
        let mut ordered: Vec<_> = values.iter().collect();
        ordered.sort_by_key(|(_, value)| value.span().start);
        let keyword = |(key, value): (&String, &Spanned<Value>)| {
            let name: KeywordName = self.name(key, value, "keyword of two ASCII characters")?;
            Ok((name, self.bytes(key, value, 0..=longest(name))?))
        };
        ordered.into_iter().map(keyword).collect()
    }
}
