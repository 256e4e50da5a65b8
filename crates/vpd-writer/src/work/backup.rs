//! Keywords that are kept a second time: in another EEPROM, or in the service's state. Never in the inventory, which a blank
//! EEPROM's parser writes over.

use super::write::{Group, Place, Which};
use crate::job::{Partner, PartnerEeprom};
use crate::reading::read_image;
use device_io::ExclusiveEeprom;
use durable_state::{Disk, Document, StateFolder};
use fru_publication::{EepromKey, Keywords};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use system_index::{BackedUp, Backup};
use vpd_format::ipz::TocEntry;
use vpd_format::{Content, KeywordName, Part, ReadAt, ReadOptions, RecordName, Vpd, Wanted, Window};
use vpd_transaction::{Check, ChipChange, Edit, PageChange, VpdWindow};

/// The folder in the service's state.
const FOLDER: &str = "backup";

/// What is kept of one EEPROM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Values of keywords.
    #[serde(default)]
    value: Vec<Value>,
    /// Whole records, for the repair of damaged ones.
    #[serde(default)]
    record: Vec<RecordCopy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Value {
    record: String,
    keyword: String,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordCopy {
    name: String,
    bytes: Vec<u8>,
}

impl Document for Kept {
    const FORMAT: u32 = 1;
    // 64 KiB of records and as much of values, each byte a number of up to five characters.
    const LONGEST: u64 = 1024 * 1024;
}

impl Kept {
    /// The value of a keyword.
    pub fn value(&self, record: RecordName, keyword: KeywordName) -> Option<&[u8]> {
        let (record, keyword) = (record.to_string(), keyword.to_string());
        let found = self.value.iter().find(|value| value.record == record && value.keyword == keyword);
        found.map(|value| value.bytes.as_slice())
    }

    /// A whole record.
    pub fn record(&self, name: RecordName) -> Option<&[u8]> {
        let name = name.to_string();
        self.record.iter().find(|record| record.name == name).map(|record| record.bytes.as_slice())
    }

    /// How many keywords there are.
    pub fn count(&self) -> usize {
        self.value.len()
    }

    /// Takes the value of a keyword, in place of an earlier one.
    pub fn set(&mut self, record: RecordName, keyword: KeywordName, bytes: &[u8]) {
        let value = Value { record: record.to_string(), keyword: keyword.to_string(), bytes: bytes.to_vec() };
        self.value.retain(|other| (&other.record, &other.keyword) != (&value.record, &value.keyword));
        self.value.push(value);
        self.value.sort_by(|one, other| (&one.record, &one.keyword).cmp(&(&other.record, &other.keyword)));
    }

    fn set_record(&mut self, name: RecordName, bytes: &[u8]) {
        let copy = RecordCopy { name: name.to_string(), bytes: bytes.to_vec() };
        self.record.retain(|other| other.name != copy.name);
        self.record.push(copy);
        self.record.sort_by(|one, other| one.name.cmp(&other.name));
    }

    /// Takes keywords, and their records as a whole, from what an EEPROM says. What it cannot say is left.
    pub fn take<'a>(&mut self, vpd: &Vpd, keywords: impl IntoIterator<Item = &'a BackedUp>) {
        let Content::Ipz(image) = &vpd.content else { return };
        for kept in keywords {
            let Some(record) = image.record(kept.record).filter(|record| record.reason.is_none()) else {
                continue;
            };
            if let Some(found) = record.keyword(kept.keyword) {
                self.set(kept.record, kept.keyword, found.data);
                self.set_record(kept.record, record.bytes());
            }
        }
    }

    /// Takes records as a whole that are kept already, for what they have besides: a repair must not bring earlier values back.
    fn refresh(&mut self, vpd: &Vpd, records: &[RecordName]) {
        let Content::Ipz(image) = &vpd.content else { return };
        for name in records {
            if self.record(*name).is_none() {
                continue;
            }
            if let Some(record) = image.record(*name).filter(|record| record.reason.is_none()) {
                self.set_record(*name, record.bytes());
            }
        }
    }
}

/// What is kept of all EEPROMs.
#[derive(Debug)]
pub struct Backups<D> {
    folder: StateFolder<D>,
}

impl<D: Disk> Backups<D> {
    /// In the service's state folder.
    pub fn at(state: &Path, disk: D) -> Self {
        Self { folder: StateFolder::on(state.join(FOLDER), disk) }
    }

    /// Makes the folder if need be. Errors: as the kernel says.
    pub fn open(&self) -> io::Result<()> {
        self.folder.open()
    }

    /// Whether something is kept of an EEPROM already.
    pub fn has(&self, key: &EepromKey) -> bool {
        self.folder.file(key.as_str()).exists()
    }

    /// What is kept of an EEPROM; nothing where there is none, or what there is cannot be believed.
    pub fn load(&self, key: &EepromKey) -> Option<Kept> {
        self.folder.load(key.as_str()).unwrap_or_else(|error| {
            log::error!("the backup cannot be used: {error} fru={key}");
            None
        })
    }

    /// Keeps it, durably and as a whole; nothing is written where it is there already.
    ///
    /// Errors: as the kernel says.
    pub fn save(&self, key: &EepromKey, kept: &Kept) -> io::Result<()> {
        if self.load(key).as_ref() == Some(kept) {
            return Ok(());
        }
        self.folder.save(key.as_str(), kept)
    }

    /// Takes over what was just written to an EEPROM, as far as it is kept.
    ///
    /// Errors: those of chip and disk.
    pub fn follow(
        &self,
        key: &EepromKey,
        map: &Backup,
        edits: &[Edit],
        window: VpdWindow,
        chip: &mut ExclusiveEeprom,
    ) -> io::Result<()> {
        let is_edited = |kept: &&BackedUp| {
            edits.iter().any(|edit| match edit {
                Edit::Keyword { record, keyword, .. } => {
                    *record == Some(kept.record) && *keyword == kept.keyword
                }
                Edit::Record { record, .. } => *record == kept.record,
                Edit::Scrub { .. } | Edit::Layout { .. } => false,
            })
        };
        let keywords: Vec<&BackedUp> = map.keywords.iter().filter(is_edited).collect();
        let written = |record: &RecordName| {
            edits.iter().any(|edit| match edit {
                Edit::Keyword { record: written, .. } => *written == Some(*record),
                Edit::Record { record: written, .. } => written == record,
                Edit::Scrub { .. } | Edit::Layout { .. } => false,
            })
        };
        let records: BTreeSet<RecordName> =
            map.keywords.iter().map(|kept| kept.record).filter(written).collect();
        if records.is_empty() {
            return Ok(());
        }
        let records: Vec<RecordName> = records.into_iter().collect();
        let mut window = Window::new(chip, window.offset, window.size);
        let options = ReadOptions { wanted: Wanted::Records(&records), ..ReadOptions::default() };
        let vpd = read_image(&mut window, &options).map_err(|error| io::Error::other(error.to_string()))?;
        let mut kept = self.load(key).unwrap_or_default();
        kept.take(&vpd, keywords.iter().copied());
        kept.refresh(&vpd, &records);
        self.save(key, &kept)
    }

    /// Takes over what a recovery has changed in an EEPROM. Which keywords are kept, the backup says itself; those that the
    /// interrupted write did not change stay as they are kept, as they may differ.
    ///
    /// Errors: those of chip and disk.
    pub fn follow_recovery(
        &self,
        key: &EepromKey,
        change: &ChipChange,
        chip: &mut ExclusiveEeprom,
    ) -> io::Result<()> {
        let (Some(kept), Check::Ipz(records)) = (self.load(key), &change.check) else { return Ok(()) };
        let records: Vec<RecordName> = records.iter().map(|entry| entry.name).collect();
        let read = |pages: &[PageChange], chip: &mut ExclusiveEeprom| {
            let mut window = Window::new(Before { chip, pages }, change.window.offset, change.window.size);
            let options = ReadOptions { wanted: Wanted::Records(&records), ..ReadOptions::default() };
            read_image(&mut window, &options).map_err(|error| io::Error::other(error.to_string()))
        };
        // What was damaged before says nothing.
        let before = read(&change.pages, chip).ok();
        let now = read(&[], chip)?;
        // What had another header before cannot be read as it was: then what a record's own bytes say decides.
        let touched: Vec<RecordName> = match &change.check {
            Check::Ipz(entries) => {
                entries.iter().filter(|entry| touches(change, entry)).map(|entry| entry.name).collect()
            }
            Check::Keyword(_) => Vec::new(),
        };
        let changed = |value: &Value| {
            let record = value.record.parse().ok().filter(|record| touched.contains(record))?;
            let keyword = value.keyword.parse().ok()?;
            let before = before.as_ref().and_then(|before| value_in(before, record, keyword));
            (before != value_in(&now, record, keyword)).then(|| kept_as(record, keyword))
        };
        let keywords: Vec<BackedUp> = kept.value.iter().filter_map(changed).collect();
        let mut kept = kept;
        kept.take(&now, &keywords);
        kept.refresh(&now, &records);
        self.save(key, &kept)
    }
}

/// Whether a change has other bytes for a record.
fn touches(change: &ChipChange, entry: &TocEntry) -> bool {
    let record = entry.range(Part::Data);
    let place = |at: usize| change.window.offset.saturating_add(at as u64);
    let record = place(record.start)..place(record.end);
    change.pages.iter().any(|page| {
        let bytes = (page.offset..).zip(page.old.iter().zip(&page.new));
        bytes.into_iter().any(|(at, (old, new))| old != new && record.contains(&at))
    })
}

/// A chip as it was before a change.
struct Before<'a> {
    chip: &'a mut ExclusiveEeprom,
    pages: &'a [PageChange],
}

impl ReadAt for Before<'_> {
    type Error = io::Error;

    fn size(&self) -> u64 {
        self.chip.size()
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.chip.read_exact_at(offset, buffer)?;
        for (at, byte) in (offset..).zip(buffer) {
            let page = self.pages.iter().find(|page| page.range().contains(&at));
            if let Some(old) = page.and_then(|page| page.old.get((at - page.offset) as usize)) {
                *byte = *old;
            }
        }
        Ok(())
    }
}

fn kept_as(record: RecordName, keyword: KeywordName) -> BackedUp {
    BackedUp {
        record,
        keyword,
        backup_record: None,
        backup_keyword: None,
        default: Vec::new(),
        event: false,
        manufacturing_reset: false,
        bios_attribute: false,
    }
}

/// What is to be done about a keyword and its second copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Both say the same.
    Nothing,
    /// Both hold what nothing was set to.
    BothDefault,
    /// The copy takes the EEPROM's value.
    ToBackup,
    /// The EEPROM takes the copy's value.
    ToSource,
    /// Both were set, to different values: the EEPROM's is shown, and nothing is written.
    Conflict,
    /// One of them cannot be read.
    Unknown,
}

/// A keyword with its second copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// The keyword.
    pub kept: &'a BackedUp,
    /// What the EEPROM says.
    pub ours: Option<Vec<u8>>,
    /// What the copy says.
    pub theirs: Option<Vec<u8>>,
    /// What is to be done.
    pub action: Action,
}

/// Compares an EEPROM's keywords with their copies.
pub fn compare<'a>(
    map: &'a Backup,
    ours: impl Fn(&BackedUp) -> Option<Vec<u8>>,
    theirs: impl Fn(&BackedUp) -> Option<Vec<u8>>,
) -> Vec<Row<'a>> {
    let row = |kept: &'a BackedUp| {
        let (ours, theirs) = (ours(kept), theirs(kept));
        // One byte is a flag, of which each value may be meant.
        let is_default =
            |value: &[u8]| value == kept.default || (value.len() > 1 && !plain_text::is_programmed(value));
        let action = match (&ours, &theirs) {
            (Some(ours), Some(theirs)) if ours == theirs && is_default(ours) => Action::BothDefault,
            (Some(ours), Some(theirs)) if ours == theirs => Action::Nothing,
            (Some(ours), Some(theirs)) => match (is_default(ours), is_default(theirs)) {
                (true, true) => Action::BothDefault,
                (false, true) => Action::ToBackup,
                (true, false) => Action::ToSource,
                (false, false) => Action::Conflict,
            },
            // What was never set is no backup of anything.
            (Some(ours), None) if is_default(ours) => Action::BothDefault,
            (Some(_), None) => Action::ToBackup,
            (None, _) => Action::Unknown,
        };
        Row { kept, ours, theirs, action }
    };
    map.keywords.iter().map(row).collect()
}

/// The value of a keyword in what was read.
pub fn value_in(vpd: &Vpd, record: RecordName, keyword: KeywordName) -> Option<Vec<u8>> {
    Keywords(vpd).find(Some(record), keyword).map(|found| found.data.to_vec())
}

/// What has to change in the other EEPROM of a backup, so that it says what is written to this one.
pub(crate) fn partner_group<'a>(partner: &'a Partner, edits: &[Edit], which: Which) -> Option<Group<'a>> {
    let other = partner.other.as_ref()?;
    let translated = |edit: &Edit| match edit {
        Edit::Keyword { record: Some(record), keyword, value, pad, .. } => {
            let (record, keyword) = partner.of(*record, *keyword)?;
            Some(Edit::Keyword {
                record: Some(record),
                keyword,
                value: value.clone(),
                pad: *pad,
                expected: None,
            })
        }
        _ => None,
    };
    let edits: Vec<Edit> = edits.iter().filter_map(translated).collect();
    let which = match which {
        Which::Only(_) => Which::All { goes_on: true },
        all => all,
    };
    (!edits.is_empty()).then(|| Group { place: place(other), which, edits })
}

pub(crate) fn place(other: &PartnerEeprom) -> Place<'_> {
    Place { key: &other.key, chips: &other.chips, fragment: &other.fragment }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> Backup {
        let kept = |keyword: &[u8; 2]| BackedUp {
            default: b"    ".to_vec(),
            ..kept_as(RecordName(*b"VSYS"), KeywordName(*keyword))
        };
        Backup {
            source: EepromKey::parse("8-0050").unwrap(),
            destination: None,
            keywords: vec![kept(b"TM"), kept(b"SE")],
        }
    }

    #[test]
    fn the_table_says_which_copy_counts() {
        let map = map();
        let value = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        for (ours, theirs, action) in [
            ("1234", "1234", Action::Nothing),
            ("    ", "    ", Action::BothDefault),
            ("    ", "\0\0\0\0", Action::BothDefault),
            ("1234", "    ", Action::ToBackup),
            ("1234", "", Action::ToBackup),
            ("    ", "", Action::BothDefault),
            ("    ", "1234", Action::ToSource),
            ("\u{0}\u{0}\u{0}\u{0}", "1234", Action::ToSource),
            ("1234", "5678", Action::Conflict),
            ("", "5678", Action::Unknown),
        ] {
            let rows = compare(&map, |_| value(ours), |_| value(theirs));
            assert!(rows.iter().all(|row| row.action == action), "{ours:?} {theirs:?} {rows:?}");
        }
    }

    #[test]
    fn what_is_kept_is_found_again_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let backups = Backups::at(folder.path(), durable_state::RealDisk);
        backups.open().unwrap();
        let key = EepromKey::parse("8-0050").unwrap();
        assert_eq!(backups.load(&key), None);
        let (record, keyword) = (RecordName(*b"VSYS"), KeywordName(*b"SE"));
        let mut kept = Kept::default();
        kept.set(record, keyword, b"1");
        kept.set(record, KeywordName(*b"TM"), b"x");
        kept.set(record, keyword, b"2");
        kept.set_record(record, &[0, 255]);
        backups.save(&key, &kept).unwrap();
        let found = backups.load(&key).unwrap();
        assert_eq!(
            (found.value(record, keyword), found.record(record)),
            (Some(&b"2"[..]), Some(&[0, 255][..]))
        );
        assert_eq!(found, kept);
        std::fs::write(folder.path().join("backup/8-0050"), "x").unwrap();
        assert_eq!(backups.load(&key), None, "what is damaged is not believed");
    }
}
