//! What is written was compiled before, and what the compiler does not take is said.

use crate::folder::{Folder, entries, entry, run};
use std::fs;

const REFUSED: &str = "Refused by `vpd-config check` until it is edited";
const NOT_SHOWN: &str = "Carried over, and not shown by the inventory";
const WARNED: &str = "Carried over, and warned of by `vpd-config check`";
const LOCATION: &str = "xyz.openbmc_project.Inventory.Decorator.LocationCode";

fn eeproms(others: &str) -> String {
    entry("").replace("}]}}", &format!("}}], {others}}}}}"))
}

#[test]
fn what_check_refuses_is_listed_with_its_reason_and_the_status_says_so() {
    let outside = format!("\"extraInterfaces\": {{\"{LOCATION}\": {{\"LocationCode\": \"Ufcs-P0\"}}}}");
    let both = entries(&format!(
        "{{\"inventoryPath\": \"/system\", {outside}}}, {{\"inventoryPath\": \"/panel\", {outside}}}"
    ));
    let second = "\"/sys/bus/spi/drivers/at25/spi12.0/eeprom\": [{\"inventoryPath\": \"/cpu\",
                  \"redundantEeprom\": \"/sys/bus/spi/drivers/at25/spi13.0/eeprom\"}],
                  \"/sys/bus/spi/drivers/at25/spi13.0/eeprom\": [{\"inventoryPath\": \"/cpu_2\"}]";
    for (json, reasons) in [
        (
            both,
            &[
                "fru 8-0050: location: /system: there is no enclosure that it could be in",
                "fru 8-0050: location: /panel: there is no enclosure that it could be in",
            ][..],
        ),
        (eeproms(second), &["fru spi12.0: redundant: spi13.0 is a fru of its own"]),
        (
            "{\"frus\": {\"/sys/bus/i2c/drivers/at24/8-0050/eeprom\": [{\"inventoryPath\": \"/system\"}]}}"
                .to_owned(),
            &["system-eeproms: none is named, so no system could ever be chosen"],
        ),
        (
            entry(&format!("\"extraInterfaces\": {{\"{LOCATION}\": {{\"LocationCode\": \"Chassis\"}}}}")),
            &["fru 8-0050: location: /system: \"Chassis\" is neither Ufcs nor Umts, alone or followed by -"],
        ),
    ] {
        let folder = Folder::with(&json);
        let run = folder.import(&[]);
        assert_eq!((run.status, run.errors.as_str()), (65, ""), "{json}: {}", run.output);
        assert_eq!(run.list(REFUSED), reasons, "{json}");
        let text = fs::read_to_string(folder.file()).unwrap();
        assert!(text.contains(&format!("#\n# {REFUSED}:\n# - {}\n", reasons[0])), "{text}");
        assert!(!run.output.contains("everything is carried over"), "{}", run.output);
        let check = folder.check(&[]);
        assert_eq!((check.status, check.errors.lines().count()), (65, reasons.len()), "{}", check.errors);
    }
}

#[test]
fn what_stands_beside_in_the_folder_counts_too() {
    let folder = Folder::with(entry(""));
    let layer = folder.output().join("vpd.d/10-defaults.toml");
    fs::create_dir_all(layer.parent().unwrap()).unwrap();
    fs::write(&layer, "lanes = 0\n").unwrap();
    let run = folder.import(&[]);
    assert_eq!(run.list(REFUSED), ["vpd.d/10-defaults.toml:1: lanes: 0 is not within 1 to 64"]);
    fs::write(&layer, "lanes = 2\n").unwrap();
    assert!(folder.imported().0.output.ends_with("everything is carried over\n"));
}

/// A place loses its folder in every spelling of it, and loses nothing else.
#[test]
fn places_are_named_below_the_folder_however_that_is_written() {
    let folder = Folder::with(entry(""));
    let json = folder.json();
    for (name, end) in [("d", ""), ("d", "/"), ("d", "//."), ("e/../d", "/")] {
        let output = folder.json().with_file_name(name);
        let layers = output.join("vpd.d");
        fs::create_dir_all(folder.json().with_file_name("e")).unwrap();
        fs::create_dir_all(&layers).unwrap();
        let given = format!("{}{end}", output.display());
        for (text, reasons) in [
            ("lanes = 0\n", ["vpd.d/10-x.toml:1: lanes: 0 is not within 1 to 64"]),
            ("lanes = 99\n", ["vpd.d/10-x.toml:1: lanes: 99 is not within 1 to 64"]),
            ("lane", ["vpd.d/10-x.toml: TOML parse error at line 1"]),
        ] {
            fs::write(layers.join("10-x.toml"), text).unwrap();
            let run = run(&["import", json.to_str().unwrap(), "--output", &given]);
            assert_eq!(run.status, 65, "{given}: {}{}", run.output, run.errors);
            let found = run.list(REFUSED);
            assert!(found.len() == 1 && found[0].starts_with(reasons[0]), "{given}: {found:?}");
        }
    }
}

#[test]
fn names_that_the_inventory_lacks_are_listed_once_each_and_written_all_the_same() {
    let interfaces = "\"extraInterfaces\": {
        \"xyz.openbmc_project.Inventory.Item\": {\"PrettyNam\": \"x\"},
        \"xyz.openbmc_project.Inventory.Item.Nothing\": null}";
    let json = format!(
        "{{\"inventoryPath\": \"/system\", {interfaces}}}, {{\"inventoryPath\": \"/b\", {interfaces}}},
         {{\"inventoryPath\": \"/c\", \"inherit\": false, \"copyRecords\": [\"QQQQ\"]}}"
    );
    let folder = Folder::with(entries(&json));
    let (run, text) = folder.imported();
    let not_shown = [
        "xyz.openbmc_project.Inventory.Item.PrettyNam of fru 8-0050: object /system, and 1 more: it is not in \
         inventory-schema.d",
        "xyz.openbmc_project.Inventory.Item.Nothing of fru 8-0050: object /system, and 1 more: it is not in \
         inventory-schema.d",
        "com.ibm.ipzvpd.QQQQ of fru 8-0050: object /c: it is not in inventory-schema.d",
    ];
    assert_eq!(run.list(NOT_SHOWN), not_shown);
    assert!(text.contains(&format!("# {NOT_SHOWN}:\n# - {}\n", not_shown[0])), "{text}");
    assert_eq!(text.matches("PrettyNam = \"x\"").count(), 2, "another inventory may host it: {text}");
    assert!(run.losses().is_empty() && !run.output.contains("everything"), "{}", run.output);
    // The folder's own additions count, as they do for check.
    let site = folder.output().join("inventory-schema.d/20-site.toml");
    fs::create_dir_all(site.parent().unwrap()).unwrap();
    fs::write(&site, "[\"xyz.openbmc_project.Inventory.Item.Nothing\"]\n[\"com.ibm.ipzvpd.QQQQ\"]\n")
        .unwrap();
    assert_eq!(folder.imported().0.list(NOT_SHOWN), not_shown[..1]);
}

#[test]
fn a_number_that_phosphor_inventory_manager_does_not_take_is_listed_and_written_all_the_same() {
    let cpu = "\"extraInterfaces\": {\"xyz.openbmc_project.Inventory.Item.Cpu\": {\"MaxSpeedInMhz\": 3000}}";
    let json = format!(
        "{{\"inventoryPath\": \"/system\", {cpu}}}, {{\"inventoryPath\": \"/b\", {cpu}}}, {{\"inventoryPath\": \"/c\"}}"
    );
    let folder = Folder::with(entries(&json));
    let (run, text) = folder.imported();
    let [line] = run.list(WARNED)[..] else { panic!("{}", run.output) };
    let start = "fru 8-0050: object /system, and 1 more: xyz.openbmc_project.Inventory.Item.Cpu.MaxSpeedInMhz is of type u";
    assert!(line.starts_with(start), "{line}");
    assert!(text.contains(&format!("#\n# {WARNED}:\n# - {line}\n")), "{text}");
    assert_eq!(text.matches("MaxSpeedInMhz = 3000").count(), 2, "{text}");
    let own = folder.output().join("vpd.d/10-own.toml");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(own, "own-inventory = true\n").unwrap();
    assert!(folder.imported().0.output.ends_with("everything is carried over\n"));
}
