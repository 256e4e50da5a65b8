//! The inventory as people read it: a tree of objects, with interfaces and properties below each.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use plain_text::{is_hidden, printable};
use serde_json::{Map, Value};

/// The path below which the inventory lies; it is not repeated in the tree.
const ROOT: &str = "/xyz/openbmc_project/inventory";

/// Longest text of a value.
const WIDTH: usize = 72;

/// How much of the inventory to show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything.
    Full,
    /// What tells parts apart: no empty values, no zeroes, no unknowns, no times.
    Telling,
}

/// Interfaces that say when and how, not what.
const NOT_TELLING: &str = "Common.Progress";

/// Turns busctl's JSON of `GetManagedObjects` into text.
pub fn draw(reply: &[u8], detail: Detail) -> Result<String> {
    let reply: Value =
        serde_json::from_slice(reply).context("busctl answered with something else than JSON")?;
    let objects =
        reply.pointer("/data/0").and_then(Value::as_object).context("the reply holds no objects")?;
    let sorted: BTreeMap<&String, &Value> = objects.iter().collect();
    let mut text = String::new();
    for (path, interfaces) in sorted {
        let relative = path.strip_prefix(ROOT).filter(|rest| !rest.is_empty()).unwrap_or(path);
        text.push_str(relative);
        text.push('\n');
        for (interface, properties) in interfaces.as_object().into_iter().flat_map(Map::iter) {
            if detail == Detail::Full || !interface.ends_with(NOT_TELLING) {
                draw_interface(interface, properties, detail, &mut text);
            }
        }
    }
    Ok(text)
}

fn draw_interface(interface: &str, properties: &Value, detail: Detail, text: &mut String) {
    text.push_str(&format!("    {interface}\n"));
    let properties = properties.as_object().into_iter().flat_map(Map::iter);
    let (empty, filled): (Vec<_>, Vec<_>) = properties.partition(|(_, value)| is_empty(value));
    for (name, value) in filled {
        if detail == Detail::Full || is_telling(value) {
            text.push_str(&format!("        {name:<20} {}\n", shorten(show(value))));
        }
    }
    if detail == Detail::Full && !empty.is_empty() {
        let names: Vec<&str> = empty.into_iter().map(|(name, _)| name.as_str()).collect();
        text.push_str(&format!("        (empty: {})\n", names.join(" ")));
    }
}

/// Whether a filled value says more than that nobody has set it.
fn is_telling(variant: &Value) -> bool {
    match variant.get("data") {
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        // An enumeration's value; a part's texts are not spelled like that.
        Some(Value::String(text)) => !text.starts_with("xyz.openbmc_project."),
        Some(Value::Array(bytes)) => bytes.iter().any(|byte| !matches!(byte.as_u64(), Some(0 | 32))),
        _ => true,
    }
}

/// Whether a variant holds a text, bytes or a list without content.
fn is_empty(variant: &Value) -> bool {
    match variant.get("data") {
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(elements)) => elements.is_empty(),
        _ => false,
    }
}

/// One variant, as `{"type": …, "data": …}`.
fn show(variant: &Value) -> String {
    let data = variant.get("data").unwrap_or(&Value::Null);
    match (variant.get("type").and_then(Value::as_str), data) {
        (Some("ay"), Value::Array(bytes)) => show_bytes(bytes),
        (_, Value::String(text)) => quoted(text),
        _ => data.to_string(),
    }
}

fn show_bytes(bytes: &[Value]) -> String {
    let bytes: Vec<u8> = bytes.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
    match printable(&bytes) {
        Some(text) if !text.is_empty() => quoted(text),
        _ => format!("0x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

/// A text in quotes, always on one line.
fn quoted(text: &str) -> String {
    let shown = text.chars().map(|character| match character {
        '"' | '\\' => character.escape_default().to_string(),
        _ if is_hidden(character) => character.escape_default().to_string(),
        _ => character.to_string(),
    });
    format!("\"{}\"", shown.collect::<String>())
}

fn shorten(text: String) -> String {
    let length = text.chars().count();
    if length <= WIDTH {
        return text;
    }
    let kept: String = text.chars().take(WIDTH - 12).collect();
    format!("{kept}… ({length} long)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_sorted_and_values_readable() {
        let reply = br#"{"type":"a{oa{sa{sv}}}","data":[{
            "/xyz/openbmc_project/inventory/system/b":{"i.Marker":{}},
            "/xyz/openbmc_project/inventory/system/a":{"i.A":{
                "SN":{"type":"ay","data":[83,78,49]},
                "RAW":{"type":"ay","data":[0,255]},
                "NONE":{"type":"ay","data":[]},
                "Present":{"type":"b","data":true},
                "PrettyName":{"type":"s","data":"Planar"}}}}]}"#;
        let text = draw(reply, Detail::Full).unwrap();
        let expected = "/system/a\n    i.A\n        Present              true\n        PrettyName           \
            \"Planar\"\n        RAW                  0x00ff\n        SN                   \"SN1\"\n        (empty: NONE)\n\
            /system/b\n    i.Marker\n";
        assert_eq!(text, expected);
        let telling = draw(reply, Detail::Telling).unwrap();
        assert_eq!(telling, expected.replace("        (empty: NONE)\n", ""));
    }

    #[test]
    fn of_texts_and_bytes_nothing_hidden_is_shown_raw() {
        let text = |text: &str| show(&serde_json::json!({"type": "s", "data": text}));
        assert_eq!(text("größe \"a\\b\""), "\"größe \\\"a\\\\b\\\"\"");
        assert_eq!(text("\u{202e}a\u{2800}\n"), "\"\\u{202e}a\\u{2800}\\n\"");
        let bytes = |bytes: &[u8]| show(&serde_json::json!({"type": "ay", "data": bytes}));
        assert_eq!(bytes(b"S \"1"), "\"S \\\"1\"");
        for (raw, shown) in [(&b"S\x7f"[..], "0x537f"), ("é".as_bytes(), "0xc3a9"), (b"", "0x")] {
            assert_eq!(bytes(raw), shown);
        }
    }

    #[test]
    fn long_values_are_cut_and_say_so() {
        let text = shorten("x".repeat(500));
        assert!(text.ends_with("… (500 long)") && text.chars().count() <= WIDTH + 2, "{text}");
    }
}
