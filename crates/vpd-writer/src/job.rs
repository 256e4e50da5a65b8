//! What is done to one EEPROM, after all that can be said about a call without reading the EEPROM.

use crate::settings::Locked;
use crate::work::recovery::Recovered;
use dbus_api::vpd::manager::Parsed;
use dbus_api::vpd::writer::{Copies, Copy, CopyState, Difference};
use fru_publication::{EepromKey, Fragment};
use std::path::PathBuf;
use std::sync::Arc;
use system_index::{BackedUp, Backup, SystemType};
use vpd_format::{KeywordName, RecordName};

/// Something to be done to one EEPROM, by a thread that may wait.
#[derive(Debug, Clone)]
pub enum Job {
    /// It is read.
    Read(ReadJob),
    /// Keywords get other values.
    Write(WriteJob),
    /// It is put right, or its backup.
    Mend(MendJob),
    /// An interrupted write is finished, or taken back.
    Recover(RecoverJob),
}

/// An EEPROM is read.
#[derive(Debug, Clone)]
pub struct ReadJob {
    /// The FRU's.
    pub key: EepromKey,
    /// The one that counts, then the one that stands in.
    pub chips: Vec<PathBuf>,
    /// How it is read.
    pub fragment: Arc<Fragment>,
    /// It cannot be reached while the chassis has power.
    pub power_off_only: bool,
    /// Where its keywords are kept a second time.
    pub partner: Option<Partner>,
    /// What is wanted.
    pub what: Wanted,
}

/// An interrupted write is finished, or taken back: all else is in its journal.
#[derive(Debug, Clone)]
pub struct RecoverJob {
    /// The FRU's.
    pub key: EepromKey,
    /// The chassis has no power, as far as is known.
    pub is_off: bool,
}

/// What is wanted of an EEPROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One keyword.
    Keyword {
        /// The chip's place in the list.
        chip: usize,
        /// The record; none for VPD without records.
        record: Option<RecordName>,
        /// The keyword.
        keyword: KeywordName,
    },
    /// All keywords.
    All {
        /// The chip's place in the list.
        chip: usize,
    },
    /// Whether both chips say the same.
    Agreement,
    /// How its chips are, what each says that the others do not, and what the inventory has to be compared with.
    Comparison,
}

/// Keywords of an EEPROM get other values, all of them or none.
#[derive(Debug, Clone)]
pub struct WriteJob {
    /// The FRU's.
    pub key: EepromKey,
    /// The one that counts, then the one that stands in.
    pub chips: Vec<PathBuf>,
    /// The place in the list of the only chip that is to be written, and nothing else anywhere.
    pub on_hardware_only: Option<usize>,
    /// How it is read.
    pub fragment: Arc<Fragment>,
    /// It cannot be reached while the chassis has power.
    pub power_off_only: bool,
    /// What is to change, at least one.
    pub changes: Vec<KeywordChange>,
    /// Which chips.
    pub copies: Copies,
    /// Nothing is written.
    pub dry_run: bool,
    /// Where its keywords are kept a second time.
    pub partner: Option<Partner>,
}

/// Where keywords of an EEPROM are kept a second time, or what it keeps of another one.
#[derive(Debug, Clone)]
pub struct Partner {
    /// Which keywords.
    pub map: Arc<Backup>,
    /// The EEPROM at hand has the second copies.
    pub is_backup: bool,
    /// The other EEPROM; none when the service keeps the copies itself.
    pub other: Option<PartnerEeprom>,
}

/// The other EEPROM of a backup.
#[derive(Debug, Clone)]
pub struct PartnerEeprom {
    /// Its key.
    pub key: EepromKey,
    /// The chip that counts, then the one that stands in.
    pub chips: Vec<PathBuf>,
    /// How it is read.
    pub fragment: Arc<Fragment>,
    /// It cannot be reached while the chassis has power.
    pub power_off_only: bool,
}

impl Partner {
    /// Whether the other EEPROM cannot be reached while the chassis has power.
    pub fn is_power_off_only(&self) -> bool {
        self.other.as_ref().is_some_and(|other| other.power_off_only)
    }

    /// What a keyword of the EEPROM at hand is called in the other one; `None` for one that is not kept a second time.
    pub fn of(&self, record: RecordName, keyword: KeywordName) -> Option<(RecordName, KeywordName)> {
        self.map.keywords.iter().find_map(|kept| {
            let (here, there) = self.names(kept);
            (here == (record, keyword)).then_some(there)
        })
    }

    /// What a keyword is called in the EEPROM at hand, and in the other one.
    pub fn names(&self, kept: &BackedUp) -> ((RecordName, KeywordName), (RecordName, KeywordName)) {
        let (source, copy) = ((kept.record, kept.keyword), kept.place());
        if self.is_backup { (copy, source) } else { (source, copy) }
    }
}

/// One keyword's new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordChange {
    /// The record; none for VPD without records.
    pub record: Option<RecordName>,
    /// The keyword.
    pub keyword: KeywordName,
    /// Never empty.
    pub value: Vec<u8>,
    /// Fills what the value leaves.
    pub pad: Option<u8>,
    /// What it has to hold before.
    pub expected: Option<Vec<u8>>,
}

/// An EEPROM is put right, or its backup.
#[derive(Debug, Clone)]
pub struct MendJob {
    /// The FRU's.
    pub key: EepromKey,
    /// The one that counts, then the one that stands in.
    pub chips: Vec<PathBuf>,
    /// How it is read.
    pub fragment: Arc<Fragment>,
    /// It cannot be reached while the chassis has power.
    pub power_off_only: bool,
    /// Where its keywords are kept a second time.
    pub partner: Option<Partner>,
    /// Keywords that no client may change.
    pub locked: Locked,
    /// The types of system that the image knows.
    pub types: Vec<SystemType>,
    /// What is done.
    pub what: Mend,
}

/// How something is put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    /// Records are replaced as a whole.
    Repair {
        /// Which; all that are damaged when there is none.
        records: Vec<RecordName>,
        /// From where; from the first place that has them when it is not said.
        source: Option<Copy>,
        /// The image to repair with, from where the VPD begins, if the caller has one.
        image: Option<Vec<u8>>,
    },
    /// What had to be corrected is written back.
    Scrub,
    /// The backup takes the EEPROM's values.
    Backup,
    /// The EEPROM takes the backup's values.
    Restore,
    /// What was set in one of the two is set in the other; what was set differently is told.
    Settle,
}

/// What a write came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the keywords that were to be written, pads included.
    pub bytes: usize,
    /// Bytes that differed, over all chips; none when there was nothing to change.
    pub changed: usize,
}

/// What a job came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// A keyword's bytes.
    Keyword(Vec<u8>),
    /// All keywords.
    All(Parsed),
    /// Whether the chips agree.
    Agreement(bool),
    /// How copies are, and in what they differ.
    Compared(Comparison),
    /// It was written.
    Written(Written),
    /// What became of an interrupted write.
    Recovered(Recovered),
}

/// How the copies of an EEPROM's VPD stand to each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Each copy that was looked at.
    pub copies: Vec<CopyState>,
    /// Each keyword of which they differ.
    pub differences: Vec<Difference>,
    /// What the one that counts says, for the comparison with the inventory.
    pub says: crate::reading::Values,
}

impl Job {
    /// The FRU's.
    pub fn key(&self) -> &EepromKey {
        match self {
            Self::Read(job) => &job.key,
            Self::Write(job) => &job.key,
            Self::Mend(job) => &job.key,
            Self::Recover(job) => &job.key,
        }
    }

    /// The other EEPROM of its backup, which it may write too.
    pub fn other(&self) -> Option<&EepromKey> {
        let partner = match self {
            Self::Write(job) => job.partner.as_ref(),
            Self::Mend(job) => job.partner.as_ref(),
            Self::Read(_) | Self::Recover(_) => None,
        };
        Some(&partner?.other.as_ref()?.key)
    }

    /// Whether its parser runs when it has changed something.
    pub fn is_shown_by_inventory(&self) -> bool {
        match self {
            Self::Write(job) => job.on_hardware_only.is_none() && !job.dry_run,
            Self::Mend(_) | Self::Recover(_) => true,
            Self::Read(_) => false,
        }
    }

    /// Whether it cannot be done while the chassis has power; a recovery looks for itself.
    pub fn is_power_off_only(&self) -> bool {
        match self {
            Self::Read(job) => job.power_off_only,
            Self::Write(job) => job.power_off_only,
            Self::Mend(job) => job.power_off_only,
            Self::Recover(_) => false,
        }
    }

    /// Whether it has to come after the FRU's first reading: what changes an EEPROM under the parser that reads it first would
    /// be told twice, or not at all.
    pub fn follows_first_reading(&self) -> bool {
        matches!(self, Self::Write(_) | Self::Mend(_))
    }
}
