//! One whole JSON, with something of everything.

use crate::folder::Folder;

const JSON: &str = include_str!("data/small.json");
const TOML: &str = include_str!("data/small.toml");

#[test]
fn a_whole_file_becomes_a_text_that_people_can_read() {
    let (run, text) = Folder::with(JSON).imported();
    assert_eq!(text, TOML, "\n{text}");
    let head: Vec<&str> = run.output.lines().take(3).collect();
    assert_eq!(
        head,
        [
            "systems/50001001_v2/10-50001001_v2.toml",
            "5 EEPROMs, 9 objects, 13 actions, 2 location codes, 1 priming exceptions",
            "Not carried over (5):",
        ]
    );
    for loss in run.losses() {
        assert!(text.contains(&format!("# - {loss}\n")), "{loss}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_and_leaves_the_file_alone() {
    let folder = Folder::with(JSON);
    let (_, first) = folder.imported();
    let times = || std::fs::metadata(folder.file()).unwrap().modified().unwrap();
    let before = times();
    assert_eq!(folder.imported().1, first);
    assert_eq!(times(), before);
}
