//! Reads an IPZ image: header, table of contents, then only the records that are wanted.

use core::ops::Range;

use vpd_ecc::Correction;

use super::image::{AreaReport, Image, Record, TocEntry};
use super::toc::{self, Claims, Toc};
use super::{header, record};
use crate::detect::{HEAD, check_blank};
use crate::duplicates::MOST_KEYWORDS;
use crate::error::{Part, ReadError, VpdError};
use crate::fetch::Fetched;
use crate::options::{Ecc, Policy, ReadOptions};
use crate::outcome::Outcome;
use crate::shared::SharedBytes;
use crate::source::ReadAt;

/// Reads an image of this format.
pub(crate) fn read_image<R: ReadAt>(
    image: &mut Fetched<'_, R>,
    options: &ReadOptions<'_>,
) -> Result<Image, ReadError<R::Error>> {
    let head = image.fetch(0..HEAD)?;
    check_blank(head)?;
    let bare = header::without_code(head).filter(|_| options.ecc == Ecc::Checked);
    if let Some((code, error)) = bare {
        // A header whose code alone was cleared is damaged; where the table of contents has none, there is none at all.
        let is_inside = code.is_empty() || code.end as u64 <= image.size();
        if is_inside && image.fetch(code)?.iter().all(|byte| *byte == 0) {
            return Err(error.into());
        }
    }
    let head = image.fetch(0..HEAD)?;
    let header = header::parse(head, options.ecc, options.policy)?;
    let (toc, contents) = read_toc(image, &header.toc, options)?;
    image.fetch_all(&mut wanted_areas(&contents, options))?;
    let mut remarks = contents.duplicates;
    let mut room = MOST_KEYWORDS;
    let mut records: Vec<Record> = contents
        .entries
        .into_iter()
        .map(|(entry, claim)| match claim {
            _ if !options.wanted.includes(entry.name) => Record::without_data(entry, Outcome::Skipped, None),
            Err(reason) => Record::without_data(entry, Outcome::Bad, Some(reason)),
            Ok(()) => parse_record(image, entry, options.ecc, &mut room, &mut remarks)
                .unwrap_or_else(|reason| Record::without_data(entry, Outcome::Bad, Some(reason))),
        })
        .collect();
    let bytes = image.freeze();
    for record in records.iter_mut().filter(|record| record.is_usable()) {
        record.data = SharedBytes::new(&bytes, record.entry.range(Part::Data));
    }
    Ok(Image { header: header.report, toc, records, remarks })
}

/// Reads VTOC: bounds, correction, then its entries.
fn read_toc<R: ReadAt>(
    image: &mut Fetched<'_, R>,
    entry: &TocEntry,
    options: &ReadOptions<'_>,
) -> Result<(AreaReport, Toc), ReadError<R::Error>> {
    let mut claims = Claims::new(image.size(), options.ecc);
    claims.claim(entry)?;
    let mut areas: Vec<Range<usize>> =
        toc::parts(options.ecc).iter().map(|part| entry.range(*part)).collect();
    image.fetch_all(&mut areas)?;
    let report = correct(image, *entry, options.ecc, options.policy)?;
    let contents = toc::parse(entry, image.bytes(entry.range(Part::Data)), claims)?;
    Ok((report, contents))
}

fn wanted_areas(contents: &Toc, options: &ReadOptions<'_>) -> Vec<Range<usize>> {
    contents
        .entries
        .iter()
        .filter(|(entry, claim)| claim.is_ok() && options.wanted.includes(entry.name))
        .flat_map(|(entry, _)| toc::parts(options.ecc).iter().map(|part| entry.range(*part)))
        .collect()
}

/// A record whose areas were fetched before, still without its bytes. Takes its keywords from `room`.
fn parse_record<R: ReadAt>(
    image: &mut Fetched<'_, R>,
    entry: TocEntry,
    ecc: Ecc,
    room: &mut usize,
    remarks: &mut Vec<VpdError>,
) -> Result<Record, VpdError> {
    let report = correct(image, entry, ecc, Policy::Recover)?;
    let keywords = record::parse(&entry, image.bytes(entry.range(Part::Data)), ecc, *room)?;
    *room = room.saturating_sub(keywords.starts.len());
    remarks.extend(keywords.duplicate);
    Ok(Record {
        entry,
        outcome: report.outcome,
        reason: None,
        correction: report.correction,
        data: SharedBytes::default(),
        starts: keywords.starts,
    })
}

/// Corrects a record's bytes in place, in areas that were fetched before and that nothing else claims.
fn correct<R: ReadAt>(
    image: &mut Fetched<'_, R>,
    entry: TocEntry,
    ecc: Ecc,
    policy: Policy,
) -> Result<AreaReport, VpdError> {
    if ecc == Ecc::Ignored {
        return Ok(AreaReport::unchecked(entry));
    }
    let (data, code) = image.pair_mut(entry.range(Part::Data), entry.range(Part::Ecc)).unwrap_or_default();
    AreaReport::corrected(entry, vpd_ecc::correct(data, code), policy)
}

impl Record {
    fn without_data(entry: TocEntry, outcome: Outcome, reason: Option<VpdError>) -> Self {
        let (data, starts) = (SharedBytes::default(), Vec::new());
        Self { entry, outcome, reason, correction: Correction::default(), data, starts }
    }

    const fn is_usable(&self) -> bool {
        self.reason.is_none() && !matches!(self.outcome, Outcome::Skipped)
    }
}

impl Image {
    /// The worst outcome of header, table of contents and all records that were wanted.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let records = self.records.iter().map(|record| record.outcome);
        records.fold(self.header.outcome.max(self.toc.outcome), Outcome::max)
    }
}
