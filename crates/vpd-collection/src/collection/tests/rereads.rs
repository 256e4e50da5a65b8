//! `Reread`: each call gets one answer, of a run that began after it, and no slot hears of it.

use super::*;

impl Play {
    fn asks(&mut self, call: u64) {
        self.event(Event::Reread(KEY.to_owned(), call));
    }

    /// The run that was begun for calls, by this invocation; without the emptying behind it.
    fn reruns(&mut self, outcome: &str, started: i64, invocation: &str) {
        let ticket = self.starts(Verb::Restart);
        self.event(Event::JobQueued(ticket, format!("/job/{invocation}")));
        self.event(Event::Report(Report { invocation: invocation.to_owned(), ..read(outcome, started) }));
        self.job_ends(&format!("/job/{invocation}"), "done");
        let ticket = self.inspects();
        self.event(Event::Inspected(ticket, Ok(unit_state("active", invocation, "success", 0))));
    }

    fn answers(&mut self) -> Vec<(u64, Result<Reread, Unread>)> {
        let is_answer = |effect: &Effect| matches!(effect, Effect::Answer(..));
        let (answers, others) = std::mem::take(&mut self.wanted).into_iter().partition(is_answer);
        self.wanted = others;
        let pair = |effect| match effect {
            Effect::Answer(call, result) => (call, result),
            effect => panic!("{effect:?}"),
        };
        let answers: Vec<Effect> = answers;
        answers.into_iter().map(pair).collect()
    }
}

fn answer(outcome: &str, run: &str) -> Result<Reread, Unread> {
    Ok(Reread { outcome: Outcome::parse(outcome).unwrap(), run: run.to_owned() })
}

#[test]
fn a_reading_that_is_asked_for_is_answered_and_its_slot_does_nothing_whatever_comes_of_it() {
    for outcome in ["ok", "recovered", "bad", "blank"] {
        let mut play = Play::with_part_in_slot();
        play.event(Event::Host(Host::Running));
        play.asks(1);
        play.reruns(outcome, 5, "second");
        assert_eq!(play.answers(), [], "what an earlier part left is there still");
        play.tidied();
        assert_eq!(play.answers(), [(1, answer(outcome, "second"))]);
        play.nothing();
        assert_eq!(play.status().report.outcome, outcome);
        // What follows a reading by way of the slot is done again.
        play.event(Event::Host(Host::Off));
        play.recollect();
        play.slot_runs(SlotPhase::Prepare, "", 0);
        play.wanted.retain(|effect| *effect != Effect::Look(KEY.to_owned()));
        play.run(Verb::Restart, read("ok", 9));
        play.tidied();
        play.slot_runs(SlotPhase::After, "2CE2", 0);
        play.nothing();
    }
}

#[test]
fn after_a_first_reading_that_failed_a_slot_hears_nothing_of_a_reading_that_was_asked_for() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.looks(Sight::Present);
    let refused = Report { inventory: InventoryAnswer::Refused, ..read("ok", 1) };
    play.run(Verb::Start, refused);
    play.tidied();
    assert_eq!(play.status().state, "failed");
    assert!(play.ready());
    play.asks(1);
    play.reruns("ok", 5, "second");
    play.tidied();
    assert_eq!(play.answers(), [(1, answer("ok", "second"))]);
    play.nothing();
}

#[test]
fn a_run_under_way_does_not_count_and_calls_that_wait_share_the_next() {
    let mut play = Play::with_device();
    let ticket = play.starts(Verb::Start);
    play.asks(1);
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    play.asks(2);
    play.event(Event::Report(report("ok", 1)));
    play.job_ends("/job/1", "done");
    assert_eq!(play.answers(), []);
    play.tidied();
    // It begins now: a call that comes later is not answered by it.
    let ticket = play.starts(Verb::Restart);
    play.asks(3);
    play.event(Event::JobQueued(ticket, "/job/2".to_owned()));
    play.event(Event::Report(Report { invocation: "second".to_owned(), ..report("ok", 2) }));
    play.job_ends("/job/2", "done");
    let ticket = play.inspects();
    play.event(Event::Inspected(ticket, Ok(unit_state("active", "second", "success", 0))));
    play.tidied();
    assert_eq!(play.answers(), [(1, answer("ok", "second")), (2, answer("ok", "second"))]);
    play.reruns("recovered", 3, "third");
    play.tidied();
    assert_eq!(play.answers(), [(3, answer("recovered", "third"))]);
}

#[test]
fn a_report_of_a_run_that_was_ended_for_the_one_that_is_waited_for_is_no_answer() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
    play.asks(1);
    let ticket = play.starts(Verb::Restart);
    // It comes late, and the report of the run after it is lost.
    play.event(Event::Report(Report { invocation: "stale".to_owned(), ..report("ok", 2) }));
    play.event(Event::JobQueued(ticket, "/job/2".to_owned()));
    play.job_ends("/job/2", "done");
    let ticket = play.inspects();
    play.event(Event::Inspected(ticket, Ok(unit_state("active", "second", "success", 0))));
    play.nothing();
    play.at(1);
    play.reruns("ok", 3, "third");
    play.tidied();
    assert_eq!(play.answers(), [(1, answer("ok", "third"))]);
}

#[test]
fn a_start_that_pid_1_refused_is_repeated_as_a_restart() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
    play.asks(1);
    let ticket = play.starts(Verb::Restart);
    play.event(Event::JobRefused(ticket, "no".to_owned()));
    play.at(1);
    play.reruns("ok", 3, "second");
    play.tidied();
    assert_eq!(play.answers(), [(1, answer("ok", "second"))]);
}

#[test]
fn a_recollection_that_comes_meanwhile_is_followed_by_its_slot_and_the_call_is_answered() {
    let mut play = Play::with_part_in_slot();
    play.asks(1);
    let ticket = play.starts(Verb::Restart);
    play.event(Event::JobQueued(ticket, "/job/2".to_owned()));
    play.recollect();
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.wanted.retain(|effect| *effect != Effect::Look(KEY.to_owned()));
    play.event(Event::Report(Report { invocation: "second".to_owned(), ..read("ok", 5) }));
    play.job_ends("/job/2", "done");
    let ticket = play.inspects();
    play.event(Event::Inspected(ticket, Ok(unit_state("active", "second", "success", 0))));
    play.reruns("ok", 6, "third");
    play.tidied();
    assert_eq!(play.answers(), [(1, answer("ok", "third"))]);
    play.slot_runs(SlotPhase::After, "2CE2", 0);
}

#[test]
fn what_cannot_be_read_is_refused_with_the_reason() {
    let refused = |play: &mut Play, words: &str| {
        play.asks(7);
        let answers = play.answers();
        let [(7, Err(Unread::Unavailable(reason)))] = answers.as_slice() else { panic!("{answers:?}") };
        assert!(reason.contains(words), "{reason}");
        play.nothing();
    };
    let mut play = Play::new();
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    play.looks(Sight::Absent);
    play.tidied();
    assert!(play.ready() || play.ready());
    refused(&mut play, "absent");

    let mut play = Play::of(Plan { power_off_only: true, ..Plan::new(KEY, UNIT) });
    play.event(Event::Power(Power::On));
    refused(&mut play, "chassis has power");

    let mut play = Play::new();
    play.event(Event::Reread("11-0050".to_owned(), 1));
    assert_eq!(play.answers(), [(1, Err(Unread::Unknown))]);
    (0..300).for_each(|call| play.asks(call));
    assert_eq!(play.answers().len(), 44);
}

#[test]
fn a_device_that_goes_while_it_is_read_is_no_answer_to_wait_for() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
    play.asks(1);
    play.starts(Verb::Restart);
    play.see(Sight::Gone);
    let answers = play.answers();
    assert!(matches!(answers.as_slice(), [(1, Err(Unread::Unavailable(_)))]), "{answers:?}");
}

#[test]
fn a_parser_that_fails_is_the_answer() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
    play.asks(1);
    let ticket = play.starts(Verb::Restart);
    play.event(Event::JobQueued(ticket, "/job/2".to_owned()));
    play.job_ends("/job/2", "failed");
    let ticket = play.inspects();
    play.event(Event::Inspected(ticket, Ok(unit_state("failed", "second", "exit-code", 78))));
    let reason = "the parser ended with exit status 78".to_owned();
    assert_eq!(play.answers(), [(1, Err(Unread::Unavailable(reason)))]);
}

#[test]
fn a_first_reading_is_waited_for_no_longer_than_the_limit() {
    let mut play = Play::new();
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    play.asks(1);
    let now = Now { elapsed: Duration::from_secs(60), wall: 0 };
    assert_eq!(play.collection.wake_at(now), Some(Duration::from_secs(90)));
    play.at(89);
    assert_eq!(play.answers(), []);
    play.at(90);
    assert_eq!(play.answers(), [(1, Err(Unread::TimedOut))]);
}

#[test]
fn without_an_inventory_or_pid_1_a_call_is_refused_once_nobody_waits_for_them_any_longer() {
    let collected = || {
        let mut play = Play::with_device();
        play.run(Verb::Start, report("ok", 1));
        play.tidied();
        assert!(play.ready());
        play
    };
    let mut play = collected();
    play.event(Event::Inventory(Presence::Away));
    play.asks(1);
    play.at(40);
    let reason = "nobody owns the inventory's name".to_owned();
    assert_eq!(play.answers(), [(1, Err(Unread::Unavailable(reason)))]);
    let mut play = collected();
    play.asks(1);
    play.starts(Verb::Restart);
    play.at(60);
    let reason = "nothing has moved for too long".to_owned();
    assert_eq!(play.answers(), [(1, Err(Unread::Unavailable(reason)))]);
}
