//! Vital product data on the command line: those of a running machine, and images of them.
//!
//! What is about a machine goes over the bus to the service that administers VPD, to the collection and to the inventory;
//! nothing here writes to an EEPROM by itself. `check`, `dump`, `build` and `diff` of two images work on files alone, with the
//! same code as the services. JSON is described by `schema/check.schema.json` for images and `schema/machine.schema.json` for
//! the machine.
//!
//! Must not know: how an EEPROM is written, and when it is read.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod arguments;
mod batch;
mod build;
mod check;
mod clean;
mod console;
mod diff;
mod dump;
mod examine;
mod exit;
mod fix;
mod history;
mod input;
mod json;
mod list;
mod locate;
mod machine;
mod mend;
mod names;
mod parts;
mod recollect;
mod report;
mod show;
mod system;
mod table;
mod time;
mod upstream;
mod value;
mod values;
mod verify;
mod write;

pub use console::Console;

use arguments::{Action, Arguments};
use clap::{CommandFactory as _, Parser as _};
use dbus_api::vpd::client::Mending;
use exit::{Exit, Failure};
use machine::Machine;
use std::ffi::OsString;

/// The command line, for completions and the manual page.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the tool and returns its exit status; `arguments` begin with the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>, console: &mut Console<'_>) -> u8 {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let ended = if upstream::is_upstream(&arguments) {
        upstream::start(arguments, console)
    } else {
        start(arguments, console)
    };
    match ended {
        Ok(exit) => exit.status(),
        Err(failure) => {
            console.say(&format!("vpd-tool: {:#}", failure.cause));
            failure.exit.status()
        }
    }
}

fn start(arguments: Vec<OsString>, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            console.say(error.to_string().trim_end());
            return Ok(Exit::Usage);
        }
        Err(error) => return console.print(&error.to_string()).map(|()| Exit::Good),
    };
    let mut text = String::new();
    let exit = match &arguments.action {
        Action::Check(check) => check::run(check, &mut text)?,
        Action::Dump(dump) => dump::run(dump, &mut text)?,
        Action::Build(build) => build::run(build)?,
        Action::Diff(diff) if let Some(second) = &diff.second => diff::run(diff, second, &mut text)?,
        action => {
            let machine = Machine::open(arguments.root.as_deref(), console)?;
            return on_the_bus(administer(action, &machine, console));
        }
    };
    console.print(&text).map(|()| exit)
}

/// What is about a machine.
async fn administer(action: &Action, machine: &Machine, console: &mut Console<'_>) -> Result<Exit, Failure> {
    match action {
        Action::List(list) => list::run(list, machine, console).await,
        Action::Show(show) => show::show(show, machine, console).await,
        Action::Read(read) => show::read(read, machine, console).await,
        Action::Write(write) => write::run(write, machine, console).await,
        Action::Verify(verify) => verify::run(verify, machine, console).await,
        Action::Diff(diff) => verify::diff(diff, machine, console).await,
        Action::Backup(backup) => mend::backup(backup, Mending::Backup, machine, console).await,
        Action::Restore(restore) => mend::backup(restore, Mending::Restore, machine, console).await,
        Action::Repair(repair) => mend::repair(repair, machine, console).await,
        Action::FixSystemVpd(fix) => fix::run(fix, machine, console).await,
        Action::Clean(clean) => clean::run(clean, machine, console).await,
        Action::Recollect(recollect) => recollect::run(recollect, machine, console).await,
        Action::Scrub(scrub) => mend::scrub(scrub, machine, console).await,
        Action::Locate(locate) => locate::run(locate, machine, console).await,
        Action::History(history) => history::run(history, machine, console).await,
        Action::Report(report) => report::run(report, machine, console).await,
        Action::Check(_) | Action::Dump(_) | Action::Build(_) => Ok(Exit::Good),
    }
}

/// Runs what talks to the bus.
fn on_the_bus(action: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = service_runtime::runtime().map_err(|cause| Failure::new(Exit::Failed, cause))?;
    runtime.block_on(action)
}
