//! Images of vital product data on the command line: check, dump, diff, build.
//!
//! Everything here works on files and on the EEPROMs that the kernel shows as files; nothing talks to a bus and
//! nothing writes to an EEPROM. JSON output is described by `schema/check.schema.json`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod arguments;
mod build;
mod check;
mod diff;
mod dump;
mod examine;
mod exit;
mod json;
mod parts;
mod table;
mod value;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{CommandFactory as _, Parser as _};

use arguments::{Action, Arguments};
use exit::{Exit, Failure};

/// The command line, for completions and the manual page.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the tool and returns its exit status; `arguments` begin with the program's name.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> u8 {
    match start(arguments, output, errors) {
        Ok(exit) => exit.status(),
        Err(failure) => {
            // With standard error gone, the status is all that is left to give.
            let _ = writeln!(errors, "vpd-tool: {:#}", failure.cause);
            failure.exit.status()
        }
    }
}

fn start(
    arguments: impl IntoIterator<Item = OsString>,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<Exit, Failure> {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            return print(errors, &error.to_string()).map(|()| Exit::Usage);
        }
        Err(error) => return print(output, &error.to_string()).map(|()| Exit::Good),
    };
    let mut text = String::new();
    let exit = match &arguments.action {
        Action::Check(check) => check::run(check, &mut text)?,
        Action::Dump(dump) => dump::run(dump, &mut text)?,
        Action::Diff(diff) => diff::run(diff, &mut text)?,
        Action::Build(build) => build::run(build)?,
    };
    print(output, &text).map(|()| exit)
}

/// A reader that has seen enough, as `head` has, is no error.
fn print(stream: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Output, anyhow::Error::new(error).context("cannot write the result")))
        }
        _ => Ok(()),
    }
}
