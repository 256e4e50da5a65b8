use crate::{IndexError, Parser, parse, text_of};
use fru_publication::EepromKey;
use serde::{Deserialize, Serialize};

/// The EEPROMs of one system.
///
/// Shape: TOML, one table `[[fru]]` per EEPROM.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SystemIndex {
    /// The EEPROMs, sorted by key.
    #[serde(default)]
    pub fru: Vec<SystemFru>,
}

/// One EEPROM of a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SystemFru {
    /// Its key.
    pub key: EepromKey,
    /// The service that reads it; the other one takes over if the format says so.
    pub parser: Parser,
    /// Relative paths of the inventory objects that exist for its sake; not those that are other software's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
}

impl SystemIndex {
    /// Reads an index.
    ///
    /// Errors: [`IndexError::Syntax`], [`IndexError::Twice`].
    pub fn parse(text: &str) -> Result<Self, IndexError> {
        let index: Self = parse(text)?;
        for (position, fru) in index.fru.iter().enumerate() {
            if index.fru.iter().take(position).any(|earlier| earlier.key == fru.key) {
                return Err(IndexError::Twice(fru.key.clone()));
            }
        }
        Ok(index)
    }

    /// Writes the index.
    pub fn to_text(&self) -> String {
        text_of(self)
    }

    /// Finds an EEPROM by its key.
    pub fn find(&self, key: &EepromKey) -> Option<&SystemFru> {
        self.fru.iter().find(|fru| fru.key == *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[[fru]]\nkey = \"10-0050\"\nparser = \"ipz-vpd-parser\"\nobjects = [\"/system\"]\n\n\
                        [[fru]]\nkey = \"file:x\"\nparser = \"keyword-vpd-parser\"\n";

    #[test]
    fn an_index_goes_both_ways() {
        let index = SystemIndex::parse(TEXT).unwrap();
        assert_eq!(index.fru.len(), 2);
        assert_eq!(index.find(&EepromKey::parse("file:x").unwrap()).unwrap().parser, Parser::Keyword);
        assert_eq!(index.to_text(), TEXT);
        assert_eq!(SystemIndex::parse(&SystemIndex::default().to_text()), Ok(SystemIndex::default()));
    }

    #[test]
    fn a_malformed_index_says_what_is_wrong() {
        for (text, complaint) in [
            ("[[fru]]\nkey = \"10-50\"\nparser = \"ipz-vpd-parser\"\n", "10-50"),
            ("[[fru]]\nkey = \"10-0050\"\nparser = \"parser\"\n", "line 3"),
            ("[[fru]]\nkey = \"10-0050\"\n", "parser"),
            ("[[fru]]\nkey = \"10-0050\"\nparser = \"ipz-vpd-parser\"\nlane = 1\n", "lane"),
            (&TEXT.replace("file:x", "10-0050"), "10-0050 appears twice"),
            ("fru = ", "line 1"),
        ] {
            let message = SystemIndex::parse(text).unwrap_err().to_string();
            assert!(message.contains(complaint), "{text}: {message}");
        }
    }
}
