//! The program with files as EEPROMs, in a root of its own.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use system_index::{Cause, Selection, places};

const PLANAR: &str = include_str!("../../../tests/data/vpd/system-planar.toml");
const INDEX: &str = "[[system-eeprom]]\nkey = \"10-0050\"\n\
    [[system-eeprom]]\nkey = \"file:spare\"\nfile = \"/var/lib/spare.bin\"\noffset = 256\n\
    [[match]]\nsystem = \"demo\"\nim = \"50001001\"\nhw = [\"0001\"]\n\
    [[match]]\nsystem = \"later\"\nim = \"50001001\"\nnot-hw = [\"0001\"]\n\
    [[match]]\nsystem = \"other\"\nim = \"60001001\"\n";

struct Machine {
    folder: tempfile::TempDir,
}

struct Run {
    status: i32,
    log: String,
}

impl Machine {
    /// An image with systems demo, later and other, and no EEPROM.
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        machine.write("usr/share/vivianite/vpd/index.toml", INDEX);
        for system in ["common", "demo", "later", "other"] {
            machine.write(&format!("usr/share/vivianite/vpd/systems/{system}/index.toml"), "");
        }
        machine
    }

    /// The same with the planar's EEPROM.
    fn with_planar() -> Self {
        let machine = Self::new();
        machine.insert(&planar());
        machine
    }

    fn insert(&self, image: &[u8]) {
        self.write("sys/bus/i2c/devices/10-0050/eeprom", image);
    }

    fn pull(&self) {
        fs::remove_dir_all(self.root().join("sys/bus/i2c/devices/10-0050")).unwrap();
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn state(&self) -> PathBuf {
        self.root().join("var/lib/vivianite/vpd")
    }

    fn run(&self) -> Run {
        self.run_with(&["--root".as_ref(), self.root().as_os_str()], None)
    }

    fn run_with(&self, arguments: &[&OsStr], state: Option<&Path>) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vpd-select"));
        command.args(arguments).env_remove("STATE_DIRECTORY").env_remove("RUST_BACKTRACE");
        if let Some(state) = state {
            command.env("STATE_DIRECTORY", state);
        }
        let output = command.output().unwrap();
        assert!(output.stdout.is_empty());
        Run { status: output.status.code().unwrap(), log: String::from_utf8(output.stderr).unwrap() }
    }

    /// The record; the link has to lead to what it says.
    fn selection(&self) -> Selection {
        let selection =
            Selection::parse(&fs::read_to_string(places::selection(self.root())).unwrap()).unwrap();
        let link = fs::read_link(places::active(self.root())).unwrap();
        assert_eq!(link, places::system(self.root(), &selection.system));
        assert!(link.is_dir(), "the link leads nowhere");
        selection
    }

    fn chosen(&self) -> (String, Cause) {
        let selection = self.selection();
        (selection.system.to_string(), selection.cause)
    }

    fn remembered(&self) -> Option<String> {
        remembered_in(&self.state())
    }
}

fn planar() -> Vec<u8> {
    vpd_builder::build(PLANAR).unwrap()
}

/// The planar with another value of a keyword.
fn planar_with(from: &str, to: &str) -> Vec<u8> {
    assert!(PLANAR.contains(from));
    vpd_builder::build(&PLANAR.replace(from, to)).unwrap()
}

/// The planar with a record damaged beyond correction.
fn planar_without(record: &str) -> Vec<u8> {
    let mut image = planar();
    let name = [b"RT\x04", record.as_bytes()].concat();
    let start = image.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    for byte in &mut image[start..start + 20] {
        *byte ^= 0xff;
    }
    image
}

fn is(system: &str, cause: Cause) -> (String, Cause) {
    (system.to_owned(), cause)
}

fn remembered_in(state: &Path) -> Option<String> {
    let text = fs::read_to_string(state.join("last-system")).ok()?;
    let system = text.lines().find_map(|line| line.strip_prefix("system = "))?;
    Some(system.trim_matches('"').to_owned())
}

#[test]
fn the_system_that_answers_to_type_and_level_is_linked_and_remembered() {
    let machine = Machine::with_planar();
    let run = machine.run();
    assert_eq!(run.status, 0, "{}", run.log);
    assert!(
        run.log.starts_with("<6>chose the system system=demo cause=matched fru=10-0050 im=50001001 hw=0001")
    );
    let selection = machine.selection();
    assert_eq!((selection.system.as_str(), selection.cause), ("demo", Cause::Matched));
    assert_eq!(selection.im.unwrap().to_string(), "50001001");
    assert_eq!(selection.hw.unwrap().to_string(), "0001");
    assert_eq!(selection.eeprom.unwrap().as_str(), "10-0050");
    assert_eq!(selection.reason, "");
    assert_eq!(machine.remembered().unwrap(), "demo");
}

#[test]
fn only_the_second_byte_of_the_level_counts() {
    let machine = Machine::new();
    for (hw, system) in [("0001", "demo"), ("ff01", "demo"), ("0002", "later"), ("0100", "later")] {
        machine.insert(&planar_with("HW = { hex = \"0001\" }", &format!("HW = {{ hex = \"{hw}\" }}")));
        assert_eq!(machine.run().status, 0);
        assert_eq!(machine.chosen(), is(system, Cause::Matched), "{hw}");
        assert_eq!(machine.remembered().unwrap(), system);
    }
}

/// A simulated machine's EEPROM may have names and lengths only.
#[test]
fn an_image_without_code_tells_the_system_where_the_index_says_so() {
    let machine = Machine::new();
    let ignored = INDEX.replacen("key = \"10-0050\"\n", "key = \"10-0050\"\necc = \"ignored\"\n", 1);
    machine.write("usr/share/vivianite/vpd/index.toml", ignored);
    for code in ["none", "zero", "computed"] {
        machine.insert(&planar_with("size = 8192", &format!("code = \"{code}\"\nsize = 8192")));
        let run = machine.run();
        assert_eq!(run.status, 0, "{code}: {}", run.log);
        assert_eq!(machine.chosen(), is("demo", Cause::Matched), "{code}");
    }
}

#[test]
fn a_single_wrong_bit_changes_nothing() {
    let machine = Machine::new();
    let mut image = planar();
    let im = image.windows(4).position(|window| window == [0x50, 0, 0x10, 1]).unwrap();
    image[im] ^= 1;
    machine.insert(&image);
    assert_eq!(machine.run().status, 0);
    assert_eq!(machine.chosen(), is("demo", Cause::Matched));
}

#[test]
fn an_unknown_type_gets_what_all_systems_share_and_spoils_no_memory() {
    let machine = Machine::with_planar();
    machine.run();
    machine.insert(&planar_with("50001001", "50001099"));
    let run = machine.run();
    assert_eq!(run.status, 65, "{}", run.log);
    assert!(run.log.starts_with("<3>"), "{}", run.log);
    let selection = machine.selection();
    assert_eq!((selection.system.as_str(), selection.cause), ("common", Cause::UnknownSystemType));
    assert_eq!(selection.im.unwrap().to_string(), "50001099");
    assert_eq!(selection.reason, "no system answers to im 50001099 and hw 0001");
    assert_eq!(machine.remembered().unwrap(), "demo");
}

#[test]
fn an_eeprom_that_says_nothing_leaves_the_last_choice_or_what_all_share() {
    let other_format = vpd_builder::build(include_str!("../../../tests/data/vpd/keyword.toml")).unwrap();
    let card = vpd_builder::build(include_str!("../../../tests/data/vpd/card.toml")).unwrap();
    let mut no_type = PLANAR.to_owned();
    no_type = no_type.replace("IM = { hex = \"50001001\" }\n", "");
    for (what, image, reason) in [
        ("blank", vec![0xff; 8192], "10-0050: "),
        ("empty", Vec::new(), "10-0050: "),
        ("keyword VPD", other_format, "keyword"),
        ("a card", card, "record VSBP is missing"),
        ("VSBP damaged", planar_without("VSBP"), "VSBP"),
        ("VINI damaged", planar_without("VINI"), "VINI"),
        ("no IM", vpd_builder::build(&no_type).unwrap(), "VSBP.IM is missing"),
        ("short IM", planar_with("IM = { hex = \"50001001\" }", "IM = { hex = \"5000\" }"), "2 bytes"),
        ("IM of ones", planar_with("50001001", "ffffffff"), "VSBP.IM was never programmed"),
        ("IM of zeros", planar_with("50001001", "00000000"), "VSBP.IM was never programmed"),
        (
            "HW of ones",
            planar_with("HW = { hex = \"0001\" }", "HW = { hex = \"ffff\" }"),
            "VINI.HW does not say",
        ),
        (
            "HW of zeros",
            planar_with("HW = { hex = \"0001\" }", "HW = { hex = \"0000\" }"),
            "VINI.HW does not say",
        ),
        (
            "HW of blanks",
            planar_with("HW = { hex = \"0001\" }", "HW = { hex = \"2020\" }"),
            "VINI.HW does not say",
        ),
        (
            "no code",
            planar_with("size = 8192", "code = \"none\"\nsize = 8192"),
            "IPZ without error correcting code",
        ),
        ("no HW", planar_with("HW = { hex = \"0001\" }\n", ""), "VINI.HW does not say"),
    ] {
        let fresh = Machine::new();
        fresh.insert(&image);
        let run = fresh.run();
        assert_eq!(run.status, 65, "{what}: {}", run.log);
        assert_eq!(fresh.chosen(), is("common", Cause::NoChoice), "{what}");
        let selection = fresh.selection();
        assert!(selection.reason.contains(reason), "{what}: {}", selection.reason);
        assert!(selection.reason.ends_with("there is no earlier choice"), "{what}: {}", selection.reason);
        assert_eq!(fresh.remembered(), None);

        let experienced = Machine::with_planar();
        experienced.run();
        experienced.insert(&image);
        assert_eq!(experienced.run().status, 65, "{what}");
        assert_eq!(experienced.chosen(), is("demo", Cause::LastChoice), "{what}");
        assert_eq!(experienced.remembered().unwrap(), "demo");
    }
}

#[test]
fn an_absent_eeprom_is_told_from_one_that_is_wrong() {
    let machine = Machine::new();
    let run = machine.run();
    assert_eq!(run.status, 69, "{}", run.log);
    assert_eq!(machine.chosen(), is("common", Cause::NoChoice));
    let reason = machine.selection().reason;
    assert!(reason.contains("10-0050: ") && reason.contains("file:spare: "), "both are told of: {reason}");
    machine.insert(&planar());
    machine.run();
    machine.pull();
    assert_eq!(machine.run().status, 69);
    assert_eq!(machine.chosen(), is("demo", Cause::LastChoice));
}

#[test]
fn a_machine_that_changed_over_goes_by_the_choice_of_upstream_until_it_has_its_own() {
    let machine = Machine::new();
    let link = machine.root().join("var/lib/vpd/vpd_inventory.json");
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink("/usr/share/vpd/later.json", &link).unwrap();
    let run = machine.run();
    assert_eq!(run.status, 69, "{}", run.log);
    assert_eq!(machine.chosen(), is("later", Cause::LastChoice));
    let reason = machine.selection().reason;
    assert!(reason.ends_with("system later is openpower-vpd-parser's choice"), "{reason}");
    assert_eq!(machine.remembered(), None, "only a match is remembered");
    machine.insert(&planar());
    machine.run();
    machine.pull();
    assert_eq!(machine.run().status, 69);
    assert_eq!(machine.chosen(), is("demo", Cause::LastChoice));
    assert_eq!(fs::read_link(link).unwrap().to_str(), Some("/usr/share/vpd/later.json"));
}

#[test]
fn the_next_system_eeprom_takes_over_with_its_own_window() {
    let machine = Machine::new();
    machine.insert(&[0xff; 8192]);
    machine.write("var/lib/spare.bin", [&[0; 256][..], &planar()].concat());
    assert_eq!(machine.run().status, 0);
    let selection = machine.selection();
    assert_eq!((selection.system.as_str(), selection.cause), ("demo", Cause::Matched));
    assert_eq!(selection.eeprom.unwrap().as_str(), "file:spare");
    assert!(selection.reason.starts_with("10-0050: "), "{}", selection.reason);
}

#[test]
fn a_last_choice_that_the_image_no_longer_has_is_not_linked() {
    let machine = Machine::with_planar();
    machine.run();
    fs::remove_dir_all(machine.root().join("usr/share/vivianite/vpd/systems/demo")).unwrap();
    machine.pull();
    assert_eq!(machine.run().status, 69);
    assert_eq!(machine.chosen(), is("common", Cause::NoChoice));
    assert!(machine.selection().reason.ends_with("the last choice, system demo, is not in this image"));
    machine.write("var/lib/vivianite/vpd/last-system", "../../../../etc\n");
    assert_eq!(machine.run().status, 69);
    assert_eq!(machine.chosen(), is("common", Cause::NoChoice));
    assert!(machine.selection().reason.contains("the last choice cannot be used"));
}

#[test]
fn a_run_that_ends_between_record_and_link_leaves_the_record_and_the_next_run_mends_it() {
    let machine = Machine::with_planar();
    // What keeps the link from its place ends the run where a kill would.
    machine.write("run/vivianite/vpd/active/in-the-way", "");
    let run = machine.run();
    assert_eq!(run.status, 70, "{}", run.log);
    let record = fs::read_to_string(places::selection(machine.root())).unwrap();
    assert_eq!(Selection::parse(&record).unwrap().system.as_str(), "demo");
    assert_eq!(machine.remembered(), None, "what is not in effect is not remembered");
    let leftover = machine.root().join("run/vivianite/vpd/.active.draft");
    assert!(!leftover.is_symlink(), "a run that can tidy leaves nothing");
    // A kill leaves the new link that was not put in place.
    symlink("/nonexistent", &leftover).unwrap();
    fs::remove_dir_all(places::active(machine.root())).unwrap();
    assert_eq!(machine.run().status, 0);
    assert_eq!(machine.chosen(), is("demo", Cause::Matched));
    assert!(!leftover.is_symlink());
}

#[test]
fn a_link_of_an_earlier_choice_is_replaced() {
    let machine = Machine::with_planar();
    machine.run();
    machine.insert(&planar_with("50001001", "60001001"));
    machine.run();
    assert_eq!(machine.chosen(), is("other", Cause::Matched));
    fs::remove_file(places::active(machine.root())).unwrap();
    symlink("/nonexistent", places::active(machine.root())).unwrap();
    machine.run();
    assert_eq!(machine.chosen(), is("other", Cause::Matched));
}

#[test]
fn a_state_folder_that_cannot_be_written_costs_a_line_and_not_the_choice() {
    let machine = Machine::with_planar();
    machine.write("var/lib/vivianite/vpd", "a file where the folder should be");
    let run = machine.run();
    assert_eq!(run.status, 0);
    assert!(run.log.contains("<3>this choice cannot be remembered: cannot write "), "{}", run.log);
    assert_eq!(machine.chosen(), is("demo", Cause::Matched));
    machine.pull();
    assert_eq!(machine.run().status, 69);
    assert!(machine.selection().reason.contains("the last choice cannot be read"));
}

#[test]
fn memory_is_written_only_when_it_changes() {
    let machine = Machine::with_planar();
    machine.run();
    let inode = || fs::metadata(machine.state().join("last-system")).unwrap().ino();
    let first = inode();
    machine.run();
    assert_eq!(inode(), first);
    machine.insert(&planar_with("50001001", "60001001"));
    machine.run();
    assert_eq!(machine.remembered().unwrap(), "other");
}

#[test]
fn systemd_says_where_memory_is() {
    let machine = Machine::with_planar();
    let state = machine.root().join("elsewhere");
    let run = machine.run_with(&["--root".as_ref(), machine.root().as_os_str()], Some(&state));
    assert_eq!(run.status, 0, "{}", run.log);
    assert_eq!(remembered_in(&state).unwrap(), "demo");
    assert_eq!(machine.remembered(), None);
}

#[test]
fn without_an_index_nothing_is_touched() {
    let machine = Machine::with_planar();
    for index in ["[[match]]\nsystem = \"demo\"\n", ""] {
        if index.is_empty() {
            fs::remove_file(places::machine_index(machine.root())).unwrap();
        } else {
            machine.write("usr/share/vivianite/vpd/index.toml", index);
        }
        let run = machine.run();
        assert_eq!(run.status, 78, "{}", run.log);
        assert!(run.log.contains("index.toml"), "{}", run.log);
        assert!(!machine.root().join("run").exists());
    }
    assert_eq!(machine.run_with(&["--nonsense".as_ref()], None).status, 64);
}
