//! Arguments of what is about the machine.

use crate::input::{self, Named};
use clap::{Args, ValueEnum};
use dbus_api::vpd::writer::{Copies, Copy};
use std::path::PathBuf;
use vpd_format::RecordName;

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The part; also the path of an EEPROM that this system does not have
    #[arg(value_name = "FRU")]
    pub(crate) part: String,
    /// Only this record
    #[arg(long, value_name = "NAME")]
    pub(crate) record: Option<RecordName>,
    #[command(flatten)]
    pub(crate) source: Source,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `read`.
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// The part; also the path of an EEPROM that this system does not have
    #[arg(value_name = "FRU")]
    pub(crate) part: String,
    /// What to read: VINI.SN, or SN of VPD without records
    #[arg(required = true, value_name = "KEYWORD")]
    pub(crate) keywords: Vec<Named>,
    #[command(flatten)]
    pub(crate) source: Source,
    /// Save the value in a file rather than show it
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where values come from.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Source {
    /// Ask the chip rather than the inventory
    #[arg(long)]
    pub(crate) hardware: bool,
    /// Where the VPD begin in an EEPROM that this system does not have, in bytes; 0x for hexadecimal
    #[arg(long, value_name = "N", value_parser = super::number)]
    pub(crate) offset: Option<u64>,
}

/// Arguments of `write`.
#[derive(Debug, Args)]
pub(crate) struct Write {
    /// The part; with --batch it may be named in the file
    #[arg(value_name = "FRU", required_unless_present = "batch")]
    pub(crate) part: Option<String>,
    /// What to write: VINI.SN, or SN of VPD without records
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    pub(crate) keyword: Option<Named>,
    /// Text, or 0x and hexadecimal digits
    #[arg(required_unless_present_any = ["batch", "file"], conflicts_with = "batch", allow_hyphen_values = true)]
    pub(crate) value: Option<String>,
    /// Take the value from the first line of a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["value", "batch"])]
    pub(crate) file: Option<PathBuf>,
    /// Write all keywords of a file, TOML if its name ends so, else lines `RECORD.KW = value` below `[FRU]`; of each FRU all or
    /// none
    #[arg(long, value_name = "FILE")]
    pub(crate) batch: Option<PathBuf>,
    /// Write into the chip that is named alone, and nowhere else
    #[arg(long, conflicts_with_all = ["batch", "dry_run", "expect", "pad", "copies"])]
    pub(crate) hardware: bool,
    /// Write nothing, say what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write only if this is the value before
    #[arg(long, value_name = "VALUE", conflicts_with = "batch", allow_hyphen_values = true)]
    pub(crate) expect: Option<String>,
    /// What fills the keyword where the value is shorter: a character, or a number such as 0x00
    #[arg(long, value_name = "BYTE", value_parser = input::byte)]
    pub(crate) pad: Option<u8>,
    /// Which chips, where there is a redundant one
    #[arg(long, value_enum, default_value_t = CopiesWord::Both)]
    pub(crate) copies: CopiesWord,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which chips are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CopiesWord {
    /// Both, or none when the redundant one fails
    Both,
    /// Only the one that counts
    One,
    /// Both, and the one that counts also when the other fails
    GoOn,
}

impl From<CopiesWord> for Copies {
    fn from(word: CopiesWord) -> Self {
        match word {
            CopiesWord::Both => Self::Both,
            CopiesWord::One => Self::One,
            CopiesWord::GoOn => Self::GoOn,
        }
    }
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The parts; all of the machine when none is named
    #[arg(value_name = "FRU")]
    pub(crate) parts: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `backup` and `restore`.
#[derive(Debug, Args)]
pub(crate) struct Mend {
    /// The part; all that have a backup when none is named
    #[arg(value_name = "FRU")]
    pub(crate) part: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `repair`.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    /// The part
    #[arg(value_name = "FRU")]
    pub(crate) part: String,
    /// The records; all that are damaged when none is named
    #[arg(value_name = "RECORD")]
    pub(crate) records: Vec<RecordName>,
    /// From where; from the first place that has them when it is not said
    #[arg(long, value_enum)]
    pub(crate) from: Option<RepairSource>,
    /// From this image, which should be what the EEPROM holds
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub(crate) golden: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where whole records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RepairSource {
    /// The redundant EEPROM
    Redundant,
    /// The backup
    Backup,
    /// The image that the machine keeps as the right one
    Golden,
}

impl From<RepairSource> for Copy {
    fn from(source: RepairSource) -> Self {
        match source {
            RepairSource::Redundant => Self::Redundant,
            RepairSource::Backup => Self::Backup,
            RepairSource::Golden => Self::Golden,
        }
    }
}

/// Arguments of `fix-system-vpd`.
#[derive(Debug, Args)]
pub(crate) struct Fix {
    /// Which side is right; needed without a terminal, and asks nothing
    #[arg(long, value_enum)]
    pub(crate) from: Option<Side>,
    /// Go on without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long, requires = "yes")]
    pub(crate) json: bool,
}

/// A side of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// The second copy
    Backup,
    /// The EEPROM that is backed up
    Primary,
}

/// Arguments of `clean`.
#[derive(Debug, Args)]
pub(crate) struct Clean {
    /// Go on without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Write nothing, say what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `recollect`.
#[derive(Debug, Args)]
pub(crate) struct Recollect {
    /// The parts
    #[arg(value_name = "FRU", required_unless_present = "all")]
    pub(crate) parts: Vec<String>,
    /// All of the machine that may be read now
    #[arg(long, conflicts_with_all = ["parts", "only_reread"])]
    pub(crate) all: bool,
    /// Read without any step of the part's slot, also while the host runs, and wait for the outcome
    #[arg(long)]
    pub(crate) only_reread: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `scrub`.
#[derive(Debug, Args)]
pub(crate) struct Scrub {
    /// The parts
    #[arg(value_name = "FRU", required_unless_present = "all")]
    pub(crate) parts: Vec<String>,
    /// All of the machine
    #[arg(long, conflicts_with = "parts")]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `locate`.
#[derive(Debug, Args)]
pub(crate) struct Locate {
    /// A location code, expanded or not; or a part
    #[arg(value_name = "CODE|FRU")]
    pub(crate) what: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Only of this part
    #[arg(value_name = "FRU")]
    pub(crate) part: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write it into a file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
