//! `vpd-writer --recover`: recovers, before anything reads EEPROMs, what a loss of power has interrupted. It knows no
//! configuration and no bus: `vpd-select` may not have run.

use crate::work::backup::Backups;
use crate::work::journals::Journals;
use crate::work::recovery::{Recovered, When, recover_one};
use anyhow::Context as _;
use durable_state::RealDisk;
use fru_publication::EepromKey;
use lexopt::Arg;
use service_runtime::{Exit, Invocation, folders};
use std::path::PathBuf;

/// The option that has the program run once, for this.
pub(crate) const OPTION: &str = "--recover";
/// Where state is without systemd, below the root.
pub(crate) const STATE: &str = "var/lib/vivianite/vpd-writer";

/// Where what is remembered until the next boot is without systemd, below the root.
pub(crate) const RUNTIME: &str = "run/vivianite/vpd-writer";

const HELP: &str = "Usage: vpd-writer --recover [-v] [--root DIR] [KEY]\n\n\
    Finishes, or takes back, writes of EEPROMs that were interrupted: all of them, or that of KEY.\n\
    What cannot be reached stays pending.\n\n  \
    --root DIR         take DIR for /\n  \
    -v, --verbose      log debug lines too\n  \
    -h, --help         this text\n  \
    -V, --version      the version\n\n\
    Exit status: 0 done, also when something stays pending, 64 usage, 70 internal, also when\n\
    the journals cannot be read.\n";

/// Recovers each journal, or the one that is named.
///
/// Errors: marked with the [`Exit`] that they end the process with.
pub fn start(invocation: Invocation) -> anyhow::Result<Exit> {
    let (mut root, mut only) = (service_runtime::root(), None);
    let goes_on = invocation.parse(HELP, |argument, values| {
        match argument {
            Arg::Long("recover") => {}
            Arg::Long("root") => root = values.value()?.into(),
            Arg::Value(key) if only.is_none() => only = Some(key.to_string_lossy().into_owned()),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if !goes_on {
        return Ok(Exit::Done);
    }
    let only = only.map(|key| EepromKey::parse(&key)).transpose().context(Exit::Usage)?;
    let state: PathBuf = folders::state().unwrap_or_else(|| root.join(STATE));
    let (journals, backups) = (Journals::at(&state, RealDisk), Backups::at(&state, RealDisk));
    if let Err(error) = journals.open() {
        log::warn!("{} is used as it is: {error}", state.display());
    }
    let unreadable = || format!("cannot read the journals in {}", state.display());
    let is_boot = only.is_none();
    let keys = match only {
        Some(key) => vec![key],
        None => journals.keys().with_context(unreadable).context(Exit::Internal)?,
    };
    for key in keys {
        log(&key, &recover_one(&key, &journals, &backups, When::Boot));
    }
    // Once the service has run in this boot, another program may be writing.
    if is_boot && !folders::runtime().unwrap_or_else(|| root.join(RUNTIME)).exists() {
        journals.tidy();
    }
    Ok(Exit::Done)
}

/// One line for each EEPROM.
pub(crate) fn log(key: &EepromKey, recovered: &Recovered) {
    match recovered {
        Recovered::Nothing => log::info!("no write of this EEPROM is pending fru={key}"),
        Recovered::Settled(what) => log::warn!("{what} fru={key}"),
        Recovered::CopyPending(why) => {
            log::warn!("the interrupted write is pending for the redundant EEPROM only: {why} fru={key}");
        }
        Recovered::Pending(why) => log::error!("the interrupted write stays pending: {why} fru={key}"),
        Recovered::Rejected { why, kept } => {
            let kept = kept.as_deref().map(|path| format!(", its journal is kept as {}", path.display()));
            let kept = kept.unwrap_or_default();
            log::error!(
                "the part is not the one whose write was interrupted, and was left as it is: {why}{kept} fru={key}"
            );
        }
        Recovered::Unusable(why) => {
            log::error!("a journal is damaged, so nothing was written by it: {why} fru={key}");
        }
    }
}
