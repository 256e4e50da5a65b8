use crate::{ConfigError, SourceFile};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use toml::{Table, Value};

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
    let mut values = Table::new();
    let mut origins = BTreeMap::new();
    for file in files {
        let invalid = |error: toml::de::Error| ConfigError::Invalid {
            path: file.path.clone(),
            message: error.to_string().trim_end().to_owned(),
        };
        toml::from_str::<T>(&file.text).map_err(invalid)?;
        let table: Table = toml::from_str(&file.text).map_err(invalid)?;
        overlay(&mut values, table, "", file, &mut origins);
    }
    let fragment = T::deserialize(values.clone()).map_err(|error| ConfigError::Invalid {
        // Each file fits by itself, so only their combination can be wrong.
        path: files.last().map(|file| file.path.clone()).unwrap_or_default(),
        message: format!("merged with the files before it: {error}"),
    })?;
    Ok(Merged { fragment, values, origins })
}

fn overlay(
    base: &mut Table,
    over: Table,
    prefix: &str,
    file: &SourceFile,
    origins: &mut BTreeMap<String, PathBuf>,
) {
    for (key, value) in over {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => overlay(base, over, &name, file, origins),
            (_, Value::Table(over)) => {
                let mut fresh = Table::new();
                overlay(&mut fresh, over, &name, file, origins);
                base.insert(key, Value::Table(fresh));
            }
            (_, value) => {
                origins.insert(name, file.path.clone());
                base.insert(key, value);
            }
        }
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
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if let Value::Table(table) = value {
            describe(table, &name, origins, text);
        } else {
            let origin = origins.get(&name).map(|path| path.display().to_string()).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name} = {value}  # {origin}");
        }
    }
}
