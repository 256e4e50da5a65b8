//! Settings of this service: `vpd-writer.d/*.toml`.

use anyhow::{anyhow, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;
use vpd_format::{KeywordName, NameError, RecordName};

/// The file form; everything optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fragment {
    wait_limit_ms: Option<u64>,
    #[serde(default)]
    locked_keywords: Vec<String>,
    when_redundant_fails: Option<WhenRedundantFails>,
}

/// What is done when the redundant EEPROM of one that is to be written fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenRedundantFails {
    /// Nothing is written.
    #[default]
    Refuse,
    /// The one that counts is written all the same, and an event says that the two differ.
    GoOn,
}

/// What is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Longest wait of a caller until its EEPROM's turn.
    pub wait_limit: Duration,
    /// Keywords that no client may change.
    pub locked: Locked,
    /// What a redundant EEPROM that fails means for a write whose caller does not say.
    pub when_redundant_fails: WhenRedundantFails,
}

/// Keywords that no client may change: with their record, or of VPD without records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locked(BTreeSet<(Option<RecordName>, KeywordName)>);

impl Locked {
    /// Reads `RECORD.KEYWORD`, or `KEYWORD` of VPD without records.
    ///
    /// Errors: a text that is neither.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Self> {
        let named = |name: &str| {
            let (record, keyword) = match name.split_once('.') {
                Some((record, keyword)) => (Some(record.parse()?), keyword),
                None => (None, name),
            };
            Ok((record, keyword.parse()?))
        };
        let named = |name: &'a str| {
            named(name)
                .map_err(|error: NameError| anyhow!("locked-keywords: {name:?} names no keyword: {error}"))
        };
        names.into_iter().map(named).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of a record.
    pub fn of(&self, record: RecordName) -> impl Iterator<Item = KeywordName> {
        self.0.iter().filter(move |(of, _)| *of == Some(record)).map(|(_, keyword)| *keyword)
    }

    /// Whether a keyword is one of them.
    pub fn has(&self, record: Option<RecordName>, keyword: KeywordName) -> bool {
        self.0.contains(&(record, keyword))
    }
}

impl Fragment {
    /// Checks, and fills in defaults.
    ///
    /// Errors: a wait that is none, in which no EEPROM would ever be reached; a name of no keyword.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        ensure!(self.wait_limit_ms != Some(0), "wait-limit-ms is zero");
        Ok(Settings {
            wait_limit: Duration::from_millis(self.wait_limit_ms.unwrap_or(120_000)),
            when_redundant_fails: self.when_redundant_fails.unwrap_or_default(),
            locked: Locked::parse(self.locked_keywords.iter().map(String::as_str))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_locked_by_their_names_and_a_name_of_none_is_refused() {
        let locked = Locked::parse(["VINI.SN", "FN"]).unwrap();
        let sn = KeywordName(*b"SN");
        assert!(locked.has(Some(RecordName::VINI), sn) && locked.has(None, KeywordName(*b"FN")));
        assert!(!locked.has(None, sn) && !locked.has(Some(RecordName(*b"VSYS")), sn));
        for name in ["", "VINI", "VINI.S", "VIN.SN", "VINI.SN.X"] {
            assert!(Locked::parse([name]).is_err(), "{name}");
        }
    }
}
