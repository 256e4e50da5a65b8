//! `vpd-tool write`: new values for keywords.

use crate::arguments::Write;
use crate::batch::{self, Batch, Change};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::json;
use crate::machine::Machine;
use anyhow::Context as _;
use dbus_api::vpd::client::{self, Manner, Written};
use dbus_api::vpd::writer;
use fru_publication::EepromKey;
use serde::Serialize;
use std::fs;
use std::path::Path;

/// What a write came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Outcome {
    /// The EEPROM.
    key: String,
    /// Bytes of the keywords.
    bytes: u64,
    /// Bytes that differed, over all chips.
    changed: u64,
    /// Whether the inventory shows it.
    shown: bool,
    /// Whether nothing was written.
    dry_run: bool,
}

impl Outcome {
    pub(crate) fn of(key: &EepromKey, written: Written, dry_run: bool) -> Self {
        let Written { bytes, changed, shown } = written;
        Self { key: key.to_string(), bytes, changed, shown, dry_run }
    }

    /// The same for people.
    pub(crate) fn line(&self) -> String {
        let Self { key, bytes, changed, shown, dry_run } = self;
        if *dry_run {
            return format!(
                "{key}: {changed} bytes would change ({bytes} bytes of keywords); nothing was written"
            );
        }
        let shown = if *shown { "" } else { "; the inventory does not show it yet" };
        match changed {
            0 => format!("{key}: nothing had to be written"),
            _ => format!("{key}: {changed} bytes written ({bytes} bytes of keywords){shown}"),
        }
    }
}

pub(crate) async fn run(
    arguments: &Write,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let batch = batch(arguments)?;
    // All names and all chips first: what is misspelt is said before anything is written.
    let mut planned = Vec::new();
    for (name, changes) in &batch {
        let name = name.as_deref().or(arguments.part.as_deref());
        let name = name.ok_or_else(|| {
            Failure::say(Exit::Usage, "name the FRU, on the command line or in the file as [FRU]")
        })?;
        let eeprom = machine.eeprom(name).await?;
        if planned.iter().any(|((key, _), _): &((EepromKey, String), &Vec<Change>)| *key == eeprom.0) {
            let text = format!(
                "{} is named twice, as {name} too: all that is written into it belongs together",
                eeprom.0
            );
            return Err(Failure::say(Exit::Usage, text));
        }
        planned.push((eeprom, changes));
    }
    let count = planned.len();
    if count > 1 && !arguments.json {
        console
            .say(&format!("{count} EEPROMs, one after another; of each all keywords are written, or none"));
    }
    let mut results = Vec::new();
    for (done, ((key, path), changes)) in planned.into_iter().enumerate() {
        match write(&path, changes, arguments, machine).await {
            Ok(written) => {
                let result = Outcome::of(&key, written, arguments.dry_run);
                if arguments.hardware && !arguments.json {
                    console.print(&format!("{key}: {} bytes written, into {path} alone\n", result.bytes))?;
                } else if !arguments.json {
                    console.print(&(result.line() + "\n"))?;
                }
                results.push(result);
            }
            Err(failure) => {
                if arguments.json && !results.is_empty() {
                    console.print(&json::lines(&results)?)?;
                }
                machine.explain(&failure, &key, console).await;
                let rest = if count > 1 {
                    format!(
                        "{key} has its old values, as have those behind it; written before: {done} of {count}"
                    )
                } else {
                    format!("{key} was not written")
                };
                return Err(Failure { exit: failure.exit, cause: failure.cause.context(rest) });
            }
        }
    }
    if arguments.json {
        console.print(&json::lines(&results)?)?;
    }
    Ok(Exit::Good)
}

/// What is to be written, by the command line or a file.
fn batch(arguments: &Write) -> Result<Batch, Failure> {
    let usage = |complaint| Failure::say(Exit::Usage, complaint);
    if let Some(path) = &arguments.batch {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        let text = text.map_err(|cause| Failure::new(Exit::NoInput, cause))?;
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let read = if is_toml { batch::of_toml(&text) } else { batch::of_lines(&text) };
        let wrong =
            |complaint| Failure::say(Exit::BadDescription, format!("{}: {complaint}", path.display()));
        let mut batch = read.map_err(wrong)?;
        let changes = batch.iter_mut().flat_map(|(_, changes)| changes);
        changes.filter(|change| change.pad.is_none()).for_each(|change| change.pad = arguments.pad);
        return Ok(batch);
    }
    let value = match (&arguments.value, &arguments.file) {
        (Some(value), _) => input::value(value).map_err(usage)?,
        (None, Some(path)) => input::value_of_file(path)?,
        (None, None) => return Err(usage("there is no value".to_owned())),
    };
    let named = arguments.keyword.ok_or_else(|| usage("there is no keyword".to_owned()))?;
    let expect = arguments.expect.as_deref().map(input::value).transpose().map_err(usage)?;
    Ok(vec![(arguments.part.clone(), vec![Change { named, value, expect, pad: arguments.pad }])])
}

async fn write(
    path: &str,
    changes: &[Change],
    arguments: &Write,
    machine: &Machine,
) -> Result<Written, Failure> {
    let bus = machine.bus().await?;
    if let (true, [change]) = (arguments.hardware, changes) {
        let (record, keyword) = names(change);
        let bytes = client::write_on_hardware(bus, path, record.as_deref(), &keyword, &change.value).await;
        let bytes = u64::try_from(bytes.map_err(Failure::call)?).unwrap_or_default();
        return Ok(Written { bytes, changed: bytes, shown: false });
    }
    let manner = Manner { dry_run: arguments.dry_run, copies: arguments.copies.into() };
    together(bus, path, changes, manner).await
}

fn names(change: &Change) -> (Option<String>, String) {
    (change.named.record.map(|record| record.to_string()), change.named.keyword.to_string())
}

/// Writes keywords of one EEPROM, all or none.
pub(crate) async fn together(
    bus: &zbus::Connection,
    path: &str,
    changes: &[Change],
    manner: Manner,
) -> Result<Written, Failure> {
    let names: Vec<_> = changes.iter().map(names).collect();
    let pads: Vec<Vec<u8>> = changes.iter().map(|change| change.pad.into_iter().collect()).collect();
    let changes = changes.iter().zip(&names).zip(&pads).map(|((change, (record, keyword)), pad)| {
        let expected = change.expect.as_deref().unwrap_or_default();
        writer::Change {
            record: record.as_deref().unwrap_or_default(),
            keyword,
            value: &change.value,
            pad,
            expected,
        }
    });
    let changes: Vec<_> = changes.collect();
    client::write(bus, path, &changes, manner).await.map_err(Failure::call)
}

/// The whole of a file.
pub(crate) fn bytes_of(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path)
        .with_context(|| format!("cannot read {}", path.display()))
        .map_err(|cause| Failure::new(Exit::NoInput, cause))
}
