//! The command line.

mod online;

pub(crate) use online::*;

use std::ffi::OsString;
use std::num::ParseIntError;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use vpd_format::{Ecc, Format, KeywordName, PartNumbers, Policy, RecordName};

/// Administer vital product data of a machine; check, show, compare and make images of it.
///
/// FRU is an object of the inventory (with or without /xyz/openbmc_project/inventory, or the end of its path, if only one ends
/// so), a key such as 8-0050, the path of an EEPROM, or a location code. The options of openpower-vpd-parser's vpd-tool are
/// understood too: vpd-tool -r -O OBJECT -R VINI -K SN, and so on.
#[derive(Debug, Parser)]
#[command(name = "vpd-tool", version, subcommand_required = true, arg_required_else_help = false)]
#[command(
    after_help = "Exit status: 0 good or done, 1 recovered or different, 2 partly bad, 3 nothing usable, 64 wrong command \
    line, 65 wrong description, 66 unreadable file, 67 no such part, record or keyword, 68 name of several parts, 69 no bus or \
    service, 70 a service failed, 71 a chip failed, 73 file cannot be made, 74 result cannot be written, 75 not now, 76 another \
    value than expected, 77 not allowed."
)]
pub(crate) struct Arguments {
    /// The folder that stands for /
    #[arg(long, global = true, value_name = "FOLDER", hide = true)]
    pub(crate) root: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) action: Action,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Verify everything that protects an image, and say what is wrong
    Check(Check),
    /// Show the values of an image
    Dump(Dump),
    /// Say in what two images differ; or, with one FRU, its EEPROM and all that should say the same
    Diff(Diff),
    /// Make an image from its description
    Build(Build),
    /// Show the EEPROMs of the machine, with what is known of their parts
    List(List),
    /// Show what a part says: the inventory, or the chip itself
    Show(Show),
    /// Show keywords of a part: from the inventory, or the chip itself
    Read(Read),
    /// Change keywords: in EEPROM, redundant EEPROM, backup and inventory
    Write(Write),
    /// Verify EEPROMs, and compare them with all that should say the same
    Verify(Verify),
    /// Take the backup from the EEPROM
    Backup(Mend),
    /// Put the backup into the EEPROM
    Restore(Mend),
    /// Replace damaged records as a whole
    Repair(Repair),
    /// Settle in what the system's EEPROM and its backup differ
    FixSystemVpd(Fix),
    /// Set keywords to their defaults that a reset in manufacturing sets; LX, FC and the asset tag stay
    Clean(Clean),
    /// Have EEPROMs read again
    Recollect(Recollect),
    /// Write back what the code had to correct, and make redundant EEPROMs say the same
    Scrub(Scrub),
    /// Show the parts of a location code, or the location code of a part
    Locate(Locate),
    /// Show who has written what
    History(History),
    /// Gather all that a fault report needs
    Report(Report),
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The image: a file, an EEPROM's folder or attribute in sysfs, or its bus address
    pub(crate) file: OsString,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Print JSON with all values
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `dump`.
#[derive(Debug, Args)]
pub(crate) struct Dump {
    /// The image: a file, an EEPROM's folder or attribute in sysfs, or its bus address
    pub(crate) file: OsString,
    /// Only this record (IPZ)
    #[arg(long, value_name = "NAME")]
    pub(crate) record: Option<RecordName>,
    /// Only this keyword, of the record named
    #[arg(long, value_name = "NAME")]
    pub(crate) keyword: Option<KeywordName>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// How `dump` shows values; a table for people without any of these.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Form {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print bytes with their offsets in the image
    #[arg(long)]
    pub(crate) hex: bool,
    /// Print one line per keyword; of a single keyword, its value alone
    #[arg(long)]
    pub(crate) text: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The first image; alone, a FRU
    #[arg(value_name = "A")]
    pub(crate) first: OsString,
    /// The image to compare with it
    #[arg(value_name = "B")]
    pub(crate) second: Option<OsString>,
    /// Of a FRU: the image that it should hold
    #[arg(long, value_name = "FILE", conflicts_with = "second")]
    pub(crate) golden: Option<PathBuf>,
    /// Of a FRU: print JSON
    #[arg(long, conflicts_with = "second")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Arguments of `build`.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The description, in TOML
    pub(crate) description: PathBuf,
    /// The image to make; a file of this name is replaced when the new one is complete
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// How images are read.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// The only acceptable format: ipz, keyword or memory; detected by default
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// What to make of an IPZ header or table of contents that needs correction
    #[arg(long, value_enum, default_value_t = PolicyWord::Recover)]
    policy: PolicyWord,
    /// Whether the error correcting code of IPZ counts; some images have none
    #[arg(long, value_enum, default_value_t = EccWord::Checked)]
    ecc: EccWord,
    /// Which numbers identify a DDR4 industry standard memory module
    #[arg(long, value_enum, default_value_t = PartNumbersWord::Module)]
    part_numbers: PartNumbersWord,
    /// Where the image begins, in bytes from the start of the file; 0x for hexadecimal
    #[arg(long, value_name = "N", default_value = "0", value_parser = number)]
    pub(crate) offset: u64,
    /// Length of the image in bytes; up to the end of the file by default
    #[arg(long, value_name = "N", value_parser = number)]
    pub(crate) size: Option<u64>,
}

impl Reading {
    /// As an image is read of which only is known where it begins.
    pub(crate) const fn at(offset: u64) -> Self {
        Self {
            format: None,
            policy: PolicyWord::Recover,
            ecc: EccWord::Checked,
            part_numbers: PartNumbersWord::Module,
            offset,
            size: None,
        }
    }

    pub(crate) const fn policy(&self) -> Policy {
        match self.policy {
            PolicyWord::Strict => Policy::Strict,
            PolicyWord::Recover => Policy::Recover,
        }
    }

    pub(crate) const fn part_numbers(&self) -> PartNumbers {
        match self.part_numbers {
            PartNumbersWord::Module => PartNumbers::Module,
            PartNumbersWord::Upstream => PartNumbers::Upstream,
        }
    }

    pub(crate) const fn ecc(&self) -> Ecc {
        match self.ecc {
            EccWord::Checked => Ecc::Checked,
            EccWord::Ignored => Ecc::Ignored,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PolicyWord {
    /// It is an error
    Strict,
    /// It is used and reported
    Recover,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PartNumbersWord {
    /// Its own part number; FRU number and CCIN of IBM's table, or none
    Module,
    /// Those of IBM's table, and openpower-vpd-parser's placeholders where it has none
    Upstream,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EccWord {
    /// Every area is checked and corrected
    Checked,
    /// Nothing is checked
    Ignored,
}

pub(crate) fn number(text: &str) -> Result<u64, ParseIntError> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_that_exclude_or_need_each_other_are_refused() {
        let parsed =
            |line: &str| Arguments::try_parse_from(["vpd-tool"].into_iter().chain(line.split(' '))).is_ok();
        for line in [
            "write card VINI.SN x --expect y --pad 0x20 --copies go-on --dry-run --json",
            "write card VINI.SN -5",
            "write card SN --file x",
            "write card --batch x",
            "write --batch x",
            "repair card VINI --from redundant",
            "repair card --golden x",
            "fix-system-vpd --from backup --yes --json",
            "recollect --all",
            "recollect card --only-reread",
            "diff card --golden x --json",
            "diff a b",
        ] {
            assert!(parsed(line), "{line}");
        }
        for line in [
            "write card VINI.SN",
            "write card VINI.SN x --file y",
            "write card VINI.SN x --batch y",
            "write card VINI.SN x --hardware --dry-run",
            "write card VINI.SN x --hardware --expect y",
            "write card VINI.SN x --pad long",
            "repair card --from redundant --golden x",
            "repair card --from primary",
            "fix-system-vpd --json",
            "recollect",
            "recollect card --all",
            "scrub",
            "diff a b --golden x",
            "read card",
        ] {
            assert!(!parsed(line), "{line}");
        }
    }
}
