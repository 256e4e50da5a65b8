//! The command line of openpower-vpd-parser's vpd-tool, and what it prints, for scripts that know it.
//!
//! Source: its documented options, and the command lines of openbmc-test-automation. What differs on purpose: exit statuses are
//! ours (0 for success, not a count of bytes), a value of another length than the keyword is refused rather than cut or
//! left with the old end.

mod arguments;
mod dump;

pub(crate) use arguments::is_upstream;

use crate::arguments::{Clean, Fix, Recollect};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::input::{self, Named};
use crate::machine::Machine;
use crate::show::{save, value_of};
use crate::value;
use crate::{clean, fix, recollect};
use arguments::{Action, Arguments};
use clap::Parser as _;
use dbus_api::vpd::client;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::path::Path;

/// Reads the command line and does what it says. The first argument is the program's name.
pub(crate) fn start(arguments: Vec<OsString>, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            console.say(error.to_string().trim_end());
            return Ok(Exit::Usage);
        }
        Err(error) => return console.print(&error.to_string()).map(|()| Exit::Good),
    };
    let action = arguments.action().map_err(|complaint| Failure::say(Exit::Usage, complaint))?;
    let machine = Machine::open(arguments.root.as_deref(), console)?;
    crate::on_the_bus(run(action, &machine, console))
}

async fn run(action: Action, machine: &Machine, console: &mut Console<'_>) -> Result<Exit, Failure> {
    match action {
        Action::Read { object, named, hardware, seek, file } => {
            let part = machine.part(&object).await?;
            let value = value_of(&part, named, hardware, seek, machine).await?;
            let value = shown(&value);
            if let Some(file) = file {
                save(&file, value.strip_prefix("0x").unwrap_or(&value))?;
                return Ok(Exit::Good);
            }
            let keyword = Map::from_iter([(named.keyword.to_string(), Value::String(value))]);
            print(&json!({ object: keyword }), console).map(|()| Exit::Good)
        }
        Action::Write { object, named, value, file, hardware } => {
            let value = value_to_write(value, file.as_deref())?;
            let (_, path) = machine.eeprom(&object).await?;
            let record = named.record.map(|record| record.to_string());
            let (record, keyword) = (record.as_deref(), named.keyword.to_string());
            let bus = machine.bus().await?;
            let written = match hardware {
                true => client::write_on_hardware(bus, &path, record, &keyword, &value).await,
                false => client::update_keyword(bus, &path, record, &keyword, &value).await,
            };
            let written = written.map_err(Failure::call)?;
            let place = match record {
                Some(record) => format!("[{record} : {keyword}]"),
                None => format!("[{keyword}]"),
            };
            console.print(&format!("{written} bytes written to {object} {place}\n")).map(|()| Exit::Good)
        }
        Action::DumpObject(object) => {
            let part = machine.part(&object).await?;
            let path = part.object(&machine.system).unwrap_or_default();
            let content = machine.inventory().await?;
            let interfaces = content.get(path).ok_or_else(|| {
                Failure::say(Exit::NotFound, format!("the inventory does not show {object}"))
            })?;
            let shown = Value::Object(dump::properties(interfaces));
            print(&json!([{ path: shown }]), console).map(|()| Exit::Good)
        }
        Action::DumpInventory { table, chassis } => {
            let content = machine.inventory().await?;
            let objects = dump::objects(&content, chassis);
            match table {
                true => console.print(&dump::table(&objects))?,
                false => print(&json!([objects]), console)?,
            }
            Ok(Exit::Good)
        }
        Action::ValidateRedundant(object) => {
            let (_, path) = machine.eeprom(&object).await?;
            let agree =
                client::validate_redundant(machine.bus().await?, &path).await.map_err(Failure::call)?;
            let text = if agree { "the same" } else { "different" };
            console.print(&format!("EEPROM and redundant EEPROM of {object} say {text}\n"))?;
            Ok(if agree { Exit::Good } else { Exit::Different })
        }
        Action::ForceReset => {
            let all = Recollect { parts: Vec::new(), all: true, only_reread: false, json: false };
            recollect::run(&all, machine, console).await
        }
        Action::FixSystemVpd => {
            fix::run(&Fix { from: None, yes: false, json: false }, machine, console).await
        }
        Action::Clean { yes } => {
            clean::run(&Clean { yes, dry_run: false, json: false }, machine, console).await
        }
    }
}

fn value_to_write(value: Option<String>, file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    match (value, file) {
        (Some(value), _) => input::value(&value).map_err(|complaint| Failure::say(Exit::Usage, complaint)),
        (None, Some(file)) => input::value_of_file(file),
        (None, None) => Err(Failure::say(Exit::Usage, "there is no value: -V VALUE, or --file FILE")),
    }
}

/// Text if every byte can be printed, else `0x` and digits.
fn shown(bytes: &[u8]) -> String {
    value::text(bytes).map_or_else(|| format!("0x{}", value::hex(bytes)), str::to_owned)
}

/// JSON as upstream prints it.
fn print(json: &Value, console: &mut Console<'_>) -> Result<(), Failure> {
    let mut text = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, indent);
    json.serialize(&mut serializer).map_err(|error| Failure::new(Exit::Failed, error))?;
    text.push(b'\n');
    console.print(&String::from_utf8_lossy(&text))
}

/// A keyword by its two options.
fn named(record: Option<&str>, keyword: Option<&str>) -> Result<Named, String> {
    let keyword = keyword.ok_or("name the keyword: -K KEYWORD")?;
    let text = record.map_or_else(|| keyword.to_owned(), |record| format!("{record}.{keyword}"));
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_as_scripts_have_seen_it() {
        let mut output = Vec::new();
        let mut console = Console {
            input: Box::new(std::io::empty()),
            output: Box::new(&mut output),
            errors: Box::new(std::io::sink()),
            is_terminal: false,
        };
        print(&json!({ "/system": { "SN": shown(b"Y1"), "HW": shown(&[0, 0xAB]) } }), &mut console).unwrap();
        drop(console);
        let expected =
            "{\n    \"/system\": {\n        \"HW\": \"0x00ab\",\n        \"SN\": \"Y1\"\n    }\n}\n";
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }
}
