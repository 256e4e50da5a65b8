//! Objects that the inventory lacks, and what waits until it has them.

use super::*;

fn unprimed(plan: Plan) -> Play {
    Play { primes: false, ..Play::of(plan) }
}

fn primes(play: &mut Play) -> Vec<(String, Extent)> {
    let position = play.wanted.iter().position(|effect| matches!(effect, Effect::Prime(..))).unwrap();
    let Effect::Prime(wanted, _) = play.wanted.remove(position) else { unreachable!() };
    wanted
}

#[test]
fn what_is_not_there_is_primed_in_full_and_what_is_there_but_for_its_values() {
    for (sight, extent) in [(None, Extent::Full), (Some(Sight::Present), Extent::States)] {
        let mut play = unprimed(Plan::new(KEY, UNIT));
        play.event(Event::Inventory(Presence::Here));
        sight.into_iter().for_each(|sight| play.see(sight));
        play.event(Event::Settled);
        assert_eq!(primes(&mut play), [(KEY.to_owned(), extent)]);
        play.wanted.clear();
        play.event(Event::Tick);
        play.nothing();
    }
}

#[test]
fn what_must_be_kept_is_not_primed_with_values() {
    for (power, extent) in
        [(Power::Unknown, Extent::States), (Power::On, Extent::States), (Power::Off, Extent::Full)]
    {
        let mut play = unprimed(Plan { power_off_only: true, ..Plan::new(KEY, UNIT) });
        play.event(Event::Power(power));
        play.event(Event::Inventory(Presence::Here));
        play.event(Event::Settled);
        assert_eq!(primes(&mut play), [(KEY.to_owned(), extent)], "{power:?}");
    }
}

#[test]
fn slots_wait_until_the_inventory_has_what_it_lacked() {
    let mut play = unprimed(slot_plan(KEY, UNIT));
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    primes(&mut play);
    play.wanted.clear();
    play.at(39);
    play.nothing();
    play.event(Event::Primed(Ok(())));
    play.slot_starts(SlotPhase::Prepare, "");
}

#[test]
fn all_is_collected_only_when_the_inventory_has_what_it_lacked() {
    for result in [Ok(()), Err("it is silent".to_owned())] {
        let mut play = unprimed(Plan::new(KEY, UNIT));
        play.event(Event::Inventory(Presence::Here));
        play.event(Event::Settled);
        primes(&mut play);
        play.looks(Sight::Absent);
        play.tidied();
        assert!(!play.ready());
        play.event(Event::Primed(result));
        assert!(play.ready());
    }
}

#[test]
fn slots_wait_for_an_inventory_no_longer_than_everything_else() {
    let mut play = unprimed(slot_plan(KEY, UNIT));
    play.event(Event::Settled);
    play.wanted.clear();
    play.at(39);
    play.nothing();
    assert_eq!(play.collection.wake_at(Now::default()), Some(Duration::from_secs(40)));
    play.at(40);
    play.slot_starts(SlotPhase::Prepare, "");
}

#[test]
fn an_inventory_that_could_not_be_primed_holds_no_slot_up_and_is_primed_when_it_is_back() {
    let mut play = unprimed(slot_plan(KEY, UNIT));
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    primes(&mut play);
    play.wanted.clear();
    play.event(Event::Primed(Err("it went".to_owned())));
    play.slot_starts(SlotPhase::Prepare, "");
    play.event(Event::Inventory(Presence::Away));
    play.nothing();
    play.event(Event::Inventory(Presence::Here));
    assert_eq!(primes(&mut play).len(), 1);
    play.event(Event::Primed(Ok(())));
    play.event(Event::Inventory(Presence::Away));
    play.event(Event::Inventory(Presence::Here));
    play.nothing();
}

#[test]
fn a_report_that_crosses_with_priming_makes_one_more_run() {
    for is_tidied in [None, Some(false), Some(true)] {
        let mut play = unprimed(Plan::new(KEY, UNIT));
        play.event(Event::Inventory(Presence::Here));
        play.event(Event::Settled);
        primes(&mut play);
        play.wanted.clear();
        play.seconds = 1;
        play.see(Sight::Present);
        if let Some(is_tidied) = is_tidied {
            play.run(Verb::Start, read("ok", 1_000_000));
            let (ticket, _) = play.tidies();
            let tidied = Event::Tidied(ticket, Ok(()));
            let (before, after) = if is_tidied { (Some(tidied), None) } else { (None, Some(tidied)) };
            before.into_iter().for_each(|tidied| play.event(tidied));
            play.wanted.clear();
            play.seconds = 2;
            play.event(Event::Primed(Ok(())));
            after.into_iter().for_each(|tidied| play.event(tidied));
        } else {
            play.seconds = 2;
            play.event(Event::Primed(Ok(())));
            play.run(Verb::Start, read("ok", 1_000_000));
        }
        play.run(Verb::Restart, read("ok", 2_000_000));
        play.tidied();
        play.wanted.retain(|effect| *effect != Effect::LookAgain);
        play.nothing();
        assert_eq!(play.status().state, "collected", "{is_tidied:?}");
    }
}

#[test]
fn states_that_hold_without_power_are_told_once_somebody_says_that_there_is_none() {
    for (first, later) in [(None, Some(Extent::States)), (Some(Power::On), None), (Some(Power::Off), None)] {
        let mut play = unprimed(Plan::new(KEY, UNIT));
        first.into_iter().for_each(|power| play.event(Event::Power(power)));
        play.event(Event::Inventory(Presence::Here));
        play.event(Event::Settled);
        assert_eq!(primes(&mut play), [(KEY.to_owned(), Extent::Full)]);
        play.event(Event::Primed(Ok(())));
        play.wanted.clear();
        for (power, wanted) in [(Power::Off, later), (Power::On, None), (Power::Off, None)] {
            play.event(Event::Power(power));
            let is_prime = |effect: &Effect| matches!(effect, Effect::Prime(..));
            assert_eq!(play.wanted.iter().any(is_prime), wanted.is_some(), "{first:?} {power:?}");
            if let Some(extent) = wanted {
                assert_eq!(primes(&mut play), [(KEY.to_owned(), extent)]);
                play.event(Event::Primed(Ok(())));
            }
            play.wanted.clear();
        }
    }
}

#[test]
fn what_an_earlier_run_of_the_service_had_read_is_not_primed_with_values() {
    let mut play = Play::with_device();
    play.run(Verb::Start, read("ok", 1));
    play.tidied();
    let known = play.collection.statuses();
    let mut play = unprimed(Plan::new(KEY, UNIT));
    play.collection.resume(known);
    play.seconds = 1;
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    assert_eq!(primes(&mut play), [(KEY.to_owned(), Extent::States)]);
}
