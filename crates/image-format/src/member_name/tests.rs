use super::*;
use proptest::prelude::*;

const LIMITS: NameLimits = NameLimits { bytes: 20, depth: 3 };

fn name(text: &str) -> MemberName {
    MemberName::parse(text.as_bytes(), &LIMITS).unwrap()
}

#[test]
fn a_name_that_leaves_its_folder_or_hides_something_is_refused() {
    for (bytes, error) in [
        (&b""[..], NameError::Empty),
        (b"/", NameError::Absolute),
        (b"/etc/passwd", NameError::Absolute),
        (b"//x", NameError::Absolute),
        (b"..", NameError::Parent),
        (b"../x", NameError::Parent),
        (b"a/../x", NameError::Parent),
        (b"./..", NameError::Parent),
        (b"a/..", NameError::Parent),
        (b"a//b", NameError::EmptyComponent),
        (b".//a", NameError::EmptyComponent),
        (b"a\\b", NameError::Backslash),
        (b"..\\x", NameError::Backslash),
        (b"a\0", NameError::Control),
        (b"a\0/../b", NameError::Control),
        (b"a\nb", NameError::Control),
        (b"a\tb", NameError::Control),
        (b"a\x1b[2J", NameError::Control),
        (b"a\x7f", NameError::Control),
        (b"a\xc2\x9b2J", NameError::Control),
        ("a\u{202e}gpj.exe".as_bytes(), NameError::Hidden { character: '\u{202e}' }),
        ("MANIFEST\u{200b}".as_bytes(), NameError::Hidden { character: '\u{200b}' }),
        (b" ", NameError::Blank),
        (b" a", NameError::Blank),
        (b"a /b", NameError::Blank),
        ("a/b\u{a0}".as_bytes(), NameError::Blank),
        (b"a\xff", NameError::NotUtf8),
        (b"\xc0\xae\xc0\xae/x", NameError::NotUtf8),
        (b"a/b/c/d", NameError::TooDeep { limit: 3 }),
        (b"123456789012345678901", NameError::TooLong { bytes: 21, limit: 20 }),
    ] {
        let shown = bytes.escape_ascii();
        assert_eq!(MemberName::parse(bytes, &LIMITS), Err(error), "{shown}");
        assert_eq!(MemberName::parse_folder(bytes, &LIMITS), Err(error), "{shown}");
    }
    assert_eq!(
        NameError::Hidden { character: '\u{202e}' }.to_string(),
        "the name has the character U+202E in it, which cannot be seen or changes the order of others"
    );
}

#[test]
fn components_that_say_nothing_are_left_out() {
    for (text, expected) in [
        ("MANIFEST", "MANIFEST"),
        ("./MANIFEST", "MANIFEST"),
        ("././a/./b", "a/b"),
        ("a/b/c", "a/b/c"),
        ("./a/./b/./c", "a/b/c"),
        ("...", "..."),
        ("..a/.b", "..a/.b"),
        ("a b", "a b"),
        ("größe", "größe"),
        ("12345678901234567890", "12345678901234567890"),
    ] {
        let parsed = name(text);
        assert_eq!(parsed.as_str(), expected);
        assert_eq!(parsed.to_string(), expected);
        assert_eq!(MemberName::parse_folder(format!("{text}/").as_bytes(), &LIMITS), Ok(parsed));
    }
}

#[test]
fn only_a_folder_may_be_the_root_or_end_in_a_slash() {
    for text in [".", "./", "./.", "././"] {
        let root = MemberName::parse_folder(text.as_bytes(), &LIMITS).unwrap();
        assert!(root.is_root(), "{text}");
        assert_eq!((root.depth(), root.parent(), root.as_str()), (0, None, "."));
    }
    assert_eq!(MemberName::parse(b".", &LIMITS), Err(NameError::Root));
    assert_eq!(MemberName::parse(b"./.", &LIMITS), Err(NameError::Root));
    for text in ["./", "a/", "a/./"] {
        assert_eq!(MemberName::parse(text.as_bytes(), &LIMITS), Err(NameError::EmptyComponent), "{text}");
    }
    for text in ["a//", ".//", "a/b//"] {
        let refused = MemberName::parse_folder(text.as_bytes(), &LIMITS);
        assert_eq!(refused, Err(NameError::EmptyComponent), "{text}");
    }
}

#[test]
fn depth_and_parent_follow_from_the_components() {
    let deep = name("a/b/c");
    assert_eq!((deep.depth(), name("a").depth()), (3, 1));
    assert_eq!(deep.parent(), Some(name("a/b")));
    assert_eq!(name("a/b").parent(), Some(name("a")));
    assert_eq!(name("a").parent(), None);
    assert!(!name("a").is_root());
    assert!(deep.is_below("a") && deep.is_below("a/b") && name("ab/c").is_below("ab"));
    assert!(!name("ab/c").is_below("a") && !name("a").is_below("a"));
}

#[test]
fn names_that_some_would_take_for_the_same_fold_to_the_same() {
    for (a, b) in
        [("MANIFEST", "manifest"), ("A/b", "a/B"), ("GRÖSSE", "größe"), ("ΑΣ", "ας"), ("\u{212a}", "k")]
    {
        assert_eq!(name(a).folded(), name(b).folded(), "{a} {b}");
    }
    assert_ne!(name("a/b").folded(), name("a").folded());
}

#[test]
fn a_signature_is_named_after_what_it_signs() {
    for text in ["MANIFEST", "a/b", "x.sig", ".sig"] {
        assert_eq!(name(text).signature().signed(), Some(name(text)));
        assert!(name(text).signature().is_signature());
    }
    assert_eq!(name("MANIFEST").signature().as_str(), "MANIFEST.sig");
    for text in ["MANIFEST", "a.SIG", "a.sig.", "sig", "a.sig/b"] {
        assert!(!name(text).is_signature(), "{text}");
        assert_eq!(name(text).signed(), None, "{text}");
    }
}

#[test]
fn a_signature_of_no_possible_name_signs_nothing() {
    for text in [".sig", "..sig", "...sig", "a/.sig", "a/..sig", "a/...sig"] {
        assert!(name(text).is_signature(), "{text}");
        assert_eq!(name(text).signed(), None, "{text}");
    }
}

#[test]
fn known_names_are_names() {
    for known in [MemberName::manifest(), MemberName::public_key(), MemberName::full_image_signature()] {
        assert_eq!(name(known.as_str()), known);
    }
    assert_eq!(names::FULL_IMAGE_PARTS.map(|part| name(part).is_signature()), [true; 8]);
}

proptest! {
    #[test]
    fn whatever_the_archive_says_a_name_stays_below_its_folder(
        bytes in proptest::collection::vec(
            prop_oneof![3 => Just(b'/'), 4 => Just(b'.'), 4 => b'a'..b'c', 1 => any::<u8>()], 0..24),
    ) {
        for parsed in [MemberName::parse(&bytes, &LIMITS), MemberName::parse_folder(&bytes, &LIMITS)] {
            let Ok(parsed) = parsed else { continue };
            prop_assert!(parsed.as_str().len() <= LIMITS.bytes && parsed.depth() <= LIMITS.depth);
            for part in parsed.as_str().split('/') {
                prop_assert!(!matches!(part, "" | ".."));
                prop_assert!(part != "." || parsed.is_root());
            }
            prop_assert!(parsed.folded().len() <= 3 * parsed.as_str().len());
            if !parsed.is_root() {
                prop_assert_eq!(MemberName::parse(parsed.as_str().as_bytes(), &LIMITS), Ok(parsed.clone()));
            }
            for related in [parsed.parent(), parsed.signed()].into_iter().flatten() {
                prop_assert_eq!(MemberName::parse(related.as_str().as_bytes(), &LIMITS), Ok(related));
            }
        }
    }
}
