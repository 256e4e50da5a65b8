//! Reads a memory module.

use core::ops::Range;

use super::capacity::{bytes_used, capacity_kb};
use super::checksum::places;
use super::detect::kind_of;
use super::identity::{Decoded, Value, values};
use super::module::{Kind, Module};
use crate::detect::{HEAD, check_blank};
use crate::error::{ReadError, VpdError};
use crate::fetch::Fetched;
use crate::options::PartNumbers;
use crate::outcome::{Checksum, Outcome};
use crate::source::ReadAt;

/// Reads an image of this format: what its checksums cover and what its values need.
///
/// An image that ends before some of that keeps the rest and reports what is missing.
pub(crate) fn read_module<R: ReadAt>(
    image: &mut Fetched<'_, R>,
    part_numbers: PartNumbers,
) -> Result<Module, ReadError<R::Error>> {
    check_blank(image.fetch(0..HEAD)?)?;
    let kind = kind_of(image)?;
    let size = usize::try_from(image.size()).unwrap_or(usize::MAX);
    let values = values(kind, part_numbers);
    let mut areas: Vec<Range<usize>> = areas(kind, values).filter(|area| area.end <= size).collect();
    let end = areas.iter().map(|area| area.end).max().unwrap_or_default();
    image.fetch_all(&mut areas)?;
    Ok(parse(kind, values, image.bytes(0..end), image.size()))
}

/// All areas that matter.
fn areas(kind: Kind, values: &[Value]) -> impl Iterator<Item = Range<usize>> + use<'_> {
    let checksums = places(kind).iter().map(|place| place.extent());
    let values = values.iter().map(|value| value.bytes.clone());
    let capacity = bytes_used(kind).iter().map(|at| *at..at.saturating_add(1));
    checksums.chain(values).chain(capacity)
}

/// `bytes` may have gaps that were not fetched, where nothing matters.
fn parse(kind: Kind, wanted: &[Value], bytes: &[u8], size: u64) -> Module {
    let mut problems = Vec::new();
    let checksums = check_all(kind, bytes, size, &mut problems);
    let memory_size_kb = capacity(kind, bytes, size, &checksums, &mut problems);
    // A sound module may have ranks that differ.
    let is_remark = |problem: &VpdError| matches!(problem, VpdError::RanksDiffer { .. });
    let remarks: Vec<VpdError> = problems.extract_if(.., |problem| is_remark(problem)).collect();
    let mut not_programmed = Vec::new();
    let mut values = Vec::new();
    for value in wanted {
        match decode(value, bytes, size, &checksums, &mut problems) {
            Some(Decoded::Value(data)) => values.push((value.keyword, data, value.bytes.start as u32)),
            Some(Decoded::NotProgrammed) => not_programmed.push(value.keyword),
            Some(Decoded::Unknown) | None => {}
        }
    }
    let uncovered = uncovered(kind, wanted);
    let outcome = checksums.iter().map(|checksum| checksum.outcome).fold(uncovered, Outcome::max);
    let outcome = if problems.is_empty() { outcome } else { Outcome::Bad };
    Module { kind, outcome, memory_size_kb, checksums, problems, remarks, not_programmed, values }
}

/// `Unchecked` for a kind of module of which some value lies where no checksum reaches.
fn uncovered(kind: Kind, values: &[Value]) -> Outcome {
    let is_covered = |value: &Value| {
        places(kind).iter().any(|place| place.start <= value.bytes.start && value.bytes.end <= place.end)
    };
    if values.iter().all(is_covered) { Outcome::Ok } else { Outcome::Unchecked }
}

fn check_all(kind: Kind, bytes: &[u8], size: u64, problems: &mut Vec<VpdError>) -> Vec<Checksum> {
    let mut checksums = Vec::new();
    for place in places(kind) {
        let Some(checksum) = place.check(bytes) else {
            problems.push(too_short(place.name, place.extent().end, size));
            continue;
        };
        if checksum.outcome == Outcome::Bad {
            problems.push(VpdError::ChecksumMismatch {
                name: place.name,
                offset: checksum.offset,
                expected: checksum.computed,
                found: checksum.stored,
            });
        }
        checksums.push(checksum);
    }
    checksums
}

fn capacity(
    kind: Kind,
    bytes: &[u8],
    size: u64,
    checksums: &[Checksum],
    problems: &mut Vec<VpdError>,
) -> Option<u64> {
    let used = bytes_used(kind);
    let end = used.iter().max().map_or(0, |last| last.saturating_add(1));
    if bytes.len() < end {
        problems.push(too_short("capacity", end, size));
        return None;
    }
    let capacity = capacity_kb(kind, |at| bytes.get(at).copied().unwrap_or_default())
        .map_err(|error| problems.push(error))
        .ok()?;
    let damaged = used.iter().any(|at| is_damaged(checksums, &(*at..at.saturating_add(1))));
    (!damaged).then_some(capacity)
}

fn decode(
    value: &Value,
    bytes: &[u8],
    size: u64,
    checksums: &[Checksum],
    problems: &mut Vec<VpdError>,
) -> Option<Decoded> {
    let Some(stored) = bytes.get(value.bytes.clone()) else {
        problems.push(too_short(value.what, value.bytes.end, size));
        return None;
    };
    (!is_damaged(checksums, &value.bytes)).then(|| value.decode(stored))
}

/// Tells whether a wrong checksum covers any of these bytes.
fn is_damaged(checksums: &[Checksum], bytes: &Range<usize>) -> bool {
    checksums.iter().any(|checksum| {
        checksum.outcome == Outcome::Bad
            && (checksum.range.start as usize) < bytes.end
            && bytes.start < checksum.range.end as usize
    })
}

fn too_short(what: &'static str, end: usize, size: u64) -> VpdError {
    VpdError::TooShort { what, expected: end as u64, found: size }
}
