//! Every key that upstream documents is carried over, listed, or known to say nothing.

use crate::folder::{Folder, entries, entry};

/// Keys of the top: a value, and a piece of the text or of the list.
const TOP: [(&str, &str, &str); 6] = [
    ("commonInterfaces", "{\"a.B\": {\"C\": true}}", "[common.\"a.B\"]\nC = true"),
    ("muxes", "[{\"holdidlepath\": \"/sys/x\"}]", "start = [{ write-sysfs = \"/sys/x\", value = \"0\" }]"),
    ("devTree", "\"x.dtb\"", "- devTree at devTree"),
    ("backupRestoreConfigPath", "\"/x\"", "- backupRestoreConfigPath at"),
    ("biosHandlerJsonPath", "\"/x\"", "- biosHandlerJsonPath at"),
    ("correlatedPropertiesConfigPath", "\"/x\"", "- correlatedPropertiesConfigPath at"),
];

const LINE: &str = "{\"pin\": \"A\", \"value\": 1}";

/// Keys of an entry, likewise.
const ENTRY: [(&str, &str, &str); 28] = [
    ("serviceName", "\"xyz.other\"", "- serviceName at"),
    ("isSystemVpd", "true", "system-eeproms = [\"8-0050\"]"),
    ("extraInterfaces", "{\"a.B\": null}", "interfaces.\"a.B\" = {}"),
    ("inherit", "true", "records = \"all\""),
    ("copyRecords", "[\"VINI\"]", "- copyRecords at"),
    ("skipRecords", "[\"VINI\"]", "- skipRecords at"),
    ("inheritCI", "false", "- inheritCI at"),
    ("ccin", "[\"2CE2\"]", "ccin = [\"2CE2\"]"),
    ("embedded", "false", "presence = \"cleared\""),
    ("synthesized", "true", "foreign = true"),
    ("noprime", "true", "prime = false"),
    ("handlePresence", "false", "presence = \"left-alone\""),
    ("monitorPresence", "true", "watch-presence = true"),
    ("essentialFru", "true", "essential = true"),
    ("replaceableAtStandby", "true", "replaceable-at = [\"standby\"]"),
    ("pluggableAtStandby", "true", "replaceable-at = [\"standby\"]"),
    ("replaceableAtRuntime", "true", "replaceable-at = [\"runtime\"]"),
    ("concurrentlyMaintainable", "true", "replaceable-at = [\"runtime\"]"),
    ("powerOffOnly", "true", "power-off-only = true"),
    ("redundantEeprom", "\"/sys/bus/spi/drivers/at25/spi1.0/eeprom\"", "redundant = \"spi1.0\""),
    ("offset", "16", "offset = 16"),
    ("size", "32", "size = 32"),
    ("cpuType", "\"secondary\"", "- cpuType at"),
    ("busType", "\"spi\"", "- busType at"),
    ("driverType", "\"ee1004\"", "- driverType at"),
    ("devAddress", "\"8-0051\"", "- devAddress at"),
    ("devTreeStatus", "false", "- devTreeStatus at"),
    ("pcaChipAddress", "\"8-0060\"", "- pcaChipAddress at"),
];

/// What agrees with what is known anyway.
const WORDLESS: [(&str, &str); 8] = [
    ("serviceName", "\"xyz.openbmc_project.Inventory.Manager\""),
    ("cpuType", "\"primary\""),
    ("busType", "\"i2c\""),
    ("driverType", "\"at24\""),
    ("devAddress", "\"8-0050\""),
    ("devTreeStatus", "true"),
    ("readOnly", "true"),
    ("isRedundant", "false"),
];

fn found(json: String, expected: &str) {
    let (run, text) = Folder::with(&json).imported();
    assert!(run.output.contains(expected) || text.contains(expected), "{json}: {}{text}", run.output);
    let is_loss = expected.starts_with("- ");
    assert_eq!(run.losses().is_empty(), !is_loss && !json.contains("synthesized"), "{json}: {}", run.output);
}

#[test]
fn every_key_is_carried_over_or_listed() {
    for (key, value, expected) in TOP {
        found(entry("").replacen('{', &format!("{{\"{key}\": {value}, "), 1), expected);
    }
    for (key, value, expected) in ENTRY {
        found(entry(&format!("\"{key}\": {value}")), expected);
    }
    found(entry("\"inherit\": false, \"copyRecords\": [\"VINI\"]"), "records = [\"VINI\"]");
    found(entry("\"inherit\": false, \"skipRecords\": [\"VINI\"]"), "records = { all-but = [\"VINI\"] }");
    found(entry("\"inherit\": false, \"inheritCI\": true"), "common = true");
    found(entry(&format!("\"presence\": {LINE}")), "- presence at");
    found(entry(&format!("\"postActionFail\": {LINE}")), "- postActionFail at");
    found(
        entry(&format!("\"pollingRequired\": {{\"hotPlugging\": {{\"gpioPresence\": {LINE}}}}}")),
        "poll = { line = \"A\", level = 1, interval-ms = 5000 }",
    );
}

#[test]
fn every_phase_and_every_action_has_its_place() {
    for (action, phase, ours) in [
        ("preAction", "collection", "before-collection"),
        ("preAction", "deletion", "before-removal"),
        ("postAction", "collection", "after-collection"),
        ("postAction", "deletion", "after-removal"),
        ("postFailAction", "collection", "on-failure"),
        ("postFailAction", "deletion", "on-removal-failure"),
    ] {
        let json = |tags: &str| entry(&format!("\"{action}\": {{\"{phase}\": {{{tags}}}}}"));
        found(json(&format!("\"setGpio\": {LINE}")), &format!("{ours} = [{{ set = \"A\", level = 1 }}]"));
        let command = "\"systemCmd\": {\"cmd\": \"echo 0 > /sys/x\"}";
        found(json(command), &format!("{ours} = [{{ write-sysfs = \"/sys/x\", value = \"0\" }}]"));
        let looks = matches!(ours, "before-collection" | "before-removal" | "after-removal");
        let presence = format!("{ours} = [{{ presence = \"A\", level = 1 }}]");
        let presence = if looks { &presence } else { "- gpioPresence at" };
        found(json(&format!("\"gpioPresence\": {LINE}")), presence);
        let with_ccin = if ours == "after-collection" { "ccin = [\"2CE2\"] }]" } else { "- ccin at" };
        found(json(&format!("{command}, \"ccin\": [\"2CE2\"]")), with_ccin);
    }
}

#[test]
fn what_says_nothing_new_changes_nothing() {
    let (_, plain) = Folder::with(entry("")).imported();
    for (key, value) in WORDLESS {
        let (run, text) = Folder::with(entry(&format!("\"{key}\": {value}"))).imported();
        assert_eq!(text, plain, "{key}");
        assert!(run.output.ends_with("everything is carried over\n"), "{key}: {}", run.output);
    }
}

#[test]
fn unknown_keys_are_listed_at_every_depth() {
    for json in [
        entry("").replacen('{', "{\"new\": 1, ", 1),
        entry("\"new\": {}"),
        entry("\"preAction\": {\"new\": {}}"),
        entry("\"preAction\": {\"collection\": {\"new\": {}}}"),
        entry("\"preAction\": {\"collection\": {\"setGpio\": {\"pin\": \"A\", \"value\": 1, \"new\": 2}}}"),
        entry("\"extraInterfaces\": {\"a.B\": {\"C\": {\"keywordName\": \"SN\", \"new\": 2}}}"),
        entry("\"pollingRequired\": {\"new\": 1}"),
        entries("{\"inventoryPath\": \"/a\"}, {\"inventoryPath\": \"/b\", \"new\": 1}"),
    ] {
        let (run, _) = Folder::with(&json).imported();
        assert!(run.losses().iter().any(|loss| loss.starts_with("new at ")), "{json}: {}", run.output);
    }
}

#[test]
fn the_readme_says_of_every_key_what_becomes_of_it() {
    let readme = include_str!("../../README.md");
    let more = ["frus", "inventoryPath", "preAction", "postAction", "postFailAction", "pollingRequired"];
    let old = ["presence", "postActionFail", "isRedundant", "readOnly", "ccin", "gpioPresence", "setGpio"];
    let keys = TOP.iter().chain(&ENTRY).map(|(key, ..)| *key).chain(more).chain(old);
    for key in keys.chain(["systemCmd", "recordName", "keywordName", "encoding", "LocationCode"]) {
        assert!(
            readme.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{key}`"))),
            "{key}"
        );
    }
}
