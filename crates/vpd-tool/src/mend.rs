//! `vpd-tool backup`, `restore`, `scrub` and `repair`: what puts an EEPROM, or its backup, right.

use crate::arguments::{self, Repair, Scrub};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::json;
use crate::machine::Machine;
use crate::write::{Outcome, bytes_of};
use dbus_api::vpd::client::{self, Mending};
use dbus_api::vpd::collection::{self, FruState};
use fru_publication::EepromKey;
use std::collections::BTreeSet;

/// `backup` and `restore`.
pub(crate) async fn backup(
    arguments: &arguments::Mend,
    what: Mending,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let eeproms = match &arguments.part {
        Some(part) => vec![machine.eeprom(part).await?],
        None => {
            let sources = machine.system.backups.iter().map(|backup| &backup.source);
            sources.map(|key| (key.clone(), key.to_string())).collect()
        }
    };
    if eeproms.is_empty() {
        return Err(Failure::say(Exit::NotFound, "this system keeps no backup of any EEPROM"));
    }
    each(eeproms, what, arguments.json, machine, console).await
}

pub(crate) async fn scrub(
    arguments: &Scrub,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut eeproms = machine.eeproms(&arguments.parts).await?;
    if arguments.all {
        // Where there is no part, there is nothing to be put right; who does not know that, tries.
        let status = collection::status(machine.bus().await?).await.unwrap_or_default();
        let absent = status.frus.iter().filter(|fru| fru.state == FruState::Absent);
        let absent: BTreeSet<_> = absent.map(|fru| &*fru.key).collect();
        eeproms.retain(|(key, _)| !absent.contains(key.as_str()));
    }
    each(eeproms, Mending::Scrub, arguments.json, machine, console).await
}

/// One after another; a failure is said and does not keep the others from it.
async fn each(
    eeproms: Vec<(EepromKey, String)>,
    what: Mending,
    is_json: bool,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let bus = machine.bus().await?;
    let (mut outcomes, mut first) = (Vec::new(), None);
    for (key, path) in eeproms {
        match client::mend(bus, &path, what).await.map_err(Failure::call) {
            Ok(written) => {
                let outcome = Outcome::of(&key, written, false);
                if !is_json {
                    console.print(&(outcome.line() + "\n"))?;
                }
                outcomes.push(outcome);
            }
            Err(failure) => {
                machine.explain(&failure, &key, console).await;
                if let Some(earlier) =
                    first.replace(Failure { exit: failure.exit, cause: failure.cause.context(key) })
                {
                    console.say(&format!("vpd-tool: {:#}", earlier.cause));
                }
            }
        }
    }
    if is_json {
        console.print(&json::lines(&outcomes)?)?;
    }
    first.map_or(Ok(Exit::Good), Err)
}

pub(crate) async fn repair(
    arguments: &Repair,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let (key, path) = machine.eeprom(&arguments.part).await?;
    let records: Vec<_> = arguments.records.iter().map(ToString::to_string).collect();
    let bus = machine.bus().await?;
    let written = match &arguments.golden {
        Some(file) => client::repair_from(bus, &path, &records, &bytes_of(file)?).await,
        None => client::repair(bus, &path, &records, arguments.from.map(Into::into)).await,
    };
    let written = match written.map_err(Failure::call) {
        Ok(written) => written,
        Err(failure) => {
            machine.explain(&failure, &key, console).await;
            return Err(failure);
        }
    };
    let outcome = Outcome::of(&key, written, false);
    let text = if arguments.json { json::lines(&outcome)? } else { outcome.line() + "\n" };
    console.print(&text).map(|()| Exit::Good)
}
