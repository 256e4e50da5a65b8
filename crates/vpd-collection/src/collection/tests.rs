mod busy;
mod coming;
mod crossings;
mod failures;
mod power;
mod priming;
mod rereads;
mod slots;
mod wishes;

use super::*;
use dbus_api::vpd::collection::{InventoryAnswer, Outcome, Refusal, Report};
use fru_publication::EepromKey;
use system_index::{Phase as SlotPhase, units};
use unit_jobs::{ActiveState, RunResult};

const KEY: &str = "10-0050";
const UNIT: &str = "ipz-vpd-parser@10\\x2d0050.service";

/// Limits that are easily told apart.
pub(super) fn limits() -> Limits {
    let seconds = Duration::from_secs;
    Limits {
        settle: seconds(30),
        inventory: seconds(40),
        power: seconds(20),
        progress: seconds(60),
        collection: seconds(600),
        attempts: 3,
        back_off: seconds(1),
        reread: seconds(90),
    }
}

fn report(outcome: &str, started: i64) -> Report {
    Report {
        key: KEY.to_owned(),
        outcome: Outcome::parse(outcome).unwrap(),
        inventory: InventoryAnswer::Published,
        started,
        finished: started,
        invocation: "run".to_owned(),
        ..Report::default()
    }
}

/// Of a part with a CCIN.
fn read(outcome: &str, started: i64) -> Report {
    Report { ccin: "2CE2".to_owned(), format: "ipz".to_owned(), ..report(outcome, started) }
}

/// A collection of one EEPROM, the clock that it sees, and what it wanted since the last look.
struct Play {
    collection: Collection,
    seconds: u64,
    wanted: Vec<Effect>,
    /// The inventory has all objects, and says so at once.
    primes: bool,
}

/// What is known of a chip in a slot.
fn slot_plan(key: &str, unit: &str) -> Plan {
    Plan { slot: Some(EepromKey::parse(key).unwrap()), ..Plan::new(key, unit) }
}

impl Play {
    fn new() -> Self {
        Self::of(Plan::new(KEY, UNIT))
    }

    fn of(plan: Plan) -> Self {
        let collection = Collection::new(limits(), [plan]);
        Self { collection, seconds: 0, wanted: Vec::new(), primes: true }
    }

    /// One with a slot, when udev is done and nothing was seen.
    fn with_slot() -> Self {
        let mut play = Self::of(slot_plan(KEY, UNIT));
        play.event(Event::Inventory(Presence::Here));
        play.event(Event::Settled);
        play.wanted.retain(|effect| *effect != Effect::Look(KEY.to_owned()));
        play
    }

    /// One with a slot, whose part was read.
    fn with_part_in_slot() -> Self {
        let mut play = Self::with_slot();
        play.slot_runs(SlotPhase::Prepare, "", 0);
        play.looks(Sight::Present);
        play.run(Verb::Start, read("ok", 1));
        play.tidied();
        play.slot_runs(SlotPhase::After, "2CE2", 0);
        assert!(play.ready());
        play
    }

    /// As the machine is when the service starts with an inventory and a device.
    fn with_device() -> Self {
        let mut play = Self::new();
        play.event(Event::Inventory(Presence::Here));
        play.see(Sight::Present);
        play.event(Event::Settled);
        play
    }

    fn now(&self) -> Now {
        let wall = i64::try_from(self.seconds).unwrap() * 1_000_000;
        Now { elapsed: Duration::from_secs(self.seconds), wall }
    }

    fn event(&mut self, event: Event) {
        let now = self.now();
        let mut effects = self.collection.step(event, now);
        let position = effects.iter().position(|effect| matches!(effect, Effect::Prime(..)));
        if let Some(position) = position.filter(|_| self.primes) {
            effects.remove(position);
            effects.extend(self.collection.step(Event::Primed(Ok(())), now));
        }
        self.wanted.extend(effects);
    }

    /// The service has just restarted, and an earlier run of it has left this.
    fn restarts(&mut self, known: Vec<FruStatus>) {
        self.collection.resume(known);
        self.collection.succeed(self.now());
    }

    fn see(&mut self, sight: Sight) {
        self.event(Event::Device(KEY.to_owned(), sight));
    }

    fn at(&mut self, seconds: u64) {
        self.seconds = seconds;
        self.event(Event::Tick);
    }

    /// What is wanted next; nothing else is.
    fn only(&mut self) -> Effect {
        assert_eq!(self.wanted.len(), 1, "{:?}", self.wanted);
        self.wanted.remove(0)
    }

    fn nothing(&mut self) {
        assert_eq!(self.wanted, []);
    }

    fn starts(&mut self, verb: Verb) -> Ticket {
        match self.only() {
            Effect::Start(ticket, unit, wanted) if unit == UNIT && wanted == verb => ticket,
            effect => panic!("{effect:?}"),
        }
    }

    fn tidies(&mut self) -> (Ticket, Option<Box<Report>>) {
        match self.only() {
            Effect::Tidy(ticket, report) => (ticket, report),
            effect => panic!("{effect:?}"),
        }
    }

    /// The device is looked at, and this is to be seen.
    fn looks(&mut self, sight: Sight) {
        let look = self.wanted.iter().position(|effect| *effect == Effect::Look(KEY.to_owned()));
        self.wanted.remove(look.unwrap_or_else(|| panic!("{:?}", self.wanted)));
        assert!(self.wanted.iter().all(|effect| *effect == Effect::LookAgain), "{:?}", self.wanted);
        self.see(sight);
    }

    fn slot_starts(&mut self, phase: SlotPhase, ccin: &str) -> (Ticket, String) {
        let expected = units::slot_unit(phase, &EepromKey::parse(KEY).unwrap(), ccin);
        match self.only() {
            Effect::Start(ticket, unit, Verb::Restart) if unit == expected => (ticket, unit),
            effect => panic!("{effect:?}"),
        }
    }

    /// The unit of the slot that was started ends; what process 1 says of it.
    fn slot_ends(&mut self, started: (Ticket, String), job: &str, state: UnitState) {
        self.event(Event::JobQueued(started.0, "/job/slot".to_owned()));
        self.event(job_ended("/job/slot", started.1, job));
        let question = self.inspects();
        self.event(Event::Inspected(question, Ok(state)));
    }

    /// One phase of the slot, ending with this exit status.
    fn slot_runs(&mut self, phase: SlotPhase, ccin: &str, status: i32) {
        let started = self.slot_starts(phase, ccin);
        let (job, result) =
            if matches!(status, 0 | 69) { ("done", "success") } else { ("failed", "exit-code") };
        self.slot_ends(started, job, unit_state("inactive", "", result, status));
    }

    /// A part was taken out, and its device is looked at as well; it is there still.
    fn takes_out(&mut self) {
        let look = self.wanted.iter().position(|effect| *effect == Effect::Look(KEY.to_owned()));
        self.wanted.remove(look.unwrap());
        self.see(Sight::Present);
    }

    /// A device is looked at besides other things, and is not there.
    fn looks_at_nothing(&mut self) {
        let look = self.wanted.iter().position(|effect| *effect == Effect::Look(KEY.to_owned()));
        self.wanted.remove(look.unwrap());
        self.see(Sight::Absent);
    }

    /// The absence is published, once process 1 has said that no run is under way.
    fn is_said_to_be_absent(&mut self) {
        let ticket = self.inspects();
        self.event(Event::Inspected(ticket, Ok(unit_state("inactive", "", "success", 0))));
        let (ticket, told) = self.tidies();
        assert_eq!(told, None);
        self.event(Event::Tidied(ticket, Ok(())));
        assert_eq!(self.status().state, "absent");
    }

    fn recollect(&mut self) {
        self.event(Event::Recollect(vec![KEY.to_owned()]));
    }

    fn remove(&mut self) {
        self.event(Event::Remove(vec![KEY.to_owned()]));
    }

    fn inspects(&mut self) -> Ticket {
        match self.only() {
            Effect::Inspect(ticket, _) => ticket,
            effect => panic!("{effect:?}"),
        }
    }

    /// The device goes, and no run of its unit is under way.
    fn is_unplugged(&mut self) {
        self.see(Sight::Gone);
        let ticket = self.inspects();
        self.event(Event::Inspected(ticket, Ok(unit_state("inactive", "", "success", 0))));
    }

    fn job_ends(&mut self, job: &str, result: &str) {
        self.event(job_ended(job, UNIT, result));
    }

    /// One run of the unit, with its report, to the end of its job.
    fn run(&mut self, verb: Verb, report: Report) {
        let ticket = self.starts(verb);
        self.event(Event::JobQueued(ticket, "/job/1".to_owned()));
        self.event(Event::Report(report));
        self.job_ends("/job/1", "done");
    }

    fn tidied(&mut self) {
        let (ticket, _) = self.tidies();
        self.event(Event::Tidied(ticket, Ok(())));
    }

    fn ready(&mut self) -> bool {
        if self.wanted.contains(&Effect::LookAgain) {
            self.wanted.retain(|effect| *effect != Effect::LookAgain);
            self.event(Event::LookedAgain);
        }
        let is_ready = self.wanted.contains(&Effect::Ready);
        self.wanted.retain(|effect| *effect != Effect::Ready);
        is_ready
    }

    fn status(&self) -> FruStatus {
        self.collection.statuses().remove(0)
    }
}

pub(super) fn job_ended(job: impl Into<String>, unit: impl Into<String>, result: &str) -> Event {
    let result = JobResult::parse(result);
    Event::JobEnded(EndedJob { job: job.into(), unit: unit.into(), result })
}

fn unit_state(active: &str, invocation: &str, result: &str, status: i32) -> UnitState {
    UnitState {
        active: ActiveState::parse(active),
        invocation: invocation.to_owned(),
        result: RunResult::parse(result),
        status,
        ..UnitState::default()
    }
}

#[test]
fn ready_is_said_once_everything_there_is_collected_and_looked_at_again() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    assert!(!play.ready());
    let (ticket, told) = play.tidies();
    assert_eq!(told.unwrap().outcome, "ok");
    play.event(Event::Tidied(ticket, Ok(())));
    assert_eq!(play.status().state, "collected");
    assert!(play.ready());
    assert_eq!(play.collection.ready(), Some((0, true)));
    play.event(Event::Tick);
    play.nothing();
}

#[test]
fn a_device_that_is_found_at_the_last_look_is_collected_first() {
    let mut play = Play::new();
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    assert_eq!(play.only(), Effect::Look(KEY.to_owned()));
    play.see(Sight::Absent);
    play.tidied();
    assert_eq!(play.only(), Effect::LookAgain);
    play.see(Sight::Present);
    play.event(Event::LookedAgain);
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
}

#[test]
fn before_udev_is_done_nothing_is_taken_for_absent() {
    let mut play = Play::new();
    play.event(Event::Inventory(Presence::Here));
    play.see(Sight::Absent);
    play.nothing();
    assert_eq!(play.collection.state(), "settling");
    play.at(29);
    play.nothing();
    play.at(30);
    assert_eq!(play.only(), Effect::Look(KEY.to_owned()));
}

#[test]
fn nothing_is_started_before_the_inventory_is_there() {
    let mut play = Play::new();
    play.event(Event::Settled);
    play.wanted.clear();
    play.see(Sight::Present);
    play.at(10);
    play.nothing();
    assert_eq!(play.collection.state(), "waiting-for-inventory");
    play.event(Event::Inventory(Presence::Here));
    play.starts(Verb::Start);
}

#[test]
fn an_inventory_that_never_comes_does_not_hold_the_machine_but_one_that_comes_late_is_told() {
    let mut play = Play::new();
    play.event(Event::Settled);
    play.wanted.clear();
    play.see(Sight::Present);
    play.at(39);
    assert!(!play.ready());
    play.at(40);
    assert!(play.ready());
    assert_eq!(play.status().state, "overdue");
    assert_eq!(play.collection.ready(), Some((40_000_000, false)));
    play.at(100);
    play.event(Event::Inventory(Presence::Here));
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert_eq!((&*play.status().state, &*play.status().reason), ("collected", ""));
}

#[test]
fn a_job_that_ends_before_its_path_is_known_counts() {
    let mut play = Play::with_device();
    let ticket = play.starts(Verb::Start);
    play.event(Event::Report(report("ok", 1)));
    play.job_ends("/job/7", "canceled");
    play.job_ends("/job/8", "done");
    play.event(Event::JobQueued(ticket, "/job/8".to_owned()));
    play.tidied();
    assert_eq!(play.status().state, "collected");
}

#[test]
fn a_run_whose_report_was_lost_is_repeated() {
    let mut play = Play::with_device();
    let ticket = play.starts(Verb::Start);
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    play.job_ends("/job/1", "done");
    let ticket = play.inspects();
    play.event(Event::Inspected(ticket, Ok(unit_state("active", "other run", "success", 0))));
    play.at(1);
    play.run(Verb::Restart, report("ok", 1));
    play.tidied();
    assert_eq!((&*play.status().state, play.status().attempts), ("collected", 2));
}

#[test]
fn a_chip_that_fell_silent_is_asked_again_at_growing_intervals_and_then_let_be() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("unreadable", 1));
    // It may be gone, and what it was is not shown while it is asked again.
    play.tidied();
    play.nothing();
    play.at(1);
    play.run(Verb::Restart, report("unreadable", 1));
    play.at(2);
    play.nothing();
    play.at(3);
    play.run(Verb::Restart, report("unreadable", 1));
    assert_eq!((&*play.status().state, &*play.status().report.outcome), ("collected", "unreadable"));
    assert!(play.ready());
}

#[test]
fn a_damaged_part_is_not_read_again() {
    for outcome in ["bad", "blank", "recovered", "unchecked"] {
        let mut play = Play::with_device();
        play.run(Verb::Start, report(outcome, 1));
        play.tidied();
        assert_eq!((&*play.status().state, play.status().attempts), ("collected", 1), "{outcome}");
    }
}

#[test]
fn what_failed_for_lack_of_an_inventory_is_repeated_when_it_is_back() {
    let mut play = Play::with_device();
    for seconds in [0, 1, 3] {
        play.at(seconds);
        let ticket = play.starts(if seconds == 0 { Verb::Start } else { Verb::Restart });
        play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
        play.event(Event::Report(Report { inventory: InventoryAnswer::Unreachable, ..report("ok", 1) }));
        play.job_ends("/job/1", "failed");
        let ticket = play.inspects();
        play.event(Event::Inspected(ticket, Ok(unit_state("failed", "run", "exit-code", 75))));
    }
    assert_eq!(play.status().state, "failed");
    assert!(play.ready());
    play.event(Event::Inventory(Presence::Away));
    play.event(Event::Inventory(Presence::Here));
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert_eq!(play.status().state, "collected");
}

#[test]
fn a_part_that_is_unplugged_is_absent_and_one_that_is_plugged_in_is_read() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
    play.is_unplugged();
    let (ticket, told) = play.tidies();
    assert_eq!(told, None);
    play.event(Event::Tidied(ticket, Ok(())));
    assert_eq!((&*play.status().state, &*play.status().report.key), ("absent", ""));
    play.at(10);
    play.see(Sight::Present);
    play.run(Verb::Start, report("ok", 10_000_000));
    play.tidied();
    assert_eq!((&*play.status().state, play.status().attempts), ("collected", 1));
}

#[test]
fn an_absence_that_is_published_while_a_new_part_is_collected_does_not_have_the_last_word() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
    play.at(10);
    play.is_unplugged();
    let (ticket, _) = play.tidies();
    // Replaced before the inventory had answered; udev has started the parser by itself.
    play.see(Sight::Present);
    play.event(Event::Report(report("ok", 9_000_000)));
    assert_eq!(play.only(), Effect::Look(KEY.to_owned()));
    play.see(Sight::Present);
    play.at(11);
    play.event(Event::Tidied(ticket, Ok(())));
    play.run(Verb::Restart, report("ok", 11_000_000));
    play.tidied();
    assert_eq!(play.status().state, "collected");
}

#[test]
fn a_parser_that_is_quicker_than_the_news_of_its_device_is_not_run_twice() {
    let mut play = Play::new();
    play.event(Event::Inventory(Presence::Here));
    play.at(1);
    play.event(Event::Report(report("ok", 1)));
    assert_eq!(play.only(), Effect::Look(KEY.to_owned()));
    play.see(Sight::Present);
    let ticket = play.starts(Verb::Start);
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    play.job_ends("/job/1", "done");
    play.tidied();
    assert_eq!(play.status().attempts, 1);
}

#[test]
fn repeated_events_of_a_collected_part_do_nothing() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
    for _ in 0..200 {
        play.see(Sight::Present);
    }
    play.nothing();
}

#[test]
fn a_restart_of_the_service_reads_nothing_again() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    let known = play.collection.statuses();
    for (state, reads) in [
        (unit_state("active", "run", "success", 0), None),
        (unit_state("active", "another", "success", 0), Some(Verb::Restart)),
        (unit_state("inactive", "", "success", 0), Some(Verb::Start)),
    ] {
        let mut play = Play::new();
        play.restarts(known.clone());
        play.event(Event::Inventory(Presence::Here));
        play.see(Sight::Present);
        play.event(Event::Settled);
        let ticket = play.inspects();
        play.event(Event::Inspected(ticket, Ok(state)));
        match reads {
            Some(verb) => drop(play.starts(verb)),
            None => {
                play.tidied();
                assert_eq!(play.status().report, report("ok", 1));
                assert!(play.ready());
            }
        }
    }
}

#[test]
fn a_process_1_that_does_not_answer_is_given_up_on() {
    let mut play = Play::with_device();
    play.starts(Verb::Start);
    play.at(59);
    assert!(!play.ready());
    play.at(60);
    assert!(play.ready());
    assert_eq!(play.status().state, "overdue");
    assert!(play.status().reason.contains("nothing has moved"));
}

#[test]
fn an_answer_to_an_earlier_question_is_not_taken() {
    let mut play = Play::with_device();
    let ticket = play.starts(Verb::Start);
    play.see(Sight::Gone);
    let question = play.inspects();
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    play.job_ends("/job/1", "done");
    play.nothing();
    play.event(Event::Inspected(question, Ok(unit_state("inactive", "", "success", 0))));
    let (absence, _) = play.tidies();
    play.event(Event::Tidied(absence, Ok(())));
    assert_eq!(play.status().state, "absent");
}

#[test]
fn what_the_inventory_did_not_take_is_said_again_and_when_it_never_does_said_to_people() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    for seconds in [1, 3, 7] {
        let (ticket, _) = play.tidies();
        play.event(Event::Tidied(ticket, Err("no answer".to_owned())));
        play.at(seconds);
    }
    assert!(play.ready());
    assert!(play.status().reason.contains("no answer"), "{}", play.status().reason);
    play.event(Event::Inventory(Presence::Away));
    play.event(Event::Inventory(Presence::Here));
    play.tidied();
    assert_eq!(play.status().reason, "");
}

#[test]
fn a_wish_to_read_again_is_fulfilled_and_joined_with_others() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("blank", 1));
    play.tidied();
    assert!(play.ready());
    play.event(Event::Recollect(vec![KEY.to_owned()]));
    play.event(Event::Recollect(Vec::new()));
    play.run(Verb::Restart, report("ok", 2));
    play.tidied();
    assert_eq!((&*play.status().report.outcome, play.status().attempts), ("ok", 1));
}

#[test]
fn nothing_makes_the_service_wake_up_in_a_hurry() {
    let mut play = Play::with_device();
    play.starts(Verb::Start);
    for seconds in [1, 59, 60, 599, 600, 10_000] {
        play.at(seconds);
        let now = Now { elapsed: Duration::from_secs(seconds), wall: 0 };
        assert!(play.collection.wake_at(now).is_none_or(|wake| wake > now.elapsed), "{seconds}");
    }
}
