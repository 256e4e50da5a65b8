use super::*;
use proptest::prelude::*;

/// The order of both ways round, which must agree.
fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (there, back) = (compare_versions(a, b), compare_versions(b, a));
    assert_eq!(there.is_ok(), back.is_ok(), "{a:?} {b:?}");
    assert_eq!(there.clone().ok(), back.ok().map(Ordering::reverse), "{a:?} {b:?}");
    there.ok()
}

#[test]
fn each_version_is_older_than_the_next() {
    for sorted in [
        &["1~1", "1", "1.0.1", "1.1-rc1", "1.1-rc2", "1.1", "1.1+5", "1.1+6", "1.06", "1.10", "1.123"][..],
        &["0.9", "1.0", "1.0.1", "2.0-rc1", "2.0", "10.0"],
        &["0", "1", "2-1", "2-2", "10", "10-1-g1234567", "20240101"],
        &["2.11.0-rc1", "2.11.0", "2.11.1-rc1", "2.11.1", "2.12-rc1", "2.12"],
        &[
            "2.13.0",
            "2.14.0-dev",
            "2.14.0-dev-9-gabcdef01",
            "2.14.0-dev-1234-gabcdef01",
            "2.14.0",
            "2.14.0-3-g1234567",
        ],
        &["v2.9.0", "2.9.0-99-gfffffff", "v2.9.0-100-gabcdef0", "2.10.0-dev", "v2.10.0"],
        &["fw1050.00-9.9", "fw1050.00-12.3", "fw1050.00-12.10", "fw1050.10-1.0", "fw1060.00-1.0"],
        &[
            "IBM-witherspoon-OP9-v2.0-2.14",
            "IBM-witherspoon-OP9-v2.0.10-2.2",
            "IBM-witherspoon-OP9-v2.0.10-2.22",
        ],
        &["psu-test.v0.4", "psu-test.v0.10"],
        // No parts of a name: nothing follows but a pre-release's or a build's number, or a v says what they are.
        &["r9", "r10-rc1", "r10-rc2", "r10", "r10+5.1", "r11-1-g1234567"],
        &["OP9-v2-2.14", "OP9-v3-1.0"],
        &["OP9-2-4", "OP9-3-1"],
        &["2.11.0-rc1-20240301", "2.11.0-rc2-20240101"],
        &["01100110", "01120114"],
    ] {
        for (index, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), Some(index.cmp(&other)), "{a} {b}");
            }
        }
    }
}

#[test]
fn a_pre_release_is_below_its_release_however_that_is_written() {
    for tail in [
        "-rc1",
        "_rc1",
        ".rc1",
        "~rc1",
        "-rc",
        "-RC1",
        "-alpha",
        "-Beta2",
        "-dev",
        "-dev-100-gabc",
        "-dev-100-gabcd",
        "-pre",
        "-preview3",
        "-snapshot",
        "-snapshot-20240101",
        "-rc.1",
        "-rc1+build",
        "~1",
        "~",
        "~anything",
    ] {
        for release in ["2.11.0", "2.11", "v2.11.0", "2.11.0+build", "2.11.0-1-g1234567", "2.11.0.1"] {
            let pre_release = format!("2.11.0{tail}");
            assert_eq!(compare(&pre_release, release), Some(Ordering::Less), "{pre_release} {release}");
        }
    }
    for no_pre_release in
        ["2.11.0-rcs", "2.11.0-rc1a", "2.11.0-devel", "2.11.0rc1", "2.11.0-xrc1", "2.11.0--rc1"]
    {
        assert_eq!(compare(no_pre_release, "2.11.0"), None, "{no_pre_release}");
    }
}

#[test]
fn what_makes_no_difference_is_equal() {
    for (a, b) in [
        ("", ""),
        ("v1.2", "1.2"),
        ("1.02", "1.2"),
        ("1.2", "1.2.0"),
        ("1.2.0-rc1", "1.2-rc1"),
        ("1.0-0-gabcdef0", "1.0"),
        ("1.0-5-gabcdef0", "1.0-5-gabcdef01"),
        ("1.0-gabcdef0", "1.0-gABCDEF01"),
        ("2.11.0-dirty", "2.11.0-dirty"),
        ("v2.11.0-dirty", "2.11.0-dirty"),
        ("latest", "latest"),
    ] {
        assert_eq!(compare(a, b), Some(Ordering::Equal), "{a} {b}");
    }
}

#[test]
fn what_has_no_order_says_why() {
    let tails = |a: &str, b: &str| Incomparable::Tails(a.to_owned(), b.to_owned());
    let shapes = |a: &str, b: &str| Incomparable::Shapes(a.to_owned(), b.to_owned());
    let name = |a: &str, b: &str| Incomparable::Name(a.to_owned(), b.to_owned());
    let hexadecimal = |a: &str, b: &str| Incomparable::Hexadecimal(a.to_owned(), b.to_owned());
    for (a, b, reason) in [
        (
            "IBM-witherspoon-ibm-OP9-v2.0-2.14",
            "IBM-witherspoon-ibm-OP9_v1.19_1.90",
            tails("-v2.0-2.14", "_v1.19_1.90"),
        ),
        ("IBM-witherspoon-ibm-OP9_v1.19_1.90", "IBM-witherspoon-OP9-v2.0.10-2.22", Incomparable::Beginning),
        ("fw1050.00", "1050.00", Incomparable::Beginning),
        ("va", "a", Incomparable::Beginning),
        ("V1", "1", Incomparable::Beginning),
        ("vv1", "1", Incomparable::Beginning),
        ("", "1", Incomparable::Beginning),
        ("~1", "1", Incomparable::Beginning),
        ("\u{663}", "3", Incomparable::Beginning),
        ("1.0", "1.0-1", tails("", "-1")),
        ("1.0", "1.0a", tails("", "a")),
        ("1.0", "1.0^", tails("", "^")),
        ("1.0", "1.0.", tails("", ".")),
        ("1.0-1", "1.0-1a", tails("", "a")),
        ("1.0-rc1", "1.0-beta1", tails("-rc1", "-beta1")),
        ("1.0-rc", "1.0-rc1", tails("", "1")),
        ("1.0-rc1", "1.0~rc1", tails("-rc1", "~rc1")),
        ("1.0+a", "1.0+b", tails("+a", "+b")),
        ("1.0+a", "1.0-1-gabcdef0", tails("+a", "-1-gabcdef0")),
        ("1.0-6", "1.0-5-gabcdef0", tails("-6", "-5-gabcdef0")),
        ("1.0-gabc", "1.0", tails("-gabc", "")),
        ("1.0-gabcdef0", "1.0", Incomparable::Commit),
        ("1.0-gabcdef0", "1.0-gabcdef1", Incomparable::Commit),
        ("1.0-5-gabcdef0", "1.0-5-gabcdef1", Incomparable::Commit),
        ("1.0-5-gabcdef0", "1.0-gabcdef0", Incomparable::Commit),
        ("2.11.0-dirty", "2.11.0", Incomparable::Dirty),
        ("2.11.0-5-gabcdef0-dirty", "2.10.0", Incomparable::Dirty),
        ("9F", "10", hexadecimal("9F", "10")),
        ("1.9f1", "1.10f", hexadecimal("1.9f1", "1.10f")),
        ("7f00aa12", "12345678", hexadecimal("7f00aa12", "12345678")),
        ("1.2a", "1.3", hexadecimal("1.2a", "1.3")),
        ("abc1234", "abc9999", hexadecimal("abc1234", "abc9999")),
        ("a1b2-1", "a1b3-1", hexadecimal("a1b2", "a1b3")),
        ("e5.1", "e6.1", hexadecimal("e5.1", "e6.1")),
        ("1.0a1", "1.0a2", hexadecimal("0a1", "0a2")),
        ("1.0+g1234567", "1.0+g9999999", hexadecimal("g1234567", "g9999999")),
        ("2.0", "20240101", shapes("2.0", "20240101")),
        ("1.2.3", "1000000", shapes("1.2.3", "1000000")),
        ("v2.0", "v3", shapes("2.0", "3")),
        ("psu-1.2", "psu-20240101", shapes("1.2", "20240101")),
        ("OP9-v2.0-2.14", "OP10-v1.0-1.0", name("OP9", "OP10")),
        ("OP9-2", "OP10-1", name("OP9", "OP10")),
        ("ast2600-dev-2.9.0", "ast2700-dev-2.8.0", name("ast2600", "ast2700")),
        ("AST-2600-2.9", "AST-2700-2.8", name("2600", "2700")),
        ("AST-2600-r1-2.9", "AST-2700-r1-2.8", name("2600", "2700")),
        ("OP9", "OP10-v1.0", name("OP9", "OP10")),
    ] {
        assert_eq!(compare_versions(a, b), Err(reason), "{a} {b}");
        assert_eq!(compare(a, b), None);
    }
}

#[test]
fn letters_that_are_not_hexadecimal_or_at_another_number_are_no_obstacle() {
    for (older, newer) in [
        ("1.2k", "1.3"),
        ("1.2a", "2.1"),
        ("a1.2", "a1.3"),
        ("1.9-a", "1.10-a"),
        ("a-9", "a-10"),
        ("9rc1", "10"),
        ("r9", "r10"),
        ("g9", "g10"),
        ("fw9", "fw10"),
    ] {
        assert_eq!(compare(older, newer), Some(Ordering::Less), "{older} {newer}");
    }
}

#[test]
fn a_reason_is_a_short_line() {
    let long = "\u{202e}\n".repeat(5_000);
    for (a, b) in [(format!("1{long}"), "1".to_owned()), (format!("1a-{long}"), "2".to_owned())] {
        let reason = compare_versions(&a, &b).unwrap_err().to_string();
        assert!(reason.len() < 600 && !reason.contains(char::is_control), "{reason}");
    }
}

#[test]
fn time_grows_with_the_length_of_a_version_and_no_faster() {
    let beginning = "1-".repeat(500_000);
    let (a, b) = (format!("{beginning}1"), format!("{beginning}2"));
    let begin = std::time::Instant::now();
    assert_eq!(compare_versions(&a, &b), Ok(Ordering::Less));
    assert!(begin.elapsed() < std::time::Duration::from_secs(5), "{:?}", begin.elapsed());
}

/// Versions that are alike enough to meet in each rule.
fn version() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop_oneof![Just("1"), Just("0"), Just("10"), Just("02")],
        3 => prop_oneof![Just("."), Just("-"), Just("~"), Just("+"), Just("_")],
        2 => prop_oneof![Just("-rc"), Just("-dev"), Just("rc"), Just("a"), Just("v"), Just(".rc1")],
        1 => Just(""),
    ];
    let end = prop_oneof![
        6 => Just(""),
        2 => prop_oneof![Just("-1-gabcd"), Just("-1-gabcde"), Just("-0-gabcd"), Just("-2-gabcd"), Just("-1-gabcf")],
        1 => prop_oneof![Just("-gabcd"), Just("-gabc"), Just("-dirty"), Just("-gabcde")],
    ];
    (proptest::collection::vec(piece, 0..5), end).prop_map(|(pieces, end)| pieces.concat() + end)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn where_three_can_be_compared_the_order_is_one(a in version(), b in version(), c in version()) {
        prop_assert_eq!(compare(&a, &a), Some(Ordering::Equal));
        let (Some(first), Some(second), Some(whole)) = (compare(&a, &b), compare(&b, &c), compare(&a, &c)) else {
            return Ok(());
        };
        if first != second.reverse() {
            let expected = if first == Ordering::Equal { second } else { first };
            prop_assert_eq!(whole, expected, "{} {} {}", a, b, c);
        } else if first == Ordering::Equal {
            prop_assert_eq!(whole, Ordering::Equal, "{} {} {}", a, b, c);
        }
    }

    #[test]
    fn what_has_the_same_beginning_keeps_the_order_of_its_next_number(
        beginning in "[h-z.-]{0,4}([0-9]{1,3}[._-]){0,3}",
        older in 0_u64..1_000,
        more in 1_u64..1_000,
        end in "[-_][k-z]{0,4}",
    ) {
        let newer = older + more;
        let [older, newer] = [older, newer].map(|number| format!("{beginning}{number}{end}"));
        prop_assert_eq!(compare(&older, &newer), Some(Ordering::Less), "{} {}", older, newer);
    }
}

proptest! {
    #[test]
    fn any_text_can_be_given(a in any::<String>(), b in any::<String>()) {
        compare(&a, &b);
        prop_assert_eq!(compare(&a, &a), Some(Ordering::Equal));
    }
}
