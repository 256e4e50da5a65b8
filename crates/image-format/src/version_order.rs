use std::cmp::Ordering;
use uapi_version::strverscmp;

/// Which of two versions is newer.
///
/// A `v` that begins a version and has a digit behind it is ignored, on both sides. The rest goes by the UAPI group's
/// version format: numbers by value, letters by alphabet, capitals first, and a number is newer than letters; `~` is older
/// than the end, `-`, `^` and `.` newer, in this order; characters outside of `A-Za-z0-9-.~^` do not count. Different
/// texts may so be equal. The order is total otherwise, so that lists can be sorted by it.
///
/// Source: UAPI group, Version Format Specification.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    strverscmp(&canonical(a), &canonical(b))
}

/// The version without its `v`, and without zeros that begin a number. By the format these do not count, but uapi-version
/// 0.4 leaves one of them there: to it, 1.05 is newer than 1.6.
fn canonical(version: &str) -> String {
    let bare =
        version.strip_prefix('v').filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    let mut characters = bare.unwrap_or(version).chars().peekable();
    let mut canonical = String::with_capacity(version.len());
    let mut in_number = false;
    while let Some(character) = characters.next() {
        let leads = character == '0' && !in_number && characters.peek().is_some_and(char::is_ascii_digit);
        if !leads {
            in_number = character.is_ascii_digit();
            canonical.push(character);
        }
    }
    canonical
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_have_the_order_of_the_format() {
        // Each is older than the next.
        let sorted = [
            "~", "", "a", "b", "1~rc1", "1", "1-1", "1^", "1.0", "1.1~rc1", "1.1", "1.1.1", "1.5", "1.06",
            "1.10", "1.0123", "1a", "2", "10", "11", "100", "1001", "20240101",
        ];
        for (index, a) in sorted.into_iter().enumerate() {
            for (other, b) in sorted.into_iter().enumerate() {
                assert_eq!(compare_versions(a, b), index.cmp(&other), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn what_does_not_count_makes_no_difference() {
        for (a, b) in [
            ("v1.2", "1.2"),
            ("v1.2", "v1.2"),
            ("1.02", "1.2"),
            ("1.0002", "1.02"),
            ("0", "000"),
            ("1.2_", "1.2"),
            ("1.2+", "1.2"),
        ] {
            assert_eq!(compare_versions(a, b), Ordering::Equal, "{a:?} {b:?}");
        }
    }

    #[test]
    fn only_a_v_before_a_digit_is_ignored() {
        assert_eq!(compare_versions("v2", "10"), Ordering::Less);
        assert_eq!(compare_versions("10", "v2"), Ordering::Greater);
        assert_eq!(compare_versions("va", "a"), Ordering::Greater);
        assert_eq!(compare_versions("vv1", "1"), Ordering::Less);
        assert_eq!(compare_versions("V1", "1"), Ordering::Less);
    }

    proptest! {
        #[test]
        fn the_order_is_one_that_can_be_sorted_by(
            a in "[01a.~^v_-]{0,6}",
            b in "[01a.~^v_-]{0,6}",
            c in "[01a.~^v_-]{0,6}",
        ) {
            let compare = compare_versions;
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b) != Ordering::Greater && compare(&b, &c) != Ordering::Greater {
                prop_assert_ne!(compare(&a, &c), Ordering::Greater);
            }
        }

        #[test]
        fn any_text_can_be_compared(a in any::<String>(), b in any::<String>()) {
            prop_assert_eq!(compare_versions(&a, &b), compare_versions(&b, &a).reverse());
        }
    }
}
