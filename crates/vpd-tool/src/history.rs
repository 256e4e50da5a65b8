//! `vpd-tool history`: who has written what.

use crate::arguments::History;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::json;
use crate::machine::Machine;
use crate::table::{Align, Table};
use crate::time::utc;
use dbus_api::vpd::client;
use dbus_api::vpd::writer::PastWrite;
use serde::Serialize;

/// A write, as JSON has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Entry {
    /// When it ended, in UTC.
    time: String,
    caller: String,
    key: String,
    action: String,
    keywords: Vec<Keyword>,
    /// How many there were; the first are named.
    count: u64,
    outcome: String,
}

#[derive(Debug, Serialize)]
struct Keyword {
    name: String,
    length: u64,
    digest: String,
}

/// The writes that the service keeps, the latest at the end.
pub(crate) async fn entries(machine: &Machine) -> Result<Vec<Entry>, Failure> {
    let writes = client::history(machine.bus().await?).await.map_err(Failure::call)?;
    Ok(writes.into_iter().map(Entry::of).collect())
}

impl Entry {
    fn of(write: PastWrite) -> Self {
        let keywords = write.keywords.into_iter().map(|keyword| Keyword {
            name: keyword.name,
            length: keyword.length,
            digest: keyword.digest,
        });
        Self {
            time: utc(write.time),
            caller: write.caller,
            key: write.fru,
            action: write.action,
            keywords: keywords.collect(),
            count: write.count,
            outcome: write.outcome,
        }
    }
}

pub(crate) async fn run(
    arguments: &History,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut entries = entries(machine).await?;
    if let Some(part) = &arguments.part {
        let (key, _) = machine.eeprom(part).await?;
        entries.retain(|entry| entry.key == key.as_str());
    }
    let text = if arguments.json { json::lines(&entries)? } else { table(&entries) };
    console.print(&text).map(|()| Exit::Good)
}

/// One row for each.
pub(crate) fn table(entries: &[Entry]) -> String {
    let columns = ["TIME (UTC)", "EEPROM", "ACTION", "KEYWORDS", "OUTCOME", "CALLER"];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for entry in entries {
        let named: Vec<_> = entry.keywords.iter().map(|keyword| keyword.name.clone()).collect();
        let more = entry.count.saturating_sub(named.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        table.row([
            entry.time.clone(),
            entry.key.clone(),
            entry.action.clone(),
            named.join(" ") + &more,
            entry.outcome.clone(),
            entry.caller.clone(),
        ]);
    }
    let mut text = String::new();
    table.print(&mut text);
    text
}
