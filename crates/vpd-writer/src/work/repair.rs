//! Replaces what is damaged in an EEPROM as a whole, from a copy whose code is right.

use super::Stores;
use super::backup::Kept;
use super::mend::{Settled, Wish, settle_records, write};
use super::write::Which;
use crate::job::{MendJob, Partner};
use crate::reading::{self, Fault};
use crate::refusal::{Cause, Refusal};
use dbus_api::vpd::writer::Copy;
use device_io::Eeprom;
use durable_state::Disk;
use fru_publication::{EepromKey, Fragment};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use vpd_format::{Bytes, Content, RecordName, Vpd, Wanted, ipz};
use vpd_transaction::{Edit, VpdWindow, layout_of, read_with};

/// The folder of images that are known to be right, in the service's state: `KEY.bin`.
const GOLDEN: &str = "golden";

/// What is to be repaired, and from where.
pub(crate) struct Wished<'a> {
    /// Which records; all that are damaged when there is none.
    pub(crate) records: &'a [RecordName],
    /// From where; from the first place that has them when it is not said.
    pub(crate) source: Option<Copy>,
    /// The image to repair with, from where the VPD begins, if the caller has one.
    pub(crate) image: Option<&'a [u8]>,
}

/// Replaces damaged records, or those that are named, and a header or table of contents that cannot be read.
pub(crate) fn repair<D: Disk + Clone>(
    job: &MendJob,
    wished: &Wished<'_>,
    stores: &Stores<D>,
    settled: &mut Settled,
) -> Result<(), Refusal> {
    let kept_image = golden(&stores.state, &job.key)?;
    let source = if wished.image.is_some() { Some(Copy::Golden) } else { wished.source };
    let image = wished.image.or(kept_image.as_deref());
    let (chips, layout) = read_chips(job, source, image)?;
    let of_image = |image: Option<&[u8]>| image.map(|image| of_image(image, &job.fragment)).transpose();
    let copies = Copies { chips: &chips, golden: of_image(image)?, backup: stores.backups.load(&job.key) };
    let mut wanted: BTreeSet<RecordName> = wished.records.iter().copied().collect();
    if wanted.is_empty() {
        wanted.extend(chips.iter().flatten().flat_map(damaged));
    }
    if let Some(Content::Ipz(image)) = copies.golden.as_ref().map(|vpd| &vpd.content)
        && wished.image.is_some()
    {
        let trusted = Copies { golden: of_image(kept_image.as_deref())?, ..copies.clone() };
        keeps_locked(job, &wanted, image, &trusted)?;
    }
    let mut edits: Vec<Edit> = layout.into_iter().collect();
    for record in &wanted {
        let copy = copies.find(*record, source).ok_or_else(|| {
            let from = source.map(|source| format!(" in the {source} copy")).unwrap_or_default();
            Cause::EccCheckFailed.because(format!("there is no good record {record}{from} to repair with"))
        })?;
        edits.push(Edit::Record { record: *record, copy });
    }
    settled.outcome = write(job, Which::All { goes_on: true }, edits, stores)?;
    if job.chips.len() < 2 {
        settled.outcome.left_out = None;
    }
    // One that the service keeps itself has followed already.
    let keeps = |partner: &Partner| partner.other.is_some() && !partner.is_backup;
    if job.partner.as_ref().is_some_and(keeps) {
        settle_records(job, stores, Wish::Backup, Some(&wanted), settled)?;
    }
    Ok(())
}

/// What each chip holds; `None` for a redundant one that cannot be read. Where a header or a table of contents cannot, the layout
/// that a copy has, by which the chip is read then.
fn read_chips(
    job: &MendJob,
    source: Option<Copy>,
    image: Option<&[u8]>,
) -> Result<(Vec<Option<Vpd>>, Option<Edit>), Refusal> {
    let found: Vec<Result<Vpd, Fault>> =
        job.chips.iter().map(|chip| reading::read(chip, &job.fragment, Wanted::All)).collect();
    if !found.iter().any(|chip| chip.as_ref().is_err_and(Fault::is_of_content)) {
        return all_or_redundant(found, None);
    }
    let window = VpdWindow { offset: job.fragment.offset, size: job.fragment.size };
    let of_chip = |place: usize| {
        let chip = job.chips.get(place)?;
        layout_of(Eeprom::open(chip).ok()?, window).ok()
    };
    let order = [Copy::Primary, Copy::Redundant, Copy::Golden];
    let layout =
        order.into_iter().filter(|copy| source.is_none_or(|source| source == *copy)).find_map(|copy| {
            match copy {
                Copy::Primary => of_chip(0),
                Copy::Redundant => of_chip(1),
                _ => layout_of(Bytes(image?), VpdWindow::default()).ok(),
            }
        });
    let Some(layout) = layout else { return all_or_redundant(found, None) };
    let through = |(chip, found): (&PathBuf, Result<Vpd, Fault>)| match found {
        Err(fault) if fault.is_of_content() => {
            let eeprom = Eeprom::open(chip).map_err(|_| fault)?;
            let options = job.fragment.read_options(Wanted::All);
            read_with(eeprom, window, &options, &layout).map_err(|error| Fault::of_copy(chip, &error))
        }
        found => found,
    };
    let found = job.chips.iter().zip(found).map(through).collect();
    all_or_redundant(found, Some(layout))
}

/// The chip that counts has to be read; a redundant one may fail.
fn all_or_redundant(
    found: Vec<Result<Vpd, Fault>>,
    layout: Option<Edit>,
) -> Result<(Vec<Option<Vpd>>, Option<Edit>), Refusal> {
    let mut chips = Vec::with_capacity(found.len());
    for (place, chip) in found.into_iter().enumerate() {
        match chip {
            Ok(vpd) => chips.push(Some(vpd)),
            Err(fault) if place == 0 => return Err(fault.into()),
            Err(_) => chips.push(None),
        }
    }
    if chips.is_empty() {
        return Err(Cause::Internal.because("there is no chip"));
    }
    Ok((chips, layout))
}

/// A client's image must not bring a value of a locked keyword that no copy on the machine has.
fn keeps_locked(
    job: &MendJob,
    wanted: &BTreeSet<RecordName>,
    image: &ipz::Image,
    trusted: &Copies<'_>,
) -> Result<(), Refusal> {
    let records = image.records.iter().filter(|record| wanted.contains(&record.name()));
    for record in records {
        for keyword in record.keywords().filter(|keyword| job.locked.has(Some(record.name()), keyword.name)) {
            if !trusted.says(record.name(), keyword.name, keyword.data) {
                let name = format!("{}.{}", record.name(), keyword.name);
                return Err(Cause::NotAllowed.because(format!(
                    "{name} is locked by this machine's settings, and no copy on the machine has the image's value"
                )));
            }
        }
    }
    Ok(())
}

/// The records of which nothing is usable.
fn damaged(vpd: &Vpd) -> Vec<RecordName> {
    match &vpd.content {
        Content::Ipz(image) => {
            let is_damaged = |record: &&ipz::Record| record.outcome == vpd_format::Outcome::Bad;
            image.records.iter().filter(is_damaged).map(ipz::Record::name).collect()
        }
        _ => Vec::new(),
    }
}

/// Where a record may be had from.
#[derive(Clone)]
struct Copies<'a> {
    /// The one that counts, then the one that stands in.
    chips: &'a [Option<Vpd>],
    golden: Option<Vpd>,
    backup: Option<Kept>,
}

impl Copies<'_> {
    /// A record's bytes, from the first place that has it whole.
    fn find(&self, record: RecordName, source: Option<Copy>) -> Option<Vec<u8>> {
        const ORDER: [Copy; 4] = [Copy::Primary, Copy::Redundant, Copy::Golden, Copy::Backup];
        let order = source.map_or(&ORDER[..], |_| &[]).iter().copied().chain(source);
        for copy in order {
            let found = match copy {
                Copy::Primary => self.chip(0).and_then(|vpd| good(vpd, record)),
                Copy::Redundant => self.chip(1).and_then(|vpd| good(vpd, record)),
                Copy::Golden => self.golden.as_ref().and_then(|vpd| good(vpd, record)),
                Copy::Backup => self.backup.as_ref().and_then(|kept| kept.record(record)).map(<[u8]>::to_vec),
                Copy::Inventory => None,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn chip(&self, place: usize) -> Option<&Vpd> {
        self.chips.get(place)?.as_ref()
    }

    /// Whether one of them has this value.
    fn says(&self, record: RecordName, keyword: vpd_format::KeywordName, value: &[u8]) -> bool {
        let of_vpd = |vpd: &Vpd| super::backup::value_in(vpd, record, keyword).as_deref() == Some(value);
        let kept = self.backup.as_ref().and_then(|kept| kept.value(record, keyword));
        self.chips.iter().flatten().chain(&self.golden).any(of_vpd) || kept == Some(value)
    }
}

/// A record's bytes where they are whole.
pub(crate) fn good(vpd: &Vpd, record: RecordName) -> Option<Vec<u8>> {
    let Content::Ipz(image) = &vpd.content else { return None };
    image.record(record).filter(|record| record.reason.is_none()).map(|record| record.bytes().to_vec())
}

/// The image that was put beside an EEPROM as the right one.
fn golden(state: &Path, key: &EepromKey) -> Result<Option<Vec<u8>>, Refusal> {
    /// Longest image that any format can point to.
    const LONGEST: u64 = 256 * 1024;
    let path = state.join(GOLDEN).join(format!("{key}.bin"));
    match durable_state::read_regular(&path, LONGEST) {
        Ok(Some(bytes)) => Ok(Some(bytes)),
        Ok(None) => Err(Cause::InvalidVpd.because(format!("{} is longer than any VPD", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Cause::ReadFailure.because(format!("{}: {error}", path.display()))),
    }
}

/// An image that begins where the VPD begins.
fn of_image(bytes: &[u8], fragment: &Fragment) -> Result<Vpd, Refusal> {
    vpd_format::read(&mut Bytes(bytes), &fragment.read_options(Wanted::All))
        .map_err(|error| Cause::InvalidVpd.because(format!("the image to repair with is of no use: {error}")))
}
