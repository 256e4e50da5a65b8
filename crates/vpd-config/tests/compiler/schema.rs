//! What the inventory would refuse is an error, what it would drop without a word a warning.

use crate::folder::{Folder, fru, run};

const ITEM: &str = "xyz.openbmc_project.Inventory.Item";

/// A FRU whose object has one interface; its line is the fifth.
fn with(interface: &str) -> String {
    fru("8-0050", "") + interface
}

#[test]
fn a_value_of_the_wrong_type_is_an_error_with_its_line() {
    let common = fru("8-0050", "") + &format!("[common.\"{ITEM}\"]\n\nPresent = \"yes\"\n");
    let own = "[fru.\"8-0050\".common.\"a.B\"]\nC = 1\n".to_owned() + &with("");
    let own = own.replace("a.B", ITEM).replace("C = 1", "Present = 7");
    for (text, complaints) in [
        (
            with(&format!("interfaces.\"{ITEM}\" = {{ Present = true, PrettyName = 5 }}\n")),
            ["10-a.toml:5", "fru 8-0050: object /system/fru8_0050", "PrettyName: the inventory takes a text"],
        ),
        (common, ["10-a.toml:7", "common: ", "Present: the inventory takes a truth value"]),
        (
            own,
            ["10-a.toml:2", "common: ", "Present: the inventory takes a truth value there, not the number 7"],
        ),
    ] {
        let folder = Folder::with(&[("vpd.d/10-a.toml", &text)]);
        let run = folder.build();
        assert_eq!(run.status, 65, "{text}: {}", run.errors);
        for complaint in complaints {
            assert!(run.errors.contains(complaint), "{text}: {} lacks {complaint}", run.errors);
        }
        assert!(folder.files().is_empty());
    }
}

#[test]
fn all_that_is_wrong_is_named_at_once_and_what_systems_have_in_common_only_once() {
    let first = with(&format!("interfaces.\"{ITEM}\" = {{ Present = 1, PrettyName = 5 }}\n"));
    let system = "[[match]]\nim = \"50001001\"\nsystem-eeproms = [\"8-0050\"]\n";
    let system = system.replace("[[match]]\nim = \"50001001\"\n", "") + "[[match]]\nim = \"50001001\"\n";
    let folder = Folder::with(&[("vpd.d/10-a.toml", &first), ("systems/a/10-a.toml", &system)]);
    let run = folder.build();
    assert_eq!(run.errors.lines().count(), 2, "{}", run.errors);
    assert!(run.errors.lines().all(|line| line.starts_with("vpd-config: ")), "{}", run.errors);
}

#[test]
fn an_unknown_name_is_a_warning_and_the_fragment_says_what_is_not_shown() {
    let text = with(
        "interfaces.\"xyz.openbmc_project.Inventory.Itme\" = { PrettyName = \"x\" }\n\
         interfaces.\"xyz.openbmc_project.Inventory.Item\" = { PrettyNam = \"x\" }\n\
         [[fru.\"8-0050\".object]]\npath = \"/b\"\nrecords = [\"VINI\", \"QQQQ\"]\n",
    );
    let folder = Folder::with(&[("vpd.d/10-a.toml", &text)]);
    let run = folder.build();
    assert_eq!((run.status, run.output.as_str()), (0, "0 systems, 1 EEPROMs, 5 files, 3 warnings\n"));
    let lines: Vec<&str> = run.errors.lines().collect();
    for (line, words) in [
        (
            6,
            "object /system/fru8_0050: xyz.openbmc_project.Inventory.Item.PrettyNam is not in inventory-schema.d",
        ),
        (5, "xyz.openbmc_project.Inventory.Itme is not in inventory-schema.d"),
        (9, "object /b: com.ibm.ipzvpd.QQQQ is not in inventory-schema.d, so the inventory does not show it"),
    ] {
        let place = format!("10-a.toml:{line}: ");
        let is_it = |found: &&&str| found.starts_with("vpd-config: warning: ") && found.contains(words);
        assert!(lines.iter().find(is_it).unwrap().contains(&place), "{}", run.errors);
    }
    let fragment = &folder.files()["usr/share/vivianite/vpd/systems/common/frus/8-0050.toml"];
    let not_shown = "not-shown = [\"xyz.openbmc_project.Inventory.Item.PrettyNam\", \
                     \"xyz.openbmc_project.Inventory.Itme\", \"com.ibm.ipzvpd.QQQQ\"]\n";
    assert!(fragment.contains(not_shown), "{fragment}");
    assert!(fragment.contains("PrettyNam = \"x\""), "another inventory may host it: {fragment}");
}

#[test]
fn a_site_adds_to_the_schema_in_its_folder_or_by_name() {
    let text = with("interfaces.\"a.B\" = { C = 7 }\n");
    let folder = Folder::with(&[("vpd.d/10-a.toml", &text)]);
    assert!(folder.build().errors.contains("a.B is not in inventory-schema.d"));
    let source = folder.source();
    let source = source.to_str().unwrap();
    folder.write("more/20-site.toml", "[\"a.B\"]\nC = \"size\"\n");
    let more = folder.source().join("more");
    let run_named = run(&["check", source, "--schema", more.to_str().unwrap()]);
    assert_eq!((run_named.status, run_named.errors.as_str()), (0, ""));
    folder.write("inventory-schema.d/20-site.toml", "[\"a.B\"]\nC = \"b\"\n");
    let refused = folder.build();
    assert!(refused.errors.contains("a.B.C: the inventory takes a truth value there"), "{}", refused.errors);
    // A file of the same name replaces, as on a machine.
    let run_named = run(&["check", source, "--schema", more.to_str().unwrap()]);
    assert_eq!((run_named.status, run_named.errors.as_str()), (0, ""));
    // So does one of the shipped file's.
    folder.write("inventory-schema.d/10-openbmc.toml", "");
    folder.write("inventory-schema.d/20-site.toml", "[\"a.B\"]\nC = \"y\"\n");
    folder.write("vpd.d/10-a.toml", &with(&format!("interfaces.\"{ITEM}\" = {{}}\n")));
    assert!(folder.build().errors.contains(&format!("{ITEM} is not in inventory-schema.d")));
}

#[test]
fn a_schema_that_is_none_is_named_with_its_line() {
    let folder = Folder::with(&[("vpd.d/10-a.toml", "")]);
    for (text, complaint) in [
        ("\n[\"a.B\"]\nC = \"h\"\n", "20-site.toml:3: a.B.C: type h cannot be hosted"),
        ("[\"a.B\"]\nC = { typ = \"s\" }\n", "20-site.toml: "),
    ] {
        folder.write("inventory-schema.d/20-site.toml", text);
        let run = folder.build();
        assert_eq!(run.status, 65, "{}", run.errors);
        assert!(run.errors.contains(complaint), "{}", run.errors);
    }
    folder.write("inventory-schema.d/20-site.toml", "");
    let source = folder.source();
    let absent = source.join("absent");
    let run = run(&["check", source.to_str().unwrap(), "--schema", absent.to_str().unwrap()]);
    assert_eq!(run.status, 66, "{}", run.errors);
    assert!(run.errors.contains("absent: there is no such folder"), "{}", run.errors);
}

#[test]
fn a_node_in_a_location_code_is_a_warning() {
    let text = with("location = \"Ufcs-N00-P0\"\n").replace("/system/", "/system/chassis/");
    let run = Folder::with(&[("vpd.d/10-a.toml", &text)]).build();
    assert_eq!(run.status, 0, "{}", run.errors);
    for words in
        ["10-a.toml:5: fru 8-0050: object", "location Ufcs-N00-P0 names the node N00", "write Ufcs-P0"]
    {
        assert!(run.errors.contains(words), "{} lacks {words}", run.errors);
    }
}

#[test]
fn no_source_says_itself_what_is_not_shown() {
    let folder = Folder::with(&[("vpd.d/10-a.toml", &fru("8-0050", "not-shown = []\n"))]);
    assert_eq!(folder.build().status, 65);
}

/// Variants of `Notify` are b, size, x, q, s, ay and as; a property takes its own type alone.
#[test]
fn a_number_that_phosphor_inventory_manager_does_not_take_is_a_warning_unless_the_inventory_is_ours() {
    let numbers = with(
        "[fru.\"8-0050\".object.interfaces]\n\
         \"xyz.openbmc_project.Inventory.Item.Cpu\" = { MaxSpeedInMhz = 3000, CoreCount = 12 }\n\
         \"xyz.openbmc_project.Inventory.Item.Drive\" = { PredictedMediaLifeLeftPercent = 30 }\n\
         \"xyz.openbmc_project.Inventory.Decorator.Dimension\" = { Depth = 5 }\n\
         \"xyz.openbmc_project.Inventory.Decorator.Slot\" = { SlotNumber = 3 }\n\
         \"a.Site\" = { Width = 3, Height = 4 }\n\
         [common.\"xyz.openbmc_project.Inventory.Item.Cpu\"]\nMaxSpeedInMhz = 1\n",
    );
    let folder = Folder::with(&[
        ("vpd.d/10-a.toml", &numbers),
        ("inventory-schema.d/20-site.toml", "[\"a.Site\"]\nWidth = \"q\"\nHeight = \"x\"\n"),
    ]);
    let run = folder.build();
    assert_eq!(run.status, 0, "{}", run.errors);
    for (line, words) in [
        (
            6,
            "object /system/fru8_0050: xyz.openbmc_project.Inventory.Item.Cpu.MaxSpeedInMhz is of type u, of which \
             phosphor-inventory-manager takes no value",
        ),
        (
            7,
            "Drive.PredictedMediaLifeLeftPercent is of type y, of which phosphor-inventory-manager takes no value",
        ),
        (8, "Dimension.Depth is of type d, of which phosphor-inventory-manager takes no value"),
        (10, "a.Site.Width is of type q, and goes out as PDI's size"),
        (10, "a.Site.Height is of type x, and goes out as PDI's size"),
        (12, "common: xyz.openbmc_project.Inventory.Item.Cpu.MaxSpeedInMhz is of type u"),
    ] {
        let found = run.errors.lines().find(|found| found.contains(words));
        let found = found.unwrap_or_else(|| panic!("{words}: {}", run.errors));
        assert!(found.starts_with("vpd-config: warning: "), "{found}");
        assert!(found.contains(&format!("10-a.toml:{line}: ")), "{found}");
        assert!(found.contains("drops the object's whole call at each reading"), "{found}");
    }
    assert_eq!(run.errors.lines().count(), 6, "CoreCount and SlotNumber are taken: {}", run.errors);
    folder.write("vpd.d/20-own.toml", "own-inventory = true\n");
    assert_eq!(folder.build().errors, "");
}

#[test]
fn a_property_of_the_owner_that_each_reading_overwrites_is_a_warning() {
    let interface = "xyz.openbmc_project.Inventory.Decorator.AssetTag";
    for value in ["\"fixed\"", "{ record = \"VINI\", keyword = \"SN\" }"] {
        let text = with(&format!("interfaces.\"{interface}\" = {{ AssetTag = {value} }}\n"));
        let run =
            Folder::with(&[("vpd.d/10-a.toml", &text), ("vpd.d/20.toml", "own-inventory = true\n")]).build();
        assert_eq!((run.status, run.errors.lines().count()), (0, 1), "{value}: {}", run.errors);
        let words = "10-a.toml:5: fru 8-0050: object /system/fru8_0050: xyz.openbmc_project.Inventory.Decorator.AssetTag.AssetTag \
                     is for the machine's owner to set";
        assert!(run.errors.contains(words), "{value}: {}", run.errors);
    }
    let marker = with(&format!("interfaces.\"{interface}\" = {{}}\n"));
    assert_eq!(Folder::with(&[("vpd.d/10-a.toml", &marker)]).build().errors, "");
}

#[test]
fn what_is_only_warned_of_is_said_beside_what_is_wrong_too() {
    let text = with(&format!("interfaces.\"{ITEM}\" = {{ PrettyNam = \"x\", Present = 7 }}\n"));
    for folder in [
        Folder::with(&[("vpd.d/10-a.toml", &text)]),
        // Wrong is what all systems together come to.
        Folder::with(&[
            ("vpd.d/10-a.toml", &text.replace("Present = 7", "Present = true")),
            ("systems/a/10-a.toml", "[[match]]\nim = \"50001001\"\n"),
        ]),
    ] {
        let run = folder.build();
        assert_eq!((run.status, run.errors.lines().count()), (65, 2), "{}", run.errors);
        let (warning, error) = run.errors.split_once('\n').unwrap();
        assert!(
            warning.starts_with("vpd-config: warning: ") && warning.contains("PrettyNam"),
            "{}",
            run.errors
        );
        assert!(error.starts_with("vpd-config: ") && !error.contains("warning"), "{}", run.errors);
        assert!(folder.files().is_empty());
    }
}
