//! Parts that give no image.

use crate::tools::{P384, Tools};
use image_builder::{BuildError, ImageBuilder, Purpose};
use image_format::{CoverageError, DigestError, ManifestError, NameError};
use std::io::{self, Read, Write};

fn host() -> ImageBuilder<'static> {
    ImageBuilder::new(Purpose::Host, "v1").payload("pnor", "firmware")
}

/// The error, and that nothing was written before it.
fn refused(builder: ImageBuilder<'_>) -> BuildError {
    let mut archive = Vec::new();
    let error = builder.write(&mut archive).unwrap_err();
    assert!(archive.is_empty(), "{error}");
    error
}

#[test]
fn a_manifest_that_a_reader_would_refuse_is_not_written() {
    let error = refused(ImageBuilder::new(Purpose::Host, "").payload("pnor", "x"));
    assert!(matches!(error, BuildError::Manifest(ManifestError::Blank { .. })), "{error}");
    let error = refused(host().line("version", "v2"));
    assert!(matches!(error, BuildError::Manifest(ManifestError::Repeated { .. })), "{error}");
    let error = refused(host().extended_version("one").line("ExtendedVersion", "two"));
    assert!(matches!(error, BuildError::Manifest(ManifestError::ExtendedVersionsDiffer { .. })), "{error}");
    let error = refused(host().machine_name("a\0b"));
    assert!(matches!(error, BuildError::Manifest(ManifestError::Control { .. })), "{error}");
    let error = refused(ImageBuilder::new(Purpose::Host, "\u{200b}").payload("pnor", "x"));
    assert!(matches!(error, BuildError::Manifest(ManifestError::Hidden { line: 2, .. })), "{error}");
    let error = refused(host().line("Note", "n".repeat(5000)));
    assert!(matches!(error, BuildError::Manifest(ManifestError::LineTooLong { .. })), "{error}");
    let error = refused(ImageBuilder::new(Purpose::Host, "v".repeat(257)).payload("pnor", "x"));
    assert!(matches!(error, BuildError::Manifest(ManifestError::VersionTooLong { .. })), "{error}");
}

#[test]
fn a_value_cannot_bring_a_line_of_its_own() {
    for value in ["one\nKeyType=other", "one\r", "\n"] {
        for builder in [host().machine_name(value), host().line("Note", value), host().compatible_name(value)]
        {
            let error = refused(builder);
            assert!(matches!(error, BuildError::LineBreak { .. }), "{error}");
        }
    }
    for key in ["", "#Note", "a=b", "a b", "a\nb", "ä"] {
        let error = refused(host().line(key, "x"));
        assert!(matches!(error, BuildError::Key { .. }), "{key:?}: {error}");
    }
}

#[test]
fn names_that_an_archive_cannot_have_are_refused() {
    for (name, expected) in [
        ("", NameError::Empty),
        ("../pnor", NameError::Parent),
        ("/pnor", NameError::Absolute),
        ("folder/pnor", NameError::TooDeep { limit: 1 }),
        (".", NameError::Root),
        ("a\\b", NameError::Backslash),
        ("a\u{202e}b", NameError::Hidden { character: '\u{202e}' }),
        ("pnor ", NameError::Blank),
        (&"n".repeat(97), NameError::TooLong { bytes: 97, limit: 96 }),
    ] {
        let error = refused(host().payload(name, "x"));
        assert!(
            matches!(&error, BuildError::Name { source, .. } if *source == expected),
            "{name:?}: {error:?}"
        );
    }
    for name in ["MANIFEST", "manifest", "publickey", "PublicKey", "pnor.sig", "image-full.sig", "./MANIFEST"]
    {
        let error = refused(host().payload(name, "x"));
        assert!(matches!(error, BuildError::Reserved { .. }), "{name}: {error}");
    }
    for name in ["pnor", "PNOR", "./pnor"] {
        let error = refused(host().payload(name, "x"));
        assert!(matches!(error, BuildError::Twice { .. }), "{name}: {error}");
    }
}

#[test]
fn an_image_without_payloads_is_refused() {
    let error = refused(ImageBuilder::new(Purpose::Host, "v1"));
    assert!(matches!(error, BuildError::Coverage(CoverageError::NoPayload)), "{error}");
}

#[test]
fn digests_that_are_weak_or_unknown_are_refused() {
    let error = refused(host().hash_type("RSA-SHA1"));
    assert!(matches!(error, BuildError::HashType(DigestError::Weak(_))), "{error}");
    let error = refused(host().hash_type("RSA-SHA224"));
    assert!(matches!(error, BuildError::HashType(DigestError::Unknown(_))), "{error}");
    let Some(tools) = Tools::find() else { return };
    let key = tools.key("key", P384);
    let error = refused(host().hash_type("").sign(&key, None));
    assert!(matches!(error, BuildError::Coverage(CoverageError::NoHashType)), "{error}");
}

#[test]
fn an_image_for_power_supplies_says_well_which() {
    let psu =
        |text: &str| ImageBuilder::new(Purpose::Psu, "1").extended_version(text).payload("psu.bin", "x");
    let error = refused(psu("model=..,manufacturer=maker"));
    assert!(matches!(error, BuildError::PowerSupply(_)), "{error}");
    assert!(psu("model=one,manufacturer=maker").write(io::sink()).is_ok());
}

#[test]
fn a_payload_longer_than_a_header_can_say_is_refused() {
    let error = refused(host().payload_from("large", 1 << 33, io::empty()));
    assert!(matches!(error, BuildError::TooLong { length: 0x2_0000_0000, .. }), "{error}");
}

#[test]
fn a_payload_of_another_length_than_was_said_is_refused() {
    for (said, expected, shown) in [(3, 4, "but more"), (9, 8, "but 8")] {
        let builder = host().payload_from("other", said, &b"firmware"[..]);
        let error = builder.write(io::sink()).unwrap_err();
        let BuildError::Length { name, found, .. } = &error else { panic!("{error}") };
        assert_eq!((name.as_str(), *found), ("other", expected));
        assert!(error.to_string().ends_with(shown), "{error}");
    }
    let endless = host().payload_from("endless", 1000, io::repeat(1));
    assert!(matches!(endless.write(io::sink()), Err(BuildError::Length { found: 1001, .. })));
}

#[test]
fn a_stream_that_fails_is_told_from_an_archive_that_cannot_be_written() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("worn out"))
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("full"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = host().payload_from("worn", 5, Broken).write(io::sink()).unwrap_err();
    assert!(matches!(&error, BuildError::Read { name, .. } if name.as_str() == "worn"), "{error}");
    let error = host().write(Broken).unwrap_err();
    assert!(matches!(error, BuildError::Write(_)), "{error}");
}
