//! Writes TOML: what documents need of it, since all of `toml`'s writer is 20 KiB in each program that keeps state.
//!
//! Each field of the document is one line `key = value`; tables within are inline, and of a list of tables each has a line.

use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use std::fmt::{self, Display, Write as _};

/// What TOML, or this writer, cannot say.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WriteError(String);

impl ser::Error for WriteError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The text of a document.
pub(crate) fn to_text(value: &impl Serialize) -> Result<String, WriteError> {
    let mut out = String::new();
    value.serialize(Writer { out: &mut out, depth: 0 })?;
    Ok(out)
}

/// Writes one value. One that is none writes nothing.
struct Writer<'a> {
    out: &'a mut String,
    /// 0 for the document, 1 for its fields' values.
    depth: usize,
}

/// A table or a list that is being written.
struct Open<'a> {
    out: &'a mut String,
    depth: usize,
    is_first: bool,
}

impl<'a> Writer<'a> {
    fn open(self, bracket: &str) -> Open<'a> {
        if self.depth > 0 {
            self.out.push_str(bracket);
        }
        Open { out: self.out, depth: self.depth, is_first: true }
    }

    fn display(self, value: impl Display) -> Result<(), WriteError> {
        // Writing to a string does not fail.
        let _ = write!(self.out, "{value}");
        Ok(())
    }
}

fn unsupported<T>(what: &str) -> Result<T, WriteError> {
    Err(WriteError(format!("a document cannot hold {what}")))
}

impl Open<'_> {
    /// As [`Self::entry_of`], under a name.
    fn entry<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<bool, WriteError> {
        self.entry_of(bare(&Quoted(name).to_string()), value)
    }

    /// Writes a key, which is one as it is, and its value; nothing where that is none. Tells whether it was something.
    fn entry_of<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<bool, WriteError> {
        let start = self.out.len();
        if self.depth > 0 {
            self.out.push_str(if self.is_first { " " } else { ", " });
        }
        self.out.push_str(key);
        self.out.push_str(" = ");
        let begun = self.out.len();
        value.serialize(Writer { out: self.out, depth: self.depth.saturating_add(1) })?;
        if self.out.len() == begun {
            self.out.truncate(start);
            return Ok(false);
        }
        self.is_first = false;
        if self.depth == 0 {
            self.out.push('\n');
        }
        Ok(true)
    }

    fn close_table(self) -> Result<(), WriteError> {
        if self.depth > 0 {
            self.out.push_str(if self.is_first { "}" } else { " }" });
        }
        Ok(())
    }
}

impl SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        self.entry(key, value).map(|_| ())
    }

    fn end(self) -> Result<(), WriteError> {
        self.close_table()
    }
}

impl SerializeMap for Open<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), WriteError> {
        unsupported("a key without its value")
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), WriteError> {
        unsupported("a value without its key")
    }

    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), WriteError> {
        // A text as a value is a key in quotes.
        let mut quoted = String::new();
        key.serialize(Writer { out: &mut quoted, depth: 1 })?;
        if !quoted.starts_with('"') {
            return unsupported("a key that is no text");
        }
        let is_something = self.entry_of(bare(&quoted), value)?;
        // Its key would be lost, and be missed by who reads it.
        if is_something { Ok(()) } else { unsupported("nothing in a map") }
    }

    fn end(self) -> Result<(), WriteError> {
        self.close_table()
    }
}

impl SerializeSeq for Open<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        if !self.is_first {
            self.out.push(',');
        }
        let start = self.out.len();
        value.serialize(Writer { out: self.out, depth: self.depth.saturating_add(1) })?;
        match self.out.get(start..) {
            Some("") | None => return unsupported("nothing in a list"),
            Some(written) if self.depth == 1 && written.starts_with('{') => {
                self.out.insert_str(start, "\n    ")
            }
            Some(_) if !self.is_first => self.out.insert(start, ' '),
            Some(_) => {}
        }
        self.is_first = false;
        Ok(())
    }

    fn end(self) -> Result<(), WriteError> {
        self.out.push(']');
        Ok(())
    }
}

/// A key without its quotes where it needs none: of letters, digits, `-` and `_`.
fn bare(quoted: &str) -> &str {
    let key = quoted.trim_matches('"');
    let is_bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_bare && !key.is_empty() { key } else { quoted }
}

/// A text as a basic string.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(formatter, "\\{character}")?,
                other if other.is_control() => write!(formatter, "\\u{:04X}", u32::from(other))?,
                other => formatter.write_char(other)?,
            }
        }
        formatter.write_char('"')
    }
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Impossible<(), WriteError>;
    type SerializeTupleStruct = Impossible<(), WriteError>;
    type SerializeTupleVariant = Impossible<(), WriteError>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Impossible<(), WriteError>;

    fn serialize_bool(self, value: bool) -> Result<(), WriteError> {
        self.display(value)
    }
    fn serialize_i8(self, value: i8) -> Result<(), WriteError> {
        self.serialize_i64(value.into())
    }
    fn serialize_i16(self, value: i16) -> Result<(), WriteError> {
        self.serialize_i64(value.into())
    }
    fn serialize_i32(self, value: i32) -> Result<(), WriteError> {
        self.serialize_i64(value.into())
    }
    fn serialize_i64(self, value: i64) -> Result<(), WriteError> {
        self.display(value)
    }
    fn serialize_u8(self, value: u8) -> Result<(), WriteError> {
        self.serialize_i64(value.into())
    }
    fn serialize_u16(self, value: u16) -> Result<(), WriteError> {
        self.serialize_i64(value.into())
    }
    fn serialize_u32(self, value: u32) -> Result<(), WriteError> {
        self.serialize_i64(value.into())
    }
    fn serialize_u64(self, value: u64) -> Result<(), WriteError> {
        match i64::try_from(value) {
            Ok(value) => self.serialize_i64(value),
            Err(_) => unsupported("an integer above 2^63 - 1"),
        }
    }
    fn serialize_f32(self, _: f32) -> Result<(), WriteError> {
        unsupported("a fraction")
    }
    fn serialize_f64(self, _: f64) -> Result<(), WriteError> {
        unsupported("a fraction")
    }
    fn serialize_char(self, value: char) -> Result<(), WriteError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, value: &str) -> Result<(), WriteError> {
        self.display(Quoted(value))
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<(), WriteError> {
        unsupported("bytes")
    }
    fn serialize_none(self) -> Result<(), WriteError> {
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), WriteError> {
        let begun = self.out.len();
        value.serialize(Writer { out: &mut *self.out, depth: self.depth })?;
        // It would be read as none. Of a whole document, nothing may be what a struct without fields is.
        if self.out.len() == begun && self.depth > 0 { unsupported("an option of nothing") } else { Ok(()) }
    }
    fn serialize_unit(self) -> Result<(), WriteError> {
        unsupported("a unit")
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), WriteError> {
        unsupported("a unit")
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), WriteError> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        let mut table = self.open("{");
        if !table.entry(variant, value)? {
            return unsupported("a variant of nothing");
        }
        table.close_table()
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'a>, WriteError> {
        if self.depth == 0 {
            return unsupported("a list without a name");
        }
        Ok(self.open("["))
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, WriteError> {
        unsupported("a tuple")
    }
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, WriteError> {
        unsupported("a tuple")
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, WriteError> {
        unsupported("a tuple")
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Open<'a>, WriteError> {
        Ok(self.open("{"))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'a>, WriteError> {
        Ok(self.open("{"))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, WriteError> {
        unsupported("a variant with fields")
    }
}

#[cfg(test)]
mod tests;
