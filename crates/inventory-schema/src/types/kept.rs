//! The persisted form of values: JSON, in which no value takes more than [`crate::counted::GROWTH`] times its counted size.

use super::{TextList, Value};
use base64ct::{Base64, Encoding as _};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::fmt;

/// The one name in the object that stands for a text of many escapes.
const NAME: &str = "base64";
/// Bytes of such an object, beside what encodes the text: `{"base64":""}`.
const AROUND: usize = 13;

/// Bytes as base64, a text with so many escapes that this is shorter as `{"base64": …}`, a double as a text, as JSON's numbers
/// are not read to the last bit.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) if value.is_negative => serializer.serialize_i64(value.low as i64),
            Self::Integer(value) => serializer.serialize_u64(value.low),
            // Not in full: the largest have 300 digits.
            Self::Double(value) => serializer.collect_str(&format_args!("{value:e}")),
            Self::Text(text) => Text(text).serialize(serializer),
            Self::Bytes(bytes) => serializer.collect_str(&Encoded(bytes)),
            Self::Texts(texts) => {
                let mut list = serializer.serialize_seq(None)?;
                texts.iter().try_for_each(|text| list.serialize_element(&Text(text)))?;
                list.end()
            }
            Self::Triples(texts) => {
                let mut list = serializer.serialize_seq(None)?;
                let mut texts = texts.iter().map(Text);
                while let (Some(a), Some(b), Some(c)) = (texts.next(), texts.next(), texts.next()) {
                    list.serialize_element(&[a, b, c])?;
                }
                list.end()
            }
            Self::Empty => serializer.serialize_unit(),
        }
    }
}

struct Text<'a>(&'a str);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let quoted = 2 + self.0.bytes().map(escaped).sum::<usize>();
        if quoted <= AROUND + Base64::encoded_len(self.0.as_bytes()) {
            return serializer.serialize_str(self.0);
        }
        let mut object = serializer.serialize_map(Some(1))?;
        object.serialize_entry(NAME, &Encoded(self.0.as_bytes()))?;
        object.end()
    }
}

/// Bytes that a byte of a text takes between quotation marks.
fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | 8 | 9 | 10 | 12 | 13 => 2,
        0..32 => 6,
        _ => 1,
    }
}

/// Bytes in base64, piece by piece.
struct Encoded<'a>(&'a [u8]);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Pieces of three bytes each join without a seam.
        self.0.chunks(3 * 64).try_for_each(|piece| {
            let mut buffer = [0; 4 * 64];
            formatter.write_str(Base64::encode(piece, &mut buffer).map_err(|_| fmt::Error)?)
        })
    }
}

/// Bytes from their persisted form.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// A text from its persisted form; none has a NUL, as none comes over the bus.
pub(super) fn text(json: &Json) -> Option<Cow<'_, str>> {
    let text = match json {
        Json::String(text) => Cow::Borrowed(text.as_str()),
        Json::Object(object) if object.len() == 1 => {
            Cow::Owned(String::from_utf8(bytes(object.get(NAME)?.as_str()?)?).ok()?)
        }
        _ => return None,
    };
    (!text.contains('\0')).then_some(text)
}

/// A list of texts from its persisted form.
pub(super) fn texts(json: &[Json]) -> Option<TextList> {
    let mut list = dbus_api::inventory::received::Growing::default();
    for json in json {
        list.push(&text(json)?);
    }
    Some(list.finish())
}

/// A list of three texts each from its persisted form.
pub(super) fn triples(json: &[Json]) -> Option<TextList> {
    let mut list = dbus_api::inventory::received::Growing::default();
    for json in json {
        let Json::Array(three) = json else { return None };
        let [a, b, c] = three.as_slice() else { return None };
        for json in [a, b, c] {
            list.push(&text(json)?);
        }
    }
    Some(list.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counted::GROWTH;
    use crate::types::PropertyType;
    use proptest::prelude::*;

    fn list(texts: &[&str]) -> TextList {
        texts.iter().copied().collect()
    }

    fn kept(value: &Value) -> String {
        serde_json::to_string(value).unwrap()
    }

    fn read(signature: &str, text: &str) -> Option<Value> {
        PropertyType::parse(signature).unwrap().from_json(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn every_kind_survives_the_persisted_form() {
        for (signature, value, text) in [
            ("b", Value::Bool(true), "true"),
            ("t", Value::Integer(i128::from(u64::MAX).into()), "18446744073709551615"),
            ("x", Value::Integer(i128::from(i64::MIN).into()), "-9223372036854775808"),
            ("d", Value::Double(1.5), "\"1.5e0\""),
            ("d", Value::Double(f64::NEG_INFINITY), "\"-inf\""),
            ("s", Value::Text("a\u{1}\"b".into()), "\"a\\u0001\\\"b\""),
            ("s", Value::Text("\u{1}\u{2}\u{3}\u{4}".into()), "{\"base64\":\"AQIDBA==\"}"),
            ("o", Value::Text("/a/b".into()), "\"/a/b\""),
            ("ay", Value::Bytes([0, 127, 128, 255].into()), "\"AH+A/w==\""),
            ("as", Value::Texts(list(&["a", ""])), "[\"a\",\"\"]"),
            ("a(sss)", Value::Triples(list(&["a", "b", "/c"])), "[[\"a\",\"b\",\"/c\"]]"),
            ("a{sv}", Value::Empty, "null"),
        ] {
            assert_eq!(kept(&value), text, "{signature}");
            assert_eq!(read(signature, text), Some(value), "{signature} {text}");
        }
        let none = read("d", &kept(&Value::Double(f64::NAN)));
        assert!(matches!(none, Some(Value::Double(value)) if value.is_nan()));
    }

    /// Texts as they come over the bus, many of them of characters that JSON escapes.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof!["[^\u{0}]{0,20}", "[\u{1}-\u{1f}\"\\\\]{0,20}", "[a-z\u{1}]{0,20}"]
    }

    fn any_value() -> impl Strategy<Value = (&'static str, Value)> {
        let texts = |most| proptest::collection::vec(any_text(), 0..most);
        prop_oneof![
            any::<bool>().prop_map(|value| ("b", Value::Bool(value))),
            any::<u64>().prop_map(|value| ("t", Value::Integer(i128::from(value).into()))),
            any::<i64>().prop_map(|value| ("x", Value::Integer(i128::from(value).into()))),
            any::<f64>().prop_map(|value| ("d", Value::Double(value))),
            any_text().prop_map(|value| ("s", Value::Text(value.into()))),
            proptest::collection::vec(any::<u8>(), 0..600)
                .prop_map(|value| ("ay", Value::Bytes(value.into()))),
            texts(20).prop_map(|value| ("as", Value::Texts(value.iter().map(String::as_str).collect()))),
            texts(20).prop_map(|value| {
                let thirds = value.len() / 3 * 3;
                ("a(sss)", Value::Triples(value.iter().take(thirds).map(String::as_str).collect()))
            }),
        ]
    }

    proptest! {
        #[test]
        fn any_value_is_read_back_equal_and_takes_no_more_than_is_stated((signature, value) in any_value()) {
            let text = kept(&value);
            prop_assert!(text.len() as u64 <= GROWTH * (crate::counted::PER_PROPERTY + value.size()) as u64, "{}", text);
            prop_assert_eq!(read(signature, &text), Some(value));
        }
    }
}
