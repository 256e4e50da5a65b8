//! What is known of every EEPROM, and what follows from each thing that happens. No I/O, no clock.

#[cfg(test)]
mod exploration;
mod fru;
#[cfg(test)]
mod tests;

use dbus_api::systemd::{UnitState, Verb};
use dbus_api::vpd::collection::{FruStatus, Report};
use fru::{Fru, Phase};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long things may take, and how often they are tried.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For udev to handle the devices that were there at boot.
    pub settle: Duration,
    /// For the inventory to appear.
    pub inventory: Duration,
    /// Between two signs of progress of the units that are read.
    pub progress: Duration,
    /// For everything.
    pub collection: Duration,
    /// Runs of one FRU since its device appeared.
    pub attempts: u32,
    /// Before the second run; doubled for each further one.
    pub back_off: Duration,
}

/// A moment: on the clock that only goes forward, from the service's start, and on the wall's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now {
    /// Since the service's start.
    pub elapsed: Duration,
    /// Microseconds since 1970.
    pub wall: i64,
}

/// What is to be seen of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Its driver offers the EEPROM's bytes.
    Present,
    /// It is not there, or no driver has it.
    Absent,
    /// It went, whatever is there now.
    Gone,
}

/// What happens.
#[derive(Debug)]
pub enum Event {
    /// A device was looked at, or udev told of it.
    Device(String, Sight),
    /// udev has handled what was there at boot.
    Settled,
    /// Everything was looked at once more.
    LookedAgain,
    /// Somebody owns the inventory's name, or nobody any more.
    Inventory(Presence),
    /// Process 1 has queued what [`Effect::Start`] asked for.
    JobQueued(Ticket, String),
    /// Process 1 has not.
    JobRefused(Ticket, String),
    /// A job has ended: its path, its unit, its result.
    JobRemoved(String, String, String),
    /// A parser reports.
    Report(Report),
    /// Process 1 has said what it knows of the unit.
    Inspected(Ticket, Result<UnitState, String>),
    /// The inventory took what [`Effect::Tidy`] had for it, or not.
    Tidied(Ticket, Result<(), String>),
    /// Somebody wants these read again; all that are present when none is named.
    Recollect(Vec<String>),
    /// Time has passed.
    Tick,
}

/// Whether the inventory is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Its name has an owner.
    Here,
    /// It has none.
    Away,
}

/// For whom an answer is; one that is out of date is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The EEPROM's key.
    pub key: String,
    number: u64,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Have process 1 start the unit.
    Start(Ticket, String, Verb),
    /// Ask process 1 about the unit.
    Inspect(Ticket, String),
    /// Publish the absence of a FRU (no report), or empty what a collected one left of an earlier part.
    Tidy(Ticket, Option<Box<Report>>),
    /// Look at one device again.
    Look(String),
    /// Look at all of them, then say [`Event::LookedAgain`].
    LookAgain,
    /// Everything is collected, or given up.
    Ready,
}

/// The whole.
#[derive(Debug)]
pub struct Collection {
    limits: Limits,
    frus: BTreeMap<String, Fru>,
    inventory: Presence,
    /// Since when it is away, if it is.
    away_since: Duration,
    is_settled: bool,
    is_looking_again: bool,
    /// Nothing is waited for any longer.
    ready_at: Option<Now>,
    /// Whether nothing was given up until then.
    complete: bool,
    progress_at: Duration,
    tickets: u64,
}

impl Collection {
    /// Starts with every EEPROM of the system, by key, with the unit that reads it.
    pub fn new(limits: Limits, units: impl IntoIterator<Item = (String, String)>) -> Self {
        let frus = units.into_iter().map(|(key, unit)| (key, Fru::new(unit))).collect();
        Self {
            limits,
            frus,
            inventory: Presence::Away,
            away_since: Duration::ZERO,
            is_settled: false,
            is_looking_again: false,
            ready_at: None,
            complete: false,
            progress_at: Duration::ZERO,
            tickets: 0,
        }
    }

    /// Adds what has no device and no unit: its absence is published, and that is all.
    pub fn add_departed(&mut self, key: &str) {
        self.frus.insert(key.to_owned(), Fru::departed());
    }

    /// Whether the inventory knows of an absence.
    pub fn is_absent(&self, key: &str) -> bool {
        self.frus.get(key).is_some_and(|fru| fru.is_well_gone())
    }

    /// Takes up what an earlier run of the service knew.
    pub fn resume(&mut self, known: Vec<FruStatus>) {
        for status in known {
            if let Some(fru) = self.frus.get_mut(&status.key).filter(|fru| fru.unit == status.unit) {
                fru.resume(status);
            }
        }
    }

    /// Does what follows from an event.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Device(key, sight) => self.see(&key, sight, now, &mut effects),
            Event::Settled => self.settle(now, &mut effects),
            Event::LookedAgain => self.looked_again(now, &mut effects),
            Event::Inventory(presence) => self.inventory_changed(presence, now),
            Event::JobQueued(ticket, job) => self.job_queued(&ticket, job, now, &mut effects),
            Event::JobRefused(ticket, reason) => {
                let limits = self.limits;
                if let Some(fru) = self.holder(&ticket) {
                    fru.refused(&reason, &limits, now);
                }
            }
            Event::JobRemoved(job, unit, result) => self.job_removed(job, &unit, result, now, &mut effects),
            Event::Report(report) => self.report(report, now, &mut effects),
            Event::Inspected(ticket, state) => self.inspected(&ticket, state, now, &mut effects),
            Event::Tidied(ticket, result) => {
                let limits = self.limits;
                if let Some(fru) = self.holder(&ticket) {
                    fru.tidied(result, &limits, now);
                }
            }
            Event::Recollect(keys) => self.recollect(&keys, now),
            Event::Tick => {}
        }
        self.go_on(now, &mut effects);
        effects
    }

    /// Until when nothing needs to be done, unless something happens.
    pub fn wake_at(&self, now: Now) -> Option<Duration> {
        let mut limits = Vec::new();
        if self.ready_at.is_none() {
            limits.push(self.limits.collection);
            if !self.is_settled {
                limits.push(self.limits.settle);
            }
            if self.inventory == Presence::Away {
                limits.push(self.away_since + self.limits.inventory);
            }
        }
        if self.frus.values().any(Fru::is_with_systemd) {
            limits.push(self.progress_at + self.limits.progress);
        }
        // A limit that has passed has had its effect.
        limits.retain(|limit| *limit > now.elapsed);
        limits.into_iter().chain(self.frus.values().filter_map(|fru| fru.due(self.inventory))).min()
    }

    /// Whether the system has an EEPROM of this key.
    pub fn has(&self, key: &str) -> bool {
        self.frus.get(key).is_some_and(|fru| !fru.unit.is_empty())
    }

    /// The keys of all EEPROMs.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.frus.iter().filter(|(_, fru)| !fru.unit.is_empty()).map(|(key, _)| key.as_str())
    }

    /// `settling`, `waiting-for-inventory`, `collecting`, `collected`.
    pub fn state(&self) -> &'static str {
        let is_busy = self.frus.values().any(|fru| !fru.is_at_rest());
        match (self.is_settled, self.inventory) {
            (false, _) => "settling",
            (_, Presence::Away) if is_busy => "waiting-for-inventory",
            _ if is_busy || self.ready_at.is_none() => "collecting",
            _ => "collected",
        }
    }

    /// When everything was collected first, microseconds since 1970, and whether nothing had been given up.
    pub fn ready(&self) -> Option<(i64, bool)> {
        self.ready_at.map(|now| (now.wall, self.complete))
    }

    /// Every EEPROM, in the order of their keys.
    pub fn statuses(&self) -> Vec<FruStatus> {
        let shown = self.frus.iter().filter(|(_, fru)| !(fru.unit.is_empty() && fru.is_well_gone()));
        shown.map(|(key, fru)| fru.status(key)).collect()
    }

    fn see(&mut self, key: &str, sight: Sight, now: Now, effects: &mut Vec<Effect>) {
        // Before udev is done, what cannot be seen may still come.
        if sight == Sight::Absent && !self.is_settled {
            return;
        }
        let Some(fru) = self.frus.get_mut(key) else { return };
        match sight {
            Sight::Present => {
                if fru.appear(now) {
                    let ticket = ticket(&mut self.tickets, key, fru);
                    effects.push(Effect::Inspect(ticket, fru.unit.clone()));
                }
            }
            Sight::Absent | Sight::Gone => fru.vanish(sight, now),
        }
    }

    fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.is_settled {
            self.is_settled = true;
            self.progress_at = now.elapsed;
            // Whatever was not seen until now is not there.
            effects.extend(
                self.frus
                    .iter()
                    .filter(|(_, fru)| fru.is_unsettled())
                    .map(|(key, _)| Effect::Look(key.clone())),
            );
        }
    }

    fn looked_again(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.is_looking_again = false;
        if self.ready_at.is_none() && self.is_done() {
            self.ready_at = Some(now);
            self.complete = self.frus.values().all(Fru::is_at_rest);
            effects.push(Effect::Ready);
        }
    }

    fn inventory_changed(&mut self, presence: Presence, now: Now) {
        if presence == Presence::Away && self.inventory == Presence::Here {
            self.away_since = now.elapsed;
        }
        self.inventory = presence;
        if presence == Presence::Here {
            self.progress_at = now.elapsed;
            for fru in self.frus.values_mut() {
                fru.inventory_came(now);
            }
        }
    }

    fn job_queued(&mut self, ticket: &Ticket, job: String, now: Now, effects: &mut Vec<Effect>) {
        let Some(fru) = self.holder(ticket) else { return };
        if let Some(result) = fru.queued(&job) {
            let unit = fru.unit.clone();
            self.job_removed(job, &unit, result, now, effects);
        }
    }

    fn job_removed(&mut self, job: String, unit: &str, result: String, now: Now, effects: &mut Vec<Effect>) {
        let Some((key, fru)) = self.frus.iter_mut().find(|(_, fru)| fru.unit == unit) else { return };
        self.progress_at = now.elapsed;
        if fru.job_ended(job, result) {
            if fru.has_fresh_report() && fru.job == "done" {
                fru.conclude(&self.limits, now);
            } else {
                fru.phase = Phase::Inspecting;
                let ticket = ticket(&mut self.tickets, key, fru);
                effects.push(Effect::Inspect(ticket, unit.to_owned()));
            }
        }
    }

    fn report(&mut self, report: Report, now: Now, effects: &mut Vec<Effect>) {
        self.progress_at = now.elapsed;
        let key = report.key.clone();
        let Some(fru) = self.frus.get_mut(&key) else { return };
        if fru.reported(report) {
            fru.conclude(&self.limits, now);
        } else if fru.is_out_of_sight() {
            effects.push(Effect::Look(key));
        }
    }

    fn inspected(
        &mut self,
        ticket: &Ticket,
        state: Result<UnitState, String>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let limits = self.limits;
        let Some(fru) = self.holder(ticket) else { return };
        if fru.inspected(state, &limits, now) {
            effects.push(Effect::Look(ticket.key.clone()));
        }
    }

    fn recollect(&mut self, keys: &[String], now: Now) {
        for (key, fru) in &mut self.frus {
            if keys.is_empty() || keys.contains(key) {
                fru.recollect(now);
            }
        }
    }

    /// Whoever an answer is for, unless something has happened since.
    fn holder(&mut self, ticket: &Ticket) -> Option<&mut Fru> {
        self.frus.get_mut(&ticket.key).filter(|fru| fru.ticket == ticket.number)
    }

    /// Starts what may be started, gives up what has taken too long, and sees whether all is done.
    fn go_on(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.is_settled && now.elapsed >= self.limits.settle {
            self.settle(now, effects);
        }
        self.give_up(now);
        for (key, fru) in &mut self.frus {
            if fru.due(self.inventory).is_none_or(|due| due > now.elapsed) {
                continue;
            }
            let ticket = ticket(&mut self.tickets, key, fru);
            match fru.go() {
                fru::Step::Start(verb) => effects.push(Effect::Start(ticket, fru.unit.clone(), verb)),
                fru::Step::Inspect => effects.push(Effect::Inspect(ticket, fru.unit.clone())),
                fru::Step::Tidy(report) => effects.push(Effect::Tidy(ticket, report)),
            }
            self.progress_at = now.elapsed;
        }
        if self.ready_at.is_none() && !self.is_looking_again && self.is_done() {
            self.is_looking_again = true;
            effects.push(Effect::LookAgain);
        }
    }

    fn give_up(&mut self, now: Now) {
        let stalled = now.elapsed >= self.progress_at + self.limits.progress;
        let late = self.ready_at.is_none() && now.elapsed >= self.limits.collection;
        let no_inventory =
            self.inventory == Presence::Away && now.elapsed >= self.away_since + self.limits.inventory;
        for fru in self.frus.values_mut() {
            if late || (stalled && fru.is_with_systemd()) {
                fru.give_up(if late {
                    "the time for everything is over"
                } else {
                    "nothing has moved for too long"
                });
            } else if no_inventory && fru.waits_for_inventory() {
                fru.give_up("nobody owns the inventory's name");
            }
        }
    }

    fn is_done(&self) -> bool {
        self.is_settled && self.frus.values().all(|fru| fru.is_at_rest() || fru.is_overdue)
    }
}

/// A new ticket; answers to earlier ones are not taken any more.
fn ticket(tickets: &mut u64, key: &str, fru: &mut Fru) -> Ticket {
    *tickets += 1;
    fru.ticket = *tickets;
    Ticket { key: key.to_owned(), number: *tickets }
}
