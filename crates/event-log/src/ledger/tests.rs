use super::*;
use dbus_api::logging::Severity;
use std::time::Duration;

fn event(subject: &str, cause: &str) -> Event {
    Event::new(subject, cause, "a.Id", Severity::Error)
}

fn pair(subject: &str, cause: &str) -> Pair {
    event(subject, cause).pair
}

fn pending(ledger: &Ledger) -> Vec<String> {
    ledger.pending().map(|event| format!("{} {}", event.pair.subject, event.pair.cause)).collect()
}

/// Delivers all that is pending, and says what that was.
fn deliver(ledger: &mut Ledger) -> Vec<String> {
    let mut delivered = Vec::new();
    while let Some(event) = ledger.take_next(Duration::MAX) {
        ledger.sent();
        ledger.answered();
        delivered.push(format!("{} {}", event.pair.subject, event.pair.cause));
    }
    delivered
}

#[test]
fn each_pair_is_delivered_once_until_it_clears() {
    let mut ledger = Ledger::new(Limits::default());
    let both = || [event("b", "x"), event("a", "x"), event("b", "x")];
    assert_eq!(ledger.update(both()).raised, [pair("b", "x"), pair("a", "x")]);
    assert_eq!(deliver(&mut ledger), ["b x", "a x"]);
    for _ in 0..3 {
        assert_eq!(ledger.update(both()), Changes::default());
        assert!(deliver(&mut ledger).is_empty());
    }
    assert_eq!(ledger.update([event("a", "x"), event("a", "y")]).cleared, [pair("b", "x")]);
    assert_eq!(deliver(&mut ledger), ["a y"]);
    assert_eq!(ledger.update(both()).raised, [pair("b", "x")]);
    assert_eq!(deliver(&mut ledger), ["b x"]);
}

#[test]
fn a_restart_repeats_nothing_and_forgets_nothing_that_was_pending() {
    let mut ledger = Ledger::new(Limits::default());
    ledger.update([event("a", "x")]);
    deliver(&mut ledger);
    ledger.update([event("a", "x"), event("b", "x")]);
    let mut ledger = Ledger::of(ledger.kept(), Limits::default());
    ledger.update([event("a", "x"), event("b", "x")]);
    assert_eq!(deliver(&mut ledger), ["b x"]);
}

#[test]
fn what_was_sent_counts_as_delivered_before_the_answer_comes() {
    let mut ledger = Ledger::new(Limits::default());
    ledger.update([event("a", "x")]);
    assert!(ledger.take_next(Duration::MAX).is_some());
    assert!(Ledger::of(ledger.kept(), Limits::default()).delivered.is_empty());
    ledger.sent();
    let mut restarted = Ledger::of(ledger.kept(), Limits::default());
    assert_eq!(restarted.update([event("a", "x")]), Changes::default());
}

#[test]
fn what_failed_is_pending_again_after_the_others() {
    let mut ledger = Ledger::new(Limits::default());
    ledger.update([event("a", "x"), event("b", "x")]);
    for is_sent in [true, false] {
        ledger.take_next(Duration::MAX);
        if is_sent {
            ledger.sent();
        }
        ledger.failed();
    }
    assert_eq!(pending(&ledger), ["a x", "b x"]);
    assert!(Ledger::of(ledger.kept(), Limits::default()).delivered.is_empty());
}

#[test]
fn one_event_is_on_its_way_at_a_time() {
    let mut ledger = Ledger::new(Limits::default());
    ledger.update([event("a", "x"), event("b", "x")]);
    assert!(ledger.take_next(Duration::MAX).is_some());
    assert_eq!(ledger.take_next(Duration::MAX), None);
    ledger.answered();
    assert!(ledger.take_next(Duration::MAX).is_some());
}

#[test]
fn what_clears_before_it_was_delivered_is_not_delivered() {
    let mut ledger = Ledger::new(Limits::default());
    ledger.update([event("a", "x"), event("b", "x")]);
    ledger.take_next(Duration::MAX);
    assert_eq!(ledger.update([]).cleared, [pair("a", "x"), pair("b", "x")]);
    ledger.failed();
    assert!(deliver(&mut ledger).is_empty());
}

#[test]
fn what_clears_and_returns_while_it_is_on_its_way_is_one_event() {
    for was_sent_before in [true, false] {
        let mut ledger = Ledger::new(Limits::default());
        ledger.update([event("a", "x")]);
        ledger.take_next(Duration::MAX);
        if was_sent_before {
            ledger.sent();
        }
        ledger.update([]);
        assert!(ledger.delivered.is_empty());
        assert!(ledger.update([event("a", "x")]).raised.is_empty());
        if !was_sent_before {
            ledger.sent();
        }
        ledger.answered();
        assert!(ledger.update([event("a", "x")]).raised.is_empty());
        assert!(deliver(&mut ledger).is_empty(), "{was_sent_before}");
    }
}

#[test]
fn what_clears_while_it_is_on_its_way_is_new_when_it_returns_later() {
    let mut ledger = Ledger::new(Limits::default());
    ledger.update([event("a", "x")]);
    ledger.take_next(Duration::MAX);
    ledger.sent();
    ledger.update([]);
    ledger.answered();
    ledger.update([event("a", "x")]);
    assert_eq!(deliver(&mut ledger), ["a x"]);
}

#[test]
fn a_ledger_never_grows_past_its_limits_and_counts_what_it_drops() {
    let mut ledger = Ledger::new(Limits { raised: 5, pending: 3, ..Limits::default() });
    let many = || (0..100).map(|number| event(&format!("{number:03}"), "x"));
    let changes = ledger.update(many());
    assert_eq!((changes.raised.len(), changes.dropped, ledger.dropped()), (3, 97, 97));
    // There is room again, and what was dropped is still wrong.
    assert_eq!(deliver(&mut ledger), ["000 x", "001 x", "002 x"]);
    assert_eq!(ledger.update(many()).raised, [pair("003", "x"), pair("004", "x")]);
    assert_eq!(deliver(&mut ledger), ["003 x", "004 x"]);
    assert!(ledger.update(many()).raised.is_empty());
    assert_eq!(ledger.delivered.len(), 5);
    assert_eq!(Ledger::of(ledger.kept(), Limits::default()).dropped(), ledger.dropped());
}

#[test]
fn dropped_events_do_not_clear_those_that_stand() {
    let mut ledger = Ledger::new(Limits { raised: 2, pending: 2, ..Limits::default() });
    ledger.update([event("z", "x")]);
    deliver(&mut ledger);
    let many = (0..10).map(|number| event(&number.to_string(), "x")).chain([event("z", "x")]);
    assert!(ledger.update(many).cleared.is_empty());
}

#[test]
fn what_nobody_knows_to_be_right_again_stands() {
    let mut ledger = Ledger::new(Limits::default());
    ledger.update([event("a", "x"), event("b", "x")]);
    deliver(&mut ledger);
    let of_a = |pair: &Pair| pair.subject == "a";
    assert_eq!(ledger.update_known([], of_a).cleared, [pair("b", "x")]);
    // What it was wrong with is the same, so it is not new.
    assert!(ledger.update([event("a", "x")]).raised.is_empty());
    // Nothing is made up either.
    assert!(ledger.update_known([], |_| true).raised.is_empty());
    assert_eq!(ledger.update([]).cleared, [pair("a", "x")]);
}

#[test]
fn what_has_happened_is_told_once_in_order_and_does_not_clear() {
    let mut ledger = Ledger::new(Limits::default());
    assert!(ledger.happened(event("a", "done"), Duration::ZERO));
    assert!(ledger.happened(event("a", "done"), Duration::ZERO));
    ledger.update([event("b", "x")]);
    ledger.update([]);
    ledger.update([event("c", "x")]);
    assert_eq!(deliver(&mut ledger), ["a done", "a done", "c x"]);
    assert!(deliver(&mut ledger).is_empty());
    assert!(ledger.happened(event("a", "done"), Duration::ZERO));
    assert_eq!(deliver(&mut ledger), ["a done"]);
}

#[test]
fn what_has_happened_is_kept_over_a_restart_until_it_was_sent() {
    let mut ledger = Ledger::new(Limits::default());
    let restarted = |ledger: &Ledger| Ledger::of(ledger.kept(), Limits::default());
    ledger.happened(event("a", "done").with("PATH", "/x"), Duration::ZERO);
    ledger.happened(event("b", "done"), Duration::ZERO);
    assert_eq!(ledger.take_next(Duration::MAX), Some(event("a", "done").with("PATH", "/x")));
    assert_eq!(deliver(&mut restarted(&ledger)), ["a done", "b done"]);
    ledger.sent();
    assert_eq!(deliver(&mut restarted(&ledger)), ["b done"]);
    // The logging service has refused it after all.
    ledger.failed();
    assert_eq!(restarted(&ledger).take_next(Duration::MAX), Some(event("a", "done").with("PATH", "/x")));
    assert_eq!(deliver(&mut ledger), ["a done", "b done"]);
}

#[test]
fn one_that_could_not_be_sent_is_the_next_again() {
    let mut ledger = Ledger::new(Limits::default());
    ledger.happened(event("a", "done"), Duration::ZERO);
    ledger.happened(event("b", "done"), Duration::ZERO);
    ledger.take_next(Duration::MAX).unwrap();
    ledger.failed();
    assert_eq!(deliver(&mut ledger), ["a done", "b done"]);
}

#[test]
fn of_what_has_happened_only_so_much_waits() {
    let mut ledger = Ledger::new(Limits { happenings: 2, ..Limits::default() });
    let taken: Vec<bool> =
        (0..4).map(|number| ledger.happened(event(&number.to_string(), "done"), Duration::ZERO)).collect();
    assert_eq!((taken, ledger.dropped()), (vec![true, true, false, false], 2));
    assert_eq!(deliver(&mut ledger), ["0 done", "1 done"]);
}

#[test]
fn what_is_of_no_use_later_is_not_told_late_nor_kept() {
    let mut ledger = Ledger::new(Limits::default());
    let seconds = Duration::from_secs;
    ledger.happened(event("a", "done").within(seconds(5)), seconds(10));
    ledger.happened(event("b", "done"), seconds(10));
    assert!(ledger.expire(seconds(15)).is_empty());
    assert_eq!(deliver(&mut Ledger::of(ledger.kept(), Limits::default())), ["b done"]);
    assert_eq!(ledger.expire(seconds(16)), [event("a", "done").within(seconds(5))]);
    assert_eq!(deliver(&mut ledger), ["b done"]);
}

#[test]
fn one_that_is_on_its_way_does_not_expire_under_it() {
    let mut ledger = Ledger::new(Limits::default());
    ledger.happened(event("a", "done").within(Duration::ZERO), Duration::ZERO);
    ledger.happened(event("b", "done"), Duration::ZERO);
    ledger.take_next(Duration::MAX).unwrap();
    assert!(ledger.expire(Duration::from_secs(1)).is_empty());
    ledger.sent();
    ledger.answered();
    assert_eq!(deliver(&mut ledger), ["b done"]);
}

/// Refusals wait so long: first, at most.
fn pauses(first: u64, longest: u64) -> BackOff {
    BackOff::new(Duration::from_secs(first), Duration::from_secs(longest))
}

#[test]
fn what_is_refused_holds_up_nothing_and_a_happening_is_given_up_after_a_while() {
    let at = Duration::from_secs;
    let mut ledger = Ledger::new(Limits::default());
    ledger.update([event("x", "fault"), event("y", "fault")]);
    ledger.happened(event("a", "done"), at(0));
    ledger.happened(event("b", "done"), at(0));
    // The logging service refuses what is about a, and x at first.
    let (mut told, mut tries, mut given_up) = (Vec::new(), Vec::new(), None);
    for seconds in 0..900 {
        while let Some(next) = ledger.take_next(at(seconds)) {
            ledger.sent();
            let is_early = seconds < 100;
            tries.push((seconds, next.pair.subject.clone()));
            if next.pair == pair("a", "done") || next.pair == pair("x", "fault") && is_early {
                given_up = ledger.refused(at(seconds), pauses(60, 300)).or(given_up);
            } else {
                told.push((seconds, next.pair));
                ledger.answered();
            }
        }
        if seconds == 0 {
            assert_eq!(ledger.due(), Some(at(60)));
        }
    }
    // The pauses begin anew once x was accepted.
    let tries: Vec<(u64, &str)> = tries.iter().map(|(at, subject)| (*at, &**subject)).collect();
    let expected = [
        (0, "a"),
        (0, "b"),
        (0, "x"),
        (0, "y"),
        (60, "a"),
        (180, "x"),
        (180, "a"),
        (300, "a"),
        (540, "a"),
        (840, "a"),
    ];
    assert_eq!(tries, expected);
    assert_eq!(told, [(0, pair("b", "done")), (0, pair("y", "fault")), (180, pair("x", "fault"))]);
    assert_eq!(given_up.unwrap().pair, pair("a", "done"));
    assert_eq!((ledger.happenings().count(), ledger.due()), (0, None));
}

#[test]
fn a_logging_service_that_refuses_all_is_asked_once_in_a_pause() {
    let at = Duration::from_secs;
    let mut ledger = Ledger::new(Limits::default());
    ledger.update((0..50).map(|number| event(&number.to_string(), "fault")));
    let mut tries = 0;
    for seconds in 0..86_400 {
        while ledger.take_next(at(seconds)).is_some() {
            ledger.sent();
            ledger.refused(at(seconds), pauses(1, 300));
            tries += 1;
        }
    }
    assert!((50 + 280..50 + 300).contains(&tries), "{tries}");
}

#[test]
fn many_that_a_starting_logging_service_refuses_are_told_when_it_has_started() {
    let at = Duration::from_secs;
    let mut ledger = Ledger::new(Limits::default());
    for number in 0..64 {
        ledger.happened(event(&number.to_string(), "done"), at(0));
    }
    ledger.update([event("x", "fault")]);
    while ledger.take_next(at(0)).is_some() {
        ledger.sent();
        assert_eq!(ledger.refused(at(0), pauses(1, 300)), None);
    }
    let mut told = 0;
    while ledger.take_next(at(1)).is_some() {
        ledger.sent();
        ledger.answered();
        told += 1;
    }
    assert_eq!(told, 65);
}

#[test]
fn another_logging_service_is_told_at_once_and_may_refuse_anew() {
    let at = Duration::from_secs;
    let mut ledger = Ledger::new(Limits::default());
    ledger.happened(event("a", "done"), at(0));
    ledger.update([event("x", "fault")]);
    for seconds in [0, 1, 3] {
        while ledger.take_next(at(seconds)).is_some() {
            ledger.sent();
            assert_eq!(ledger.refused(at(seconds), pauses(1, 300)), None);
        }
    }
    assert_eq!((ledger.take_next(at(4)), ledger.due()), (None, Some(at(7))));
    // One that is on its way by then counts for the new one, too.
    let under_way = ledger.take_next(at(3600)).unwrap();
    assert_eq!(under_way.pair, pair("a", "done"));
    ledger.begin_anew();
    ledger.sent();
    assert_eq!(ledger.refused(at(3600), pauses(1, 300)), None);
    for seconds in [3600, 3601, 3603] {
        while ledger.take_next(at(seconds)).is_some() {
            ledger.sent();
            assert_eq!(ledger.refused(at(seconds), pauses(1, 300)), None);
        }
    }
    assert_eq!(deliver(&mut ledger), ["a done", "x fault"]);
}

#[test]
fn a_refused_fault_that_clears_is_forgotten() {
    let at = Duration::from_secs;
    let mut ledger = Ledger::new(Limits::default());
    ledger.update([event("x", "fault")]);
    ledger.take_next(at(0)).unwrap();
    ledger.sent();
    ledger.refused(at(0), pauses(300, 300));
    ledger.update([]);
    ledger.update([event("x", "fault")]);
    assert_eq!(ledger.due(), Some(at(0)));
    // Also when it clears on its way.
    ledger.take_next(at(0)).unwrap();
    ledger.sent();
    ledger.update([]);
    ledger.refused(at(0), pauses(300, 300));
    assert_eq!(ledger.due(), None);
    ledger.update([event("x", "fault")]);
    assert_eq!(deliver(&mut ledger), ["x fault"]);
}
