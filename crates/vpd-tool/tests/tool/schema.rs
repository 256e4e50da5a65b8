//! Real JSON output keeps to the published schema.

use serde_json::Value;

use crate::image::{self, Image, json};
use crate::validator::fault;

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
