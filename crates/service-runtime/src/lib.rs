//! What every service shares, so that all of them start, log, fail and stop alike.
//!
//! A service's `main` calls [`run`] (one-shots) or `daemon::run` (feature `daemon`) and nothing
//! else. This crate knows no VPD, no images and no D-Bus interface of ours; of systemd's, the one for log levels.
//!
//! ```no_run
//! use service_runtime::{Exit, Invocation};
//!
//! fn start(_invocation: Invocation) -> anyhow::Result<Exit> {
//!     Ok(Exit::Done)
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     service_runtime::run("example", start)
//! }
//! ```
//!
//! Sources: systemd 252 `sd-daemon(3)`, `sd_notify(3)`; `sysexits.h` for the exit statuses.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod bus;
pub mod clock;
#[cfg(feature = "daemon")]
pub mod daemon;
mod exit;
pub mod folders;
mod invocation;
mod logging;
pub mod tasks;
pub mod text;

pub use exit::Exit;
pub use invocation::{Invocation, print};
#[cfg(feature = "daemon")]
pub use logging::RuntimeLevel;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Names the folder that stands for `/`; set by tests and demonstrations, never on a target.
pub const ROOT_VARIABLE: &str = "VIVIANITE_ROOT";

/// Runs a one-shot: sets up logging, hands over the arguments, logs an error once, gives the exit status.
///
/// An error becomes the status of the [`Exit`] found in its chain, else [`Exit::Internal`].
pub fn run(name: &'static str, start: impl FnOnce(Invocation) -> anyhow::Result<Exit>) -> ExitCode {
    logging::install();
    let outcome = start(Invocation::from_process(name));
    conclude(outcome)
}

/// What default paths lie below: `/`, unless [`ROOT_VARIABLE`] says otherwise.
///
/// A unit names its program and its instance only, so a service that is started from its unit below another folder has
/// no option to be told by.
pub fn root() -> PathBuf {
    let folder = std::env::var_os(ROOT_VARIABLE).filter(|folder| !folder.is_empty());
    folder.map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

/// So many threads may wait for disks and devices at once; what is more waits for one of them.
const BLOCKING: usize = 8;

/// A current-thread runtime with the drivers that a bus connection needs.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context as _;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING)
        // Each has a stack and a heap of its own.
        .thread_keep_alive(Duration::from_secs(1))
        .build()
        .context("cannot start the event loop")
}

pub(crate) fn conclude(outcome: anyhow::Result<Exit>) -> ExitCode {
    let exit = outcome.unwrap_or_else(|error| {
        let exit = exit::of_error(&error);
        log::error!("{error:#}");
        exit
    });
    ExitCode::from(exit.status())
}
