//! A source that notes how it is read, and complains afterwards.

use vpd_format::ReadAt;

/// An image under watch.
#[derive(Debug)]
pub struct Watched<'a> {
    bytes: &'a [u8],
    seen: Vec<bool>,
    reads: usize,
    complaint: Option<String>,
}

/// The source has no such bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("past the end")]
pub struct PastTheEnd;

impl<'a> Watched<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, seen: vec![false; bytes.len()], reads: 0, complaint: None }
    }

    /// Reads past the end, reads of what was read, and more reads than `limit`.
    pub fn complaint(self, limit: usize) -> Option<String> {
        let many = (self.reads > limit).then(|| format!("{} reads, {limit} suffice", self.reads));
        self.complaint.or(many)
    }
}

impl ReadAt for Watched<'_> {
    type Error = PastTheEnd;

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), PastTheEnd> {
        self.reads += 1;
        let range = offset as usize..(offset as usize).saturating_add(buffer.len());
        let Some(bytes) = self.bytes.get(range.clone()) else {
            self.complaint.get_or_insert(format!("{range:?} is read of {} bytes", self.bytes.len()));
            return Err(PastTheEnd);
        };
        buffer.copy_from_slice(bytes);
        if self.seen[range.clone()].contains(&true) {
            self.complaint.get_or_insert(format!("some of {range:?} is read twice"));
        }
        self.seen[range].fill(true);
        Ok(())
    }
}
