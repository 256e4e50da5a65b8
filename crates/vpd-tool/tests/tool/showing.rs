//! What `check` and `dump` show.

use serde_json::json;

use crate::image::{Image, json, run};

#[test]
fn check_shows_a_table_that_lines_up() {
    let image = Image::planar_with_bad_record();
    let output = run(&["check"], &[&image.path()]).output;
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with("IMAGE: PARTLY BAD (IPZ, "), "{output}");
    assert_eq!(lines[1], "");
    assert_eq!(lines[2], "record  offset  length  outcome    corrected  keywords  reason");
    assert_eq!(lines[3], "VHDR        11      44  ok                 0");
    let of = |name| *lines.iter().find(|line| line.starts_with(name)).unwrap();
    assert!(of("VINI").contains("  recovered          1        14"), "{output}");
    assert!(of("VSYS").contains("  bad                0            record VSYS at offset"), "{output}");
    assert!(lines.iter().all(|line| line.trim_end() == *line), "no trailing blanks");
}

#[test]
fn check_shows_what_protects_images_without_records() {
    let output = run(&["check"], &[&Image::fixture("ddr5-ddimm").path()]).output;
    for expected in [
        "module    ddr5-ddimm\n",
        "size      33554432 KiB (32 GiB)\n",
        "5 (FN PN SN CC DI)\n",
        "512..638     638  ok",
    ] {
        assert!(output.contains(expected), "{expected} in {output}");
    }
    let output = run(&["check"], &[&Image::fixture("keyword").path()]).output;
    assert!(output.contains("identifier  \"VIVBPD04M0 01VIV\"\nkeywords  11 (FN PN SN"), "{output}");
    let blank = run(&["check"], &[&Image::of(&[0xff; 100]).path()]).output;
    assert_eq!(blank, "IMAGE: BLANK (100 bytes): the image is blank (all bytes 0xff)\n");
}

#[test]
fn a_single_value_can_be_had_in_every_form() {
    let planar = Image::fixture("system-planar");
    let dump = |form: &[&str], record, keyword| {
        run(&[&["dump", "--record", record, "--keyword", keyword], form].concat(), &[&planar.path()]).output
    };
    assert_eq!(dump(&["--text"], "VINI", "SN"), "YVIV00000001\n");
    assert_eq!(dump(&["--text"], "VINI", "HW"), "\\x00\\x01\n");
    assert!(dump(&[], "VINI", "HW").ends_with("keyword  length  value\nHW            2  0x0001\n"));
    assert!(
        dump(&["--hex"], "VSBP", "IM")
            .ends_with("  50 00 10 01                                      |P...|\n")
    );
    let value: serde_json::Value = serde_json::from_str(&dump(&["--json"], "VEIR", "#I")).unwrap();
    let keywords = &value["records"]["VEIR"]["keywords"];
    assert_eq!(keywords.as_object().unwrap().len(), 1);
    assert_eq!(keywords["#I"]["hex"].as_str().unwrap().len(), 540);
    assert_eq!(value["records"].as_object().unwrap().len(), 1);
    let keyword = Image::fixture("keyword");
    let text = run(&["dump", "--keyword", "SN", "--text"], &[&keyword.path()]).output;
    assert_eq!(text, "YVIV00000201\n");
}

#[test]
fn a_whole_image_as_text_has_one_line_per_keyword() {
    let output = run(&["dump", "--text"], &[&Image::fixture("card").path()]).output;
    assert!(output.starts_with("VINI RT VINI\nVINI DR FAN CARD\n"), "{output}");
    let output = run(&["dump", "--text"], &[&Image::fixture("ddr5-ddimm").path()]).output;
    assert_eq!(output, "FN 99VV501\nPN 99VV501\nSN YVIV00000501\nCC 7V51\nDI \\x80\\xce\n");
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let (planar, module) = (Image::fixture("system-planar"), Image::fixture("ddr5-ddimm"));
    let bad = Image::planar_with_bad_record();
    let cases: [(&Image, &[&str], &str); 6] = [
        (
            &planar,
            &["--record", "XXXX"],
            "there is no record XXXX, only VINI LXR0 VCEN VEIR VMPU VSBP VSYS UTIL\n",
        ),
        (&planar, &["--record", "LXR0", "--keyword", "SN"], "there is no keyword LXR0 SN, only RT VZ LX\n"),
        (&planar, &["--keyword", "SN"], "name the record of SN with --record, IPZ has several\n"),
        (&module, &["--record", "VINI"], "there is no record VINI, memory module has no records\n"),
        (&module, &["--keyword", "ZZ"], "there is no keyword ZZ, only FN PN SN CC DI\n"),
        (&bad, &["--record", "VSYS", "--keyword", "SE"], "bytes are damaged beyond correction\n"),
    ];
    for (image, arguments, expected) in cases {
        for form in [&[][..], &["--json"]] {
            let run = run(&[&["dump"], arguments, form].concat(), &[&image.path()]);
            assert_eq!((run.status, run.output.as_str()), (2, ""), "{arguments:?}");
            assert!(run.errors.ends_with(expected), "{}", run.errors);
        }
    }
    let run = run(&["dump"], &[&bad.path()]);
    assert_eq!(run.status, 2);
    assert!(run.output.contains("\nVSYS: BAD: ") && run.output.contains("YVIV00000001"), "{}", run.output);
}

#[test]
fn json_keeps_the_order_of_the_image_and_the_names_in_it() {
    let text = run(&["check", "--json"], &[&Image::fixture("system-planar").path()]).output;
    let place =
        |name: &str| text.find(&format!("\"{name}\": {{")).unwrap_or_else(|| panic!("{name} in {text}"));
    let order =
        ["VHDR", "VTOC", "VINI", "DR", "CE", "LXR0", "VCEN", "VEIR", "#I", "VMPU", "VSBP", "VSYS", "UTIL"];
    assert!(order.windows(2).all(|pair| place(pair[0]) < place(pair[1])), "{text}");
    let value = json(&["check", "--json"], &Image::fixture("card"));
    assert_eq!(
        value["records"]["VINI"]["keywords"]["SN"],
        json!({"hex": "595649563030303030313031", "text": "YVIV00000101"})
    );
    assert_eq!(value["records"]["VINI"]["keywords"]["HW"], json!({"hex": "0002", "text": null}));
    let value = json(&["check", "--json"], &Image::fixture("ddr4-ddimm"));
    assert_eq!((&value["memory-size-kb"], &value["module"]), (&json!(67_108_864), &json!("ddr4-ddimm")));
}

#[test]
fn json_says_why_nothing_is_usable() {
    let cases = [
        (Image::of(&[0; 512]), json!(null), "blank"),
        (Image::of(b"MZ"), json!(null), "bad"),
        (Image::fixture("keyword").flipped(60, &[1]), json!("keyword"), "bad"),
        (Image::fixture("card").flipped(80, &[0xff; 24]), json!("ipz"), "bad"),
    ];
    for (image, format, outcome) in cases {
        let value = json(&["check", "--json"], &image);
        assert_eq!((&value["format"], &value["outcome"]), (&format, &json!(outcome)), "{value}");
        assert!(!value["reason"].as_str().unwrap().is_empty());
    }
}
