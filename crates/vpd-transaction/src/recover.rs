use crate::carry_out::{FaultKind, Machine, page_of, put_back, take_back, write};
use crate::{Direction, Failure, Fault, Journal, Judgement, OtherPart, Seen, judge};
use vpd_format::ReadAt;

/// What became of a chip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChipEnd<E> {
    /// It has its new bytes.
    New,
    /// It has its old bytes.
    Old,
    /// It is another part, and was not touched.
    Other(OtherPart),
    /// There is no such chip now.
    Absent,
    /// It does not answer, or does not hold what is written to it.
    Failed(Fault<E>),
}

impl<E> ChipEnd<E> {
    /// Whether the journal is still needed for this chip.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Absent | Self::Failed(_))
    }
}

/// Finishes a change that was interrupted, or takes it back if its journal was turned: for each chip that is there, whatever
/// became of the others. The answer has one end for each chip, in the order of the journal.
///
/// The journal can go when no end is [pending](ChipEnd::is_pending); one with another part is worth keeping aside.
pub fn recover<M: Machine>(journal: &mut Journal, machine: &mut M) -> Vec<ChipEnd<M::Error>> {
    let judged: Vec<_> = (0..journal.chips.len()).map(|chip| look_at(journal, machine, chip)).collect();
    let may_touch = |chip: usize| matches!(judged.get(chip), Some(Looked::Ours(_)));
    let failed = match journal.direction {
        Direction::Forward => go_forward(journal, machine, &judged, may_touch),
        Direction::Back => put_back(journal, machine, may_touch, |_, _| false).err(),
    };
    let direction = journal.direction;
    let mut ends = Vec::with_capacity(judged.len());
    for (chip, looked) in judged.into_iter().enumerate() {
        ends.push(match looked {
            Looked::Absent => ChipEnd::Absent,
            Looked::Other(why) => ChipEnd::Other(why),
            Looked::Silent(error) => {
                ChipEnd::Failed(Fault { chip, offset: 0, kind: FaultKind::Silent(error) })
            }
            // The chips that did not fail are as far as the failure let them come.
            Looked::Ours(_) => match has_arrived(journal, machine, chip, direction) {
                Ok(()) if direction == Direction::Forward => ChipEnd::New,
                Ok(()) => ChipEnd::Old,
                Err(fault) => ChipEnd::Failed(fault),
            },
        });
    }
    // A chip that refuses tells more by its first refusal than by what it holds afterwards.
    if let Some(fault) = failed
        && let Some(end @ ChipEnd::Failed(_)) = ends.get_mut(fault.chip)
    {
        *end = ChipEnd::Failed(fault);
    }
    ends
}

/// What a look at a chip gave.
enum Looked<E> {
    /// What each page holds.
    Ours(Vec<Vec<u8>>),
    Other(OtherPart),
    Absent,
    Silent(E),
}

fn look_at<M: Machine>(journal: &Journal, machine: &mut M, chip: usize) -> Looked<M::Error> {
    let Some(change) = journal.chips.get(chip) else { return Looked::Absent };
    // It was left out, so that nothing is waited for.
    if change.pages.is_empty() {
        return Looked::Ours(Vec::new());
    }
    let Some(size) = machine.size(chip) else { return Looked::Absent };
    let mut seen = Seen::new(ChipReader { machine, chip, size });
    match judge(change, journal.direction, &mut seen) {
        Ok(Judgement::Ours { .. }) => {
            let pages = change.pages.iter().map(|page| seen.fetch(page.range()));
            pages.collect::<Result<_, _>>().map_or_else(Looked::Silent, Looked::Ours)
        }
        Ok(Judgement::Other(why)) => Looked::Other(why),
        Err(error) => Looked::Silent(error),
    }
}

/// Writes what is missing. A page that fails turns the journal for all chips.
fn go_forward<M: Machine>(
    journal: &mut Journal,
    machine: &mut M,
    judged: &[Looked<M::Error>],
    may_touch: impl Fn(usize) -> bool,
) -> Option<Fault<M::Error>> {
    for (chip, looked) in judged.iter().enumerate() {
        let Looked::Ours(found) = looked else { continue };
        for (place, found) in found.iter().enumerate() {
            let Some(page) = page_of(journal, chip, place) else { continue };
            if let Err(kind) = write(machine, chip, page, found, &page.new) {
                return match take_back(journal, machine, chip, place, kind, may_touch) {
                    Failure::PutBack(fault) | Failure::Pending(fault) => Some(fault),
                    Failure::NotBegun(_) => None,
                };
            }
        }
    }
    None
}

/// Whether a chip holds all that it shall.
fn has_arrived<M: Machine>(
    journal: &Journal,
    machine: &mut M,
    chip: usize,
    direction: Direction,
) -> Result<(), Fault<M::Error>> {
    let Some(change) = journal.chips.get(chip) else { return Ok(()) };
    for page in &change.pages {
        let (wanted, offset) = (page.target(direction), page.offset);
        let mut found = vec![0; wanted.len()];
        let read = machine.read(chip, offset, &mut found);
        read.map_err(|error| Fault { chip, offset, kind: FaultKind::Silent(error) })?;
        if found != wanted {
            return Err(Fault { chip, offset, kind: FaultKind::Verification });
        }
    }
    Ok(())
}

/// One chip of a machine.
struct ChipReader<'a, M> {
    machine: &'a mut M,
    chip: usize,
    size: u64,
}

impl<M: Machine> ReadAt for ChipReader<'_, M> {
    type Error = M::Error;

    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), M::Error> {
        self.machine.read(self.chip, offset, buffer)
    }
}
