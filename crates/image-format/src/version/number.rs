use std::cmp::Ordering;

/// Decimal numbers with single dots between them, as `2.14.0`, of any length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'a>(&'a str);

/// Where two numbers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) order: Ordering,
    /// The component, counted from 0.
    pub(super) component: usize,
}

impl<'a> Number<'a> {
    /// The longest that a text begins with, and what follows.
    pub(super) fn split(text: &'a str) -> Option<(Self, &'a str)> {
        let mut rest = without_digits(text)?;
        while let Some(shorter) = rest.strip_prefix('.').and_then(without_digits) {
            rest = shorter;
        }
        // By length: to compare what follows each time would take squared time over a version.
        let (number, rest) = text.split_at_checked(text.len().saturating_sub(rest.len()))?;
        Some((Self(number), rest))
    }

    /// The first in a text, what is before it, and what follows.
    pub(super) fn find(text: &'a str) -> Option<(&'a str, Self, &'a str)> {
        let start = text.find(|character: char| character.is_ascii_digit())?;
        let (before, rest) = text.split_at_checked(start)?;
        let (number, behind) = Self::split(rest)?;
        Some((before, number, behind))
    }

    /// The text that is such a number and nothing else.
    pub(super) fn whole(text: &'a str) -> Option<Self> {
        Self::split(text).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
    }

    /// Where they differ, by value; nothing if they do not. A component that one of them lacks is 0: 1.2 is 1.2.0.
    pub(super) fn difference(self, other: Self) -> Option<Difference> {
        let (mut left, mut right) = (self.components(), other.components());
        for component in 0.. {
            let order = match (left.next(), right.next()) {
                (None, None) => return None,
                (left, right) => order(left.unwrap_or_default(), right.unwrap_or_default()),
            };
            if order != Ordering::Equal {
                return Some(Difference { order, component });
            }
        }
        None
    }

    /// Whether a component is the last, or behind it.
    pub(super) fn ends_by(self, component: usize) -> bool {
        self.components().skip(component).nth(1).is_none()
    }

    pub(super) fn is_zero(self) -> bool {
        self.components().all(str::is_empty)
    }

    /// Whether it has more than one component.
    pub(super) fn is_dotted(self) -> bool {
        self.0.contains('.')
    }

    pub(super) fn as_str(self) -> &'a str {
        self.0
    }

    /// Without the zeros that they begin with; a zero is empty.
    fn components(self) -> impl Iterator<Item = &'a str> {
        self.0.split('.').map(|digits| digits.trim_start_matches('0'))
    }
}

fn order(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

fn without_digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|character: char| character.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_as_long_as_digits_and_single_dots_go() {
        for (text, expected) in [
            ("2.14.0-dev", Some(("2.14.0", "-dev"))),
            ("1", Some(("1", ""))),
            ("1.", Some(("1", "."))),
            ("1..2", Some(("1", "..2"))),
            ("1.2.x", Some(("1.2", ".x"))),
            ("007é", Some(("007", "é"))),
            ("", None),
            (".1", None),
            ("v1", None),
            ("٣", None),
        ] {
            let split = Number::split(text).map(|(number, rest)| (number.as_str(), rest));
            assert_eq!(split, expected, "{text}");
        }
    }

    #[test]
    fn numbers_go_by_value_and_a_missing_component_is_zero() {
        let long = "9".repeat(200);
        for (older, newer, component) in [
            ("1", "2", 0),
            ("9", "10", 0),
            ("1.9", "1.10", 1),
            ("1.2", "1.2.0.1", 3),
            ("1.06", "1.7", 1),
            ("0", &long, 0),
            (&long, &format!("1{long}"), 0),
        ] {
            let [older, newer] = [older, newer].map(|text| Number::whole(text).unwrap());
            assert_eq!(older.difference(newer), Some(Difference { order: Ordering::Less, component }));
            assert_eq!(newer.difference(older), Some(Difference { order: Ordering::Greater, component }));
        }
        for (a, b) in [("1.2", "1.2.0"), ("01.002", "1.2"), ("0", "0.0"), ("1", "1")] {
            assert_eq!(Number::whole(a).unwrap().difference(Number::whole(b).unwrap()), None, "{a} {b}");
        }
        assert!(Number::whole("0.00").unwrap().is_zero() && !Number::whole("0.01").unwrap().is_zero());
    }
}
