//! The command line.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Compile descriptions of systems and their FRUs into what udev, systemd and the parsers need.
#[derive(Debug, Parser)]
#[command(name = "vpd-config", version, subcommand_required = true, arg_required_else_help = false)]
#[command(
    after_help = "Exit status: 0 done, 64 wrong command line, 65 wrong configuration, 66 configuration cannot \
    be read, 73 result cannot be written, 74 standard output cannot be written."
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
        /// The folder with vpd.d and systems
        source: PathBuf,
        /// The root of the file system to write to
        #[arg(long, value_name = "ROOT")]
        destdir: PathBuf,
    },
    /// Do everything but write
    Check {
        /// The folder with vpd.d and systems
        source: PathBuf,
    },
}
