use core::ops::Range;
use vpd_format::ReadAt;

/// A device with a memory of what was read of it: no byte is read twice, and what was read can be told.
///
/// Units: bytes from the start of the device.
#[derive(Clone, Debug)]
pub struct Seen<R> {
    inner: R,
    /// Sorted, disjoint, not touching.
    extents: Vec<(u64, Vec<u8>)>,
}

impl<R: ReadAt> Seen<R> {
    /// Nothing was read yet.
    pub const fn new(inner: R) -> Self {
        Self { inner, extents: Vec::new() }
    }

    /// The ranges that were read, in order.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.extents.iter().map(|(start, bytes)| *start..end_of(*start, bytes))
    }

    /// Bytes that were read; `None` if some of them were not.
    pub fn bytes(&self, range: Range<u64>) -> Option<&[u8]> {
        let (start, bytes) = self
            .extents
            .iter()
            .rev()
            .find(|(start, _)| *start <= range.start)
            .map(|(start, b)| (*start, b))?;
        let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(start)?).ok()?;
        bytes.get(from..to)
    }

    /// Reads what of a range was not read yet, and returns its bytes.
    ///
    /// Errors: the device's.
    pub fn fetch(&mut self, range: Range<u64>) -> Result<Vec<u8>, R::Error> {
        let length = range.end.saturating_sub(range.start);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.read_exact_at(range.start, &mut bytes)?;
        Ok(bytes)
    }

    /// How many bytes were read.
    pub fn bytes_read(&self) -> u64 {
        self.extents.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Gives the device back.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// What of a range was not read yet.
    fn holes(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let (mut holes, mut at) = (Vec::new(), range.start);
        for seen in self.ranges() {
            if seen.end <= at {
                continue;
            }
            if seen.start >= range.end {
                break;
            }
            if at < seen.start {
                holes.push(at..seen.start);
            }
            at = seen.end;
        }
        if at < range.end {
            holes.push(at..range.end);
        }
        holes
    }

    /// Adds bytes that none of the extents has, and joins those that then touch.
    fn add(&mut self, start: u64, bytes: Vec<u8>) {
        let at = self.extents.partition_point(|(other, _)| *other < start);
        self.extents.insert(at, (start, bytes));
        let mut joined: Vec<(u64, Vec<u8>)> = Vec::with_capacity(self.extents.len());
        for (start, bytes) in core::mem::take(&mut self.extents) {
            match joined.last_mut() {
                Some((before, earlier)) if end_of(*before, earlier) == start => earlier.extend(bytes),
                _ => joined.push((start, bytes)),
            }
        }
        self.extents = joined;
    }
}

fn end_of(start: u64, bytes: &[u8]) -> u64 {
    start.saturating_add(bytes.len() as u64)
}

impl<R: ReadAt> ReadAt for Seen<R> {
    type Error = R::Error;

    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), R::Error> {
        let range = offset..offset.saturating_add(buffer.len() as u64);
        for hole in self.holes(&range) {
            let length = hole.end.saturating_sub(hole.start);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            self.inner.read_exact_at(hole.start, &mut bytes)?;
            self.add(hole.start, bytes);
        }
        if let Some(bytes) = self.bytes(range).filter(|bytes| bytes.len() == buffer.len()) {
            buffer.copy_from_slice(bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpd_format::{Bytes, Counted};

    #[test]
    fn no_byte_is_read_twice_and_all_that_was_read_is_known() {
        let device: Vec<u8> = (0..=255).collect();
        let mut random = test_random::Numbers::new(15);
        for _ in 0..200 {
            let mut seen = Seen::new(Counted::new(Bytes(&device)));
            let mut wanted = [false; 256];
            for _ in 0..8 {
                let start = random.below(250);
                let end = start + 1 + random.below(256 - start);
                assert_eq!(seen.fetch(start as u64..end as u64).unwrap(), device[start..end]);
                wanted[start..end].fill(true);
            }
            let found: usize = seen.ranges().map(|range| (range.end - range.start) as usize).sum();
            assert_eq!(found, wanted.iter().filter(|wanted| **wanted).count());
            for range in seen.ranges() {
                let bytes = &device[range.start as usize..range.end as usize];
                assert_eq!(seen.bytes(range.clone()), Some(bytes));
                assert_eq!(seen.bytes(range.start..range.end + 1), None);
            }
            assert_eq!(seen.bytes_read(), found as u64);
            assert_eq!(seen.into_inner().bytes(), found as u64);
        }
        assert!(Seen::new(Bytes(&device)).fetch(200..257).is_err());
    }
}
