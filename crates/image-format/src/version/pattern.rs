use super::deciding::Placed;
use super::number::Number;

/// Longest pattern, bytes: as a version.
const LONGEST: usize = crate::LONGEST_VERSION;

/// Where in a version the number is that is compared.
///
/// Shape: `*` stands for any characters, also none, `?` for one, and a single `#` for the number: decimal, with dots between
/// its parts, and as long as it goes. All else stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    before: Vec<Piece>,
    /// Last first.
    behind: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    These(char),
    One,
    Any,
}

/// Why a text is no pattern. Its text goes on where a sentence has named the pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It has no `#`, for the number.
    #[error("has no #")]
    NoNumber,
    /// It has more than one `#`.
    #[error("has # more than once")]
    Numbers,
    /// It is longer than a version may be.
    #[error("has {bytes} bytes, more than {LONGEST}")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
}

/// How many numbers of a version a pattern fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// None.
    None,
    /// More than one.
    Several,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > LONGEST {
            return Err(PatternError::TooLong { bytes: text.len() });
        }
        let (before, behind) = text.split_once('#').ok_or(PatternError::NoNumber)?;
        if behind.contains('#') {
            return Err(PatternError::Numbers);
        }
        Ok(Self {
            text: text.to_owned(),
            before: before.chars().map(Piece::of).collect(),
            behind: behind.chars().rev().map(Piece::of).collect(),
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The number of a version that the pattern fits in one way, and what is around it.
    ///
    /// Takes as many steps as the pattern has characters times the version's.
    pub(super) fn number<'a>(&self, version: &'a str) -> Result<Placed<'a>, Fit> {
        let forward: Vec<_> = version.chars().collect();
        let backward: Vec<_> = version.chars().rev().collect();
        let (heads, tails) = (reach(&self.before, &forward), reach(&self.behind, &backward));
        let is_within = |reach: &[bool], characters: usize| reach.get(characters).copied().unwrap_or(false);
        let mut found = None;
        // Characters before `rest`.
        let mut passed = 0_usize;
        let mut rest = version;
        while let Some((text, number, behind)) = Number::find(rest) {
            let before = passed.saturating_add(text.chars().count());
            passed = before.saturating_add(number.as_str().len());
            let fits = is_within(&heads, before) && is_within(&tails, forward.len().saturating_sub(passed));
            if fits && found.replace((number, behind)).is_some() {
                return Err(Fit::Several);
            }
            rest = behind;
        }
        let (number, behind) = found.ok_or(Fit::None)?;
        let head = version.strip_suffix(behind).and_then(|head| head.strip_suffix(number.as_str()));
        Ok(Placed { before: head.unwrap_or_default(), number, behind })
    }

    /// Without what cannot be of the number, as the pattern has letters directly before or behind the `#`.
    pub(super) fn without_letters<'a>(&self, placed: Placed<'a>) -> Placed<'a> {
        // That nearest to the number is the last of either.
        let ends_in_letter = |pieces: &[Piece]| matches!(pieces.last(), Some(Piece::These(character)) if character.is_alphanumeric());
        Placed {
            before: if ends_in_letter(&self.before) { "" } else { placed.before },
            behind: if ends_in_letter(&self.behind) { "" } else { placed.behind },
            ..placed
        }
    }
}

impl Piece {
    fn of(character: char) -> Self {
        match character {
            '*' => Self::Any,
            '?' => Self::One,
            character => Self::These(character),
        }
    }
}

/// For each count of characters, whether the pieces fit so many of the text's first ones.
fn reach(pieces: &[Piece], text: &[char]) -> Vec<bool> {
    let none = std::iter::repeat_n(false, text.len());
    let mut reached: Vec<bool> = std::iter::once(true).chain(none).collect();
    for piece in pieces {
        match piece {
            Piece::Any => {
                let mut is_reached = false;
                for place in &mut reached {
                    is_reached |= *place;
                    *place = is_reached;
                }
            }
            Piece::One => {
                reached.pop();
                reached.insert(0, false);
            }
            Piece::These(wanted) => {
                reached.pop();
                for (place, character) in reached.iter_mut().zip(text) {
                    *place &= character == wanted;
                }
                reached.insert(0, false);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number<'a>(pattern: &str, version: &'a str) -> Result<&'a str, Fit> {
        Pattern::parse(pattern).unwrap().number(version).map(|placed| placed.number.as_str())
    }

    #[test]
    fn a_pattern_says_which_number_counts() {
        for (pattern, version, expected) in [
            ("#", "1.2", Ok("1.2")),
            ("v#", "v1.2", Ok("1.2")),
            ("v#*", "v1.2-3-gabcd", Ok("1.2")),
            ("*v#?*", "IBM-witherspoon-ibm-OP9_v1.19_1.90", Ok("1.19")),
            ("*v#?*", "IBM-witherspoon-OP9-v2.0.10-2.22", Ok("2.0.10")),
            ("*-#", "fw1050.00-12.3", Ok("12.3")),
            ("fw#-*", "fw1050.00-12.3", Ok("1050.00")),
            ("é#ü", "é7ü", Ok("7")),
            ("?#", "é7", Ok("7")),
            ("#.", "1.2.", Ok("1.2")),
            // A number is never cut.
            ("1#", "12", Err(Fit::None)),
            ("#2", "12", Err(Fit::None)),
            ("1.#", "1.2", Err(Fit::None)),
            ("#.2", "1.2", Err(Fit::None)),
            ("*#", "1.2", Ok("1.2")),
            // A pattern is for a whole version.
            ("#", "v1", Err(Fit::None)),
            ("#", "1-", Err(Fit::None)),
            ("v#", "V1", Err(Fit::None)),
            ("#?", "1", Err(Fit::None)),
            ("?#", "1", Err(Fit::None)),
            ("#", "", Err(Fit::None)),
            ("*#*", "none", Err(Fit::None)),
            ("*#*", "1-2", Err(Fit::Several)),
            ("*v#*", "v1-v2", Err(Fit::Several)),
        ] {
            assert_eq!(number(pattern, version), expected, "{pattern} {version}");
        }
    }

    #[test]
    fn what_is_around_the_number_is_found_but_for_letters_that_the_pattern_has() {
        for (pattern, version, around, unknown) in [
            ("*#*", "abc1.2-3x", None, None),
            ("*v#?*", "OP9_v1.19_1.90", Some(("OP9_v", "_1.90")), Some(("", "_1.90"))),
            ("*-#?*", "OP9-2.0a-x", Some(("OP9-", "a-x")), Some(("OP9-", "a-x"))),
            ("?#b*", "é7b-1", Some(("é", "b-1")), Some(("é", ""))),
            ("#", "7", Some(("", "")), Some(("", ""))),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            let placed = pattern.number(version).ok();
            assert_eq!(placed.map(|placed| (placed.before, placed.behind)), around, "{version}");
            let placed = placed.map(|placed| pattern.without_letters(placed));
            assert_eq!(placed.map(|placed| (placed.before, placed.behind)), unknown, "{version}");
        }
    }

    #[test]
    fn a_pattern_has_one_place_for_the_number() {
        let (none, several) = (PatternError::NoNumber, PatternError::Numbers);
        for (pattern, error) in [("", none), ("*", none), ("##", several), ("#-#-#", several)] {
            assert_eq!(Pattern::parse(pattern), Err(error), "{pattern}");
        }
        let longest = format!("#{}", "*".repeat(255));
        assert!(Pattern::parse(&longest).is_ok());
        assert_eq!(Pattern::parse(&(longest + "*")), Err(PatternError::TooLong { bytes: 257 }));
    }

    #[test]
    fn a_pattern_of_many_stars_ends_soon_on_a_version_that_almost_fits() {
        let pattern = format!("{}#{}", "*1".repeat(60), "1*".repeat(60));
        for version in ["1-".repeat(128), "1".repeat(256), "a".repeat(256), ".1".repeat(128)] {
            let begin = std::time::Instant::now();
            let _ = number(&pattern, &version);
            assert!(begin.elapsed() < std::time::Duration::from_secs(5), "{version}");
        }
        // A version that is compared need not come from a MANIFEST, which bounds it.
        let version = "1-".repeat(500_000);
        let begin = std::time::Instant::now();
        assert_eq!(number("#", &version), Err(Fit::None));
        assert!(begin.elapsed() < std::time::Duration::from_secs(5), "{:?}", begin.elapsed());
    }

    /// The same, as slow as it is simple.
    fn is_match(pieces: &[Piece], text: &[char]) -> bool {
        match (pieces, text) {
            ([], text) => text.is_empty(),
            ([Piece::Any, pieces @ ..], text) => {
                (0..=text.len()).any(|count| is_match(pieces, &text[count..]))
            }
            ([Piece::One, pieces @ ..], [_, text @ ..]) => is_match(pieces, text),
            ([Piece::These(wanted), pieces @ ..], [first, text @ ..]) => {
                wanted == first && is_match(pieces, text)
            }
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn what_is_reached_is_what_fits(pattern in "[ab*?é]{0,6}", text in "[abé]{0,8}") {
            let pieces: Vec<_> = pattern.chars().map(Piece::of).collect();
            let text: Vec<_> = text.chars().collect();
            let reached = reach(&pieces, &text);
            prop_assert_eq!(reached.len(), text.len() + 1);
            for (count, is_reached) in reached.into_iter().enumerate() {
                prop_assert_eq!(is_reached, is_match(&pieces, &text[..count]), "{}", count);
            }
        }

        #[test]
        fn no_pattern_and_no_version_make_it_panic(pattern in any::<String>(), version in any::<String>()) {
            if let Ok(pattern) = Pattern::parse(&(pattern + "#")) {
                let _ = pattern.number(&version);
            }
        }
    }
}
