//! What `--print` shows, and the report of a run that nobody collects.

use dbus_api::inventory::notification::{Interface, Value};
use dbus_api::vpd::collection::Report;
use fru_publication::Publication;
use std::fmt::Write as _;

/// A report: JSON on one line.
pub(crate) fn report(report: &Report) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string(report)?))
}

/// Everything that would be published, as a tree for people, and the report behind it.
pub(crate) fn publication(report: &Report, publication: &Publication<'_>) -> anyhow::Result<String> {
    let mut text = String::new();
    for object in &publication.notification.objects {
        writeln!(text, "{}", object.path)?;
        for interface in &object.interfaces {
            show_interface(interface, &mut text)?;
        }
    }
    if !publication.not_programmed.is_empty() {
        let names: Vec<_> = publication.not_programmed.iter().map(String::as_str).collect();
        writeln!(text, "never programmed: {}", names.join(" "))?;
    }
    if !publication.dropped.is_empty() {
        let names: Vec<_> = publication.dropped.iter().map(String::as_str).collect();
        writeln!(text, "not shown by the inventory: {}", names.join(" "))?;
    }
    text.push_str(&self::report(report)?);
    Ok(text)
}

fn show_interface(interface: &Interface<'_>, text: &mut String) -> std::fmt::Result {
    writeln!(text, "  {}", interface.name)?;
    let mut empty = Vec::new();
    for (name, value) in &interface.properties {
        match value {
            Value::Bool(value) => writeln!(text, "    {name} = {value}")?,
            Value::Size(value) => writeln!(text, "    {name} = {value}")?,
            Value::Unsigned(value) => writeln!(text, "    {name} = {value}")?,
            Value::Signed(value) => writeln!(text, "    {name} = {value}")?,
            Value::Short(value) => writeln!(text, "    {name} = {value}")?,
            Value::Text(value) if value.is_empty() => empty.push(&**name),
            Value::Text(value) => writeln!(text, "    {name} = {value:?}")?,
            Value::Texts(values) => writeln!(text, "    {name} = {values:?}")?,
            Value::Bytes(bytes) if bytes.is_empty() => empty.push(&**name),
            Value::Bytes(bytes) => writeln!(text, "    {name} = {}", bytes_for_people(bytes))?,
        }
    }
    if !empty.is_empty() {
        writeln!(text, "    (empty: {})", empty.join(" "))?;
    }
    Ok(())
}

/// Text where every byte is printable, otherwise hex digits, cut where they would fill the screen.
fn bytes_for_people(bytes: &[u8]) -> String {
    const SHOWN: usize = 32;
    match plain_text::printable(bytes) {
        Some(text) => format!("b{text:?}"),
        None => {
            let digits: String = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
            if bytes.len() > SHOWN {
                format!("0x{digits}… ({} bytes)", bytes.len())
            } else {
                format!("0x{digits}")
            }
        }
    }
}
