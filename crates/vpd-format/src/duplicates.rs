//! First wins: drops later keywords of a name already seen.

use crate::names::KeywordName;

/// No image has nearly as many keywords in all its records together; bounds what a hostile one can make us note
/// down.
pub(crate) const MOST_KEYWORDS: usize = 4096;

/// Keywords without later ones of the same name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FirstOfEach {
    /// Where each keyword begins, ascending.
    pub(crate) starts: Vec<u16>,
    /// The first keyword that was dropped, and where it begins.
    pub(crate) duplicate: Option<(KeywordName, u16)>,
}

/// Keeps the first keyword of each name. Sorts, so that no hostile image can make it take squared time.
pub(crate) fn first_of_each(mut keywords: Vec<(KeywordName, u16)>) -> FirstOfEach {
    keywords.sort_unstable();
    let mut duplicate: Option<(KeywordName, u16)> = None;
    keywords.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same && duplicate.is_none_or(|(_, start)| later.1 < start) {
            duplicate = Some(*later);
        }
        same
    });
    let mut starts: Vec<u16> = keywords.into_iter().map(|(_, start)| start).collect();
    starts.sort_unstable();
    FirstOfEach { starts, duplicate }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_keyword_of_a_name_is_kept_and_order_is_preserved() {
        let [x, y, z] = [*b"ZZ", *b"MM", *b"AA"].map(KeywordName);
        let result = first_of_each(vec![(x, 0), (y, 10), (x, 20), (z, 30), (y, 40), (x, 50)]);
        assert_eq!(result, FirstOfEach { starts: vec![0, 10, 30], duplicate: Some((x, 20)) });
        let result = first_of_each(vec![(x, 7), (y, 9)]);
        assert_eq!(result, FirstOfEach { starts: vec![7, 9], duplicate: None });
    }
}
