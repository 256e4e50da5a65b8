//! One file of phosphor-inventory-manager: the values of an interface as the library cereal archives them in JSON.
//!
//! ```text
//! (nothing at all)                                                       an interface that has no properties, or had none
//! {"value0": {"cereal_class_version": 2, "Model": "2B", "PDI": [1, 2]}}  named
//! {"value0": {"cereal_class_version": 1, "value0": "2B", "value1": []}}  by position; older yet without a version
//! ```
//!
//! A name lacks the underscores of its property: `PD_I` is `PDI`, `N_20` is `N20`. Positions are those of
//! phosphor-dbus-interfaces' YAML. Enumerations are numbers, whose order has changed between revisions, so they are
//! never adopted. Numbers that are none are written as the words `NaN` and `Infinity`, which no JSON has.
//!
//! Sources: gen_serialization.mako.hpp, serialize.hpp and meson.build of phosphor-inventory-manager; namedelement.py of
//! sdbusplus; files written with cereal 1.3.2.

use crate::inventory::PropertyValues;
use crate::schema::InterfaceSchema;
use crate::types::{PropertyType, Value, Words};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::borrow::Cow;

/// Since which class version values have names.
const NAMED_SINCE: u64 = 2;

/// The order of an interface's properties.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    order: Vec<String>,
    /// What the shortest known revision has; none appends in the middle.
    fewest: Option<usize>,
}

/// What a file gives.
#[derive(Debug, PartialEq)]
pub struct Contents {
    /// A value for every property of the interface.
    pub values: PropertyValues,
    /// Values that do not fit their properties, which keep what they start with.
    pub left_out: usize,
}

/// Reads a file. Errors: why nothing of it can be used.
pub fn read(bytes: &[u8], schema: &InterfaceSchema, order: Option<&Order>) -> Result<Contents, String> {
    let mut contents = Contents {
        values: schema
            .iter()
            .map(|(_, name, property)| (name.to_owned(), property.initial.clone()))
            .collect(),
        left_out: 0,
    };
    if bytes.is_empty() {
        // The object has the interface. That it had properties may be news since, or they never reached the disk.
        return Ok(contents);
    }
    let mut archive: Map<String, Json> =
        serde_json::from_slice(&in_json(bytes)).map_err(|error| format!("no archive: {error}"))?;
    let Some(Json::Object(object)) = archive.remove("value0") else {
        return Err("no archive of an interface".to_owned());
    };
    let version = object.get("cereal_class_version").and_then(Json::as_u64);
    if version.is_some_and(|version| version >= NAMED_SINCE) {
        take_named(object, schema, &mut contents);
    } else {
        take_positions(&object, schema, order, &mut contents)?;
    }
    Ok(contents)
}

/// As with `Notify`, a name that no property has is ignored.
fn take_named(mut object: Map<String, Json>, schema: &InterfaceSchema, contents: &mut Contents) {
    for (_, name, property) in schema.iter() {
        match object.remove(&archived_name(name)) {
            None | Some(Json::Null) => {}
            Some(json) => match value(&property.kind, &json) {
                Some(value) => drop(contents.values.insert(name.to_owned(), value)),
                None => contents.left_out += 1,
            },
        }
    }
}

/// A value that does not fit says that the positions are another revision's: then none can be trusted.
fn take_positions(
    object: &Map<String, Json>,
    schema: &InterfaceSchema,
    order: Option<&Order>,
    contents: &mut Contents,
) -> Result<(), String> {
    let count = object.len() - usize::from(object.contains_key("cereal_class_version"));
    if count == 0 && schema.is_empty() {
        return Ok(());
    }
    let Order { order, fewest } = order.ok_or("values without names, and their order is not known")?;
    let known = fewest.unwrap_or(order.len())..=order.len();
    if !known.contains(&count) {
        return Err(format!("{count} values without names, which is no known revision"));
    }
    for (position, name) in order.iter().take(count).enumerate() {
        let taken = schema.get(name).zip(object.get(&format!("value{position}")));
        let value = taken.and_then(|(property, json)| value(&property.kind, json));
        let value = value.ok_or_else(|| format!("value {position} is no {name}"))?;
        contents.values.insert(name.clone(), value);
    }
    Ok(())
}

/// The name under which a property's value is archived.
fn archived_name(property: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    property.split('_').map(capital).collect()
}

/// What `Notify` would make of the value.
fn value(kind: &PropertyType, json: &Json) -> Option<Value> {
    match (kind, json) {
        (PropertyType::Bytes, Json::Array(numbers)) => {
            let bytes = numbers.iter().map(|number| u8::try_from(number.as_u64()?).ok());
            bytes.collect::<Option<Box<[u8]>>>().map(Value::Bytes)
        }
        // Our own form of bytes is another, and the rest `Notify` does not take.
        (PropertyType::Bytes | PropertyType::Triples | PropertyType::Empty(_), _) => None,
        // A double that is no number stays what it starts as. Texts in our own form are no texts.
        (PropertyType::Double, Json::Null | Json::String(_)) => None,
        (PropertyType::Text(_), Json::Object(_)) => None,
        (PropertyType::Texts(_), Json::Array(names)) if names.iter().any(Json::is_object) => None,
        // No number fits the list of names; an empty list would, and says nothing.
        (PropertyType::Texts(Words::OneOf(_)), Json::Array(names)) if names.is_empty() => None,
        (kind, json) => kind.from_json(json),
    }
}

/// The same with `null` for the words that JSON does not have, outside of texts.
fn in_json(bytes: &[u8]) -> Cow<'_, [u8]> {
    const WORDS: [&[u8]; 3] = [b"NaN", b"-Infinity", b"Infinity"];
    let mut json = Vec::new();
    let (mut kept, mut position, mut in_text) = (0, 0, false);
    while let Some(byte) = bytes.get(position) {
        let rest = bytes.get(position..).unwrap_or_default();
        let word = WORDS.iter().find(|word| !in_text && rest.starts_with(word));
        match (byte, word) {
            (_, Some(word)) => {
                json.extend_from_slice(bytes.get(kept..position).unwrap_or_default());
                json.extend_from_slice(b"null");
                position += word.len();
                kept = position;
                continue;
            }
            // What is escaped may be a quotation mark.
            (b'\\', None) if in_text => position += 1,
            (b'"', None) => in_text = !in_text,
            _ => {}
        }
        position += 1;
    }
    if kept == 0 {
        return Cow::Borrowed(bytes);
    }
    json.extend_from_slice(bytes.get(kept..).unwrap_or_default());
    Cow::Owned(json)
}

#[cfg(test)]
mod tests;
