use crate::{IndexError, Mux, Parser, Poll, parse, text_of};
use fru_publication::EepromKey;
use serde::{Deserialize, Serialize};

/// The EEPROMs of one system.
///
/// Shape: TOML, one table `[[fru]]` per EEPROM, then those of multiplexers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SystemIndex {
    /// Whether the inventory is our own, as every fragment says too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub own_inventory: bool,
    /// The EEPROMs, sorted by key.
    #[serde(default)]
    pub fru: Vec<SystemFru>,
    /// Which buses are one wire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mux: Vec<Mux>,
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
    /// It says what system this is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub system: bool,
    /// Something is to be done before it can be read, or after.
    #[serde(default, skip_serializing_if = "is_default")]
    pub slot: bool,
    /// How it is noticed that its part comes or goes, beside what udev says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<Poll>,
    /// It cannot be read while the chassis has power.
    #[serde(default, skip_serializing_if = "is_default")]
    pub power_off_only: bool,
    /// When its part may be replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaceable_at: Vec<Moment>,
    /// The host does not do without it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub essential: bool,
    /// The EEPROM that stands in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redundant: Option<EepromKey>,
    /// Objects whose presence, when others change it, has the part collected or removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<String>,
}

/// When a part may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// While the host is off; it is read again when the host starts.
    Standby,
    /// While the host runs.
    Runtime,
}

impl SystemFru {
    /// An EEPROM of which only this is known.
    pub fn new(key: EepromKey, parser: Parser) -> Self {
        Self {
            key,
            parser,
            objects: Vec::new(),
            system: false,
            slot: false,
            poll: None,
            power_off_only: false,
            replaceable_at: Vec::new(),
            essential: false,
            redundant: None,
            watch: Vec::new(),
        }
    }
}

/// What is not said is not written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
        assert_eq!((index.fru.len(), index.own_inventory), (2, false));
        let own = format!("own-inventory = true\n\n{TEXT}");
        assert_eq!(SystemIndex::parse(&own).unwrap().to_text(), own);
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
