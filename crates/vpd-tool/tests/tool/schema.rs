//! Real JSON output keeps to the published schema.
//!
//! The validator knows the words that the schema uses and fails on any other, so that none goes unchecked. A
//! complete one would bring dozens of crates.

use serde_json::{Map, Value};

use crate::image::{self, Image, json};

/// What is wrong with a value, if anything.
fn fault(schema: &Value, root: &Value, value: &Value) -> Option<String> {
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
        Some("null") => value.is_null(),
        _ => panic!("{kind} is not known here"),
    }
}

#[test]
fn output_for_every_format_and_damage_is_as_the_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("../../schema/check.schema.json")).unwrap();
    let blank = Image::of(&[0xff; 512]);
    let mut images: Vec<(String, Image)> =
        image::FIXTURES.iter().map(|name| ((*name).to_owned(), Image::fixture(name))).collect();
    for (name, at) in [("card", 60), ("card", 12), ("keyword", 30), ("ddr5-ddimm", 300), ("ddr4-isdimm", 2)] {
        for flips in [&[0x01][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]
        {
            images.push((format!("{name} with {flips:?} at {at}"), Image::fixture(name).flipped(at, flips)));
        }
    }
    images.push(("blank".to_owned(), blank));
    images.push(("system planar with a bad record".to_owned(), Image::planar_with_bad_record()));
    for (name, image) in &images {
        for arguments in
            [&["check", "--json"][..], &["check", "--json", "--ecc", "ignored"], &["dump", "--json"]]
        {
            let value = json(arguments, image);
            assert_eq!(fault(&schema, &schema, &value), None, "{name} {arguments:?}");
        }
    }
}

#[test]
fn the_validator_refuses_what_the_schema_does() {
    let schema: Value = serde_json::from_str(include_str!("../../schema/check.schema.json")).unwrap();
    let good = json(&["check", "--json"], &Image::fixture("card"));
    let changes: [(&str, &str, Value); 5] = [
        ("", "surprise", Value::Null),
        ("", "outcome", "fine".into()),
        ("/records/VINI", "reason", "both".into()),
        ("/records/VINI/keywords/SN", "hex", "abc".into()),
        ("", "image-size", (-1).into()),
    ];
    assert_eq!(fault(&schema, &schema, &good), None);
    for (place, key, value) in changes {
        let mut changed = good.clone();
        changed.pointer_mut(place).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value);
        assert!(fault(&schema, &schema, &changed).is_some(), "{place} {key}");
    }
}
