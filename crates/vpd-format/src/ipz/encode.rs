//! Descriptions of IPZ images and the bytes they stand for.

use super::header::{self, END_TAG, START_TAG};
use super::image::TocEntry;
use crate::error::{Part, VpdError};
use crate::names::{KeywordName, RecordName};

/// Most entries that a PT keyword's one-byte length allows.
const ENTRIES_PER_TABLE: usize = 18;
/// Record type of VTOC.
const TOC_TYPE: u16 = 0x00d5;

/// An IPZ image to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageDescription {
    /// Size of the image in bytes.
    pub size: usize,
    /// Value of the bytes that nothing claims.
    pub fill: u8,
    /// What becomes of the code.
    pub code: Code,
    /// The records, in order.
    pub records: Vec<RecordDescription>,
}

/// The error correcting code of an image to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Code {
    /// Computed.
    #[default]
    Computed,
    /// Its areas are there and zero, as in old OpenPOWER images.
    Zero,
    /// There is none: no areas, and of all tags only the first.
    None,
}

/// An image of 8 KiB without records.
impl Default for ImageDescription {
    fn default() -> Self {
        Self { size: 8192, fill: 0, code: Code::Computed, records: Vec::new() }
    }
}

/// A record to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordDescription {
    /// Its name.
    pub name: RecordName,
    /// Its type in the table of contents: 0x00d5 for VINI, 0x00ff for others in known images.
    pub record_type: u16,
    /// Its keywords in order, without RT and PF, which are made.
    pub keywords: Vec<(KeywordName, Vec<u8>)>,
    /// Length in bytes up to which the record is padded at least; with code it becomes a multiple of four.
    pub minimum_length: u16,
}

impl ImageDescription {
    /// Makes the image.
    ///
    /// Layout: header, VTOC, records in order, then the code of the last record down to that of the first,
    /// then VTOC's.
    ///
    /// Errors: [`VpdError::DoesNotFit`] when a keyword, record or the whole passes its limit;
    /// [`VpdError::ProtectedKeyword`] for a described RT or PF.
    pub fn encode(&self) -> Result<Vec<u8>, VpdError> {
        // Code needs whole words.
        let unit = if self.code == Code::None { 1 } else { 4 };
        let records = self.records.iter().map(|record| record.encode(unit)).collect::<Result<Vec<_>, _>>()?;
        let toc_length = encode_toc(&vec![EMPTY_ENTRY; records.len()], unit)?.len();
        let (toc, entries) = self.lay_out(toc_length, &records)?;
        let mut image = vec![self.fill; self.size];
        put(&mut image, header::ECC_LENGTH, &encode_header(&toc));
        put(&mut image, usize::from(toc.offset), &encode_toc(&entries, unit)?);
        for (entry, record) in entries.iter().zip(&records) {
            put(&mut image, usize::from(entry.offset), record);
        }
        let header = TocEntry {
            offset: header::ECC_LENGTH as u16,
            length: header::RECORD_LENGTH as u16,
            ecc_offset: 0,
            ecc_length: header::ECC_LENGTH as u16,
            ..toc
        };
        for entry in entries.iter().chain([&toc, &header]) {
            self.put_code(&mut image, entry)?;
        }
        if self.code == Code::None {
            clear_tags(&mut image, entries.iter().chain([&toc]));
        }
        Ok(image)
    }

    /// Gives VTOC and every record its place.
    fn lay_out(&self, toc_length: usize, records: &[Vec<u8>]) -> Result<(TocEntry, Vec<TocEntry>), VpdError> {
        let code_length = |length| if self.code == Code::None { 0 } else { vpd_ecc::code_length(length) };
        let mut end = header::LENGTH;
        let mut place = |length: usize| {
            let offset = end;
            end = end.saturating_add(length);
            offset
        };
        let toc_offset = place(toc_length);
        let offsets: Vec<usize> = records.iter().map(|record| place(record.len())).collect();
        let mut code_offsets: Vec<usize> =
            records.iter().rev().map(|record| place(code_length(record.len()))).collect();
        code_offsets.reverse();
        let toc_code_offset = place(code_length(toc_length));
        let limit = self.size.min(usize::from(u16::MAX));
        if end > limit {
            return Err(VpdError::DoesNotFit {
                what: "all records with their code",
                limit: limit as u64,
                found: end as u64,
            });
        }
        // All of it lies below `limit`, so nothing is cut off.
        let entry = |name, record_type, offset: usize, length: usize, code_offset: usize| TocEntry {
            name,
            record_type,
            offset: offset as u16,
            length: length as u16,
            ecc_offset: if self.code == Code::None { 0 } else { code_offset as u16 },
            ecc_length: code_length(length) as u16,
        };
        let entries = self.records.iter().zip(records).zip(offsets.iter().zip(&code_offsets));
        let entries = entries
            .map(|((described, record), (offset, code_offset))| {
                entry(described.name, described.record_type, *offset, record.len(), *code_offset)
            })
            .collect();
        Ok((entry(RecordName::VTOC, TOC_TYPE, toc_offset, toc_length, toc_code_offset), entries))
    }

    fn put_code(&self, image: &mut [u8], entry: &TocEntry) -> Result<(), VpdError> {
        let mut code = vec![0; usize::from(entry.ecc_length)];
        if self.code == Code::Computed {
            let data = image.get(entry.range(Part::Data)).unwrap_or_default();
            vpd_ecc::create(data, &mut code).map_err(|error| entry.ecc_error(error))?;
        }
        put(image, usize::from(entry.ecc_offset), &code);
        Ok(())
    }
}

impl RecordDescription {
    fn encode(&self, unit: usize) -> Result<Vec<u8>, VpdError> {
        let mut keywords = Vec::new();
        for (name, value) in &self.keywords {
            if matches!(*name, KeywordName::RT | KeywordName::PF) {
                return Err(VpdError::ProtectedKeyword { keyword: *name });
            }
            append_keyword(&mut keywords, *name, value)?;
        }
        encode_record(self.name, &keywords, usize::from(self.minimum_length), unit)
    }
}

const EMPTY_ENTRY: TocEntry =
    TocEntry { name: RecordName([0; 4]), record_type: 0, offset: 0, length: 0, ecc_offset: 0, ecc_length: 0 };

fn encode_toc(entries: &[TocEntry], unit: usize) -> Result<Vec<u8>, VpdError> {
    let mut keywords = Vec::new();
    for table in entries.chunks(ENTRIES_PER_TABLE) {
        let bytes: Vec<u8> = table.iter().flat_map(TocEntry::encode).collect();
        append_keyword(&mut keywords, KeywordName::PT, &bytes)?;
    }
    if entries.is_empty() {
        append_keyword(&mut keywords, KeywordName::PT, &[])?;
    }
    encode_record(RecordName::VTOC, &keywords, 0, unit)
}

fn encode_header(toc: &TocEntry) -> Vec<u8> {
    let mut header = vec![START_TAG, 0x28, 0x00];
    header.extend(*b"RT\x04VHDR");
    header.extend(*b"VD\x0201");
    header.extend(*b"PT\x0e");
    header.extend(toc.encode());
    header.extend(*b"PF\x08\0\0\0\0\0\0\0\0");
    header.push(END_TAG);
    header
}

/// Frames keywords as a record, padded to `minimum_length` and then to a multiple of `unit` bytes.
fn encode_record(
    name: RecordName,
    keywords: &[u8],
    minimum_length: usize,
    unit: usize,
) -> Result<Vec<u8>, VpdError> {
    // Tag and size (3), RT (7), PF without padding (3), end tag (1).
    let unpadded = keywords.len().saturating_add(14);
    let length = unpadded.max(minimum_length).checked_next_multiple_of(unit).unwrap_or(usize::MAX);
    let body = u16::try_from(length.saturating_sub(4)).map_err(|_| VpdError::DoesNotFit {
        what: "a record",
        limit: 0xfffc,
        found: length as u64,
    })?;
    let mut record = Vec::with_capacity(length);
    record.push(START_TAG);
    record.extend(body.to_le_bytes());
    append_keyword(&mut record, KeywordName::RT, &name.0)?;
    record.extend(keywords);
    append_keyword(&mut record, KeywordName::PF, &vec![0; length.saturating_sub(unpadded)])?;
    record.push(END_TAG);
    Ok(record)
}

fn append_keyword(bytes: &mut Vec<u8>, name: KeywordName, value: &[u8]) -> Result<(), VpdError> {
    let does_not_fit = |limit| VpdError::DoesNotFit {
        what: if name == KeywordName::PF { "the padding of a record" } else { "the value of a keyword" },
        limit,
        found: value.len() as u64,
    };
    bytes.extend(name.0);
    if name.is_long() {
        let length = u16::try_from(value.len()).map_err(|_| does_not_fit(u64::from(u16::MAX)))?;
        bytes.extend(length.to_le_bytes());
    } else {
        bytes.push(u8::try_from(value.len()).map_err(|_| does_not_fit(u64::from(u8::MAX)))?);
    }
    bytes.extend(value);
    Ok(())
}

/// Puts zero in the place of the tags of records and of the header's end tag.
fn clear_tags<'a>(image: &mut [u8], entries: impl Iterator<Item = &'a TocEntry>) {
    let mut clear = |at: usize| put(image, at, &[0]);
    clear(header::LENGTH.saturating_sub(1));
    for range in entries.map(|entry| entry.range(Part::Data)) {
        clear(range.start);
        clear(range.end.saturating_sub(1));
    }
}

/// Copies bytes to a place that the layout has found to exist.
fn put(image: &mut [u8], offset: usize, bytes: &[u8]) {
    if let Some(place) = image.get_mut(offset..offset.saturating_add(bytes.len())) {
        place.copy_from_slice(bytes);
    }
}
