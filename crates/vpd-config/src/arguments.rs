//! The command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use system_index::{HardwareLevel, SystemName, SystemType};

/// Compile descriptions of systems and their FRUs into what udev, systemd and the parsers need.
#[derive(Debug, Parser)]
#[command(name = "vpd-config", version, subcommand_required = true, arg_required_else_help = false)]
#[command(
    after_help = "Exit status: 0 done, 64 wrong command line, 65 wrong configuration or JSON, or an import that check \
    refuses, 66 it cannot be read, 73 result cannot be written, 74 standard output cannot be written."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Action,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Write index, fragments, rules and drop-ins; remove those that an earlier call wrote and this one does not
    Build {
        #[command(flatten)]
        source: SourceArguments,
        /// The root of the file system to write to
        #[arg(long, value_name = "ROOT")]
        destdir: PathBuf,
    },
    /// Do everything but write
    Check {
        #[command(flatten)]
        source: SourceArguments,
        /// Show every value of a system (`common` for what all have in common) with the file that set it
        #[arg(long, value_name = "SYSTEM")]
        print_config: Option<String>,
    },
    /// Make a system of openpower-vpd-parser's JSON, and list what is not carried over
    Import {
        /// The JSON
        upstream: PathBuf,
        /// The folder to write systems/NAME/10-NAME.toml to
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
        /// Its file of backups [default: the one that it names, if that stands beside it]
        #[arg(long, value_name = "FILE")]
        backup: Option<PathBuf>,
        /// A folder like inventory-schema.d, laid over the shipped one and DIR's, file by file; may be given again
        #[arg(long, value_name = "SCHEMA")]
        schema: Vec<PathBuf>,
        /// The system's name [default: the JSON's, without its ending]
        #[arg(long, value_name = "NAME")]
        system: Option<SystemName>,
        /// Its types, keyword IM of VSBP [default: told from the JSON's name]
        #[arg(long, value_name = "HEX8", num_args = 1..)]
        im: Vec<SystemType>,
        /// The only hardware levels that it is for, keyword HW of VINI
        #[arg(long, value_name = "HEX4", num_args = 1.., conflicts_with = "not_hw")]
        hw: Option<Vec<HardwareLevel>>,
        /// The hardware levels that it is not for
        #[arg(long, value_name = "HEX4", num_args = 1..)]
        not_hw: Option<Vec<HardwareLevel>>,
    },
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub(crate) struct SourceArguments {
    /// The folder with vpd.d and systems
    pub(crate) source: PathBuf,
    /// A folder of the same shape, laid over it: a file of the same name replaces, an empty one removes
    #[arg(long, value_name = "DIR")]
    pub(crate) site: Option<PathBuf>,
    /// A folder like inventory-schema.d, laid over the shipped one and those of source and site, file by file; may be given
    /// again
    #[arg(long, value_name = "SCHEMA")]
    pub(crate) schema: Vec<PathBuf>,
}
