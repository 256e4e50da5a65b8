//! What the fuzzing targets share: a source that watches how it is read, and what must hold for whatever was read.

use std::ops::Range;

use vpd_format::ipz::TocEntry;
use vpd_format::{
    Content, Ecc, Format, Keyword, Outcome, Part, PartNumbers, Policy, ReadAt, ReadError, ReadOptions, RecordName, Vpd,
    VpdError, Wanted,
};

/// Many times more reads than any image needs: three at the front, two for each of 512 entries.
const MOST_READS: usize = 1100;

/// An image that panics when it is read past its end, twice at one place, or in too many pieces.
struct Watched<'a> {
    bytes: &'a [u8],
    seen: Vec<bool>,
    reads: usize,
}

impl ReadAt for Watched<'_> {
    type Error = std::convert::Infallible;

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Self::Error> {
        self.reads += 1;
        assert!(self.reads <= MOST_READS && !buffer.is_empty());
        let start = offset as usize;
        for (index, byte) in (start..).zip(buffer) {
            assert!(!self.seen[index], "byte {index} is read twice");
            self.seen[index] = true;
            *byte = self.bytes[index];
        }
        Ok(())
    }
}

/// How to read, as the bits of a byte say.
pub fn options(byte: u8) -> ReadOptions<'static> {
    ReadOptions {
        format: [None, Some(Format::Ipz), Some(Format::Keyword), Some(Format::Memory)][usize::from(byte & 3)],
        policy: if byte & 4 == 0 { Policy::Recover } else { Policy::Strict },
        ecc: if byte & 8 == 0 { Ecc::Checked } else { Ecc::Ignored },
        wanted: if byte & 16 == 0 { Wanted::All } else { Wanted::Records(&[RecordName::VINI]) },
        part_numbers: if byte & 32 == 0 { PartNumbers::Module } else { PartNumbers::Upstream },
    }
}

/// Reads an image and asserts everything that holds for any of them.
pub fn read(image: &[u8], options: &ReadOptions<'_>) -> Result<Vpd, VpdError> {
    let mut source = Watched { bytes: image, seen: vec![false; image.len()], reads: 0 };
    let vpd = match vpd_format::read(&mut source, options) {
        Ok(vpd) => vpd,
        Err(ReadError::Format(error)) => {
            assert!(!error.to_string().is_empty());
            return Err(error);
        }
        Err(error) => panic!("the source never fails: {error}"),
    };
    let seen = source.seen.iter().filter(|seen| **seen).count();
    assert_eq!((vpd.bytes_read, vpd.image_size), (seen as u64, image.len() as u64));
    sound(image, &vpd, &source.seen);
    Ok(vpd)
}

fn sound(image: &[u8], vpd: &Vpd, seen: &[bool]) {
    match &vpd.content {
        Content::Ipz(content) => {
            for record in &content.records {
                let usable = matches!(record.outcome, Outcome::Ok | Outcome::Recovered | Outcome::Unchecked);
                assert_eq!(record.reason.is_some(), record.outcome == Outcome::Bad);
                assert_eq!(record.bytes().is_empty(), !usable);
                if usable {
                    let range = record.entry.range(Part::Data);
                    assert!(seen[range.clone()].iter().all(|seen| *seen));
                    let changed = bits(record.bytes(), &image[range.clone()]);
                    assert_eq!(changed, record.correction.data_bits);
                    record.keywords().for_each(|keyword| within(&keyword, &range));
                }
            }
        }
        Content::Keyword(content) => {
            for keyword in content.keywords() {
                within(&keyword, &(0..image.len()));
                let start = keyword.offset as usize;
                assert_eq!(keyword.data, &image[start..start + keyword.data.len()]);
            }
        }
        Content::Memory(module) => {
            assert_eq!(module.problems.is_empty(), module.outcome != Outcome::Bad);
            assert!(module.keywords().all(|keyword| keyword.data.len() <= 64));
        }
    }
}

fn within(keyword: &Keyword<'_>, range: &Range<usize>) {
    let start = keyword.offset as usize;
    assert!(range.start <= start && start + keyword.data.len() <= range.end);
}

/// In how many bits two areas differ.
fn bits(first: &[u8], second: &[u8]) -> u32 {
    first.iter().zip(second).map(|(first, second)| (first ^ second).count_ones()).sum()
}

/// Gives an IPZ image right code, as far as its entries make sense, so that what lies behind the code is reached.
pub fn seal(image: &mut [u8]) {
    let options = ReadOptions { format: Some(Format::Ipz), ecc: Ecc::Ignored, ..ReadOptions::default() };
    let Ok(Vpd { content: Content::Ipz(content), .. }) = read(image, &options) else { return };
    for entry in
        content.records.iter().map(|record| &record.entry).chain([&content.toc.entry, &content.header.entry])
    {
        seal_area(image, entry);
    }
}

fn seal_area(image: &mut [u8], entry: &TocEntry) {
    let Some(data) = image.get(entry.range(Part::Data)) else { return };
    let mut code = vec![0; vpd_ecc::code_length(data.len())];
    if vpd_ecc::create(data, &mut code).is_ok()
        && let Some(place) = image.get_mut(entry.range(Part::Ecc))
        && place.len() == code.len()
    {
        place.copy_from_slice(&code);
    }
}

/// Every value with its names, for comparison.
pub fn values(vpd: &Vpd) -> Vec<(Option<RecordName>, String, Vec<u8>)> {
    let one = |record, keyword: Keyword<'_>| (record, keyword.name.to_string(), keyword.data.to_vec());
    match &vpd.content {
        Content::Ipz(content) => content
            .records
            .iter()
            .flat_map(|record| record.keywords().map(|keyword| one(Some(record.name()), keyword)))
            .collect(),
        Content::Keyword(content) => content.keywords().map(|keyword| one(None, keyword)).collect(),
        Content::Memory(module) => module.keywords().map(|keyword| one(None, keyword)).collect(),
    }
}
