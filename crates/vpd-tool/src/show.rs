//! `vpd-tool show` and `vpd-tool read`: what a part says, in the inventory or in its chip.

use crate::arguments::{Dump, Form, Read, Reading, Show, Source};
use crate::console::Console;
use crate::dump;
use crate::exit::{Exit, Failure};
use crate::input::{self, Named};
use crate::json;
use crate::machine::Machine;
use crate::names::Part;
use crate::values::{self, Bytes, Records};
use anyhow::Context as _;
use dbus_api::inventory::records::{self, DEFAULT_RECORD, property_of};
use dbus_api::vpd::client;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use vpd_format::Wanted;

/// What a part says.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Said<'a, T> {
    object: Option<&'a str>,
    key: Option<&'a str>,
    /// `inventory` or `hardware`.
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_size_kb: Option<u64>,
    #[serde(flatten)]
    values: T,
}

#[derive(Serialize)]
struct WithRecords {
    records: Records,
}

#[derive(Serialize)]
struct WithKeywords {
    keywords: BTreeMap<String, Bytes>,
}

fn said<'a, T>(part: &'a Part, machine: &'a Machine, is_hardware: bool, values: T) -> Said<'a, T> {
    let source = if is_hardware { "hardware" } else { "inventory" };
    let key = part.key().map(|key| key.as_str());
    Said { object: part.object(&machine.system), key, source, memory_size_kb: None, values }
}

/// Whether the chip is asked: where that is wished, and where only the chip knows.
fn asks_chip(source: Source, part: &Part) -> Result<bool, Failure> {
    let is_file = matches!(part, Part::File(_));
    if source.offset.is_some() && !is_file {
        let text =
            "--offset is for EEPROMs that this system does not have; it knows where the VPD begin in its own";
        return Err(Failure::say(Exit::Usage, text));
    }
    Ok(source.hardware || is_file || part.is_redundant())
}

pub(crate) async fn show(
    arguments: &Show,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let part = machine.part(&arguments.part).await?;
    let is_hardware = asks_chip(arguments.source, &part)?;
    if let Part::File(path) = &part {
        let form = Form { json: arguments.json, hex: false, text: false };
        let reading = Reading::at(arguments.source.offset.unwrap_or_default());
        let dump = Dump { file: path.into(), record: arguments.record, keyword: None, reading, form };
        let mut text = String::new();
        let exit = dump::run(&dump, &mut text)?;
        return console.print(&text).map(|()| exit);
    }
    // What is shown may be of before, or of neither.
    if let Some(key) = part.key() {
        machine.say_unsettled(key, console).await;
    }
    let (mut records, memory_size_kb) = if is_hardware {
        let path = part.service_path()?;
        values::of_chip(client::parsed(machine.bus().await?, &path).await.map_err(Failure::call)?)
    } else {
        let object = part.object(&machine.system).unwrap_or_default();
        let content = machine.inventory().await?;
        let interfaces = content.get(object).ok_or_else(|| not_shown(object))?;
        (values::of_object(interfaces), None)
    };
    if let Some(wanted) = arguments.record {
        let wanted = wanted.to_string();
        if !records.contains_key(&wanted) {
            let names: Vec<_> = records.keys().map(String::as_str).collect();
            let text = format!("there is no record {wanted}, only {}", names.join(" "));
            return Err(Failure::say(Exit::NotFound, text));
        }
        records.retain(|record, _| *record == wanted);
    }
    if arguments.json {
        let said = said(&part, machine, is_hardware, WithRecords { records });
        return console.print(&json::lines(&Said { memory_size_kb, ..said })?).map(|()| Exit::Good);
    }
    let mut text = heading(&part, machine);
    if let Some(size) = memory_size_kb {
        let _ = writeln!(text, "size      {size} KiB");
    }
    text.push('\n');
    values::show(&records, &mut text);
    console.print(&text).map(|()| Exit::Good)
}

fn heading(part: &Part, machine: &Machine) -> String {
    let mut text = String::new();
    let object = part.object(&machine.system);
    let code = object.and_then(|object| machine.system.code_of(object));
    let key = part.key().map(ToString::to_string);
    for (name, value) in [("object", object), ("EEPROM", key.as_deref()), ("location", code)] {
        if let Some(value) = value {
            let _ = writeln!(text, "{name:<9} {value}");
        }
    }
    text
}

fn not_shown(object: &str) -> Failure {
    let text = format!("the inventory does not show {object}; --hardware asks the chip");
    Failure::say(Exit::NotFound, text)
}

pub(crate) async fn read(
    arguments: &Read,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let part = machine.part(&arguments.part).await?;
    let is_hardware = asks_chip(arguments.source, &part)?;
    let [first, rest @ ..] = &*arguments.keywords else { return Ok(Exit::Good) };
    if arguments.file.is_some() && !rest.is_empty() {
        return Err(Failure::say(Exit::Usage, "a file takes one value"));
    }
    let mut found = Vec::new();
    for keyword in &arguments.keywords {
        found.push((
            *keyword,
            value_of(&part, *keyword, is_hardware, arguments.source.offset, machine).await?,
        ));
    }
    if let Some(path) = &arguments.file {
        let text = found.first().map(|(_, value)| input::written(value)).unwrap_or_default();
        save(path, &(text + "\n"))?;
        return Ok(Exit::Good);
    }
    if arguments.json {
        let keywords = found.into_iter().map(|(keyword, value)| (keyword.to_string(), Bytes(value)));
        let values = WithKeywords { keywords: keywords.collect() };
        return console.print(&json::lines(&said(&part, machine, is_hardware, values))?).map(|()| Exit::Good);
    }
    let mut text = String::new();
    for (keyword, value) in &found {
        let value = input::written(value);
        let _ = match keyword == first && rest.is_empty() {
            true => writeln!(text, "{value}"),
            false => writeln!(text, "{keyword} {value}"),
        };
    }
    console.print(&text).map(|()| Exit::Good)
}

/// Writes a file that holds a result.
pub(crate) fn save(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(|cause| Failure::new(Exit::CannotCreate, cause))
}

/// The value of a keyword.
pub(crate) async fn value_of(
    part: &Part,
    named: Named,
    is_hardware: bool,
    offset: Option<u64>,
    machine: &Machine,
) -> Result<Vec<u8>, Failure> {
    if let Part::File(path) = part {
        return of_file(path, named, offset.unwrap_or_default());
    }
    let record = named.record.map(|record| record.to_string());
    let keyword = named.keyword.to_string();
    if is_hardware {
        let path = part.service_path()?;
        let value = client::read_keyword(machine.bus().await?, &path, record.as_deref(), &keyword).await;
        return value.map_err(Failure::call);
    }
    let object = part.object(&machine.system).unwrap_or_default();
    let record = record.as_deref().unwrap_or(DEFAULT_RECORD);
    let shown = records::shown(machine.bus().await?, object, record).await.map_err(Failure::call)?;
    let Some(mut values) = shown else {
        let text = format!("the inventory shows no {record} of {object}; --hardware asks the chip");
        return Err(Failure::say(Exit::NotFound, text));
    };
    values.remove(&*property_of(&keyword)).ok_or_else(|| {
        let text =
            format!("the inventory shows no {keyword} in {record} of {object}; --hardware asks the chip");
        Failure::say(Exit::NotFound, text)
    })
}

/// The value of a keyword of an image that no service knows.
fn of_file(path: &Path, named: Named, offset: u64) -> Result<Vec<u8>, Failure> {
    let wanted =
        named.record.as_ref().map_or(Wanted::All, |name| Wanted::Records(std::slice::from_ref(name)));
    let examined = crate::examine::examine(path.as_os_str(), &Reading::at(offset), wanted)?;
    let vpd = examined.content.as_ref().map_err(|error| {
        Failure::say(Exit::Unusable, crate::check::refusal(&examined, error).trim_end().to_owned())
    })?;
    let keyword = fru_publication::Keywords(vpd).find(named.record, named.keyword);
    let absent = || Failure::say(Exit::NotFound, format!("{}: there is no {named}", path.display()));
    keyword.map(|keyword| keyword.data.to_vec()).ok_or_else(absent)
}
