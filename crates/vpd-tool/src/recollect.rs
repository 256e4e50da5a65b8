//! `vpd-tool recollect`: has EEPROMs read again.

use crate::arguments::Recollect;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::json;
use crate::machine::Machine;
use dbus_api::vpd::collection::{self, Follows, Outcome};
use serde::Serialize;

/// What follows for an EEPROM, or what came of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
}

pub(crate) async fn run(
    arguments: &Recollect,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut keys = Vec::new();
    if !arguments.all {
        keys.extend(machine.eeproms(&arguments.parts).await?.into_iter().map(|(key, _)| key.to_string()));
    }
    let bus = machine.bus().await?;
    let mut entries = Vec::new();
    let mut exit = Exit::Good;
    if arguments.only_reread {
        for key in keys {
            let outcome = collection::reread(bus, &key).await.map_err(Failure::call)?;
            exit = match outcome {
                Outcome::Ok | Outcome::Unchecked => exit,
                Outcome::Recovered if exit == Exit::Good => Exit::Recovered,
                Outcome::Recovered => exit,
                _ => Exit::PartlyBad,
            };
            entries.push(Entry { key, follows: None, outcome: Some(outcome.as_str()) });
        }
    } else {
        let followed = collection::recollect(bus, &keys).await.map_err(Failure::call)?;
        let entry =
            |(key, follows): (String, Follows)| Entry { key, follows: Some(follows.as_str()), outcome: None };
        entries.extend(followed.into_iter().map(entry));
    }
    if arguments.json {
        return console.print(&json::lines(&entries)?).map(|()| exit);
    }
    let line = |Entry { key, follows, outcome }: &Entry| {
        format!("{key} {}\n", follows.or(*outcome).unwrap_or_default())
    };
    console.print(&entries.iter().map(line).collect::<String>()).map(|()| exit)
}
