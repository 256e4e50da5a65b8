//! Things that cross on their way.

use super::*;

#[test]
fn an_answer_about_a_part_that_is_gone_does_not_stand_for_its_absence() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    let (emptied, _) = play.tidies();
    play.event(Event::Inventory(Presence::Away));
    play.is_unplugged();
    play.event(Event::Tidied(emptied, Ok(())));
    assert_eq!(play.status().state, "clearing");
    play.event(Event::Inventory(Presence::Here));
    let (absence, told) = play.tidies();
    assert_eq!(told, None);
    play.event(Event::Tidied(absence, Ok(())));
    assert_eq!(play.status().state, "absent");
}

#[test]
fn a_refusal_to_start_does_not_make_a_part_that_is_gone_fail() {
    let mut play = Play::with_device();
    let start = play.starts(Verb::Start);
    play.event(Event::Inventory(Presence::Away));
    play.is_unplugged();
    play.event(Event::JobRefused(start, "no such unit".to_owned()));
    assert_eq!(play.status().state, "clearing");
}

#[test]
fn an_absence_is_published_after_the_last_thing_that_a_run_may_say() {
    let mut play = Play::with_device();
    play.starts(Verb::Start);
    play.see(Sight::Gone);
    for seconds in [1, 3] {
        let question = play.inspects();
        play.event(Event::Inspected(question, Ok(unit_state("deactivating", "run", "success", 0))));
        play.nothing();
        play.at(seconds);
    }
    let question = play.inspects();
    play.event(Event::Inspected(question, Ok(unit_state("failed", "run", "signal", 15))));
    play.tidied();
    assert_eq!(play.status().state, "absent");
}

#[test]
fn values_that_were_on_their_way_with_an_absence_are_said_again() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
    play.at(10);
    play.is_unplugged();
    let (absence, _) = play.tidies();
    play.see(Sight::Present);
    play.at(12);
    play.event(Event::Tidied(absence, Ok(())));
    // udev's run, which the start has joined, reports only now.
    play.run(Verb::Start, report("ok", 11_000_000));
    play.run(Verb::Restart, report("ok", 12_000_000));
    play.tidied();
    assert_eq!(play.status().state, "collected");
}

#[test]
fn a_wish_to_read_again_that_comes_while_it_is_read_is_not_lost() {
    let mut play = Play::with_device();
    let ticket = play.starts(Verb::Start);
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    play.event(Event::Recollect(Vec::new()));
    play.event(Event::Report(report("ok", 1)));
    play.job_ends("/job/1", "done");
    play.run(Verb::Restart, report("ok", 2));
    let (ticket, _) = play.tidies();
    play.event(Event::Recollect(Vec::new()));
    play.nothing();
    play.event(Event::Tidied(ticket, Ok(())));
    play.run(Verb::Restart, report("ok", 3));
    play.tidied();
    assert_eq!(play.status().report.started, 3);
}

/// Emptying takes many calls, and only the last of them empties: it could take away what was read meanwhile.
#[test]
fn values_that_come_while_an_earlier_part_is_emptied_are_read_again() {
    for outcome in ["unreadable", "ok"] {
        let mut play = Play::with_device();
        play.run(Verb::Start, report(outcome, 1));
        let (ticket, _) = play.tidies();
        // A run that udev has started.
        play.event(Event::Report(report("ok", 2)));
        play.nothing();
        play.event(Event::Tidied(ticket, Ok(())));
        play.run(Verb::Restart, report("ok", 3));
        play.tidied();
        assert_eq!((&*play.status().state, play.status().report.started), ("collected", 3), "{outcome}");
    }
}

#[test]
fn a_silent_part_that_cannot_be_emptied_is_asked_again_all_the_same_and_once_each_time() {
    let mut play = Play::with_device();
    for (seconds, verb) in [(0, Verb::Start), (1, Verb::Restart), (3, Verb::Restart)] {
        play.at(seconds);
        play.run(verb, report("unreadable", 1));
        let (ticket, _) = play.tidies();
        play.event(Event::Tidied(ticket, Err("no".to_owned())));
    }
    // The last run is over, and only the inventory is tried again.
    play.at(4);
    play.tidied();
    assert_eq!((&*play.status().state, &*play.status().report.outcome), ("collected", "unreadable"));
}

#[test]
fn what_process_1_was_given_up_on_is_dealt_with_when_its_parser_reports_or_somebody_asks() {
    for is_asked in [true, false] {
        let mut play = Play::with_device();
        let ticket = play.starts(Verb::Start);
        play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
        play.at(60);
        assert!(play.ready());
        if is_asked {
            play.event(Event::Recollect(Vec::new()));
            play.run(Verb::Restart, report("ok", 1));
        } else {
            play.event(Event::Report(report("ok", 1)));
        }
        play.tidied();
        assert_eq!(play.status().state, "collected", "{is_asked}");
    }
}

#[test]
fn the_inventory_has_its_time_to_come_back_whenever_it_went() {
    let mut play = Play::with_device();
    play.at(45);
    let ticket = play.starts(Verb::Start);
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    play.event(Event::Inventory(Presence::Away));
    play.event(Event::Report(Report { inventory: InventoryAnswer::Unreachable, ..report("ok", 1) }));
    play.job_ends("/job/1", "done");
    play.at(47);
    assert!(!play.ready());
    let now = Now { elapsed: Duration::from_secs(47), wall: 0 };
    assert_eq!(play.collection.wake_at(now), Some(Duration::from_secs(85)));
    play.event(Event::Inventory(Presence::Here));
    play.run(Verb::Restart, report("ok", 2));
    play.tidied();
    assert!(play.ready());
    assert_eq!(play.collection.ready(), Some((47_000_000, true)));
}

#[test]
fn a_run_that_reached_nobody_at_all_is_repeated_when_the_inventory_is_back() {
    let mut play = Play::with_device();
    for seconds in [1, 3, 7] {
        let ticket = play.starts(Verb::Start);
        play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
        play.job_ends("/job/1", "failed");
        let ticket = play.inspects();
        play.event(Event::Inspected(ticket, Ok(unit_state("failed", "run", "exit-code", 75))));
        play.at(seconds);
    }
    assert!(play.ready());
    assert_eq!(play.status().state, "failed");
    play.event(Event::Inventory(Presence::Away));
    play.event(Event::Inventory(Presence::Here));
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert_eq!(play.status().state, "collected");
}

/// The earlier run of the service may have published the absence after the parser published its values; no record tells.
#[test]
fn values_of_before_a_restart_that_left_no_record_of_them_are_read_again() {
    for is_bound in [false, true] {
        let mut play = Play::of(Plan { is_bound, ..Plan::new(KEY, UNIT) });
        play.seconds = 10;
        play.restarts(Vec::new());
        play.event(Event::Inventory(Presence::Here));
        play.event(Event::Report(report("ok", 9_000_000)));
        play.looks(Sight::Present);
        play.event(Event::Settled);
        play.at(11);
        play.run(Verb::Restart, report("ok", 11_000_000));
        play.tidied();
        assert_eq!((&*play.status().state, play.status().report.started), ("collected", 11_000_000));
        assert!(play.ready());
    }
}

#[test]
fn a_run_of_before_a_restart_that_is_joined_is_followed_by_another() {
    let mut play = Play::of(Plan { is_bound: true, ..Plan::new(KEY, UNIT) });
    play.seconds = 10;
    play.restarts(Vec::new());
    play.event(Event::Inventory(Presence::Here));
    play.see(Sight::Present);
    play.event(Event::Settled);
    play.run(Verb::Start, report("ok", 9_000_000));
    play.run(Verb::Restart, report("ok", 11_000_000));
    play.tidied();
    assert_eq!((&*play.status().state, play.status().report.started), ("collected", 11_000_000));
}

/// What is recorded is of an earlier reading, and its values were emptied while others came.
#[test]
fn values_that_come_after_a_restart_from_a_run_of_before_it_are_read_again() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    let known = play.collection.statuses();
    let mut play = Play::new();
    play.seconds = 10;
    play.restarts(known);
    play.event(Event::Inventory(Presence::Here));
    play.see(Sight::Present);
    let question = play.inspects();
    play.event(Event::Report(Report { invocation: "another".to_owned(), ..report("ok", 9_000_000) }));
    play.event(Event::Inspected(question, Ok(unit_state("active", "another", "success", 0))));
    play.run(Verb::Restart, report("ok", 11_000_000));
    play.tidied();
    assert_eq!(play.status().report.started, 11_000_000);
}

/// There are no values that could be said again, and what an earlier part was must not be shown meanwhile.
#[test]
fn a_part_that_was_silent_before_a_restart_is_emptied_before_it_is_read_again() {
    let mut play = Play::new();
    play.seconds = 10;
    play.restarts(Vec::new());
    play.event(Event::Inventory(Presence::Here));
    play.see(Sight::Present);
    play.event(Event::Settled);
    play.run(Verb::Start, report("unreadable", 9_000_000));
    play.tidied();
    play.at(12);
    play.run(Verb::Restart, report("ok", 12_000_000));
    play.tidied();
    assert_eq!((&*play.status().state, &*play.status().report.outcome), ("collected", "ok"));
}

/// The EEPROM is a file, say, of which no news comes.
#[test]
fn values_that_come_behind_the_absence_that_a_restart_has_said_are_taken_back() {
    for was_told in [false, true] {
        let mut play = Play::new();
        play.seconds = 10;
        play.restarts(Vec::new());
        play.event(Event::Inventory(Presence::Here));
        play.event(Event::Settled);
        play.looks(Sight::Absent);
        let (ticket, absence) = play.tidies();
        assert_eq!(absence, None);
        if was_told {
            play.event(Event::Tidied(ticket.clone(), Ok(())));
            assert!(play.ready());
        }
        play.event(Event::Report(report("ok", 9_000_000)));
        play.looks(Sight::Absent);
        play.is_said_to_be_absent();
        play.event(Event::Tidied(ticket, Ok(())));
        assert_eq!(play.status().state, "absent");
    }
}
