//! `io.vivianite.Vpd.Writer1`, beside [`super::manager`] on the same object: what that interface cannot say. Errors are
//! those of [`super::manager::error`].
//!
//! An EEPROM is named by an object of its FRU or a part of it, with or without the inventory's root, by its key, or by the path of
//! one of its chips.

use serde::{Deserialize, Serialize};
use zbus::Type;

/// The interface.
pub const INTERFACE: &str = "io.vivianite.Vpd.Writer1";

/// `Write(s path, a(ssayayay) changes, a{sv} options) → a{sv}`: all [`Change`]s of one EEPROM, or none of them; options are those of [`option`],
/// the answer's those of [`answer`].
pub const WRITE: &str = "Write";
/// `Repair(s path, as records, s source) → a{sv}`: replaces damaged records (all, when none is named) and their code as a whole, from a
/// [`Copy`](enum@Copy), or from the first that has them when the source is empty.
pub const REPAIR: &str = "Repair";
/// `Scrub(s path) → a{sv}`: writes back what the code had to correct, and makes the redundant EEPROM say the same.
pub const SCRUB: &str = "Scrub";
/// `Backup(s path) → a{sv}`: takes what is kept a second time from the EEPROM.
pub const BACKUP: &str = "Backup";
/// `Restore(s path) → a{sv}`: puts what is kept a second time into the EEPROM.
pub const RESTORE: &str = "Restore";
/// `Verify(s path) → (a(sss), a(sssayay))`: [`CopyState`]s and [`Difference`]s.
pub const VERIFY: &str = "Verify";
/// `RepairFrom(s path, as records, ay image) → a{sv}`: as [`REPAIR`], from an image that the caller has and vouches for; its offset
/// is that of the VPD, not of the chip.
pub const REPAIR_FROM: &str = "RepairFrom";
/// `Pending() → a(ss)`: keys of EEPROMs of which a write is not settled, and why.
pub const PENDING: &str = "Pending";
/// `History() → a(xsssa(sts)ts)`: the last writes, a [`PastWrite`] each, the latest at the end.
pub const HISTORY: &str = "History";

/// Keys of the options of [`WRITE`].
pub mod option {
    /// `b`: nothing is written; the answer says what would be.
    pub const DRY_RUN: &str = "dry-run";
    /// `s`, one of [`super::Copies`].
    pub const COPIES: &str = "copies";
}

/// Keys of the answer of [`WRITE`] and of what mends.
pub mod answer {
    /// `u`: bytes of the keywords that were written or have their values already.
    pub const BYTES: &str = "bytes";
    /// `u`: bytes that differed, over all chips.
    pub const CHANGED: &str = "changed";
    /// `b`: whether the inventory shows it.
    pub const SHOWN: &str = "shown";
}

/// One keyword's new value.
///
/// Shape: `(ssayayay)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Change<'a> {
    /// The record; empty for VPD without records.
    pub record: &'a str,
    /// The keyword.
    pub keyword: &'a str,
    /// Its new value.
    #[serde(borrow)]
    pub value: &'a [u8],
    /// The byte that fills what the value leaves of the keyword; empty when it has to fill it.
    pub pad: &'a [u8],
    /// The value that it has to have before; empty when that does not count.
    pub expected: &'a [u8],
}

crate::words::words! {
    /// What is to be written of an EEPROM with a redundant one.
    #[derive(Default)]
    Copies {
        /// Both, or none when the redundant one fails.
        #[default]
        Both = "both",
        /// Only the one that counts.
        One = "one",
        /// Both, and the one that counts also when the other fails.
        GoOn = "go-on",
    }
}

crate::words::words! {
    /// Where what an EEPROM says is there a second time.
    Copy {
        /// In the EEPROM itself.
        Primary = "primary",
        /// In the one that stands in for it.
        Redundant = "redundant",
        /// In the inventory.
        Inventory = "inventory",
        /// In the backup.
        Backup = "backup",
        /// In an image that was put beside it as the right one.
        Golden = "golden",
    }
}

/// How one copy is.
///
/// Shape: `(sss)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CopyState {
    /// Which.
    pub copy: Copy,
    /// What was found there.
    pub outcome: super::collection::Outcome,
    /// Why, when the outcome needs an explanation; otherwise empty.
    pub reason: String,
}

/// A keyword of which a copy says something else than the EEPROM, or that only one of them has.
///
/// Shape: `(sssayay)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Difference {
    /// The record; that under which VPD without records is published.
    pub record: String,
    /// The keyword.
    pub keyword: String,
    /// The copy.
    pub copy: Copy,
    /// Its value in the EEPROM; empty where it lacks it.
    pub ours: Vec<u8>,
    /// Its value in the copy; empty where that lacks it.
    pub theirs: Vec<u8>,
}

/// A write that was asked for, made or refused. Values are not told: what is secret must not be found in a log.
///
/// Shape: `(xsssa(sts)ts)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct PastWrite {
    /// When it ended, microseconds since 1970.
    pub time: i64,
    /// The caller: user, process and what that is called.
    pub caller: String,
    /// The EEPROM's key.
    pub fru: String,
    /// What was asked for: `write`, `repair`, `scrub`, `backup`, `restore`.
    pub action: String,
    /// The first keywords of it.
    pub keywords: Vec<PastKeyword>,
    /// How many keywords there were.
    pub count: u64,
    /// `done`, or the name of the error.
    pub outcome: String,
}

/// A keyword of a [`PastWrite`].
///
/// Shape: `(sts)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct PastKeyword {
    /// `VINI.SN`; `SN` of VPD without records.
    pub name: String,
    /// Bytes of the value.
    pub length: u64,
    /// The first sixteen hex digits of the value's SHA-256.
    pub digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_shapes_are_frozen() {
        assert_eq!(Change::SIGNATURE, "(ssayayay)");
        assert_eq!(CopyState::SIGNATURE, "(sss)");
        assert_eq!(Difference::SIGNATURE, "(sssayay)");
        assert_eq!(PastWrite::SIGNATURE, "(xsssa(sts)ts)");
    }

    #[test]
    fn words_are_frozen() {
        let copies: Vec<_> = Copies::ALL.iter().map(|copies| copies.as_str()).collect();
        assert_eq!(copies, ["both", "one", "go-on"]);
        let copies: Vec<_> = Copy::ALL.iter().map(|copy| copy.as_str()).collect();
        assert_eq!(copies, ["primary", "redundant", "inventory", "backup", "golden"]);
    }
}
