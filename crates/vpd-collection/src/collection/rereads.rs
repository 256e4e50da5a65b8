//! `Reread`: calls that wait for a run of a parser which begins after them, and never for a slot.

use super::fru::{Awaited, Fru, Phase};
use super::slot::Slot;
use super::{Collection, Effect, Now, Power, Unread};
use std::collections::BTreeMap;
use std::time::Duration;

/// Calls that wait at one time, of all EEPROMs.
const CALLS: usize = 256;

/// The calls that wait, by key.
#[derive(Debug, Default)]
pub(super) struct Rereads(BTreeMap<String, Calls>);

/// The calls for one EEPROM.
#[derive(Debug, Default)]
struct Calls {
    /// Those that the present run began after.
    current: Vec<Call>,
    /// Those that another one must be begun for.
    next: Vec<Call>,
}

/// One call: its number, and until when it waits.
type Call = (u64, Duration);

impl Rereads {
    fn len(&self) -> usize {
        self.0.values().map(|calls| calls.current.len() + calls.next.len()).sum()
    }

    /// Until when the call waits that is given up first.
    pub(super) fn until(&self) -> Option<Duration> {
        let calls = self.0.values().flat_map(|calls| calls.current.iter().chain(&calls.next));
        calls.map(|(_, until)| *until).min()
    }
}

/// What is to be done for calls.
enum Turn {
    /// Something that is under way must end first.
    Wait,
    /// A run can begin.
    Begin,
    /// None can, and why.
    Refuse(String),
}

impl Collection {
    /// Somebody waits for another reading of an EEPROM.
    pub(super) fn reread(&mut self, key: &str, call: u64, now: Now, effects: &mut Vec<Effect>) {
        if !self.has(key) {
            effects.push(Effect::Answer(call, Err(Unread::Unknown)));
        } else if self.rereads.len() >= CALLS {
            effects.push(Effect::Answer(call, Err(Unread::TooMany)));
        } else {
            let calls = self.rereads.0.entry(key.to_owned()).or_default();
            calls.next.push((call, now.elapsed + self.limits.reread));
        }
    }

    /// Answers what can be answered, and begins the runs that can begin.
    pub(super) fn work_on_rereads(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut rereads = std::mem::take(&mut self.rereads);
        rereads.0.retain(|key, calls| {
            self.work_on(key, calls, now, effects);
            !(calls.current.is_empty() && calls.next.is_empty())
        });
        self.rereads = rereads;
    }

    fn work_on(&mut self, key: &str, calls: &mut Calls, now: Now, effects: &mut Vec<Effect>) {
        let cannot_be_read = self.cannot_be_read(key);
        let Some(fru) = self.frus.get_mut(key) else { return };
        if let Some(result) = fru.take_reread() {
            let result = result.map_err(Unread::Unavailable);
            let answered = calls.current.drain(..);
            effects.extend(answered.map(|(call, _)| Effect::Answer(call, result.clone())));
        } else if fru.awaited == Awaited::Nothing {
            // Its run was forgotten with its device, or was held back.
            calls.next.append(&mut calls.current);
        }
        match turn(fru, self.slots.get(key), self.power, cannot_be_read) {
            Turn::Refuse(reason) => {
                let result = Err(Unread::Unavailable(reason));
                let refused = calls.next.drain(..);
                effects.extend(refused.map(|(call, _)| Effect::Answer(call, result.clone())));
            }
            Turn::Begin if calls.current.is_empty() && !calls.next.is_empty() => {
                calls.current = std::mem::take(&mut calls.next);
                fru.reread(now);
            }
            Turn::Begin | Turn::Wait => {}
        }
        for list in [&mut calls.current, &mut calls.next] {
            list.retain(|(call, until)| {
                let is_over = *until <= now.elapsed;
                effects.extend(is_over.then_some(Effect::Answer(*call, Err(Unread::TimedOut))));
                !is_over
            });
        }
    }
}

/// Whether an EEPROM can be read again now.
fn turn(fru: &Fru, slot: Option<&Slot>, power: Power, cannot_be_read: bool) -> Turn {
    let refuse = |reason: &str| Turn::Refuse(reason.to_owned());
    if fru.awaited != Awaited::Nothing {
        return Turn::Wait;
    }
    if cannot_be_read {
        // It may be said yet that there is none.
        let is_known = power == Power::On;
        return if is_known { refuse("it cannot be read while the chassis has power") } else { Turn::Wait };
    }
    // What a slot does may bring the device, or take it away.
    if slot.is_some_and(|slot| !slot.is_idle()) {
        return Turn::Wait;
    }
    if slot.is_some_and(Slot::is_shut) {
        return refuse("what was read of it was of no use, so its slot has taken its device away");
    }
    match fru.phase {
        Phase::Collected | Phase::Failed => Turn::Begin,
        Phase::Absent => refuse("it is absent"),
        Phase::Leaving(_) | Phase::Vanishing(_) => refuse("its device is gone"),
        _ => Turn::Wait,
    }
}
