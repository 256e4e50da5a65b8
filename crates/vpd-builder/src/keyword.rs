//! Descriptions of keyword VPD.

use serde::Deserialize;
use toml::Spanned;
use vpd_format::keyword::{Ending, ImageDescription, Tag};

use crate::check_size;
use crate::error::BuildError;
use crate::value::{Lines, Value, Values};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Text {
    #[serde(rename = "format")]
    _format: String,
    size: usize,
    #[serde(default)]
    fill: u8,
    identifier: Spanned<Value>,
    tag: Option<Spanned<u8>>,
    ending: Option<EndingText>,
    keywords: Values,
    writable: Option<Values>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum EndingText {
    Checksum,
    Plain,
}

pub(crate) fn build(text: &str) -> Result<Vec<u8>, BuildError> {
    let description: Text = toml::from_str(text)?;
    let lines = Lines(text);
    let tag = match &description.tag {
        None => Tag::Vendor,
        Some(tag) => tag_of(lines, tag)?,
    };
    let ending = match (description.ending, tag) {
        (Some(EndingText::Checksum), _) | (None, Tag::Vendor) => Ending::Checksum,
        (Some(EndingText::Plain), _) | (None, Tag::ReadOnly) => Ending::Plain,
    };
    let image = ImageDescription {
        size: check_size(description.size)?,
        fill: description.fill,
        identifier: lines.bytes("identifier", &description.identifier, 0..=0xffff)?,
        tag,
        ending,
        keywords: lines.keywords(&description.keywords, |_| 0xff)?,
        writable: description.writable.map(|writable| lines.keywords(&writable, |_| 0xff)).transpose()?,
    };
    Ok(image.encode()?)
}

fn tag_of(lines: Lines<'_>, tag: &Spanned<u8>) -> Result<Tag, BuildError> {
    match tag.get_ref() {
        0x84 => Ok(Tag::Vendor),
        0x90 => Ok(Tag::ReadOnly),
        _ => Err(BuildError::Value {
            line: lines.of(tag),
            key: "tag".to_owned(),
            reason: "neither 0x84 nor 0x90",
        }),
    }
}
