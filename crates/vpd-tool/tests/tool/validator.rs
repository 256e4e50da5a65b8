//! A validator that knows the words that our schemas use and fails on any other, so that none goes unchecked. A complete one
//! would bring dozens of crates.

use serde_json::{Map, Value};

/// What is wrong with a value, if anything.
pub fn fault(schema: &Value, root: &Value, value: &Value) -> Option<String> {
    let words = schema.as_object().expect("a schema is an object");
    let first = |(word, demand): (&String, &Value)| {
        breaks(word, demand, words, root, value).map(|fault| format!("{word}: {fault}"))
    };
    words.iter().find_map(first)
}

fn breaks(
    word: &str,
    demand: &Value,
    words: &Map<String, Value>,
    root: &Value,
    value: &Value,
) -> Option<String> {
    let complain = |wrong: bool| wrong.then(|| format!("{demand} demanded, {value} found"));
    match word {
        "$schema" | "$defs" | "title" | "description" => None,
        "$ref" => fault(root.pointer(demand.as_str()?.trim_start_matches('#'))?, root, value),
        "const" => complain(value != demand),
        "enum" => complain(!demand.as_array()?.contains(value)),
        "type" => complain(match demand {
            Value::Array(kinds) => !kinds.iter().any(|kind| is_of(kind, value)),
            kind => !is_of(kind, value),
        }),
        "minimum" => complain(value.as_u64() < demand.as_u64()),
        "pattern" => {
            assert_eq!(demand, "^([0-9a-f]{2})*$", "the only pattern known here");
            let text = value.as_str()?;
            complain(text.len() % 2 != 0 || text.contains(|c: char| !matches!(c, '0'..='9' | 'a'..='f')))
        }
        "items" => value.as_array()?.iter().find_map(|item| fault(demand, root, item)),
        "required" => {
            complain(demand.as_array()?.iter().any(|key| value.get(key.as_str().unwrap()).is_none()))
        }
        "properties" => demand.as_object()?.iter().find_map(|(key, schema)| {
            fault(schema, root, value.get(key)?).map(|fault| format!("{key}: {fault}"))
        }),
        "additionalProperties" => {
            let known = |key: &String| words.get("properties").is_some_and(|known| known.get(key).is_some());
            let mut others = value.as_object()?.iter().filter(|(key, _)| !known(key));
            match demand {
                Value::Bool(false) => others.next().map(|(key, _)| format!("{key} is not known")),
                schema => others.find_map(|(_, other)| fault(schema, root, other)),
            }
        }
        "oneOf" => {
            let faults: Vec<_> = demand.as_array()?.iter().map(|schema| fault(schema, root, value)).collect();
            let fitting = faults.iter().filter(|fault| fault.is_none()).count();
            (fitting != 1).then(|| format!("{fitting} alternatives fit: {faults:?}"))
        }
        _ => panic!("{word} is not known here"),
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => panic!("{kind} is not known here"),
    }
}
