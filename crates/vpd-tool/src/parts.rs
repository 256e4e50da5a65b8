//! What the formats have in common: named parts with keywords.

use vpd_format::{Content, Keyword, KeywordName, Outcome, RecordName, Vpd};

/// A record of an IPZ image, or all there is of an image without records.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// The record's name.
    pub(crate) name: Option<RecordName>,
    /// How it could be read.
    pub(crate) outcome: Outcome,
    /// Why it is bad.
    pub(crate) reason: Option<String>,
    /// Where its bytes are and which they are, for a record.
    pub(crate) bytes: Option<(u32, &'a [u8])>,
    /// Its values in stored order.
    pub(crate) keywords: Vec<Keyword<'a>>,
}

/// All parts, in stored order.
pub(crate) fn parts(vpd: &Vpd) -> Vec<Part<'_>> {
    match &vpd.content {
        Content::Ipz(image) => image
            .records
            .iter()
            .map(|record| Part {
                name: Some(record.name()),
                outcome: record.outcome,
                reason: record.reason.as_ref().map(ToString::to_string),
                bytes: Some((record.offset(), record.bytes())),
                keywords: record.keywords().collect(),
            })
            .collect(),
        Content::Keyword(image) => {
            vec![without_records(image.outcome, reason(&image.problems), image.keywords().collect())]
        }
        Content::Memory(module) => {
            vec![without_records(module.outcome, reason(&module.problems), module.keywords().collect())]
        }
    }
}

fn reason(problems: &[vpd_format::VpdError]) -> Option<String> {
    (!problems.is_empty()).then(|| sentences(problems).join("; "))
}

fn without_records(outcome: Outcome, reason: Option<String>, keywords: Vec<Keyword<'_>>) -> Part<'_> {
    Part { name: None, outcome, reason, bytes: None, keywords }
}

/// Errors as the sentences that they are.
pub(crate) fn sentences(errors: &[vpd_format::VpdError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

impl Part<'_> {
    /// A keyword with the record's name before it.
    pub(crate) fn full_name(&self, keyword: KeywordName) -> String {
        self.name.map_or_else(|| keyword.to_string(), |record| format!("{record} {keyword}"))
    }
}
