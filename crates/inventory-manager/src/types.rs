//! Property types of the schema and the values that go with them.

use dbus_api::inventory::notification::ByteString;
use dbus_api::inventory::received::{Exact, Given};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::{Number, Value as Json};
use std::borrow::Cow;
use zbus::{Array, Dict, Signature, Type, Variant, as_variant};

/// A property's type, as the schema gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyType {
    /// `b`
    Bool,
    /// An integer of any width.
    Integer(Integer),
    /// `d`
    Double,
    /// `s`, or `o` when the text is a path.
    Text(Words),
    /// `ay`
    Bytes,
    /// `as`, or `ao` when the elements are paths.
    Texts(Words),
    /// `a(sss)`: associations.
    Triples,
    /// Any other array or dictionary: hosted, but nothing that `Notify` accepts can fill it.
    Empty(Signature),
}

/// Which texts a property takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// All.
    Any,
    /// Object paths.
    Paths,
    /// The full names of an enumeration's values.
    OneOf(Vec<String>),
}

/// The integers of D-Bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the D-Bus type names")]
pub enum Integer {
    Byte,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Uint64,
}

/// What a property holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// For [`PropertyType::Bool`].
    Bool(bool),
    /// For [`PropertyType::Integer`]; wide enough for every one of them.
    Integer(i128),
    /// For [`PropertyType::Double`].
    Double(f64),
    /// For [`PropertyType::Text`].
    Text(String),
    /// For [`PropertyType::Bytes`].
    Bytes(Vec<u8>),
    /// For [`PropertyType::Texts`].
    Texts(Vec<String>),
    /// For [`PropertyType::Triples`].
    Triples(Vec<(String, String, String)>),
    /// For [`PropertyType::Empty`].
    Empty,
}

/// PDI's `size`, by the width of this machine's pointers.
#[cfg(target_pointer_width = "64")]
const SIZE: Integer = Integer::Uint64;
#[cfg(not(target_pointer_width = "64"))]
const SIZE: Integer = Integer::Uint32;

impl Integer {
    fn signature(self) -> &'static str {
        match self {
            Self::Byte => "y",
            Self::Int16 => "n",
            Self::Uint16 => "q",
            Self::Int32 => "i",
            Self::Uint32 => "u",
            Self::Int64 => "x",
            Self::Uint64 => "t",
        }
    }

    fn holds(self, value: i128) -> bool {
        (self.range().0..=self.range().1).contains(&value)
    }

    /// Smallest and largest value.
    pub fn range(self) -> (i128, i128) {
        match self {
            Self::Byte => (0, u8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Uint16 => (0, u16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Uint32 => (0, u32::MAX.into()),
            Self::Int64 => (i64::MIN.into(), i64::MAX.into()),
            Self::Uint64 => (0, u64::MAX.into()),
        }
    }
}

impl PropertyType {
    /// The type for a signature of the schema; `size` is PDI's pointer-wide integer.
    pub fn parse(signature: &str) -> Option<Self> {
        Some(match signature {
            "b" => Self::Bool,
            "y" => Self::Integer(Integer::Byte),
            "n" => Self::Integer(Integer::Int16),
            "q" => Self::Integer(Integer::Uint16),
            "i" => Self::Integer(Integer::Int32),
            "u" => Self::Integer(Integer::Uint32),
            "x" => Self::Integer(Integer::Int64),
            "t" => Self::Integer(Integer::Uint64),
            "size" => Self::Integer(SIZE),
            "d" => Self::Double,
            "s" => Self::Text(Words::Any),
            "o" => Self::Text(Words::Paths),
            "ay" => Self::Bytes,
            "as" => Self::Texts(Words::Any),
            "ao" => Self::Texts(Words::Paths),
            "a(sss)" => Self::Triples,
            other => match Signature::try_from(other).ok()? {
                signature @ (Signature::Array(_) | Signature::Dict { .. }) => Self::Empty(signature),
                _ => return None,
            },
        })
    }

    /// The D-Bus signature.
    pub fn signature(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Bool => "b",
            Self::Integer(integer) => integer.signature(),
            Self::Double => "d",
            Self::Text(Words::Paths) => "o",
            Self::Text(_) => "s",
            Self::Bytes => "ay",
            Self::Texts(Words::Paths) => "ao",
            Self::Texts(_) => "as",
            Self::Triples => "a(sss)",
            Self::Empty(signature) => return Cow::Owned(signature.to_string()),
        })
    }

    /// What a property holds that nobody has set and whose interface names no default.
    pub fn zero(&self) -> Value {
        match self {
            Self::Bool => Value::Bool(false),
            Self::Integer(_) => Value::Integer(0),
            Self::Double => Value::Double(0.0),
            Self::Text(Words::Any) => Value::Text(String::new()),
            Self::Text(Words::Paths) => Value::Text("/".to_owned()),
            Self::Text(Words::OneOf(values)) => Value::Text(values.first().cloned().unwrap_or_default()),
            Self::Bytes => Value::Bytes(Vec::new()),
            Self::Texts(_) => Value::Texts(Vec::new()),
            Self::Triples => Value::Triples(Vec::new()),
            Self::Empty(_) => Value::Empty,
        }
    }

    /// Converts a value that a caller gave; numbers convert to every width that holds them.
    ///
    /// `None` when the value does not fit the type: another kind, out of range, not one of the
    /// enumeration's values, not a path.
    pub fn accept(&self, given: &Given<'_>) -> Option<Value> {
        match (self, given) {
            (Self::Bool, Given::Bool(value)) => Some(Value::Bool(*value)),
            (Self::Bytes, Given::Bytes(value)) => Some(Value::Bytes(value.to_vec())),
            (Self::Texts(words), Given::Texts(values)) => {
                let fit = values.iter().all(|value| words.allow(value));
                fit.then(|| Value::Texts(values.iter().map(|&value| value.to_owned()).collect()))
            }
            (Self::Text(words), Given::Text(value)) => {
                words.allow(value).then(|| Value::Text((*value).to_owned()))
            }
            (Self::Integer(integer), given) => {
                let number = number(given)?;
                integer.holds(number).then_some(Value::Integer(number))
            }
            (Self::Double, given) => number(given).map(|number| Value::Double(number as f64)),
            _ => None,
        }
    }

    /// Takes a value of just this type, as a direct `Set` must give it, or one that [`Self::accept`] takes.
    pub fn accept_exact(&self, given: &Given<'_>) -> Option<Value> {
        let Given::Exact(exact) = given else { return self.accept(given) };
        let owned = |(a, b, c): &(&str, &str, &str)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned());
        match (self, exact) {
            (Self::Integer(integer), Exact::Integer(signature, number)) => {
                (integer.signature().starts_with(*signature)).then_some(Value::Integer(*number))
            }
            (Self::Double, Exact::Double(value)) => Some(Value::Double(*value)),
            (Self::Text(Words::Paths), Exact::Path(path)) => Some(Value::Text((*path).to_owned())),
            (Self::Texts(Words::Paths), Exact::Paths(paths)) => {
                Some(Value::Texts(paths.iter().map(|path| (*path).to_owned()).collect()))
            }
            (Self::Triples, Exact::Triples(triples)) => {
                Some(Value::Triples(triples.iter().map(owned).collect()))
            }
            _ => None,
        }
    }

    /// Reads the persisted or configured form of a value.
    pub fn from_json(&self, json: &Json) -> Option<Value> {
        match (self, json) {
            (Self::Bool, Json::Bool(value)) => Some(Value::Bool(*value)),
            (Self::Integer(integer), Json::Number(number)) => {
                let number = number.as_i128()?;
                integer.holds(number).then_some(Value::Integer(number))
            }
            (Self::Double, Json::Null) => Some(Value::Double(f64::NAN)),
            (Self::Double, Json::Number(number)) => number.as_f64().map(Value::Double),
            (Self::Text(words), Json::String(text)) => words.allow(text).then(|| Value::Text(text.clone())),
            (Self::Bytes, Json::String(text)) => decode_hex(text).map(Value::Bytes),
            (Self::Texts(words), json) => {
                let texts: Vec<String> = serde_json::from_value(json.clone()).ok()?;
                texts.iter().all(|text| words.allow(text)).then_some(Value::Texts(texts))
            }
            (Self::Empty(_), Json::Null) => Some(Value::Empty),
            (Self::Triples, json) => serde_json::from_value(json.clone()).ok().map(Value::Triples),
            _ => None,
        }
    }
}

impl Words {
    fn allow(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Paths => zbus::ObjectPath::try_from(text).is_ok(),
            Self::OneOf(values) => values.iter().any(|value| value == text),
        }
    }
}

fn number(given: &Given<'_>) -> Option<i128> {
    match given {
        Given::Size(value) => Some((*value).into()),
        Given::Signed(value) => Some((*value).into()),
        Given::Short(value) => Some((*value).into()),
        _ => None,
    }
}

impl Value {
    /// The persisted form: bytes as lower-case hex, a double that is no number as null.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool(value) => Json::Bool(*value),
            Self::Integer(value) => Number::from_i128(*value).map_or(Json::Null, Json::Number),
            Self::Double(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Self::Text(value) => Json::String(value.clone()),
            Self::Bytes(value) => Json::String(encode_hex(value)),
            Self::Texts(values) => values.iter().cloned().map(Json::String).collect(),
            Self::Empty => Json::Null,
            Self::Triples(values) => {
                values.iter().map(|(a, b, c)| Json::from(vec![a.as_str(), b.as_str(), c.as_str()])).collect()
            }
        }
    }
}

fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = pairs.iter().map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok());
    if rest.is_empty() { bytes.collect() } else { None }
}

/// A value with its type, as it goes over the wire inside a variant.
#[derive(Debug)]
pub struct Wire<'a>(pub &'a PropertyType, pub &'a Value);

impl Type for Wire<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0, self.1) {
            (_, Value::Bool(value)) => as_variant::serialize(value, serializer),
            (PropertyType::Integer(integer), Value::Integer(value)) => {
                serialize_integer(*integer, *value, serializer)
            }
            (_, Value::Double(value)) => as_variant::serialize(value, serializer),
            (PropertyType::Text(Words::Paths), Value::Text(value)) => {
                as_variant::serialize(&Path(value), serializer)
            }
            (_, Value::Text(value)) => as_variant::serialize(value, serializer),
            (_, Value::Bytes(value)) => as_variant::serialize(&ByteString(value), serializer),
            (PropertyType::Texts(Words::Paths), Value::Texts(values)) => {
                as_variant::serialize(&Paths(values), serializer)
            }
            (_, Value::Texts(values)) => as_variant::serialize(values, serializer),
            (_, Value::Triples(values)) => as_variant::serialize(values, serializer),
            (PropertyType::Empty(Signature::Array(element)), _) => {
                Variant::Array(Array::new(element.signature())).serialize(serializer)
            }
            (PropertyType::Empty(Signature::Dict { key, value }), _) => {
                Variant::Dict(Dict::new(key.signature(), value.signature())).serialize(serializer)
            }
            _ => Err(serde::ser::Error::custom("a value under a type that it does not belong to")),
        }
    }
}

fn serialize_integer<S: Serializer>(integer: Integer, value: i128, serializer: S) -> Result<S::Ok, S::Error> {
    // `accept` and `from_json` let nothing through that does not fit; `as` cannot cut anything off.
    match integer {
        Integer::Byte => as_variant::serialize(&(value as u8), serializer),
        Integer::Int16 => as_variant::serialize(&(value as i16), serializer),
        Integer::Uint16 => as_variant::serialize(&(value as u16), serializer),
        Integer::Int32 => as_variant::serialize(&(value as i32), serializer),
        Integer::Uint32 => as_variant::serialize(&(value as u32), serializer),
        Integer::Int64 => as_variant::serialize(&(value as i64), serializer),
        Integer::Uint64 => as_variant::serialize(&(value as u64), serializer),
    }
}

struct Path<'a>(&'a str);

impl Type for Path<'_> {
    const SIGNATURE: &'static Signature = &Signature::ObjectPath;
}

impl Serialize for Path<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

struct Paths<'a>(&'a [String]);

impl Type for Paths<'_> {
    const SIGNATURE: &'static Signature = <[zbus::ObjectPath<'_>]>::SIGNATURE;
}

impl Serialize for Paths<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.0.len()))?;
        for path in self.0 {
            sequence.serialize_element(path)?;
        }
        sequence.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(signature: &str) -> PropertyType {
        PropertyType::parse(signature).unwrap()
    }

    #[test]
    fn numbers_convert_to_every_width_that_holds_them_and_to_no_other() {
        for (signature, given, expected) in [
            ("t", Given::Signed(5), Some(Value::Integer(5))),
            ("t", Given::Signed(-5), None),
            ("y", Given::Size(255), Some(Value::Integer(255))),
            ("y", Given::Size(256), None),
            ("x", Given::Short(7), Some(Value::Integer(7))),
            ("d", Given::Size(7), Some(Value::Double(7.0))),
            ("b", Given::Size(1), None),
            ("s", Given::Size(1), None),
            ("x", Given::Bool(true), None),
            ("ay", Given::Text("x"), None),
            ("o", Given::Text("not a path"), None),
            ("ao", Given::Texts(vec!["/a", "b"]), None),
            ("s", Given::Other("i".into()), None),
        ] {
            assert_eq!(property(signature).accept(&given), expected, "{signature} {given:?}");
        }
    }

    #[test]
    fn a_direct_set_takes_the_exact_type_of_every_property() {
        for (signature, exact, value) in [
            ("y", Exact::Integer('y', 7), Some(Value::Integer(7))),
            ("u", Exact::Integer('u', 7), Some(Value::Integer(7))),
            ("u", Exact::Integer('i', 7), None),
            ("d", Exact::Double(0.5), Some(Value::Double(0.5))),
            ("o", Exact::Path("/a"), Some(Value::Text("/a".into()))),
            ("ao", Exact::Paths(vec!["/a"]), Some(Value::Texts(vec!["/a".into()]))),
            (
                "a(sss)",
                Exact::Triples(vec![("a", "b", "c")]),
                Some(Value::Triples(vec![("a".into(), "b".into(), "c".into())])),
            ),
            ("s", Exact::Path("/a"), None),
        ] {
            let given = Given::Exact(exact);
            assert_eq!(property(signature).accept_exact(&given), value, "{signature} {given:?}");
            assert_eq!(property(signature).accept(&given), None, "Notify takes seven types only");
        }
    }

    #[test]
    fn an_enumeration_takes_only_its_values() {
        let kind = PropertyType::Text(Words::OneOf(vec!["a.B.C".into(), "a.B.D".into()]));
        assert_eq!(kind.accept(&Given::Text("a.B.D")), Some(Value::Text("a.B.D".into())));
        assert_eq!(kind.accept(&Given::Text("D")), None);
        assert_eq!(kind.zero(), Value::Text("a.B.C".into()));
    }

    #[test]
    fn every_kind_survives_the_persisted_form() {
        for (signature, value) in [
            ("b", Value::Bool(true)),
            ("t", Value::Integer(u64::MAX.into())),
            ("x", Value::Integer(i64::MIN.into())),
            ("d", Value::Double(1.5)),
            ("s", Value::Text("a\u{1}\"b".into())),
            ("o", Value::Text("/a/b".into())),
            ("ay", Value::Bytes(vec![0, 127, 128, 255])),
            ("as", Value::Texts(vec!["a".into(), String::new()])),
            ("a(sss)", Value::Triples(vec![("a".into(), "b".into(), "/c".into())])),
        ] {
            let text = value.to_json().to_string();
            let json: Json = serde_json::from_str(&text).unwrap();
            assert_eq!(property(signature).from_json(&json), Some(value), "{signature} {text}");
        }
        let none = property("d").from_json(&Value::Double(f64::NAN).to_json());
        assert!(matches!(none, Some(Value::Double(value)) if value.is_nan()));
    }

    #[test]
    fn a_persisted_value_that_does_not_fit_its_type_is_refused() {
        for (signature, text) in [("y", "256"), ("t", "-1"), ("ay", "\"abc\""), ("ay", "\"0g\""), ("b", "1")]
        {
            assert_eq!(property(signature).from_json(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }
}
