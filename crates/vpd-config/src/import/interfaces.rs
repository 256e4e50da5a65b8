//! Interfaces with fixed values and keywords, and the location code among them.

use crate::hosted::{Fate, Hosted};
use crate::import::fields::{Field, Losses, Place};
use crate::import::json::Value;
use crate::import::words::quoted;
use dbus_api::inventory;
use fru_publication::Source;
use location_code::{Node, Unexpanded};
use plain_text::is_hidden;
use std::collections::BTreeMap;
use vpd_format::{KeywordName, RecordName};

/// The property of both interfaces that have one.
const LOCATION_PROPERTY: &str = "LocationCode";

/// An interface; each property with its value as TOML has it. Without any it is a marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) properties: Vec<(String, String)>,
}

/// What an object publishes besides records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Interfaces {
    /// The location code, unexpanded, and without a node of its own.
    pub(crate) location: Option<Located>,
    pub(crate) list: Vec<Interface>,
}

/// A location code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) code: String,
    /// The nodes that the JSON names in it, each different one of the two interfaces once; the path tells the node, and it has no
    /// place in what is written.
    pub(crate) nodes: Vec<(Option<Node>, Place)>,
}

/// Which values are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Takes<'a> {
    /// Those that come from the EEPROM too, not only those of the JSON itself.
    pub(crate) keywords: bool,
    /// None that the inventory would refuse.
    pub(crate) hosted: &'a Hosted,
}

impl Interfaces {
    pub(crate) fn read(field: &Field<'_>, takes: Takes<'_>, losses: &mut Losses) -> Self {
        let mut interfaces = Self::default();
        let Some(fields) = field.object(losses) else { return interfaces };
        for (name, field) in fields.rest() {
            match name {
                inventory::LOCATION_CODE | inventory::IBM_LOCATION => interfaces.locate(&field, losses),
                _ => interfaces.list.extend(interface(name, &field, takes, losses)),
            }
        }
        interfaces
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|interface| interface.name == name)
    }

    fn locate(&mut self, field: &Field<'_>, losses: &mut Losses) {
        let Some(mut fields) = field.object(losses) else { return };
        let code = fields.take(LOCATION_PROPERTY);
        fields.list_unknown(losses);
        let Some(code) = code else {
            losses.add(&field.place, "it has no LocationCode; codes become the object's `location`");
            return;
        };
        let Some(text) = code.text(losses) else { return };
        if text.is_empty() || text.len() > 200 || text.contains(is_hidden) {
            losses.add(&code.place, format!("{} is no location code", code.value));
            return;
        }
        let split = Unexpanded::parse(text).ok().and_then(|code| code.without_node());
        let (node, plain) = match split {
            Some((_, plain)) if plain.without_node().is_some() => {
                let why =
                    format!("{} names more than one node; write it as the object's `location`", code.value);
                losses.add(&code.place, why);
                return;
            }
            Some((node, plain)) => (Some(node), plain.to_string()),
            None => (None, text.to_owned()),
        };
        match &mut self.location {
            None => self.location = Some(Located { code: plain, nodes: vec![(node, code.place)] }),
            Some(earlier) if earlier.code != plain => {
                losses.add(&code.place, format!("{} is a second location code", code.value));
            }
            Some(earlier) => {
                if earlier.nodes.iter().all(|(known, _)| *known != node) {
                    earlier.nodes.push((node, code.place));
                }
            }
        }
    }
}

fn interface(name: &str, field: &Field<'_>, takes: Takes<'_>, losses: &mut Losses) -> Option<Interface> {
    if name.len() > 200 || !name.contains('.') || !name.split('.').all(is_word) {
        losses.add(&field.place, "this is no name of an interface");
        return None;
    }
    let mut found = Interface { name: name.to_owned(), properties: Vec::new() };
    match field.value {
        Value::Null => return Some(found),
        Value::Object(_) => {}
        other => {
            let why = format!(
                "{other} stands where a table of properties belongs, so it is no property's value upstream either; \
                 correct the JSON, or write the property into the object's interfaces"
            );
            losses.add(&field.place, why);
            return None;
        }
    }
    for (property, field) in field.object(losses)?.rest() {
        if is_word(property) {
            let value = value(&field, takes, losses);
            let value = value.filter(|value| is_taken(name, property, value, &field, takes.hosted, losses));
            found.properties.extend(value.map(|value| (property.to_owned(), value)));
        } else {
            losses.add(&field.place, "this is no name of a property");
        }
    }
    Some(found)
}

/// Whether the inventory takes a value, listed if it does not: it would refuse the whole object.
fn is_taken(
    interface: &str,
    property: &str,
    value: &str,
    field: &Field<'_>,
    hosted: &Hosted,
    losses: &mut Losses,
) -> bool {
    // What is no source of a value is for the compiler to complain about.
    let source: Option<BTreeMap<String, Source>> = toml::from_str(&format!("value = {value}")).ok();
    let fate = source.as_ref().and_then(|table| Some(hosted.fate(interface, property, table.get("value")?)));
    match fate {
        Some(Fate::Refused(why)) => {
            losses.add(&field.place, why);
            false
        }
        _ => true,
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn value(field: &Field<'_>, takes: Takes<'_>, losses: &mut Losses) -> Option<String> {
    match field.value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(_) => field.number(losses).map(|number| number.to_string()),
        Value::Text(text) if text.contains('\0') => {
            losses.add(&field.place, "the bus takes no text with a NUL character");
            None
        }
        Value::Text(text) => Some(quoted(text)),
        Value::List(values) => {
            let bytes = values.iter().map(|value| match value {
                Value::Number(number @ 0..=255) => Some(number.to_string()),
                _ => None,
            });
            let bytes: Option<Vec<String>> = bytes.collect();
            if bytes.is_none() {
                losses.add(&field.place, "only lists of bytes (0 to 255) are published");
            }
            Some(format!("[{}]", bytes?.join(", ")))
        }
        Value::Object(_) if !takes.keywords => {
            losses.add(
                &field.place,
                "the object is other software's (synthesized) and shows nothing of the EEPROM",
            );
            None
        }
        Value::Object(_) => keyword(field, losses),
        Value::Null | Value::OtherNumber(_) => {
            losses.add(&field.place, format!("{} is no value that is published", field.value));
            None
        }
    }
}

fn keyword(field: &Field<'_>, losses: &mut Losses) -> Option<String> {
    let mut fields = field.object(losses)?;
    let record = fields.take("recordName");
    let keyword = fields.take("keywordName");
    let encoding = fields.take("encoding");
    fields.list_unknown(losses);
    let mut source = String::from("{ ");
    if let Some(record) = record {
        source += &format!("record = {}, ", quoted(record_name(&record, losses)?));
    }
    let Some(keyword) = keyword else {
        losses.add(&field.place, "it names no keyword (keywordName)");
        return None;
    };
    let name = keyword.text(losses)?;
    if name.parse::<KeywordName>().is_err() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        losses.add(&keyword.place, format!("{} is no name of a keyword", keyword.value));
        return None;
    }
    source += &format!("keyword = {}", quoted(name));
    if let Some(encoding) = encoding {
        let ours = match encoding.text(losses)? {
            "MAC" => "mac",
            "DATE" => "date",
            _ => {
                let why = format!("{} is no encoding that is known (MAC, DATE)", encoding.value);
                losses.add(&encoding.place, why);
                return None;
            }
        };
        source += &format!(", encoding = {}", quoted(ours));
    }
    Some(source + " }")
}

/// The name of a record, listed if it is none.
pub(crate) fn record_name<'a>(field: &Field<'a>, losses: &mut Losses) -> Option<&'a str> {
    let name = field.text(losses)?;
    if name.parse::<RecordName>().is_ok() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some(name);
    }
    losses.add(&field.place, format!("{} is no name of a record", field.value));
    None
}
