//! Slots: when their phases are wanted and begun, and what follows from them; and priming, which comes before.

use super::slot::{Knowledge, Slot};
use super::{Collection, Effect, Extent, Now, Power, Presence, Priming, Sight, Ticket, Told, Whose};
use dbus_api::vpd::collection::FruStatus;
use system_index::Phase;
use unit_jobs::{EndedJob, UnitState, Verb};

/// Slots at which something is done at one time.
const AT_ONCE: usize = 4;

impl Collection {
    /// Once udev is done, every slot is seen to. What can be seen before is read at once.
    pub(super) fn prepare_all(&mut self) {
        let keys: Vec<String> = self.slots.keys().cloned().collect();
        for key in keys {
            if !self.cannot_be_read(&key) {
                self.prepare(&key);
            }
        }
    }

    /// Has a slot prepared, unless somebody wants its part taken out.
    pub(super) fn prepare(&mut self, key: &str) {
        if let Some(slot) = self.slots.get_mut(key).filter(|slot| !slot.is_leaving()) {
            slot.want_prepared();
        }
    }

    /// Reads an EEPROM again, by way of its slot if it has one. What cannot be read now is left as it is.
    pub(super) fn read_again(&mut self, key: &str, now: Now, effects: &mut Vec<Effect>) {
        if self.cannot_be_read(key) {
            return;
        }
        let was_out = self.out.remove(key);
        // What its line says now is worth as much as a change.
        self.lines.remove(key);
        if let Some(slot) = self.slots.get_mut(key) {
            slot.want_reread();
        } else if let Some(fru) = self.frus.get_mut(key) {
            if was_out {
                effects.push(Effect::Look(key.to_owned()));
            }
            fru.recollect(now);
        }
    }

    /// Somebody wants a part taken out, which may stay plugged in for a while: that its line says so is no news.
    pub(super) fn remove(&mut self, key: &str, now: Now) {
        self.lines.entry(key.to_owned()).or_insert(Told::There);
        self.take_out(key, now);
    }

    /// Has a part taken out: its slot's business, or, without one, a matter of saying so.
    pub(super) fn take_out(&mut self, key: &str, now: Now) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.want_removed();
        } else {
            self.is_taken_out(key, now);
        }
    }

    fn is_taken_out(&mut self, key: &str, now: Now) {
        // A device that has gone already takes nothing with it when it comes again.
        if let Some(fru) = self.frus.get_mut(key).filter(|fru| !fru.is_gone()) {
            self.out.insert(key.to_owned());
            fru.vanish(Sight::Gone, now);
        }
    }

    /// The inventory says that a part has come or gone. As long as an EEPROM is dealt with, that may be an echo of what
    /// was published for it, and what others have said is overwritten in the end.
    pub(super) fn told(&mut self, key: &str, told: Told, now: Now, effects: &mut Vec<Effect>) {
        if self.frus.get(key).is_some_and(super::Fru::is_at_rest) {
            self.come_or_go(key, told, now, effects);
        }
    }

    /// A line says whether a part is there, again and again. Only a change is news: a part that was taken out may still
    /// be plugged in, and one that does not answer is not asked for ever.
    pub(super) fn line_says(&mut self, key: &str, told: Told, now: Now, effects: &mut Vec<Effect>) {
        if self.lines.get(key) != Some(&told) && self.come_or_go(key, told, now, effects) {
            self.lines.insert(key.to_owned(), told);
        }
    }

    /// A part has come or gone. What is known already is no news. Whether that was heard; otherwise it is to be said
    /// again.
    fn come_or_go(&mut self, key: &str, told: Told, now: Now, effects: &mut Vec<Effect>) -> bool {
        if !self.is_settled || self.cannot_be_read(key) {
            return false;
        }
        let Some(fru) = self.frus.get(key) else { return false };
        let is_busy = self.slots.get(key).is_some_and(|slot| !slot.is_idle());
        match told {
            _ if is_busy => return false,
            // What is kept is about to be looked at.
            Told::There if !fru.is_out_of_sight() => return fru.phase != super::Phase::Kept,
            Told::There => {
                self.out.remove(key);
                match self.slots.get_mut(key) {
                    Some(slot) => slot.want_prepared(),
                    None => effects.push(Effect::Look(key.to_owned())),
                }
            }
            Told::Gone if !fru.is_out_of_sight() => self.take_out(key, now),
            Told::Gone => {}
        }
        true
    }

    /// Begins what is wanted, a few at a time. Before objects are primed nothing may come that priming could take back.
    pub(super) fn work_on_slots(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let is_without =
            self.inventory == Presence::Away && now.elapsed >= self.away_since + self.limits.inventory;
        if !matches!(self.priming, Priming::Done | Priming::Failed) && !is_without {
            return;
        }
        let mut working = self.slots.values().filter(|slot| slot.is_working()).count();
        for (key, slot) in &mut self.slots {
            if working >= AT_ONCE {
                break;
            }
            let is_dealt_with = self.frus.get(key).is_some_and(|fru| fru.dealt_with().is_some());
            let Some(unit) = slot.begin(is_dealt_with) else { continue };
            self.tickets += 1;
            slot.ticket = self.tickets;
            let ticket = Ticket { key: key.clone(), number: self.tickets, whose: Whose::Slot };
            // It may be active from an earlier time.
            effects.push(Effect::Start(ticket, unit, Verb::Restart));
            self.progress_at = now.elapsed;
            working += 1;
        }
    }

    pub(super) fn slot_queued(&mut self, ticket: &Ticket, job: &str, effects: &mut Vec<Effect>) {
        let Some(slot) = self.holding(ticket) else { return };
        if slot.queued(job) {
            self.inspect_slot(&ticket.key, effects);
        }
    }

    /// Whether a job was one of a slot.
    pub(super) fn slot_job_ended(&mut self, ended: &EndedJob, now: Now, effects: &mut Vec<Effect>) -> bool {
        let EndedJob { job, unit, result } = ended;
        let Some((key, slot)) = self.slots.iter_mut().find(|(_, slot)| slot.unit() == Some(unit)) else {
            return false;
        };
        self.progress_at = now.elapsed;
        if slot.job_ended(job, *result) {
            let key = key.clone();
            self.inspect_slot(&key, effects);
        }
        true
    }

    fn inspect_slot(&mut self, key: &str, effects: &mut Vec<Effect>) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        let Some(unit) = slot.unit().map(str::to_owned) else { return };
        self.tickets += 1;
        slot.ticket = self.tickets;
        effects.push(Effect::Inspect(
            Ticket { key: key.to_owned(), number: self.tickets, whose: Whose::Slot },
            unit,
        ));
    }

    pub(super) fn slot_inspected(
        &mut self,
        ticket: &Ticket,
        state: Result<UnitState, String>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let phase = self.holding(ticket).and_then(|slot| slot.inspected(state));
        self.phase_ended(&ticket.key, phase, now, effects);
    }

    pub(super) fn slot_given_up(
        &mut self,
        ticket: &Ticket,
        reason: &str,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let phase = self.holding(ticket).and_then(|slot| slot.give_up(reason));
        self.phase_ended(&ticket.key, phase, now, effects);
    }

    /// Process 1 has been silent for too long.
    pub(super) fn give_up_slots(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let working: Vec<String> =
            self.slots.iter().filter(|(_, slot)| slot.is_working()).map(|(key, _)| key.clone()).collect();
        for key in working {
            let phase =
                self.slots.get_mut(&key).and_then(|slot| slot.give_up("nothing has moved for too long"));
            self.phase_ended(&key, phase, now, effects);
        }
    }

    /// What is to be seen decides; what the slot says is empty and can be seen all the same is taken out.
    fn phase_ended(&mut self, key: &str, phase: Option<Phase>, now: Now, effects: &mut Vec<Effect>) {
        let cannot_be_read = self.cannot_be_read(key);
        let (Some(slot), Some(fru)) = (self.slots.get_mut(key), self.frus.get_mut(key)) else { return };
        match phase {
            Some(Phase::Prepare) => {
                // Whatever was taken out before this was wanted is in again.
                self.out.remove(key);
                let rereads = std::mem::take(&mut slot.rereads);
                if slot.knows == Knowledge::Empty && !fru.is_out_of_sight() {
                    slot.want_emptied();
                    return;
                }
                // It may have been read, in vain, before its slot was seen to: udev starts what it sees.
                let was_in_vain = fru.dealt_with().is_some_and(|(_, is_usable, _)| !is_usable);
                // A slot of which something is broken may do all the same.
                if (rereads || (was_in_vain && slot.knows == Knowledge::Ready))
                    && !fru.is_out_of_sight()
                    && !cannot_be_read
                {
                    fru.recollect(now);
                }
            }
            Some(Phase::Remove) => self.is_taken_out(key, now),
            // Whether that has taken its device away.
            Some(Phase::Failed) => {}
            Some(Phase::After) | None => return,
        }
        effects.push(Effect::Look(key.to_owned()));
    }

    /// Slots hear of what was read: what follows for this part, or that it is of no use.
    pub(super) fn tell_slots(&mut self) {
        for (key, slot) in &mut self.slots {
            let Some(fru) = self.frus.get(key) else { continue };
            slot.forget_others(fru.reading());
            if let Some((reading, is_usable, ccin)) = fru.dealt_with()
                && !slot.is_leaving()
                && !fru.is_of_reread()
            {
                slot.hear(reading, is_usable, ccin);
            }
        }
    }

    fn holding(&mut self, ticket: &Ticket) -> Option<&mut Slot> {
        self.slots.get_mut(&ticket.key).filter(|slot| slot.ticket == ticket.number)
    }

    /// What is wrong with its slot is told with the EEPROM, where nothing else is.
    pub(super) fn with_slot(&self, mut status: FruStatus) -> FruStatus {
        if let Some((reason, _)) = self.slots.get(&status.key).and_then(Slot::problem)
            && status.reason.is_empty()
        {
            reason.clone_into(&mut status.reason);
        }
        status
    }

    /// What is wrong with the slot of an EEPROM, and whether that is a line.
    pub fn slot_problem(&self, key: &str) -> Option<(&str, bool)> {
        self.slots.get(key).and_then(Slot::problem)
    }

    /// Has the inventory told of what it lacks, once it is known what is there.
    pub(super) fn prime(&mut self, effects: &mut Vec<Effect>) {
        if !self.is_settled || self.inventory == Presence::Away {
            return;
        }
        // States that hold without power only are told later where nobody had said yet that there is none.
        let is_late =
            self.priming == Priming::Done && self.primed_at == Power::Unknown && self.power == Power::Off;
        if self.priming != Priming::NotYet && !is_late {
            return;
        }
        self.priming = Priming::UnderWay;
        self.primed_at = self.power;
        let extent = |key: &str| {
            if is_late {
                return Extent::States;
            }
            let lacks_all = self.frus.get(key).is_some_and(super::Fru::is_unpublished);
            if lacks_all && !self.cannot_be_read(key) { Extent::Full } else { Extent::States }
        };
        let all: Vec<(String, Extent)> = self.plans.keys().map(|key| (key.clone(), extent(key))).collect();
        self.primed =
            all.iter().filter(|(_, extent)| *extent == Extent::Full).map(|(key, _)| key.clone()).collect();
        effects.push(Effect::Prime(all, self.power));
    }

    /// A run that began before the inventory was told may have been overwritten by that.
    pub(super) fn primed(&mut self, result: Result<(), String>, now: Now) {
        if self.priming != Priming::UnderWay {
            return;
        }
        for key in std::mem::take(&mut self.primed) {
            if let Some(fru) = self.frus.get_mut(&key) {
                fru.was_primed(now);
            }
        }
        // Without it the inventory lacks objects for a while, which is no reason not to collect.
        self.priming = Priming::Done;
        if let Err(reason) = result {
            log::warn!("the inventory may lack objects until they are read: {reason}");
            self.priming = Priming::Failed;
        }
    }
}
