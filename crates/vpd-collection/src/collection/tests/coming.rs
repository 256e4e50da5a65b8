//! Parts that are taken out and come again, and what lines and others say of them.

use super::*;

fn told(play: &mut Play, told: Told) {
    play.event(Event::Told(KEY.to_owned(), told));
}

fn line(play: &mut Play, told: Told) {
    play.event(Event::Line(KEY.to_owned(), told));
}

/// A part without a slot that was read.
fn collected() -> Play {
    let mut play = Play::with_device();
    play.run(Verb::Start, read("ok", 1));
    play.tidied();
    assert!(play.ready());
    play
}

#[test]
fn a_part_without_a_slot_that_is_removed_is_absent_though_its_device_stays() {
    let mut play = collected();
    play.remove();
    play.is_said_to_be_absent();
    for _ in 0..3 {
        play.see(Sight::Present);
    }
    play.nothing();
    assert_eq!(play.status().state, "absent");
    play.recollect();
    play.looks(Sight::Present);
    let start = play.starts(Verb::Start);
    // Its unit has stayed active, so it did not run.
    play.event(Event::JobQueued(start, "/job/2".to_owned()));
    play.job_ends("/job/2", "done");
    let question = play.inspects();
    play.event(Event::Inspected(question, Ok(unit_state("active", "run", "success", 0))));
    play.at(1);
    play.run(Verb::Restart, read("ok", 2));
    play.tidied();
    assert_eq!(play.status().state, "collected");
}

#[test]
fn a_part_that_is_removed_before_udev_is_done_is_absent_and_holds_nobody_up() {
    let mut play = Play::new();
    play.event(Event::Inventory(Presence::Here));
    play.remove();
    let question = play.inspects();
    play.event(Event::Settled);
    play.event(Event::Inspected(question, Ok(unit_state("inactive", "", "success", 0))));
    play.see(Sight::Present);
    play.tidied();
    assert!(play.ready());
    assert_eq!(play.status().state, "absent");
}

#[test]
fn a_removed_part_that_is_plugged_in_anew_is_read() {
    let mut play = collected();
    play.remove();
    play.is_said_to_be_absent();
    play.is_unplugged();
    play.tidied();
    play.see(Sight::Present);
    play.starts(Verb::Start);
}

#[test]
fn somebody_who_asks_to_read_a_removed_part_that_is_not_there_gets_none() {
    let mut play = collected();
    play.remove();
    play.is_said_to_be_absent();
    play.recollect();
    play.looks(Sight::Absent);
    play.nothing();
    assert_eq!(play.status().state, "absent");
}

#[test]
fn a_run_that_somebody_else_began_does_not_bring_a_removed_part_back() {
    let mut play = collected();
    play.remove();
    play.is_said_to_be_absent();
    play.event(Event::Report(read("ok", 5)));
    play.is_said_to_be_absent();
}

#[test]
fn a_slot_is_told_to_take_its_part_out_and_to_prepare_it_again() {
    let mut play = Play::with_part_in_slot();
    play.remove();
    assert_eq!(play.status().state, "collected");
    let removes = play.slot_starts(SlotPhase::Remove, "");
    // Somebody has thought again.
    play.recollect();
    play.see(Sight::Gone);
    let question = play.inspects();
    play.slot_ends(removes, "done", unit_state("inactive", "", "success", 0));
    play.wanted.retain(|effect| !matches!(effect, Effect::Look(_)));
    let prepares = play.slot_starts(SlotPhase::Prepare, "");
    play.event(Event::Inspected(question, Ok(unit_state("inactive", "", "success", 0))));
    play.tidied();
    play.slot_ends(prepares, "done", unit_state("inactive", "", "success", 0));
    play.looks(Sight::Present);
    play.run(Verb::Start, read("ok", 2));
    play.tidied();
    play.slot_runs(SlotPhase::After, "2CE2", 0);
    assert_eq!(play.status().state, "collected");
}

#[test]
fn a_part_whose_device_stays_when_it_is_removed_is_read_when_somebody_asks_at_once() {
    let mut play = Play::with_part_in_slot();
    play.remove();
    let removes = play.slot_starts(SlotPhase::Remove, "");
    play.recollect();
    play.slot_ends(removes, "done", unit_state("inactive", "", "success", 0));
    play.wanted.retain(|effect| !matches!(effect, Effect::Look(_)));
    let position = play.wanted.iter().position(|effect| matches!(effect, Effect::Inspect(..))).unwrap();
    let Effect::Inspect(question, _) = play.wanted.remove(position) else { unreachable!() };
    let prepares = play.slot_starts(SlotPhase::Prepare, "");
    play.event(Event::Inspected(question, Ok(unit_state("active", "run", "success", 0))));
    play.tidied();
    play.slot_ends(prepares, "done", unit_state("inactive", "", "success", 0));
    play.looks(Sight::Present);
    play.starts(Verb::Start);
}

#[test]
fn what_a_slot_is_to_do_after_a_reading_is_not_done_for_a_part_that_is_to_be_removed() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.looks(Sight::Present);
    play.run(Verb::Start, read("ok", 1));
    let (ticket, _) = play.tidies();
    play.remove();
    let removes = play.slot_starts(SlotPhase::Remove, "");
    play.event(Event::Tidied(ticket, Ok(())));
    play.slot_ends(removes, "done", unit_state("inactive", "", "success", 0));
    play.takes_out();
    play.is_said_to_be_absent();
    assert!(play.ready());
}

#[test]
fn a_slot_that_cannot_take_its_part_out_says_so() {
    let mut play = Play::with_part_in_slot();
    play.remove();
    play.slot_runs(SlotPhase::Remove, "", 74);
    play.takes_out();
    play.is_said_to_be_absent();
    assert!(play.status().reason.starts_with("a line of its slot cannot be used"), "{:?}", play.status());
}

#[test]
fn a_line_that_says_there_has_the_slot_prepared_and_one_that_says_gone_has_the_part_taken_out() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 69);
    play.looks(Sight::Absent);
    play.tidied();
    assert!(play.ready());
    line(&mut play, Told::Gone);
    play.nothing();
    line(&mut play, Told::There);
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.looks(Sight::Present);
    play.run(Verb::Start, read("ok", 1));
    play.tidied();
    play.slot_runs(SlotPhase::After, "2CE2", 0);
    line(&mut play, Told::There);
    play.nothing();
    line(&mut play, Told::Gone);
    line(&mut play, Told::Gone);
    play.slot_runs(SlotPhase::Remove, "", 0);
    play.takes_out();
    play.is_said_to_be_absent();
}

#[test]
fn a_part_that_does_not_answer_is_not_looked_for_at_every_look_at_its_line() {
    let mut play = Play::with_slot();
    play.slot_runs(SlotPhase::Prepare, "", 69);
    play.looks(Sight::Absent);
    play.tidied();
    assert!(play.ready());
    line(&mut play, Told::There);
    play.slot_runs(SlotPhase::Prepare, "", 69);
    play.looks(Sight::Absent);
    for _ in 0..100 {
        line(&mut play, Told::There);
    }
    play.nothing();
}

#[test]
fn a_part_that_was_removed_and_is_not_pulled_yet_does_not_come_back_by_its_line() {
    let mut play = Play::with_part_in_slot();
    line(&mut play, Told::There);
    play.remove();
    play.slot_runs(SlotPhase::Remove, "", 0);
    play.takes_out();
    play.is_said_to_be_absent();
    line(&mut play, Told::There);
    play.nothing();
    line(&mut play, Told::Gone);
    line(&mut play, Told::There);
    play.slot_starts(SlotPhase::Prepare, "");
}

#[test]
fn a_part_that_is_removed_before_its_line_was_looked_at_does_not_come_back_by_it() {
    let mut play = Play::with_part_in_slot();
    play.remove();
    play.slot_runs(SlotPhase::Remove, "", 0);
    play.takes_out();
    play.is_said_to_be_absent();
    line(&mut play, Told::There);
    play.nothing();
}

#[test]
fn a_part_that_is_plugged_in_after_somebody_has_asked_for_it_in_vain_is_read() {
    let mut play = Play::with_part_in_slot();
    line(&mut play, Told::There);
    // Pulled and plugged in again between two looks at the line, and asked for in between.
    play.recollect();
    play.slot_runs(SlotPhase::Prepare, "", 69);
    play.slot_runs(SlotPhase::Remove, "", 0);
    play.takes_out();
    play.is_said_to_be_absent();
    line(&mut play, Told::There);
    play.slot_starts(SlotPhase::Prepare, "");
}

#[test]
fn a_part_that_is_plugged_in_while_its_slot_is_found_empty_is_read() {
    let mut play = Play::with_part_in_slot();
    play.recollect();
    let prepares = play.slot_starts(SlotPhase::Prepare, "");
    line(&mut play, Told::There);
    play.slot_ends(prepares, "done", unit_state("inactive", "", "success", 69));
    line(&mut play, Told::There);
    play.slot_runs(SlotPhase::Remove, "", 0);
    play.takes_out();
    play.is_said_to_be_absent();
    line(&mut play, Told::There);
    play.slot_starts(SlotPhase::Prepare, "");
}

#[test]
fn a_line_that_changes_while_its_slot_is_worked_on_is_heard_at_a_later_look() {
    let mut play = Play::with_part_in_slot();
    line(&mut play, Told::There);
    play.recollect();
    let prepares = play.slot_starts(SlotPhase::Prepare, "");
    line(&mut play, Told::Gone);
    play.slot_ends(prepares, "done", unit_state("inactive", "", "success", 0));
    play.wanted.clear();
    line(&mut play, Told::Gone);
    play.slot_starts(SlotPhase::Remove, "");
}

#[test]
fn what_others_say_of_a_part_has_it_collected_or_taken_out() {
    let mut play = collected();
    told(&mut play, Told::There);
    play.nothing();
    told(&mut play, Told::Gone);
    play.is_said_to_be_absent();
    told(&mut play, Told::Gone);
    play.nothing();
    told(&mut play, Told::There);
    play.looks(Sight::Present);
    play.starts(Verb::Start);
}

#[test]
fn what_was_published_for_a_part_does_not_come_back_as_news_of_it() {
    let mut play = Play::new();
    play.primes = false;
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    play.wanted.clear();
    play.event(Event::Primed(Ok(())));
    // Primed as absent when it has just come; the signal of that is late.
    play.see(Sight::Present);
    let start = play.starts(Verb::Start);
    told(&mut play, Told::Gone);
    play.nothing();
    play.event(Event::JobQueued(start, "/job/1".to_owned()));
    told(&mut play, Told::There);
    play.event(Event::Report(read("ok", 1)));
    play.job_ends("/job/1", "done");
    play.tidied();
    told(&mut play, Told::There);
    assert!(play.ready());
    play.remove();
    // The last run's own word.
    told(&mut play, Told::There);
    let question = play.inspects();
    play.event(Event::Inspected(question, Ok(unit_state("inactive", "", "success", 0))));
    let (ticket, _) = play.tidies();
    told(&mut play, Told::Gone);
    play.event(Event::Tidied(ticket, Ok(())));
    told(&mut play, Told::Gone);
    play.nothing();
    assert_eq!(play.status().state, "absent");
}

#[test]
fn before_udev_is_done_nobody_says_what_is_there() {
    let mut play = Play::of(slot_plan(KEY, UNIT));
    play.event(Event::Inventory(Presence::Here));
    for word in [Told::There, Told::Gone] {
        told(&mut play, word);
        line(&mut play, word);
    }
    play.nothing();
}
