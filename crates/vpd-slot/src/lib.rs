//! Does what one slot needs before its EEPROM can be read, after it was read, when that failed, or when its part is to
//! be taken out: GPIO lines, clients and drivers, attributes in sysfs. In the order of its list, with no shell.
//!
//! What is being read or written is waited for, and locked while a slot is worked on.
//!
//! Every step may be done again: what is as it should be is left as it is.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod arguments;
mod locks;
mod machine;
mod phases;

use anyhow::Context as _;
use arguments::{Arguments, Occasion};
use device_io::lines::{CharacterDevices, Lines};
use machine::Machine;
use phases::Outcome;
use service_runtime::{Exit, Invocation};
use std::path::Path;
use system_index::{Phase, Slot};

/// Does one phase of one slot.
///
/// Errors: marked with the [`Exit`] that they end the process with.
pub fn start(invocation: Invocation) -> anyhow::Result<Exit> {
    let Some(arguments) = Arguments::parse(&invocation)? else { return Ok(Exit::Done) };
    let machine = Machine { root: &arguments.root, lines: &CharacterDevices };
    match &arguments.occasion {
        Occasion::Start => {
            let slot = load(&arguments.slots, "start")?;
            end(phases::start(&machine, &slot)?)
        }
        Occasion::Slot { phase, key, ccin } => {
            let slot = load(&arguments.slots, key.as_str())?;
            let run = || {
                let _locks = locks::take(&arguments.root, &slot, key, locks::LIMIT)?;
                run(&machine, &slot, *phase, ccin)
            };
            run().with_context(|| format!("slot={key} phase={}", phase.as_str()))
        }
    }
}

fn run<L: Lines>(machine: &Machine<'_, L>, slot: &Slot, phase: Phase, ccin: &str) -> anyhow::Result<Exit> {
    end(phases::run(machine, slot, phase, ccin)?)
}

fn end(outcome: Outcome) -> anyhow::Result<Exit> {
    match outcome {
        Outcome::Done => Ok(Exit::Done),
        Outcome::Absent(reason) => {
            log::info!("nothing is there: {reason}");
            Ok(Exit::DeviceAbsent)
        }
    }
}

fn load(folder: &Path, name: &str) -> anyhow::Result<Slot> {
    let path = folder.join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))
        .context(Exit::Configuration)?;
    Slot::parse(&text).with_context(|| path.display().to_string()).context(Exit::Configuration)
}
