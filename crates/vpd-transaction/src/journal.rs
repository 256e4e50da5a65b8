use crate::Rest;
use core::ops::Range;
use vpd_format::ipz::TocEntry;

/// A change of one or several chips, complete in itself: who recovers it needs no configuration.
///
/// Shape: see [`Journal::to_text`]. Offsets count from the start of the device, bytes, but for those of [`Check`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Journal {
    /// The EEPROM's key, which names the FRU.
    pub key: String,
    /// The chips can be reached only while the chassis has no power.
    pub power_off_only: bool,
    /// What is kept a second time of the chips follows the change. It does not where one chip alone was to be written.
    pub backup_follows: bool,
    /// Where the change is going.
    pub direction: Direction,
    /// The chips, in the order in which they are written: copies first, so that one good copy always exists.
    pub chips: Vec<ChipChange>,
}

/// Where a change is going.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The new pages are written, in order.
    Forward,
    /// The old pages are put back, in reverse order.
    Back,
}

/// What changes in one chip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChipChange {
    /// Its own key.
    pub key: String,
    /// The key of the FRU that it belongs to: its own, or that of the chip that it stands in for.
    pub fru: String,
    /// The file that is the device.
    pub path: String,
    /// The part of the device that has the VPD.
    pub window: VpdWindow,
    /// Size of a physical page, bytes.
    pub page_size: u32,
    /// By what a right image is known.
    pub check: Check,
    /// All that was read of the chip beside the pages.
    pub rest: Rest,
    /// The pages, in the order in which they are written: data before code.
    pub pages: Vec<PageChange>,
    /// Which of them, by their place, did not hold what was written. They may have any bytes.
    pub failed: Vec<usize>,
}

/// The part of a device that has the VPD, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VpdWindow {
    /// Where it begins.
    pub offset: u64,
    /// Its size; `None` is all that follows.
    pub size: Option<u64>,
}

/// By what a right image is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Check {
    /// By the code of these records; offsets count from the start of the VPD.
    Ipz(Vec<TocEntry>),
    /// By structure and checksums of keyword VPD, so many bytes of it.
    Keyword(u32),
}

/// A whole physical page, before and after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageChange {
    /// Where it begins.
    pub offset: u64,
    /// Its bytes before.
    pub old: Vec<u8>,
    /// Its bytes after; as many.
    pub new: Vec<u8>,
}

impl Journal {
    /// Whether nothing is to be written at all.
    pub fn is_empty(&self) -> bool {
        self.chips.iter().all(|chip| chip.pages.is_empty())
    }
}

impl PageChange {
    /// Where it is.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.new.len() as u64)
    }

    /// What the page holds when the change has come to its end.
    pub fn target(&self, direction: Direction) -> &[u8] {
        match direction {
            Direction::Forward => &self.new,
            Direction::Back => &self.old,
        }
    }

    /// What the page held when the change began.
    pub fn source(&self, direction: Direction) -> &[u8] {
        match direction {
            Direction::Forward => &self.old,
            Direction::Back => &self.new,
        }
    }
}
