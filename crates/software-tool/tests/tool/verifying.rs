//! Images judged without a machine.

use crate::desk::Desk;

#[test]
fn one_wrong_byte_is_refused_with_its_reason() {
    let desk = Desk::new();
    desk.pack("");
    let mut archive = desk.read("image.tar");
    let at = archive.windows(16).position(|window| window == [0x55; 16]).unwrap();
    archive[at] ^= 1;
    desk.write("wrong.tar", &archive);
    let run = desk.run("verify @image.tar @wrong.tar --trust @trust");
    assert_eq!(run.status, 65);
    assert!(run.output.contains("wrong.tar: refused: signature: psu.bin"), "{}", run.output);
    assert!(run.output.contains("image.tar: PSU 1.2, signed"), "{}", run.output);
    let unsigned = desk.done("verify @wrong.tar --unsigned");
    assert!(unsigned.contains("signatures were not looked at"), "{unsigned}");
}

#[test]
fn an_image_for_another_machine_is_refused() {
    let desk = Desk::new();
    desk.pack("--machine big");
    desk.done("verify @image.tar --trust @trust --machine big");
    desk.done("verify @image.tar --trust @trust");
    let run = desk.run("verify @image.tar --trust @trust --machine small");
    assert_eq!(run.status, 65);
    assert!(run.output.contains("big") && run.output.contains("small"), "{}", run.output);
}

#[test]
fn an_image_for_a_machine_that_it_does_not_name_is_remarked_on() {
    let desk = Desk::new();
    for (purpose, more, is_remarked) in
        [("Host", "", true), ("Host", "--machine big", false), ("Other", "", false)]
    {
        desk.done(&format!(
            "pack @parts --unsigned --output @image.tar --version 1 --purpose {purpose} {more}"
        ));
        let said = desk.done("verify @image.tar --unsigned");
        assert_eq!(said.contains("remark: MANIFEST has no MachineName"), is_remarked, "{said}");
        let said = desk.done("verify @image.tar --unsigned --json");
        let reports: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(reports[0]["remarks"].as_array().unwrap().len(), usize::from(is_remarked), "{said}");
    }
}

#[test]
fn no_file_forges_a_line_by_its_name() {
    let desk = Desk::new();
    desk.pack("");
    let forged = "x\ngood.tar: PSU 1.2, signed";
    desk.write(forged, &desk.read("image.tar"));
    let verify = |more: &[&str]| {
        let path = desk.path(forged).into_os_string();
        let words = ["software-tool", "verify"].iter().chain(more).map(Into::into);
        desk.run_words(words.chain([path]).collect())
    };
    let shown = "x\\ngood.tar: PSU 1.2, signed: ";
    let (refused, taken) = (verify(&["--trust", "/nowhere"]), verify(&["--unsigned"]));
    std::fs::remove_file(desk.path(forged)).unwrap();
    let absent = verify(&["--unsigned"]);
    for (text, lines) in [(&refused.output, 1), (&taken.output, 11), (&absent.errors, 1)] {
        assert_eq!(text.lines().count(), lines, "{text}");
        assert!(text.contains(shown), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("good.tar")), "{text}");
    }
}

#[test]
fn floors_and_listed_payloads_are_asked_for_by_options() {
    let desk = Desk::new();
    desk.pack("");
    for (floors, is_taken) in [
        ("--floor PSU=1.2", true),
        ("--floor psu=1.3", false),
        ("--floor Host=9 --floor BMC=9", true),
        ("--floor Host=9 --floor PSU=9.0", false),
        ("--floor PSU=1.3:manufacturer=V,model=M", false),
        ("--floor PSU=1.3:manufacturer=V,model=N", true),
    ] {
        let run = desk.run(&format!("verify @image.tar --trust @trust {floors}"));
        assert_eq!(run.status, if is_taken { 0 } else { 65 }, "{floors}: {run:?}");
        assert_eq!(run.output.contains("is older than"), !is_taken, "{run:?}");
    }
    for (floor, status, said) in [
        (
            "PSU=fw1",
            65,
            "version 1.2 cannot be compared with fw1, the oldest that is taken: they do not begin alike",
        ),
        ("PSU=9", 65, "9, the oldest that is taken: 1.2 and 9 are not written alike, as only one has dots"),
        ("PSU=1,#*", 0, "signed"),
        ("PSU=1.3,#*", 65, "older than 1.3"),
        ("PSU=1.2-rc1,#*", 0, "signed"),
        ("PSU=1.3,#:manufacturer=V,model=N", 0, "signed"),
        ("PSU=1.3,#:manufacturer=V,model=M", 65, "older than 1.3"),
        ("PSU=1,v#", 65, "the pattern \"v#\" does not fit it"),
        ("PSU=1,v", 64, "the pattern \"v\" has no #"),
        ("PSU=latest", 64, "has no number in it"),
        (&format!("PSU={}", "1".repeat(257)), 64, "has 257 bytes, more than 256"),
        ("PSU=,#", 64, "is empty"),
    ] {
        let run = desk.run(&format!("verify @image.tar --trust @trust --floor {floor}"));
        assert_eq!(run.status, status, "{floor}: {run:?}");
        assert!(run.output.contains(said) || run.errors.contains(said), "{floor}: {run:?}");
    }
    desk.done("verify @image.tar --trust @trust --require-payload-digests");
    let key = image_signature::PrivateKey::from_pem(&desk.read("key.pem")).unwrap();
    let mut silent = Vec::new();
    let builder = image_builder::ImageBuilder::new(image_format::Purpose::Host, "1").payload("a", b"a");
    builder.sign(&key, None).write(&mut silent).unwrap();
    desk.write("silent.tar", &silent);
    desk.done("verify @silent.tar --trust @trust");
    let run = desk.run("verify @silent.tar --trust @trust --require-payload-digests");
    assert_eq!(run.status, 65);
    assert!(run.output.contains("does not list the payloads"), "{run:?}");
}

#[test]
fn a_file_that_cannot_be_read_hides_no_other() {
    let desk = Desk::new();
    desk.pack("");
    desk.write("cut.tar", &desk.read("image.tar")[..2000]);
    let files = "@image.tar @absent.tar @parts @cut.tar";
    let run = desk.run(&format!("verify --json {files} --trust @trust"));
    assert_eq!(run.status, 66, "{run:?}");
    let reports: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    let said = ["image.tar", "absent.tar", "parts", "cut.tar"].iter().zip(reports.as_array().unwrap());
    for (name, report) in said {
        assert!(report["file"].as_str().unwrap().ends_with(name), "{report}");
        assert_eq!(report["accepted"], *name == "image.tar", "{report}");
        let is_unread = ["absent.tar", "parts"].contains(name);
        assert_eq!(report["error"].as_str().is_some_and(|error| error.contains("cannot read")), is_unread);
        assert_eq!(report["reason"].is_string(), *name == "cut.tar", "{report}");
    }
    assert_eq!(reports.as_array().unwrap().len(), 4);
    let run = desk.run(&format!("verify {files} --trust @trust"));
    assert_eq!((run.status, run.errors.lines().count()), (66, 2), "{run:?}");
    assert!(run.output.contains("image.tar: PSU 1.2") && run.output.contains("cut.tar: refused"), "{run:?}");
}

#[test]
fn json_stays_json_where_something_is_escaped() {
    let desk = Desk::new();
    desk.pack("");
    desk.write("a\u{9b}\u{7f}b", &desk.read("image.tar"));
    let said = desk.done("verify @a\u{9b}\u{7f}b --unsigned --json");
    assert!(!said.contains(['\u{9b}', '\u{7f}']), "{said}");
    let reports: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(reports[0]["file"].as_str().unwrap().ends_with("/a\u{9b}\u{7f}b"), "{said}");
}

#[test]
fn json_has_members_with_their_digests() {
    let desk = Desk::new();
    desk.pack("--compatible a --compatible b");
    desk.write("cut.tar", &desk.read("image.tar")[..2000]);
    let run = desk.run("verify @image.tar @cut.tar --trust @trust --json");
    assert_eq!(run.status, 65);
    let reports: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    let [good, cut] = [&reports[0], &reports[1]];
    assert_eq!((&good["accepted"], &good["key-set"]), (&true.into(), &"OpenBMC".into()));
    assert_eq!(good["compatible"], serde_json::json!(["a", "b"]));
    let boot =
        good["members"].as_array().unwrap().iter().find(|member| member["name"] == "boot.bin").unwrap();
    assert_eq!(boot["size"], 4);
    assert_eq!(boot["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(
        (&cut["accepted"], &cut["reason"]),
        (&false.into(), &"the archive ends before its end".into())
    );
}

#[test]
fn without_a_trust_store_no_signature_counts() {
    let desk = Desk::new();
    desk.pack("");
    let run = desk.run("verify @image.tar --trust @nowhere");
    assert_eq!(run.status, 65);
    assert!(run.errors.contains("nowhere"), "{run:?}");
    assert!(run.output.contains("this machine has no key"), "{run:?}");
}
