use crate::{HardwareLevel, IndexError, SystemName, SystemType, parse, text_of};
use fru_publication::EepromKey;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which system was chosen, and why: the record that selection leaves for collection.
///
/// Shape: TOML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Selection {
    /// The chosen system.
    pub system: SystemName,
    /// What led to it.
    pub cause: Cause,
    /// The type that the system EEPROM states, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub im: Option<SystemType>,
    /// The hardware level that it states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hw: Option<HardwareLevel>,
    /// The system EEPROM that was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eeprom: Option<EepromKey>,
    /// What there is to say to people; empty when all went well.
    pub reason: String,
    /// No system EEPROM could be read, and one of them not since a writer held it: later it can be, and nothing else says that the
    /// choice was made without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_locked: bool,
}

/// What led to a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Type and hardware level are those of this system.
    Matched,
    /// No system EEPROM could be read; this is what was chosen when one could.
    LastChoice,
    /// The system EEPROM states a type that the image does not know.
    UnknownSystemType,
    /// No system EEPROM could be read, and there is no earlier choice to go by.
    NoChoice,
}

impl Selection {
    /// Reads a record.
    ///
    /// Errors: [`IndexError::Syntax`].
    pub fn parse(text: &str) -> Result<Self, IndexError> {
        parse(text)
    }

    /// Writes the record.
    pub fn to_text(&self) -> String {
        text_of(self)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Matched => "matched",
            Self::LastChoice => "last-choice",
            Self::UnknownSystemType => "unknown-system-type",
            Self::NoChoice => "no-choice",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_goes_both_ways() {
        let full = Selection {
            system: "demo".parse().unwrap(),
            cause: Cause::Matched,
            im: SystemType::of_keyword(&[0x50, 0, 0x10, 1]),
            hw: HardwareLevel::of_keyword(&[0, 1]),
            eeprom: Some(EepromKey::parse("10-0050").unwrap()),
            reason: String::new(),
            is_locked: false,
        };
        assert_eq!(
            full.to_text(),
            "system = \"demo\"\ncause = \"matched\"\nim = \"50001001\"\nhw = \"0001\"\neeprom = \"10-0050\"\nreason = \"\"\n"
        );
        let reason = "\"10-0050\":\n\\ is odd".to_owned();
        let bare = Selection {
            system: SystemName::common(),
            cause: Cause::NoChoice,
            im: None,
            hw: None,
            eeprom: None,
            reason,
            is_locked: true,
        };
        for selection in [full, bare] {
            assert_eq!(Selection::parse(&selection.to_text()), Ok(selection));
        }
    }

    #[test]
    fn the_words_for_causes_are_frozen() {
        for (cause, word) in [
            (Cause::Matched, "matched"),
            (Cause::LastChoice, "last-choice"),
            (Cause::UnknownSystemType, "unknown-system-type"),
            (Cause::NoChoice, "no-choice"),
        ] {
            assert_eq!(cause.to_string(), word);
            let text = format!("system = \"x\"\ncause = \"{word}\"\nreason = \"\"\n");
            assert_eq!(Selection::parse(&text).unwrap().cause, cause);
        }
    }

    #[test]
    fn a_malformed_record_says_what_is_wrong() {
        for (text, complaint) in [
            ("system = \"../x\"\ncause = \"matched\"\nreason = \"\"\n", "../x"),
            ("system = \"x\"\ncause = \"luck\"\nreason = \"\"\n", "luck"),
            ("system = \"x\"\ncause = \"matched\"\n", "reason"),
            ("system = \"x\"\ncause = \"matched\"\nreason = \"\"\nim = \"5\"\n", "no system type"),
            ("", "system"),
        ] {
            let message = Selection::parse(text).unwrap_err().to_string();
            assert!(message.contains(complaint), "{text}: {message}");
        }
    }
}
