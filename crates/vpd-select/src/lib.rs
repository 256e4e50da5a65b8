//! Chooses the system that this machine is: reads type and hardware level from the system EEPROM, finds the system
//! that answers to them, and links its fragments.
//!
//! It waits for writers only, and not for long: that the device is there is systemd's to see to. Whatever the EEPROM says or fails to say, a choice
//! is made, so that nothing after it has to wonder.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod arguments;
mod decide;
mod identify;
mod memory;
mod publish;
mod upstream;

use anyhow::Context as _;
use arguments::Arguments;
use decide::Decision;
use service_runtime::{Exit, Invocation};
use std::path::Path;
use system_index::{Cause, MachineIndex, SystemName, places};

/// Chooses, records the choice and links it.
///
/// Errors: marked with the [`Exit`] that they end the process with.
pub fn start(invocation: Invocation) -> anyhow::Result<Exit> {
    let Some(arguments) = Arguments::parse(&invocation)? else { return Ok(Exit::Done) };
    let root = &arguments.root;
    let index = load_index(root)?;
    let reading = identify::read(&index, root, identify::LOCK_LIMIT);
    let last = memory::recall(&arguments.state);
    let exists = |system: &SystemName| places::system_index(&places::system(root, system)).is_file();
    let decision = decide::decide(&index, reading, last, upstream::recall(root), &exists);
    log_choice(&decision);
    publish::publish(root, &decision.selection)?;
    if decision.selection.cause == Cause::Matched
        && let Err(error) = memory::remember(&arguments.state, &decision.selection.system)
    {
        // The choice stands; what suffers is a later boot at which the EEPROM cannot be read.
        log::error!("this choice cannot be remembered: {error:#}");
    }
    Ok(decision.exit)
}

fn load_index(root: &Path) -> anyhow::Result<MachineIndex> {
    let path = places::machine_index(root);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))
        .context(Exit::Configuration)?;
    MachineIndex::parse(&text).with_context(|| path.display().to_string()).context(Exit::Configuration)
}

fn log_choice(decision: &Decision) {
    let selection = &decision.selection;
    let mut facts = format!("system={} cause={}", selection.system, selection.cause);
    if let Some(key) = &selection.eeprom {
        facts += &format!(" fru={key}");
    }
    if let Some(im) = selection.im {
        facts += &format!(" im={im}");
    }
    if let Some(hw) = selection.hw {
        facts += &format!(" hw={hw}");
    }
    match (selection.cause, selection.reason.as_str()) {
        (_, "") => log::info!("chose the system {facts}"),
        (Cause::Matched, reason) => log::warn!("chose the system all the same: {reason} {facts}"),
        (_, reason) => log::error!("chose the system without knowing it: {reason} {facts}"),
    }
}
