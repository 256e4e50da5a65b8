//! A model of one slot, its unit, process 1, udev and the inventory; as simple as still lets things cross.

use super::super::*;
use super::Dice;
use crate::collection::tests::limits;
use dbus_api::vpd::collection::Report;
use std::collections::VecDeque;

const KEY: &str = "10-0050";
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
}

/// A run of the parser.
#[derive(Debug, Clone)]
struct Run {
    invocation: u64,
    started: i64,
    /// The part that was read, once it was; none when it was gone or silent.
    read: Option<Option<u64>>,
    report: Option<Report>,
    /// The report was taken, or nobody waits for that.
    is_reported: bool,
}

/// What is on its way to the inventory.
#[derive(Debug)]
enum Notice {
    /// A parser's values; the parser waits.
    Values(u64),
    /// The collection's, with the ticket to answer.
    Tidy(Ticket, Option<Box<Report>>),
}

#[derive(Debug)]
pub struct Machine {
    faults: Faults,
    collection: Collection,
    pub log: Vec<String>,
    seconds: u64,
    born: u64,
    readies: usize,
    /// What a restart of the service finds.
    record: Option<FruStatus>,

    part: Option<u64>,
    parts: u64,
    is_silent: bool,
    udev: VecDeque<Sight>,
    is_settling: bool,

    active: &'static str,
    result: &'static str,
    status: i32,
    invocation: u64,
    run: Option<Run>,
    job: Option<String>,
    jobs: u64,
    /// What process 1 has not heard of yet: the device is there, or not.
    unheard: VecDeque<bool>,
    is_heard_of: bool,
    orders: VecDeque<Effect>,
    /// Signals and answers of process 1 keep their order.
    said: VecDeque<Event>,
    reports: VecDeque<Report>,
    is_inventory_here: bool,
    owners: VecDeque<Presence>,
    notices: VecDeque<Notice>,
    tidied: VecDeque<Event>,
    /// The part that the inventory shows, and whether anything of an earlier one remains in it.
    shown: Option<u64>,
    leftover: bool,
}

impl Machine {
    pub fn new(faults: Faults) -> Self {
        Self {
            faults,
            collection: Collection::new(limits(), [Plan::new(KEY, UNIT)]),
            log: Vec::new(),
            seconds: 0,
            born: 0,
            readies: 0,
            record: None,
            part: None,
            parts: 0,
            is_silent: false,
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
        }
    }

    fn wall(&self) -> i64 {
        i64::try_from(self.seconds).unwrap() * 1_000_000 + 1_000_000_000
    }

    fn tell(&mut self, event: Event) {
        self.log.push(format!("{} {event:?}", self.seconds));
        let now = Now { elapsed: Duration::from_secs(self.seconds - self.born), wall: self.wall() };
        let mut effects = VecDeque::from(self.collection.step(event, now));
        while let Some(effect) = effects.pop_front() {
            self.log.push(format!("    {effect:?}"));
            match effect {
                Effect::Look(key) => {
                    effects.extend(self.collection.step(Event::Device(key, self.sight()), now))
                }
                Effect::LookAgain => {
                    effects.extend(self.collection.step(Event::Device(KEY.to_owned(), self.sight()), now));
                    effects.extend(self.collection.step(Event::LookedAgain, now));
                }
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
        match dice.below(24) {
            0 => self.plug_or_unplug(),
            1 => self.swap(),
            2 => self.is_silent = dice.one_in(3),
            3 => self.inventory_comes_or_goes(),
            4 => {
                self.seconds += u64::try_from([1, 2, 5, 30, 90][dice.below(5)]).unwrap();
                self.tell(Event::Tick);
            }
            5 if dice.one_in(2) => self.tell(Event::Recollect(Vec::new())),
            6 if dice.one_in(3) => self.service_restarts(),
            7 => self.tell(Event::Device(KEY.to_owned(), self.sight())),
            8 if self.is_settling => {
                self.is_settling = false;
                self.tell(Event::Settled);
            }
            _ => self.go_on(dice),
        }
    }

    fn plug_or_unplug(&mut self) {
        self.parts += 1;
        self.part = if self.part.is_some() { None } else { Some(self.parts) };
        self.log.push(format!("{} part {:?}", self.seconds, self.part));
        self.udev.push_back(if self.part.is_some() { Sight::Present } else { Sight::Gone });
        self.unheard.push_back(self.part.is_some());
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
    fn service_restarts(&mut self) {
        while let Some(is_there) = self.unheard.pop_front() {
            self.process_1_hears(is_there);
        }
        while !self.notices.is_empty() {
            self.inventory_works();
        }
        self.log.push(format!("{} restart", self.seconds));
        self.collection = Collection::new(limits(), [Plan::new(KEY, UNIT)]);
        self.collection.resume(self.record.clone().into_iter().collect());
        (self.born, self.readies, self.is_settling) = (self.seconds, 0, true);
        self.udev.clear();
        self.owners.clear();
        self.said.clear();
        self.tidied.clear();
        self.orders.clear();
        if self.is_inventory_here {
            self.tell(Event::Inventory(Presence::Here));
        }
        self.tell(Event::Device(KEY.to_owned(), self.sight()));
    }

    /// Something that is on its way arrives.
    fn go_on(&mut self, dice: &mut Dice) {
        match dice.below(9) {
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
                    self.tell(Event::Report(report));
                }
            }
            6 => self.inventory_works(),
            7 => {
                if let Some(tidied) = self.tidied.pop_front() {
                    self.tell(tidied);
                }
            }
            _ => self.parser_goes_on(dice),
        }
    }

    fn process_1_hears(&mut self, is_there: bool) {
        self.is_heard_of = is_there;
        self.log.push(format!("{} process 1 hears {is_there}", self.seconds));
        if is_there {
            // The rule's wish; a unit that is active or about to be stays as it is.
            if self.job.is_none() && matches!(self.active, "inactive" | "failed") {
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

    fn end_job(&mut self, result: &str) {
        if let Some(job) = self.job.take() {
            self.said.push_back(Event::JobRemoved(job, UNIT.to_owned(), result.to_owned()));
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
                    self.said.insert(at, Event::JobRemoved(job, unit, result.to_owned()));
                }
                if is_forgetful && dice.one_in(8) {
                    self.said.retain(|event| !matches!(event, Event::JobRemoved(..)));
                }
            }
            Effect::Inspect(ticket, _) => {
                let state = UnitState {
                    active: self.active.to_owned(),
                    invocation: self.invocation.to_string(),
                    result: self.result.to_owned(),
                    status: self.status,
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
            (_, None) => {
                let job = self.begin_job();
                self.begin_run();
                job
            }
        }
    }

    fn parser_goes_on(&mut self, dice: &mut Dice) {
        let Some(mut run) = self.run.take() else { return };
        if self.faults == Faults::Parsers && dice.one_in(12) {
            self.end_run("failed", "signal", 11, "failed");
            return;
        }
        let Some(read) = run.read else {
            run.read = Some(self.part.filter(|_| !self.is_silent));
            self.run = Some(run);
            return;
        };
        let Some(report) = run.report.clone() else {
            let is_reached = self.is_inventory_here;
            if let (true, Some(part)) = (is_reached, read) {
                self.notices.push_back(Notice::Values(part));
            }
            let report = Report {
                key: KEY.to_owned(),
                outcome: if read.is_some() { "ok" } else { "unreadable" }.to_owned(),
                reason: read.map(|part| part.to_string()).unwrap_or_default(),
                inventory: if is_reached { "published" } else { "unreachable" }.to_owned(),
                started: run.started,
                finished: self.wall(),
                invocation: run.invocation.to_string(),
                ..Report::default()
            };
            run.report = Some(report);
            self.run = Some(run);
            return;
        };
        // It reports only when the inventory has answered.
        if self.notices.iter().any(|notice| matches!(notice, Notice::Values(_))) {
            self.run = Some(run);
        } else if !run.is_reported && !self.reports.contains(&report) {
            if self.faults == Faults::Parsers && dice.one_in(8) {
                run.is_reported = true;
            } else {
                self.reports.push_back(report);
            }
            self.run = Some(run);
        } else if !run.is_reported {
            self.run = Some(run);
        } else if report.inventory == "unreachable" {
            self.end_run("failed", "exit-code", 75, "failed");
        } else {
            self.end_run("active", "success", 0, "done");
        }
    }

    fn end_run(&mut self, active: &'static str, result: &'static str, status: i32, job: &str) {
        (self.run, self.active, self.result, self.status) = (None, active, result, status);
        self.end_job(job);
    }

    fn inventory_works(&mut self) {
        let Some(notice) = self.notices.pop_front() else { return };
        let is_taken = self.is_inventory_here;
        if is_taken {
            match &notice {
                Notice::Values(part) => {
                    self.leftover |= self.shown != Some(*part);
                    self.shown = Some(*part);
                }
                Notice::Tidy(_, None) => (self.shown, self.leftover) = (None, false),
                Notice::Tidy(_, Some(report)) => {
                    let is_of_shown = self.shown.is_some_and(|part| part.to_string() == report.reason);
                    self.leftover &= !is_of_shown;
                }
            }
        }
        self.log.push(format!("{} inventory {notice:?} {is_taken}", self.seconds));
        match notice {
            // A parser that was not answered says so.
            Notice::Values(_) if !is_taken => {
                if let Some(report) = self.run.as_mut().and_then(|run| run.report.as_mut()) {
                    report.inventory = "unreachable".to_owned();
                }
            }
            Notice::Values(_) => {}
            Notice::Tidy(ticket, _) => {
                let result = if is_taken { Ok(()) } else { Err("away".to_owned()) };
                self.tidied.push_back(Event::Tidied(ticket, result));
            }
        }
    }

    /// Nothing new happens; what is under way arrives, then time passes.
    pub fn calm_down(&mut self, dice: &mut Dice) {
        self.log.push(format!("{} calm", self.seconds));
        self.faults = Faults::None;
        self.is_silent = false;
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
        self.tell(Event::Recollect(Vec::new()));
        self.let_arrive(dice);
    }

    /// Whether the part that is there is not the one that was read.
    pub fn is_unread(&self) -> bool {
        let status = self.collection.statuses().remove(0);
        let is_read = status.state == "collected" && status.report.outcome == "ok";
        self.part.is_some() && !is_read
    }

    fn let_arrive(&mut self, dice: &mut Dice) {
        for round in 0..12 {
            for _ in 0..400 {
                self.go_on(dice);
            }
            self.seconds += if round < 8 { 5 } else { 300 };
            self.tell(Event::Tick);
        }
    }

    /// What is not as it should be.
    pub fn lies(&self) -> Vec<String> {
        let status = self.collection.statuses().remove(0);
        let mut lies = Vec::new();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                lies.push(format!("{what}; state {} {:?}", status.state, status.reason));
            }
        };
        must(self.readies == 1, "ready is said once");
        must(
            matches!(&*status.state, "absent" | "collected" | "failed" | "overdue"),
            "it is not stuck in between",
        );
        must(self.part.is_some() || !matches!(&*status.state, "collected" | "failed"), "it is not there");
        must(self.part.is_none() || status.state != "absent", "it is there");
        must(status.state != "absent" || status.report.key.is_empty(), "no report outlives its part");
        if status.state == "absent" {
            must(self.shown.is_none(), "the inventory shows a part that is not there");
        }
        if let (Some(part), "collected", "ok") = (self.part, &*status.state, &*status.report.outcome) {
            must(status.report.reason == part.to_string(), "the report is of the part that is there");
            must(self.shown == Some(part), "the inventory shows the part that is there");
            must(!self.leftover, "nothing of an earlier part is left");
        }
        lies
    }
}
