use super::*;
use crate::simulation::every_cut;
use crate::{RealDisk, StateFolder};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Record {
    name: String,
    #[serde(default)]
    group: Option<u32>,
    is_known: bool,
    #[serde(default)]
    parts: Vec<Part>,
    #[serde(default)]
    counts: BTreeMap<String, i64>,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Part {
    text: String,
    length: u64,
}

impl Document for Record {
    const FORMAT: u32 = 3;
    const LONGEST: u64 = 1024;
}

fn record() -> Record {
    let part = |text: &str| Part { text: text.to_owned(), length: 7 };
    Record {
        name: "a \"quoted\" \\ größe\t\u{7f}\u{1}\n[x]".to_owned(),
        group: None,
        is_known: true,
        parts: vec![part("one"), part("")],
        counts: [("spi12.0".to_owned(), -1), ("10-0050".to_owned(), 2), ("a \"b\\\n\"".to_owned(), 3)].into(),
    }
}

fn fault(bytes: &[u8]) -> Fault {
    decode::<Record>(bytes).unwrap_err()
}

/// A file of a text that is whole.
fn whole(text: &str) -> Vec<u8> {
    format!("checksum = \"{}\"\n{text}", in_words(text.as_bytes())).into_bytes()
}

#[test]
fn a_document_goes_both_ways_and_is_toml_as_a_whole() {
    let text = encode(&record()).unwrap();
    assert_eq!(decode::<Record>(text.as_bytes()).unwrap(), record());
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["format"].as_integer(), Some(3));
    assert_eq!(text.lines().nth(1), Some("format = 3"));
}

#[test]
fn a_document_is_written_for_people_too() {
    let part = |text: &str| Part { text: text.to_owned(), length: 7 };
    let name = "a".to_owned();
    let counts = [("10-0050".to_owned(), 2), ("spi12.0".to_owned(), -1)].into();
    let parts = vec![part("one"), part("\"")];
    let text = encode(&Record { name, group: Some(1), is_known: true, parts, counts }).unwrap();
    let expected = r#"format = 3
name = "a"
group = 1
is-known = true
parts = [
    { text = "one", length = 7 },
    { text = "\"", length = 7 }]
counts = { 10-0050 = 2, "spi12.0" = -1 }
"#;
    assert_eq!(text.split_once('\n').unwrap().1, expected);
    assert!(text.parse::<toml::Table>().is_ok());
}

#[test]
fn what_toml_cannot_say_is_an_error_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let parts = vec![Part { text: String::new(), length: u64::MAX }];
    let error = StateFolder::at(folder.path()).save("a", &Record { parts, ..Record::default() }).unwrap_err();
    assert!(error.to_string().contains("an integer above 2^63 - 1"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_document_with_any_one_bit_flipped_is_not_believed() {
    let text = encode(&record()).unwrap().into_bytes();
    for bit in 0..text.len() * 8 {
        let mut text = text.clone();
        text[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(fault(&text), Fault::Checksum | Fault::Beginning), "bit {bit}");
    }
}

#[test]
fn a_document_torn_at_any_byte_is_not_believed() {
    let text = encode(&record()).unwrap();
    for length in 0..text.len() {
        fault(&text.as_bytes()[..length]);
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (bytes, expected) in [
        (b"\xff\n".to_vec(), "it does not begin with a checksum and a format"),
        (b"name = \"x\"\n".to_vec(), "it does not begin with a checksum and a format"),
        (whole("name = \"x\"\n"), "it does not begin with a checksum and a format"),
        (whole("format = 4\n"), "its format is 4, this program reads 3"),
        (whole("format = 3\nname = 1\nis-known = true\n"), "invalid type: integer `1`, expected a string"),
    ] {
        let message = fault(&bytes).to_string();
        assert!(message.contains(expected) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn what_is_damaged_is_set_aside_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::at(folder.path());
    let load = || state.load::<Record>("10-0050");
    assert_eq!(load().unwrap(), None);
    state.save("10-0050", &record()).unwrap();
    assert_eq!(load().unwrap(), Some(record()));
    for bad in [b"".to_vec(), vec![b'x'; 1025], whole("format = 3\n")] {
        fs::write(state.file("10-0050"), &bad).unwrap();
        let message = load().unwrap_err().to_string();
        assert!(
            message.contains("10-0050 is damaged: ") && message.contains(".10-0050.damaged"),
            "{message}"
        );
        assert_eq!(load().unwrap(), None);
        assert_eq!(fs::read(folder.path().join(".10-0050.damaged")).unwrap(), bad);
    }
    assert_eq!(state.names().unwrap(), Vec::<String>::new());
}

#[test]
fn a_document_of_another_format_is_named_and_stays_for_whoever_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::at(folder.path());
    fs::write(state.file("a"), whole("format = 4\n")).unwrap();
    for _ in 0..2 {
        let error = state.load::<Record>("a").unwrap_err();
        assert!(matches!(error, LoadError::OtherFormat { found: 4, known: 3, .. }), "{error}");
        assert!(error.to_string().contains("a is left alone: its format is 4"), "{error}");
    }
    assert_eq!(fs::read(state.file("a")).unwrap(), whole("format = 4\n"));
}

/// What the next version of the program keeps under the same name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Newer {
    other: String,
}

impl Document for Newer {
    const FORMAT: u32 = 4;
    const LONGEST: u64 = 2048;
}

#[test]
fn what_another_version_wrote_is_there_when_that_comes_back() {
    for length in [1, 1500] {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::at(folder.path());
        let newer = |text: &str| Newer { other: text.repeat(length) };
        state.save("a", &newer("x")).unwrap();
        assert!(state.load::<Record>("a").is_err());
        state.save("a", &record()).unwrap();
        state.save("a", &record()).unwrap();
        assert_eq!(state.load::<Record>("a").unwrap(), Some(record()));
        assert_eq!(state.load::<Newer>("a").unwrap(), Some(newer("x")));
        state.save_unflushed("a", &newer("y")).unwrap();
        assert_eq!(state.load::<Newer>("a").unwrap(), Some(newer("y")));
        assert_eq!(state.load::<Record>("a").unwrap(), Some(record()));
        assert_eq!(state.names().unwrap(), ["a"]);
    }
}

#[test]
fn a_cut_while_another_versions_file_is_written_over_loses_neither() {
    for length in [1, 1500] {
        cut_while_written_over(&Newer { other: "x".repeat(length) });
    }
}

fn cut_while_written_over(newer: &Newer) {
    let ways = every_cut(
        |folder| StateFolder::at(folder).save("a", newer).unwrap(),
        |folder, disk| crate::save(disk, &folder.join("a"), &record()).is_ok(),
        |folder, cut, was_saved| {
            let state = StateFolder::at(folder);
            assert_eq!(state.load::<Newer>("a").unwrap().as_ref(), Some(newer), "{cut:?}");
            assert!(!was_saved || state.load::<Record>("a").unwrap() == Some(record()), "{cut:?}");
        },
    );
    assert!(ways > 20, "{ways}");
}

#[test]
fn a_file_of_another_format_that_is_too_long_to_be_kept_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::at(folder.path());
    let mut long = whole("format = 4\n");
    long.resize(17 * 1024 * 1024, b'\n');
    fs::write(state.file("a"), &long).unwrap();
    assert_eq!(state.save("a", &record()).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert!(fs::read(state.file("a")).unwrap() == long);
}

#[test]
fn a_document_that_would_be_refused_for_its_length_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::at(folder.path());
    let of = |length| Record { name: "x".repeat(length), ..Record::default() };
    let room = Record::LONGEST as usize - encode(&of(0)).unwrap().len();
    state.save("a", &of(room)).unwrap();
    let error = state.save("a", &of(room + 1)).unwrap_err();
    assert_eq!(
        (error.kind(), &*error.to_string()),
        (io::ErrorKind::FileTooLarge, "it has more than 1024 bytes")
    );
    assert_eq!(state.load::<Record>("a").unwrap(), Some(of(room)));
}

#[test]
fn a_link_a_folder_and_a_pipe_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::at(folder.path());
    state.save("real", &record()).unwrap();
    std::os::unix::fs::symlink("real", state.file("link")).unwrap();
    fs::create_dir(state.file("folder")).unwrap();
    nix::unistd::mkfifo(&state.file("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for name in ["link", "folder", "pipe"] {
        let message = state.load::<Record>(name).unwrap_err().to_string();
        assert!(message.contains("it is no regular file"), "{message}");
    }
    assert_eq!(state.load::<Record>("real").unwrap(), Some(record()));
}

#[test]
fn of_what_was_set_aside_the_newest_stay() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::at(folder.path());
    for number in 0..9 {
        fs::write(state.file(&format!("{number}")), "x").unwrap();
        state.load::<Record>(&number.to_string()).unwrap_err();
    }
    fs::write(state.file(".other.draft"), "x").unwrap();
    state.open().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn a_document_is_the_old_or_the_new_wherever_it_is_cut() {
    let old = || Record { name: "old".to_owned(), ..Record::default() };
    let ways = every_cut(
        |folder| StateFolder::at(folder).save("a", &old()).unwrap(),
        |folder, disk| save(disk, &folder.join("a"), &record()).is_ok(),
        |folder, cut, was_answered| {
            let found = load::<Record>(&RealDisk, &folder.join("a")).unwrap().unwrap();
            assert!(found == record() || found == old() && !was_answered, "{cut:?}: {found:?}");
        },
    );
    assert!(ways > 60, "{ways}");
}
