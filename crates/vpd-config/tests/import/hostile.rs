//! JSON that means no good ends with a complaint, and with nothing written.

use crate::folder::{Folder, entries, entry};

fn refuse(json: impl AsRef<[u8]>, complaint: &str) {
    let folder = Folder::with(json.as_ref());
    let run = folder.import(&[]);
    let shown = String::from_utf8_lossy(json.as_ref()).chars().take(200).collect::<String>();
    assert_eq!(run.status, 65, "{shown}: {}", run.errors);
    assert!(run.errors.contains(complaint), "{shown}: {} lacks {complaint}", run.errors);
    assert!(run.errors.lines().count() == 1 && run.errors.len() < 2_000, "{}", run.errors);
    assert!(!folder.output().exists(), "{shown}");
}

#[test]
fn what_is_no_json_is_refused_with_line_and_column() {
    refuse("", "50001001_v2.json:1:0");
    refuse("{\n  \"frus\": {,}}", "50001001_v2.json:2:12");
    refuse(b"{\"frus\": \"\xff\"}", "50001001_v2.json:1:");
    refuse(b"\xff\xfe{\0}\0", "50001001_v2.json:1:1");
    refuse("{\"frus\": 1e999}", "number out of range");
    refuse("[".repeat(500_000), "recursion limit");
    refuse("{\"a\":".repeat(500_000), "recursion limit");
    refuse(vec![b' '; 5 << 20], "larger than 4194304 bytes");
}

#[test]
fn a_key_that_appears_twice_is_refused_wherever_it_is() {
    let command = "\"systemCmd\": {\"cmd\": \"a\"}";
    refuse(
        entry(&format!("\"preAction\": {{\"collection\": {{{command}, {command}}}}}")),
        "\"systemCmd\" appears twice",
    );
    refuse("{\"frus\": {}, \"frus\": {}}", "50001001_v2.json:1:19: key \"frus\" appears twice");
    refuse("{\"frus\": {\"a\\u0000\": [], \"a\\u0000\": []}}", "key \"a\\u0000\" appears twice");
}

#[test]
fn what_has_not_the_frame_is_refused_with_its_place() {
    for (json, complaint) in [
        ("[]".to_owned(), "the file holds no object"),
        ("7".to_owned(), "the file holds no object"),
        ("{}".to_owned(), "it has no frus"),
        ("{\"frus\": []}".to_owned(), "frus is no object"),
        ("{\"frus\": {}}".to_owned(), "names no EEPROM"),
        ("{\"frus\": {\"/a\": {}}}".to_owned(), "frus.\"/a\": this is no list"),
        ("{\"frus\": {\"/a\": []}}".to_owned(), "frus.\"/a\": it has no entry"),
        ("{\"frus\": {\"/a\": [1]}}".to_owned(), "frus.\"/a\"[0]: this entry is no object"),
        ("{\"frus\": {\"/a\": [{}]}}".to_owned(), "frus.\"/a\"[0]: it has no inventoryPath"),
        (entries("{\"inventoryPath\": 3}"), "[0].inventoryPath: 3 is no inventory path"),
        (entries("{\"inventoryPath\": \"system\"}"), "is no inventory path"),
        (entries("{\"inventoryPath\": \"/a/../b\"}"), "is no inventory path"),
        (entries("{\"inventoryPath\": \"/a\\u0000\"}"), "\"/a\\u0000\" is no inventory path"),
        (entries("{\"inventoryPath\": \"/a\"}, {\"inventoryPath\": \"/\"}"), "[1].inventoryPath"),
        (format!("{{\"frus\": {{\"/{}\": 1}}}}", "\\n".repeat(9_999)), "this is no list"),
        (entries("{\"inventoryPath\": \"/a\"}").replace("8-0050", "08-0050"), "names no EEPROM"),
    ] {
        refuse(json, complaint);
    }
}

#[test]
fn two_paths_of_one_eeprom_are_refused() {
    refuse(
        "{\"frus\": {\"/sys/bus/i2c/drivers/at24/8-0050/eeprom\": [{\"inventoryPath\": \"/a\"}],
         \"/sys/bus/i2c/devices/8-0050/eeprom\": [{\"inventoryPath\": \"/b\"}]}}",
        "frus.\"/sys/bus/i2c/devices/8-0050/eeprom\": it is EEPROM 8-0050, as \
         frus.\"/sys/bus/i2c/drivers/at24/8-0050/eeprom\" is too",
    );
}

/// Every value of every key replaced by values of every type: listed or refused, never a panic. The import's status is what
/// `check` says of the file.
#[test]
fn values_of_any_type_in_any_place_are_survived() {
    const ODD: [&str; 10] = [
        "null",
        "true",
        "-1",
        "18446744073709551615",
        "1e300",
        "\"\\u0000\\n\\u202e\"",
        "\"\"",
        "[]",
        "{}",
        "[[{\"\": [null, {\"a\": 1}]}]]",
    ];
    let json: serde_json::Value = serde_json::from_str(include_str!("data/small.json")).unwrap();
    let mut pointers = Vec::new();
    collect(&json, String::new(), &mut pointers);
    assert!(pointers.len() > 150);
    let cases = pointers.iter().flat_map(|pointer| ODD.map(|odd| (pointer, odd)));
    for (number, (pointer, odd)) in cases.enumerate() {
        let mut json = json.clone();
        *json.pointer_mut(pointer).unwrap() = serde_json::from_str(odd).unwrap();
        let folder = Folder::with(json.to_string());
        let schema = folder.small_schema();
        let run = folder.import(&schema.each_ref().map(String::as_str));
        match run.status {
            65 if !folder.output().exists() => {}
            // To compile each of thousands once more takes a minute.
            0 if !number.is_multiple_of(16) => assert!(folder.file().exists()),
            // To compile each of thousands once more takes a minute.
            0 if !number.is_multiple_of(16) => assert!(folder.file().exists()),
            0 | 65 => {
                assert_eq!(run.status, folder.check(&schema).status, "{pointer} = {odd}: {}", run.output)
            }
            status => panic!("{pointer} = {odd}: {status} {}", run.errors),
        }
    }
}

fn collect(value: &serde_json::Value, pointer: String, pointers: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        serde_json::Value::Object(map) => {
            map.iter()
                .for_each(|(key, value)| collect(value, format!("{pointer}/{}", escaped(key)), pointers));
        }
        serde_json::Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, value)| collect(value, format!("{pointer}/{i}"), pointers));
        }
        _ => {}
    }
    pointers.push(pointer);
}
