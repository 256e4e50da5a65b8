//! Images made of folders.

use crate::desk::Desk;
use std::collections::BTreeSet;
use std::fs;

fn names(desk: &Desk) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(desk.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_packed_image_is_accepted_by_its_own_trust_store_and_no_other() {
    let desk = Desk::new();
    for compress in ["none", "gzip", "xz", "bzip2"] {
        let said = desk.pack(&format!("--compress {compress} --image-key @other.pem"));
        assert!(said.contains("image.tar: 8 members"), "{said}");
        let said = desk.done("verify @image.tar --trust @trust");
        assert!(said.contains("PSU 1.2, signed, key set OpenBMC vouches for it"), "{said}");
        assert!(said.contains("extended version: model=M,manufacturer=V"), "{said}");
    }
    fs::remove_dir_all(desk.path("trust")).unwrap();
    desk.done(
        "pack @parts --sign @other.pem --output @else.tar --write-trust @trust --purpose Host --version 1",
    );
    let run = desk.run("verify @image.tar --trust @trust");
    assert_eq!(run.status, 65);
    assert!(run.output.contains("refused: signature: no key of this machine"), "{}", run.output);
}

#[test]
fn a_manifest_in_the_folder_says_what_options_do_not() {
    let desk = Desk::new();
    let manifest = "# ours\npurpose=xyz.openbmc_project.Software.Version.VersionPurpose.Other\nversion=1\n\
        MachineName=m\nCompatibleName=a\nCompatibleName=b\nBuildId=77\n";
    desk.write("parts/MANIFEST", manifest.as_bytes());
    desk.done(
        "pack @parts --sign @key.pem --output @image.tar --version 2 --key-type Ours --hash-type SHA512",
    );
    let archive = String::from_utf8_lossy(&desk.read("image.tar")).into_owned();
    for line in [
        "version=2\n",
        "MachineName=m\n",
        "CompatibleName=b\n",
        "BuildId=77\n",
        "KeyType=Ours\n",
        "HashType=SHA512\n",
    ] {
        assert!(archive.contains(line), "{line}");
    }
    assert!(!archive.contains("version=1\n"));
}

#[test]
fn parts_that_make_no_image_are_named_and_leave_nothing() {
    let desk = Desk::new();
    let before = names(&desk);
    let pack = "pack @parts --sign @key.pem --output @image.tar";
    let run = |more: &str| desk.run(&format!("{pack} {more}"));
    for (more, status, why) in [
        ("", 64, "--purpose is missing"),
        ("--purpose PSU", 64, "--version is missing"),
        ("--purpose PSU --version 1 --hash-type MD5", 65, "too weak"),
        ("--purpose PSU --version 1", 65, "image-manager would refuse it"),
        ("--purpose PSU --version 1 --extended-version x", 65, "power supplies"),
    ] {
        let run = run(more);
        assert_eq!(run.status, status, "{run:?}");
        assert!(run.errors.contains(why), "{run:?}");
        assert_says_all_once(&run.errors);
        assert_eq!(names(&desk), before);
    }
    desk.write("parts/publickey", b"x");
    let reserved = run("--purpose Other --version 1");
    assert_eq!(reserved.status, 65);
    assert!(reserved.errors.contains("publickey"), "{reserved:?}");
    fs::remove_file(desk.path("parts/publickey")).unwrap();
    fs::create_dir(desk.path("parts/folder")).unwrap();
    let folder = run("--purpose Other --version 1");
    assert_eq!(folder.status, 65);
    assert!(folder.errors.contains("folder is no regular file"), "{folder:?}");
    assert_eq!(names(&desk), before);
}

#[test]
fn what_is_packed_with_blanks_around_it_is_accepted_without_them() {
    let desk = Desk::new();
    let said = [" 1.2 ", "Host", " M", "a ", " Ours "];
    let options = ["--version", "--purpose", "--machine", "--compatible", "--key-type"];
    let (output, parts, key, trust) =
        (desk.path("image.tar"), desk.path("parts"), desk.path("key.pem"), desk.path("trust"));
    let mut words = vec!["software-tool".into(), "pack".into(), parts.into_os_string()];
    for (option, value) in options.into_iter().zip(said) {
        words.extend([option.into(), value.into()]);
    }
    for (option, path) in [("--output", output), ("--sign", key), ("--write-trust", trust)] {
        words.extend([option.into(), path.into_os_string()]);
    }
    let run = desk.run_words(words);
    assert_eq!(run.status, 0, "{run:?}");
    let said = desk.done("verify @image.tar --trust @trust --machine M --json");
    let reports: serde_json::Value = serde_json::from_str(&said).unwrap();
    let of = |key: &str| reports[0][key].clone();
    assert_eq!((of("version"), of("machine"), of("key-set")), ("1.2".into(), "M".into(), "Ours".into()));
    assert_eq!(of("compatible"), serde_json::json!(["a"]));
}

#[test]
fn what_is_not_seen_is_not_packed() {
    let desk = Desk::new();
    let before = names(&desk);
    let pack = "pack @parts --sign @key.pem --output @image.tar --purpose Host";
    for (more, why) in [
        ("--version \u{200b}", "line 2 of the MANIFEST has the character U+200B in it"),
        ("--version 1 --machine a\u{202e}b", "has the character U+202E in it"),
        ("--version 1 --compatible \u{feff}", "has the character U+FEFF in it"),
    ] {
        let run = desk.run(&format!("{pack} {more}"));
        assert_eq!(run.status, 65, "{run:?}");
        assert!(run.errors.contains(why), "{run:?}");
    }
    assert_eq!(names(&desk), before);
    for (name, why) in
        [("boot\u{202e}.bin", "U+202E"), (" boot", "begins or ends with a blank"), ("boot ", "blank")]
    {
        desk.write(&format!("parts/{name}"), b"x");
        let run = desk.run(&format!("{pack} --version 1"));
        assert_eq!(run.status, 65, "{run:?}");
        assert!(run.errors.contains("cannot be a payload's name") && run.errors.contains(why), "{run:?}");
        fs::remove_file(desk.path(&format!("parts/{name}"))).unwrap();
    }
}

#[test]
fn an_image_that_does_not_say_which_power_supplies_it_is_for_is_told_how_to() {
    const MANIFEST: &str = "purpose=xyz.openbmc_project.Software.Version.VersionPurpose.PSU\nversion=1\n";
    let desk = Desk::new();
    desk.write("parts/MANIFEST", MANIFEST.as_bytes());
    let pack = "pack @parts --sign @key.pem --output @image.tar";
    let run = desk.run(pack);
    assert_eq!(run.status, 65, "{run:?}");
    assert!(run.errors.contains("it names no model"), "{run:?}");
    assert_says_all_once(&run.errors);
    let line = "extended_version=model=MODEL,manufacturer=MAKER";
    let option = "--extended-version model=MODEL,manufacturer=MAKER";
    for advice in [line, option] {
        assert!(run.errors.contains(advice), "{advice}: {run:?}");
    }
    // Which is right.
    desk.done(&format!("{pack} {option}"));
    desk.write("parts/MANIFEST", format!("{MANIFEST}{line}\n").as_bytes());
    desk.done(pack);
}

/// A reason that has its cause in its own words, and is printed with its cause, says it twice.
fn assert_says_all_once(errors: &str) {
    let parts: Vec<&str> = errors.trim_end().split(": ").collect();
    let said = parts.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(said.len(), parts.len(), "{errors}");
}

#[test]
fn an_image_that_lies_among_its_parts_is_no_part_of_the_next() {
    let desk = Desk::new();
    let pack = |output: &str| {
        desk.done(&format!("pack @parts --unsigned --output {output} --purpose Other --version 1"));
        desk.read("parts/image.tar")
    };
    let first = pack("@parts/image.tar");
    assert!(pack("@parts/image.tar") == first);
    assert!(pack("@parts/../parts/image.tar") == first);
    std::os::unix::fs::symlink("parts/image.tar", desk.path("link.tar")).unwrap();
    assert!(pack("@link.tar") == first);
    // Another image is a payload as any other.
    let said = desk.done("pack @parts --unsigned --output @image.tar --purpose Other --version 1");
    assert!(said.contains("4 members"), "{said}");
}

#[test]
fn a_file_that_cannot_be_made_or_read_is_told_from_a_bad_image() {
    let desk = Desk::new();
    let what = "--purpose Other --version 1";
    for (arguments, status) in [
        (format!("pack @parts --sign @no.pem --output @image.tar {what}"), 66),
        (format!("pack @nowhere --sign @key.pem --output @image.tar {what}"), 66),
        (format!("pack @parts --sign @parts/psu.bin --output @image.tar {what}"), 66),
        (format!("pack @parts --sign @key.pem --output @parts {what}"), 73),
        (format!("pack @parts --sign @key.pem --output @nowhere/image.tar {what}"), 73),
    ] {
        let run = desk.run(&arguments);
        assert_eq!(run.status, status, "{run:?}");
        assert!(run.errors.starts_with("software-tool: "), "{run:?}");
        assert!(!desk.path("image.tar").exists());
    }
}
