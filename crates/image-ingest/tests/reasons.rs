//! Reasons repeat what images say, and stay short and on one line whatever that is.

use image_check::{Class, Nowhere, Rejection, Rules, SignaturePolicy};
use image_ingest::{Incoming, ingest};
use plain_text::is_hidden;

/// Longest reason, bytes: two excerpts and a sentence.
const LONGEST: usize = 700;
const PURPOSE: &str = "xyz.openbmc_project.Software.Version.VersionPurpose.";

fn archive(entries: &[(u8, &str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (kind, name, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::new(*kind));
        header.set_path(name).unwrap();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

fn judge(bytes: &[u8]) -> Rejection {
    let rules =
        Rules { signature: SignaturePolicy::Off, machine: Some("bed".to_owned()), ..Rules::default() };
    ingest(Incoming { source: bytes, length: None }, &mut Nowhere, &rules, &()).unwrap_err()
}

fn assert_is_short(rejection: &Rejection, class: Class) {
    let reason = rejection.to_string();
    assert_eq!(rejection.class(), class, "{reason}");
    assert!(reason.len() <= LONGEST && !reason.contains(is_hidden), "{}: {reason}", reason.len());
    assert!(reason.contains('…'), "{reason}");
}

#[test]
fn a_name_without_end_is_cut_in_the_reason() {
    for byte in [7, b'n', 0xff, b'"'] {
        let name = vec![byte; 65_000];
        assert_is_short(&judge(&archive(&[(b'L', "long", &name), (b'0', "x", b"")])), Class::UnTar);
        let attribute = [b"65012 path=".as_slice(), &name, b"\n"].concat();
        assert_is_short(&judge(&archive(&[(b'x', "pax", &attribute), (b'0', "x", b"")])), Class::UnTar);
    }
}

#[test]
fn a_line_of_the_manifest_without_end_is_cut_in_the_reason() {
    for character in ["n", "\u{1f600}", "\""] {
        let long = character.repeat(3900 / character.len());
        for (line, class) in [
            (format!("purpose={long}"), Class::Image),
            (format!("purpose={PURPOSE}{long}"), Class::Image),
            (format!("purpose={PURPOSE}BMC\nMachineName={long}"), Class::Image),
            (format!("purpose={PURPOSE}PSU\nExtendedVersion={long}"), Class::Image),
            (format!("purpose={PURPOSE}PSU\nExtendedVersion=model={long}"), Class::Image),
            (format!("purpose={PURPOSE}BMC\n{}_Hash_Type=,x", "n".repeat(3000)), Class::Manifest),
            (format!("purpose={PURPOSE}BMC\n{}_Hash_Type=a,/", "n".repeat(3000)), Class::Manifest),
        ] {
            let manifest = format!("version=1\n{line}\n");
            assert_is_short(&judge(&archive(&[(b'0', "MANIFEST", manifest.as_bytes())])), class);
        }
    }
}
