//! What a version goes on with behind a number.

/// What a pre-release is called. Upper and lower case do not count.
const PRE_RELEASES: [&str; 7] = ["alpha", "beta", "rc", "dev", "pre", "preview", "snapshot"];

/// What is known of a tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    PreRelease,
    Release,
    Build,
    Commits,
}

/// What kind of tail a text is that has a number before it.
pub(super) fn rank(tail: &str) -> Option<Rank> {
    if tail.starts_with('+') {
        return Some(Rank::Build);
    }
    (tail.starts_with('~') || pre_release(tail).is_some()).then_some(Rank::PreRelease)
}

/// Whether a pre-release's word stands anywhere in a text, digits or not directly behind it.
pub(super) fn names_a_pre_release(tail: &str) -> bool {
    let mut words = tail.split(|character: char| !character.is_ascii_alphabetic());
    tail.starts_with('~')
        || words.any(|word| PRE_RELEASES.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// What follows a pre-release's word and the digits behind it, in a text that begins with them.
pub(super) fn pre_release(tail: &str) -> Option<&str> {
    let behind = tail.strip_prefix(['-', '_', '.', '~'])?;
    let end = behind.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(behind.len());
    let (word, behind) = behind.split_at_checked(end)?;
    let behind = behind.trim_start_matches(|character: char| character.is_ascii_digit());
    let is_whole = !behind.starts_with(char::is_alphanumeric);
    let is_known = is_whole && PRE_RELEASES.iter().any(|known| known.eq_ignore_ascii_case(word));
    is_known.then_some(behind)
}
