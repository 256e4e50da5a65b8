//! Layered settings: `{/usr/share,/etc,/run}/vivianite/<service>.d/*.toml`.
//!
//! A file in a later tree replaces the file of the same name in an earlier one; a link to
//! `/dev/null` (or an empty file of that name) removes it. What remains is merged in name order:
//! tables merge key by key, the last value wins, lists replace. Every file is checked by itself
//! against the service's fragment type, so that an error names file and line.
//!
//! This crate knows no service: the fragment type comes from the caller, with every field
//! optional and `deny_unknown_fields`.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod left_out;
mod merge;

use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use left_out::load_leaving_out;
pub use merge::{Merged, merge};

/// The trees in rising order of precedence, relative to the root.
const TREES: [&str; 3] = ["usr/share/vivianite", "etc/vivianite", "run/vivianite"];

/// One configuration file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it came from.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// What can be wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A folder or file could not be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file is not TOML, has an unknown key or a value of the wrong type.
    #[error("{}: {message}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, key and what is wrong with it.
        message: String,
    },
}

/// Reads, merges and checks all files of `<service>.d` below `root` (normally `/`).
///
/// Errors: [`ConfigError::Unreadable`], [`ConfigError::Invalid`]. A tree that does not exist is empty.
pub fn load<T: DeserializeOwned>(root: &Path, service: &str) -> Result<Merged<T>, ConfigError> {
    merge(&load_files(root, service)?)
}

/// The files that count, in the order in which they are merged.
pub fn load_files(root: &Path, service: &str) -> Result<Vec<SourceFile>, ConfigError> {
    let mut chosen = BTreeMap::new();
    for tree in TREES {
        for path in list(&root.join(tree).join(format!("{service}.d")))? {
            if let Some(name) = path.file_name() {
                chosen.insert(name.to_owned(), path);
            }
        }
    }
    chosen.into_values().map(read).filter(|file| !matches!(file, Ok(file) if file.text.is_empty())).collect()
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: folder.to_owned(), source };
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unreadable(error)),
        Ok(entries) => {
            let mut paths = Vec::new();
            for entry in entries {
                let path = entry.map_err(unreadable)?.path();
                if path.extension().is_some_and(|extension| extension == "toml") {
                    paths.push(path);
                }
            }
            Ok(paths)
        }
    }
}

fn read(path: PathBuf) -> Result<SourceFile, ConfigError> {
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(SourceFile { path, text }),
        Err(source) => Err(ConfigError::Unreadable { path, source }),
    }
}

#[cfg(test)]
mod tests;
