use super::*;
use crate::NameError;
use proptest::prelude::*;

/// The least that a MANIFEST has, on two lines.
const LEAST: &str = "purpose=p\nversion=v\n";

fn parse(text: impl AsRef<[u8]>) -> Result<Manifest, ManifestError> {
    Manifest::parse(text.as_ref(), &ManifestLimits::default())
}

/// What is wrong with a third line.
fn third(line: impl AsRef<[u8]>) -> Result<Manifest, ManifestError> {
    parse([LEAST.as_bytes(), line.as_ref()].concat())
}

#[test]
fn an_image_of_a_power_supply_is_understood() {
    let text = "purpose=xyz.openbmc_project.Software.Version.VersionPurpose.PSU\r\nversion=psu-test.v0.4\r\n\
                extended_version=model=model-1,manufacturer=test-manu\nMachineName=witherspoon\n\
                KeyType=OpenBMC\nHashType=RSA-SHA256\nCompatibleName=org.Software.Element.a.Type.b\n\
                # a comment = with control over nothing\n\n \t\nCompatibleName=c\nUnknown-Key_1=x\n\
                MLDSA_87_Hash_Type=SHA512,mldsa87";
    let manifest = parse(text).unwrap();
    assert_eq!(crate::Purpose::parse(&manifest.purpose), Ok(crate::Purpose::Psu));
    assert_eq!(manifest.version, "psu-test.v0.4");
    assert_eq!(manifest.extended_version, "model=model-1,manufacturer=test-manu");
    assert_eq!(manifest.machine_name.as_deref(), Some("witherspoon"));
    assert_eq!(manifest.key_type.as_deref(), Some("OpenBMC"));
    assert_eq!(manifest.hash_type.as_deref(), Some("RSA-SHA256"));
    assert_eq!(manifest.compatible_names, ["org.Software.Element.a.Type.b", "c"]);
    let second = PostQuantum { digest: "SHA512".to_owned(), folder: "mldsa87".to_owned() };
    assert_eq!(manifest.post_quantum, Some(second));
}

#[test]
fn the_least_leaves_the_rest_empty() {
    let least = parse(LEAST).unwrap();
    assert_eq!((least.purpose.as_str(), least.version.as_str()), ("p", "v"));
    assert_eq!(least.extended_version, "");
    assert_eq!((&least.machine_name, &least.key_type, &least.hash_type), (&None, &None, &None));
    assert_eq!((&least.post_quantum, least.compatible_names.len()), (&None, 0));
    let empty = third("MachineName=\nKeyType=\nHashType=\nExtendedVersion=\nCompatibleName=\n");
    assert_eq!(empty, Ok(least.clone()));
    assert_eq!(parse("version=v\npurpose=p"), Ok(least));
}

#[test]
fn values_are_taken_as_they_are_but_for_blanks_around_them() {
    for value in ["a b", "a=b=c", "=", "größe", "\"v\"", "a#b", "v\u{301}", "語"] {
        for written in
            [value, &format!(" {value}"), &format!("{value} \r"), &format!("\u{a0}{value}\u{3000}")]
        {
            assert_eq!(parse(format!("purpose=p\nversion={written}\n")).unwrap().version, value);
        }
    }
    let text = "purpose= p \nversion=v\nMachineName= m\t\nKeyType= k \nHashType= h \nExtendedVersion= e\n\
                extended_version=e \nCompatibleName= a b \nCompatibleName= \nPQ_Hash_Type= SHA512,pq \n";
    let manifest = parse(text).unwrap();
    assert_eq!((&*manifest.purpose, &*manifest.extended_version), ("p", "e"));
    let optional = [&manifest.machine_name, &manifest.key_type, &manifest.hash_type];
    assert_eq!(optional.map(|value| value.as_deref().unwrap()), ["m", "k", "h"]);
    assert_eq!(manifest.compatible_names, ["a b"]);
    assert_eq!(manifest.post_quantum.unwrap().folder, "pq");
    assert_eq!(third("MachineName=a\tb\n").unwrap().machine_name.as_deref(), Some("a\tb"));
    for key in ["Version", "PURPOSE", "machinename", "version2", "xversion"] {
        assert_eq!(third(format!("{key}=x\n")), parse(LEAST), "{key}");
    }
}

#[test]
fn lines_that_are_none_are_refused() {
    let line = 3;
    for (text, error) in [
        (&b"x"[..], ManifestError::NoEquals { line }),
        (b"version", ManifestError::NoEquals { line }),
        (b"=x", ManifestError::BadKey { line }),
        (b" x=y", ManifestError::BadKey { line }),
        (b"x =y", ManifestError::BadKey { line }),
        (b" # x=y", ManifestError::BadKey { line }),
        ("größe=y".as_bytes(), ManifestError::BadKey { line }),
        (b"x=\0", ManifestError::Control { line }),
        (b"\0", ManifestError::Control { line }),
        (b"x=a\x1b[2J", ManifestError::Control { line }),
        (b"x=a\x7f", ManifestError::Control { line }),
        (b"x=a\xc2\x9b2J", ManifestError::Control { line }),
        (b"x=a\rb", ManifestError::Control { line }),
        (b"x=a\r\r\n", ManifestError::Control { line }),
        (b"# \0", ManifestError::Control { line }),
        (b"x=\xff", ManifestError::NotUtf8 { line }),
        (b"\xef\xbb\xbfx=y", ManifestError::Hidden { line, character: '\u{feff}' }),
        ("x=a\u{202e}b".as_bytes(), ManifestError::Hidden { line, character: '\u{202e}' }),
        ("# \u{2066}".as_bytes(), ManifestError::Hidden { line, character: '\u{2066}' }),
        ("\u{200b}".as_bytes(), ManifestError::Hidden { line, character: '\u{200b}' }),
        ("x\u{ad}=y".as_bytes(), ManifestError::Hidden { line, character: '\u{ad}' }),
    ] {
        assert_eq!(third(text), Err(error), "{}", text.escape_ascii());
    }
}

#[test]
fn a_key_with_one_value_is_there_once() {
    for key in ["MachineName", "KeyType", "HashType"] {
        let text = format!("{key}=a\n{key}=a\n");
        assert_eq!(third(text), Err(ManifestError::Repeated { line: 4, key }));
        assert_eq!(third(format!("{key}=\n{key}=a\n")), Err(ManifestError::Repeated { line: 4, key }));
    }
    assert_eq!(third("purpose=p\n"), Err(ManifestError::Repeated { line: 3, key: "purpose" }));
    assert_eq!(third("version=v\n"), Err(ManifestError::Repeated { line: 3, key: "version" }));
}

#[test]
fn purpose_and_version_are_there_and_not_blank() {
    let missing = |key| Err(ManifestError::Missing { key });
    let blank = |line, key| Err(ManifestError::Blank { line, key });
    for (text, expected) in [
        ("\n", missing("purpose")),
        ("# only\n", missing("purpose")),
        ("version=v\n", missing("purpose")),
        ("purpose=p\n", missing("version")),
        ("purpose=\nversion=v\n", blank(1, "purpose")),
        ("purpose=p\nversion=\n", blank(2, "version")),
        ("purpose=p\nversion=\r\n", blank(2, "version")),
        ("purpose=p\nversion= \t\n", blank(2, "version")),
        ("purpose=p\nversion=\u{a0}\u{2003}\n", blank(2, "version")),
        ("", Err(ManifestError::Empty)),
        ("\u{feff}purpose=PSU\nversion=1", Err(ManifestError::ByteOrderMark)),
    ] {
        assert_eq!(parse(text), expected, "{text:?}");
    }
}

#[test]
fn a_version_is_short_and_can_be_shown() {
    let of =
        |version: &str| parse(format!("purpose=p\nversion={version}\n")).map(|manifest| manifest.version);
    let longest = "v".repeat(256);
    assert_eq!(of(&longest), Ok(longest.clone()));
    assert_eq!(of(&format!("{longest}v")), Err(ManifestError::VersionTooLong { line: 2, bytes: 257 }));
    assert_eq!(of(&format!(" {longest} ")), Ok(longest));
    for version in ["a\tb", "a\t", "\ta"] {
        assert_eq!(of(version), Err(ManifestError::Control { line: 2 }));
    }
    for character in ['\u{200b}', '\u{202e}', '\u{feff}', '\u{2028}', '\u{2800}', '\u{fdd0}', '\u{e0041}'] {
        let hidden = Err(ManifestError::Hidden { line: 2, character });
        for version in [character.to_string(), format!("1{character}0"), format!("1.0{character}")] {
            assert_eq!(of(&version), hidden, "{version:?}");
        }
    }
    let error = of("\u{200b}").unwrap_err().to_string();
    assert_eq!(
        error,
        "line 2 of the MANIFEST has the character U+200B in it, which cannot be seen or changes the order of others"
    );
}

#[test]
fn both_spellings_of_the_extended_version_are_read_and_agree() {
    for (text, expected) in [
        ("ExtendedVersion=a\n", Ok("a")),
        ("extended_version=a\n", Ok("a")),
        ("extended_version=a\nExtendedVersion=a\n", Ok("a")),
        ("ExtendedVersion=a\nExtendedVersion=a\n", Ok("a")),
        ("extended_version=a\nExtendedVersion=b\n", Err(4)),
        ("ExtendedVersion=a\nextended_version=\n", Err(4)),
        ("ExtendedVersion=a\nExtendedVersion=b\n", Err(4)),
    ] {
        let expected = expected.map(str::to_owned);
        let expected = expected.map_err(|line| ManifestError::ExtendedVersionsDiffer { line });
        assert_eq!(third(text).map(|manifest| manifest.extended_version), expected, "{text}");
    }
}

#[test]
fn the_first_second_set_of_signatures_counts() {
    let folder = |text: &str| third(text).map(|manifest| manifest.post_quantum.map(|second| second.folder));
    let refused =
        |source| Err(ManifestError::PostQuantumFolder { line: 3, key: "PQ_Hash_Type".to_owned(), source });
    let digest = Err(ManifestError::PostQuantumDigest { line: 3, key: "PQ_Hash_Type".to_owned() });
    for (text, expected) in [
        ("PQ_Hash_Type=SHA512,pq\n", Ok(Some("pq".to_owned()))),
        ("PQ_Hash_Type_2=SHA512,pq\n", Ok(Some("pq".to_owned()))),
        ("_Hash_Type=SHA512,./pq,x\n", Ok(Some("pq,x".to_owned()))),
        ("A_Hash_Type=SHA512\nB_Hash_Type=SHA512,b\nC_Hash_Type=x,../c\n", Ok(Some("b".to_owned()))),
        ("HashType=a,b\nPQ_HashType=a,b\npq_hash_type=a,b\n", Ok(None)),
        ("PQ_Hash_Type=,pq\n", digest),
        ("PQ_Hash_Type=SHA512,\n", refused(NameError::Empty)),
        ("PQ_Hash_Type=SHA512,.\n", refused(NameError::Root)),
        ("PQ_Hash_Type=SHA512,..\n", refused(NameError::Parent)),
        ("PQ_Hash_Type=SHA512,/pq\n", refused(NameError::Absolute)),
        ("PQ_Hash_Type=SHA512,a/b\n", refused(NameError::TooDeep { limit: 1 })),
        ("PQ_Hash_Type=SHA512,pq/\n", refused(NameError::EmptyComponent)),
    ] {
        assert_eq!(folder(text), expected, "{text}");
    }
}

#[test]
fn every_limit_holds_at_its_last_byte() {
    let limits = ManifestLimits { bytes: 40, line: 12, lines: 4 };
    let parse = |text: &str| Manifest::parse(text.as_bytes(), &limits).map(|_| ());
    let fitting = [LEAST, "A=3456789012\n#\n"].concat();
    assert_eq!(parse(&fitting), Ok(()));
    assert_eq!(parse(fitting.trim_end()), Ok(()));
    assert_eq!(parse(&format!("{fitting}#")), Err(ManifestError::TooManyLines { limit: 4 }));
    assert_eq!(parse(&format!("{fitting}\n")), Err(ManifestError::TooManyLines { limit: 4 }));
    let long = [LEAST, "A=34567890123\n"].concat();
    assert_eq!(parse(&long), Err(ManifestError::LineTooLong { line: 3, limit: 12 }));
    assert_eq!(parse(&"#".repeat(41)), Err(ManifestError::TooLong { bytes: 41, limit: 40 }));
    assert_eq!(parse(&"#".repeat(40)), Err(ManifestError::LineTooLong { line: 1, limit: 12 }));
    let default = ManifestLimits::default();
    assert_eq!((default.bytes, default.line, default.lines), (65_536, 4096, 256));
}

proptest! {
    #[test]
    fn whatever_the_bytes_a_manifest_is_no_larger_than_they(
        lines in proptest::collection::vec(
            prop_oneof![
                "(purpose|version|KeyType|CompatibleName|x_Hash_Type|extended_version)=[ -~]{0,9}".prop_map(String::into_bytes),
                proptest::collection::vec(any::<u8>(), 0..12),
            ],
            0..8,
        ),
    ) {
        let bytes = lines.join(&b'\n');
        if let Ok(manifest) = parse(&bytes) {
            let names = manifest.compatible_names.iter().map(String::len).sum::<usize>();
            let texts = manifest.purpose.len() + manifest.version.len() + manifest.extended_version.len();
            prop_assert!(names + texts <= bytes.len());
            for text in manifest.compatible_names.iter().chain([&manifest.version, &manifest.purpose]) {
                prop_assert!(!text.is_empty() && text.trim() == text, "{text:?}");
                prop_assert!(!text.contains(|character| character != '\t' && plain_text::is_hidden(character)));
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&bytes);
        let _ = third(&bytes);
    }
}
