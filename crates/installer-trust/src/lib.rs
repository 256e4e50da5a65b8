//! Which services that install firmware are believed though they do not run as root, and for which images.
//!
//! Root's are believed for every image. What the settings of image-manager give a bus name counts for the connection that
//! owns it:
//!
//! ```toml
//! [installers."xyz.openbmc_project.Software.NVMe"]
//! purposes = ["Other"]
//! compatible = ["com.example.Drive.One", "com.example.Drive.Two"]
//! ```
//!
//! A connection is believed for an image whose purpose is one of `purposes` and, where there is a list `compatible`, whose
//! compatible names are all in it, at least one. image-manager and `software-tool` read the same settings.
//!
//! Must not know: the bus, who owns a name, whether a process is root's.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

use image_format::Purpose;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The tables `[installers."BUS NAME"]`, as they are written.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(transparent)]
pub struct Tables(BTreeMap<String, Table>);

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    purposes: Option<Vec<String>>,
    compatible: Option<Vec<String>>,
}

/// What is wrong with such a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A purpose is none.
    #[error("installers.\"{name}\": \"{purpose}\" is no purpose of an image")]
    Purpose {
        /// The bus name.
        name: String,
        /// What stands there.
        purpose: String,
    },
    /// It names no purpose, and so gives nothing.
    #[error("installers.\"{name}\" names no purposes")]
    NoPurposes {
        /// The bus name.
        name: String,
    },
    /// It is for something that cannot be a service's bus name.
    #[error("installers.\"{name}\": that is no well-known bus name")]
    Name {
        /// What stands there.
        name: String,
    },
}

/// What bus names are given.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Grants(BTreeMap<String, Grant>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    purposes: Vec<Purpose>,
    compatible: Option<Vec<String>>,
}

impl Tables {
    /// Checks them.
    ///
    /// Errors: [`TableError`] names the first table that is wrong.
    pub fn grants(&self) -> Result<Grants, TableError> {
        let grants = self.0.iter().map(|(name, table)| Ok((name.clone(), table.grant(name)?)));
        Ok(Grants(grants.collect::<Result<_, _>>()?))
    }
}

impl Table {
    fn grant(&self, name: &str) -> Result<Grant, TableError> {
        if name.starts_with(':') || !name.contains('.') {
            return Err(TableError::Name { name: name.to_owned() });
        }
        let purposes = self.purposes.iter().flatten().map(|word| {
            let wrong = || TableError::Purpose { name: name.to_owned(), purpose: word.clone() };
            Purpose::from_word(word).or_else(|| Purpose::parse(word).ok()).ok_or_else(wrong)
        });
        let purposes: Vec<_> = purposes.collect::<Result<_, _>>()?;
        if purposes.is_empty() {
            return Err(TableError::NoPurposes { name: name.to_owned() });
        }
        Ok(Grant { purposes, compatible: self.compatible.clone() })
    }
}

impl Grants {
    /// Whether a bus name is given anything.
    pub fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the owner of a bus name is believed for an image of this purpose with these compatible names.
    pub fn cover(&self, name: &str, purpose: Purpose, compatible: &[String]) -> bool {
        self.0.get(name).is_some_and(|grant| {
            let is_compatible = |names: &Vec<String>| {
                !compatible.is_empty() && compatible.iter().all(|name| names.contains(name))
            };
            grant.purposes.contains(&purpose) && grant.compatible.as_ref().is_none_or(is_compatible)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(text: &str) -> Result<Grants, TableError> {
        toml::from_str::<Tables>(text).unwrap().grants()
    }

    #[test]
    fn a_name_is_believed_for_what_it_is_given_and_for_nothing_else() {
        let text = "[\"a.Drives\"]\npurposes = [\"Other\"]\ncompatible = [\"one\", \"two\"]\n\
                    [\"a.Supplies\"]\npurposes = [\"PSU\", \"xyz.openbmc_project.Software.Version.VersionPurpose.Other\"]";
        let grants = grants(text).unwrap();
        for (name, purpose, compatible, expected) in [
            ("a.Drives", Purpose::Other, &["one"][..], true),
            ("a.Drives", Purpose::Other, &["one", "two"], true),
            ("a.Drives", Purpose::Other, &["one", "three"], false),
            ("a.Drives", Purpose::Other, &[], false),
            ("a.Drives", Purpose::Bmc, &["one"], false),
            ("a.Supplies", Purpose::Psu, &[], true),
            ("a.Supplies", Purpose::Other, &["any"], true),
            ("a.Supplies", Purpose::Host, &[], false),
            ("a.Others", Purpose::Other, &["one"], false),
        ] {
            let names: Vec<_> = compatible.iter().map(ToString::to_string).collect();
            assert_eq!(grants.cover(name, purpose, &names), expected, "{name} {purpose:?} {names:?}");
        }
        assert!(grants.knows("a.Drives") && !grants.knows("a.Others"));
    }

    #[test]
    fn a_table_that_gives_nothing_or_cannot_be_meant_is_refused_by_its_name() {
        for text in [
            "[\"a.b\"]\npurposes = [\"Toaster\"]",
            "[\"a.b\"]\npurposes = []",
            "[\"a.b\"]\ncompatible = [\"one\"]",
            "[\":1.7\"]\npurposes = [\"Other\"]",
            "[\"a\"]\npurposes = [\"Other\"]",
        ] {
            let error = grants(text).unwrap_err().to_string();
            assert!(error.starts_with("installers.\""), "{error}");
        }
    }
}
