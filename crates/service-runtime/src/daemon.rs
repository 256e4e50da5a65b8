//! Services that stay: one current-thread runtime, one owner task, SIGTERM as a step of the protocol.

use crate::{Exit, Invocation, Readiness, conclude, logging};
use anyhow::Context as _;
use lexopt::Arg;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// What a daemon is started with.
#[derive(Debug)]
pub struct Start {
    /// The service's name.
    pub name: &'static str,
    /// Root of the configuration trees (`--root`, else [`crate::root`]).
    pub root: PathBuf,
    /// `--print-config` was given: show the settings with their origins and end.
    pub print_config: bool,
    /// The line to systemd.
    pub readiness: Readiness,
    /// SIGTERM and SIGINT.
    pub termination: Termination,
}

/// Runs a daemon until it is told to stop or fails.
pub fn run<F>(name: &'static str, start: impl FnOnce(Start) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    logging::install();
    conclude(run_inner(&Invocation::from_process(name), start))
}

fn run_inner<F>(invocation: &Invocation, start: impl FnOnce(Start) -> F) -> anyhow::Result<Exit>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut root = crate::root();
    let mut print_config = false;
    let goes_on = invocation.parse(&help(invocation.name), |argument, values| {
        match argument {
            Arg::Long("root") => root = values.value()?.into(),
            Arg::Long("print-config") => print_config = true,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if !goes_on {
        return Ok(Exit::Done);
    }
    crate::runtime()?.block_on(async {
        let termination = Termination::listen()?;
        let readiness = Readiness::from_environment();
        start(Start { name: invocation.name, root, print_config, readiness, termination }).await?;
        Ok(Exit::Done)
    })
}

fn help(name: &str) -> String {
    format!(
        "Usage: {name} [-v] [--root DIR] [--print-config]\n\n\
         Started by systemd; ends on SIGTERM.\n\n  \
         -v, --verbose       log debug lines too\n      \
         --root DIR      look for /usr/share, /etc and /run below DIR\n      \
         --print-config  show the settings and which file set each, then end\n  \
         -h, --help          this text\n  \
         -V, --version       the version\n"
    )
}

/// The wish of systemd, or of a person at a console, that the service end.
#[derive(Debug)]
pub struct Termination {
    terminate: Signal,
    interrupt: Signal,
}

impl Termination {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Completes when the service should end; may be awaited again and again.
    pub async fn requested(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Completes at a moment, or never: for what is due only sometimes.
pub async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
