//! Services that stay: one current-thread runtime, one owner task, SIGTERM as a step of the protocol.
//!
//! What all of them share is here once: arguments and settings ([`Start`]), the frame of the owner's loop
//! ([`Lifecycle`]), the log level on the bus and the owned name ([`serve`], or [`raw`] for a service that takes its
//! messages off the bus by itself).
//!
//! ```no_run
//! use service_runtime::daemon::{Start, Turn};
//!
//! async fn start(mut start: Start) -> anyhow::Result<()> {
//!     loop {
//!         start.lifecycle.status("waiting");
//!         // Beside whatever else the owner waits for.
//!         tokio::select! {
//!             turn = start.lifecycle.turn(None) => if turn == Turn::Stop { break },
//!         }
//!     }
//!     start.lifecycle.stopping();
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     service_runtime::daemon::run("example", start)
//! }
//! ```

mod lifecycle;
mod notifier;
pub mod raw;
#[cfg(feature = "object-server")]
mod served;

pub use lifecycle::{Lifecycle, Turn};
#[cfg(feature = "object-server")]
pub use served::serve;

use crate::{Exit, Invocation, conclude, logging};
use anyhow::Context as _;
use lexopt::Arg;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::process::ExitCode;

/// What a daemon is started with.
#[derive(Debug)]
pub struct Start {
    /// The service's name, equal to its binary and the stem of its unit.
    pub name: &'static str,
    /// Which instance of a template this is; empty for a service that is none.
    pub instance: String,
    /// Root of the configuration trees (`--root`, else [`crate::root`]).
    pub root: PathBuf,
    /// `--print-config` was given: show the settings with their origins and end.
    pub print_config: bool,
    /// Readiness, status, watchdog, termination.
    pub lifecycle: Lifecycle,
}

impl Start {
    /// Reads, merges and checks the service's settings; nothing if they were to be printed, which is done then.
    ///
    /// Errors: marked [`Exit::Configuration`].
    pub fn settings<F: DeserializeOwned>(&self) -> anyhow::Result<Option<F>> {
        let merged = service_config::load::<F>(&self.root, self.name).context(Exit::Configuration)?;
        if self.print_config {
            crate::print(&merged.describe())?;
            return Ok(None);
        }
        Ok(Some(merged.fragment))
    }

    /// The unit without its suffix: `psu-updater@acme`, or the service's name.
    pub fn identity(&self) -> String {
        identity(self.name, &self.instance)
    }
}

fn identity(name: &str, instance: &str) -> String {
    if instance.is_empty() { name.to_owned() } else { format!("{name}@{instance}") }
}

/// Runs a daemon until it is told to stop or fails.
pub fn run<F>(name: &'static str, start: impl FnOnce(Start) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    logging::install();
    conclude(run_inner(&Invocation::from_process(name), Kind::Single, start))
}

/// As [`run`], for a daemon whose unit is a template: the instance is the one argument, in the escaped form, behind `--`
/// as it may begin with a hyphen: `ExecStart=… -- %i`.
pub fn run_instance<F>(name: &'static str, start: impl FnOnce(Start) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    logging::install();
    conclude(run_inner(&Invocation::from_process(name), Kind::Template, start))
}

/// How many of it there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Single,
    Template,
}

fn run_inner<F>(invocation: &Invocation, kind: Kind, start: impl FnOnce(Start) -> F) -> anyhow::Result<Exit>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let Some(arguments) = Arguments::read(invocation, kind)? else { return Ok(Exit::Done) };
    crate::runtime()?.block_on(async {
        let lifecycle = Lifecycle::from_environment()?;
        let Arguments { root, print_config, instance } = arguments;
        start(Start { name: invocation.name, instance, root, print_config, lifecycle }).await?;
        Ok(Exit::Done)
    })
}

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    root: PathBuf,
    print_config: bool,
    instance: String,
}

impl Arguments {
    /// Reads the command line; nothing if it is answered already.
    fn read(invocation: &Invocation, kind: Kind) -> anyhow::Result<Option<Self>> {
        let mut read = Self { root: crate::root(), print_config: false, instance: String::new() };
        let goes_on = invocation.parse(&help(invocation.name, kind), |argument, values| {
            match argument {
                Arg::Long("root") => read.root = values.value()?.into(),
                Arg::Long("print-config") => read.print_config = true,
                Arg::Value(value) if kind == Kind::Template && read.instance.is_empty() => {
                    read.instance = instance(value)?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if goes_on && kind == Kind::Template && read.instance.is_empty() {
            return Err(anyhow::anyhow!("which instance is missing")).context(Exit::Usage);
        }
        Ok(goes_on.then_some(read))
    }
}

/// An instance as systemd escapes it: it may become part of a path.
fn instance(value: &std::ffi::OsStr) -> Result<String, lexopt::Error> {
    /// Longest name of a unit, bytes.
    const LONGEST: usize = 255;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    let text = value.to_str().unwrap_or_default();
    let is_name = !text.is_empty() && text.len() <= LONGEST && !text.starts_with('.');
    if is_name && text.bytes().all(is_allowed) {
        return Ok(text.to_owned());
    }
    Err(format!("{value:?} is no instance of a unit").into())
}

fn help(name: &str, kind: Kind) -> String {
    let instance = if kind == Kind::Template { " INSTANCE" } else { "" };
    format!(
        "Usage: {name} [-v] [--root DIR] [--print-config]{instance}\n\n\
         Started by systemd; ends on SIGTERM.\n\n  \
         -v, --verbose       log debug lines too\n      \
         --root DIR      look for /usr/share, /etc and /run below DIR\n      \
         --print-config  show the settings and which file set each, then end\n  \
         -h, --help          this text\n  \
         -V, --version       the version\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, arguments: &[&str]) -> anyhow::Result<Option<Arguments>> {
        Arguments::read(&Invocation::with_arguments("example", arguments), kind)
    }

    #[test]
    fn only_a_template_has_an_instance_and_it_needs_one() {
        let read_instance = |kind, arguments| read(kind, arguments).map(|read| read.unwrap().instance);
        assert_eq!(read_instance(Kind::Single, &[]).unwrap(), "");
        assert_eq!(read_instance(Kind::Template, &["acme-12_V.x"]).unwrap(), "acme-12_V.x");
        for (kind, arguments) in [
            (Kind::Single, &["acme"][..]),
            (Kind::Template, &[]),
            (Kind::Template, &["acme", "other"]),
            (Kind::Template, &[""]),
            (Kind::Template, &["../acme"]),
            (Kind::Template, &["."]),
            (Kind::Template, &["a/b"]),
        ] {
            let error = read(kind, arguments).unwrap_err();
            assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit::Usage), "{arguments:?}");
        }
        assert_eq!(identity("psu-updater", "acme"), "psu-updater@acme");
        assert_eq!(identity("image-manager", ""), "image-manager");
    }
}
