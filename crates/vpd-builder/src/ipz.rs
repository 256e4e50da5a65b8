//! Descriptions of IPZ images.

use serde::Deserialize;
use toml::Spanned;
use vpd_format::ipz::{Code, ImageDescription, RecordDescription};
use vpd_format::{Ecc, RecordName};

use crate::check_size;
use crate::error::BuildError;
use crate::value::{Lines, Values};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Text {
    #[serde(rename = "format")]
    _format: String,
    size: usize,
    #[serde(default)]
    fill: u8,
    #[serde(default)]
    code: CodeText,
    #[serde(default)]
    record: Vec<RecordText>,
}

/// Whether the checksums of a memory module are computed.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Computed {
    #[default]
    Computed,
    Zero,
}

impl From<Computed> for Ecc {
    fn from(computed: Computed) -> Self {
        match computed {
            Computed::Computed => Self::Checked,
            Computed::Zero => Self::Ignored,
        }
    }
}

/// What becomes of the code.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CodeText {
    #[default]
    Computed,
    Zero,
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RecordText {
    name: Spanned<String>,
    r#type: Option<u16>,
    #[serde(default)]
    minimum_length: u16,
    #[serde(default)]
    keywords: Values,
}

pub(crate) fn build(text: &str) -> Result<Vec<u8>, BuildError> {
    let description: Text = toml::from_str(text)?;
    let lines = Lines(text);
    let mut records: Vec<RecordDescription> = Vec::with_capacity(description.record.len());
    for text in &description.record {
        let record = text.describe(lines)?;
        if records.iter().any(|earlier| earlier.name == record.name) {
            return Err(BuildError::RecordTwice { line: lines.of(&text.name), name: record.name });
        }
        records.push(record);
    }
    let image = ImageDescription {
        size: check_size(description.size)?,
        fill: description.fill,
        code: match description.code {
            CodeText::Computed => Code::Computed,
            CodeText::Zero => Code::Zero,
            CodeText::None => Code::None,
        },
        records,
    };
    Ok(image.encode()?)
}

impl RecordText {
    fn describe(&self, lines: Lines<'_>) -> Result<RecordDescription, BuildError> {
        let name = lines.name(self.name.get_ref(), &self.name, "record of four ASCII characters")?;
        let longest = |keyword: vpd_format::KeywordName| if keyword.is_long() { 0xffff } else { 0xff };
        Ok(RecordDescription {
            name,
            record_type: self.r#type.unwrap_or(default_type(name)),
            keywords: lines.keywords(&self.keywords, longest)?,
            minimum_length: self.minimum_length,
        })
    }
}

/// The type that known images give a record.
pub(crate) fn default_type(name: RecordName) -> u16 {
    if name == RecordName::VINI { 0x00d5 } else { 0x00ff }
}
