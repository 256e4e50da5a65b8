//! Every mistake is named with file, line and key, and leaves nothing behind.

use crate::folder::{Folder, answers, fru, run};

/// Files, and words of the complaint.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

fn refuse(cases: &[Case<'_>]) {
    for (files, complaints) in cases {
        let folder = Folder::with(files);
        let run = folder.build();
        assert_eq!(run.status, 65, "{files:?}: {}{}", run.output, run.errors);
        for complaint in *complaints {
            assert!(run.errors.contains(complaint), "{files:?}: {} lacks {complaint}", run.errors);
        }
        assert!(folder.files().is_empty(), "{files:?}");
    }
}

#[test]
fn what_a_file_may_not_say_is_named_with_its_line() {
    let odd = "[fru.\"10-0050\"]\nformat = \"ipz\"\nsise = 3\n";
    refuse(&[
        (&[("vpd.d/10-a.toml", "lanes = 1\nlane = 2\n")], &["10-a.toml", "line 2", "lane"]),
        (&[("vpd.d/10-a.toml", "lanes = \"many\"\n")], &["10-a.toml", "line 1", "lanes"]),
        (&[("vpd.d/10-a.toml", odd)], &["10-a.toml", "line 3", "sise"]),
        (&[("vpd.d/10-a.toml", "[fru.\"10-50\"]\n")], &["10-a.toml", "line 1", "10-50"]),
        (
            &[("vpd.d/10-a.toml", "[fru.\"10-0050\"]\npolicy = \"lax\"\n")],
            &["line 2", "lax", "strict, recover"],
        ),
        (&[("vpd.d/10-a.toml", &answers("50001001"))], &["10-a.toml", "line 1", "match"]),
        (&[("vpd.d/10-a.toml", "lanes = \n")], &["10-a.toml", "line 1"]),
        (&[("systems/a/10-a.toml", "lanes = 2\n")], &["systems/a/10-a.toml", "line 1", "lanes"]),
        (&[("systems/a/10-a.toml", "[[match]]\nim = \"5\"\n")], &["10-a.toml", "line 2", "system type"]),
        (&[("systems/a/10-a.toml", "[[match]]\nim = \"50001001\"\nhv = []\n")], &["line 3", "hv"]),
        (
            &[("systems/a/10-a.toml", "[[match]]\nim = \"50001001\"\nhw = [\"0001\"]\nnot-hw = []\n")],
            &["10-a.toml:1", "either hw or not-hw"],
        ),
        (
            &[(
                "systems/a/10-a.toml",
                "[[match]]\nim = \"50001001\"\n[[match]]\nim = \"50001002\"\nhw = [\"0001\"]\nnot-hw = []\n",
            )],
            &["10-a.toml:3: match: ", "either hw or not-hw"],
        ),
    ]);
}

#[test]
fn settings_have_limits() {
    refuse(&[
        (&[("vpd.d/10-a.toml", "\nlanes = 0\n")], &["10-a.toml:2", "lanes: 0 is not within 1 to 64"]),
        (&[("vpd.d/10-a.toml", "select-wait-ms = 0\n")], &["10-a.toml:1", "select-wait-ms"]),
        (&[("vpd.d/10-a.toml", "system-eeproms = [\"8-0050\"]")], &["10-a.toml:1", "8-0050 is in no system"]),
        (
            &[(
                "vpd.d/10-a.toml",
                &format!("system-eeproms = [\"8-0050\", \"8-0050\"]\n{}", fru("8-0050", "")),
            )],
            &["10-a.toml:1", "8-0050 appears twice"],
        ),
        (
            &[(
                "vpd.d/10-a.toml",
                &format!("system-eeproms = [\"8-0050\"]\n{}", fru("8-0050", "format = \"memory\"\n")),
            )],
            &["10-a.toml:1", "8-0050 has a format without system type"],
        ),
    ]);
}

#[test]
fn an_eeprom_that_is_only_asked_for_the_system_is_described_as_a_fru_would_be() {
    let with = |eeprom: &str| format!("\nsystem-eeproms = [{eeprom}]\n{}", fru("8-0050", ""));
    refuse(&[
        (
            &[("vpd.d/10-a.toml", &with("{ key = \"8-0050\" }"))],
            &["10-a.toml:2", "system-eeproms: 8-0050 is a fru of its own; name it by its key alone"],
        ),
        (&[("vpd.d/10-a.toml", &with("{ key = \"file:x\" }"))], &["10-a.toml:2", "file:x has no file"]),
        (
            &[("vpd.d/10-a.toml", &with("{ key = \"file:x\", file = \"x\" }"))],
            &["10-a.toml:2", "not named from the root on"],
        ),
        (
            &[("vpd.d/10-a.toml", &with("{ key = \"9-0050\", file = \"/x\" }"))],
            &["10-a.toml:2", "9-0050 is a chip and has a file all the same"],
        ),
        (&[("vpd.d/10-a.toml", &with("{ key = \"9-0050\", bus = 9 }"))], &["line 2", "bus"]),
        (&[("vpd.d/10-a.toml", &with("\"9-0050\""))], &["10-a.toml:2", "9-0050 is in no system"]),
        (&[("vpd.d/10-a.toml", &with("7"))], &["line 2", "the key of a FRU, or { key,"]),
    ]);
    // What reaches nothing is no key.
    let object = fru("8-0050", "") + "replaceable-at = [\"runtime\"]\n";
    refuse(&[(&[("vpd.d/10-a.toml", &object)], &["10-a.toml", "line 5", "replaceable-at"])]);
}

#[test]
fn wires_and_backups_have_to_be_possible() {
    let mux = |mux: &str| format!("lanes = 1\n[[mux]]\n{mux}\n");
    let backup = |backup: &str| {
        let frus = fru("8-0050", "") + &fru("13-0050", "format = \"memory\"\n");
        format!("{frus}[[backup]]\n{backup}\n")
    };
    let keywords = "keywords = [{ record = \"VCEN\", keyword = \"SE\", default = [32] }]";
    refuse(&[
        (&[("vpd.d/10-a.toml", &mux("at = \"spi1.0\""))], &["10-a.toml:2", "mux: spi1.0 is no address"]),
        (&[("vpd.d/10-a.toml", &mux("at = \"4-0070\"\nbuses = [4]"))], &["mux: bus 4 is behind itself"]),
        (&[("vpd.d/10-a.toml", &mux("bus = 4"))], &["line 3", "bus"]),
        (
            &[("vpd.d/10-a.toml", &mux("at = \"4-0070\"\n[[mux]]\nat = \"5-0070\"\nbuses = [20, 20]"))],
            &["10-a.toml:4: mux: bus 20 is named twice behind 5-0070"],
        ),
        (
            &[(
                "vpd.d/10-a.toml",
                &backup(&format!(
                    "source = \"8-0050\"\n{keywords}\n[[backup]]\nsource = \"9-0050\"\n{keywords}"
                )),
            )],
            &["10-a.toml:13: backup: 9-0050 is no fru of this system"],
        ),
        (
            &[("vpd.d/10-a.toml", &backup(&format!("source = \"9-0050\"\n{keywords}")))],
            &["10-a.toml:10", "backup: 9-0050 is no fru of this system"],
        ),
        (
            &[(
                "vpd.d/10-a.toml",
                &backup(&format!("source = \"8-0050\"\ndestination = \"13-0050\"\n{keywords}")),
            )],
            &["backup: 13-0050 has a format without records"],
        ),
        (
            &[(
                "vpd.d/10-a.toml",
                &backup(&format!(
                    "source = \"8-0050\"\n{keywords}\n[[backup]]\nsource = \"8-0050\"\n{keywords}"
                )),
            )],
            &["10-a.toml:13: backup: 8-0050 is in another backup already"],
        ),
        (
            &[("vpd.d/10-a.toml", &backup("source = \"8-0050\"\nkeywords = []"))],
            &["backup: 8-0050 has no keywords"],
        ),
    ]);
}

#[test]
fn a_fru_has_to_be_complete_and_within_its_rights() {
    let location = "[fru.\"8-0050\"]\n[fru.\"8-0050\".common.\"xyz.openbmc_project.Inventory.Decorator.LocationCode\"]\n\
                    LocationCode = \"U\"\n[[fru.\"8-0050\".object]]\npath = \"/x\"\n";
    let name = fru("8-0050", "") + "[common.\"nodots\"]\n";
    refuse(&[
        (
            &[("vpd.d/10-a.toml", "\n[fru.\"8-0050\"]\nformat = \"ipz\"\n")],
            &["10-a.toml:2", "fru 8-0050", "[[object]]"],
        ),
        (
            &[("vpd.d/10-a.toml", &fru("8-0050", "").replace("/system", "system"))],
            &["10-a.toml:1", "inventory path"],
        ),
        (&[("vpd.d/10-a.toml", location)], &["10-a.toml:2", "location-code-updater"]),
        (&[("vpd.d/10-a.toml", &name)], &["10-a.toml:5", "nodots"]),
        (&[("vpd.d/10-a.toml", &fru("file:x", ""))], &["10-a.toml:1", "fru file:x: has no file"]),
        (
            &[("vpd.d/10-a.toml", &fru("file:x", "file = \"../x\"\n"))],
            &["10-a.toml:1", "fru file:x: has a file that is not named from the root on"],
        ),
        (
            &[("vpd.d/10-a.toml", &fru("8-0050", "file = \"/x\"\n"))],
            &["10-a.toml:1", "has a file all the same"],
        ),
        (
            &[("vpd.d/10-a.toml", &fru(&format!("file:{}", "-".repeat(60)), "file = \"/x\"\n"))],
            &["10-a.toml:1", "too long"],
        ),
        (
            &[("vpd.d/10-a.toml", &(fru("8-0050", "") + &fru("8-0051", "").replace("8_0051", "8_0050")))],
            &["10-a.toml:5", "fru 8-0051", "is also in fru 8-0050"],
        ),
    ]);
}

#[test]
fn a_system_has_to_be_told_apart_from_all_others() {
    let common = ("vpd.d/10-a.toml", "system-eeproms = [\"8-0050\"]\n");
    let system = |more: &str| fru("8-0050", more) + &answers("50001001");
    let plain = system("");
    refuse(&[
        (
            &[
                common,
                ("systems/a/10.toml", &plain),
                ("systems/b/10.toml", &plain),
                ("systems/c/10.toml", &(fru("8-0050", "") + &answers("50001002"))),
            ],
            &["systems/b/10.toml:5", "systems a and b both match im 50001001"],
        ),
        (
            &[common, ("systems/a/10.toml", &fru("8-0050", ""))],
            &["systems/a/10.toml", "system a has no [[match]]"],
        ),
        (&[("systems/a/10.toml", &plain)], &["system-eeproms: none is named"]),
        (
            &[
                common,
                ("systems/a/10.toml", &plain),
                ("systems/b/10.toml", &system("offset = 64\n").replace("1001", "1002")),
            ],
            &["10-a.toml:1", "8-0050 is read in different ways"],
        ),
        (&[("systems/common/10.toml", &plain)], &["systems/common", "in common"]),
        (&[("systems/a b/10.toml", &plain)], &["systems/a b", "no name of a system"]),
    ]);
}

#[test]
fn statuses_are_those_of_the_readme() {
    let folder = Folder::with(&[]);
    let source = folder.source();
    let source = source.to_str().unwrap();
    for (arguments, status, word) in [
        (&["--help"][..], 0, "Usage"),
        (&["check", source], 0, "0 systems"),
        (&["build", source], 64, "--destdir"),
        (&["make"], 64, "make"),
        (&[], 64, "Usage"),
        (&["check", "/nonexistent"], 66, "neither vpd.d nor systems"),
        (&["build", source, "--destdir", "/dev/null"], 73, "cannot write /dev/null/usr"),
    ] {
        let run = run(arguments);
        assert_eq!(run.status, status, "{arguments:?}: {}{}", run.output, run.errors);
        assert!(format!("{}{}", run.output, run.errors).contains(word), "{arguments:?}: {}", run.errors);
    }
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = Folder::with(&[("vpd.d/10-a.toml", "")]);
    // A folder stands for everything that is no file, since making a FIFO takes a program.
    std::fs::create_dir(folder.source().join("vpd.d/20-b.toml")).unwrap();
    let run = folder.build();
    assert_eq!(run.status, 66, "{}", run.errors);
    assert!(run.errors.contains("20-b.toml: it is no file"), "{}", run.errors);
}

#[test]
fn a_slot_says_what_can_be_done() {
    let slot = |text: &str| fru("20-0050", "") + &format!("[fru.\"20-0050\".slot]\n{text}\n");
    let step = |step: &str| slot(&format!("before-collection = [{step}]"));
    refuse(&[
        (&[("vpd.d/10-a.toml", &step("{ set = \"A\" }"))], &["10-a.toml", "line 6", "a step is one of"]),
        (&[("vpd.d/10-a.toml", &step("{ systemCmd = \"reboot\" }"))], &["line 6", "systemCmd"]),
        (&[("vpd.d/10-a.toml", &slot("before = []"))], &["10-a.toml", "line 6", "before"]),
        (
            &[("vpd.d/10-a.toml", &step("{ set = \"A\", level = 1, ccin = [\"2CE2\"] }"))],
            &["10-a.toml:5", "fru 20-0050", "only steps of after-collection"],
        ),
        (
            &[("vpd.d/10-a.toml", "start = [{ presence = \"A\", level = 1 }]\n")],
            &["10-a.toml:1", "start: \"presence A 1\" asks for a part"],
        ),
        (
            &[(
                "vpd.d/10-a.toml",
                "[[start]]\nset = \"A\"\nlevel = 1\n[[start]]\npresence = \"A\"\nlevel = 1\n",
            )],
            &["10-a.toml:4: start: "],
        ),
    ]);
}

#[test]
fn a_stand_in_is_another_chip_and_nobody_elses() {
    let with = |redundant: &str, more: &str| fru("spi12.0", &format!("redundant = \"{redundant}\"\n")) + more;
    let second = fru("spi22.0", "redundant = \"spi13.0\"\n");
    refuse(&[
        (
            &[("vpd.d/10-a.toml", &with("spi12.0", ""))],
            &["10-a.toml:2", "redundant: spi12.0 is a fru of its own"],
        ),
        (
            &[("vpd.d/10-a.toml", &with("spi13.0", &fru("spi13.0", "")))],
            &["10-a.toml:2", "is a fru of its own"],
        ),
        (&[("vpd.d/10-a.toml", &with("file:x", ""))], &["10-a.toml:2", "only chips stand in"]),
        (
            &[("vpd.d/10-a.toml", &with("spi13.0", &second))],
            &["10-a.toml:7", "spi13.0 stands in for spi12.0 already"],
        ),
        (&[("vpd.d/10-a.toml", &fru("spi12.0", "compare-redundant = true\n"))], &["10-a.toml:1", "nothing"]),
    ]);
}

#[test]
fn what_is_foreign_takes_nothing_from_the_eeprom() {
    let fan = fru("8-0050", "") + "foreign = true\n";
    refuse(&[(&[("vpd.d/10-a.toml", &fan)], &["10-a.toml:1", "/system/fru8_0050", "foreign"])]);
}

#[test]
fn a_location_code_has_one_of_the_known_forms() {
    let object = |more: &str| fru("8-0050", "") + more;
    refuse(&[
        (
            &[("vpd.d/10-a.toml", &object("location = \"P0-C0\"\n"))],
            &["10-a.toml:1", "fru 8-0050", "/system/fru8_0050"],
        ),
        (&[("vpd.d/10-a.toml", "[location]\nnode = \"odd\"\n")], &["10-a.toml", "line 2", "odd"]),
        (
            &[("vpd.d/10-a.toml", "[[location.enclosure]]\npath = \"x\"\nsource = \"/y\"\n")],
            &["10-a.toml:1", "location:", "no path of an object"],
        ),
    ]);
}
