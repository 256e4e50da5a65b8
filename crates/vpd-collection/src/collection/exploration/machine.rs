//! A model of one place, its unit, process 1, udev and the inventory; as simple as still lets things cross.

use super::super::*;
use super::Dice;
use crate::collection::tests::job_ended;
use dbus_api::vpd::collection::Report;
use std::collections::VecDeque;
use unit_jobs::{ActiveState, RunResult};

pub(super) const KEY: &str = "10-0050";
const UNIT: &str = "ipz-vpd-parser@10\\x2d0050.service";

/// What may go wrong besides the order of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    /// Nothing.
    None,
    /// Parsers crash, and their reports get lost.
    Parsers,
    /// Process 1 refuses jobs, does not say that they ended, or not that they were queued.
    Process1,
    /// The slot's unit fails, or is ended.
    Slots,
}

/// What is special about the place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// Its device is there only while it is prepared, and a line says whether a part is in.
    pub has_slot: bool,
    /// Its part can be read with the chassis off only.
    pub is_power_off_only: bool,
    /// What the inventory says of it is listened to.
    pub is_watched: bool,
}

/// What is wanted of the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    In,
    Out,
    /// Something has happened since it was to be out that may count as another part.
    Either,
}

/// A run of the parser.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) invocation: u64,
    pub(super) started: i64,
    /// The part that was read, once it was; none when it was gone or silent.
    pub(super) read: Option<Option<u64>>,
    pub(super) report: Option<Report>,
    /// The report was taken, or nobody waits for that.
    pub(super) is_reported: bool,
}

/// What is on its way to the inventory.
#[derive(Debug)]
pub(super) enum Notice {
    /// A parser's values; the parser waits.
    Values(u64),
    /// What a parser publishes that got no answer: texts are emptied, records that it does not know are not.
    Silence,
    /// The collection's, with the ticket to answer.
    Tidy(Ticket, Option<Box<Report>>),
}

#[derive(Debug)]
pub struct Machine {
    pub(super) faults: Faults,
    pub(super) place: Place,
    pub(super) collection: Collection,
    pub log: Vec<String>,
    pub(super) seconds: u64,
    born: u64,
    pub(super) readies: usize,
    pub(super) wish: Wish,
    /// What the collection did that it must not do.
    pub(super) misdeeds: Vec<String>,
    /// What a restart of the service finds.
    record: Option<FruStatus>,

    /// The part whose device is there.
    pub(super) part: Option<u64>,
    parts: u64,
    pub(super) is_silent: bool,
    /// A writer holds it.
    pub(super) is_locked: bool,
    pub(super) udev: VecDeque<Sight>,
    is_settling: bool,
    pub(super) slot: super::slot::SlotModel,

    pub(super) active: &'static str,
    pub(super) result: &'static str,
    pub(super) status: i32,
    pub(super) invocation: u64,
    pub(super) run: Option<Run>,
    job: Option<String>,
    pub(super) jobs: u64,
    /// What process 1 has not heard of yet: the device is there, or not.
    pub(super) unheard: VecDeque<bool>,
    is_heard_of: bool,
    orders: VecDeque<Effect>,
    /// Signals and answers of process 1 keep their order.
    pub(super) said: VecDeque<Event>,
    pub(super) reports: VecDeque<Report>,
    pub(super) is_inventory_here: bool,
    owners: VecDeque<Presence>,
    pub(super) notices: VecDeque<Notice>,
    pub(super) tidied: VecDeque<Event>,
    /// What the inventory has said of the part's presence, and the collection has yet to hear.
    pub(super) echoes: VecDeque<Told>,
    /// The part that the inventory shows, and whether anything of an earlier one remains in it.
    pub(super) shown: Option<u64>,
    pub(super) leftover: bool,
    /// Values of the part that it shows were emptied, as those of an earlier one.
    pub(super) is_spoiled: bool,
    /// Calls for another reading that wait, with the runs that had begun by then.
    pub(super) calls: BTreeMap<u64, u64>,
    asked: u64,
    /// The runs by which such calls were answered.
    pub(super) answers: Vec<Result<Reread, Unread>>,
}

impl Machine {
    pub fn new(faults: Faults, place: Place) -> Self {
        Self {
            faults,
            place,
            collection: place.collection(),
            wish: Wish::In,
            misdeeds: Vec::new(),
            slot: super::slot::SlotModel::new(place),
            echoes: VecDeque::new(),
            log: Vec::new(),
            seconds: 0,
            born: 0,
            readies: 0,
            record: None,
            part: None,
            parts: 0,
            is_silent: false,
            is_locked: false,
            udev: VecDeque::new(),
            is_settling: true,
            active: "inactive",
            result: "success",
            status: 0,
            invocation: 0,
            run: None,
            job: None,
            jobs: 0,
            unheard: VecDeque::new(),
            is_heard_of: false,
            orders: VecDeque::new(),
            said: VecDeque::new(),
            reports: VecDeque::new(),
            is_inventory_here: false,
            owners: VecDeque::new(),
            notices: VecDeque::new(),
            tidied: VecDeque::new(),
            // A machine that was on before has another part's values.
            shown: Some(0),
            leftover: true,
            is_spoiled: false,
            calls: BTreeMap::new(),
            asked: 0,
            answers: Vec::new(),
        }
    }

    pub(super) fn wall(&self) -> i64 {
        i64::try_from(self.seconds).unwrap() * 1_000_000 + 1_000_000_000
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.log.push(format!("{} {event:?}", self.seconds));
        let now = Now { elapsed: Duration::from_secs(self.seconds - self.born), wall: self.wall() };
        let mut effects = VecDeque::from(self.collection.step(event, now));
        while let Some(effect) = effects.pop_front() {
            self.log.push(format!("    {effect:?}"));
            self.check(&effect);
            match effect {
                Effect::Look(key) => {
                    effects.extend(self.collection.step(Event::Device(key, self.sight()), now))
                }
                Effect::LookAgain => {
                    effects.extend(self.collection.step(Event::Device(KEY.to_owned(), self.sight()), now));
                    effects.extend(self.collection.step(Event::LookedAgain, now));
                }
                Effect::Answer(call, result) => self.call_is_answered(call, result),
                Effect::Ready => self.readies += 1,
                // It lacks nothing: a machine that was on before has every object.
                Effect::Prime(..) => effects.extend(self.collection.step(Event::Primed(Ok(())), now)),
                Effect::Tidy(ticket, report) => self.notices.push_back(Notice::Tidy(ticket, report)),
                order => self.orders.push_back(order),
            }
        }
        let status = self.collection.statuses().remove(0);
        match &*status.state {
            "collected" => self.record = Some(status),
            "absent" | "failed" => self.record = None,
            _ => {}
        }
    }

    fn sight(&self) -> Sight {
        if self.part.is_some() { Sight::Present } else { Sight::Absent }
    }

    /// One thing happens, whichever.
    pub fn happen(&mut self, dice: &mut Dice) {
        match dice.below(31) {
            30 if dice.one_in(3) => self.unit_is_restarted(),
            29 => self.is_locked = dice.one_in(3),
            28 if dice.one_in(2) => self.ask_for_reading(),
            0 => self.plug_or_unplug(),
            1 => self.swap(),
            24 => self.line_is_looked_at(),
            25 if dice.one_in(3) => self.power_changes(),
            26 => self.power_has_its_effect(dice),
            // The service refuses what cannot be done now.
            27 if dice.one_in(4) && !self.is_held() => {
                // What has come since may count as another part.
                self.wish =
                    if self.udev.is_empty() && self.slot.changes == 0 { Wish::Out } else { Wish::Either };
                self.tell(Event::Remove(vec![KEY.to_owned()]));
            }
            2 => self.is_silent = dice.one_in(3),
            3 => self.inventory_comes_or_goes(),
            4 => {
                let seconds = u64::try_from([1, 2, 5, 30, 90][dice.below(5)]).unwrap();
                if seconds > 5 {
                    self.slot_unit_ends(dice);
                }
                self.seconds += seconds;
                self.tell(Event::Tick);
            }
            5 if dice.one_in(2) => {
                if !self.is_held() {
                    self.wish = Wish::In;
                }
                self.tell(Event::Recollect(Vec::new()));
            }
            6 if dice.one_in(3) => self.service_restarts(dice),
            7 => self.tell(Event::Device(KEY.to_owned(), self.sight())),
            8 if self.is_settling => {
                self.is_settling = false;
                self.tell(Event::Settled);
            }
            _ => self.go_on(dice),
        }
    }

    /// An administrator does that.
    fn unit_is_restarted(&mut self) {
        if self.is_heard_of && !self.place.is_power_off_only {
            self.log.push(format!("{} the unit is restarted", self.seconds));
            self.start(Verb::Restart);
        }
    }

    pub(super) fn ask_for_reading(&mut self) {
        self.asked += 1;
        self.calls.insert(self.asked, self.invocation);
        self.tell(Event::Reread(KEY.to_owned(), self.asked));
    }

    fn call_is_answered(&mut self, call: u64, result: Result<Reread, Unread>) {
        let Some(begun) = self.calls.remove(&call) else {
            return self.misdeeds.push(format!("call {call} is answered though it does not wait"));
        };
        if let Ok(reread) = &result
            && reread.run.parse::<u64>().is_ok_and(|run| run <= begun)
        {
            self.misdeeds.push(format!("call {call} is answered by a run that began before it"));
        }
        self.answers.push(result);
    }

    /// Nobody does that with the chassis on where it must be off to read a part.
    fn plug_or_unplug(&mut self) {
        if self.place.is_power_off_only && self.slot.power == Power::On {
            return;
        }
        self.parts += 1;
        self.slot.inserted = if self.slot.inserted.is_some() { None } else { Some(self.parts) };
        self.slot.changes += 1;
        if self.wish == Wish::Out {
            self.wish = Wish::Either;
        }
        self.log.push(format!("{} part {:?}", self.seconds, self.slot.inserted));
        self.devices_follow();
    }

    fn swap(&mut self) {
        self.plug_or_unplug();
        self.plug_or_unplug();
    }

    fn inventory_comes_or_goes(&mut self) {
        self.is_inventory_here = !self.is_inventory_here;
        self.owners.push_back(if self.is_inventory_here { Presence::Here } else { Presence::Away });
    }

    /// That takes a second at least: what process 1 and the inventory had to do by then is done.
    fn service_restarts(&mut self, dice: &mut Dice) {
        self.slot_unit_ends(dice);
        while let Some(is_there) = self.unheard.pop_front() {
            self.process_1_hears(is_there);
        }
        while !self.notices.is_empty() {
            self.inventory_takes(0);
        }
        self.log.push(format!("{} restart", self.seconds));
        self.collection = self.place.collection();
        self.wish = Wish::In;
        self.echoes.clear();
        self.collection.resume(self.record.clone().into_iter().collect());
        self.collection.succeed(Now { elapsed: Duration::ZERO, wall: self.wall() });
        (self.born, self.readies, self.is_settling) = (self.seconds, 0, true);
        self.udev.clear();
        self.owners.clear();
        self.said.clear();
        self.tidied.clear();
        self.orders.clear();
        // Who waits for an answer hears of the restart from the bus.
        self.calls.clear();
        if self.is_inventory_here {
            self.tell(Event::Inventory(Presence::Here));
        }
        self.power_is_told_anew();
        self.tell(Event::Device(KEY.to_owned(), self.sight()));
    }

    /// Something that is on its way arrives.
    fn go_on(&mut self, dice: &mut Dice) {
        match dice.below(11) {
            8 => self.slot_unit_goes_on(dice),
            9 => self.power_is_told(),
            0 => {
                if let Some(sight) = self.udev.pop_front() {
                    let sight = match sight {
                        // What it is asked when it is heard of.
                        Sight::Present if self.part.is_none() => return,
                        sight => sight,
                    };
                    self.tell(Event::Device(KEY.to_owned(), sight));
                }
            }
            1 => {
                if let Some(presence) = self.owners.pop_front() {
                    self.tell(Event::Inventory(presence));
                }
            }
            2 => {
                if let Some(is_there) = self.unheard.pop_front() {
                    self.process_1_hears(is_there);
                }
            }
            3 => {
                if let Some(order) = self.orders.pop_front() {
                    self.process_1_does(order, dice);
                }
            }
            4 => {
                if let Some(said) = self.said.pop_front() {
                    self.tell(said);
                }
            }
            5 => {
                if let Some(report) = self.reports.pop_front() {
                    if let Some(run) = self.run.as_mut().filter(|run| run.report.as_ref() == Some(&report)) {
                        run.is_reported = true;
                    }
                    self.tell_with_echoes(Event::Report(report), dice);
                }
            }
            6 => self.inventory_works(dice),
            7 => {
                if let Some(tidied) = self.tidied.pop_front() {
                    self.tell_with_echoes(tidied, dice);
                }
            }
            _ => self.parser_goes_on(dice),
        }
    }

    fn process_1_hears(&mut self, is_there: bool) {
        self.is_heard_of = is_there;
        self.log.push(format!("{} process 1 hears {is_there}", self.seconds));
        if is_there {
            // The rule's wish, if it has one; a unit that is active or about to be stays as it is.
            if !self.place.is_power_off_only
                && self.job.is_none()
                && matches!(self.active, "inactive" | "failed")
            {
                self.begin_job();
                self.begin_run();
            }
        } else {
            self.run = None;
            self.active = "inactive";
            self.end_job("canceled");
        }
    }

    fn begin_job(&mut self) -> String {
        self.jobs += 1;
        let job = format!("/job/{}", self.jobs);
        self.job = Some(job.clone());
        job
    }

    pub(super) fn end_job(&mut self, result: &str) {
        if let Some(job) = self.job.take() {
            self.said.push_back(job_ended(job, UNIT, result));
        }
    }

    fn begin_run(&mut self) {
        self.invocation += 1;
        (self.active, self.result, self.status) = ("activating", "success", 0);
        self.run = Some(Run {
            invocation: self.invocation,
            started: self.wall(),
            read: None,
            report: None,
            is_reported: false,
        });
    }

    fn process_1_does(&mut self, order: Effect, dice: &mut Dice) {
        let is_forgetful = self.faults == Faults::Process1;
        match order {
            Effect::Start(ticket, unit, _) if unit.starts_with("vpd-slot@") => {
                self.slot_unit_is_started(ticket, unit, dice);
            }
            Effect::Inspect(ticket, unit) if unit.starts_with("vpd-slot@") => {
                self.slot_unit_is_asked_about(ticket, dice);
            }
            Effect::Start(ticket, unit, verb) => {
                if is_forgetful && dice.one_in(6) {
                    self.said.push_back(Event::JobRefused(ticket, "no".to_owned()));
                    return;
                }
                let job = self.start(verb);
                if !(is_forgetful && dice.one_in(8)) {
                    self.said.push_back(Event::JobQueued(ticket, job.clone()));
                }
                // The signal of a job that ended at once.
                if self.job.is_none() {
                    let result = if self.is_heard_of { "done" } else { "dependency" };
                    let at = if dice.one_in(2) { self.said.len() } else { self.said.len().saturating_sub(1) };
                    self.said.insert(at, job_ended(job, unit, result));
                }
                if is_forgetful && dice.one_in(8) {
                    self.said.retain(|event| !matches!(event, Event::JobEnded(..)));
                }
            }
            Effect::Inspect(ticket, _) => {
                let state = UnitState {
                    active: ActiveState::parse(self.active),
                    invocation: self.invocation.to_string(),
                    result: RunResult::parse(self.result),
                    status: self.status,
                    ..UnitState::default()
                };
                let answer = if is_forgetful && dice.one_in(6) { Err("late".to_owned()) } else { Ok(state) };
                self.said.push_back(Event::Inspected(ticket, answer));
            }
            order => panic!("{order:?} is not for process 1"),
        }
    }

    fn start(&mut self, verb: Verb) -> String {
        if !self.is_heard_of {
            // It waits for the device's unit in vain.
            self.jobs += 1;
            return format!("/job/{}", self.jobs);
        }
        match (verb, self.job.clone()) {
            (Verb::Start, Some(job)) => job,
            (Verb::Restart, Some(job)) => {
                self.begin_run();
                job
            }
            (Verb::Start, None) if self.active == "active" => {
                self.jobs += 1;
                format!("/job/{}", self.jobs)
            }
            (Verb::Stop, _) => panic!("the collection stops no unit of a parser"),
            (_, None) => {
                let job = self.begin_job();
                self.begin_run();
                job
            }
        }
    }

    /// A signal of the inventory comes by another way than what it answers: the last one before an answer may be a
    /// little late.
    fn tell_with_echoes(&mut self, event: Event, dice: &mut Dice) {
        let mut echoes = std::mem::take(&mut self.echoes);
        echoes.retain(|_| self.place.is_watched);
        let late = echoes.pop_back();
        let is_late = dice.one_in(2);
        echoes.extend(late.filter(|_| !is_late));
        echoes.into_iter().for_each(|told| self.tell(Event::Told(KEY.to_owned(), told)));
        self.tell(event);
        late.filter(|_| is_late).into_iter().for_each(|told| self.tell(Event::Told(KEY.to_owned(), told)));
    }

    /// Nothing new happens; what is under way arrives, then time passes.
    pub fn calm_down(&mut self, dice: &mut Dice) {
        self.log.push(format!("{} calm", self.seconds));
        self.faults = Faults::None;
        (self.is_silent, self.is_locked) = (false, false);
        if !self.is_inventory_here {
            self.inventory_comes_or_goes();
        }
        if std::mem::take(&mut self.is_settling) {
            self.tell(Event::Settled);
        }
        self.let_arrive(dice);
    }

    /// Somebody asks for that, when all is calm.
    pub fn read_again(&mut self, dice: &mut Dice) {
        self.power_goes_off();
        self.let_arrive(dice);
        self.wish = Wish::In;
        self.slot.is_certain = true;
        self.tell(Event::Recollect(Vec::new()));
        self.let_arrive(dice);
    }

    /// Who asks for another reading when all is calm gets one; two who ask while that has begun share the next; nothing else is
    /// done.
    pub fn reread(&mut self, dice: &mut Dice) {
        self.answers.clear();
        let (runs, slot_units, shown) = (self.invocation, self.slot.started, self.shown);
        (0..3).for_each(|_| self.ask_for_reading());
        self.let_arrive(dice);
        let is_there = self.slot.inserted.is_some();
        let is_right = match self.answers.as_slice() {
            [Ok(first), Ok(second), Ok(third)] => {
                is_there && second == third && first.run != second.run && self.invocation == runs + 2
            }
            [Err(Unread::Unavailable(_)), Err(Unread::Unavailable(_)), Err(Unread::Unavailable(_))] => {
                let is_shut = self.collection.slots.values().any(Slot::is_shut);
                (!is_there || is_shut) && self.invocation == runs
            }
            _ => false,
        };
        if !is_right || self.slot.started != slot_units || self.shown != shown {
            let answers = &self.answers;
            self.misdeeds.push(format!("who asked for a reading got {answers:?}, or something was done"));
        }
    }

    fn let_arrive(&mut self, dice: &mut Dice) {
        for round in 0..12 {
            for _ in 0..400 {
                self.go_on(dice);
            }
            self.line_is_looked_at();
            self.seconds += if round < 8 { 5 } else { 300 };
            self.tell(Event::Tick);
        }
    }
}
