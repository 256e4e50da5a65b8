//! What `diff` says.

use crate::image::{Image, description, run};

/// A fixture with some of its description replaced.
fn varied(name: &str, changes: &[(&str, &str)]) -> Image {
    let text = std::fs::read_to_string(description(name)).unwrap();
    let text = changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    Image::of(&vpd_builder::build(&text).unwrap())
}

fn diff(first: &Image, second: &Image) -> (u8, String) {
    let run = run(&["diff"], &[&first.path(), &second.path()]);
    assert_eq!(run.errors, "");
    (run.status, run.output)
}

#[test]
fn equal_values_are_no_difference_wherever_they_are() {
    let card = Image::fixture("card");
    let moved = varied("card", &[("size = 512", "size = 600"), ("fill = 0xff", "fill = 1")]);
    assert_eq!(diff(&card, &moved), (0, String::new()));
}

#[test]
fn every_kind_of_difference_is_named() {
    let changes = [
        ("SE = \"7VIV001\"", "SE = \"7VIV002\""),
        ("SU = { hex = \"020000560001\" }", "SU = { hex = \"020000560002\" }"),
        ("name = \"LXR0\"", "name = \"LXR1\""),
        ("CE = \"1\"", "XE = \"1\""),
    ];
    let (status, output) = diff(&Image::fixture("system-planar"), &varied("system-planar", &changes));
    let expected = "\
removed  VINI CE: \"1\"
added    VINI XE: \"1\"
removed  LXR0 (ok, 3 keywords)
removed  LXR0 RT: \"LXR0\"
removed  LXR0 VZ: \"01\"
removed  LXR0 LX: 0x3100040100300099
changed  VSYS SE: \"7VIV001\" -> \"7VIV002\"
changed  VSYS SU: 0x020000560001 -> 0x020000560002
added    LXR1 (ok, 3 keywords)
added    LXR1 RT: \"LXR1\"
added    LXR1 VZ: \"01\"
added    LXR1 LX: 0x3100040100300099
";
    assert_eq!((status, output.as_str()), (1, expected));
}

#[test]
fn outcomes_are_compared_too() {
    let (status, output) = diff(&Image::fixture("system-planar"), &Image::planar_with_bad_record());
    assert_eq!(status, 1);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "changed  VINI outcome: ok -> recovered");
    assert!(lines[1].starts_with("changed  VSYS outcome: ok -> bad (record VSYS at offset"), "{output}");
    assert_eq!(lines.len(), 2, "values that cannot be read are not called removed");
}

#[test]
fn formats_can_differ() {
    let (status, output) = diff(&Image::fixture("card"), &Image::fixture("ddr5-ddimm"));
    assert_eq!(status, 1);
    assert!(
        output.starts_with("format: IPZ against memory module\nremoved  VINI (ok, 11 keywords)\n"),
        "{output}"
    );
    assert!(output.ends_with("added    DI: 0x80ce\n"), "{output}");
}

#[test]
fn modules_differ_in_size_and_kind() {
    let (status, output) = diff(&Image::fixture("ddr4-ddimm"), &Image::fixture("ddr5-ddimm"));
    assert_eq!(status, 1);
    assert!(output.starts_with(
        "changed  module: ddr4-ddimm -> ddr5-ddimm\nchanged  size: 67108864 KiB -> 33554432 KiB\n"
    ));
}

#[test]
fn without_two_images_there_is_no_answer() {
    let card = Image::fixture("card");
    let absent = card.path().with_file_name("absent");
    for other in [absent, Image::of(&[0xff; 64]).path()] {
        let run = run(&["diff"], &[&card.path(), &other]);
        assert_eq!((run.status, run.output.as_str()), (2, ""), "{run:?}");
    }
}
