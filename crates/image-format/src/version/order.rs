use super::deciding::{Placed, decide, is_commit};
use super::number::Number;
use super::tail::{Rank, rank};
use crate::Excerpt;
use std::cmp::Ordering;

/// Why nothing says which of two versions is newer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incomparable {
    /// One of them is of sources with changes that are in no commit.
    #[error("-dirty says that there were changes which are in no commit")]
    Dirty,
    /// They do not begin with the same text, or only one with a number.
    #[error("they do not begin alike")]
    Beginning,
    /// Up to there they are the same, and what follows has no order.
    #[error("\"{}\" and \"{}\" have no order", Excerpt::of(.0), Excerpt::of(.1))]
    Tails(String, String),
    /// Of the numbers in which they differ only one has dots.
    #[error("{} and {} are not written alike, as only one has dots", Excerpt::of(.0), Excerpt::of(.1))]
    Shapes(String, String),
    /// The numbers in which they differ may be of a product's name.
    #[error("{} or {} may be a part of a name", Excerpt::of(.0), Excerpt::of(.1))]
    Name(String, String),
    /// The numbers in which they differ may be hexadecimal.
    #[error("{} or {} may be a hexadecimal number", Excerpt::of(.0), Excerpt::of(.1))]
    Hexadecimal(String, String),
    /// They are the same but for the commit.
    #[error("they differ in their commit only")]
    Commit,
}

const DIRTY: &str = "-dirty";
/// What git puts before an abbreviated commit.
const COMMIT: &str = "-g";

/// Which of two versions is newer.
///
/// Both are read in step: texts must be the same, and the first numbers that differ decide, by value. Numbers are decimal,
/// with dots between them; one that is missing is 0. A `v` before a digit at the beginning is ignored. Where the texts
/// behind a number differ, or only one version goes on, it counts what they go on with:
///
/// - a pre-release is below its release: one of `-_.~` and a whole word `alpha`, `beta`, `rc`, `dev`, `pre`, `preview` or
///   `snapshot`, digits may follow; or `~` and anything;
/// - build data, behind a `+`, is above it;
/// - commits after a tag, `-<count>-g<commit>` at the end as `git describe` writes it, are above the tag.
///
/// All else has no order: other texts, two pre-releases or two build data of different text, the same with different
/// commits, and what has changes that are in no commit (`-dirty`); only a version of the same text is equal to that. Nor have
/// numbers that differ, where
///
/// - the word that they are in can be read as hexadecimal, or is a commit behind a `g`: `1.2a`, `abc1234`;
/// - their first components differ, and only one of them has dots: `2.0` and `20240101`;
/// - one may be a part of a product's name: it has no dots, a text is before it, and in the same version follows a number
///   with dots, or any number where letters are directly before this one: `OP9-v2.0`, `OP9-2`. A `v` alone before it says
///   that it is a version, and numbers of pre-releases and build data do not count as following.
///
/// Where three versions can be compared with each other the order is transitive. It is not total: do not sort by it.
///
/// Errors: [`Incomparable`].
///
/// Source: what OpenBMC's and IBM's versions look like, git-describe(1); pre-releases and build data as in Semantic
/// Versioning 2.0, but that build data has no order of its own.
pub fn compare_versions(a: &str, b: &str) -> Result<Ordering, Incomparable> {
    let (a, b) = (without_v(a), without_v(b));
    if a == b {
        return Ok(Ordering::Equal);
    }
    if a.ends_with(DIRTY) || b.ends_with(DIRTY) {
        return Err(Incomparable::Dirty);
    }
    let (a, b) = (Described::of(a), Described::of(b));
    let (mut left, mut right) = (a.name, b.name);
    let mut is_behind_number = false;
    loop {
        match (Number::split(left), Number::split(right)) {
            (Some((number, behind)), Some((other, behind_other))) => {
                if let Some(difference) = number.difference(other) {
                    let left = Placed { before: before(a.name, left), number, behind };
                    let right = Placed { before: before(b.name, right), number: other, behind: behind_other };
                    return decide(left, right, difference);
                }
                (left, right, is_behind_number) = (behind, behind_other, true);
            }
            (None, None) => {
                let ((text, behind), (other, behind_other)) = (split_text(left), split_text(right));
                if text != other || text.is_empty() {
                    break;
                }
                (left, right, is_behind_number) = (behind, behind_other, false);
            }
            // Only one has a number here.
            _ => {
                is_behind_number = false;
                break;
            }
        }
    }
    let (left, right) = (a.tail(left), b.tail(right));
    if left.name.is_empty() && right.name.is_empty() {
        compare_ends(left, right)
    } else if left.name == a.name && right.name == b.name {
        Err(Incomparable::Beginning)
    } else {
        compare_tails(left, right, is_behind_number)
    }
}

/// A version without the `v` that it begins with, if a digit is behind it.
fn without_v(version: &str) -> &str {
    let bare =
        version.strip_prefix('v').filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    bare.unwrap_or(version)
}

/// What is before the end of a text.
fn before<'a>(text: &'a str, end: &str) -> &'a str {
    text.strip_suffix(end).unwrap_or_default()
}

/// A text up to its first digit, and the rest.
fn split_text(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// A version without what `git describe` puts at its end.
#[derive(Debug, Clone, Copy)]
struct Described<'a> {
    whole: &'a str,
    name: &'a str,
    count: Option<Number<'a>>,
    commit: Option<&'a str>,
}

impl<'a> Described<'a> {
    fn of(whole: &'a str) -> Self {
        let alone = Self { whole, name: whole, count: None, commit: None };
        let Some((front, commit)) = whole.rsplit_once(COMMIT) else { return alone };
        if !is_commit(commit) {
            return alone;
        }
        let counted = front.rsplit_once('-').filter(|(_, count)| !count.contains('.'));
        let counted = counted.and_then(|(name, count)| Some((name, Number::whole(count)?)));
        match counted {
            Some((name, count)) => Self { whole, name, count: Some(count), commit: Some(commit) },
            None => Self { whole, name: front, count: None, commit: Some(commit) },
        }
    }

    /// What a version goes on with; `name` is what is left of its name.
    fn tail(self, name: &'a str) -> Tail<'a> {
        let rank = if name.is_empty() { self.rank_of_end() } else { rank(name) };
        let behind_name = self.whole.strip_prefix(self.name).unwrap_or_default();
        Tail { rank, name, behind_name, count: self.count, commit: self.commit }
    }

    fn rank_of_end(self) -> Option<Rank> {
        match (self.count, self.commit) {
            (None, None) => Some(Rank::Release),
            (Some(count), _) if count.is_zero() => Some(Rank::Release),
            (Some(_), _) => Some(Rank::Commits),
            // It may be the tag's own, or any after it.
            (None, Some(_)) => None,
        }
    }
}

/// The rest of a version behind what it has in common with another.
#[derive(Debug, Clone, Copy)]
struct Tail<'a> {
    rank: Option<Rank>,
    name: &'a str,
    /// What `git describe` has put there.
    behind_name: &'a str,
    count: Option<Number<'a>>,
    commit: Option<&'a str>,
}

/// Two versions that are the same up to there, and not behind it.
fn compare_tails(left: Tail<'_>, right: Tail<'_>, is_behind_number: bool) -> Result<Ordering, Incomparable> {
    let no_order = || {
        let shown = |tail: Tail<'_>| [tail.name, tail.behind_name].concat();
        Incomparable::Tails(shown(left), shown(right))
    };
    if !is_behind_number {
        return Err(no_order());
    }
    let ranks = left.rank.zip(right.rank).ok_or_else(no_order)?;
    order_of_ranks(ranks).ok_or_else(no_order)
}

/// Two versions whose names are the same.
fn compare_ends(left: Tail<'_>, right: Tail<'_>) -> Result<Ordering, Incomparable> {
    let difference = left.count.zip(right.count).and_then(|(count, other)| count.difference(other));
    if let Some(difference) = difference {
        return Ok(difference.order);
    }
    if let Some((commit, other)) = left.commit.zip(right.commit) {
        let is_same = left.count.is_some() == right.count.is_some() && is_same_commit(commit, other);
        return if is_same { Ok(Ordering::Equal) } else { Err(Incomparable::Commit) };
    }
    match left.rank.zip(right.rank).ok_or(Incomparable::Commit)? {
        // One is the tag's own.
        (left, right) if left == right => Ok(Ordering::Equal),
        ranks => order_of_ranks(ranks).ok_or(Incomparable::Commit),
    }
}

/// A pre-release is below all, a release below all but that.
fn order_of_ranks(ranks: (Rank, Rank)) -> Option<Ordering> {
    match ranks {
        (left, right) if left == right => None,
        (Rank::PreRelease, _) => Some(Ordering::Less),
        (_, Rank::PreRelease) => Some(Ordering::Greater),
        (Rank::Release, _) => Some(Ordering::Less),
        (_, Rank::Release) => Some(Ordering::Greater),
        _ => None,
    }
}

/// Whether two abbreviations are of one commit, as far as they go.
fn is_same_commit(a: &str, b: &str) -> bool {
    a.bytes().zip(b.bytes()).all(|(a, b)| a.eq_ignore_ascii_case(&b))
}

#[cfg(test)]
mod tests;
