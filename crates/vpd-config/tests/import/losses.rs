//! What is left out is listed with its place and its reason.

use crate::folder::{Folder, Run, entries, entry};

const PLACE: &str = "frus.\"/sys/bus/i2c/drivers/at24/8-0050/eeprom\"[0]";

fn listed(json: &str, place: &str, why: &str) -> (Run, String) {
    let (run, text) = Folder::with(json).imported();
    let is_it = |loss: &&str| loss.contains(&format!(" at {place}: ")) && loss.contains(why);
    assert_eq!(run.losses().iter().filter(|loss| is_it(loss)).count(), 1, "{json}: {}", run.output);
    assert!(text.starts_with("# Imported by vpd-config"), "{text}");
    assert!(text.contains("#\n# Not carried over:\n# - "), "{text}");
    (run, text)
}

#[test]
fn values_that_no_property_takes_are_listed() {
    for (value, place, why) in [
        (
            "{\"a.B\": \"a.B.Unknown\"}",
            "\"a.B\"",
            "\"a.B.Unknown\" stands where a table of properties belongs",
        ),
        ("{\"a.B\": {\"C\": null}}", "\"a.B\".C", "null is no value"),
        ("{\"a.B\": {\"C\": 1.5}}", "\"a.B\".C", "1.5e0 is no value"),
        ("{\"a.B\": {\"C\": [256]}}", "\"a.B\".C", "lists of bytes"),
        ("{\"a.B\": {\"C\": [\"a\"]}}", "\"a.B\".C", "lists of bytes"),
        ("{\"a.B\": {\"C\": \"\\u0000\"}}", "\"a.B\".C", "NUL"),
        (
            "{\"xyz.openbmc_project.Inventory.Item\": {\"PrettyName\": 5}}",
            "\"xyz.openbmc_project.Inventory.Item\".PrettyName",
            "the inventory takes a text there, not the number 5",
        ),
        (
            "{\"xyz.openbmc_project.Inventory.Item\": {\"Present\": {\"keywordName\": \"SN\"}}}",
            "\"xyz.openbmc_project.Inventory.Item\".Present",
            "takes a truth value there, not the text of a keyword",
        ),
        ("{\"a.B\": {\"\": 1}}", "\"a.B\".\"\"", "no name of a property"),
        ("{\"ab\": null}", "ab", "no name of an interface"),
        ("{\"a.B\": {\"C\": {\"recordName\": \"VINI\"}}}", "\"a.B\".C", "names no keyword"),
        (
            "{\"a.B\": {\"C\": {\"recordName\": \"V\", \"keywordName\": \"SN\"}}}",
            "\"a.B\".C.recordName",
            "no name of a record",
        ),
        ("{\"a.B\": {\"C\": {\"keywordName\": \"SNN\"}}}", "\"a.B\".C.keywordName", "no name of a keyword"),
        (
            "{\"a.B\": {\"C\": {\"keywordName\": \"SN\", \"encoding\": \"ROT\"}}}",
            "\"a.B\".C.encoding",
            "\"ROT\" is no encoding that is known",
        ),
        (
            "{\"com.ibm.ipzvpd.Location\": {\"LocationCode\": \"Umts-D1\"},
              \"xyz.openbmc_project.Inventory.Decorator.LocationCode\": {\"LocationCode\": \"Umts\"}}",
            "\"xyz.openbmc_project.Inventory.Decorator.LocationCode\".LocationCode",
            "second location code",
        ),
        (
            "{\"com.ibm.ipzvpd.Location\": {\"LocationCode\": \"Ufcs-\\u202eP0\"}}",
            "\"com.ibm.ipzvpd.Location\".LocationCode",
            "\"Ufcs-\\u202EP0\" is no location code",
        ),
    ] {
        listed(
            &entry(&format!("\"extraInterfaces\": {value}")),
            &format!("{PLACE}.extraInterfaces.{place}"),
            why,
        );
    }
}

#[test]
fn commands_for_a_shell_are_listed_with_their_text() {
    let json = |command: &str| {
        entry(&format!("\"preAction\": {{\"collection\": {{\"systemCmd\": {{\"cmd\": \"{command}\"}}}}}}"))
    };
    let place = format!("{PLACE}.preAction.collection.systemCmd");
    listed(&json("i2cset 1 2; reboot"), &place, "\"i2cset 1 2; reboot\" is no step");
    listed(
        &json("echo 21-0051 /sys/bus/i2c/drivers/at24/unbind"),
        &place,
        "there is no '>', so a shell would only print it; { unbind = \"21-0051\", driver = \"at24\" } was probably meant",
    );
}

#[test]
fn an_object_that_another_eeprom_has_is_left_out() {
    let twice = "{\"inventoryPath\": \"/a\"}, {\"inventoryPath\": \"/xyz/openbmc_project/inventory/a\"}";
    listed(&entries(twice), &PLACE.replace("[0]", "[1]"), "/a is already an object of 8-0050, so the entry");
    let json = entry("").replace("}]}}", "}], \"/b\": [{\"inventoryPath\": \"/system\"}]}}");
    let (run, text) =
        listed(&json, "frus.\"/b\"[0]", "/system is already an object of 8-0050, so the EEPROM");
    assert!(run.output.contains("1 EEPROMs, 1 objects"), "{}", run.output);
    assert!(!text.contains("file:b"), "{text}");
}

#[test]
fn later_entries_say_nothing_about_the_eeprom() {
    let json = |later: &str| {
        entries(&format!(
            "{{\"inventoryPath\": \"/a\", \"offset\": 16, \"powerOffOnly\": true}}, {{\"inventoryPath\": \"/b\", {later}}}"
        ))
    };
    let place = PLACE.replace("[0]", "[1]");
    for later in [
        "\"offset\": 32",
        "\"powerOffOnly\": false",
        "\"preAction\": {}",
        "\"essentialFru\": true",
        "\"replaceableAtRuntime\": true",
        "\"concurrentlyMaintainable\": true",
    ] {
        let key = later.split('"').nth(1).unwrap();
        listed(&json(later), &format!("{place}.{key}"), "first entry alone");
    }
    for later in [
        "\"offset\": 16",
        "\"powerOffOnly\": true",
        "\"essentialFru\": false",
        "\"replaceableAtStandby\": false",
    ] {
        let (run, _) = Folder::with(json(later)).imported();
        assert!(run.losses().is_empty(), "{later}: {}", run.output);
    }
}

#[test]
fn a_condition_that_cannot_be_read_does_not_become_no_condition() {
    let entry_two = "{\"inventoryPath\": \"/a\"}, {\"inventoryPath\": \"/b\", \"ccin\": [\"123\"]}";
    let (run, text) = listed(&entries(entry_two), &PLACE.replace("[0]", "[1].ccin"), "left out with it");
    assert!(run.output.contains(" 1 objects") && !text.contains("\"/b\""), "{text}");
    let action =
        "\"postAction\": {\"collection\": {\"ccin\": [], \"setGpio\": {\"pin\": \"A\", \"value\": 1}}}";
    let (_, text) =
        listed(&entry(action), &format!("{PLACE}.postAction.collection.ccin"), "left out with it");
    assert!(!text.contains("set = "), "{text}");
}

#[test]
fn what_is_other_softwares_shows_nothing_of_the_eeprom() {
    let json = "\"synthesized\": true, \"copyRecords\": [\"VINI\"], \"inheritCI\": true, \"extraInterfaces\": \
                {\"a.B\": {\"C\": {\"recordName\": \"VINI\", \"keywordName\": \"SN\"}, \"D\": 1}}";
    let (run, text) = listed(&entry(json), &format!("{PLACE}.extraInterfaces.\"a.B\".C"), "other software's");
    assert_eq!(run.losses().len(), 4, "{}", run.output);
    assert!(text.ends_with("foreign = true\ninterfaces.\"a.B\" = { D = 1 }\n"), "{text}");
}

#[test]
fn redundant_eeproms_are_only_what_their_first_one_needs() {
    let json = |primary: &str, second: &str| {
        entry(primary)
            .replace("}]}}", &format!("}}], \"/sys/bus/spi/drivers/at25/spi1.0/eeprom\": [{second}]}}}}"))
    };
    let second = "{\"inventoryPath\": \"/system\", \"isRedundant\": true, \"noprime\": true}";
    let place = "frus.\"/sys/bus/spi/drivers/at25/spi1.0/eeprom\"";
    listed(&json("", second), place, "no redundantEeprom names it");
    let primary = "\"redundantEeprom\": \"/sys/bus/spi/drivers/at25/spi1.0/eeprom\"";
    let (_, text) = listed(
        &json(primary, second),
        &format!("{place}[0].noprime"),
        "not as the first one's, which counts",
    );
    assert!(!text.contains("[fru.\"spi1.0\"]"), "{text}");
    let (run, _) = Folder::with(json(&format!("{primary}, \"noprime\": true"), second)).imported();
    assert!(run.losses().is_empty(), "{}", run.output);
}

/// One board, whose data are in one of three places.
#[test]
fn all_that_may_say_which_system_this_is_are_kept() {
    let one = "[{\"inventoryPath\": \"/system\", \"isSystemVpd\": true}]";
    let json = format!(
        "{{\"frus\": {{\"/sys/bus/i2c/drivers/at24/8-0050/eeprom\": {one}, \"/usr/share/x/template.vpd\": {one},
         \"/sys/bus/i2c/drivers/at24/32-0051/eeprom\": {}}}}}",
        one.replace('}', ", \"offset\": 16, \"size\": 4096}")
    );
    let (run, text) = listed(
        &json,
        "frus.\"/usr/share/x/template.vpd\"",
        "/system is already an object of 8-0050, so this EEPROM is only asked which system this is",
    );
    assert_eq!(run.losses().len(), 2, "{}", run.output);
    let eeproms = "system-eeproms = [
    \"8-0050\",
    { key = \"file:template.vpd\", file = \"/usr/share/x/template.vpd\" },
    { key = \"32-0051\", offset = 16, size = 4096 },
]
";
    assert!(text.contains(eeproms), "{text}");
}

#[test]
fn muxes_are_kept_and_compared_with_what_else_is_said_about_them() {
    let json = |mux: &str| entry("").replacen('{', &format!("{{\"muxes\": [{mux}], "), 1);
    let path = "\"holdidlepath\": \"/sys/bus/i2c/drivers/pca954x/4-0070/hold_idle\"";
    let both = format!(
        "{{\"i2bus\": \"4\", \"deviceaddress\": \"0xE0\", {path}}}, {}",
        "{\"i2bus\": \"5\", \"deviceaddress\": \"0xE2\", \"holdidlepath\": \"/sys/class/x/idle\"}"
    );
    let (run, text) = listed(
        &json(&both),
        "muxes",
        "which buses are behind 4-0070, 5-0071 is said by the device tree's aliases",
    );
    assert_eq!(run.losses().len(), 1, "{}", run.output);
    assert!(
        text.contains("\n[[mux]]\nat = \"4-0070\"\nbuses = []\n\n[[mux]]\nat = \"5-0071\"\nbuses = []\n"),
        "{text}"
    );
    assert_eq!(text.matches("write-sysfs").count(), 2, "{text}");
    listed(&json(&format!("{{\"i2bus\": \"5\", {path}}}")), "muxes[0].i2bus", "contradicts");
    listed(
        &json(&format!("{{\"deviceaddress\": \"0xE2\", {path}}}")),
        "muxes[0].deviceaddress",
        "contradicts",
    );
    listed(&json(&format!("{{{path}}}, {{{path}}}")), "muxes[1]", "4-0070 is there already");
    listed(&json("{\"holdidlepath\": \"/etc/passwd\"}"), "muxes[0].holdidlepath", "none below /sys");
    listed(&json("{\"i2bus\": \"4\"}"), "muxes[0].i2bus", "does not say where the multiplexer is");
    listed(&json("{}"), "muxes[0]", "no holdidlepath");
}

#[test]
fn a_multiplexer_behind_another_is_the_last_of_its_path() {
    let nested = "{\"i2bus\": \"20\", \"deviceaddress\": \"0xE2\",
                   \"holdidlepath\": \"/sys/bus/i2c/devices/4-0070/channel-0/20-0071/hold_idle\"}";
    let first = "{\"i2bus\": \"4\", \"deviceaddress\": \"0xE0\",
                  \"holdidlepath\": \"/sys/bus/i2c/devices/4-0070/hold_idle\"}";
    let json = entry("").replacen('{', &format!("{{\"muxes\": [{first}, {nested}], "), 1);
    let (run, text) = listed(&json, "muxes", "which buses are behind 4-0070, 20-0071 is said");
    assert_eq!(run.losses().len(), 1, "{}", run.output);
    assert!(text.contains("\n[[mux]]\nat = \"20-0071\"\n"), "{text}");
}

#[test]
fn a_code_with_two_nodes_is_listed_and_left_out() {
    for code in ["Ufcs-N00-N00-P9", "Ufcs-N00-N01", "Ufcs-ND0-N00-P9"] {
        let json = entries(&located(&format!("{ROOT}/system/chassis/b"), code));
        let place = format!(
            "{PLACE}.extraInterfaces.\"xyz.openbmc_project.Inventory.Decorator.LocationCode\".LocationCode"
        );
        let (run, text) = listed(&json, &place, "names more than one node");
        assert_eq!(run.losses().len(), 1, "{}", run.output);
        assert!(!text.contains("\nlocation = "), "{text}");
    }
}

/// The two interfaces with a location code, in either order.
#[test]
fn a_contradicting_node_is_listed_whichever_interface_has_it() {
    let (ours, ibm) = ("xyz.openbmc_project.Inventory.Decorator.LocationCode", "com.ibm.ipzvpd.Location");
    for (first, second, wrong) in [
        ("Ufcs-N07-P9", "Ufcs-N00-P9", ours),
        ("Ufcs-N00-P9", "Ufcs-N07-P9", ibm),
        ("Ufcs-N07-P9", "Ufcs-P9", ours),
    ] {
        let json = format!(
            "{{\"inventoryPath\": \"/xyz/openbmc_project/inventory/system/chassis/b\", \"extraInterfaces\": {{
               \"{ours}\": {{\"LocationCode\": \"{first}\"}}, \"{ibm}\": {{\"LocationCode\": \"{second}\"}}}}}}"
        );
        let place = format!("{PLACE}.extraInterfaces.\"{wrong}\".LocationCode");
        let (run, text) = listed(&entries(&json), &place, "the code names the node N07");
        assert_eq!(run.losses().len(), 1, "{}", run.output);
        assert!(text.contains("location = \"Ufcs-P9\"\n"), "{text}");
    }
}

#[test]
fn no_text_of_the_json_ends_a_comment() {
    let json = entry("\"a\\nb = 1\": 1, \"cpuType\": \"x\\ny = 2\"");
    let (_, text) = Folder::with(json).imported();
    assert!(!text.lines().any(|line| line.starts_with("b = 1") || line.starts_with("y = 2")), "{text}");
}

/// An object with a location code, by a whole path or one below the root.
fn located(path: &str, code: &str) -> String {
    let interfaces = "xyz.openbmc_project.Inventory.Decorator.LocationCode";
    format!(
        "{{\"inventoryPath\": \"{path}\", \"extraInterfaces\": {{\"{interfaces}\": {{\"LocationCode\": \"{code}\"}}}}}}"
    )
}

const ROOT: &str = "/xyz/openbmc_project/inventory";

#[test]
fn a_node_in_a_code_is_taken_off_and_only_a_contradiction_is_listed() {
    let path = |path: &str| format!("{ROOT}/system/{path}");
    for (object, code, plain, losses) in [
        ("chassis", "Ufcs-N00-P0-C0", "Ufcs-P0-C0", &[][..]),
        ("chassis", "Ufcs-N00", "Ufcs", &[]),
        ("chassis0/panel", "Ufcs-SC0-OPL1", "Ufcs-OPL1", &[]),
        ("chassis2/motherboard", "Ufcs-N01-P0", "Ufcs-P0", &[]),
        ("chassis", "Ufcs-P0-N00", "Ufcs-P0-N00", &[]),
        ("chassis2", "Ufcs-N00-P0", "Ufcs-P0", &["the code names the node N00, and its object lies in N01"]),
        (
            "chassis",
            "Ufcs-ND0-P0",
            "Ufcs-P0",
            &["meant for the node ND0; `numbered` tells it from the path, here N00; write node = \"fixed\""],
        ),
    ] {
        let (run, text) = Folder::with(entries(&located(&path(object), code))).imported();
        assert!(text.contains(&format!("\nlocation = \"{plain}\"\n")), "{code}: {text}");
        assert_eq!(run.losses().len(), losses.len(), "{code}: {}", run.output);
        for loss in losses {
            let place = "LocationCode at frus.\"/sys/bus/i2c/drivers/at24/8-0050/eeprom\"[0].extraInterfaces";
            assert!(run.losses()[0].contains(loss) && run.losses()[0].starts_with(place), "{}", run.output);
        }
    }
}

#[test]
fn it_is_said_that_codes_of_older_files_get_another_node() {
    let older = [("/system/chassis", "Ufcs"), ("/system", "Umts"), ("/system/chassis/a", "Ufcs-P0")];
    let json = older.map(|(path, code)| located(path, code)).join(", ");
    let (run, text) = Folder::with(entries(&json)).imported();
    assert!(text.contains("node = \"numbered\""), "{text}");
    let [loss] = run.losses()[..] else { panic!("{}", run.output) };
    assert!(
        loss.contains("meant for the node ND0, as are 1 more; `numbered` tells it from the path, here N00"),
        "{loss}"
    );
    let whole = older.map(|(path, code)| located(&format!("{ROOT}{path}"), code)).join(", ");
    assert!(Folder::with(entries(&whole)).imported().0.losses().is_empty());
}
