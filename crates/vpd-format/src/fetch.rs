//! The bytes of an image that have been asked for so far: fetched once, in as few reads as sensible.

use core::ops::Range;
use std::sync::Arc;

use crate::error::ReadError;
use crate::source::ReadAt;

/// Two wanted ranges this close are fetched in one read.
///
/// A read of a two-wire EEPROM first sends the device address, two bytes of memory address and the device
/// address again, and costs a system call and a driver's message set-up, worth about ten byte times at
/// 100 kHz. Up to that many unneeded bytes are cheaper than a second read.
const MERGE_GAP: usize = 16;

/// Where the furthest byte ends that any format can point to: an identifier and two sections of keyword VPD, each of
/// the longest that a length field can say, with their tags, lengths and ending.
const REACH: usize = 3 * (3 + 0xffff) + 3;

/// Up to here a buffer is as long as what was read, and so is all that most machines have.
const SMALL: usize = 4096;

/// A source with a memory of what was read; no byte is read twice.
///
/// Holds one buffer. While it grows, the old one and the new one exist together, and that must not add up to much
/// more than the image: a buffer that has to grow beyond `SMALL` becomes as large as it can ever have to be.
pub(crate) struct Fetched<'a, R> {
    source: &'a mut R,
    size: u64,
    buffer: Vec<u8>,
    /// Sorted, disjoint, not touching.
    present: Vec<Range<usize>>,
    bytes_read: u64,
}

impl<'a, R: ReadAt> Fetched<'a, R> {
    pub(crate) fn new(source: &'a mut R) -> Self {
        let size = source.size();
        Self { source, size, buffer: Vec::new(), present: Vec::new(), bytes_read: 0 }
    }

    /// Size of the source in bytes.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that were read from the source.
    pub(crate) const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The bytes of a range that was fetched before.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Two ranges that were fetched before, to be corrected in place; `None` if they share a byte.
    pub(crate) fn pair_mut(
        &mut self,
        first: Range<usize>,
        second: Range<usize>,
    ) -> Option<(&mut [u8], &mut [u8])> {
        let [first, second] = self.buffer.get_disjoint_mut([first, second]).ok()?;
        Some((first, second))
    }

    /// Gives away the buffer, as it is after corrections. Nothing can be fetched afterwards.
    pub(crate) fn freeze(&mut self) -> Arc<Vec<u8>> {
        Arc::new(core::mem::take(&mut self.buffer))
    }

    /// Fetches one range, as far as the image reaches, and returns its bytes.
    pub(crate) fn fetch(&mut self, range: Range<usize>) -> Result<&[u8], ReadError<R::Error>> {
        let end = range.end.min(usize::try_from(self.size).unwrap_or(usize::MAX));
        let range = range.start.min(end)..end;
        self.fetch_all(&mut [range.clone()])?;
        Ok(self.bytes(range))
    }

    /// Fetches ranges that lie inside the image, in order of offset, merged where they are near.
    pub(crate) fn fetch_all(&mut self, wanted: &mut [Range<usize>]) -> Result<(), ReadError<R::Error>> {
        wanted.sort_unstable_by_key(|range| (range.start, range.end));
        let holes = self.holes(wanted);
        for hole in merged(holes, &self.present) {
            self.read(hole)?;
        }
        Ok(())
    }

    /// What of the wanted ranges is not present yet.
    fn holes(&self, wanted: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut holes = Vec::with_capacity(wanted.len());
        for range in wanted {
            let mut start = range.start;
            for present in &self.present {
                if present.end <= start {
                    continue;
                }
                if present.start >= range.end {
                    break;
                }
                if start < present.start {
                    holes.push(start..present.start);
                }
                start = present.end;
            }
            if start < range.end {
                holes.push(start..range.end);
            }
        }
        holes
    }

    fn read(&mut self, hole: Range<usize>) -> Result<(), ReadError<R::Error>> {
        self.make_room(hole.end);
        let Some(target) = self.buffer.get_mut(hole.clone()) else { return Ok(()) };
        let (offset, length) = (hole.start as u64, target.len());
        self.source.read_exact_at(offset, target).map_err(|source| ReadError::Device {
            offset,
            length,
            source,
        })?;
        self.bytes_read = self.bytes_read.saturating_add(length as u64);
        self.note_present(hole);
        Ok(())
    }

    fn make_room(&mut self, end: usize) {
        if end <= self.buffer.len() {
            return;
        }
        let reach = usize::try_from(self.size).unwrap_or(usize::MAX).min(REACH);
        let mut room = vec![0; if end <= SMALL { end } else { reach.max(end) }];
        if let Some(kept) = room.get_mut(..self.buffer.len()) {
            kept.copy_from_slice(&self.buffer);
        }
        self.buffer = room;
    }

    fn note_present(&mut self, range: Range<usize>) {
        let at = self.present.partition_point(|present| present.end < range.start);
        let touching = self.present.iter().skip(at).take_while(|present| present.start <= range.end).count();
        let mut joined = range;
        for present in self.present.drain(at..at.saturating_add(touching)) {
            joined = joined.start.min(present.start)..joined.end.max(present.end);
        }
        self.present.insert(at, joined);
    }
}

/// Joins sorted holes that overlap, touch, or are separated by a small gap in which nothing is present.
fn merged(holes: Vec<Range<usize>>, present: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut reads: Vec<Range<usize>> = Vec::with_capacity(holes.len());
    for hole in holes {
        match reads.last_mut() {
            Some(last)
                if hole.start <= last.end.saturating_add(MERGE_GAP)
                    && !any_inside(present, &(last.end..hole.start)) =>
            {
                last.end = last.end.max(hole.end);
            }
            _ => reads.push(hole),
        }
    }
    reads
}

fn any_inside(present: &[Range<usize>], gap: &Range<usize>) -> bool {
    let at = present.partition_point(|range| range.end <= gap.start);
    present.get(at).is_some_and(|range| range.start < gap.end)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "ranges are what is fetched")]
mod tests {
    use super::*;
    use crate::source::{Bytes, Counted};

    /// Fetches each list in turn; returns bytes and reads of the source.
    fn cost(lists: &[&[Range<usize>]]) -> (u64, u64) {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut counted = Counted::new(Bytes(&bytes));
        let mut fetched = Fetched::new(&mut counted);
        for list in lists {
            fetched.fetch_all(&mut list.to_vec()).unwrap();
            for range in *list {
                assert_eq!(fetched.bytes(range.clone()), &bytes[range.clone()]);
            }
        }
        assert_eq!(fetched.bytes_read(), counted.bytes());
        (counted.bytes(), counted.reads())
    }

    #[test]
    fn ranges_are_fetched_once_and_merged_when_near() {
        assert_eq!(cost(&[&[0..10, 5..20]]), (20, 1), "overlap");
        assert_eq!(cost(&[&[0..10], &[5..20]]), (20, 2), "rest only");
        assert_eq!(cost(&[&[10..20], &[0..40]]), (40, 3), "both sides");
        assert_eq!(cost(&[&[0..10, 26..30]]), (30, 1), "small gap");
        assert_eq!(cost(&[&[0..10, 27..30]]), (13, 2), "large gap");
        assert_eq!(cost(&[&[12..14], &[0..10, 16..30]]), (26, 3), "gap holds what is present");
        assert_eq!(cost(&[&[100..200], &[100..200], &[120..130]]), (100, 1), "again");
        assert_eq!(cost(&[&[0..256, 0..256, 3..256]]), (256, 1), "hostile repetition");
        assert_eq!(cost(&[&[0..0, 9..9]]), (0, 0), "empty");
    }

    #[test]
    fn a_range_past_the_image_is_cut() {
        let mut source = Bytes(&[1, 2, 3]);
        let mut fetched = Fetched::new(&mut source);
        assert_eq!(fetched.fetch(1..55), Ok(&[2, 3][..]));
        assert_eq!(fetched.fetch(7..55), Ok(&[][..]));
    }
}
