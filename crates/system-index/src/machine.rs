use crate::{HardwareLevel, IdentityError, IndexError, SystemName, SystemType, parse, text_of};
use fru_publication::EepromKey;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vpd_format::{Ecc, Policy};

/// How the systems of an image are told apart.
///
/// Shape: TOML, tables `[[system-eeprom]]` and `[[match]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineIndex {
    /// The EEPROMs that say what system this is, in order of preference.
    #[serde(default, rename = "system-eeprom")]
    pub system_eeproms: Vec<SystemEeprom>,
    /// What each system answers to.
    #[serde(default, rename = "match")]
    pub matches: Vec<Match>,
}

/// An EEPROM that says what system this is, with what it takes to read it. Its format is IPZ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SystemEeprom {
    /// Its key.
    pub key: EepromKey,
    /// For a key `file:NAME`: the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Where the VPD begins in it, bytes.
    #[serde(default)]
    pub offset: u64,
    /// How much of it the VPD may use, bytes; all of it when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether a header or table of contents that needed correction is good enough.
    #[serde(default, with = "PolicyWord")]
    pub policy: Policy,
    /// Whether the error correcting code is used.
    #[serde(default, with = "EccWord")]
    pub ecc: Ecc,
}

/// One thing that a system answers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "MatchTable", into = "MatchTable")]
pub struct Match {
    /// The system.
    pub system: SystemName,
    /// The type that it has to have.
    pub im: SystemType,
    /// The hardware levels that it may have.
    pub levels: Levels,
}

/// Which hardware levels a [`Match`] is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Levels {
    /// These and no other.
    Only(Vec<HardwareLevel>),
    /// All but these.
    AllBut(Vec<HardwareLevel>),
    /// All, also one that the EEPROM does not state.
    Any,
}

impl Levels {
    /// Takes the lists of `hw` and `not-hw` as they are given.
    ///
    /// Errors: [`IdentityError::BothLists`].
    pub fn new(
        hw: Option<Vec<HardwareLevel>>,
        not_hw: Option<Vec<HardwareLevel>>,
    ) -> Result<Self, IdentityError> {
        match (hw, not_hw) {
            (Some(_), Some(_)) => Err(IdentityError::BothLists),
            (Some(levels), None) => Ok(Self::Only(levels)),
            (None, Some(levels)) => Ok(Self::AllBut(levels)),
            (None, None) => Ok(Self::Any),
        }
    }

    fn include(&self, level: Option<HardwareLevel>) -> bool {
        match (self, level) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::Only(levels), Some(level)) => levels.contains(&level),
            (Self::AllBut(levels), Some(level)) => !levels.contains(&level),
        }
    }

    /// Of two that include a level, the lower rank wins.
    const fn rank(&self) -> u8 {
        match self {
            Self::Only(_) => 0,
            Self::AllBut(_) => 1,
            Self::Any => 2,
        }
    }

    /// Whether a level can be in both with the same rank; for lists of exceptions there always is one.
    fn clash(&self, other: &Self) -> Option<Option<HardwareLevel>> {
        match (self, other) {
            (Self::Only(ours), Self::Only(theirs)) => {
                ours.iter().find(|level| theirs.contains(level)).map(|level| Some(*level))
            }
            _ => (self.rank() == other.rank()).then_some(None),
        }
    }
}

impl MachineIndex {
    /// Reads an index.
    ///
    /// Errors: [`IndexError::Syntax`], and those of [`MachineIndex::check`].
    pub fn parse(text: &str) -> Result<Self, IndexError> {
        let index: Self = parse(text)?;
        index.check()?;
        Ok(index)
    }

    /// Writes the index.
    pub fn to_text(&self) -> String {
        text_of(self)
    }

    /// Checks that no machine fits two systems, and that no EEPROM is named twice.
    ///
    /// Errors: [`IndexError::Ambiguous`], [`IndexError::Twice`].
    pub fn check(&self) -> Result<(), IndexError> {
        for (position, eeprom) in self.system_eeproms.iter().enumerate() {
            if self.system_eeproms.iter().take(position).any(|earlier| earlier.key == eeprom.key) {
                return Err(IndexError::Twice(eeprom.key.clone()));
            }
        }
        for (position, second) in self.matches.iter().enumerate() {
            let rivals = self.matches.iter().take(position);
            for first in rivals.filter(|first| first.im == second.im && first.system != second.system) {
                if let Some(shared) = first.levels.clash(&second.levels) {
                    return Err(IndexError::Ambiguous {
                        system_type: second.im,
                        shared,
                        first: first.system.clone(),
                        second: second.system.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The system of a machine: that which lists its hardware level, else one that does not except it, else one
    /// that asks for none. An unknown level fits only the last kind.
    pub fn choose(&self, im: SystemType, hw: Option<HardwareLevel>) -> Option<&SystemName> {
        self.matches
            .iter()
            .filter(|candidate| candidate.im == im && candidate.levels.include(hw))
            .min_by_key(|candidate| candidate.levels.rank())
            .map(|candidate| &candidate.system)
    }

    /// Whether any system has this type, at whatever hardware level.
    pub fn knows(&self, im: SystemType) -> bool {
        self.matches.iter().any(|candidate| candidate.im == im)
    }
}

/// A [`Match`] as TOML has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct MatchTable {
    system: SystemName,
    im: SystemType,
    #[serde(skip_serializing_if = "Option::is_none")]
    hw: Option<Vec<HardwareLevel>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_hw: Option<Vec<HardwareLevel>>,
}

impl TryFrom<MatchTable> for Match {
    type Error = IdentityError;

    fn try_from(table: MatchTable) -> Result<Self, IdentityError> {
        Ok(Self { system: table.system, im: table.im, levels: Levels::new(table.hw, table.not_hw)? })
    }
}

impl From<Match> for MatchTable {
    fn from(given: Match) -> Self {
        let (hw, not_hw) = match given.levels {
            Levels::Only(levels) => (Some(levels), None),
            Levels::AllBut(levels) => (None, Some(levels)),
            Levels::Any => (None, None),
        };
        Self { system: given.system, im: given.im, hw, not_hw }
    }
}

/// The words of fragments for [`Policy`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "Policy", rename_all = "kebab-case")]
enum PolicyWord {
    Strict,
    Recover,
}

/// The words of fragments for [`Ecc`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "Ecc", rename_all = "kebab-case")]
enum EccWord {
    Checked,
    Ignored,
}

#[cfg(test)]
mod tests;
