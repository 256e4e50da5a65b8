use super::compare_versions;
use super::deciding::{Placed, decide_by_value};
use super::number::Number;
use super::order::Incomparable;
use super::pattern::{Fit, Pattern, PatternError};
use crate::{Excerpt, LONGEST_VERSION};
use std::cmp::Ordering;

/// The oldest version that is taken.
///
/// Without a pattern versions are compared by [`compare_versions`]. With one, only the number at the pattern's `#` is
/// compared, and where it is the same, whether a pre-release of it follows, wherever its word stands; of two pre-releases [`compare_versions`] says which is
/// newer, from the number on. What else follows does not count. A number that differs in a word that may be hexadecimal
/// cannot be compared, unless the pattern itself has the letters beside the `#`. The pattern must fit each version, and in
/// one way. `*` stands for any characters, `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinimumVersion {
    text: String,
    pattern: Option<Pattern>,
}

/// Why a text is no oldest version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MinimumError {
    /// It is longer than any version that it could be compared with.
    #[error("the oldest version \"{}\" has {} bytes, more than {LONGEST_VERSION}", Excerpt::of(.0), .0.len())]
    TooLong(String),
    /// It has no digit, so that no other version can be compared with it.
    #[error("the oldest version \"{}\" has no number in it", Excerpt::of(.0))]
    NoNumber(String),
    /// It says that it is of changed sources, so that no other version can be compared with it.
    #[error("the oldest version \"{}\" says -dirty, so that none can be compared with it", Excerpt::of(.0))]
    Dirty(String),
    /// The pattern has no single `#`, or is too long.
    #[error("the pattern \"{}\" {source}", Excerpt::of(.pattern))]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: PatternError,
    },
    /// The version is no number, and not one that the pattern fits in one way.
    #[error(
        "the oldest version \"{}\" is no number alone, and {}",
        Excerpt::of(.minimum),
        fit_text(pattern, *fit)
    )]
    Fit {
        /// The version.
        minimum: String,
        /// The pattern.
        pattern: String,
        /// How often it fits.
        fit: Fit,
    },
}

/// Why a version is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionFault {
    /// It is older than the oldest that is taken.
    #[error("it is older")]
    Older,
    /// Nothing says which of them is newer.
    #[error(transparent)]
    Incomparable(#[from] Incomparable),
    /// The pattern does not say which number counts.
    #[error("{}", fit_text(pattern, *fit))]
    Fit {
        /// The pattern.
        pattern: String,
        /// How often it fits.
        fit: Fit,
    },
}

impl MinimumVersion {
    /// An oldest version, with a pattern if its number alone shall count; then it may be the bare number.
    ///
    /// Errors: [`MinimumError`].
    pub fn new(minimum: &str, pattern: Option<&str>) -> Result<Self, MinimumError> {
        let pattern = pattern.map(parse).transpose()?;
        let minimum = minimum.trim();
        let text = minimum.to_owned();
        match &pattern {
            _ if minimum.len() > LONGEST_VERSION => return Err(MinimumError::TooLong(text)),
            None if !minimum.contains(|character: char| character.is_ascii_digit()) => {
                return Err(MinimumError::NoNumber(text));
            }
            None if is_dirty(minimum) => return Err(MinimumError::Dirty(text)),
            None => {}
            Some(pattern) => {
                let fault = |fit| MinimumError::Fit {
                    minimum: text.clone(),
                    pattern: pattern.as_str().to_owned(),
                    fit,
                };
                number(minimum, pattern).map_err(fault)?;
            }
        }
        Ok(Self { text, pattern })
    }

    /// The version, as it was given but for blanks around it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Judges a version.
    ///
    /// Errors: [`VersionFault`]; what cannot be compared is not taken.
    pub fn judge(&self, version: &str) -> Result<(), VersionFault> {
        let order = match &self.pattern {
            None => compare_versions(version, &self.text)?,
            Some(pattern) => self.compare_numbers(version, pattern)?,
        };
        if order == Ordering::Less { Err(VersionFault::Older) } else { Ok(()) }
    }

    fn compare_numbers(&self, version: &str, pattern: &Pattern) -> Result<Ordering, VersionFault> {
        let fault = |fit| VersionFault::Fit { pattern: pattern.as_str().to_owned(), fit };
        let actual = pattern.number(version).map_err(fault)?;
        let minimum = number(&self.text, pattern).map_err(fault)?;
        if let Some(difference) = actual.number.difference(minimum.number) {
            let [actual, minimum] = [actual, minimum].map(|placed| pattern.without_letters(placed));
            return Ok(decide_by_value(actual, minimum, difference)?);
        }
        match (actual.is_pre_release(), minimum.is_pre_release()) {
            (true, true) => {
                let from_number =
                    |text, placed: Placed<'_>| str::strip_prefix(text, placed.before).unwrap_or(text);
                let (actual, minimum) = (from_number(version, actual), from_number(&self.text, minimum));
                Ok(compare_versions(actual, minimum)?)
            }
            (actual, minimum) => Ok(minimum.cmp(&actual)),
        }
    }
}

fn parse(pattern: &str) -> Result<Pattern, MinimumError> {
    Pattern::parse(pattern).map_err(|source| MinimumError::Pattern { pattern: pattern.to_owned(), source })
}

fn is_dirty(minimum: &str) -> bool {
    compare_versions(minimum, "0") == Err(Incomparable::Dirty)
}

/// The number of an oldest version.
fn number<'a>(minimum: &'a str, pattern: &Pattern) -> Result<Placed<'a>, Fit> {
    let alone = |number| Ok(Placed { before: "", number, behind: "" });
    Number::whole(minimum).map_or_else(|| pattern.number(minimum), alone)
}

fn fit_text(pattern: &str, fit: Fit) -> String {
    let pattern = Excerpt::of(pattern);
    match fit {
        Fit::None => format!("the pattern \"{pattern}\" does not fit it"),
        Fit::Several => format!("the pattern \"{pattern}\" fits more than one number of it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(minimum: &str, pattern: Option<&str>, version: &str) -> Result<(), VersionFault> {
        MinimumVersion::new(minimum, pattern).unwrap().judge(version)
    }

    #[test]
    fn a_pre_release_is_older_with_a_pattern_however_it_is_written() {
        for version in ["2.11.0rc1", "2.11.0-rc1a", "2.11.0-2.22-rc1", "2.11.0~b1", "2.11.0_DEV_7"] {
            assert_eq!(judge("2.11.0", Some("#*"), version), Err(VersionFault::Older), "{version}");
        }
        for version in ["2.11.0", "2.11.0-2.22", "2.11.0-100-gabcdef0", "2.11.1-rc1"] {
            assert_eq!(judge("2.11.0", Some("#*"), version), Ok(()), "{version}");
        }
    }

    #[test]
    fn what_is_older_or_cannot_be_compared_is_not_taken() {
        assert_eq!(judge("2.11.0", None, "2.11.0"), Ok(()));
        assert_eq!(judge("2.11.0", None, "v2.12.0-rc1"), Ok(()));
        for version in ["2.10.9", "2.11.0-rc1", "2.11.0-dev-100-gabc", "2.11.0-dev-1234-gabcdef01"] {
            assert_eq!(judge("2.11.0", None, version), Err(VersionFault::Older), "{version}");
        }
        for version in ["2.11.0-1", "2.11.0a", "", "fw2.12.0", "2.12.0-dirty", "latest"] {
            let fault = judge("2.11.0", None, version);
            assert!(matches!(fault, Err(VersionFault::Incomparable(_))), "{version}: {fault:?}");
        }
    }

    #[test]
    fn two_ways_of_writing_versions_on_one_machine_are_told_apart_by_a_pattern_alone() {
        let newer = "IBM-witherspoon-OP9-v2.0.10-2.22";
        let (older, old) = ("IBM-witherspoon-ibm-OP9_v1.19_1.90", "IBM-witherspoon-ibm-OP9-v2.0-2.14");
        for (minimum, version) in [(old, older), (older, newer), (newer, old)] {
            let fault = judge(minimum, None, version);
            assert!(matches!(fault, Err(VersionFault::Incomparable(_))), "{minimum} {version}: {fault:?}");
        }
        for (minimum, version, expected) in [
            (old, older, Err(VersionFault::Older)),
            ("2.0", older, Err(VersionFault::Older)),
            (older, newer, Ok(())),
            ("1.19", newer, Ok(())),
            (newer, old, Err(VersionFault::Older)),
            (old, newer, Ok(())),
            (old, old, Ok(())),
        ] {
            assert_eq!(
                judge(minimum, Some("IBM-witherspoon-*v#?*"), version),
                expected,
                "{minimum} {version}"
            );
        }
    }

    #[test]
    fn a_version_whose_number_the_pattern_does_not_find_is_not_taken() {
        for (pattern, version, fit, said) in [
            ("v#", "1.2", Fit::None, "the pattern \"v#\" does not fit it"),
            ("*#*", "9.1-9.2", Fit::Several, "the pattern \"*#*\" fits more than one number of it"),
        ] {
            let fault = judge("1", Some(pattern), version).unwrap_err();
            assert_eq!(fault, VersionFault::Fit { pattern: pattern.to_owned(), fit });
            assert_eq!(fault.to_string(), said);
        }
    }

    #[test]
    fn with_a_pattern_a_pre_release_of_the_number_is_older_and_nothing_else_that_follows_is() {
        for (minimum, version, expected) in [
            ("2.11.0", "2.11.0-rc1", Err(VersionFault::Older)),
            ("2.11.0", "2.11-dev-100-gabcdef0", Err(VersionFault::Older)),
            ("2.11.0", "2.11.0~1", Err(VersionFault::Older)),
            ("2.11.0-2.14", "2.11.0_beta2-2.14", Err(VersionFault::Older)),
            ("2.11.0", "2.11.1-rc1", Ok(())),
            ("2.11.0-rc2", "2.11.0-rc1", Err(VersionFault::Older)),
            ("2.11.0-rc2", "2.11.0-rc2", Ok(())),
            ("2.11.0-rc2", "2.11.0-rc10", Ok(())),
            ("2.11.0-rc2", "2.11.0", Ok(())),
            ("2.11.0-rc2", "2.11.0-5", Ok(())),
            ("2.11.0", "2.11.0-dirty", Ok(())),
            ("2.11.0", "2.11.0-1", Ok(())),
            ("2.11.0", "2.11.0-rcs", Ok(())),
            ("2.11.0+9", "2.11.0+1", Ok(())),
        ] {
            assert_eq!(judge(minimum, Some("#*"), version), expected, "{minimum} {version}");
            let [minimum, version] = [minimum, version].map(|text| format!("OP9-v{text}"));
            assert_eq!(judge(&minimum, Some("OP*-v#*"), &version), expected, "{minimum} {version}");
        }
        let fault = judge("2.11.0-rc2", Some("#*"), "2.11.0-beta3").unwrap_err();
        assert_eq!(fault.to_string(), "\"-beta3\" and \"-rc2\" have no order");
    }

    #[test]
    fn with_a_pattern_a_number_that_may_be_hexadecimal_is_not_taken_unless_the_pattern_has_the_letters() {
        for (minimum, pattern, version) in [
            ("2.9", "#*", "2.10a"),
            ("9", "*#*", "abc10"),
            ("2.9f", "#?*", "2.10-x"),
            ("9", "r#?*", "r10f"),
            ("1234567", "*+?#", "1.0+g9999999"),
        ] {
            let fault = judge(minimum, Some(pattern), version);
            let is_expected = matches!(fault, Err(VersionFault::Incomparable(Incomparable::Hexadecimal(..))));
            assert!(is_expected, "{pattern} {version}: {fault:?}");
        }
        for (minimum, pattern, version) in
            [("2.9", "#a*", "2.10a"), ("9", "e#", "e10"), ("2.9", "#*", "2.10k"), ("1.9", "#*", "2.0a")]
        {
            assert_eq!(judge(minimum, Some(pattern), version), Ok(()), "{pattern} {version}");
        }
        // That both count releases, with dots or without, is what the pattern says.
        assert_eq!(judge("2.0", Some("#"), "20240101"), Ok(()));
    }

    #[test]
    fn an_oldest_version_that_could_refuse_all_or_nothing_is_none() {
        for (minimum, pattern, said) in [
            ("", None, "the oldest version \"\" has no number in it"),
            ("latest", None, "the oldest version \"latest\" has no number in it"),
            (
                "1.2-dirty",
                None,
                "the oldest version \"1.2-dirty\" says -dirty, so that none can be compared with it",
            ),
            ("1", Some("*"), "the pattern \"*\" has no #"),
            ("1", Some("##"), "the pattern \"##\" has # more than once"),
            (
                "x1",
                Some("v#"),
                "the oldest version \"x1\" is no number alone, and the pattern \"v#\" does not fit it",
            ),
            (
                "1-2",
                Some("*#*"),
                "the oldest version \"1-2\" is no number alone, and the pattern \"*#*\" fits more than one number of it",
            ),
        ] {
            let error = MinimumVersion::new(minimum, pattern).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
        let long = format!("1.{}", "0".repeat(LONGEST_VERSION - 2));
        for pattern in [None, Some("#")] {
            assert!(MinimumVersion::new(&long, pattern).is_ok());
            let error = MinimumVersion::new(&(long.clone() + "0"), pattern).unwrap_err();
            assert!(error.to_string().ends_with("has 257 bytes, more than 256"), "{error}");
        }
        assert_eq!(MinimumVersion::new(" v1.2 ", Some("v#")).unwrap().as_str(), "v1.2");
    }
}
