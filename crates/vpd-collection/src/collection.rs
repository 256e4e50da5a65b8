//! What is known of every EEPROM, and what follows from each thing that happens. No I/O, no clock.

#[cfg(test)]
mod exploration;
mod fru;
mod plan;
mod power;
mod rereads;
mod slot;
mod slots;
#[cfg(test)]
mod tests;
mod wishes;

use dbus_api::vpd::collection::{CollectionState, FruState, FruStatus, Outcome, Report};
pub use fru::Reread;
use fru::{Awaited, Fru, Phase};
pub use plan::Plan;
pub use power::{Host, Power};
use rereads::Rereads;
use slot::Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use unit_jobs::{EndedJob, JobResult, UnitState, Verb};
pub use wishes::Wish;

/// How long things may take, and how often they are tried.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For udev to handle the devices that were there at boot.
    pub settle: Duration,
    /// For the inventory to appear.
    pub inventory: Duration,
    /// For somebody to say whether the chassis has power, where that matters.
    pub power: Duration,
    /// Between two signs of progress of the units that are read.
    pub progress: Duration,
    /// For everything.
    pub collection: Duration,
    /// Runs of one FRU since its device appeared.
    pub attempts: u32,
    /// Before the second run; doubled for each further one.
    pub back_off: Duration,
    /// For what callers of `Reread` wait for.
    pub reread: Duration,
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
    /// A job has ended.
    JobEnded(EndedJob),
    /// A parser reports.
    Report(Report),
    /// Process 1 has said what it knows of the unit.
    Inspected(Ticket, Result<UnitState, String>),
    /// The inventory took what [`Effect::Tidy`] had for it, or not.
    Tidied(Ticket, Result<(), String>),
    /// The inventory has been told of all objects that it lacked, or not.
    Primed(Result<(), String>),
    /// Somebody wants these read again; all that are present when none is named.
    Recollect(Vec<String>),
    /// Somebody wants the parts of these taken out.
    Remove(Vec<String>),
    /// The call of this number waits for a reading of this one that has yet to begin.
    Reread(String, u64),
    /// Whether the chassis has power.
    Power(Power),
    /// What the host does.
    Host(Host),
    /// Somebody has said in the inventory that a part is there, or is not.
    Told(String, Told),
    /// A line that is looked at again and again says whether a part is there.
    Line(String, Told),
    /// Time has passed.
    Tick,
}

/// What others say of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is there.
    There,
    /// It is not.
    Gone,
}

/// How much of an EEPROM's objects is primed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All that the inventory lacks.
    Full,
    /// What its parser does not publish: that may be on its way.
    States,
}

/// Whether the inventory is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Its name has an owner.
    Here,
    /// It has none.
    Away,
}

/// Why a call of `Reread` gets no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// The system has no such EEPROM.
    Unknown,
    /// It cannot be read, or its reading is not in the inventory, and why.
    Unavailable(String),
    /// Nothing has come of it in time.
    TimedOut,
    /// So many calls wait already.
    TooMany,
}

/// For whom an answer is; one that is out of date is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The EEPROM's key.
    pub key: String,
    number: u64,
    whose: Whose,
}

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Reader,
    Slot,
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
    /// Tell the inventory of objects that it lacks, then say [`Event::Primed`].
    Prime(Vec<(String, Extent)>, Power),
    /// Answer the call of this number.
    Answer(u64, Result<Reread, Unread>),
    /// Everything is collected, or given up.
    Ready,
}

/// Whether the inventory has been told of what it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Priming {
    NotYet,
    UnderWay,
    Done,
    /// It was not; another inventory, or the same one come back, is told.
    Failed,
}

/// The whole.
#[derive(Debug)]
pub struct Collection {
    limits: Limits,
    plans: BTreeMap<String, Plan>,
    frus: BTreeMap<String, Fru>,
    slots: BTreeMap<String, Slot>,
    /// Calls that wait for a reading.
    rereads: Rereads,
    /// Taken out, though their devices may be there.
    out: BTreeSet<String>,
    /// What the lines said last.
    lines: BTreeMap<String, Told>,
    priming: Priming,
    /// What was known of the chassis then.
    primed_at: Power,
    /// What is being primed in full.
    primed: Vec<String>,
    power: Power,
    host: Host,
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
    /// Starts with every EEPROM of the system.
    pub fn new(limits: Limits, plans: impl IntoIterator<Item = Plan>) -> Self {
        let (mut by_key, mut frus, mut slots) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for plan in plans {
            frus.insert(plan.key.clone(), Fru::new(&plan));
            slots.extend(Slot::of(&plan).map(|slot| (plan.key.clone(), slot)));
            by_key.insert(plan.key.clone(), plan);
        }
        Self {
            limits,
            frus,
            slots,
            plans: by_key,
            rereads: Rereads::default(),
            out: BTreeSet::new(),
            lines: BTreeMap::new(),
            priming: Priming::NotYet,
            primed_at: Power::Unknown,
            primed: Vec::new(),
            power: Power::Unknown,
            host: Host::Unknown,
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

    /// An earlier run of the service has ended before this moment. It may have published an absence, or emptied properties, after a
    /// parser had published values whose report never reached the service. So what the inventory shows counts only where a parser
    /// runs from here on, or where the earlier run has recorded the EEPROM as collected.
    pub fn succeed(&mut self, now: Now) {
        self.frus.values_mut().for_each(|fru| fru.succeed(now));
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
            Event::JobRefused(ticket, reason) => self.job_refused(&ticket, &reason, now, &mut effects),
            Event::JobEnded(job) => self.job_ended(&job, now, &mut effects),
            Event::Report(report) => self.report(report, now, &mut effects),
            Event::Inspected(ticket, state) => self.inspected(&ticket, state, now, &mut effects),
            Event::Tidied(ticket, result) => {
                let limits = self.limits;
                if let Some(fru) = self.holder(&ticket) {
                    fru.tidied(result, &limits, now);
                }
            }
            Event::Primed(result) => self.primed(result, now),
            Event::Recollect(keys) => self.recollect(&keys, now, &mut effects),
            Event::Remove(keys) => keys.iter().for_each(|key| self.remove(key, now)),
            Event::Reread(key, call) => self.reread(&key, call, now, &mut effects),
            Event::Power(power) => self.power_changed(power, now, &mut effects),
            Event::Host(host) => self.host_changed(host, now, &mut effects),
            Event::Told(key, told) => self.told(&key, told, now, &mut effects),
            Event::Line(key, told) => self.line_says(&key, told, now, &mut effects),
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
        if self.power == Power::Unknown && self.plans.values().any(|plan| plan.power_off_only) {
            limits.push(self.limits.power);
        }
        if self.frus.values().any(Fru::is_with_systemd) || self.slots.values().any(Slot::is_working) {
            limits.push(self.progress_at + self.limits.progress);
        }
        limits.extend(self.rereads.until());
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
    pub fn state(&self) -> CollectionState {
        let is_busy = self.frus.values().any(|fru| !fru.is_at_rest())
            || self.slots.values().any(|slot| !slot.is_idle());
        match (self.is_settled, self.inventory) {
            (false, _) => CollectionState::Settling,
            (_, Presence::Away) if is_busy => CollectionState::WaitingForInventory,
            _ if is_busy || self.ready_at.is_none() => CollectionState::Collecting,
            _ => CollectionState::Collected,
        }
    }

    /// When everything was collected first, microseconds since 1970, and whether nothing had been given up.
    pub fn ready(&self) -> Option<(i64, bool)> {
        self.ready_at.map(|now| (now.wall, self.complete))
    }

    /// How far it is with one EEPROM, and the outcome of its last report; none where the system has no such.
    pub fn standing(&self, key: &str) -> Option<(FruState, Outcome)> {
        let fru = self.frus.get(key).filter(|_| self.has(key))?;
        Some((fru.state(), fru.outcome()))
    }

    /// Every EEPROM, in the order of their keys.
    pub fn statuses(&self) -> Vec<FruStatus> {
        let shown = self.frus.iter().filter(|(_, fru)| !(fru.unit.is_empty() && fru.is_well_gone()));
        shown.map(|(key, fru)| self.with_slot(fru.status(key))).collect()
    }

    fn see(&mut self, key: &str, sight: Sight, now: Now, effects: &mut Vec<Effect>) {
        // Before udev is done, what cannot be seen may still come.
        if sight == Sight::Absent && !self.is_settled {
            return;
        }
        if !self.is_decided(key, sight, now) {
            return;
        }
        let Some(fru) = self.frus.get_mut(key) else { return };
        match sight {
            Sight::Present => {
                if fru.appear(now) {
                    let ticket = reader_ticket(&mut self.tickets, key, fru);
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
            self.prepare_all();
            // What was not seen until now is not there; what was left as it was may be read by now.
            let is_open = |fru: &Fru| fru.is_unsettled() || fru.phase == Phase::Kept;
            let open = self.frus.iter().filter(|(_, fru)| is_open(fru));
            effects.extend(open.map(|(key, _)| Effect::Look(key.clone())));
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
            if self.priming == Priming::Failed {
                self.priming = Priming::NotYet;
            }
            for fru in self.frus.values_mut() {
                fru.inventory_came(now);
            }
        }
    }

    fn job_queued(&mut self, ticket: &Ticket, job: String, now: Now, effects: &mut Vec<Effect>) {
        if ticket.whose == Whose::Slot {
            self.slot_queued(ticket, &job, effects);
            return;
        }
        let Some(fru) = self.holder(ticket) else { return };
        if let Some(result) = fru.queued(&job) {
            let ended = EndedJob { job, unit: fru.unit.clone(), result };
            self.job_ended(&ended, now, effects);
        }
    }

    fn job_refused(&mut self, ticket: &Ticket, reason: &str, now: Now, effects: &mut Vec<Effect>) {
        if ticket.whose == Whose::Slot {
            self.slot_given_up(ticket, &format!("process 1 did not start it: {reason}"), now, effects);
            return;
        }
        let limits = self.limits;
        if let Some(fru) = self.holder(ticket) {
            fru.refused(reason, &limits, now);
        }
    }

    fn job_ended(&mut self, ended: &EndedJob, now: Now, effects: &mut Vec<Effect>) {
        if self.slot_job_ended(ended, now, effects) {
            return;
        }
        let EndedJob { job, unit, result } = ended;
        let Some((key, fru)) = self.frus.iter_mut().find(|(_, fru)| fru.unit == *unit) else { return };
        self.progress_at = now.elapsed;
        if fru.job_ended(job, *result) {
            if fru.has_fresh_report() && *result == JobResult::Done && fru.awaited == Awaited::Nothing {
                fru.conclude(&self.limits, now);
            } else {
                fru.phase = Phase::Inspecting;
                let ticket = reader_ticket(&mut self.tickets, key, fru);
                effects.push(Effect::Inspect(ticket, unit.to_owned()));
            }
        }
    }

    fn report(&mut self, report: Report, now: Now, effects: &mut Vec<Effect>) {
        self.progress_at = now.elapsed;
        let key = report.key.clone();
        let Some(fru) = self.frus.get_mut(&key) else { return };
        let is_out = self.out.contains(&key);
        if fru.reported(report) {
            fru.conclude(&self.limits, now);
        } else if is_out && fru.is_gone() {
            // A part was read that is taken out: its absence is said after that.
            fru.vanish(Sight::Gone, now);
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
        if ticket.whose == Whose::Slot {
            self.slot_inspected(ticket, state, now, effects);
            return;
        }
        let limits = self.limits;
        let Some(fru) = self.holder(ticket) else { return };
        if fru.inspected(state, &limits, now) {
            effects.push(Effect::Look(ticket.key.clone()));
        }
    }

    fn recollect(&mut self, keys: &[String], now: Now, effects: &mut Vec<Effect>) {
        let is_meant =
            |key: &&String| if keys.is_empty() { self.obstacle(key).is_none() } else { keys.contains(key) };
        let all: Vec<String> = self.frus.keys().filter(is_meant).cloned().collect();
        for key in all {
            self.read_again(&key, now, effects);
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
        self.wait_no_longer_for_power(now, effects);
        self.hold_back(now);
        self.prime(effects);
        self.give_up(now, effects);
        self.tell_slots();
        self.work_on_slots(now, effects);
        self.work_on_rereads(now, effects);
        for (key, fru) in &mut self.frus {
            if fru.due(self.inventory).is_none_or(|due| due > now.elapsed) {
                continue;
            }
            let ticket = reader_ticket(&mut self.tickets, key, fru);
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

    fn give_up(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let stalled = now.elapsed >= self.progress_at + self.limits.progress;
        let late = self.ready_at.is_none() && now.elapsed >= self.limits.collection;
        let no_inventory =
            self.inventory == Presence::Away && now.elapsed >= self.away_since + self.limits.inventory;
        if late || stalled {
            self.give_up_slots(now, effects);
        }
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
        let is_settled = |fru: &Fru| fru.is_at_rest() || fru.is_overdue;
        // Who waits for everything expects the objects of empty places, too; but a silent inventory is not waited for.
        let is_primed = self.priming != Priming::UnderWay || self.frus.values().any(|fru| fru.is_overdue);
        self.is_settled
            && is_primed
            && self.frus.values().all(is_settled)
            && self.slots.values().all(Slot::is_idle)
    }
}

/// A new ticket; answers to earlier ones are not taken any more.
fn reader_ticket(tickets: &mut u64, key: &str, fru: &mut Fru) -> Ticket {
    *tickets += 1;
    fru.ticket = *tickets;
    Ticket { key: key.to_owned(), number: *tickets, whose: Whose::Reader }
}
