use crate::{ChipChange, Direction, Journal, PageChange};
use core::fmt;

/// One change of a chip or of the disk; between two of them, and within one of a chip, the power may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// The journal takes the place of the earlier one, whole, and is durable afterwards.
    SaveJournal(&'a Journal),
    /// Bytes of one page of a chip, in one write.
    Write {
        /// The chip's place in the journal.
        chip: usize,
        /// Where, bytes from the start of the device.
        offset: u64,
        /// What.
        bytes: &'a [u8],
    },
}

/// The chips of a journal, and the disk that keeps it.
pub trait Machine {
    /// What can go wrong.
    type Error: fmt::Debug + fmt::Display;

    /// Performs a step.
    ///
    /// Errors: those of device and disk. Of a chip's page some bytes may be written then, or all.
    fn perform(&mut self, step: Step<'_>) -> Result<(), Self::Error>;

    /// Fills the buffer from a chip. The answer comes after the write cycle under way, if there is one.
    ///
    /// Errors: the device's.
    fn read(&mut self, chip: usize, offset: u64, buffer: &mut [u8]) -> Result<(), Self::Error>;

    /// Size of a chip in bytes; `None` while there is no such chip, or it is not reached.
    fn size(&self, chip: usize) -> Option<u64>;
}

/// What went wrong with a page, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault<E> {
    /// The chip's place in the journal.
    pub chip: usize,
    /// Where the page begins, bytes from the start of the device.
    pub offset: u64,
    /// What.
    pub kind: FaultKind<E>,
}

/// What went wrong with a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultKind<E> {
    /// The chip refused the write, and does not hold what was written.
    Write(E),
    /// The chip took the write, and does not hold what was written: a page that is worn out, or write-protected.
    Verification,
    /// The chip does not answer.
    Silent(E),
    /// The journal could not be turned, so that nothing may be put back.
    Journal(E),
    /// It was written before and reads as erased now.
    Empty,
}

impl<E: fmt::Display> fmt::Display for Fault<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset;
        match &self.kind {
            FaultKind::Write(error) => {
                write!(formatter, "the EEPROM refused the write to the page at {offset}: {error}")
            }
            FaultKind::Verification => write!(
                formatter,
                "the page at {offset} does not hold what was written to it: worn out or write-protected"
            ),
            FaultKind::Silent(error) => {
                write!(formatter, "the EEPROM stopped answering at the page at {offset}: {error}")
            }
            FaultKind::Empty => {
                write!(
                    formatter,
                    "the page at {offset} was written and reads as 0xff: the EEPROM does not answer"
                )
            }
            FaultKind::Journal(error) => {
                write!(formatter, "the page at {offset} failed, and the journal cannot be written: {error}")
            }
        }
    }
}

/// Why a change was not made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure<E> {
    /// The journal cannot be written; no chip was touched.
    NotBegun(E),
    /// All chips have their old bytes again; the journal can go.
    PutBack(Fault<E>),
    /// Some chip is left in between. The journal stays, and [`crate::recover()`] goes on when the chip can be reached.
    Pending(Fault<E>),
}

/// Makes the change of a journal, or none.
///
/// The journal is durable before the first byte is written. It is up to the caller to let it go when the change is made, or
/// was taken back: not before what else belongs to the change is durable.
///
/// Errors: [`Failure`].
pub fn carry_out<M: Machine>(journal: &mut Journal, machine: &mut M) -> Result<(), Failure<M::Error>> {
    machine.perform(Step::SaveJournal(journal)).map_err(Failure::NotBegun)?;
    for chip in 0..journal.chips.len() {
        let pages = journal.chips.get(chip).map_or(0, |chip| chip.pages.len());
        for place in 0..pages {
            let Some(page) = page_of(journal, chip, place) else { continue };
            if let Err(kind) = write(machine, chip, page, &page.old, &page.new) {
                return Err(take_back(journal, machine, chip, place, kind, |_| true));
            }
        }
    }
    Ok(())
}

/// As [`carry_out()`], but a chip that may be left out and fails keeps the others from nothing: once all was put back, the change
/// is made without it. It has no pages in the journal then. Answers with the faults of those that were left out.
///
/// Errors: [`Failure`], also when such a chip could not be put back.
pub fn carry_out_without<M: Machine>(
    journal: &mut Journal,
    machine: &mut M,
    may_leave_out: impl Fn(&ChipChange) -> bool,
) -> Result<Vec<Fault<M::Error>>, Failure<M::Error>> {
    let mut left_out = Vec::new();
    loop {
        let fault = match carry_out(journal, machine) {
            Ok(()) => return Ok(left_out),
            Err(Failure::PutBack(fault)) => fault,
            Err(failure) => return Err(failure),
        };
        match journal.chips.get_mut(fault.chip) {
            Some(chip) if may_leave_out(chip) => chip.pages.clear(),
            _ => return Err(Failure::PutBack(fault)),
        }
        left_out.push(fault);
        journal.direction = Direction::Forward;
        journal.chips.iter_mut().for_each(|chip| chip.failed.clear());
    }
}

pub(crate) fn page_of(journal: &Journal, chip: usize, place: usize) -> Option<&PageChange> {
    journal.chips.get(chip)?.pages.get(place)
}

/// Writes what differs in a page, in one go, and reads the whole page back.
pub(crate) fn write<M: Machine>(
    machine: &mut M,
    chip: usize,
    page: &PageChange,
    found: &[u8],
    wanted: &[u8],
) -> Result<(), FaultKind<M::Error>> {
    let differs = |(place, (found, wanted)): (usize, (&u8, &u8))| (found != wanted).then_some(place);
    let mut changed = found.iter().zip(wanted).enumerate().filter_map(differs);
    let Some(first) = changed.next() else { return Ok(()) };
    let last = changed.next_back().unwrap_or(first);
    let bytes = wanted.get(first..=last).unwrap_or_default();
    let offset = page.offset.saturating_add(first as u64);
    let refused = machine.perform(Step::Write { chip, offset, bytes }).err();
    let mut written = vec![0; wanted.len()];
    machine.read(chip, page.offset, &mut written).map_err(FaultKind::Silent)?;
    match refused {
        // A driver may say that a write failed which the chip has taken.
        _ if written == wanted => Ok(()),
        Some(error) => Err(FaultKind::Write(error)),
        None => Err(FaultKind::Verification),
    }
}

/// Turns the journal after a page has failed, and puts the old pages back where that may be done.
pub(crate) fn take_back<M: Machine>(
    journal: &mut Journal,
    machine: &mut M,
    chip: usize,
    place: usize,
    kind: FaultKind<M::Error>,
    may_touch: impl Fn(usize) -> bool,
) -> Failure<M::Error> {
    let offset = page_of(journal, chip, place).map_or(0, |page| page.offset);
    journal.direction = Direction::Back;
    fail(journal, chip, place);
    if let Err(error) = machine.perform(Step::SaveJournal(journal)) {
        // As it is kept, it still says forward.
        return Failure::Pending(Fault { chip, offset, kind: FaultKind::Journal(error) });
    }
    let was_written = |other: usize, page: usize| (other, page) < (chip, place);
    match put_back(journal, machine, may_touch, was_written) {
        Ok(()) => Failure::PutBack(Fault { chip, offset, kind }),
        Err(fault) => Failure::Pending(fault),
    }
}

fn fail(journal: &mut Journal, chip: usize, place: usize) {
    if let Some(chip) = journal.chips.get_mut(chip)
        && !chip.failed.contains(&place)
    {
        chip.failed.push(place);
    }
}

/// Puts all old pages back, last ones first. One that fails keeps none of the others from it; the first fault is told.
///
/// A page that is known to have been written and reads as erased was not put back by that, though it was erased before: an SPI
/// EEPROM that does not answer reads as 0xff. Of the page that failed this is not known: it may not have been written at all.
pub(crate) fn put_back<M: Machine>(
    journal: &mut Journal,
    machine: &mut M,
    may_touch: impl Fn(usize) -> bool,
    was_written: impl Fn(usize, usize) -> bool,
) -> Result<(), Fault<M::Error>> {
    let mut first = None;
    for chip in (0..journal.chips.len()).rev().filter(|chip| may_touch(*chip)) {
        let pages = journal.chips.get(chip).map_or(0, |chip| chip.pages.len());
        for place in (0..pages).rev() {
            let Some(page) = page_of(journal, chip, place) else { continue };
            let offset = page.offset;
            let Err(kind) = restore(machine, chip, page, was_written(chip, place)) else { continue };
            let is_silent = matches!(kind, FaultKind::Silent(_) | FaultKind::Empty);
            first.get_or_insert(Fault { chip, offset, kind });
            if is_silent {
                break;
            }
            // Else the next page would be a second one that is neither old nor new.
            fail(journal, chip, place);
            if let Err(error) = machine.perform(Step::SaveJournal(journal)) {
                return Err(Fault { chip, offset, kind: FaultKind::Journal(error) });
            }
        }
    }
    first.map_or(Ok(()), Err)
}

/// Puts one old page back.
fn restore<M: Machine>(
    machine: &mut M,
    chip: usize,
    page: &PageChange,
    was_written: bool,
) -> Result<(), FaultKind<M::Error>> {
    let mut found = vec![0; page.old.len()];
    machine.read(chip, page.offset, &mut found).map_err(FaultKind::Silent)?;
    let is_erased = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0xff);
    if was_written && is_erased(&found) && !is_erased(&page.new) {
        return Err(FaultKind::Empty);
    }
    write(machine, chip, page, &found, &page.old)
}
