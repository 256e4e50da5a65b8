//! TOML read into types, with one piece of code for each type.
//!
//! `toml`'s own deserialiser visits each struct in three ways: any struct could be one of its types for dates, or for
//! places in the text. A program then has three times the code that reads a struct. Here a struct is a table, and a date
//! is nothing that a type can have. Parsing, and what errors say and point at, are `toml`'s.
//!
//! ```
//! #[derive(serde::Deserialize)]
//! struct Part {
//!     name: String,
//!     pins: Vec<u8>,
//! }
//!
//! let part: Part = toml_text::from_str("name = \"J1\"\npins = [1, 2]\n")?;
//! assert_eq!((part.name.as_str(), part.pins.as_slice()), ("J1", &[1, 2][..]));
//! # Ok::<(), toml_text::Error>(())
//! ```
//!
//! Must not know: what the texts say.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod access;
mod value;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::DeTable;

pub use toml::de::Error;

/// Reads a document.
///
/// Errors: it is not TOML, or not what the type takes; the error's text shows the line.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let table = DeTable::parse(text)?;
    from_table(table).map_err(|mut error| {
        error.set_input(Some(text));
        error
    })
}

/// Reads a document that was parsed before.
///
/// Errors: it is not what the type takes; the error's text shows no line.
pub fn from_table<T: DeserializeOwned>(table: Spanned<DeTable<'_>>) -> Result<T, Error> {
    T::deserialize(value::Value::table(table))
}

#[cfg(test)]
mod tests;
