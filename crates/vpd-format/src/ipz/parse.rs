//! Reads an IPZ image: header, table of contents, then only the records that are wanted.

use core::ops::Range;

use vpd_ecc::Correction;

use super::image::{AreaReport, Image, Record, TocEntry};
use super::toc::{self, Toc};
use super::{header, record};
use crate::detect::{HEAD, check_blank};
use crate::error::{Part, ReadError, VpdError};
use crate::fetch::Fetched;
use crate::options::{Ecc, Policy, ReadOptions};
use crate::outcome::Outcome;
use crate::source::ReadAt;

/// Reads an image of this format.
pub(crate) fn read_image<R: ReadAt>(
    image: &mut Fetched<'_, R>,
    options: &ReadOptions<'_>,
) -> Result<Image, ReadError<R::Error>> {
    let head = image.fetch(0..HEAD)?;
    check_blank(head)?;
    let header = header::parse(head, options.ecc, options.policy)?;
    let (toc, contents) = read_toc(image, &header.toc, options)?;
    image.fetch_all(&mut wanted_areas(&contents, options))?;
    let mut remarks = contents.duplicates;
    let records = contents
        .entries
        .into_iter()
        .map(|(entry, claim)| match claim {
            _ if !options.wanted.includes(entry.name) => Record::without_data(entry, Outcome::Skipped, None),
            Err(reason) => Record::without_data(entry, Outcome::Bad, Some(reason)),
            Ok(()) => parse_record(image, entry, options.ecc, &mut remarks)
                .unwrap_or_else(|reason| Record::without_data(entry, Outcome::Bad, Some(reason))),
        })
        .collect();
    Ok(Image { header: header.report, toc, records, remarks })
}

/// Reads VTOC: bounds, correction, then its entries.
fn read_toc<R: ReadAt>(
    image: &mut Fetched<'_, R>,
    entry: &TocEntry,
    options: &ReadOptions<'_>,
) -> Result<(AreaReport, Toc), ReadError<R::Error>> {
    toc::check_bounds(entry, image.size(), options.ecc)?;
    let mut areas: Vec<Range<usize>> =
        toc::parts(options.ecc).iter().map(|part| entry.range(*part)).collect();
    image.fetch_all(&mut areas)?;
    let (bytes, report) = corrected(image, *entry, options.ecc, options.policy)?;
    let contents = toc::parse(entry, &bytes, image.size(), options.ecc)?;
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

fn parse_record<R: ReadAt>(
    image: &Fetched<'_, R>,
    entry: TocEntry,
    ecc: Ecc,
    remarks: &mut Vec<VpdError>,
) -> Result<Record, VpdError> {
    let (data, report) = corrected(image, entry, ecc, Policy::Recover)?;
    let keywords = record::parse(&entry, &data)?;
    remarks.extend(keywords.duplicate);
    Ok(Record {
        entry,
        outcome: report.outcome,
        reason: None,
        correction: report.correction,
        data,
        starts: keywords.starts,
    })
}

/// A record's bytes after correction, from areas that were fetched before.
fn corrected<R: ReadAt>(
    image: &Fetched<'_, R>,
    entry: TocEntry,
    ecc: Ecc,
    policy: Policy,
) -> Result<(Vec<u8>, AreaReport), VpdError> {
    let mut data = image.bytes(entry.range(Part::Data)).to_vec();
    let report = match ecc {
        Ecc::Ignored => AreaReport::unchecked(entry),
        Ecc::Checked => {
            let mut code = image.bytes(entry.range(Part::Ecc)).to_vec();
            AreaReport::corrected(entry, vpd_ecc::correct(&mut data, &mut code), policy)?
        }
    };
    Ok((data, report))
}

impl Record {
    fn without_data(entry: TocEntry, outcome: Outcome, reason: Option<VpdError>) -> Self {
        let (data, starts) = (Vec::new(), Vec::new());
        Self { entry, outcome, reason, correction: Correction::default(), data, starts }
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
