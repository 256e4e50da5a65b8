//! The chips of a journal, locked, and the journal's place on disk: what a transaction is performed on.

use super::journals::Journals;
use device_io::ExclusiveEeprom;
use durable_state::Disk;
use fru_publication::EepromKey;
use std::io;
use vpd_format::ReadAt as _;
use vpd_transaction::{Machine, Step};

/// Longest wait for readers and other writers, of both chips together.
pub const LOCK_LIMIT: std::time::Duration = std::time::Duration::from_secs(12);

/// Chips in the order of a journal; `None` for one that is not there.
#[derive(Debug)]
pub struct Chips<'a, D> {
    /// The chips.
    pub eeproms: Vec<Option<ExclusiveEeprom>>,
    /// Where the journal is kept.
    pub journals: &'a Journals<D>,
    /// Under which key.
    pub key: &'a EepromKey,
    /// Write calls so far.
    pub writes: usize,
}

impl<D: Disk + Clone> Machine for Chips<'_, D> {
    type Error = io::Error;

    fn perform(&mut self, step: Step<'_>) -> io::Result<()> {
        match step {
            Step::SaveJournal(journal) => self.journals.save(self.key, journal),
            Step::Write { chip, offset, bytes } => {
                self.writes += 1;
                self.chip(chip)?.write_at(offset, bytes)
            }
        }
    }

    fn read(&mut self, chip: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.chip(chip)?.read_exact_at(offset, buffer)
    }

    fn size(&self, chip: usize) -> Option<u64> {
        self.eeproms.get(chip)?.as_ref().map(|eeprom| eeprom.size())
    }
}

impl<D> Chips<'_, D> {
    fn chip(&mut self, chip: usize) -> io::Result<&mut ExclusiveEeprom> {
        let eeprom = self.eeproms.get_mut(chip).and_then(Option::as_mut);
        eeprom.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the EEPROM is not there"))
    }
}
