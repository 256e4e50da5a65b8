//! Replaces what is damaged in an EEPROM as a whole, from a copy whose code is right.

use super::Stores;
use super::backup::Kept;
use super::mend::{Settled, Wish, settle_records, write};
use super::write::Which;
use crate::job::{MendJob, Partner};
use crate::plan;
use crate::reading::{self, Fault};
use crate::refusal::{Cause, Refusal};
use dbus_api::vpd::writer::Copy;
use device_io::Eeprom;
use durable_state::Disk;
use fru_publication::{EepromKey, Fragment};
use std::collections::BTreeSet;
use std::path::Path;
use system_index::SystemType;
use vpd_format::{Bytes, Content, KeywordName, RecordName, Vpd, Wanted, ipz};
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
    let source = if wished.image.is_some() { Some(Copy::Golden) } else { wished.source };
    let own_golden = golden(&stores.state, &job.key, &job.fragment);
    let own_golden = match own_golden {
        // What is not asked for need not be sound.
        Err(refusal) if source != Some(Copy::Golden) || wished.image.is_some() => {
            log::warn!("not used for a repair: {refusal} fru={}", job.key);
            None
        }
        golden => golden?,
    };
    let of_caller = wished.image.map(|bytes| Golden::of(bytes.to_vec(), &job.fragment)).transpose()?;
    let is_of_caller = of_caller.is_some();
    let Chips { chips, layout } = read_chips(job, source, of_caller.as_ref(), own_golden.as_ref())?;
    let backup = stores.backups.load(&job.key);
    // With locked keywords, no layout is a client's.
    let trusted = Copies { chips: chips.clone(), golden: own_golden, backup: backup.clone() };
    let golden = if is_of_caller { of_caller } else { trusted.golden.clone() };
    let copies = Copies { chips, golden, backup };
    let wanted = wanted(wished.records, &copies);
    let mut edits: Vec<Edit> = layout.into_iter().collect();
    for record in &wanted {
        let copy = copies.find(*record, source).ok_or_else(|| {
            let from = source.map(|source| format!(" in the {source} copy")).unwrap_or_default();
            Cause::EccCheckFailed.because(format!("there is no good record {record}{from} to repair with"))
        })?;
        keeps_locked(job, *record, &copy, &trusted, is_of_caller)?;
        keeps_type(job, *record, &copy)?;
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

/// The records to repair: those that are named, or all that are damaged. A chip of which nothing is sound gets all that it lists.
fn wanted(named: &[RecordName], copies: &Copies) -> BTreeSet<RecordName> {
    let chips = || copies.chips.iter().flatten();
    let mut wanted: BTreeSet<RecordName> = named.iter().copied().collect();
    if named.is_empty() {
        wanted.extend(chips().flat_map(damaged));
        // What one chip alone lists would keep the other one from all.
        let lists =
            |vpd: &Vpd, name| matches!(&vpd.content, Content::Ipz(image) if image.record(name).is_some());
        let common: BTreeSet<_> =
            wanted.iter().copied().filter(|name| chips().all(|vpd| lists(vpd, *name))).collect();
        if !common.is_empty() {
            wanted = common;
        }
    }
    wanted.extend(chips().filter(|vpd| !has_sound(vpd)).flat_map(damaged));
    wanted
}

/// What the chips hold.
struct Chips {
    /// The one that counts first; `None` for one that cannot be read. By a copy's header and table of contents, where their own
    /// cannot be read.
    chips: Vec<Option<Vpd>>,
    /// That copy's.
    layout: Option<Edit>,
}

/// Reads all chips; a redundant one may fail. Where a header or a table of contents cannot be read, a copy's is taken.
///
/// A chip of which nothing is sound by an image's layout may be blank, or another part: it is programmed only from a source that
/// the caller names, or from another chip of the same FRU. A machine with locked keywords takes no layout from a client, as a table
/// of contents could leave out the records with these keywords.
fn read_chips(
    job: &MendJob,
    source: Option<Copy>,
    of_caller: Option<&Golden>,
    own_golden: Option<&Golden>,
) -> Result<Chips, Refusal> {
    let found: Vec<Result<Vpd, Fault>> =
        job.chips.iter().map(|chip| reading::read(chip, &job.fragment, Wanted::All)).collect();
    let is_needed = found.iter().any(|chip| chip.as_ref().is_err_and(Fault::is_of_content));
    let layout = if is_needed { layout_for(job, source, of_caller, own_golden) } else { None };
    let mut chips = Vec::with_capacity(found.len());
    for (place, (chip, found)) in job.chips.iter().zip(found).enumerate() {
        let read = match (found, &layout) {
            (Err(fault), Some((layout, is_of_chip))) if fault.is_of_content() => {
                let may_be_another = !is_of_chip && source.is_none();
                through(job, chip, layout).and_then(|vpd| match may_be_another && !has_sound(&vpd) {
                    true => Err(fault),
                    false => Ok(vpd),
                })
            }
            (found, _) => found,
        };
        match read {
            Ok(vpd) => chips.push(Some(vpd)),
            Err(fault) if place == 0 => return Err(fault.into()),
            // With a layout it would be programmed: it is blank or another part, and no source was named.
            Err(fault) if layout.is_some() && fault.is_of_content() => return Err(fault.into()),
            Err(_) => chips.push(None),
        }
    }
    if chips.is_empty() {
        return Err(Cause::Internal.because("there is no chip"));
    }
    Ok(Chips { chips, layout: layout.map(|(layout, _)| layout) })
}

/// The header and table of contents of the first copy that has them right, and whether that is a chip of the FRU: what is on the
/// machine goes before what a client brings.
fn layout_for(
    job: &MendJob,
    source: Option<Copy>,
    of_caller: Option<&Golden>,
    own_golden: Option<&Golden>,
) -> Option<(Edit, bool)> {
    let of_chip = |place: usize| {
        let chip = job.chips.get(place)?;
        layout_of(Eeprom::open(chip).ok()?, window(job)).ok()
    };
    let of_image = |golden: &Golden| layout_of(Bytes(&golden.bytes), VpdWindow::default()).ok();
    let takes = |copy: Copy| source.is_none_or(|source| source == copy);
    let of_chips = [(Copy::Primary, 0), (Copy::Redundant, 1)];
    let from_chip = of_chips.into_iter().filter(|(copy, _)| takes(*copy) || of_caller.is_some());
    let from_chip = from_chip.filter_map(|(_, place)| of_chip(place)).next();
    let from_golden = || own_golden.filter(|_| takes(Copy::Golden)).and_then(of_image);
    let from_caller = || of_caller.filter(|_| job.locked.is_empty()).and_then(of_image);
    let from_image = || from_golden().or_else(from_caller);
    from_chip.map(|layout| (layout, true)).or_else(|| Some((from_image()?, false)))
}

fn window(job: &MendJob) -> VpdWindow {
    VpdWindow { offset: job.fragment.offset, size: job.fragment.size }
}

fn through(job: &MendJob, chip: &Path, layout: &Edit) -> Result<Vpd, Fault> {
    let eeprom = reading::open(chip)?;
    let options = job.fragment.read_options(Wanted::All);
    read_with(eeprom, window(job), &options, layout).map_err(|error| Fault::of_copy(chip, &error))
}

fn has_sound(vpd: &Vpd) -> bool {
    match &vpd.content {
        Content::Ipz(image) => image.records.iter().any(|record| record.reason.is_none()),
        _ => false,
    }
}

/// A repair changes no locked keyword of a record that some chip still has; where none has it, a client's image must have the value
/// that golden image or backup have.
fn keeps_locked(
    job: &MendJob,
    record: RecordName,
    new: &[u8],
    trusted: &Copies,
    is_of_caller: bool,
) -> Result<(), Refusal> {
    for keyword in locked(job, record) {
        let new = ipz::value_of(record, new, keyword);
        let is_kept = match trusted.on_chip(record) {
            Some(now) => ipz::value_of(record, &now, keyword) == new,
            None => !is_of_caller || (new.is_some() && trusted.kept(record, keyword) == new),
        };
        if !is_kept {
            return Err(Cause::NotAllowed.because(format!(
                "{record}.{keyword} is locked by this machine's settings, and the record to repair with has another value, or \
                 one that nothing on the machine confirms"
            )));
        }
    }
    Ok(())
}

/// Locked keywords of a record, by their names or by those of their second copies.
fn locked(job: &MendJob, record: RecordName) -> BTreeSet<KeywordName> {
    let kept = job.partner.iter().flat_map(|partner| {
        partner.map.keywords.iter().filter_map(move |kept| {
            let (here, there) = partner.names(kept);
            (here.0 == record && job.locked.has(Some(there.0), there.1)).then_some(here.1)
        })
    });
    job.locked.of(record).chain(kept).collect()
}

/// No boot may end without a system.
fn keeps_type(job: &MendJob, record: RecordName, new: &[u8]) -> Result<(), Refusal> {
    let (name, keyword) = plan::TYPE;
    if record != name {
        return Ok(());
    }
    let wanted = ipz::value_of(record, new, keyword).and_then(|value| SystemType::of_keyword(&value));
    let is_known = wanted.is_some_and(|wanted| job.types.contains(&wanted));
    if is_known { Ok(()) } else { Err(plan::unknown_type()) }
}

/// The records of which nothing is usable.
pub(crate) fn damaged(vpd: &Vpd) -> Vec<RecordName> {
    match &vpd.content {
        Content::Ipz(image) => {
            let is_damaged = |record: &&ipz::Record| record.outcome == vpd_format::Outcome::Bad;
            image.records.iter().filter(is_damaged).map(ipz::Record::name).collect()
        }
        _ => Vec::new(),
    }
}

/// Where a record may be had from.
struct Copies {
    /// The one that counts, then the one that stands in.
    chips: Vec<Option<Vpd>>,
    golden: Option<Golden>,
    backup: Option<Kept>,
}

impl Copies {
    /// A record's bytes, from the first place that has it whole.
    fn find(&self, record: RecordName, source: Option<Copy>) -> Option<Vec<u8>> {
        const ORDER: [Copy; 4] = [Copy::Primary, Copy::Redundant, Copy::Golden, Copy::Backup];
        let order = source.map_or(&ORDER[..], |_| &[]).iter().copied().chain(source);
        for copy in order {
            let found = match copy {
                Copy::Primary => self.chip(0).and_then(|vpd| good(vpd, record)),
                Copy::Redundant => self.chip(1).and_then(|vpd| good(vpd, record)),
                Copy::Golden => self.golden.as_ref().and_then(|golden| good(&golden.vpd, record)),
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

    /// A record as the first chip has it that has it whole.
    fn on_chip(&self, record: RecordName) -> Option<Vec<u8>> {
        self.chips.iter().flatten().find_map(|vpd| good(vpd, record))
    }

    /// A keyword's value in golden image or backup.
    fn kept(&self, record: RecordName, keyword: KeywordName) -> Option<Vec<u8>> {
        let of_golden = self.golden.as_ref().and_then(|golden| good(&golden.vpd, record));
        let of_backup =
            || self.backup.as_ref().and_then(|kept| kept.value(record, keyword)).map(<[u8]>::to_vec);
        of_golden.and_then(|record_bytes| ipz::value_of(record, &record_bytes, keyword)).or_else(of_backup)
    }
}

/// A record's bytes where they are whole.
pub(crate) fn good(vpd: &Vpd, record: RecordName) -> Option<Vec<u8>> {
    let Content::Ipz(image) = &vpd.content else { return None };
    image.record(record).filter(|record| record.reason.is_none()).map(|record| record.bytes().to_vec())
}

/// An image that is known to be right, from where the VPD begins.
#[derive(Clone)]
struct Golden {
    bytes: Vec<u8>,
    vpd: Vpd,
}

impl Golden {
    fn of(bytes: Vec<u8>, fragment: &Fragment) -> Result<Self, Refusal> {
        let vpd = vpd_format::read(&mut Bytes(&bytes), &fragment.read_options(Wanted::All));
        let vpd = vpd.map_err(|error| {
            Cause::InvalidVpd.because(format!("the image to repair with is of no use: {error}"))
        })?;
        Ok(Self { bytes, vpd })
    }
}

/// The image that was put beside an EEPROM as the right one.
fn golden(state: &Path, key: &EepromKey, fragment: &Fragment) -> Result<Option<Golden>, Refusal> {
    /// Longest image that any format can point to.
    const LONGEST: u64 = 256 * 1024;
    let path = state.join(GOLDEN).join(format!("{key}.bin"));
    match durable_state::read_regular(&path, LONGEST) {
        Ok(Some(bytes)) => Golden::of(bytes, fragment).map(Some),
        Ok(None) => Err(Cause::InvalidVpd.because(format!("{} is longer than any VPD", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Cause::ReadFailure.because(format!("{}: {error}", path.display()))),
    }
}
