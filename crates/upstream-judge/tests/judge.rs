//! The judge from outside: a small system, what a machine has left, and what becomes of the verdict when that changes.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use upstream_judge::{Judge, Schema, System, Verdict};

const STATUS: &str = "xyz.openbmc_project.State.Decorator.OperationalStatus";
const ENABLE: &str = "xyz.openbmc_project.Object.Enable";
const AVAILABILITY: &str = "xyz.openbmc_project.State.Decorator.Availability";
const ITEM: &str = "xyz.openbmc_project.Inventory.Item";
const PROGRESS: &str = "xyz.openbmc_project.Common.Progress";
const VINI: &str = "com.ibm.ipzvpd.VINI";
const CARD: &str = "/xyz/openbmc_project/inventory/system/card";
const HOLD_IDLE: &str = "/sys/bus/i2c/drivers/pca954x/4-0070/hold_idle";

/// A card whose power is switched on before it is read and which has an expander.
fn judge() -> Judge {
    let pin = |level: u8| json!({ "setGpio": { "pin": "POWER", "value": level } });
    let bind = "echo 20-0060 > /sys/bus/i2c/drivers/leds-pca955x/bind";
    let card = json!({
        "inventoryPath": "/system/card",
        "preAction": { "collection": pin(1) },
        "postAction": { "collection": { "systemCmd": { "cmd": bind } } },
        "postFailAction": { "collection": pin(0) },
    });
    let system = json!({
        "muxes": [{ "holdidlepath": HOLD_IDLE }],
        "frus": { "/sys/bus/i2c/drivers/at24/20-0050/eeprom": [card] },
    });
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/data/inventory-facts.toml");
    let description = "format = \"ipz\"\nsize = 256\n[[record]]\nname = \"VINI\"\nkeywords.SN = \"S1\"\n";
    Judge {
        system: System::of(&system).unwrap(),
        schema: Schema::read(&facts).unwrap(),
        present: BTreeSet::from(["20-0050".to_owned()]),
        cells: BTreeMap::from([("20-0050".to_owned(), vpd_builder::build(description).unwrap())]),
    }
}

/// What a machine has left that did all of it.
fn results() -> BTreeMap<&'static str, String> {
    let of = |value: Value| json!({ "type": "?", "data": value });
    let objects = json!({ "type": "a{oa{sa{sv}}}", "data": [{ CARD: {
        ITEM: { "Present": of(json!(true)), "PrettyName": of(json!("")) },
        STATUS: { "Functional": of(json!(true)) },
        ENABLE: { "Enabled": of(json!(true)) },
        AVAILABILITY: { "Available": of(json!(false)) },
        PROGRESS: {
            "Status": of(json!(format!("{PROGRESS}.OperationStatus.Completed"))),
            "StartTime": of(json!(1_700_000_000)),
            "CompletedTime": of(json!(1_700_000_001)),
        },
        VINI: { "RT": of(json!(b"VINI")), "SN": of(json!(b"S1")) },
    } }] });
    BTreeMap::from([
        ("objects.json", objects.to_string()),
        ("lines", "POWER 1\n".to_owned()),
        ("drivers", "20-0060 leds-pca955x\n".to_owned()),
        ("attributes", format!("{HOLD_IDLE} 0\n")),
    ])
}

fn verdict(results: &BTreeMap<&str, String>) -> anyhow::Result<Verdict> {
    let folder = tempfile::tempdir()?;
    for (name, text) in results {
        fs::write(folder.path().join(name), text)?;
    }
    judge().judge(folder.path())
}

#[test]
fn a_machine_that_did_all_of_it_is_good() {
    let verdict = verdict(&results()).unwrap();
    assert!(verdict.is_good(), "{:?}", verdict.wrong());
    let inventory = &verdict.inventory;
    assert_eq!((inventory.objects, inventory.right, inventory.departures().len()), (1, 1, 0));
    assert_eq!(inventory.objects(), "");
}

#[test]
fn what_is_missing_or_otherwise_in_any_of_its_files_is_wrong() {
    for (name, right, other, complaint) in [
        ("objects.json", "[83,49]", "[83,50]", "/system/card com.ibm.ipzvpd.VINI SN: demanded"),
        ("lines", "POWER 1", "POWER 0", "20-0050: line POWER at 1"),
        ("lines", "POWER 1", "", "20-0050: line POWER at 1"),
        ("drivers", "leds-pca955x", "", "driver of 20-0060 is \"leds-pca955x\""),
        ("attributes", "hold_idle 0", "hold_idle -1", "hold_idle: demanded 0"),
    ] {
        let mut results = results();
        let text = results.get_mut(name).unwrap();
        assert!(text.contains(right), "{text}");
        *text = text.replace(right, other);
        let verdict = verdict(&results).unwrap();
        let wrong = verdict.wrong();
        assert!(!verdict.is_good() && wrong.len() == 1, "{name}: {wrong:?}");
        assert!(wrong[0].contains(complaint), "{name}: {wrong:?}");
    }
}

#[test]
fn without_what_a_machine_leaves_there_is_no_verdict() {
    for name in ["objects.json", "lines", "drivers", "attributes"] {
        let mut results = results();
        results.remove(name);
        assert!(verdict(&results).is_err(), "{name}");
    }
    let mut results = results();
    results.insert("objects.json", "{}".to_owned());
    assert!(verdict(&results).is_err());
}
