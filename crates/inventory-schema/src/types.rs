//! Property types of the schema and the values that go with them.

pub mod busctl;
mod kept;
mod wire;

pub use wire::Wire;

use dbus_api::inventory::received::{Exact, Given, TextList};
use serde_json::Value as Json;
use std::borrow::Cow;
use zbus::Signature;

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

/// What a property holds. Kept small, as there are 100,000 of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// For [`PropertyType::Bool`].
    Bool(bool),
    /// For [`PropertyType::Integer`].
    Integer(Whole),
    /// For [`PropertyType::Double`].
    Double(f64),
    /// For [`PropertyType::Text`].
    Text(Box<str>),
    /// For [`PropertyType::Bytes`].
    Bytes(Box<[u8]>),
    /// For [`PropertyType::Texts`].
    Texts(TextList),
    /// For [`PropertyType::Triples`]: three texts each.
    Triples(TextList),
    /// For [`PropertyType::Empty`].
    Empty,
}

/// Any number that an integer of D-Bus holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    is_negative: bool,
    /// Its lowest 64 bits.
    low: u64,
}

impl From<i128> for Whole {
    /// Of a number between the smallest `x` and the largest `t`.
    fn from(number: i128) -> Self {
        Self { is_negative: number < 0, low: number as u64 }
    }
}

impl From<Whole> for i128 {
    fn from(whole: Whole) -> Self {
        if whole.is_negative { Self::from(whole.low as i64) } else { Self::from(whole.low) }
    }
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

    /// What it takes, for people.
    pub fn described(&self) -> String {
        match self {
            Self::Text(Words::OneOf(_)) | Self::Texts(Words::OneOf(_)) => {
                format!("{} of an enumeration's values", self.signature())
            }
            _ => self.signature().into_owned(),
        }
    }

    /// What a property holds that nobody has set and whose interface names no default.
    pub fn zero(&self) -> Value {
        match self {
            Self::Bool => Value::Bool(false),
            Self::Integer(_) => Value::Integer(0.into()),
            Self::Double => Value::Double(0.0),
            Self::Text(Words::Any) => Value::Text("".into()),
            Self::Text(Words::Paths) => Value::Text("/".into()),
            Self::Text(Words::OneOf(values)) => {
                Value::Text(values.first().map_or("", |value| value.as_str()).into())
            }
            Self::Bytes => Value::Bytes(Box::default()),
            Self::Texts(_) => Value::Texts(TextList::default()),
            Self::Triples => Value::Triples(TextList::default()),
            Self::Empty(_) => Value::Empty,
        }
    }

    /// Converts a value that a caller gave; numbers convert to every width that holds them.
    ///
    /// Errors: the value, which does not fit the type: it is of another kind, out of range, not one of the enumeration's
    /// values, not a path.
    pub fn accept<'a>(&self, given: Given<'a>) -> Result<Value, Given<'a>> {
        match (self, given) {
            (Self::Bool, Given::Bool(value)) => Ok(Value::Bool(value)),
            (Self::Bytes, Given::Bytes(value)) => Ok(Value::Bytes(value.into())),
            (Self::Texts(words), Given::Texts(values)) if values.iter().all(|value| words.allow(value)) => {
                Ok(Value::Texts(values))
            }
            (Self::Text(words), Given::Text(value)) if words.allow(value) => Ok(Value::Text(value.into())),
            (Self::Integer(integer), given) => match number(&given) {
                Some(number) if integer.holds(number) => Ok(Value::Integer(number.into())),
                _ => Err(given),
            },
            (Self::Double, given) => number(&given).map(|number| Value::Double(number as f64)).ok_or(given),
            (_, given) => Err(given),
        }
    }

    /// Takes a value of just this type, as a direct `Set` must give it, or one that [`Self::accept`] takes.
    ///
    /// Errors: the value, of another type.
    pub fn accept_exact<'a>(&self, given: Given<'a>) -> Result<Value, Given<'a>> {
        match (self, given) {
            (Self::Integer(integer), Given::Exact(Exact::Integer(signature, number)))
                if integer.signature().starts_with(signature) =>
            {
                Ok(Value::Integer(number.into()))
            }
            (Self::Double, Given::Exact(Exact::Double(value))) => Ok(Value::Double(value)),
            (Self::Text(Words::Paths), Given::Exact(Exact::Path(path))) => Ok(Value::Text(path.into())),
            (Self::Texts(Words::Paths), Given::Exact(Exact::Paths(paths))) => Ok(Value::Texts(paths)),
            (Self::Triples, Given::Exact(Exact::Triples(triples))) => Ok(Value::Triples(triples)),
            (_, given) => self.accept(given),
        }
    }

    /// Reads the persisted or configured form of a value, see [`Value`]'s `Serialize`.
    pub fn from_json(&self, json: &Json) -> Option<Value> {
        match (self, json) {
            (Self::Bool, Json::Bool(value)) => Some(Value::Bool(*value)),
            (Self::Integer(integer), Json::Number(number)) => {
                let number = number.as_i128()?;
                integer.holds(number).then_some(Value::Integer(number.into()))
            }
            (Self::Double, Json::Null) => Some(Value::Double(f64::NAN)),
            (Self::Double, Json::Number(number)) => number.as_f64().map(Value::Double),
            (Self::Double, Json::String(text)) => text.parse().ok().map(Value::Double),
            (Self::Text(words), json) => {
                let text = kept::text(json)?;
                words.allow(&text).then(|| Value::Text(text.into()))
            }
            (Self::Bytes, Json::String(text)) => kept::bytes(text).map(|bytes| Value::Bytes(bytes.into())),
            (Self::Texts(words), Json::Array(texts)) => {
                let texts = kept::texts(texts)?;
                let fit = texts.iter().all(|text| words.allow(text));
                fit.then_some(Value::Texts(texts))
            }
            (Self::Empty(_), Json::Null) => Some(Value::Empty),
            (Self::Triples, Json::Array(triples)) => kept::triples(triples).map(Value::Triples),
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
    /// Bytes as [`crate::counted`] counts them.
    pub fn size(&self) -> usize {
        match self {
            Self::Bool(_) | Self::Integer(_) | Self::Double(_) | Self::Empty => 8,
            Self::Text(text) => 5 + text.len(),
            Self::Bytes(bytes) => 5 + bytes.len(),
            Self::Texts(texts) => 8 + texts.iter().map(|text| 8 + text.len()).sum::<usize>(),
            Self::Triples(texts) => {
                8 + texts.iter().map(|text| 8 + text.len()).sum::<usize>() + texts.len() / 3 * 8
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> TextList {
        texts.iter().copied().collect()
    }

    fn property(signature: &str) -> PropertyType {
        PropertyType::parse(signature).unwrap()
    }

    #[test]
    fn numbers_convert_to_every_width_that_holds_them_and_to_no_other() {
        for (signature, given, expected) in [
            ("t", Given::Signed(5), Some(Value::Integer(5.into()))),
            ("t", Given::Signed(-5), None),
            ("y", Given::Size(255), Some(Value::Integer(255.into()))),
            ("y", Given::Size(256), None),
            ("x", Given::Short(7), Some(Value::Integer(7.into()))),
            ("d", Given::Size(7), Some(Value::Double(7.0))),
            ("b", Given::Size(1), None),
            ("s", Given::Size(1), None),
            ("x", Given::Bool(true), None),
            ("ay", Given::Text("x"), None),
            ("o", Given::Text("not a path"), None),
            ("ao", Given::Texts(list(&["/a", "b"])), None),
            ("s", Given::Other("i".into()), None),
        ] {
            assert_eq!(property(signature).accept(given.clone()).ok(), expected, "{signature} {given:?}");
        }
    }

    #[test]
    fn a_direct_set_takes_the_exact_type_of_every_property() {
        for (signature, exact, value) in [
            ("y", Exact::Integer('y', 7), Some(Value::Integer(7.into()))),
            ("u", Exact::Integer('u', 7), Some(Value::Integer(7.into()))),
            ("u", Exact::Integer('i', 7), None),
            ("d", Exact::Double(0.5), Some(Value::Double(0.5))),
            ("o", Exact::Path("/a"), Some(Value::Text("/a".into()))),
            ("ao", Exact::Paths(list(&["/a"])), Some(Value::Texts(list(&["/a"])))),
            ("a(sss)", Exact::Triples(list(&["a", "b", "c"])), Some(Value::Triples(list(&["a", "b", "c"])))),
            ("s", Exact::Path("/a"), None),
        ] {
            let given = Given::Exact(exact);
            assert_eq!(property(signature).accept_exact(given.clone()).ok(), value, "{signature} {given:?}");
            assert_eq!(property(signature).accept(given.clone()).ok(), None, "Notify takes seven types only");
        }
    }

    #[test]
    fn an_enumeration_takes_only_its_values() {
        let kind = PropertyType::Text(Words::OneOf(vec!["a.B.C".into(), "a.B.D".into()]));
        assert_eq!(kind.accept(Given::Text("a.B.D")).ok(), Some(Value::Text("a.B.D".into())));
        assert_eq!(kind.accept(Given::Text("D")).ok(), None);
        assert_eq!(kind.zero(), Value::Text("a.B.C".into()));
    }

    #[test]
    fn a_persisted_value_that_does_not_fit_its_type_is_refused() {
        for (signature, text) in [
            ("y", "256"),
            ("t", "-1"),
            ("ay", "\"abc\""),
            ("ay", "\"0!==\""),
            ("s", "\"a\\u0000\""),
            ("b", "1"),
        ] {
            assert_eq!(property(signature).from_json(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }
}
