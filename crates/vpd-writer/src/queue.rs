//! Who goes when: order and limits of what is done to EEPROMs. Pure, on a clock that the caller has.
//!
//! - What is asked of one EEPROM is done in the order in which it came.
//! - One thing at a time is done on a [`Wire`], and on four wires at once.
//! - What has to come after an EEPROM's first reading waits for that; what stands behind it in the same EEPROM's line waits too, and
//!   nothing else does, and nothing waits for what no caller has asked for.
//! - What no caller has asked for, such as the recovery of an interrupted write, goes before all others.
//! - What waits for the EEPROM that its wires were used for last goes first, a few times in a row: its parser then runs once for all.
//! - A job that only waits for its wires keeps them from those behind it, so that it is not passed for ever.

use crate::wire::Wire;
use fru_publication::EepromKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// So many wires are busy at once, at most.
pub const WIRES: usize = 4;
/// So many jobs of one EEPROM go before an earlier one of another EEPROM on the same wire, in a row.
const IN_A_ROW: u32 = 8;
/// So many callers wait at once, those included whose job is under way.
pub const CALLERS: usize = 64;

/// Names a job from its arrival to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// What the queue has to know of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// The EEPROM.
    pub key: EepromKey,
    /// The wires of its chips.
    pub wires: BTreeSet<Wire>,
    /// It comes after the EEPROM's first reading.
    pub first_reading: bool,
    /// It is not begun any more from then on.
    pub deadline: Duration,
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: Ticket,
    needs: Needs,
    job: T,
}

/// Jobs of a kind that the queue need not know.
#[derive(Debug)]
pub struct Queue<T> {
    next: u64,
    /// In the order of arrival.
    waiting: VecDeque<Waiting<T>>,
    running: BTreeMap<Ticket, Needs>,
    /// What each wire was used for last, and how often in a row.
    last: BTreeMap<Wire, (EepromKey, u32)>,
    /// Their EEPROMs and wires are free again, and they are not answered yet.
    settling: BTreeSet<Ticket>,
    /// No caller waits for these.
    unasked: BTreeSet<Ticket>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            next: 0,
            waiting: VecDeque::new(),
            running: BTreeMap::new(),
            last: BTreeMap::new(),
            settling: BTreeSet::new(),
            unasked: BTreeSet::new(),
        }
    }
}

impl<T> Queue<T> {
    /// Takes a job.
    ///
    /// Errors: the job, when so many callers wait already.
    pub fn push(&mut self, needs: Needs, job: T) -> Result<Ticket, T> {
        if self.callers() >= CALLERS {
            return Err(job);
        }
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.push_back(Waiting { ticket, needs, job });
        Ok(ticket)
    }

    /// Takes a job that no caller waits for, before all others: what they wait for may depend on it.
    pub fn push_first(&mut self, needs: Needs, job: T) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.unasked.insert(ticket);
        self.waiting.push_front(Waiting { ticket, needs, job });
        ticket
    }

    /// How many callers wait for an answer.
    pub fn callers(&self) -> usize {
        let all = self.waiting.len() + self.running.len() + self.settling.len();
        all.saturating_sub(self.unasked.len())
    }

    /// Whether an EEPROM is being changed.
    pub fn is_changed(&self, key: &EepromKey) -> bool {
        self.running.values().any(|running| running.first_reading && running.key == *key)
    }

    /// Whether callers wait for changes that are made as soon as EEPROMs and wires are free.
    pub fn has_changes(&self, was_read: &dyn Fn(&EepromKey) -> bool) -> bool {
        let asked = self.waiting.iter().filter(|waiting| !self.unasked.contains(&waiting.ticket));
        let mut needs = asked.map(|waiting| &waiting.needs);
        needs.any(|needs| needs.first_reading && was_read(&needs.key))
    }

    /// Whether no job is under way, and no caller waits for an answer.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.callers() == 0
    }

    /// The next job that may begin, which is under way from now on; nothing while none may.
    pub fn next(&mut self, was_read: &dyn Fn(&EepromKey) -> bool) -> Option<(Ticket, T)> {
        let mut taken: BTreeSet<&Wire> = self.running.values().flat_map(|running| &running.wires).collect();
        let room = WIRES.saturating_sub(taken.len());
        let mut busy: BTreeSet<&EepromKey> = self.running.values().map(|running| &running.key).collect();
        let mut found = None;
        // Wires of jobs that need several, may begin and would be passed: a wire that waits for another one is not to stand idle.
        let mut passed: BTreeSet<&Wire> = BTreeSet::new();
        for (index, waiting) in self.waiting.iter().enumerate() {
            let Needs { key, wires, first_reading, .. } = &waiting.needs;
            let is_early = *first_reading && !was_read(key);
            if is_early && self.unasked.contains(&waiting.ticket) {
                // The first reading may wait for the recovery behind it, and no caller is to wait for what none has asked for.
                continue;
            }
            if busy.contains(key) || is_early {
                // What is behind it in the same line waits too.
                busy.insert(key);
                continue;
            }
            let is_free = wires.iter().all(|wire| !taken.contains(wire));
            if !is_free {
                busy.insert(key);
                taken.extend(wires);
                continue;
            }
            // Without room for it there is none for those behind it either, or it would be passed for ever.
            if wires.len() > room {
                break;
            }
            let goes_on =
                |wire| self.last.get(wire).is_some_and(|(last, row)| last == key && *row < IN_A_ROW);
            let is_preferred = wires.iter().any(goes_on) && wires.iter().all(|wire| !passed.contains(wire));
            if found.is_none() || is_preferred {
                found = Some(index);
            }
            // What no caller has asked for is passed by nothing.
            if is_preferred || self.unasked.contains(&waiting.ticket) {
                break;
            }
            // In its line it is the next one.
            busy.insert(key);
            if wires.len() > 1 {
                passed.extend(wires);
            }
        }
        let Waiting { ticket, needs, job } = self.waiting.remove(found?)?;
        for wire in &needs.wires {
            let last = self.last.entry(wire.clone()).or_insert_with(|| (needs.key.clone(), 0));
            if last.0 != needs.key {
                *last = (needs.key.clone(), 0);
            }
            last.1 += 1;
        }
        self.running.insert(ticket, needs);
        Some((ticket, job))
    }

    /// A job is done with its chips: EEPROM and wires are free for the next one. Its caller waits until [`Self::answered`].
    pub fn released(&mut self, ticket: Ticket) {
        if self.running.remove(&ticket).is_some() {
            self.settling.insert(ticket);
        }
    }

    /// A caller has its answer; what its job may still hold is free.
    pub fn answered(&mut self, ticket: Ticket) {
        self.running.remove(&ticket);
        self.settling.remove(&ticket);
        self.unasked.remove(&ticket);
    }

    /// Jobs that have waited too long, in the order of arrival. They are not begun any more.
    pub fn overdue(&mut self, now: Duration) -> Vec<(Ticket, T)> {
        let mut overdue = Vec::new();
        let mut kept = VecDeque::with_capacity(self.waiting.len());
        for waiting in self.waiting.drain(..) {
            if waiting.needs.deadline <= now && !self.unasked.contains(&waiting.ticket) {
                overdue.push((waiting.ticket, waiting.job));
            } else {
                kept.push_back(waiting);
            }
        }
        self.waiting = kept;
        overdue
    }

    /// All jobs that wait, in the order of arrival; none of them is begun any more.
    pub fn drain(&mut self) -> Vec<(Ticket, T)> {
        let all: Vec<_> = self.waiting.drain(..).map(|waiting| (waiting.ticket, waiting.job)).collect();
        for (ticket, _) in &all {
            self.unasked.remove(ticket);
        }
        all
    }

    /// When [`Self::overdue`] has something, if nothing begins before.
    pub fn wake_at(&self) -> Option<Duration> {
        let asked = self.waiting.iter().filter(|waiting| !self.unasked.contains(&waiting.ticket));
        asked.map(|waiting| waiting.needs.deadline).min()
    }
}

#[cfg(test)]
mod exploration;
#[cfg(test)]
mod tests;
