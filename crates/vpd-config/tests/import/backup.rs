//! The file of backups is read with the JSON that names it.

use crate::folder::{Folder, entry};
use std::fs;

const NAME: &str = "backup_restore_50001000.json";

fn json() -> String {
    let path = format!("{{\"backupRestoreConfigPath\": \"/usr/share/vpd/{NAME}\", ");
    let backup = "}], \"/sys/bus/i2c/drivers/at24/7-0050/eeprom\": [{\"inventoryPath\": \"/panel\"}]}}";
    entry("").replacen('{', &path, 1).replace("}]}}", backup)
}

fn map(destination: &str, keywords: &str) -> String {
    format!(
        "{{\"source\": {{\"hardwarePath\": \"/sys/bus/i2c/drivers/at24/8-0050/eeprom\"}}, \"type\": \"IPZ\",
           \"destination\": {destination}, \"backupMap\": [{keywords}]}}"
    )
}

fn keyword(record: &str, more: &str) -> String {
    format!(
        "{{\"sourceRecord\": \"VCEN\", \"sourceKeyword\": \"SE\", \"destinationRecord\": \"{record}\",
           \"destinationKeyword\": \"SE\", \"defaultValue\": [32, 32], {more}}}"
    )
}

const CHIP: &str = "{\"hardwarePath\": \"/sys/bus/i2c/drivers/at24/7-0050/eeprom\"}";
const INVENTORY: &str = "{\"inventoryPath\": \"/xyz/openbmc_project/inventory/system\"}";
const FLAGS: &str =
    "\"isPelRequired\": true, \"isManufactureResetRequired\": false, \"isBiosSyncRequired\": true";

#[test]
fn a_map_beside_the_json_is_carried_over_and_compiled() {
    let folder = Folder::with(json());
    for (destination, record, written) in [
        (
            CHIP,
            "VSBK",
            "destination = \"7-0050\"\nkeywords = [\n    { record = \"VCEN\", keyword = \"SE\", backup-record = \"VSBK\",",
        ),
        (INVENTORY, "VCEN", "keywords = [\n    { record = \"VCEN\", keyword = \"SE\","),
    ] {
        fs::write(folder.json().with_file_name(NAME), map(destination, &keyword(record, FLAGS))).unwrap();
        let (run, text) = folder.imported();
        assert!(run.output.ends_with("everything is carried over\n"), "{}", run.output);
        let backup = format!(
            "\n[[backup]]\nsource = \"8-0050\"\n{written} default = [32, 32], event = true, bios-attribute = true }},\n]\n"
        );
        assert!(text.contains(&backup), "{text}");
    }
}

#[test]
fn a_map_that_is_nowhere_is_listed_and_one_that_is_named_counts() {
    let folder = Folder::with(json());
    let (run, text) = folder.imported();
    let [loss] = run.losses()[..] else { panic!("{}", run.output) };
    assert!(loss.contains("there is no such file beside the JSON; name it by --backup FILE"), "{loss}");
    assert!(!text.contains("\n[[backup]]"), "{text}");
    let elsewhere = folder.json().with_file_name("elsewhere.json");
    fs::write(&elsewhere, map(INVENTORY, &keyword("VCEN", FLAGS))).unwrap();
    for folder in [&folder, &Folder::with(entry(""))] {
        let run = folder.import(&["--backup", elsewhere.to_str().unwrap()]);
        assert!(run.output.ends_with("everything is carried over\n"), "{}", run.output);
    }
    fs::remove_file(&elsewhere).unwrap();
    assert_eq!(folder.import(&["--backup", elsewhere.to_str().unwrap()]).status, 66);
}

#[test]
fn what_of_a_map_has_no_place_is_listed() {
    let folder = Folder::with(json());
    let both = format!("{}, {}", keyword("VCEN", FLAGS), keyword("VCEN", FLAGS).replace("[32, 32]", "[256]"));
    for (map, place, why) in [
        (map(CHIP, &both), "backupMap[1].defaultValue", "is no list of bytes"),
        (map(CHIP, &both), "backupMap[1]: ", "so it is left out"),
        (map(CHIP, &keyword("VCEN", "\"x\": 1")), "backupMap[0].x", "nothing is known by this name"),
        (map(INVENTORY, &keyword("VSBK", FLAGS)), "backupMap[0].destinationRecord", "keeps no backup here"),
        (map(INVENTORY, "").replace("IPZ", "KW"), "type", "only IPZ is backed up"),
        (map("{\"hardwarePath\": \"/a\"}", &both), "destination.hardwarePath", "is no chip's eeprom"),
        (map("{}", &both), "destination", "takes hardwarePath or inventoryPath"),
        (map(INVENTORY, ""), "backupMap", "no keyword is left"),
        ("{}".to_owned(), "", "it takes a source with hardwarePath, a destination, and a backupMap"),
        ("[]".to_owned(), "", "a list of 0 is no object"),
    ] {
        fs::write(folder.json().with_file_name(NAME), &map).unwrap();
        let (run, _) = folder.imported();
        let is_it = |loss: &&&str| {
            loss.contains(&format!("at \"{NAME}\"")) && loss.contains(place) && loss.contains(why)
        };
        assert!(run.losses().iter().any(|loss| is_it(&loss)), "{map}: {}", run.output);
    }
}

#[test]
fn a_map_that_is_broken_is_listed_and_all_else_is_carried_over() {
    let folder = Folder::with(json());
    let path = folder.json().with_file_name(NAME);
    let large = " ".repeat((4 << 20) + 1);
    for (map, why) in [("{", format!("{NAME}:1:1: EOF")), (&large, format!("{NAME}: it is larger than"))] {
        fs::write(&path, map).unwrap();
        let (run, text) = folder.imported();
        let [loss] = run.losses()[..] else { panic!("{}", run.output) };
        let start = "backupRestoreConfigPath at backupRestoreConfigPath: the file of backups is broken";
        assert!(loss.starts_with(start) && loss.contains(&why), "{loss}");
        assert!(run.output.contains("2 EEPROMs") && !text.contains("\n[[backup]]"), "{text}");
        // The same where it is named.
        let named = Folder::with(entry(""));
        let run = named.import(&["--backup", path.to_str().unwrap()]);
        assert_eq!((run.status, run.losses().len()), (0, 1), "{}{}", run.output, run.errors);
        assert!(run.losses()[0].contains(&why), "{}", run.output);
    }
}
