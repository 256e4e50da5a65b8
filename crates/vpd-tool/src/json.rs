//! The JSON form of what was found; `schema/check.schema.json` describes it.

use serde::{Serialize, Serializer};
use vpd_format::ipz::{AreaReport, Record};
use vpd_format::{Checksum, Content, Keyword, KeywordName, RecordName, Vpd, VpdError};

use crate::examine::Examined;
use crate::exit::{Exit, Failure};
use crate::parts::sentences;
use crate::value;

/// Anything as JSON on several lines.
pub(crate) fn lines<T: Serialize>(what: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(what).map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok(text + "\n")
}

/// What of an image is shown.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Selection {
    pub(crate) record: Option<RecordName>,
    pub(crate) keyword: Option<KeywordName>,
}

/// Everything about one image, on several lines.
pub(crate) fn report(examined: &Examined, selection: Selection) -> anyhow::Result<String> {
    let content = match &examined.content {
        Ok(vpd) => content(vpd, selection),
        Err(error) => Body::Unusable { reason: examined.explain(error) },
    };
    let report = Report {
        format: examined.format.map(vpd_format::Format::as_str),
        outcome: examined.content.as_ref().map_or_else(VpdError::outcome, |vpd| vpd.outcome).as_str(),
        image_size: examined.image_size,
        bytes_read: examined.bytes_read,
        content,
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    format: Option<&'static str>,
    outcome: &'static str,
    image_size: u64,
    bytes_read: u64,
    #[serde(flatten)]
    content: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "kebab-case")]
enum Body<'a> {
    Ipz {
        areas: Named<Area>,
        records: Named<RecordBody<'a>>,
        remarks: Vec<String>,
    },
    Keyword {
        identifier: Value<'a>,
        checksums: Vec<ChecksumBody>,
        keywords: Keywords<'a>,
        remarks: Vec<String>,
        problems: Vec<String>,
    },
    Memory {
        module: &'static str,
        memory_size_kb: Option<u64>,
        checksums: Vec<ChecksumBody>,
        keywords: Keywords<'a>,
        not_programmed: Vec<String>,
        remarks: Vec<String>,
        problems: Vec<String>,
    },
    Unusable {
        reason: String,
    },
}

type Keywords<'a> = Named<Value<'a>>;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Area {
    outcome: &'static str,
    recovered_bits: u32,
    offset: u16,
    length: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RecordBody<'a> {
    outcome: &'static str,
    recovered_bits: u32,
    offset: u32,
    length: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    keywords: Option<Keywords<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Digits, and text where every byte is one.
#[derive(Serialize)]
pub(crate) struct Value<'a> {
    hex: String,
    text: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ChecksumBody {
    name: &'static str,
    outcome: &'static str,
    start: u32,
    end: u32,
    offset: u32,
    stored: u16,
    computed: u16,
}

/// An object whose keys keep the order of the image.
struct Named<T>(Vec<(String, T)>);

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn content(vpd: &Vpd, selection: Selection) -> Body<'_> {
    match &vpd.content {
        Content::Ipz(image) => Body::Ipz {
            areas: Named(vec![
                ("VHDR".to_owned(), area(&image.header)),
                ("VTOC".to_owned(), area(&image.toc)),
            ]),
            records: Named(
                image
                    .records
                    .iter()
                    .filter(|record| selection.record.is_none_or(|name| record.name() == name))
                    .map(|record| (record.name().to_string(), self::record(record, selection)))
                    .collect(),
            ),
            remarks: sentences(&image.remarks),
        },
        Content::Keyword(image) => Body::Keyword {
            identifier: value(image.identifier()),
            checksums: image.checksums.iter().map(checksum).collect(),
            keywords: keywords(image.keywords(), selection),
            remarks: sentences(&image.remarks),
            problems: sentences(&image.problems),
        },
        Content::Memory(module) => Body::Memory {
            module: module.kind.as_str(),
            memory_size_kb: module.memory_size_kb,
            checksums: module.checksums.iter().map(checksum).collect(),
            keywords: keywords(module.keywords(), selection),
            not_programmed: module.not_programmed.iter().map(ToString::to_string).collect(),
            remarks: sentences(&module.remarks),
            problems: sentences(&module.problems),
        },
    }
}

fn area(report: &AreaReport) -> Area {
    Area {
        outcome: report.outcome.as_str(),
        recovered_bits: report.correction.bits(),
        offset: report.entry.offset,
        length: report.entry.length,
    }
}

fn record(record: &Record, selection: Selection) -> RecordBody<'_> {
    RecordBody {
        outcome: record.outcome.as_str(),
        recovered_bits: record.recovered_bits(),
        offset: record.offset(),
        length: record.entry.length,
        keywords: record.reason.is_none().then(|| keywords(record.keywords(), selection)),
        reason: record.reason.as_ref().map(ToString::to_string),
    }
}

fn keywords<'a>(all: impl Iterator<Item = Keyword<'a>>, selection: Selection) -> Keywords<'a> {
    let wanted = all.filter(|keyword| selection.keyword.is_none_or(|name| keyword.name == name));
    Named(wanted.map(|keyword| (keyword.name.to_string(), value(keyword.data))).collect())
}

pub(crate) fn value(bytes: &[u8]) -> Value<'_> {
    Value { hex: value::hex(bytes), text: value::text(bytes) }
}

fn checksum(checksum: &Checksum) -> ChecksumBody {
    ChecksumBody {
        name: checksum.name,
        outcome: checksum.outcome.as_str(),
        start: checksum.range.start,
        end: checksum.range.end,
        offset: checksum.offset,
        stored: checksum.stored,
        computed: checksum.computed,
    }
}
