//! What is put to the test: the reader, and readers that are broken on purpose.

use vpd_format::{
    Bytes, Content, Ecc, Keyword, KeywordName, Outcome, ReadError, ReadOptions, RecordName, Vpd, VpdError,
    read,
};

use crate::watched::Watched;

/// Something that reads images.
pub trait Subject {
    /// Reads an image of any format. Errors: the sentence that reports it.
    fn read(&self, source: &mut Watched<'_>, image: &[u8]) -> Result<Found, String>;
}

/// What a subject says is in an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    pub outcome: Outcome,
    /// Bits that were corrected anywhere.
    pub corrected: u32,
    pub parts: Vec<Part>,
}

/// A record, or all that an image without records holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    pub name: Option<RecordName>,
    pub outcome: Outcome,
    pub values: Vec<(KeywordName, Vec<u8>)>,
    /// What is not a keyword: identifier, kind and size.
    pub others: String,
}

impl Found {
    fn of(vpd: &Vpd) -> Self {
        let (corrected, parts) = match &vpd.content {
            Content::Ipz(image) => {
                let areas = image.header.correction.bits() + image.toc.correction.bits();
                let records: u32 = image.records.iter().map(vpd_format::ipz::Record::recovered_bits).sum();
                let parts = image.records.iter().map(|record| {
                    part(Some(record.name()), record.outcome, record.keywords(), String::new())
                });
                (areas + records, parts.collect())
            }
            Content::Keyword(image) => {
                let others = image.identifier().escape_ascii().to_string();
                (0, vec![part(None, image.outcome, image.keywords(), others)])
            }
            Content::Memory(module) => {
                let others = format!("{} {:?}", module.kind, module.memory_size_kb);
                (0, vec![part(None, module.outcome, module.keywords(), others)])
            }
        };
        Self { outcome: vpd.outcome, corrected, parts }
    }

    /// Where a value is that can be spoiled.
    fn any_value(&mut self) -> Option<&mut Vec<u8>> {
        self.parts.iter_mut().flat_map(|part| part.values.iter_mut()).map(|(_, value)| value).last()
    }
}

fn part<'a>(
    name: Option<RecordName>,
    outcome: Outcome,
    keywords: impl Iterator<Item = Keyword<'a>>,
    others: String,
) -> Part {
    let values = keywords.map(|keyword| (keyword.name, keyword.data.to_vec())).collect();
    Part { name, outcome, values, others }
}

/// The reader that machines use.
pub struct Real;

impl Subject for Real {
    fn read(&self, source: &mut Watched<'_>, _: &[u8]) -> Result<Found, String> {
        read(source, &ReadOptions::default()).map(|vpd| Found::of(&vpd)).map_err(|error| error.to_string())
    }
}

/// A reader that claims to have checked the code.
pub struct SkipsCode;

impl Subject for SkipsCode {
    fn read(&self, source: &mut Watched<'_>, _: &[u8]) -> Result<Found, String> {
        let options = ReadOptions { ecc: Ecc::Ignored, ..ReadOptions::default() };
        let mut found =
            read(source, &options).map(|vpd| Found::of(&vpd)).map_err(|error| error.to_string())?;
        let fine = |outcome: &mut Outcome| *outcome = (*outcome).max(Outcome::Ok).min(Outcome::Ok);
        fine(&mut found.outcome);
        found.parts.iter_mut().for_each(|part| fine(&mut part.outcome));
        Ok(found)
    }
}

/// A reader that repairs but does not say so.
pub struct HidesRepairs;

impl Subject for HidesRepairs {
    fn read(&self, source: &mut Watched<'_>, image: &[u8]) -> Result<Found, String> {
        let mut found = Real.read(source, image)?;
        if found.outcome == Outcome::Recovered {
            found.outcome = Outcome::Ok;
        }
        Ok(found)
    }
}

/// A reader that believes keyword VPD and memory modules without their checksums.
pub struct AcceptsChecksums;

impl Subject for AcceptsChecksums {
    fn read(&self, source: &mut Watched<'_>, image: &[u8]) -> Result<Found, String> {
        let mut put_right = image.to_vec();
        for _ in 0..4 {
            match read(&mut Bytes(&put_right), &ReadOptions::default()) {
                Err(ReadError::Format(VpdError::ChecksumMismatch { offset, expected, .. })) => {
                    put_right[offset as usize] = expected as u8;
                }
                Ok(Vpd { content: Content::Memory(module), .. }) if module.outcome == Outcome::Bad => {
                    for checksum in module.checksums {
                        let at = checksum.offset as usize;
                        put_right[at..at + 2].copy_from_slice(&checksum.computed.to_le_bytes());
                    }
                }
                Ok(vpd) => return Ok(Found::of(&vpd)),
                Err(_) => return Real.read(source, image),
            }
        }
        Real.read(source, image)
    }
}

/// A reader that takes one byte too many into a value.
pub struct ReadsPastKeyword;

impl Subject for ReadsPastKeyword {
    fn read(&self, source: &mut Watched<'_>, image: &[u8]) -> Result<Found, String> {
        let mut found = Real.read(source, image)?;
        if let Some(value) = found.any_value() {
            value.push(0);
        }
        Ok(found)
    }
}

/// A reader that takes what is cut off for zeros.
pub struct FillsWhatIsCut;

impl Subject for FillsWhatIsCut {
    fn read(&self, _: &mut Watched<'_>, image: &[u8]) -> Result<Found, String> {
        let mut filled = image.to_vec();
        filled.resize(8192, 0);
        let options = ReadOptions { ecc: Ecc::Ignored, ..ReadOptions::default() };
        let mut found = read(&mut Bytes(&filled), &options)
            .map(|vpd| Found::of(&vpd))
            .map_err(|error| error.to_string())?;
        found.outcome = Outcome::Ok;
        found.parts.retain(|part| part.outcome != Outcome::Bad);
        found.parts.iter_mut().for_each(|part| part.outcome = Outcome::Ok);
        Ok(found)
    }
}

/// A reader that looks behind the end of the image.
pub struct ReadsPastEnd;

impl Subject for ReadsPastEnd {
    fn read(&self, source: &mut Watched<'_>, image: &[u8]) -> Result<Found, String> {
        let found = Real.read(source, image);
        let _ = vpd_format::ReadAt::read_exact_at(source, image.len() as u64, &mut [0]);
        found
    }
}
