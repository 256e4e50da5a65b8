use crate::layout::{Layout, Overlaid, layout_among, read_image, with_layout};
use crate::{Check, ChipChange, Rest, Seen, VpdWindow, plan_pages};
use vpd_format::ipz::{self, TocEntry};
use vpd_format::{
    Change, Content, Ecc, Format, KeywordName, Part, Policy, ReadAt, ReadOptions, RecordName, Vpd, VpdError,
    Wanted, Window, keyword,
};

/// A chip, and what is known of it before it is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChipPlace {
    /// Its key.
    pub key: String,
    /// The key of the FRU that it belongs to.
    pub fru: String,
    /// The file that is the device.
    pub path: String,
    /// The part of it that has the VPD.
    pub window: VpdWindow,
    /// Size of a physical page, bytes.
    pub page_size: u32,
    /// The only acceptable format, or `None` to detect it.
    pub format: Option<Format>,
    /// Treatment of a corrected header or table of contents.
    pub policy: Policy,
}

/// What is to change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// A keyword's value.
    Keyword {
        /// Its record; `None` in keyword VPD.
        record: Option<RecordName>,
        /// Its name.
        keyword: KeywordName,
        /// Its new value.
        value: Vec<u8>,
        /// Fills the rest where the value is shorter than what is stored.
        pad: Option<u8>,
        /// What it has to hold before.
        expected: Option<Vec<u8>>,
    },
    /// A whole record, which may be damaged, with its code.
    Record {
        /// Its name.
        record: RecordName,
        /// Its bytes, as they were read of a copy whose code was right.
        copy: Vec<u8>,
    },
    /// A record that its code had to correct is written as it was corrected; one that is right is left.
    Scrub {
        /// Its name.
        record: RecordName,
    },
    /// Header and table of contents of IPZ, from [`layout_of`](crate::layout_of). Of each chip, those are written that cannot be
    /// read: both, or one of them. A chip of which both can be read is not changed by it.
    Layout {
        /// The header, then the table of contents.
        data: Vec<vpd_format::Write>,
        /// Their code.
        code: Vec<vpd_format::Write>,
    },
}

/// What is to be done to a chip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChipPlan {
    /// The change; it has no pages where the chip holds all of it already.
    pub change: ChipChange,
    /// The value of each edited keyword before, in the order of the edits; empty for other edits.
    pub old_values: Vec<Vec<u8>>,
    /// Bits of records that were corrected and are written right.
    pub corrected_bits: u32,
    /// Bytes that were read.
    pub bytes_read: u64,
}

/// Why nothing is to be done to a chip.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError<E> {
    /// The device did not give its bytes.
    #[error("the EEPROM cannot be read: {0}")]
    Device(E),
    /// What it holds is of no use as a whole.
    #[error("{0}")]
    Image(VpdError),
    /// VPD of memory modules is not written.
    #[error("the VPD of a memory module is not written")]
    Memory,
    /// An edit of IPZ names no record, or one of keyword VPD names one.
    #[error("{}", if *.is_ipz { "a record is needed: the EEPROM holds IPZ records" } else { "there are no records: the EEPROM holds keyword VPD" })]
    Addressing {
        /// Whether the image is IPZ.
        is_ipz: bool,
    },
    /// There is no such record.
    #[error("there is no record {0}")]
    NoRecord(RecordName),
    /// The record is damaged, or the edit must not be made.
    #[error("{0}")]
    Edit(VpdError),
    /// A keyword does not hold what it was to hold.
    #[error("keyword {keyword} does not hold the expected value")]
    Mismatch {
        /// Which.
        keyword: KeywordName,
    },
}

/// Reads a chip as far as it has to be known, and plans the change: only pages that differ, with all that they have.
///
/// Of IPZ the header, the table of contents, the edited records and VINI are read, which tells parts apart.
///
/// Errors: [`PlanError`].
pub fn plan_chip<R: ReadAt>(
    device: R,
    place: &ChipPlace,
    edits: &[Edit],
) -> Result<ChipPlan, PlanError<R::Error>> {
    let mut seen = Seen::new(device);
    let (vpd, layout) = with_layout(layout_among(edits), |layout| read(&mut seen, place, edits, layout))?;
    let offset = place.window.offset;
    let mut planned = match &vpd.content {
        Content::Ipz(image) => plan_ipz(&seen, offset, image, edits),
        Content::Keyword(_) => plan_keywords(&seen, offset, edits),
        Content::Memory(_) => Err(PlanError::Memory),
    }?;
    planned.data.extend_from_slice(layout.data);
    planned.code.extend_from_slice(layout.code);
    let pages = plan_pages(&mut seen, offset, place.page_size, &planned.data, &planned.code);
    let pages = pages.map_err(PlanError::Device)?;
    let rest = Rest::of(&mut seen, &pages).map_err(PlanError::Device)?;
    let change = ChipChange {
        key: place.key.clone(),
        fru: place.fru.clone(),
        path: place.path.clone(),
        window: place.window,
        page_size: place.page_size,
        check: planned.check,
        rest,
        pages,
        failed: Vec::new(),
    };
    let Planned { old_values, corrected_bits, .. } = planned;
    Ok(ChipPlan { change, old_values, corrected_bits, bytes_read: seen.bytes_read() })
}

fn read<R: ReadAt>(
    seen: &mut Seen<R>,
    place: &ChipPlace,
    edits: &[Edit],
    layout: Layout<'_>,
) -> Result<Vpd, PlanError<R::Error>> {
    let mut wanted = vec![RecordName::VINI];
    for edit in edits {
        match edit {
            Edit::Keyword { record, .. } => wanted.extend(*record),
            Edit::Record { record, .. } | Edit::Scrub { record } => wanted.push(*record),
            Edit::Layout { .. } => {}
        }
    }
    let options = ReadOptions {
        format: place.format,
        policy: place.policy,
        ecc: Ecc::Checked,
        wanted: Wanted::Records(&wanted),
        ..ReadOptions::default()
    };
    let window = Window::new(seen, place.window.offset, place.window.size);
    read_image(&mut Overlaid { inner: window, layout }, &options, place.window)
}

/// Writes, and by what the result is known.
struct Planned {
    data: Vec<vpd_format::Write>,
    code: Vec<vpd_format::Write>,
    check: Check,
    old_values: Vec<Vec<u8>>,
    corrected_bits: u32,
}

fn plan_ipz<R: ReadAt>(
    seen: &Seen<R>,
    offset: u64,
    image: &ipz::Image,
    edits: &[Edit],
) -> Result<Planned, PlanError<R::Error>> {
    let mut planned = Planned {
        data: Vec::new(),
        code: Vec::new(),
        check: Check::Ipz(Vec::new()),
        old_values: vec![Vec::new(); edits.len()],
        corrected_bits: 0,
    };
    let mut entries: Vec<TocEntry> = Vec::new();
    for name in names(edits)? {
        let record = image.record(name).ok_or(PlanError::NoRecord(name))?;
        let entry = record.entry;
        if let Some(reason) = &record.reason
            && !is_inside(reason)
        {
            return Err(PlanError::Edit(reason.clone()));
        }
        let (data, ecc) = stored(seen, offset, &entry).ok_or(PlanError::NoRecord(name))?;
        let stored = ipz::Stored { entry, data, ecc };
        let copy = edits.iter().rev().find_map(|edit| match edit {
            Edit::Record { record, copy } if *record == name => Some(copy),
            _ => None,
        });
        let plan = match copy {
            Some(copy) => ipz::plan_record(&stored, copy).map_err(PlanError::Edit)?,
            None => plan_keywords_of(&stored, edits, &mut planned.old_values)?,
        };
        planned.corrected_bits = planned.corrected_bits.saturating_add(plan.correction.bits());
        planned.data.extend(plan.data);
        planned.code.extend(plan.ecc);
        entries.push(entry);
    }
    // What tells parts apart may lie in the pages that change.
    let identity = image.record(RecordName::VINI).filter(|record| record.reason.is_none());
    entries.extend([image.header.entry, image.toc.entry].into_iter().chain(identity.map(|vini| vini.entry)));
    planned.check = Check::Ipz(entries);
    Ok(planned)
}

/// The records that are edited, each once.
fn names<E>(edits: &[Edit]) -> Result<Vec<RecordName>, PlanError<E>> {
    let mut names: Vec<RecordName> = Vec::new();
    for edit in edits {
        match edit {
            Edit::Keyword { record: None, .. } => return Err(PlanError::Addressing { is_ipz: true }),
            Edit::Keyword { record: Some(record), .. }
            | Edit::Record { record, .. }
            | Edit::Scrub { record } => names.push(*record),
            Edit::Layout { .. } => {}
        }
    }
    // The table of contents is none of its own records, but must be told from records that are not there.
    if let Some(record) = names.iter().find(|name| [RecordName::VHDR, RecordName::VTOC].contains(name)) {
        return Err(PlanError::Edit(VpdError::ProtectedRecord { record: *record }));
    }
    let mut seen = Vec::with_capacity(names.len());
    names.retain(|name| {
        let is_first = !seen.contains(name);
        seen.push(*name);
        is_first
    });
    Ok(names)
}

/// Whether what is wrong with a record lies in its bytes, and not where the table of contents says that they are.
fn is_inside(reason: &VpdError) -> bool {
    !matches!(
        reason,
        VpdError::OutOfImage { .. }
            | VpdError::EmptyArea { .. }
            | VpdError::Overlap { .. }
            | VpdError::EccLength { .. }
            | VpdError::OddLength { .. }
    )
}

/// A record and its code as the chip has them.
fn stored<'a, R: ReadAt>(seen: &'a Seen<R>, offset: u64, entry: &TocEntry) -> Option<(&'a [u8], &'a [u8])> {
    let bytes = |part| {
        let range = entry.range(part);
        let start = offset.saturating_add(range.start as u64);
        seen.bytes(start..start.saturating_add(range.len() as u64))
    };
    Some((bytes(Part::Data)?, bytes(Part::Ecc)?))
}

fn plan_keywords_of<E>(
    stored: &ipz::Stored<'_>,
    edits: &[Edit],
    old_values: &mut [Vec<u8>],
) -> Result<ipz::Plan, PlanError<E>> {
    let (mut changes, mut places, mut expectations) = (Vec::new(), Vec::new(), Vec::new());
    for (place, edit) in edits.iter().enumerate() {
        if let Edit::Keyword { record, keyword, value, pad, expected } = edit
            && *record == Some(stored.entry.name)
        {
            changes.push(Change { keyword: *keyword, value, pad: *pad });
            places.push(place);
            expectations.push(expected.as_deref());
        }
    }
    let plan = ipz::plan_writes(stored, &changes).map_err(PlanError::Edit)?;
    check_expected(&changes, &expectations, &plan.old_values)?;
    for (place, old) in places.into_iter().zip(&plan.old_values) {
        if let Some(kept) = old_values.get_mut(place) {
            kept.clone_from(old);
        }
    }
    Ok(plan)
}

fn plan_keywords<R: ReadAt>(
    seen: &Seen<R>,
    offset: u64,
    edits: &[Edit],
) -> Result<Planned, PlanError<R::Error>> {
    let (mut changes, mut expectations) = (Vec::new(), Vec::new());
    for edit in edits {
        match edit {
            Edit::Keyword { record: None, keyword, value, pad, expected } => {
                changes.push(Change { keyword: *keyword, value, pad: *pad });
                expectations.push(expected.as_deref());
            }
            Edit::Keyword { .. } | Edit::Record { .. } | Edit::Scrub { .. } | Edit::Layout { .. } => {
                return Err(PlanError::Addressing { is_ipz: false });
            }
        }
    }
    // Keyword VPD is read from its start to its end, in one piece.
    let end = seen.ranges().find(|range| range.contains(&offset)).map_or(offset, |range| range.end);
    let image = seen.bytes(offset..end).unwrap_or_default();
    let plan = keyword::plan_writes(image, &changes).map_err(|error| match error {
        VpdError::ProtectedKeyword { .. } | VpdError::NoSuchKeyword { .. } | VpdError::ValueLength { .. } => {
            PlanError::Edit(error)
        }
        other => PlanError::Image(other),
    })?;
    check_expected(&changes, &expectations, &plan.old_values)?;
    let mut old_values = plan.old_values.into_iter();
    let old_values = edits.iter().map(|edit| match edit {
        Edit::Keyword { .. } => old_values.next().unwrap_or_default(),
        _ => Vec::new(),
    });
    Ok(Planned {
        old_values: old_values.collect(),
        data: plan.writes,
        code: Vec::new(),
        check: Check::Keyword(u32::try_from(image.len()).unwrap_or(u32::MAX)),
        corrected_bits: 0,
    })
}

fn check_expected<E>(
    changes: &[Change<'_>],
    expectations: &[Option<&[u8]>],
    old_values: &[Vec<u8>],
) -> Result<(), PlanError<E>> {
    let mut wrong = changes.iter().zip(expectations).zip(old_values);
    let is_wrong = |((_, expected), old): &((&Change<'_>, &Option<&[u8]>), &Vec<u8>)| {
        expected.is_some_and(|expected| expected != old.as_slice())
    };
    match wrong.find(is_wrong) {
        Some(((change, _), _)) => Err(PlanError::Mismatch { keyword: change.keyword }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
