//! Values as they go over the bus.

use super::{Integer, PropertyType, TextList, Value, Words};
use dbus_api::inventory::notification::ByteString;
use serde::ser::{Serialize, SerializeSeq, Serializer};
use zbus::{Array, Dict, Signature, Type, Variant, as_variant};

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
                serialize_integer(*integer, (*value).into(), serializer)
            }
            (_, Value::Double(value)) => as_variant::serialize(value, serializer),
            (PropertyType::Text(Words::Paths), Value::Text(value)) => {
                as_variant::serialize(&Path(value), serializer)
            }
            (_, Value::Text(value)) => as_variant::serialize(&&**value, serializer),
            (_, Value::Bytes(value)) => as_variant::serialize(&ByteString(value), serializer),
            (PropertyType::Texts(Words::Paths), Value::Texts(values)) => {
                as_variant::serialize(&Paths(values), serializer)
            }
            (_, Value::Texts(values)) => as_variant::serialize(&Texts(values), serializer),
            (_, Value::Triples(values)) => as_variant::serialize(&Triples(values), serializer),
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

/// A list of texts, sent as what its signature says.
macro_rules! list {
    ($name:ident, $type:ty) => {
        struct $name<'a>(&'a TextList);

        impl Type for $name<'_> {
            const SIGNATURE: &'static Signature = <$type>::SIGNATURE;
        }

        impl Serialize for $name<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_texts(self.0, serializer)
            }
        }
    };
}
list!(Paths, [zbus::ObjectPath<'_>]);
list!(Texts, [&str]);

fn serialize_texts<S: Serializer>(texts: &TextList, serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(None)?;
    for text in texts.iter() {
        sequence.serialize_element(text)?;
    }
    sequence.end()
}

struct Triples<'a>(&'a TextList);

impl Type for Triples<'_> {
    const SIGNATURE: &'static Signature = <[(&str, &str, &str)]>::SIGNATURE;
}

impl Serialize for Triples<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        let mut texts = self.0.iter();
        while let (Some(a), Some(b), Some(c)) = (texts.next(), texts.next(), texts.next()) {
            sequence.serialize_element(&(a, b, c))?;
        }
        sequence.end()
    }
}
