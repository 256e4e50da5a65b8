use dbus_api::inventory::records::DEFAULT_RECORD;
use vpd_format::{Content, Keyword, KeywordName, Outcome, RecordName, Vpd};

/// The records of any format, seen alike: keyword and memory VPD are one record, VINI.
#[derive(Debug, Clone, Copy)]
pub struct Keywords<'a>(pub &'a Vpd);

impl<'a> Keywords<'a> {
    /// Every record that was looked at, with its outcome; skipped ones are left out.
    pub fn records(self) -> Vec<(String, Outcome)> {
        match &self.0.content {
            Content::Ipz(image) => image
                .records
                .iter()
                .filter(|record| record.outcome != Outcome::Skipped)
                .map(|record| (record.name().to_string(), record.outcome))
                .collect(),
            _ => vec![(DEFAULT_RECORD.to_owned(), self.0.outcome)],
        }
    }

    /// The keywords of a record, empty when it is absent or bad.
    pub fn of_record(self, record: &str) -> Vec<Keyword<'a>> {
        match &self.0.content {
            Content::Ipz(image) => record
                .parse()
                .ok()
                .and_then(|name| image.record(name))
                .map(|record| record.keywords().collect())
                .unwrap_or_default(),
            Content::Keyword(image) if record == DEFAULT_RECORD => image.keywords().collect(),
            Content::Memory(module) if record == DEFAULT_RECORD => module.keywords().collect(),
            _ => Vec::new(),
        }
    }

    /// One keyword; formats without records do not look at `record`.
    pub fn find(self, record: Option<RecordName>, keyword: KeywordName) -> Option<Keyword<'a>> {
        match &self.0.content {
            Content::Ipz(image) => image.record(record?)?.keyword(keyword),
            Content::Keyword(image) => image.keyword(keyword),
            Content::Memory(module) => module.keyword(keyword),
        }
    }

    /// The CCIN in its usual spelling; `None` for formats without records.
    pub fn ccin(self) -> Option<String> {
        match &self.0.content {
            Content::Ipz(image) => {
                let keyword = image.record(RecordName::VINI)?.keyword(KeywordName(*b"CC"))?;
                Some(keyword.data.escape_ascii().to_string().to_ascii_uppercase())
            }
            _ => None,
        }
    }
}
