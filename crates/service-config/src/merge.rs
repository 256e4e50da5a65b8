use crate::{ConfigError, SourceFile};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue, Error};
use toml::{Spanned, Table, Value};

/// Settings of one service, merged from all its files.
#[derive(Debug)]
pub struct Merged<T> {
    /// The merged fragment; what no file set is at its default.
    pub fragment: T,
    values: Table,
    origins: BTreeMap<String, PathBuf>,
}

/// Merges files that are given in rising order of precedence.
///
/// Errors: [`ConfigError::Invalid`] for the first file that does not fit `T`.
pub fn merge<T: DeserializeOwned>(files: &[SourceFile]) -> Result<Merged<T>, ConfigError> {
    let mut values = DeTable::new();
    let mut origins = BTreeMap::new();
    for file in files {
        let invalid = |error: Error| ConfigError::Invalid {
            path: file.path.clone(),
            message: error.to_string().trim_end().to_owned(),
        };
        toml_text::from_str::<T>(&file.text).map_err(invalid)?;
        let table = DeTable::parse(&file.text).map_err(invalid)?.into_inner();
        overlay(&mut values, table, "", file, &mut origins);
    }
    let plain = plain(&values);
    let fragment =
        toml_text::from_table(Spanned::new(0..0, values)).map_err(|error| ConfigError::Invalid {
            // Each file fits by itself, so only their combination can be wrong.
            path: files.last().map(|file| file.path.clone()).unwrap_or_default(),
            message: format!("merged with the files before it: {error}"),
        })?;
    Ok(Merged { fragment, values: plain, origins })
}

fn overlay<'a>(
    base: &mut DeTable<'a>,
    over: DeTable<'a>,
    prefix: &str,
    file: &SourceFile,
    origins: &mut BTreeMap<String, PathBuf>,
) {
    for (key, value) in over {
        let name = joined(prefix, key.get_ref());
        let value = match value.into_inner() {
            DeValue::Table(over) => {
                if let Some(DeValue::Table(base)) = base.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut)
                {
                    overlay(base, over, &name, file, origins);
                    continue;
                }
                let mut fresh = DeTable::new();
                overlay(&mut fresh, over, &name, file, origins);
                DeValue::Table(fresh)
            }
            value => {
                origins.insert(name, file.path.clone());
                value
            }
        };
        base.insert(key, Spanned::new(0..0, value));
    }
}

fn joined(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// The values without their places and texts.
fn plain(table: &DeTable<'_>) -> Table {
    let mut plain = Table::new();
    for (key, value) in table {
        plain.insert(key.get_ref().to_string(), plain_value(value.get_ref()));
    }
    plain
}

fn plain_value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            let (digits, radix) = (number.as_str(), number.radix());
            // TOML's own integers end there, a setting's may be twice as large.
            let larger = || {
                Value::String(
                    u64::from_str_radix(digits, radix).map_or(digits.to_owned(), |number| number.to_string()),
                )
            };
            i64::from_str_radix(digits, radix).map_or_else(|_| larger(), Value::Integer)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Datetime(date) => Value::Datetime(*date),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| plain_value(item.get_ref())).collect()),
        DeValue::Table(table) => Value::Table(plain(table)),
    }
}

impl<T> Merged<T> {
    /// For `--print-config`: every value that a file set, one per line, with that file.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        describe(&self.values, "", &self.origins, &mut text);
        text
    }
}

fn describe(table: &Table, prefix: &str, origins: &BTreeMap<String, PathBuf>, text: &mut String) {
    for (key, value) in table {
        let name = joined(prefix, key);
        if let Value::Table(table) = value {
            describe(table, &name, origins, text);
        } else {
            let origin = origins.get(&name).map(|path| path.display().to_string()).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name} = {value}  # {origin}");
        }
    }
}
