//! EEPROMs that are being written when they are to be read.

use super::*;

/// A run that found a writer at work, to the end of its job.
fn is_busy(play: &mut Play, verb: Verb) {
    let ticket = play.starts(verb);
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    play.event(Event::Report(Report { inventory: InventoryAnswer::Nothing, ..report("busy", 1) }));
    play.job_ends("/job/1", "failed");
    // Of one that the collection no longer waits for, the report is the last word.
    if play.status().state != "overdue" {
        let ticket = play.inspects();
        play.event(Event::Inspected(ticket, Ok(unit_state("failed", "run", "exit-code", 75))));
    }
}

#[test]
fn an_eeprom_that_is_being_written_is_read_later_however_often_and_never_fails() {
    let mut play = Play::with_device();
    is_busy(&mut play, Verb::Start);
    assert_eq!(play.status().state, "waiting");
    assert_eq!(play.status().reason, "the EEPROM is being written; to be tried again");
    let (mut pauses, mut is_ready) = (Vec::new(), false);
    for _ in 0..9 {
        let now = Now { elapsed: Duration::from_secs(play.seconds), wall: 0 };
        let at = play.collection.wake_at(now).unwrap().as_secs();
        pauses.push(at - play.seconds);
        is_ready |= play.ready();
        play.at(at);
        is_busy(&mut play, Verb::Restart);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 32, 32, 32]);
    // The machine does not wait for it.
    assert_eq!(play.status().state, "overdue");
    assert!(play.status().reason.starts_with("the EEPROM is being written"));
    assert!(is_ready);
    play.at(1_000);
    play.run(Verb::Restart, report("ok", 1_000));
    play.tidied();
    let status = play.status();
    assert_eq!((status.state.as_str(), status.reason.as_str()), ("collected", ""));
}

/// A run that does not begin, as a write is not settled yet.
fn is_pending(play: &mut Play, verb: Verb) {
    let ticket = play.starts(verb);
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    play.job_ends("/job/1", "done");
    let ticket = play.inspects();
    let unmet = vec!["ConditionPathExists=!/var/lib/writer/journals/8-0050.journal".to_owned()];
    play.event(Event::Inspected(ticket, Ok(UnitState { unmet, ..UnitState::default() })));
}

#[test]
fn an_eeprom_whose_write_is_not_settled_is_read_later_however_late_that_is() {
    let mut play = Play::with_device();
    is_pending(&mut play, Verb::Start);
    assert_eq!(play.status().state, "waiting");
    let reason = "a write of the EEPROM is not settled yet; to be tried again";
    assert_eq!(play.status().reason, reason);
    let mut is_ready = false;
    for second in [1, 3, 7, 15, 31] {
        play.at(second);
        is_pending(&mut play, Verb::Restart);
        is_ready |= play.ready();
    }
    // The machine does not wait for it, and nothing has failed.
    assert!(is_ready);
    assert_eq!(play.status().state, "overdue");
    play.at(1_000);
    play.run(Verb::Restart, report("ok", 1_000));
    play.tidied();
    assert_eq!((play.status().state.as_str(), play.status().reason.as_str()), ("collected", ""));
}

#[test]
fn a_unit_whose_other_conditions_do_not_hold_fails() {
    let mut play = Play::with_device();
    let ticket = play.starts(Verb::Start);
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    play.job_ends("/job/1", "done");
    let ticket = play.inspects();
    let unmet = vec!["ConditionPathExists=/run/frus/8-0050.toml".to_owned()];
    play.event(Event::Inspected(ticket, Ok(UnitState { unmet, ..UnitState::default() })));
    assert_eq!(play.status().state, "failed");
}

#[test]
fn a_writer_costs_no_try_of_a_chip_that_is_silent_and_takes_nothing_away_of_what_is_known() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
    play.recollect();
    for second in [1, 3] {
        is_busy(&mut play, Verb::Restart);
        assert_eq!(play.status().report, report("ok", 1));
        play.at(second);
    }
    for second in [4, 6, 9] {
        play.run(Verb::Restart, report("unreadable", 2));
        if play.wanted.iter().any(|effect| matches!(effect, Effect::Tidy(..))) {
            play.tidied();
        }
        play.at(second);
    }
    assert_eq!(play.status().state, "collected");
    assert_eq!(play.status().report.outcome, "unreadable");
    play.nothing();
}

#[test]
fn who_asked_for_a_reading_hears_that_the_eeprom_is_being_written() {
    let mut play = Play::with_device();
    play.run(Verb::Start, report("ok", 1));
    play.tidied();
    assert!(play.ready());
    play.event(Event::Reread(KEY.to_owned(), 1));
    for second in [1, 3, 7] {
        is_busy(&mut play, Verb::Restart);
        if second < 7 {
            play.at(second);
        }
    }
    let reason = "the EEPROM is being written; to be tried again".to_owned();
    assert_eq!(play.only(), Effect::Answer(1, Err(Unread::Unavailable(reason))));
}
