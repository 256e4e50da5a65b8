//! Descriptions of memory modules.

use serde::Deserialize;
use toml::Spanned;
use vpd_format::memory::{Kind, ModuleDescription};

use crate::check_size;
use crate::error::BuildError;
use crate::ipz::Computed;
use crate::value::{Lines, Value, Values};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Text {
    #[serde(rename = "format")]
    _format: String,
    size: usize,
    #[serde(default)]
    fill: u8,
    #[serde(default)]
    checksums: Computed,
    part_number: Option<Spanned<Value>>,
    serial_number: Option<Spanned<Value>>,
    ccin: Option<Spanned<Value>>,
    manufacturer_id: Option<Spanned<Value>>,
    #[serde(default)]
    spd: Values,
}

/// Where a kind of module stores a value, and how long it is; a pad byte allows shorter ones.
#[derive(Clone, Copy)]
struct Place {
    offset: u16,
    length: usize,
    pad: Option<u8>,
}

const fn place(offset: u16, length: usize) -> Option<Place> {
    Some(Place { offset, length, pad: None })
}

/// Places of part number, serial number, CCIN and manufacturer id.
const fn places(kind: Kind) -> [Option<Place>; 4] {
    match kind {
        Kind::Ddr4Ddimm | Kind::Ddr5Ddimm => [place(419, 7), place(426, 12), place(438, 4), place(552, 2)],
        Kind::Ddr4Isdimm => {
            [Some(Place { offset: 329, length: 20, pad: Some(b' ') }), place(325, 4), None, place(320, 2)]
        }
        Kind::Ddr5Isdimm => {
            [Some(Place { offset: 521, length: 30, pad: Some(b' ') }), place(517, 4), None, place(512, 2)]
        }
    }
}

pub(crate) fn build(text: &str, kind: Kind) -> Result<Vec<u8>, BuildError> {
    let description: Text = toml::from_str(text)?;
    let lines = Lines(text);
    let mut bytes = Vec::new();
    for (key, value) in &description.spd {
        let offset = lines.name(key, value, "decimal offset below 65536")?;
        bytes.push((offset, lines.bytes(key, value, 1..=0xffff)?));
    }
    let named = [
        ("part-number", &description.part_number),
        ("serial-number", &description.serial_number),
        ("ccin", &description.ccin),
        ("manufacturer-id", &description.manufacturer_id),
    ];
    for ((key, value), place) in named.into_iter().zip(places(kind)) {
        let Some(value) = value else { continue };
        bytes.push(put(lines, key, value, place)?);
    }
    let module = ModuleDescription {
        kind,
        size: check_size(description.size)?,
        fill: description.fill,
        checksums: description.checksums.into(),
        bytes,
    };
    Ok(module.encode()?)
}

fn put(
    lines: Lines<'_>,
    key: &str,
    value: &Spanned<Value>,
    place: Option<Place>,
) -> Result<(u16, Vec<u8>), BuildError> {
    let Some(place) = place else {
        let reason = "this kind of module does not store it";
        return Err(BuildError::Value { line: lines.of(value), key: key.to_owned(), reason });
    };
    let shortest = if place.pad.is_some() { 0 } else { place.length };
    let mut bytes = lines.bytes(key, value, shortest..=place.length)?;
    bytes.resize(place.length, place.pad.unwrap_or_default());
    Ok((place.offset, bytes))
}
