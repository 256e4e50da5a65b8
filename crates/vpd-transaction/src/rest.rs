use crate::{PageChange, Seen};
use core::ops::Range;
use sha2::{Digest as _, Sha256};
use vpd_format::ReadAt;

/// What was read of a chip beside the pages that change: by it a chip is known again.
///
/// Shape: ranges in bytes from the start of the device, ascending and disjoint; SHA-256 over all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rest {
    /// Where the bytes are.
    pub ranges: Vec<Range<u64>>,
    /// Their digest.
    pub digest: [u8; 32],
}

impl Rest {
    /// Notes what was read beside the pages.
    ///
    /// Errors: the device's; there are none, since all of it was read before.
    pub fn of<R: ReadAt>(seen: &mut Seen<R>, pages: &[PageChange]) -> Result<Self, R::Error> {
        let mut holes: Vec<Range<u64>> = pages.iter().map(PageChange::range).collect();
        holes.sort_unstable_by_key(|range| range.start);
        let ranges: Vec<_> = seen.ranges().flat_map(|range| without(range, &holes)).collect();
        let digest = digest(seen, &ranges)?;
        Ok(Self { ranges, digest })
    }

    /// Whether a chip holds the same bytes.
    ///
    /// Errors: the device's.
    pub fn is_in<R: ReadAt>(&self, seen: &mut Seen<R>) -> Result<bool, R::Error> {
        let size = seen.size();
        Ok(self.ranges.iter().all(|range| range.end <= size) && digest(seen, &self.ranges)? == self.digest)
    }
}

fn digest<R: ReadAt>(seen: &mut Seen<R>, ranges: &[Range<u64>]) -> Result<[u8; 32], R::Error> {
    let mut digest = Sha256::new();
    for range in ranges {
        digest.update(seen.fetch(range.clone())?);
    }
    Ok(digest.finalize().into())
}

/// What is left of a range without holes, which are ascending.
fn without(range: Range<u64>, holes: &[Range<u64>]) -> Vec<Range<u64>> {
    let (mut left, mut at) = (Vec::new(), range.start);
    for hole in holes {
        if hole.start > at {
            left.push(at..hole.start.min(range.end));
        }
        at = at.max(hole.end);
        if at >= range.end {
            break;
        }
    }
    if at < range.end {
        left.push(at..range.end);
    }
    left.retain(|range| !range.is_empty());
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpd_format::Bytes;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "what is left is one range")]
    fn a_range_is_left_but_for_the_pages_in_it() {
        assert_eq!(without(0..100, &[]), [0..100]);
        assert_eq!(without(0..100, &[0..16, 32..48, 96..112]), [16..32, 48..96]);
        assert_eq!(without(10..20, &[0..16, 16..32]), []);
        assert_eq!(without(10..20, &[32..48]), [10..20]);
        assert_eq!(without(50..60, &[0..16, 32..48]), [50..60]);
    }

    #[test]
    fn a_chip_is_known_by_what_was_read_of_it_and_does_not_change() {
        let chip: Vec<u8> = (0..=255).collect();
        let mut seen = Seen::new(Bytes(&chip));
        seen.fetch(0..64).unwrap();
        seen.fetch(80..90).unwrap();
        let page = PageChange { offset: 16, old: chip[16..32].to_vec(), new: vec![0; 16] };
        let rest = Rest::of(&mut seen, &[page]).unwrap();
        assert_eq!(rest.ranges, [0..16, 32..64, 80..90]);
        for (at, is_known) in
            [(0, false), (15, false), (16, true), (31, true), (32, false), (64, true), (85, false)]
        {
            let mut other = chip.clone();
            other[at] ^= 1;
            assert_eq!(rest.is_in(&mut Seen::new(Bytes(&other))), Ok(is_known), "{at}");
        }
        assert_eq!(rest.is_in(&mut Seen::new(Bytes(&chip[..80]))), Ok(false), "a smaller chip");
    }
}
