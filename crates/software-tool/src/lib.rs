//! Firmware images on the command line: list, install, activate, delete, watch, verify, pack.
//!
//! What is about a running machine goes over the bus and works with every service of firmware, whoever made it; `verify`
//! and `pack` work on files alone, with the same code as the services.
//!
//! Must not know: how firmware is installed, where services keep images.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod activate;
mod arguments;
mod catalogue;
mod delete;
mod exit;
mod follow;
mod install;
mod link;
mod list;
mod pack;
mod parts;
mod progress;
mod screen;
mod table;
mod trust;
mod verify;
mod watch;

pub use screen::{Face, Screen};

use arguments::{Action, Arguments};
use clap::{CommandFactory as _, Parser as _};
use exit::{Exit, Failure};
use std::ffi::OsString;

/// The command line, for completions and the manual page.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the tool and returns its exit status; `arguments` begin with the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>, screen: &mut Screen<'_>) -> u8 {
    match start(arguments, screen) {
        Ok(exit) => exit.status(),
        Err(failure) => {
            screen.say(&format!("software-tool: {:#}", failure.cause));
            failure.exit.status()
        }
    }
}

fn start(arguments: impl IntoIterator<Item = OsString>, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            screen.say_lines(error.to_string().trim_end());
            return Ok(Exit::Usage);
        }
        Err(error) => return screen.print(&error.to_string()).map(|()| Exit::Done),
    };
    match &arguments.action {
        Action::Verify(verify) => verify::run(verify, screen),
        Action::Pack(pack) => pack::run(pack, screen),
        Action::List(list) => on_the_bus(list::run(list, screen)),
        Action::Install(install) => on_the_bus(install::run(install, screen)),
        Action::Activate(activate) => on_the_bus(activate::run(activate, screen)),
        Action::Delete(delete) => on_the_bus(delete::run(delete, screen)),
        Action::Watch(watch) => on_the_bus(watch::run(watch, screen)),
    }
}

/// Runs what talks to the bus.
fn on_the_bus(action: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = service_runtime::runtime().map_err(|cause| Failure::new(Exit::Internal, cause))?;
    runtime.block_on(action)
}
