use std::path::Path;

use serde_json::{Value, json};

use super::compare::{Comparison, Shown};
use super::demand::{self, Inventory, Readings, Wanted};
use super::image::Image;
use super::json::System;
use super::schema::Schema;
use super::{departures, location};

fn schema() -> Schema {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/data/inventory-facts.toml");
    Schema::read(&path).unwrap()
}

/// A planar, and a card in a slot that is made of these entries beside the first.
fn system(entries: &[Value]) -> System {
    let asset = json!({ "SerialNumber": { "recordName": "VINI", "keywordName": "SN" } });
    let mut card = vec![json!({ "inventoryPath": "/xyz/openbmc_project/inventory/system/chassis/card" })];
    card.extend(entries.iter().cloned());
    System::of(&json!({
        "commonInterfaces": { "xyz.openbmc_project.Inventory.Decorator.Asset": asset },
        "frus": {
            "/sys/bus/i2c/drivers/at24/8-0050/eeprom":
                [{ "inventoryPath": "/system/chassis", "isSystemVpd": true }],
            "/sys/bus/i2c/drivers/at24/20-0050/eeprom": card,
        },
    }))
    .unwrap()
}

fn image(ccin: &str) -> Image {
    let text = format!(
        "format = \"ipz\"\nsize = 512\n[[record]]\nname = \"VINI\"\nkeywords.SN = \"S1 \"\nkeywords.CC = \"{ccin}\"\n\
         [[record]]\nname = \"VCEN\"\nkeywords.FC = \"78DA-001\"\nkeywords.SE = \"W1 \"\n"
    );
    Image::read(&vpd_builder::build(&text).unwrap(), 0).unwrap()
}

fn demanded(entries: &[Value], ccin: Option<&str>) -> Inventory {
    let system = system(entries);
    let mut readings = Readings::from([("8-0050".to_owned(), image("7V01"))]);
    readings.extend(ccin.map(|ccin| ("20-0050".to_owned(), image(ccin))));
    let mut inventory = demand::inventory(&system, &readings, &schema());
    location::expand(&system, &mut inventory);
    inventory
}

fn property(inventory: &Inventory, path: &str, interface: &str, property: &str) -> String {
    let found = inventory.get(path).and_then(|object| object.get(interface)?.get(property));
    found.map(|wanted| format!("{wanted:?}")).unwrap_or_default()
}

const ITEM: &str = "xyz.openbmc_project.Inventory.Item";
const ASSET: &str = "xyz.openbmc_project.Inventory.Decorator.Asset";
const VINI: &str = "com.ibm.ipzvpd.VINI";

#[test]
fn flags_decide_what_an_object_takes_from_its_eeprom() {
    let serial = "Text(\"S1 \")";
    let bytes = "Bytes([83, 49, 32])";
    for (flags, asset, record, present) in [
        (json!({}), serial, bytes, "Bool(true)"),
        (json!({ "inherit": false }), "", "", "Bool(true)"),
        (json!({ "inherit": false, "inheritCI": true }), serial, "", "Bool(true)"),
        (json!({ "inherit": false, "copyRecords": ["VINI"] }), "", bytes, "Bool(true)"),
        (json!({ "inherit": false, "copyRecords": ["VCEN"] }), "", "", "Bool(true)"),
        (json!({ "inherit": false, "skipRecords": ["VCEN"] }), "", bytes, "Bool(true)"),
        (json!({ "inherit": false, "skipRecords": ["VINI"] }), "", "", "Bool(true)"),
        (json!({ "embedded": false }), serial, bytes, "Bool(false)"),
        (json!({ "embedded": false, "noprime": true }), serial, bytes, ""),
        (json!({ "handlePresence": false }), serial, bytes, ""),
        (json!({ "synthesized": true }), serial, bytes, ""),
    ] {
        let mut entry = flags.clone();
        entry["inventoryPath"] = json!("/system/chassis/card/part");
        let inventory = demanded(&[entry], Some("7V11"));
        let found = |interface, name| property(&inventory, "/system/chassis/card/part", interface, name);
        assert_eq!(found(ASSET, "SerialNumber"), asset, "{flags}");
        assert_eq!(found(VINI, "SN"), record, "{flags}");
        assert_eq!(found(ITEM, "Present"), present, "{flags}");
    }
}

#[test]
fn an_object_is_there_when_it_is_primed_or_its_variant_was_read() {
    for (flags, ccin, is_there) in [
        (json!({}), None, true),
        (json!({ "ccin": ["2CE2"] }), None, false),
        (json!({ "ccin": ["2CE2"] }), Some("2ce2"), true),
        (json!({ "ccin": ["2CE2"] }), Some("58FF"), false),
    ] {
        let mut entry = flags.clone();
        entry["inventoryPath"] = json!("/system/chassis/card/port");
        let inventory = demanded(&[entry], ccin);
        assert_eq!(inventory.contains_key("/system/chassis/card/port"), is_there, "{flags} {ccin:?}");
        let present = format!("{:?}", Wanted::Bool(ccin.is_some()));
        assert_eq!(property(&inventory, "/system/chassis/card", ITEM, "Present"), present);
    }
}

#[test]
fn codes_have_the_enclosure_of_their_chassis() {
    for (code, expanded) in [
        ("Ufcs", "U78DA.N00.W1"),
        ("Ufcs-P0-C1", "U78DA.N00.W1-P0-C1"),
        ("Ufcs-N00-P0-C1", "U78DA.N00.W1-P0-C1"),
        ("Ufcs-ND0-P0", "U78DA.N00.W1-P0"),
        ("Ufcs-SC0", "U78DA.N00.W1"),
        ("Ufcs-N1-P0", "U78DA.N00.W1-N1-P0"),
        ("Ufcsx", "Ufcsx"),
        // No record of this system's EEPROM has what it takes.
        ("Umts", "Umts"),
    ] {
        let interfaces =
            json!({ "xyz.openbmc_project.Inventory.Decorator.LocationCode": { "LocationCode": code } });
        let entry = json!({ "inventoryPath": "/system/chassis/card/x", "inherit": false, "extraInterfaces": interfaces });
        let inventory = demanded(&[entry], None);
        let found = property(&inventory, "/system/chassis/card/x", demand::LOCATION, "LocationCode");
        assert_eq!(found, format!("Text({expanded:?})"), "{code}");
    }
}

#[test]
fn what_is_not_as_demanded_is_found_and_only_departures_are_excused() {
    let system = system(&[]);
    let readings =
        Readings::from([("8-0050".to_owned(), image("7V01")), ("20-0050".to_owned(), image("7V11"))]);
    let schema = schema();
    let demanded = demand::inventory(&system, &readings, &schema);
    let context = departures::Context { system: &system, readings: &readings };
    let judged = |change: &dyn Fn(&mut Value)| {
        let mut shown = reply(&demanded);
        change(&mut shown);
        let comparison = Comparison::new(&demanded, &Shown::of(&shown).unwrap(), &schema, &context);
        let wrong: String = comparison.wrong.iter().map(|difference| format!("{difference}\n")).collect();
        (wrong.is_empty(), wrong)
    };
    assert_eq!(judged(&|_| {}), (true, String::new()));
    let card = "/xyz/openbmc_project/inventory/system/chassis/card";
    let set = |shown: &mut Value, interface: &str, property: &str, value: Value| {
        shown["data"][0][card][interface][property] = json!({ "type": "?", "data": value });
    };
    // A departure: no blank at the end.
    assert_eq!(judged(&|shown| set(shown, ASSET, "SerialNumber", json!("S1"))), (true, String::new()));
    for (change, complaint) in [
        (
            &(|shown: &mut Value| set(shown, ASSET, "SerialNumber", json!("S2"))) as &dyn Fn(&mut Value),
            "SerialNumber: demanded",
        ),
        (&|shown| set(shown, VINI, "SN", json!([83, 49])), "SN: demanded"),
        (&|shown| set(shown, VINI, "HW", json!([1])), "HW: is there and not demanded"),
        (&|shown| set(shown, "xyz.openbmc_project.Inventory.Item.Fan", "x", json!(1)), "Fan: is there"),
        (&|shown| shown["data"][0][card][VINI] = Value::Null, "SN: is missing"),
        (&|shown| drop(shown["data"][0].as_object_mut().unwrap().remove(card)), "card: is missing"),
        (&|shown| shown["data"][0]["/xyz/openbmc_project/inventory/x"] = json!({}), "/x: is there"),
    ] {
        let (is_good, wrong) = judged(change);
        assert!(!is_good && wrong.contains(complaint), "{complaint}: {wrong}");
    }
}

/// The answer of an inventory that shows exactly what is demanded.
fn reply(demanded: &Inventory) -> Value {
    let mut objects = json!({});
    for (path, object) in demanded {
        for (interface, properties) in object {
            let shown = &mut objects[format!("/xyz/openbmc_project/inventory{path}")][interface];
            *shown = json!({});
            for (property, wanted) in properties {
                let value = match wanted {
                    Wanted::Bool(value) => json!(value),
                    Wanted::Number(value) => json!(value),
                    Wanted::Text(value) => json!(value),
                    Wanted::Bytes(value) => json!(value),
                    Wanted::Time => json!(1_700_000_000_000_000_u64),
                };
                shown[property] = json!({ "type": "?", "data": value });
            }
        }
    }
    json!({ "data": [objects] })
}
