//! What is imported under which name, where it is written, and what is never replaced.

use crate::folder::{Folder, entry, run};
use std::fs;

#[test]
fn types_and_levels_come_from_the_name_or_the_command_line() {
    for (name, more, matching) in [
        ("50001001_v2.json", &[][..], "[[match]]\nim = \"50001001\"\nnot-hw = [\"0001\"]\n"),
        ("50001001.json", &[], "[[match]]\nim = \"50001001\"\nhw = [\"0001\"]\n"),
        ("50004000.json", &[], "[[match]]\nim = \"50004000\"\n\n"),
        ("50004000.json", &["--hw", "0002", "000a"], "im = \"50004000\"\nhw = [\"0002\", \"000A\"]\n"),
        (
            "any.json",
            &["--im", "7f000001", "7F000002", "--not-hw", "0001"],
            "[[match]]\nim = \"7F000001\"\nnot-hw = [\"0001\"]\n\n[[match]]\nim = \"7F000002\"\nnot-hw = [\"0001\"]\n",
        ),
    ] {
        let folder = Folder::named(name, entry(""));
        let run = folder.import(more);
        assert_eq!(run.status, 0, "{name} {more:?}: {}", run.errors);
        let path = run.output.lines().next().unwrap();
        let text = fs::read_to_string(folder.output().join(path)).unwrap();
        assert!(text.contains(matching), "{name} {more:?}: {text}");
    }
}

#[test]
fn wrong_command_lines_write_nothing() {
    for (name, more, complaint) in [
        ("any.json", &[][..], "no system type is known for a file \"any.json\"; say it with --im"),
        ("50001001_v2.json", &["--system", "../x"], "no name of a system"),
        ("50001001_v2.json", &["--system", "a/b"], "no name of a system"),
        ("50001001_v2.json", &["--system", ".."], "no name of a system"),
        ("50001001_v2.json", &["--system", ""], "--system"),
        ("50001001_v2.json", &["--system", "common"], "in common"),
        ("a b.json", &["--im", "50001001"], "say one with --system"),
        ("50001001_v2.json", &["--im", "5000"], "no system type"),
        ("50001001_v2.json", &["--hw", "0101"], "no hardware level"),
        ("50001001_v2.json", &["--hw", "0001", "--not-hw", "0002"], "cannot be used with"),
    ] {
        let folder = Folder::named(name, entry(""));
        let run = folder.import(more);
        assert_eq!(run.status, 64, "{name} {more:?}: {}", run.errors);
        assert!(run.errors.contains(complaint), "{name} {more:?}: {}", run.errors);
        assert!(!folder.output().exists(), "{name} {more:?}");
    }
}

#[test]
fn only_a_file_of_an_earlier_import_is_replaced() {
    let folder = Folder::with(entry(""));
    let (_, text) = folder.imported();
    let marker = text.lines().next().unwrap();
    fs::write(folder.file(), format!("{marker}\nold = 1\n")).unwrap();
    assert_eq!(folder.imported().1, text);
    let edited = text.replace(marker, "# mine");
    fs::write(folder.file(), &edited).unwrap();
    let run = folder.import(&[]);
    assert_eq!(run.status, 73, "{}", run.errors);
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), edited);
    assert_eq!(fs::read_dir(folder.file().parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_link_in_the_files_place_is_not_followed() {
    let folder = Folder::with(entry(""));
    let (_, text) = folder.imported();
    let elsewhere = folder.json().with_file_name("elsewhere");
    fs::rename(folder.file(), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.file()).unwrap();
    assert_eq!(folder.import(&[]).status, 73);
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), text);
}

#[test]
fn what_cannot_be_read_or_written_has_its_own_status() {
    let folder = Folder::with(entry(""));
    let json = folder.json();
    let json = json.to_str().unwrap();
    let parent = folder.json().parent().unwrap().to_str().unwrap().to_owned();
    for (arguments, status) in [
        (["import", "/nonexistent/50001001.json", "--output", &parent], 66),
        (["import", &parent, "--output", &parent], 64),
        (["import", json, "--output", "/dev/null"], 73),
    ] {
        let run = run(&arguments);
        assert_eq!(run.status, status, "{arguments:?}: {}", run.errors);
    }
    fs::create_dir(folder.json().with_file_name("50001002.json")).unwrap();
    let run = run(&["import", &format!("{parent}/50001002.json"), "--output", &parent]);
    assert_eq!(run.status, 66, "{}", run.errors);
    assert!(run.errors.contains("it is no file"), "{}", run.errors);
}

#[test]
fn nothing_of_the_machine_that_imports_gets_into_the_file() {
    let folder = Folder::with(entry(""));
    let (_, text) = folder.imported();
    assert!(!text.contains(folder.json().parent().unwrap().to_str().unwrap()), "{text}");
    assert!(text.contains("# From \"50001001_v2.json\" of openpower-vpd-parser"), "{text}");
}
