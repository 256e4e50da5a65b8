//! Exit statuses are frozen: scripts rely on them.

use std::path::Path;
use std::process::Command;

use crate::image::{FIXTURES, Image, run};

#[test]
fn every_good_image_is_good() {
    for name in FIXTURES {
        let run = run(&["check"], &[&Image::fixture(name).path()]);
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{name}: {}", run.output);
        assert!(run.output.starts_with("IMAGE: good"), "{}", run.output);
    }
}

#[test]
fn damage_shows_in_the_status() {
    let (planar, card, keyword) =
        (Image::fixture("system-planar"), Image::fixture("card"), Image::fixture("keyword"));
    let cases: [(&str, Image, &[&str], u8); 13] = [
        ("one bit of the table of contents", planar.flipped(70, &[1]), &[], 1),
        ("the same under the strict policy", planar.flipped(70, &[1]), &["--policy", "strict"], 3),
        ("one bit of a record, strictly", planar.flipped(320, &[1]), &["--policy", "strict"], 1),
        ("a record and nothing else", Image::planar_with_bad_record(), &[], 2),
        ("the only record", card.flipped(140, &[0xff; 24]), &[], 3),
        ("another format than demanded", planar.flipped(0, &[]), &["--format", "keyword"], 3),
        ("keyword VPD", keyword.flipped(40, &[1]), &[], 3),
        ("one part of a memory module", Image::fixture("ddr5-ddimm").flipped(300, &[1]), &[], 2),
        ("no code, and none demanded", card.flipped(140, &[0]), &["--ecc", "ignored"], 0),
        ("no VPD", Image::of(b"#!/bin/sh\necho this is no vital product data\n"), &[], 3),
        ("nothing at all", Image::of(b""), &[], 3),
        ("zeros", Image::of(&[0; 256]), &[], 3),
        ("ones", Image::of(&[0xff; 256]), &[], 3),
    ];
    for (what, image, options, expected) in cases {
        let arguments = [&["check"], options].concat();
        let run = run(&arguments, &[&image.path()]);
        assert_eq!(run.status, expected, "{what}: {run:?}");
        assert_eq!(run.errors, "", "{what}");
    }
}

#[test]
fn wrong_command_lines_and_files_that_cannot_be_read_are_told_from_bad_images() {
    let image = Image::fixture("card");
    let usage: [&[&str]; 8] = [
        &[],
        &["check"],
        &["check", "--bogus", "x"],
        &["inspect", "x"],
        &["check", "x", "--format", "ipx"],
        &["check", "x", "--offset", "1k"],
        &["dump", "x", "--json", "--hex"],
        &["dump", "x", "--record", "VIN"],
    ];
    for arguments in usage {
        let run = run(arguments, &[]);
        assert_eq!((run.status, run.output.as_str()), (64, ""), "{arguments:?}");
        assert!(run.errors.contains("Usage") || run.errors.contains("error:"), "{}", run.errors);
    }
    let absent = image.path().with_file_name("absent.bin");
    for arguments in [&["check"][..], &["dump"], &["check", "--json"]] {
        let run = run(arguments, &[&absent]);
        assert_eq!((run.status, run.output.as_str()), (66, ""), "{arguments:?}");
        assert!(run.errors.starts_with("vpd-tool: "), "{}", run.errors);
    }
    let folder = image.path().parent().unwrap().to_owned();
    assert_eq!(run(&["check"], &[&folder]).status, 66);
}

#[test]
fn questions_about_the_tool_are_answered_on_standard_output() {
    for question in ["--help", "--version"] {
        let run = run(&[question], &[]);
        assert_eq!((run.status, run.errors.as_str()), (0, ""));
        assert!(run.output.contains("vpd-tool") || run.output.contains("Usage"), "{}", run.output);
    }
}

#[test]
fn the_process_ends_with_the_same_status_and_streams() {
    let status = |arguments: &[&str], file: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_vpd-tool")).args(arguments).arg(file).output().unwrap();
        (output.status.code(), output.stdout.is_empty(), output.stderr.is_empty())
    };
    let card = Image::fixture("card");
    assert_eq!(status(&["check"], &card.path()), (Some(0), false, true));
    assert_eq!(status(&["check"], &card.flipped(140, &[1]).path()), (Some(1), false, true));
    assert_eq!(status(&["dump"], &Image::of(b"").path()), (Some(3), true, false));
    assert_eq!(status(&["check", "--bogus"], &card.path()), (Some(64), true, false));
}

#[test]
fn a_window_is_all_that_is_looked_at() {
    let card = Image::fixture("card");
    let inside = Image::of(&[&[0x55; 64][..], card.bytes(), &[0xaa; 10_000]].concat());
    let read = |window: &[&str]| {
        run(&[&["dump", "--text", "--record", "VINI", "--keyword", "SN"], window].concat(), &[&inside.path()])
    };
    assert_eq!(read(&["--offset", "0x40", "--size", "512"]).output, "YVIV00000101\n");
    assert_eq!(read(&["--offset", "64"]).output, "YVIV00000101\n");
    assert_eq!(read(&[]).status, 3);
    assert_eq!(read(&["--offset", "64", "--size", "100"]).status, 3);
    assert_eq!(read(&["--offset", "100000"]).status, 3);
    let past = run(&["check", "--offset", "100000"], &[&inside.path()]);
    assert!(past.output.contains("the window begins at offset 100000, past the end of"), "{}", past.output);
}
