use crate::{Check, ChipChange, Direction, PageChange, Seen};
use core::ops::Range;
use vpd_ecc::Verdict;
use vpd_format::ipz::TocEntry;
use vpd_format::{Bytes, Content, Format, KeywordName, Part, ReadAt, ReadOptions, RecordName};

/// What a chip holds, by a journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// The chip of the journal. So many pages, in the order of the direction, hold already what they shall.
    Ours {
        /// How many.
        done: usize,
    },
    /// Another part, or one that was written otherwise since. It must not be touched.
    Other(OtherPart),
}

/// Why a chip is not the journal's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtherPart {
    /// Every byte that was looked at is 0xff. So is what is read of an SPI EEPROM that does not answer.
    #[error("every byte reads as 0xff, as of a blank EEPROM or, on SPI, of one that does not answer")]
    Empty,
    /// What does not change is different.
    #[error("what was not to be changed is different")]
    Rest,
    /// The device ends before the pages.
    #[error("the chip is smaller")]
    Smaller,
    /// More pages than the one that a cut can ruin are neither old nor new.
    #[error("{count} pages are neither old nor new, a cut can have ruined {allowed}")]
    Pages {
        /// How many.
        count: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// A page that was not reached yet holds what it shall, behind one that does not.
    #[error("the page at {offset} was written before its turn")]
    Order {
        /// Where it begins, bytes from the start of the device.
        offset: u64,
    },
    /// A record is right, and of other bytes than a cut could have left.
    #[error("record {record} has other bytes and a right code")]
    Record {
        /// Its name.
        record: RecordName,
    },
    /// Keyword VPD is right, and of other bytes than a cut could have left.
    #[error("keyword VPD has other bytes and is right")]
    Keywords,
}

/// What a page holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Target,
    Source,
    Neither,
}

/// Judges what a chip holds: pages in the order of the direction that hold what they shall, at most one that a cut has ruined,
/// then pages that were not reached. A page that failed verification may hold anything.
///
/// Errors: the device's.
pub fn judge<R: ReadAt>(
    chip: &ChipChange,
    direction: Direction,
    seen: &mut Seen<R>,
) -> Result<Judgement, R::Error> {
    let judgement = judge_bytes(chip, direction, seen)?;
    if let Judgement::Other(why) = &judgement
        && *why != OtherPart::Smaller
        && is_empty(chip, seen)?
    {
        return Ok(Judgement::Other(OtherPart::Empty));
    }
    Ok(judgement)
}

/// Whether all that the journal knows of the chip reads as 0xff.
fn is_empty<R: ReadAt>(chip: &ChipChange, seen: &mut Seen<R>) -> Result<bool, R::Error> {
    let size = seen.size();
    for range in chip.rest.ranges.iter().cloned().chain(chip.pages.iter().map(PageChange::range)) {
        let range = range.start.min(size)..range.end.min(size);
        if seen.fetch(range)?.iter().any(|byte| *byte != 0xff) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn judge_bytes<R: ReadAt>(
    chip: &ChipChange,
    direction: Direction,
    seen: &mut Seen<R>,
) -> Result<Judgement, R::Error> {
    let size = seen.size();
    if chip.pages.iter().any(|page| page.range().end > size) {
        return Ok(Judgement::Other(OtherPart::Smaller));
    }
    if !chip.rest.is_in(seen)? {
        return Ok(Judgement::Other(OtherPart::Rest));
    }
    let mut found = Vec::with_capacity(chip.pages.len());
    for page in &chip.pages {
        let bytes = seen.fetch(page.range())?;
        found.push(match () {
            () if bytes == page.target(direction) => Holds::Target,
            () if bytes == page.source(direction) => Holds::Source,
            () => Holds::Neither,
        });
    }
    let ordered = match order(chip, direction, &found) {
        Ok(done) => done,
        Err(other) => return Ok(Judgement::Other(other)),
    };
    if found.contains(&Holds::Neither)
        && let Some(other) = right_though_different(chip, &found, seen)?
    {
        return Ok(Judgement::Other(other));
    }
    Ok(Judgement::Ours { done: ordered })
}

/// How many pages are done, if the pages are in a state that the change can have left.
fn order(chip: &ChipChange, direction: Direction, found: &[Holds]) -> Result<usize, OtherPart> {
    let places: Vec<usize> = match direction {
        Direction::Forward => (0..found.len()).collect(),
        Direction::Back => (0..found.len()).rev().collect(),
    };
    let holds = |place: &usize| found.get(*place).copied().unwrap_or(Holds::Neither);
    let is_failed = |place: &usize| chip.failed.contains(place);
    let ruined: Vec<&usize> =
        places.iter().filter(|place| holds(place) == Holds::Neither && !is_failed(place)).collect();
    if ruined.len() > 1 {
        let allowed = chip.failed.len().saturating_add(1);
        let count = found.iter().filter(|holds| **holds == Holds::Neither).count();
        return Err(OtherPart::Pages { count, allowed });
    }
    // Those that failed say nothing about the order.
    let done = places
        .iter()
        .position(|place| holds(place) != Holds::Target && !is_failed(place))
        .unwrap_or(places.len());
    let after = places.iter().skip(done.saturating_add(1)).filter(|place| !is_failed(place));
    for place in after {
        if holds(place) != Holds::Source {
            let offset = chip.pages.get(*place).map_or(0, |page| page.offset);
            return Err(OtherPart::Order { offset });
        }
    }
    // A failed one before them is to be written again.
    Ok(places.iter().position(|place| holds(place) != Holds::Target).unwrap_or(places.len()).min(done))
}

/// What is right in the chip though a cut cannot have left its bytes.
fn right_though_different<R: ReadAt>(
    chip: &ChipChange,
    found: &[Holds],
    seen: &mut Seen<R>,
) -> Result<Option<OtherPart>, R::Error> {
    let ruined: Vec<&PageChange> = chip
        .pages
        .iter()
        .zip(found)
        .enumerate()
        // What a page holds that failed is known to be no cut's work.
        .filter(|(place, (_, holds))| **holds == Holds::Neither && !chip.failed.contains(place))
        .map(|(_, (page, _))| page)
        .collect();
    let offset = chip.window.offset;
    let in_device = |range: Range<u64>| {
        let at = |place: u64| place.saturating_add(offset);
        at(range.start)..at(range.end)
    };
    match &chip.check {
        Check::Ipz(records) => {
            for record in records {
                let [data, code] = [Part::Data, Part::Ecc].map(|part| in_device(range_of(record, part)));
                if data.end.max(code.end) > seen.size() {
                    continue;
                }
                let is_mix = strange(&ruined, &data, seen)? == 0 && strange(&ruined, &code, seen)? == 0;
                if is_mix {
                    continue;
                }
                let (data, code) = (seen.fetch(data)?, seen.fetch(code)?);
                if vpd_ecc::check(&data, &code) == Verdict::Ok {
                    return Ok(Some(OtherPart::Record { record: record.name }));
                }
            }
        }
        Check::Keyword(length) => {
            let range = in_device(0..u64::from(*length));
            if range.end > seen.size() {
                return Ok(None);
            }
            let found = seen.fetch(range.clone())?;
            let covered = covered(chip, &range, &found);
            // Two parts differ in two bytes at least, of which one is the checksum; a cut may leave one byte that is any.
            if strange(&ruined, &covered, seen)? < 2 {
                return Ok(None);
            }
            if is_other_keyword_vpd(chip, &range, &found) {
                return Ok(Some(OtherPart::Keywords));
            }
        }
    }
    Ok(None)
}

/// The part of a device that checksums of its keyword VPD protect, as it was before the change; all of it without any.
fn covered(chip: &ChipChange, range: &Range<u64>, found: &[u8]) -> Range<u64> {
    let mut image = found.to_vec();
    for page in &chip.pages {
        overlay(&mut image, range.start, page.offset, &page.old);
    }
    let end = keywords_of(&image).and_then(|structure| structure.covered_end);
    let end = end.map_or(range.end, |end| range.start.saturating_add(u64::from(end)));
    range.start..end.min(range.end)
}

/// Whether bytes are right keyword VPD that no cut has left. One byte of checksum is little: of 256 pages that a cut has filled
/// with any bytes, one fits it. So a page that has only other values must not have turned text into what is none.
fn is_other_keyword_vpd(chip: &ChipChange, range: &Range<u64>, found: &[u8]) -> bool {
    let [Some(old), Some(new)] = [Direction::Back, Direction::Forward].map(|direction| {
        let mut image = found.to_vec();
        for page in &chip.pages {
            overlay(&mut image, range.start, page.offset, page.target(direction));
        }
        // What the journal says is right by itself; a torn journal is not read.
        keywords_of(&image).map(|keywords| (image, keywords))
    }) else {
        return keywords_of(found).is_some();
    };
    let Some(keywords) = keywords_of(found) else { return false };
    if keywords.covered_end.is_some() != old.1.covered_end.is_some() {
        // Of an image that had one, a cut may have ruined the name of the keyword with the checksum.
        return keywords.covered_end.is_some();
    }
    if keywords != old.1 && keywords != new.1 {
        return true;
    }
    let is_text = |byte: &u8| (0x20..0x7f).contains(byte);
    let texts = old.0.iter().zip(&new.0).zip(found);
    texts.filter(|((old, new), _)| is_text(old) && is_text(new)).all(|(_, found)| is_text(found))
}

/// How keyword VPD is made up.
#[derive(PartialEq, Eq)]
struct Structure {
    /// Names, places and lengths of all keywords.
    keywords: Vec<(KeywordName, u32, usize)>,
    /// Where the last byte is that a checksum covers, or is one; `None` without a checksum.
    covered_end: Option<u32>,
}

/// The structure, if the VPD is right.
fn keywords_of(image: &[u8]) -> Option<Structure> {
    let options = ReadOptions { format: Some(Format::Keyword), ..ReadOptions::default() };
    let vpd = vpd_format::read(&mut Bytes(image), &options).ok()?;
    let Content::Keyword(image) = vpd.content else { return None };
    let keywords = image.keywords().map(|keyword| (keyword.name, keyword.offset, keyword.data.len()));
    let ends =
        image.checksums.iter().map(|checksum| checksum.range.end.max(checksum.offset.saturating_add(1)));
    Some(Structure { keywords: keywords.collect(), covered_end: ends.max() })
}

/// Puts the bytes of a page into those of an image, as far as they lie in it.
fn overlay(image: &mut [u8], start: u64, offset: u64, page: &[u8]) {
    for (place, byte) in page.iter().enumerate() {
        let at = offset.saturating_add(place as u64).checked_sub(start);
        if let Some(cell) = at.and_then(|at| image.get_mut(usize::try_from(at).unwrap_or(usize::MAX))) {
            *cell = *byte;
        }
    }
}

fn range_of(record: &TocEntry, part: Part) -> Range<u64> {
    let range = record.range(part);
    range.start as u64..range.end as u64
}

/// How many bytes of a range that lie in a ruined page are neither the old ones, nor the new ones, nor erased.
fn strange<R: ReadAt>(
    ruined: &[&PageChange],
    range: &Range<u64>,
    seen: &mut Seen<R>,
) -> Result<usize, R::Error> {
    let mut count = 0_usize;
    for page in ruined {
        let start = page.offset;
        let found = seen.fetch(page.range())?;
        let bytes = found.iter().zip(page.old.iter().zip(&page.new)).enumerate();
        for (place, (found, (old, new))) in bytes {
            let is_inside = range.contains(&start.saturating_add(place as u64));
            if is_inside && found != old && found != new && *found != 0xff {
                count = count.saturating_add(1);
            }
        }
    }
    Ok(count)
}
