//! `vpd-tool list`: the EEPROMs of the machine.

use crate::arguments::List;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::json;
use crate::machine::Machine;
use crate::table::{Align, Table};
use dbus_api::inventory::content::{Content, Shown};
use dbus_api::inventory::records::{DEFAULT_RECORD, interface_of};
use dbus_api::inventory::{IBM_LOCATION, ITEM, LOCATION_CODE, located::LOCATION_CODE_PROPERTY};
use dbus_api::vpd::collection::{self, Status};
use serde::Serialize;

/// An EEPROM, with what is known of its part.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Entry {
    /// Its key.
    key: String,
    /// Its object.
    object: Option<String>,
    /// How far its collection is; null when the collection service is not there.
    state: Option<&'static str>,
    /// The outcome of the last report.
    outcome: Option<&'static str>,
    /// Why, where that needs an explanation.
    reason: Option<String>,
    /// Whether the inventory shows a part.
    present: Option<bool>,
    location_code: Option<String>,
    pretty_name: Option<String>,
    ccin: Option<String>,
    part_number: Option<String>,
    serial_number: Option<String>,
}

pub(crate) async fn run(
    arguments: &List,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    if machine.system.index.fru.is_empty() {
        return Err(Failure::say(Exit::Absent, "this machine has no EEPROMs that are known"));
    }
    let status = match collection::status(machine.bus().await?).await {
        Ok(status) => Some(status),
        Err(error) => {
            console.say(&format!("vpd-tool: how far the collection is, is not known: {error}"));
            None
        }
    };
    let content = match machine.inventory().await {
        Ok(content) => content,
        Err(failure) => {
            console.say(&format!("vpd-tool: what the inventory shows is not known: {:#}", failure.cause));
            Content::new()
        }
    };
    let entries = entries(machine, status.as_ref(), &content);
    if arguments.json {
        console.print(&json::lines(&entries)?)?
    } else {
        console.print(&table(entries))?
    }
    Ok(Exit::Good)
}

fn entries(machine: &Machine, status: Option<&Status>, content: &Content) -> Vec<Entry> {
    let keys = machine.system.index.fru.iter().map(|fru| &fru.key);
    keys.map(|key| {
        let object = machine.system.object_of(key);
        let fru = status.and_then(|status| status.frus.iter().find(|fru| fru.key == key.as_str()));
        let report = fru.map(|fru| &fru.report).filter(|report| !report.key.is_empty());
        let reason = [fru.map(|fru| &fru.reason), report.map(|report| &report.reason)];
        let reason = reason.into_iter().flatten().find(|reason| !reason.is_empty());
        let interfaces = object.and_then(|object| content.get(object));
        let shown = |interface: &str, property: &str| interfaces?.get(interface)?.get(property);
        let vini = interface_of(DEFAULT_RECORD);
        let text = |interface, property| Some(shown(interface, property)?.text()?.to_owned());
        let keyword = |keyword| Some(input::written(shown(&vini, keyword)?.bytes()?.trim_ascii_end()));
        Entry {
            key: key.to_string(),
            object: object.map(str::to_owned),
            state: fru.map(|fru| fru.state.as_str()),
            outcome: report.map(|report| report.outcome.as_str()),
            reason: reason.cloned(),
            present: match shown(ITEM, "Present") {
                Some(Shown::Truth(truth)) => Some(*truth),
                _ => None,
            },
            location_code: text(LOCATION_CODE, LOCATION_CODE_PROPERTY)
                .or_else(|| text(IBM_LOCATION, LOCATION_CODE_PROPERTY)),
            pretty_name: text(ITEM, "PrettyName"),
            ccin: keyword("CC"),
            part_number: keyword("PN"),
            serial_number: keyword("SN"),
        }
    })
    .collect()
}

fn table(entries: Vec<Entry>) -> String {
    let mut table = Table::new(
        ["KEY", "STATE", "OUTCOME", "PRESENT", "LOCATION", "CCIN", "PART", "SERIAL", "OBJECT", "REASON"]
            .map(|name| (name, Align::Left)),
    );
    for entry in entries {
        let present = entry.present.map(|present| if present { "yes" } else { "no" });
        table.row([
            entry.key,
            entry.state.unwrap_or_default().to_owned(),
            entry.outcome.unwrap_or_default().to_owned(),
            present.unwrap_or_default().to_owned(),
            entry.location_code.unwrap_or_default(),
            entry.ccin.unwrap_or_default(),
            entry.part_number.unwrap_or_default(),
            entry.serial_number.unwrap_or_default(),
            entry.object.unwrap_or_default(),
            entry.reason.unwrap_or_default(),
        ]);
    }
    let mut text = String::new();
    table.print(&mut text);
    text
}
