//! What is in tables, lists and variants.

use crate::value::{Value, placed};
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue, Error};
use toml::map;

/// The entries of a table.
pub struct Entries<'de> {
    entries: map::IntoIter<Spanned<DeString<'de>>, Spanned<DeValue<'de>>>,
    value: Option<Spanned<DeValue<'de>>>,
}

impl<'de> Entries<'de> {
    pub fn new(table: DeTable<'de>) -> Self {
        Self { entries: table.into_iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(|| de::Error::custom("a value without its key"))?;
        let place = value.span();
        seed.deserialize(Value::from(value)).map_err(|error| placed(error, &place))
    }
}

/// The items of a list.
pub struct Items<'de>(std::vec::IntoIter<Spanned<DeValue<'de>>>);

impl<'de> Items<'de> {
    pub fn new(items: DeArray<'de>) -> Self {
        Self(items.into_iter())
    }
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|item| seed.deserialize(Value::from(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// A key of a table, or the name of a variant: a word.
struct Key<'de>(Spanned<DeString<'de>>);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0.get_ref()).map_err(|error| placed(error, &self.0.span()))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Variant { name: self, value: None })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

/// A variant: its name, or a table with its name as the one key.
pub struct Variant<'de> {
    name: Key<'de>,
    value: Option<Spanned<DeValue<'de>>>,
}

impl<'de> Variant<'de> {
    /// Errors: it is neither a word nor a table of one entry.
    pub fn of(content: DeValue<'de>, place: Range<usize>) -> Result<Self, Error> {
        let table = match content {
            DeValue::String(name) => return Ok(Self { name: Key(Spanned::new(place, name)), value: None }),
            DeValue::Table(table) => table,
            _ => return Err(de::Error::custom("wanted string or table")),
        };
        let is_one = table.len() == 1;
        match table.into_iter().next() {
            Some((name, value)) if is_one => Ok(Self { name: Key(name), value: Some(value) }),
            Some(_) => Err(de::Error::custom("wanted exactly 1 element, more than 1 element")),
            None => Err(de::Error::custom("wanted exactly 1 element, found 0 elements")),
        }
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Inside<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Inside<'de>), Error> {
        Ok((seed.deserialize(self.name)?, Inside(self.value)))
    }
}

/// What a variant holds beside its name.
pub struct Inside<'de>(Option<Spanned<DeValue<'de>>>);

impl<'de> Inside<'de> {
    fn value(self, expected: &str) -> Result<Value<'de>, Error> {
        let value = self.0.ok_or_else(|| de::Error::invalid_type(Unexpected::UnitVariant, &expected));
        value.map(Value::from)
    }
}

impl<'de> VariantAccess<'de> for Inside<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.0.as_ref().map(Spanned::get_ref) {
            None => Ok(()),
            Some(DeValue::Table(table)) if table.is_empty() => Ok(()),
            Some(_) => Err(de::Error::custom("expected empty table")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.value("newtype variant")?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.value("tuple variant")?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.value("struct variant")?.deserialize_map(visitor)
    }
}
