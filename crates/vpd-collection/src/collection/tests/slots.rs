//! Parts in slots: what is done about their places, and when.

use super::*;

#[test]
fn a_slot_is_prepared_before_what_is_to_be_seen_counts() {
    let mut play = Play::with_slot();
    let prepares = play.slot_starts(SlotPhase::Prepare, "");
    play.see(Sight::Absent);
    play.nothing();
    assert_eq!(play.status().state, "unsettled");
    play.slot_ends(prepares, "done", unit_state("inactive", "", "success", 0));
    play.looks(Sight::Present);
    play.starts(Verb::Start);
}

#[test]
fn a_part_that_is_there_before_its_slot_is_prepared_is_read_at_once() {
    let mut play = Play::of(slot_plan(KEY, UNIT));
    play.event(Event::Inventory(Presence::Here));
    play.see(Sight::Present);
    play.starts(Verb::Start);
}

#[test]
fn an_empty_slot_is_an_absence_and_no_failure() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 69);
    play.looks(Sight::Absent);
    play.tidied();
    assert_eq!((&*play.status().state, &*play.status().reason), ("absent", ""));
    assert_eq!(play.collection.slot_problem(KEY), None);
    assert!(play.ready());
}

#[test]
fn a_broken_slot_is_an_absence_with_its_reason() {
    for (status, is_line, word) in
        [(71, false, "driver"), (74, true, "a line"), (78, false, "there is not"), (70, false, "70")]
    {
        let mut play = Play::with_slot();
        play.slot_runs(SlotPhase::Prepare, "", status);
        play.looks(Sight::Absent);
        play.tidied();
        let shown = play.status();
        assert_eq!(shown.state, "absent");
        assert!(shown.reason.contains(word), "{status}: {}", shown.reason);
        assert_eq!(play.collection.slot_problem(KEY), Some((&*shown.reason, is_line)));
        assert!(play.ready());
    }
}

#[test]
fn a_slot_that_is_prepared_in_the_end_has_nothing_wrong_with_it_any_more() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 71);
    play.looks(Sight::Absent);
    play.tidied();
    assert!(play.ready());
    play.recollect();
    play.slot_runs(SlotPhase::Prepare, "", 0);
    assert_eq!(play.collection.slot_problem(KEY), None);
    play.looks(Sight::Present);
    play.starts(Verb::Start);
}

#[test]
fn a_job_of_a_slot_that_was_cancelled_did_not_prepare_it() {
    let mut play = Play::with_slot();
    let started = play.slot_starts(SlotPhase::Prepare, "");
    play.slot_ends(started, "canceled", unit_state("inactive", "", "success", 0));
    assert!(play.collection.slot_problem(KEY).unwrap().0.contains("canceled"));
}

#[test]
fn what_is_there_though_its_slot_says_empty_is_taken_out() {
    let mut play = Play::of(slot_plan(KEY, UNIT));
    play.event(Event::Inventory(Presence::Here));
    play.see(Sight::Present);
    play.run(Verb::Start, read("ok", 1));
    play.tidied();
    play.event(Event::Settled);
    play.slot_runs(SlotPhase::Prepare, "", 69);
    // What was to follow the reading is not done.
    play.slot_runs(SlotPhase::Remove, "", 0);
    play.takes_out();
    play.is_said_to_be_absent();
    assert!(play.ready());
}

#[test]
fn another_chip_at_the_address_of_an_empty_slot_is_not_shown_as_its_part() {
    let mut play = Play::with_part_in_slot();
    play.recollect();
    play.slot_runs(SlotPhase::Prepare, "", 69);
    play.slot_runs(SlotPhase::Remove, "", 0);
    play.takes_out();
    play.is_said_to_be_absent();
    play.see(Sight::Present);
    play.nothing();
}

#[test]
fn what_follows_a_reading_is_done_with_the_ccin_once_for_each_reading() {
    let mut play = Play::with_part_in_slot();
    // The same report once more, as a parser may say it that was not answered; and an inventory that forgets.
    play.event(Event::Report(read("ok", 1)));
    play.tidied();
    play.see(Sight::Present);
    play.nothing();
    play.recollect();
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.wanted.retain(|effect| !matches!(effect, Effect::Look(_)));
    play.run(Verb::Restart, read("ok", 2));
    play.tidied();
    play.slot_runs(SlotPhase::After, "2CE2", 0);
    play.nothing();
}

#[test]
fn a_reading_that_the_inventory_was_late_to_tidy_up_after_is_followed_once() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.looks(Sight::Present);
    play.run(Verb::Start, read("ok", 1));
    for seconds in [1, 3, 7] {
        let (ticket, _) = play.tidies();
        play.event(Event::Tidied(ticket, Err("no answer".to_owned())));
        play.seconds = seconds;
        if seconds < 7 {
            play.event(Event::Tick);
        }
    }
    play.slot_runs(SlotPhase::After, "2CE2", 0);
    assert!(play.ready());
    play.event(Event::Inventory(Presence::Away));
    play.event(Event::Inventory(Presence::Here));
    play.tidied();
    play.nothing();
}

#[test]
fn a_slot_is_told_when_what_was_read_is_of_no_use() {
    let unusable = Report { format: String::new(), ..read("bad", 1) };
    for report in [read("blank", 1), unusable] {
        let mut play = Play::with_slot();
        play.slot_runs(SlotPhase::Prepare, "", 0);
        play.looks(Sight::Present);
        play.run(Verb::Start, report);
        play.tidied();
        play.slot_runs(SlotPhase::Failed, "", 0);
        play.looks(Sight::Present);
        assert!(play.ready());
    }
}

#[test]
fn a_damaged_part_whose_device_its_slot_took_away_is_not_shown_as_absent() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.looks(Sight::Present);
    play.run(Verb::Start, read("blank", 1));
    play.tidied();
    let started = play.slot_starts(SlotPhase::Failed, "");
    play.see(Sight::Gone);
    play.slot_ends(started, "done", unit_state("inactive", "", "success", 0));
    play.looks(Sight::Absent);
    play.see(Sight::Gone);
    assert!(play.ready());
    assert_eq!((&*play.status().state, &*play.status().report.outcome), ("collected", "blank"));
    // Another part in its place is read.
    play.recollect();
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.wanted.retain(|effect| !matches!(effect, Effect::Look(_)));
    play.see(Sight::Present);
    play.run(Verb::Restart, read("ok", 2));
    play.tidied();
    play.slot_runs(SlotPhase::After, "2CE2", 0);
    assert_eq!(play.status().report.outcome, "ok");
}

#[test]
fn a_damaged_part_that_its_slot_leaves_is_absent_once_it_is_pulled() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.looks(Sight::Present);
    play.run(Verb::Start, read("blank", 1));
    play.tidied();
    play.slot_runs(SlotPhase::Failed, "", 0);
    play.looks(Sight::Present);
    assert!(play.ready());
    play.see(Sight::Gone);
    play.is_said_to_be_absent();
}

#[test]
fn something_is_done_at_four_slots_at_a_time() {
    let plans = (0..10).map(|number| {
        let key = format!("{number}-0050");
        slot_plan(&key, &format!("ipz-vpd-parser@{number}.service"))
    });
    let mut play = Play::new();
    play.collection = Collection::new(limits(), plans);
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    let mut started = Vec::new();
    let mut begin = |play: &mut Play| {
        let starts = play.wanted.drain(..).filter_map(|effect| match effect {
            Effect::Start(ticket, unit, _) => Some((ticket, unit)),
            _ => None,
        });
        let before = started.len();
        started.extend(starts);
        (started.len() - before, started.first().cloned())
    };
    let (count, first) = begin(&mut play);
    assert_eq!(count, 4);
    let (ticket, unit) = first.unwrap();
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    assert_eq!(begin(&mut play).0, 0);
    play.event(job_ended("/job/1", unit, "done"));
    let question = play.inspects();
    play.event(Event::Inspected(question, Ok(unit_state("inactive", "", "success", 69))));
    assert_eq!(begin(&mut play).0, 1);
}

#[test]
fn slots_of_which_process_1_says_nothing_hold_the_machine_for_a_while_and_are_named() {
    let mut play = Play::with_slot();
    play.slot_starts(SlotPhase::Prepare, "");
    play.at(59);
    play.nothing();
    play.at(60);
    play.looks(Sight::Absent);
    play.tidied();
    assert!(play.ready());
    assert!(play.status().reason.contains("nothing has moved"), "{}", play.status().reason);
}

#[test]
fn a_slot_that_process_1_refuses_to_start_is_named() {
    let mut play = Play::with_slot();
    let (ticket, _) = play.slot_starts(SlotPhase::Prepare, "");
    play.event(Event::JobRefused(ticket, "no such unit".to_owned()));
    play.looks(Sight::Absent);
    play.tidied();
    assert!(play.ready());
    assert!(play.status().reason.contains("no such unit"), "{}", play.status().reason);
}

#[test]
fn a_broken_slot_whose_part_can_be_seen_all_the_same_is_read_and_read_again() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 74);
    play.looks(Sight::Present);
    play.run(Verb::Start, read("ok", 1));
    play.tidied();
    play.slot_runs(SlotPhase::After, "2CE2", 0);
    assert!(play.ready());
    play.recollect();
    play.slot_runs(SlotPhase::Prepare, "", 74);
    play.wanted.retain(|effect| !matches!(effect, Effect::Look(_)));
    play.starts(Verb::Restart);
}

#[test]
fn a_restart_of_the_service_prepares_slots_again_and_reads_nothing_again() {
    let known = Play::with_part_in_slot().collection.statuses();
    let mut play = Play::of(slot_plan(KEY, UNIT));
    play.collection.resume(known);
    play.event(Event::Inventory(Presence::Here));
    play.see(Sight::Present);
    let question = play.inspects();
    play.event(Event::Inspected(question, Ok(unit_state("active", "run", "success", 0))));
    play.tidied();
    play.event(Event::Settled);
    // Whether what follows was done, nobody knows: it is done again, which changes nothing.
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.wanted.retain(|effect| !matches!(effect, Effect::Look(_)));
    play.slot_runs(SlotPhase::After, "2CE2", 0);
    assert!(play.ready());
    assert_eq!((&*play.status().state, play.status().attempts), ("collected", 1));
}

#[test]
fn what_waits_to_follow_a_reading_is_not_done_for_a_part_that_was_pulled() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.looks(Sight::Present);
    play.run(Verb::Start, read("ok", 1));
    let (ticket, _) = play.tidies();
    play.recollect();
    let prepares = play.slot_starts(SlotPhase::Prepare, "");
    play.event(Event::Tidied(ticket, Ok(())));
    play.nothing();
    play.see(Sight::Gone);
    let question = play.inspects();
    play.slot_ends(prepares, "done", unit_state("inactive", "", "success", 0));
    play.looks(Sight::Absent);
    play.event(Event::Inspected(question, Ok(unit_state("inactive", "", "success", 0))));
    play.tidied();
    assert_eq!(play.status().state, "absent");
    assert!(play.ready());
}

#[test]
fn what_was_read_in_vain_before_its_slot_was_seen_to_is_read_again_once() {
    for (outcome, is_read_again) in [("unreadable", true), ("blank", true), ("ok", false)] {
        let mut play = Play::of(slot_plan(KEY, UNIT));
        play.event(Event::Inventory(Presence::Here));
        play.see(Sight::Present);
        let limit = if outcome == "unreadable" { limits().attempts } else { 1 };
        for attempt in 0..limit {
            let verb = if attempt == 0 { Verb::Start } else { Verb::Restart };
            play.run(verb, read(outcome, 1));
            if attempt == 0 && limit > 1 {
                play.tidied();
            }
            let later = play.seconds + 10;
            if attempt + 1 < limit {
                play.at(later);
            }
        }
        if limit == 1 {
            play.tidied();
        }
        play.event(Event::Settled);
        play.slot_runs(SlotPhase::Prepare, "", 0);
        let restarts = play
            .wanted
            .iter()
            .filter(|effect| matches!(effect, Effect::Start(_, unit, Verb::Restart) if unit == UNIT));
        assert_eq!(restarts.count(), usize::from(is_read_again), "{outcome}: {:?}", play.wanted);
    }
}
