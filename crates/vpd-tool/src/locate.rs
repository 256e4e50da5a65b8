//! `vpd-tool locate`: parts by location codes, and back.

use crate::arguments::Locate;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::json;
use crate::machine::Machine;
use crate::table::{Align, Table};
use dbus_api::inventory::content::Content;
use dbus_api::inventory::{IBM_LOCATION, LOCATION_CODE, located::LOCATION_CODE_PROPERTY};
use serde::Serialize;
use std::collections::BTreeSet;

/// An object with its place.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry {
    object: String,
    key: Option<String>,
    /// As the machine's description has it.
    unexpanded: Option<String>,
    /// As it is printed on the machine; null where the inventory shows none.
    expanded: Option<String>,
}

pub(crate) async fn run(
    arguments: &Locate,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    // Codes that are not expanded are known without the inventory.
    let content = match machine.inventory().await {
        Ok(content) => content,
        Err(failure) => {
            console.say(&format!("vpd-tool: expanded location codes are not known: {:#}", failure.cause));
            Content::new()
        }
    };
    let names = machine.names(Some(&content));
    let objects: BTreeSet<String> = match names.codes.get(&*arguments.what) {
        Some(objects) => objects.iter().map(|path| (*path).to_owned()).collect(),
        None => {
            let part = machine.part(&arguments.what).await?;
            let object = part.object(&machine.system).map(str::to_owned);
            let absent = || Failure::say(Exit::NotFound, format!("{} has no object", arguments.what));
            BTreeSet::from([object.ok_or_else(absent)?])
        }
    };
    let entries: Vec<_> = objects.into_iter().map(|object| entry(object, machine, &content)).collect();
    if arguments.json {
        return console.print(&json::lines(&entries)?).map(|()| Exit::Good);
    }
    let mut table = Table::new(["OBJECT", "KEY", "UNEXPANDED", "EXPANDED"].map(|name| (name, Align::Left)));
    for Entry { object, key, unexpanded, expanded } in entries {
        let [key, unexpanded, expanded] = [key, unexpanded, expanded].map(Option::unwrap_or_default);
        table.row([object, key, unexpanded, expanded]);
    }
    let mut text = String::new();
    table.print(&mut text);
    console.print(&text).map(|()| Exit::Good)
}

fn entry(object: String, machine: &Machine, content: &Content) -> Entry {
    let interfaces = content.get(&object);
    let shown = [LOCATION_CODE, IBM_LOCATION].into_iter().find_map(|interface| {
        let code = interfaces?.get(interface)?.get(LOCATION_CODE_PROPERTY)?.text()?;
        (!code.is_empty()).then(|| code.to_owned())
    });
    let unexpanded = machine.system.code_of(&object).map(str::to_owned);
    Entry {
        key: machine.system.eeproms.of_object(&object).map(ToString::to_string),
        expanded: shown.filter(|code| Some(code) != unexpanded.as_ref()),
        unexpanded,
        object,
    }
}
