//! One value of a document.

use crate::access::{Entries, Items, Variant};
use serde::de::{self, Deserializer, Expected, Unexpected, Visitor};
use std::convert::Infallible;
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue, Error, ValueDeserializer};

/// A value, and where it stands in the text.
pub struct Value<'de> {
    place: Range<usize>,
    content: DeValue<'de>,
}

impl<'de> Value<'de> {
    pub fn table(table: Spanned<DeTable<'de>>) -> Self {
        Self { place: table.span(), content: DeValue::Table(table.into_inner()) }
    }
}

impl<'de> From<Spanned<DeValue<'de>>> for Value<'de> {
    fn from(value: Spanned<DeValue<'de>>) -> Self {
        Self { place: value.span(), content: value.into_inner() }
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Self { place, content } = self;
        let read = match content {
            DeValue::String(text) => visitor.visit_str(&text),
            DeValue::Integer(number) => visit_integer(&number, visitor),
            DeValue::Float(number) => float(&number).and_then(|number| visitor.visit_f64(number)),
            DeValue::Boolean(truth) => visitor.visit_bool(truth),
            DeValue::Array(items) => visitor.visit_seq(Items::new(items)),
            DeValue::Table(table) => visitor.visit_map(Entries::new(table)),
            content @ DeValue::Datetime(_) => Err(other_kind(&content, &visitor)),
        };
        read.map_err(|error| placed(error, &place))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let read = match self.content {
            DeValue::Boolean(truth) => visitor.visit_bool(truth),
            content => Err(other_kind(&content, &visitor)),
        };
        read.map_err(|error| placed(error, &self.place))
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let read = match self.content {
            DeValue::Integer(number) => visit_integer(&number, visitor),
            content => Err(other_kind(&content, &visitor)),
        };
        read.map_err(|error| placed(error, &self.place))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let read = match self.content {
            DeValue::String(text) => visitor.visit_str(&text),
            content => Err(other_kind(&content, &visitor)),
        };
        read.map_err(|error| placed(error, &self.place))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let read = match self.content {
            DeValue::Array(items) => visitor.visit_seq(Items::new(items)),
            content => Err(other_kind(&content, &visitor)),
        };
        read.map_err(|error| placed(error, &self.place))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let read = match self.content {
            DeValue::Table(table) => visitor.visit_map(Entries::new(table)),
            content => Err(other_kind(&content, &visitor)),
        };
        read.map_err(|error| placed(error, &self.place))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = Variant::of(self.content, self.place.clone());
        variant.and_then(|variant| visitor.visit_enum(variant)).map_err(|error| placed(error, &self.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // What is nothing is not there.
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    serde::forward_to_deserialize_any! { f32 f64 bytes byte_buf unit unit_struct identifier }
}

/// The error with this place, unless it has one. Only `toml`'s own deserialiser can give it one.
pub fn placed(error: Error, place: &Range<usize>) -> Error {
    struct Refusal<'a>(&'a str);
    impl Visitor<'_> for Refusal<'_> {
        type Value = Infallible;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("nothing")
        }

        fn visit_bool<E: de::Error>(self, _: bool) -> Result<Infallible, E> {
            Err(E::custom(self.0))
        }
    }
    if error.span().is_some() {
        return error;
    }
    let there = ValueDeserializer::from(Spanned::new(place.clone(), DeValue::Boolean(true)));
    match there.deserialize_bool(Refusal(error.message())) {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

/// The error for a value of another kind than the type takes.
fn other_kind(content: &DeValue<'_>, expected: &dyn Expected) -> Error {
    let found = match content {
        DeValue::String(text) => Unexpected::Str(text),
        DeValue::Integer(number) => signed(number).map_or(Unexpected::Other("integer"), Unexpected::Signed),
        DeValue::Float(number) => float(number).map_or(Unexpected::Other("float"), Unexpected::Float),
        DeValue::Boolean(truth) => Unexpected::Bool(*truth),
        DeValue::Datetime(_) => Unexpected::Other("date or time"),
        DeValue::Array(_) => Unexpected::Seq,
        DeValue::Table(_) => Unexpected::Map,
    };
    de::Error::invalid_type(found, expected)
}

fn visit_integer<'de, V: Visitor<'de>>(number: &DeInteger<'_>, visitor: V) -> Result<V::Value, Error> {
    match signed(number) {
        Some(number) => visitor.visit_i64(number),
        None => visitor.visit_u64(unsigned(number)?),
    }
}

fn signed(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn unsigned(number: &DeInteger<'_>) -> Result<u64, Error> {
    let read = u64::from_str_radix(number.as_str(), number.radix());
    read.map_err(|_| de::Error::custom("integer number overflowed"))
}

fn float(number: &DeFloat<'_>) -> Result<f64, Error> {
    let text = number.as_str();
    let read = text.parse().ok().filter(|read: &f64| !read.is_infinite() || text.contains("inf"));
    read.ok_or_else(|| de::Error::custom("floating-point number overflowed"))
}
