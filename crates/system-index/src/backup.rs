use crate::IndexError;
use fru_publication::EepromKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vpd_format::{KeywordName, RecordName};

/// Which keywords of a system's EEPROMs are kept a second time.
///
/// Shape: TOML, `[[backup]]`; a file of its own, without which nothing is kept and no unit starts for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Backups {
    /// One for each pair of EEPROMs, or EEPROM of which the service keeps keywords itself.
    #[serde(default)]
    pub backup: Vec<Backup>,
}

impl Backups {
    /// Reads the text.
    ///
    /// Errors: [`IndexError::Syntax`].
    pub fn parse(text: &str) -> Result<Self, IndexError> {
        crate::parse(text)
    }

    /// Writes the text.
    pub fn to_text(&self) -> String {
        crate::text_of(self)
    }
}

/// Which keywords of an EEPROM are kept a second time, and where.
///
/// Shape: TOML, `[[backup]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Backup {
    /// The EEPROM whose keywords they are; its format is IPZ.
    pub source: EepromKey,
    /// The EEPROM with the second copies; without it, who writes VPD keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<EepromKey>,
    /// The keywords.
    pub keywords: Vec<BackedUp>,
}

/// A keyword that is kept a second time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BackedUp {
    /// Its record.
    #[serde(with = "word")]
    pub record: RecordName,
    /// Its name.
    #[serde(with = "word")]
    pub keyword: KeywordName,
    /// The record in the other EEPROM, where it is called otherwise there.
    #[serde(default, with = "word::optional", skip_serializing_if = "Option::is_none")]
    pub backup_record: Option<RecordName>,
    /// The keyword in the other EEPROM, where it is called otherwise there.
    #[serde(default, with = "word::optional", skip_serializing_if = "Option::is_none")]
    pub backup_keyword: Option<KeywordName>,
    /// What it holds as long as it was not set: bytes, as many as it has.
    pub default: Vec<u8>,
    /// That both copies hold the default is an event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub event: bool,
    /// A reset in manufacturing sets it to the default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manufacturing_reset: bool,
    /// An attribute of the BIOS says the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bios_attribute: bool,
}

impl Backup {
    /// What is wrong with it in itself, in sentences; nothing when all is well.
    pub fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.destination.as_ref() == Some(&self.source) {
            problems.push(format!("{} is its own destination", self.source));
        }
        if self.keywords.is_empty() {
            problems.push(format!("{} has no keywords", self.source));
        }
        let (mut sources, mut places) = (BTreeSet::new(), BTreeSet::new());
        for kept in &self.keywords {
            let name = format!("{}.{}", kept.record, kept.keyword);
            if !sources.insert((kept.record, kept.keyword)) {
                problems.push(format!("{name} appears twice"));
            } else if !places.insert(kept.place()) {
                problems.push(format!("{name} has a place that another keyword has"));
            }
            if self.destination.is_none() && (kept.backup_record.is_some() || kept.backup_keyword.is_some()) {
                problems.push(format!("{name} has a name in another EEPROM, and there is no destination"));
            }
            if kept.default.is_empty() {
                problems.push(format!("{name} has no bytes in its default"));
            }
        }
        problems
    }
}

impl BackedUp {
    /// Record and keyword of the second copy.
    pub fn place(&self) -> (RecordName, KeywordName) {
        (self.backup_record.unwrap_or(self.record), self.backup_keyword.unwrap_or(self.keyword))
    }
}

/// Names as texts of visible characters.
mod word {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use std::fmt::Display;
    use std::str::FromStr;

    pub(super) fn serialize<T: Display, S: Serializer>(name: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(name)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(D::Error::custom(format!("{text:?} is no name")));
        }
        text.parse().map_err(D::Error::custom)
    }

    pub(super) mod optional {
        use super::{Deserializer, Display, FromStr, Serializer};

        pub(in super::super) fn serialize<T: Display, S: Serializer>(
            name: &Option<T>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match name {
                Some(name) => serializer.collect_str(name),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
        where
            T: FromStr<Err: Display>,
            D: Deserializer<'de>,
        {
            super::deserialize(deserializer).map(Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "source = \"8-0050\"\ndestination = \"7-0050\"\n\n[[keywords]]\nrecord = \"VCEN\"\nkeyword = \"SE\"\n\
                        backup-record = \"VSBK\"\nbackup-keyword = \"ES\"\ndefault = [32, 32]\nevent = true\n\n\
                        [[keywords]]\nrecord = \"VSYS\"\nkeyword = \"#D\"\ndefault = [0]\n";

    fn problems(text: &str) -> Vec<String> {
        toml::from_str::<Backup>(text).unwrap().check()
    }

    #[test]
    fn a_map_goes_both_ways() {
        let backup: Backup = toml::from_str(TEXT).unwrap();
        assert_eq!(toml::to_string(&backup).unwrap(), TEXT);
        assert_eq!(backup.keywords[0].place(), (RecordName(*b"VSBK"), KeywordName(*b"ES")));
        assert_eq!(backup.keywords[1].place(), (RecordName(*b"VSYS"), KeywordName(*b"#D")));
        assert!(backup.check().is_empty());
    }

    #[test]
    fn a_map_that_contradicts_itself_is_refused() {
        for (right, wrong, problem) in [
            ("\"7-0050\"", "\"8-0050\"", "8-0050 is its own destination"),
            ("\"VSYS\"\nkeyword = \"#D\"", "\"VCEN\"\nkeyword = \"SE\"", "VCEN.SE appears twice"),
            (
                "\"VSYS\"\nkeyword = \"#D\"",
                "\"VSBK\"\nkeyword = \"ES\"",
                "VSBK.ES has a place that another keyword has",
            ),
            (
                "destination = \"7-0050\"\n",
                "",
                "VCEN.SE has a name in another EEPROM, and there is no destination",
            ),
            ("[0]", "[]", "VSYS.#D has no bytes in its default"),
        ] {
            assert_eq!(problems(&TEXT.replace(right, wrong)), [problem]);
        }
        assert_eq!(problems("source = \"8-0050\"\nkeywords = []\n"), ["8-0050 has no keywords"]);
        for (right, wrong) in [("\"VCEN\"", "\"VCE\""), ("\"SE\"", "\"S \""), ("event", "evnt")] {
            assert!(toml::from_str::<Backup>(&TEXT.replace(right, wrong)).is_err(), "{wrong}");
        }
    }
}
