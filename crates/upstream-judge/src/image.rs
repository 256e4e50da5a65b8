//! What the cells of an EEPROM say: keywords by record.

use std::collections::BTreeMap;

use vpd_format::{Bytes, Content, Keyword, ReadOptions, read};

/// The record that formats without records count as.
pub const ONLY_RECORD: &str = "VINI";

/// What could be read of an EEPROM.
#[derive(Debug)]
pub struct Image {
    /// Whether its format has records; those without count as one record, `VINI`.
    pub has_records: bool,
    /// Capacity of a memory module in KiB, 0 if it does not say; `None` for other parts.
    pub memory_size_kb: Option<u64>,
    /// Bytes of keywords, by name, by record. Of keywords with the same name the first counts.
    pub records: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

impl Image {
    /// Reads cells of any VPD format from an offset in bytes on; `None` if nothing of them is usable. A record that its code
    /// does not confirm has no keywords.
    pub fn read(cells: &[u8], offset: usize) -> Option<Self> {
        let vpd = read(&mut Bytes(cells.get(offset..)?), &ReadOptions::default()).ok()?;
        let mut image = Self { has_records: false, memory_size_kb: None, records: BTreeMap::new() };
        match &vpd.content {
            Content::Ipz(ipz) => {
                image.has_records = true;
                for record in &ipz.records {
                    image.records.insert(record.name().to_string(), by_name(record.keywords()));
                }
            }
            Content::Keyword(keyword) => {
                image.records.insert(ONLY_RECORD.to_owned(), by_name(keyword.keywords()));
            }
            Content::Memory(module) => {
                image.memory_size_kb = Some(module.memory_size_kb.unwrap_or_default());
                image.records.insert(ONLY_RECORD.to_owned(), by_name(module.keywords()));
            }
        }
        Some(image)
    }

    /// The bytes of a keyword; without records, only its name counts.
    pub fn keyword(&self, record: &str, keyword: &str) -> Option<&[u8]> {
        let record = if self.has_records { record } else { ONLY_RECORD };
        self.records.get(record)?.get(keyword).map(Vec::as_slice)
    }

    /// The CCIN of the part, in capitals, empty if it has none; `None` for formats without records.
    pub fn ccin(&self) -> Option<String> {
        let ccin = self.keyword(ONLY_RECORD, "CC").unwrap_or_default();
        self.has_records.then(|| String::from_utf8_lossy(ccin).to_ascii_uppercase())
    }
}

fn by_name<'a>(keywords: impl Iterator<Item = Keyword<'a>>) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for keyword in keywords {
        // The first of a name counts.
        all.entry(keyword.name.to_string()).or_insert_with(|| keyword.data.to_vec());
    }
    all
}
