//! The table of contents: which records there are, and which bytes each may claim.

use core::ops::Range;

use super::header;
use super::image::TocEntry;
use super::record;
use crate::error::{Part, VpdError};
use crate::names::{KeywordName, RecordName};
use crate::options::Ecc;

/// No image of 64 KiB has nearly as many records; bounds what a hostile table can make us note down.
pub(crate) const MOST_ENTRIES: usize = 512;

/// Entries of a table of contents.
#[derive(Debug, Default)]
pub(crate) struct Toc {
    /// The first entry of each name, in order, and what is wrong with it.
    pub(crate) entries: Vec<(TocEntry, Result<(), VpdError>)>,
    /// Entries whose name was seen before.
    pub(crate) duplicates: Vec<VpdError>,
}

/// Reads the table of contents from the bytes of record VTOC, after correction.
///
/// `claims` says which areas an entry may point to. Errors: structure of the record; a PT keyword that holds no
/// whole entries; no PT keyword; too many entries.
pub(crate) fn parse(toc: &TocEntry, bytes: &[u8], mut claims: Claims) -> Result<Toc, VpdError> {
    let entries = entries(toc, bytes, claims.ecc)?;
    let mut result = Toc::default();
    let mut names: Vec<RecordName> = Vec::new();
    for entry in entries {
        if let Err(at) = names.binary_search(&entry.name) {
            names.insert(at, entry.name);
            let claim = claims.claim(&entry);
            result.entries.push((entry, claim));
        } else {
            let offset = u32::from(entry.offset);
            result.duplicates.push(VpdError::DuplicateRecord { record: entry.name, offset });
        }
    }
    Ok(result)
}

/// Checks that an entry's areas lie inside the image.
fn check_bounds(entry: &TocEntry, image_size: u64, ecc: Ecc) -> Result<(), VpdError> {
    for part in parts(ecc) {
        let range = entry.range(*part);
        let (offset, length) = (range.start as u32, range.len() as u32);
        let record = entry.name;
        if offset == 0 || length == 0 {
            return Err(VpdError::EmptyArea { record, part: *part, offset, length });
        }
        if range.end as u64 > image_size {
            return Err(VpdError::OutOfImage { record, part: *part, offset, length, image: image_size });
        }
    }
    if ecc == Ecc::Checked {
        let expected = vpd_ecc::code_length(usize::from(entry.length)) as u32;
        let found = u32::from(entry.ecc_length);
        if expected != found {
            return Err(VpdError::EccLength { record: entry.name, expected, found });
        }
    }
    Ok(())
}

/// The areas of a record that are used.
pub(crate) const fn parts(ecc: Ecc) -> &'static [Part] {
    match ecc {
        Ecc::Checked => &[Part::Data, Part::Ecc],
        Ecc::Ignored => &[Part::Data],
    }
}

/// All entries of all PT keywords.
fn entries(toc: &TocEntry, bytes: &[u8], ecc: Ecc) -> Result<Vec<TocEntry>, VpdError> {
    let body = record::check_frame(toc, bytes, ecc)?;
    let mut entries = Vec::new();
    let mut fault = None;
    let mut tables = 0_u32;
    record::walk(toc, body, |start, keyword| {
        if keyword.name != KeywordName::PT {
            return;
        }
        tables = tables.saturating_add(1);
        let (table, rest) = keyword.value.as_chunks::<{ TocEntry::LENGTH }>();
        if !rest.is_empty() {
            let offset = u32::from(toc.offset).saturating_add(u32::from(start));
            fault = fault.take().or(Some(VpdError::TocLength { offset, found: keyword.length }));
        }
        let room = MOST_ENTRIES.saturating_add(1).saturating_sub(entries.len());
        entries.extend(table.iter().take(room).map(TocEntry::parse));
    })?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    if tables == 0 {
        let offset = u32::from(toc.offset);
        return Err(VpdError::MissingKeyword { record: Some(toc.name), keyword: KeywordName::PT, offset });
    }
    if entries.len() > MOST_ENTRIES {
        return Err(VpdError::TooManyRecords { limit: MOST_ENTRIES });
    }
    Ok(entries)
}

/// Who owns which bytes. Since no two areas share a byte, all records together are no larger than the image,
/// and correcting one cannot change another.
pub(crate) struct Claims {
    image_size: u64,
    ecc: Ecc,
    /// Sorted and disjoint.
    taken: Vec<Range<usize>>,
}

impl Claims {
    /// Everything but the header is free.
    pub(crate) fn new(image_size: u64, ecc: Ecc) -> Self {
        let mut claims = Self { image_size, ecc, taken: Vec::new() };
        claims.take(0..header::LENGTH);
        claims
    }

    /// Takes all areas of an entry, or none.
    pub(crate) fn claim(&mut self, entry: &TocEntry) -> Result<(), VpdError> {
        check_bounds(entry, self.image_size, self.ecc)?;
        let (data, code) = (entry.range(Part::Data), entry.range(Part::Ecc));
        let own_overlap = self.ecc == Ecc::Checked && data.start < code.end && code.start < data.end;
        for part in parts(self.ecc) {
            let range = entry.range(*part);
            if own_overlap || self.is_taken(&range) {
                let (offset, length) = (range.start as u32, range.len() as u32);
                return Err(VpdError::Overlap { record: entry.name, part: *part, offset, length });
            }
        }
        for part in parts(self.ecc) {
            self.take(entry.range(*part));
        }
        Ok(())
    }

    fn is_taken(&self, range: &Range<usize>) -> bool {
        let at = self.taken.partition_point(|taken| taken.end <= range.start);
        self.taken.get(at).is_some_and(|taken| taken.start < range.end)
    }

    fn take(&mut self, range: Range<usize>) {
        let at = self.taken.partition_point(|taken| taken.start < range.start);
        self.taken.insert(at, range);
    }
}
