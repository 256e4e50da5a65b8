//! Whether two numbers that differ say which of two versions is newer.

use super::number::{Difference, Number};
use super::order::Incomparable;
use super::tail::{names_a_pre_release, pre_release};
use std::cmp::Ordering;

/// A number of a version, and what is around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) before: &'a str,
    pub(super) number: Number<'a>,
    pub(super) behind: &'a str,
}

/// By the first component that differs, unless it may be something else than a decimal number that counts releases.
pub(super) fn decide(
    left: Placed<'_>,
    right: Placed<'_>,
    difference: Difference,
) -> Result<Ordering, Incomparable> {
    if difference.component == 0 && left.number.is_dotted() != right.number.is_dotted() {
        let [left, right] = [left, right].map(|placed| placed.number.as_str().to_owned());
        return Err(Incomparable::Shapes(left, right));
    }
    let order = decide_by_value(left, right, difference)?;
    if left.is_of_name() || right.is_of_name() {
        return Err(Incomparable::Name(left.with_letters(), right.with_letters()));
    }
    Ok(order)
}

/// By the first component that differs, unless it may be hexadecimal.
pub(super) fn decide_by_value(
    left: Placed<'_>,
    right: Placed<'_>,
    difference: Difference,
) -> Result<Ordering, Incomparable> {
    let component = difference.component;
    if left.may_be_hexadecimal(component) || right.may_be_hexadecimal(component) {
        return Err(Incomparable::Hexadecimal(left.word(component), right.word(component)));
    }
    Ok(difference.order)
}

impl<'a> Placed<'a> {
    /// Whether a pre-release of it follows.
    pub(super) fn is_pre_release(self) -> bool {
        names_a_pre_release(self.behind)
    }

    /// Whether it may be a part of a product's name, as the 9 of `OP9-v2.0`: a single number behind a text, and another
    /// number follows, to which the version may belong.
    fn is_of_name(self) -> bool {
        if self.number.is_dotted() || self.before.is_empty() || self.is_version() {
            return false;
        }
        let has_letters = !self.letters().is_empty();
        self.is_followed_by(|next| has_letters || next.is_dotted())
    }

    /// Whether what is before it says that it is a version's, or counts pre-releases.
    fn is_version(self) -> bool {
        let between = last_part(self.before, |character| character.is_ascii_digit());
        let is_behind_number = between.len() < self.before.len();
        self.word_before().eq_ignore_ascii_case("v")
            || (is_behind_number && pre_release(between).is_some_and(str::is_empty))
    }

    /// Whether a number follows that is not a pre-release's or build data's, and for which this holds.
    fn is_followed_by(self, is_wanted: impl Fn(Number<'_>) -> bool) -> bool {
        let mut rest = pre_release(self.behind).unwrap_or(self.behind);
        if rest.starts_with('+') {
            return false;
        }
        while let Some((_, number, behind)) = Number::find(rest) {
            if is_wanted(number) {
                return true;
            }
            rest = behind;
        }
        false
    }

    /// Whether the word that a component is in can be read as hexadecimal, or is a commit behind git's `g`.
    fn may_be_hexadecimal(self, component: usize) -> bool {
        let (before, behind) = self.around(component);
        let is_hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let has_letters = !before.is_empty() || !behind.is_empty();
        if has_letters && is_hexadecimal(before) && is_hexadecimal(behind) {
            return true;
        }
        let Some(before) = before.strip_prefix('g').filter(|_| !self.number.is_dotted()) else {
            return false;
        };
        is_commit(&[before, self.number.as_str(), behind].concat())
    }

    /// The word that a component is in.
    fn word(self, component: usize) -> String {
        let (before, behind) = self.around(component);
        [before, self.number.as_str(), behind].concat()
    }

    /// What of a component's word is before the number, and behind it.
    fn around(self, component: usize) -> (&'a str, &'a str) {
        let before = if component == 0 { self.word_before() } else { "" };
        let end = self.behind.find(|character: char| !character.is_alphanumeric());
        let behind = self.behind.get(..end.unwrap_or(self.behind.len())).unwrap_or_default();
        (before, if self.number.ends_by(component) { behind } else { "" })
    }

    fn word_before(self) -> &'a str {
        last_part(self.before, |character| !character.is_alphanumeric())
    }

    /// The letters directly before it.
    fn letters(self) -> &'a str {
        last_part(self.before, |character| !character.is_alphabetic())
    }

    fn with_letters(self) -> String {
        [self.letters(), self.number.as_str()].concat()
    }
}

/// Whether a text is what git abbreviates a commit to.
pub(super) fn is_commit(text: &str) -> bool {
    (4..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What is behind the last of such characters.
fn last_part(text: &str, is_boundary: impl Fn(char) -> bool) -> &str {
    text.rsplit(is_boundary).next().unwrap_or_default()
}
