//! JSON as it is written: in its order, and without a key twice.

use crate::Problem;
use crate::import::words::{quoted, shortened};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// A value. Serde's own keeps the last of two equal keys and sorts them, which would lose actions and their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A number that is neither negative nor broken.
    Number(u64),
    /// Any other number, as text.
    OtherNumber(String),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Reads a text; `file` is its name in complaints. How deep values may nest is limited by serde_json.
    ///
    /// Errors: [`Problem::Wrong`] with line and column.
    pub(crate) fn read(bytes: &[u8], file: &str) -> Result<Self, Problem> {
        serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let message = error.to_string();
            let message =
                message.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&message);
            Problem::Wrong { place: format!("{file}:{line}:{column}"), message: message.to_owned() }
        })
    }

    /// The value of a key, if this is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(entries) = self else { return None };
        entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// For complaints: short, on one line.
impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Number(value) => write!(formatter, "{value}"),
            Self::OtherNumber(text) => formatter.write_str(text),
            Self::Text(text) => formatter.write_str(&quoted(&shortened(text))),
            Self::List(values) => write!(formatter, "a list of {}", values.len()),
            Self::Object(entries) => {
                let keys: Vec<String> =
                    entries.iter().take(4).map(|(key, _)| quoted(&shortened(key))).collect();
                let more = if entries.len() > keys.len() { ", …" } else { "" };
                write!(formatter, "{{{}{more}}}", keys.join(", "))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or_else(|_| Value::OtherNumber(value.to_string()), Value::Number))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::OtherNumber(format!("{value:e}")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                let key = quoted(&shortened(&key));
                return Err(de::Error::custom(format!("key {key} appears twice in one object")));
            }
            entries.push((key, map.next_value()?));
        }
        Ok(Value::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &[u8]) -> String {
        Value::read(text, "x.json").unwrap_err().to_string()
    }

    #[test]
    fn keys_stay_in_their_order() {
        let value = Value::read(br#"{"z": 1, "a": [true, null], "m": "x"}"#, "").unwrap();
        assert_eq!(value.to_string(), r#"{"z", "a", "m"}"#);
        assert_eq!(value.get("a"), Some(&Value::List(vec![Value::Bool(true), Value::Null])));
    }

    #[test]
    fn numbers_of_any_size_have_a_value_or_a_complaint() {
        for (text, value) in [
            ("18446744073709551615", Value::Number(u64::MAX)),
            ("-0", Value::OtherNumber("-0e0".to_owned())),
            ("-7", Value::OtherNumber("-7".to_owned())),
            ("18446744073709551616", Value::OtherNumber("1.8446744073709552e19".to_owned())),
            ("1.5", Value::OtherNumber("1.5e0".to_owned())),
        ] {
            assert_eq!(Value::read(text.as_bytes(), "").unwrap(), value, "{text}");
        }
        assert!(complaint(b"1e999").starts_with("x.json:1:"), "{}", complaint(b"1e999"));
    }

    #[test]
    fn what_is_no_json_is_named_with_line_and_column() {
        let deep = "[".repeat(100_000);
        let long = format!("{{\"{0}\": 1,\n\"{0}\": 2}}", "k".repeat(100_000));
        for (text, words) in [
            (&b""[..], "x.json:1:0: EOF"),
            (b"{\"a\": 1,\n \"a\": 2}", "x.json:2:4: key \"a\" appears twice"),
            (b"{\"a\": {\"b\": 1, \"b\": {}}}", "key \"b\" appears twice"),
            (b"{\"a\" 1}", "x.json:1:6: expected `:`"),
            (b"{} {}", "x.json:1:4: trailing"),
            (b"{\"a\": \"\xff\"}", "x.json:1:"),
            (b"\xff\xfe{}", "x.json:1:1"),
            (deep.as_bytes(), "recursion limit"),
            (long.as_bytes(), "…\" appears twice"),
        ] {
            let complaint = complaint(text);
            assert!(complaint.contains(words), "{complaint:.300} lacks {words}");
            assert!(complaint.len() < 400, "{complaint:.300}");
        }
    }
}
