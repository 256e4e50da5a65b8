//! Descriptions made from images.

use core::fmt::Write as _;

use plain_text::is_printable;
use vpd_format::keyword::Tag;
use vpd_format::memory::ModuleDescription;
use vpd_format::{
    Bytes, Content, Ecc, Keyword, KeywordName, Outcome, ReadError, ReadOptions, VpdError, ipz, keyword,
    memory, read,
};

use crate::error::BuildError;
use crate::ipz::default_type;

/// Describes an image, so that [`crate::build`] makes the same one from the text.
///
/// What lies outside of the areas that the format knows is described as `fill`, with the image's last byte as
/// its value; an image that holds other bytes there is not reproduced in them. The same goes for an IPZ image
/// whose records are laid out otherwise than this crate does. Repaired damage is described as repaired.
///
/// Errors: [`BuildError::Format`] when the image cannot be read; [`BuildError::Undescribable`] when a part of
/// it is bad, or its names cannot be written as text.
pub fn describe(image: &[u8]) -> Result<String, BuildError> {
    let as_it_is = ReadOptions::default();
    let without_code = ReadOptions { ecc: Ecc::Ignored, ..as_it_is };
    let read = match read(&mut Bytes(image), &as_it_is) {
        Err(ReadError::Format(VpdError::NoCode { .. })) => read(&mut Bytes(image), &without_code),
        read => read,
    };
    let vpd = read.map_err(|error| match error {
        ReadError::Format(error) => BuildError::Format(error),
        _ => BuildError::Format(VpdError::TooShort {
            what: "the image",
            expected: image.len() as u64,
            found: 0,
        }),
    })?;
    let remarks = match &vpd.content {
        Content::Ipz(image) => image.remarks.as_slice(),
        Content::Keyword(image) => &image.remarks,
        Content::Memory(_) => &[],
    };
    if !remarks.is_empty() {
        return Err(BuildError::Undescribable { what: "a record or keyword is there twice" });
    }
    let fill = image.last().copied().unwrap_or_default();
    let mut text = String::new();
    let format = match &vpd.content {
        Content::Ipz(_) => "ipz",
        Content::Keyword(_) => "keyword",
        Content::Memory(module) => module.kind.as_str(),
    };
    line(&mut text, format_args!("format = \"{format}\"\nsize = {}\nfill = {fill}", image.len()));
    match &vpd.content {
        Content::Ipz(image) => describe_ipz(&mut text, image)?,
        Content::Keyword(content) => {
            describe_keyword(&mut text, content)?;
            if !is_reproduced(&text, content, image) {
                let what = "what stands behind the keywords is not as this crate writes it";
                return Err(BuildError::Undescribable { what });
            }
        }
        Content::Memory(module) => describe_memory(&mut text, module, image, fill)?,
    }
    Ok(text)
}

fn line(text: &mut String, what: core::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{what}");
}

fn describe_ipz(text: &mut String, image: &ipz::Image) -> Result<(), BuildError> {
    if image.header.outcome == Outcome::Unchecked {
        let code = if image.toc.entry.ecc_length == 0 { "none" } else { "zero" };
        line(text, format_args!("code = \"{code}\""));
    }
    for record in &image.records {
        if record.reason.is_some() {
            return Err(BuildError::Undescribable { what: "a record is bad" });
        }
        line(text, format_args!("\n[[record]]\nname = \"{}\"", name_text(&record.name().0)?));
        if record.entry.record_type != default_type(record.name()) {
            line(text, format_args!("type = 0x{:04x}", record.entry.record_type));
        }
        line(text, format_args!("minimum-length = {}", record.entry.length));
        line(text, format_args!("[record.keywords]"));
        for keyword in record.keywords().filter(|keyword| keyword.name != KeywordName::RT) {
            describe_value(text, &keyword)?;
        }
    }
    Ok(())
}

fn describe_keyword(text: &mut String, image: &keyword::Image) -> Result<(), BuildError> {
    if !image.problems.is_empty() {
        return Err(BuildError::Undescribable { what: "what stands behind the keywords is bad" });
    }
    line(text, format_args!("identifier = {}", value_text(image.identifier())));
    let section = image.checksums.iter().any(|checksum| checksum.range.start > 0);
    line(text, format_args!("tag = 0x{:02x}", image.tag.byte()));
    if image.tag == Tag::ReadOnly {
        line(text, format_args!("ending = \"{}\"", if section { "checksum" } else { "plain" }));
    }
    line(text, format_args!("\n[keywords]"));
    image.read_only_keywords().try_for_each(|keyword| describe_value(text, &keyword))?;
    let Some(mut writable) = image.writable_keywords() else { return Ok(()) };
    line(text, format_args!("\n[writable]"));
    writable.try_for_each(|keyword| describe_value(text, &keyword))
}

/// Whether the text makes the same image up to its first tag behind the keywords: rooms that were never formatted, and end tags
/// that were never programmed, cannot be described.
fn is_reproduced(text: &str, content: &keyword::Image, image: &[u8]) -> bool {
    let end = |keyword: Keyword<'_>| (keyword.offset as usize).saturating_add(keyword.data.len());
    let read_only = content.read_only_keywords().map(end).max();
    let writable = content.writable_keywords().and_then(|keywords| keywords.map(end).max());
    let end = read_only.max(writable).unwrap_or_default().saturating_add(1);
    crate::build(text).is_ok_and(|made| made.get(..end) == image.get(..end))
}

/// Everything that is neither `fill` nor made from the kind of module goes to `[spd]`.
fn describe_memory(
    text: &mut String,
    module: &memory::Module,
    image: &[u8],
    fill: u8,
) -> Result<(), BuildError> {
    if !module.problems.is_empty() {
        return Err(BuildError::Undescribable { what: "a part of the memory module is bad" });
    }
    let stored = module.checksums.iter().any(|checksum| checksum.stored != 0);
    let checksums = if stored { Ecc::Checked } else { Ecc::Ignored };
    line(text, format_args!("checksums = \"{}\"\n\n[spd]", if stored { "computed" } else { "zero" }));
    let made = ModuleDescription { kind: module.kind, size: image.len(), fill, checksums, bytes: Vec::new() }
        .encode()?;
    let is_checksum = |at: usize| {
        module.checksums.iter().any(|checksum| (checksum.offset as usize..).take(2).any(|byte| byte == at))
    };
    let differs = |at: usize| !is_checksum(at) && image.get(at) != made.get(at);
    let mut at = 0_usize;
    while at < image.len() {
        let length = (at..image.len().min(at.saturating_add(16))).take_while(|at| differs(*at)).count();
        if length == 0 {
            at = at.saturating_add(1);
            continue;
        }
        let end = at.saturating_add(length);
        let bytes = image.get(at..end).unwrap_or_default();
        line(text, format_args!("\"{at}\" = {}", value_text(bytes)));
        at = end;
    }
    Ok(())
}

fn describe_value(text: &mut String, keyword: &Keyword<'_>) -> Result<(), BuildError> {
    let name = name_text(&keyword.name.0)?;
    line(text, format_args!("\"{name}\" = {}", value_text(keyword.data)));
    Ok(())
}

/// A name that needs no escapes in a TOML string.
fn name_text(name: &[u8]) -> Result<&str, BuildError> {
    let plain = name.iter().all(|byte| is_plain(*byte));
    match core::str::from_utf8(name) {
        Ok(text) if plain => Ok(text),
        _ => Err(BuildError::Undescribable { what: "a name is not printable" }),
    }
}

const fn is_plain(byte: u8) -> bool {
    is_printable(byte) && byte != b'"' && byte != b'\\'
}

/// The shortest of the forms that a value may have.
fn value_text(bytes: &[u8]) -> String {
    let Some(last) = bytes.last().copied() else { return "\"\"".to_owned() };
    let tail = bytes.iter().rev().take_while(|byte| **byte == last).count();
    let (head, tail) = if tail < 4 {
        (bytes, 0)
    } else {
        (bytes.get(..bytes.len().saturating_sub(tail)).unwrap_or_default(), tail)
    };
    if head.is_empty() {
        return format!("{{ fill = {last}, length = {} }}", bytes.len());
    }
    let plain = head.iter().all(|byte| is_plain(*byte));
    let written = if plain { head.iter().map(|byte| char::from(*byte)).collect() } else { hex(head) };
    match (plain, tail) {
        (true, 0) => format!("\"{written}\""),
        (false, 0) => format!("{{ hex = \"{written}\" }}"),
        (true, _) => format!("{{ text = \"{written}\", pad-to = {}, pad = {last} }}", bytes.len()),
        (false, _) => format!("{{ hex = \"{written}\", pad-to = {}, pad = {last} }}", bytes.len()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
