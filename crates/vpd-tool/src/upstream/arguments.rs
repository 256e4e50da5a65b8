//! Options of openpower-vpd-parser's vpd-tool. Pure.

use super::named;
use crate::input::Named;
use clap::Parser;
use std::ffi::OsString;
use std::path::PathBuf;

/// Whether a command line is upstream's: its first argument is an option, and not one of ours.
pub(crate) fn is_upstream(arguments: &[OsString]) -> bool {
    let Some(first) = arguments.get(1).and_then(|first| first.to_str()) else { return false };
    match first {
        "-h" | "--help" | "--version" | "--" => false,
        // Theirs has a value behind it, ours has nothing.
        "-V" => arguments.len() > 2,
        _ if first.starts_with("--root") => false,
        _ => first.starts_with('-') && first.len() > 1,
    }
}

/// openpower-vpd-parser's vpd-tool
#[derive(Debug, Parser)]
#[command(name = "vpd-tool", disable_version_flag = true)]
pub(super) struct Arguments {
    /// Object path, without the inventory's root; with -H the path of an EEPROM
    #[arg(short = 'O', long)]
    object: Option<String>,
    /// Record
    #[arg(short = 'R', long)]
    record: Option<String>,
    /// Keyword
    #[arg(short = 'K', long)]
    keyword: Option<String>,
    /// Text, or 0x and hexadecimal digits
    #[arg(short = 'V', long, allow_hyphen_values = true)]
    value: Option<String>,
    /// File that a value is saved in, or taken from
    #[arg(long)]
    file: Option<PathBuf>,
    /// Read a keyword
    #[arg(short = 'r', long = "readKeyword", group = "action")]
    read: bool,
    /// Write a keyword
    #[arg(short = 'w', long = "writeKeyword", group = "action")]
    write: bool,
    /// Write a keyword
    #[arg(short = 'u', long = "updateKeyword", group = "action")]
    update: bool,
    /// The chip itself
    #[arg(short = 'H', long = "Hardware")]
    hardware: bool,
    /// Where the VPD begin, of an EEPROM that the system does not have
    #[arg(short = 's', long, value_parser = crate::arguments::number)]
    seek: Option<u64>,
    /// Show an object
    #[arg(short = 'o', long = "dumpObject", group = "action")]
    dump_object: bool,
    /// Show the inventory
    #[arg(short = 'i', long = "dumpInventory", group = "action")]
    dump_inventory: bool,
    /// The inventory as a table
    #[arg(short = 't', long)]
    table: bool,
    /// Only what is in one chassis
    #[arg(short = 'c', long, requires = "chassis_id")]
    chassis: bool,
    /// The number of the chassis
    #[arg(short = 'N', long = "chassisId", requires = "chassis")]
    chassis_id: Option<u32>,
    /// Whether an EEPROM and the redundant one say the same
    #[arg(short = 'e', long = "validateRedundantEeprom", group = "action")]
    validate: bool,
    /// Have all read again
    #[arg(short = 'f', visible_short_alias = 'F', long = "forceReset", group = "action")]
    force_reset: bool,
    /// Settle in what the system's VPD and their backup differ
    #[arg(long = "fixSystemVPD", group = "action")]
    fix_system_vpd: bool,
    /// Reset keywords as in manufacturing
    #[arg(long = "mfgClean", group = "action")]
    clean: bool,
    /// Go on without asking
    #[arg(long)]
    yes: bool,
    /// The folder that stands for /
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(super) root: Option<PathBuf>,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Read { object: String, named: Named, hardware: bool, seek: Option<u64>, file: Option<PathBuf> },
    Write { object: String, named: Named, value: Option<String>, file: Option<PathBuf>, hardware: bool },
    DumpObject(String),
    DumpInventory { table: bool, chassis: Option<u32> },
    ValidateRedundant(String),
    ForceReset,
    FixSystemVpd,
    Clean { yes: bool },
}

impl Arguments {
    /// What the options together ask for.
    ///
    /// Errors: a sentence.
    pub(super) fn action(&self) -> Result<Action, String> {
        let object = || self.object.clone().ok_or_else(|| "name the object: -O PATH".to_owned());
        let named = || named(self.record.as_deref(), self.keyword.as_deref());
        if self.seek.is_some() && !(self.read && self.hardware) {
            return Err("-s is for reading an EEPROM: -r -H".to_owned());
        }
        Ok(if self.read {
            if self.record.is_none() && !self.hardware {
                return Err("name the record: -R RECORD".to_owned());
            }
            let (hardware, seek, file) = (self.hardware, self.seek, self.file.clone());
            Action::Read { object: object()?, named: named()?, hardware, seek, file }
        } else if self.write || self.update {
            let (value, file, hardware) = (self.value.clone(), self.file.clone(), self.hardware);
            Action::Write { object: object()?, named: named()?, value, file, hardware }
        } else if self.dump_object {
            Action::DumpObject(object()?)
        } else if self.dump_inventory {
            Action::DumpInventory { table: self.table, chassis: self.chassis_id }
        } else if self.validate {
            Action::ValidateRedundant(object()?)
        } else if self.force_reset {
            Action::ForceReset
        } else if self.fix_system_vpd {
            Action::FixSystemVpd
        } else if self.clean {
            Action::Clean { yes: self.yes }
        } else {
            return Err(
                "there is nothing to do: -r, -w, -o, -i, -e, -f, --fixSystemVPD or --mfgClean".to_owned()
            );
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        ["vpd-tool"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect()
    }

    fn action(line: &str) -> Result<Action, String> {
        assert!(is_upstream(&words(line)), "{line}");
        Arguments::try_parse_from(words(line)).map_err(|error| error.to_string())?.action()
    }

    #[test]
    fn a_command_line_is_upstreams_when_it_begins_with_an_option_of_its() {
        for line in ["-i", "-V 0x00 -w", "--readKeyword -O /x", "-wO /x", "--mfgClean --yes"] {
            assert!(is_upstream(&words(line)), "{line}");
        }
        for line in ["", "list", "read -O", "-h", "--help", "-V", "--version", "--root /x list", "-"] {
            assert!(!is_upstream(&words(line)), "{line}");
        }
    }

    #[test]
    fn upstreams_command_lines_are_understood() {
        let object = "/system/chassis/motherboard".to_owned();
        let named: Named = "VINI.SN".parse().unwrap();
        let read = |hardware, seek, file: Option<&str>| {
            let (object, file) = (object.clone(), file.map(PathBuf::from));
            Action::Read { object, named, hardware, seek, file }
        };
        let write = |hardware, value: Option<&str>, file: Option<&str>| {
            let (object, value, file) = (object.clone(), value.map(str::to_owned), file.map(PathBuf::from));
            Action::Write { object, named, value, file, hardware }
        };
        let of = "-O /system/chassis/motherboard -R VINI -K SN";
        for (line, expected) in [
            (format!("-r {of}"), read(false, None, None)),
            (format!("--readKeyword {of} --file x"), read(false, None, Some("x"))),
            (format!("-r -H {of} -s 0x100"), read(true, Some(256), None)),
            (format!("-w {of} -V -5"), write(false, Some("-5"), None)),
            (format!("-u {of} --value 0x00"), write(false, Some("0x00"), None)),
            (format!("-w -H {of} --file x"), write(true, None, Some("x"))),
            (
                "-w --object /system/chassis/motherboard --record VINI --keyword SN --value ABCD12345678"
                    .to_owned(),
                write(false, Some("ABCD12345678"), None),
            ),
            ("-o -O /system/chassis/motherboard".to_owned(), Action::DumpObject(object.clone())),
            ("-i".to_owned(), Action::DumpInventory { table: false, chassis: None }),
            ("-i -t -c -N 2".to_owned(), Action::DumpInventory { table: true, chassis: Some(2) }),
            ("-e -O /system/chassis/motherboard".to_owned(), Action::ValidateRedundant(object.clone())),
            ("-f".to_owned(), Action::ForceReset),
            ("-F".to_owned(), Action::ForceReset),
            ("--fixSystemVPD".to_owned(), Action::FixSystemVpd),
            ("--mfgClean --yes".to_owned(), Action::Clean { yes: true }),
        ] {
            assert_eq!(action(&line), Ok(expected), "{line}");
        }
        let alone = action("-r -H -O /sys/bus/i2c/drivers/at24/8-0050/eeprom -K PN").unwrap();
        assert!(matches!(alone, Action::Read { named, .. } if named.record.is_none()), "{alone:?}");
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn what_is_missing_or_contradicts_itself_is_refused() {
        for line in [
            "-O /x",
            "-r -R VINI -K SN",
            "-r -O /x -K SN",
            "-r -O /x -R VINI",
            "-r -O /x -R VIN -K SN",
            "-r -O /x -R VINI -K SNX",
            "-r -w -O /x -R VINI -K SN",
            "-i -c",
            "-i -s 5",
            "-q",
        ] {
            assert!(action(line).is_err(), "{line}");
        }
    }
}
