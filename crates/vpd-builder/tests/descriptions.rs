//! The shipped descriptions: each gives an image that reads back without complaint and describes itself.

use std::path::{Path, PathBuf};

use vpd_builder::{build, describe};
use vpd_format::{Bytes, Content, Format, KeywordName, Outcome, ReadOptions, RecordName, Vpd, read};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/vpd")
}

fn shipped(name: &str) -> (Vec<u8>, Vpd) {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    let image = build(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let vpd =
        read(&mut Bytes(&image), &ReadOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    (image, vpd)
}

/// Name, value as text, of each keyword that was asked for.
fn values<'a>(keywords: impl Iterator<Item = vpd_format::Keyword<'a>>) -> Vec<(String, String)> {
    keywords.map(|keyword| (keyword.name.to_string(), keyword.data.escape_ascii().to_string())).collect()
}

fn expect(found: &[(String, String)], expected: &[(&str, &str)]) {
    for (name, value) in expected {
        let found = found.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        assert_eq!(found, Some(*value), "{name}");
    }
}

#[test]
fn every_shipped_description_is_listed_builds_and_describes_itself() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    for name in &names {
        let (image, vpd) = shipped(name);
        // Modules other than DDR5 DDIMMs, and writable sections, have values that no checksum covers.
        let is_module = name.starts_with("ddr") && name != "ddr5-ddimm.toml";
        let is_uncovered = is_module || name == "network-adapter.toml";
        let outcome = if is_uncovered { Outcome::Unchecked } else { Outcome::Ok };
        assert_eq!(vpd.outcome, outcome, "{name}");
        let text = describe(&image).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = build(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        assert!(again == image, "{name} is not reproduced by\n{text}");
    }
    assert_eq!(names.len(), 9, "{names:?}");
}

#[test]
fn an_image_without_code_is_described_as_one() {
    let planar = std::fs::read_to_string(folder().join("system-planar.toml")).unwrap();
    for code in ["none", "zero"] {
        let told = format!("code = \"{code}\"\n");
        let image = build(&planar.replacen("size = 8192", &format!("{told}size = 8192"), 1)).unwrap();
        let text = describe(&image).unwrap();
        assert!(text.contains(&told), "{text}");
        assert!(build(&text).unwrap() == image, "{code} is not reproduced by\n{text}");
    }
}

#[test]
fn an_image_that_has_a_keyword_twice_is_not_described_without_it() {
    let adapter = std::fs::read_to_string(folder().join("network-adapter.toml")).unwrap();
    let twice = build(&adapter.replace("V1 = \"0001\"", "SN = \"0001\"")).unwrap();
    let error = describe(&twice).unwrap_err();
    assert!(error.to_string().contains("a record or keyword is there twice"), "{error}");
}

#[test]
fn the_system_planar_reads_back_as_described() {
    let (image, vpd) = shipped("system-planar.toml");
    assert_eq!((image.len(), vpd.format), (8192, Format::Ipz));
    assert!(vpd.bytes_read < 2600, "{}", vpd.bytes_read);
    let Content::Ipz(ipz) = vpd.content else { panic!() };
    let names: Vec<_> = ipz.records.iter().map(|record| record.name().to_string()).collect();
    assert_eq!(names, ["VINI", "LXR0", "VCEN", "VEIR", "VMPU", "VSBP", "VSYS", "UTIL"]);
    let vini = ipz.record(RecordName::VINI).unwrap();
    let order: Vec<_> = vini.keywords().map(|keyword| keyword.name.to_string()).collect();
    assert_eq!(order.concat(), "RTDRCEVZFNPNSNCCHECTHWB3B4B7", "keywords keep the order of the text");
    expect(&values(vini.keywords()), &[("RT", "VINI"), ("SN", "YVIV00000001"), ("HW", r"\x00\x01")]);
    let pound = ipz.record(RecordName(*b"VEIR")).unwrap().keyword(KeywordName(*b"#I")).unwrap();
    assert_eq!((pound.data.len(), &pound.data[..6]), (270, &[0x45, 0x52, 1, 2, 3, 0][..]));
    assert_eq!(ipz.record(RecordName(*b"LXR0")).unwrap().entry.length, 48);
}

#[test]
fn the_other_images_read_back_as_described() {
    let (_, vpd) = shipped("card.toml");
    let Content::Ipz(ipz) = vpd.content else { panic!() };
    assert_eq!(ipz.records.len(), 1);

    for (name, serial_number, keywords) in [
        ("keyword.toml", "YVIV00000201", "FNPNSNCCCEVZMFSMFLB2WI"),
        ("pci-keyword.toml", "YVIV00000301", "PNECCTFNCCSNSIB2Z4Z5Z6RV"),
        ("network-adapter.toml", "YVIV00000311", "PNECSNV0RVV1YA"),
    ] {
        let (_, vpd) = shipped(name);
        let Content::Keyword(keyword) = vpd.content else { panic!() };
        expect(&values(keyword.keywords()), &[("SN", serial_number)]);
        assert_eq!(keyword.keywords().map(|keyword| keyword.name.to_string()).collect::<String>(), keywords);
        assert_eq!(keyword.checksums.len(), 1, "{name}");
    }
}

#[test]
fn memory_modules_read_back_as_described() {
    const GIB: u64 = 1 << 20;
    for (name, size, expected) in [
        (
            "ddr4-ddimm.toml",
            64 * GIB,
            &[
                ("FN", "99VV401"),
                ("PN", "99VV401"),
                ("SN", "YVIV00000401"),
                ("CC", "7V41"),
                ("DI", r"\x80\xad"),
            ][..],
        ),
        (
            "ddr5-ddimm.toml",
            32 * GIB,
            &[
                ("FN", "99VV501"),
                ("PN", "99VV501"),
                ("SN", "YVIV00000501"),
                ("CC", "7V51"),
                ("DI", r"\x80\xce"),
            ],
        ),
        (
            "ddr4-isdimm.toml",
            32 * GIB,
            &[
                ("FN", "78P4198"),
                ("PN", "VIV-D4-32G-2666"),
                ("SN", "CE800BADC0DE"),
                ("CC", "324F"),
                ("DI", r"\x80\xce"),
            ],
        ),
        (
            "ddr5-isdimm.toml",
            32 * GIB,
            &[("PN", "VIV-D5-32G-4800"), ("SN", "CE8000C0FFEE"), ("DI", r"\x80\xce")],
        ),
    ] {
        let (_, vpd) = shipped(name);
        let Content::Memory(module) = vpd.content else { panic!() };
        assert_eq!(format!("{}.toml", module.kind), name);
        assert_eq!(module.memory_size_kb, Some(size), "{name}");
        let found = values(module.keywords());
        assert_eq!(found.len(), expected.len(), "{name}");
        expect(&found, expected);
    }
}
