//! Parts that can be read with the chassis off only, and the start of the host.

use super::*;

fn plan() -> Plan {
    Plan { power_off_only: true, ..Plan::new(KEY, UNIT) }
}

fn power(play: &mut Play, power: Power) {
    play.event(Event::Power(power));
}

fn settled(plan: Plan) -> Play {
    let mut play = Play::of(plan);
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    play.wanted.clear();
    play
}

/// One that was read with the power off.
fn collected() -> Play {
    let mut play = settled(plan());
    power(&mut play, Power::Off);
    play.looks(Sight::Present);
    play.run(Verb::Start, read("ok", 1));
    play.tidied();
    assert!(play.ready());
    play
}

#[test]
fn with_power_on_nothing_is_read_and_nothing_is_said_of_the_part() {
    for sight in [Sight::Present, Sight::Absent, Sight::Gone] {
        for is_early in [false, true] {
            let mut play = Play::of(plan());
            play.event(Event::Inventory(Presence::Here));
            if is_early {
                power(&mut play, Power::On);
            }
            play.see(sight);
            play.event(Event::Settled);
            play.wanted.retain(|effect| !matches!(effect, Effect::Look(_) | Effect::LookAgain));
            if !is_early {
                power(&mut play, Power::On);
            }
            play.see(sight);
            play.wanted.retain(|effect| *effect != Effect::LookAgain);
            play.nothing();
            assert_eq!(play.status().state, "kept", "{sight:?} {is_early}");
            play.event(Event::LookedAgain);
            assert_eq!(play.only(), Effect::Ready);
        }
    }
}

#[test]
fn while_nobody_says_whether_there_is_power_nothing_is_read_and_after_a_while_it_counts_as_on() {
    let mut play = settled(plan());
    play.see(Sight::Present);
    play.at(19);
    play.nothing();
    assert_eq!(play.status().state, "unsettled");
    let now = Now { elapsed: Duration::from_secs(19), wall: 0 };
    assert_eq!(play.collection.wake_at(now), Some(Duration::from_secs(20)));
    play.at(20);
    assert!(play.ready());
    assert_eq!(play.status().state, "kept");
}

#[test]
fn with_power_off_it_is_read_whenever_that_is_known() {
    for is_early in [false, true] {
        let mut play = Play::of(plan());
        play.event(Event::Inventory(Presence::Here));
        if is_early {
            power(&mut play, Power::Off);
            play.see(Sight::Present);
            play.event(Event::Settled);
        } else {
            play.see(Sight::Present);
            play.event(Event::Settled);
            play.looks(Sight::Present);
            power(&mut play, Power::Off);
            play.looks(Sight::Present);
        }
        play.run(Verb::Start, read("ok", 1));
        play.tidied();
        assert!(play.ready());
        assert_eq!(play.status().state, "collected");
    }
}

#[test]
fn what_was_kept_is_read_when_the_power_goes_off_and_stays_when_it_comes_on() {
    let mut play = settled(plan());
    power(&mut play, Power::On);
    assert!(play.ready());
    power(&mut play, Power::Off);
    play.looks(Sight::Present);
    play.run(Verb::Start, read("ok", 1));
    play.tidied();
    power(&mut play, Power::On);
    // Its chip cannot be seen now.
    play.see(Sight::Gone);
    play.see(Sight::Absent);
    play.nothing();
    assert_eq!((&*play.status().state, &*play.status().report.outcome), ("collected", "ok"));
}

#[test]
fn a_part_that_is_gone_once_the_power_is_off_is_absent() {
    let mut play = collected();
    power(&mut play, Power::On);
    play.see(Sight::Gone);
    play.nothing();
    power(&mut play, Power::Off);
    play.looks(Sight::Absent);
    play.is_said_to_be_absent();
}

#[test]
fn a_part_that_comes_back_after_the_power_came_on_is_kept_and_its_absence_is_not_the_last_word() {
    let mut play = collected();
    play.see(Sight::Gone);
    let question = play.inspects();
    power(&mut play, Power::On);
    play.see(Sight::Present);
    play.event(Event::Report(read("ok", 1)));
    play.wanted.retain(|effect| !matches!(effect, Effect::Look(_)));
    play.seconds = 1;
    play.event(Event::Inspected(question, Ok(unit_state("inactive", "", "success", 0))));
    play.tidied();
    play.nothing();
    assert_eq!(play.status().state, "kept");
    power(&mut play, Power::Off);
    play.looks(Sight::Present);
    play.starts(Verb::Restart);
}

#[test]
fn a_run_that_waits_when_the_power_comes_on_is_not_begun() {
    // For the inventory.
    let mut play = collected();
    play.event(Event::Inventory(Presence::Away));
    play.recollect();
    power(&mut play, Power::On);
    play.event(Event::Inventory(Presence::Here));
    play.nothing();
    assert_eq!(play.status().state, "kept");
    // For another try.
    let mut play = collected();
    play.recollect();
    play.run(Verb::Restart, read("unreadable", 2));
    play.tidied();
    power(&mut play, Power::On);
    play.at(100);
    play.nothing();
    assert_eq!(play.status().state, "kept");
    power(&mut play, Power::Off);
    play.looks(Sight::Present);
    play.starts(Verb::Start);
}

#[test]
fn a_run_that_waits_when_nobody_says_any_more_whether_there_is_power_waits_for_that() {
    let mut play = settled(plan());
    power(&mut play, Power::Off);
    play.event(Event::Inventory(Presence::Away));
    play.looks(Sight::Present);
    power(&mut play, Power::Unknown);
    play.event(Event::Inventory(Presence::Here));
    play.nothing();
    let now = Now { elapsed: Duration::from_secs(1), wall: 0 };
    assert_eq!(play.collection.wake_at(now), Some(Duration::from_secs(20)));
    power(&mut play, Power::Off);
    play.looks(Sight::Present);
    play.starts(Verb::Start);
}

#[test]
fn its_slot_is_prepared_with_power_off_only() {
    let mut play = settled(Plan { power_off_only: true, ..slot_plan(KEY, UNIT) });
    play.event(Event::Line(KEY.to_owned(), Told::There));
    play.event(Event::Recollect(Vec::new()));
    play.nothing();
    power(&mut play, Power::On);
    assert!(play.ready());
    for told in [Told::There, Told::Gone] {
        play.event(Event::Line(KEY.to_owned(), told));
        play.event(Event::Told(KEY.to_owned(), told));
    }
    play.event(Event::Host(Host::Starting));
    play.nothing();
    assert_eq!(play.status().state, "kept");
    power(&mut play, Power::Off);
    let look = play.wanted.iter().position(|effect| matches!(effect, Effect::Look(_))).unwrap();
    play.wanted.remove(look);
    play.slot_runs(SlotPhase::Prepare, "", 0);
    play.looks(Sight::Present);
    play.run(Verb::Start, read("ok", 1));
    play.tidied();
    play.slot_runs(SlotPhase::After, "2CE2", 0);
    play.nothing();
}

#[test]
fn a_part_that_is_plugged_in_while_its_slot_is_prepared_after_the_power_went_off_is_read() {
    let mut play = settled(Plan { power_off_only: true, ..slot_plan(KEY, UNIT) });
    power(&mut play, Power::On);
    assert!(play.ready());
    power(&mut play, Power::Off);
    play.wanted.retain(|effect| !matches!(effect, Effect::Look(_)));
    let prepares = play.slot_starts(SlotPhase::Prepare, "");
    // Too late for the preparation.
    play.event(Event::Line(KEY.to_owned(), Told::There));
    play.slot_ends(prepares, "done", unit_state("inactive", "", "success", 69));
    play.slot_runs(SlotPhase::Remove, "", 0);
    play.looks_at_nothing();
    play.is_said_to_be_absent();
    play.event(Event::Line(KEY.to_owned(), Told::There));
    play.slot_starts(SlotPhase::Prepare, "");
}

#[test]
fn a_slot_that_waits_to_be_prepared_when_the_power_comes_on_is_not() {
    let mut play = Play { primes: false, ..Play::of(Plan { power_off_only: true, ..slot_plan(KEY, UNIT) }) };
    power(&mut play, Power::Off);
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    play.wanted.clear();
    power(&mut play, Power::On);
    play.event(Event::Primed(Ok(())));
    assert!(play.ready());
    play.nothing();
    assert_eq!(play.status().state, "kept");
}

#[test]
fn a_report_of_a_part_that_is_kept_changes_nothing_until_the_power_is_off() {
    let mut play = settled(plan());
    power(&mut play, Power::On);
    assert!(play.ready());
    play.event(Event::Report(read("ok", 1)));
    play.nothing();
    assert_eq!(play.status().state, "kept");
    power(&mut play, Power::Off);
    play.looks(Sight::Present);
    play.starts(Verb::Start);
}

#[test]
fn the_start_of_the_host_reads_again_what_may_have_been_replaced_by_way_of_its_slot() {
    for is_replaceable in [false, true] {
        let mut play = Play::with_part_in_slot();
        play.collection.plans.get_mut(KEY).unwrap().is_replaceable_at_standby = is_replaceable;
        play.event(Event::Host(Host::Off));
        play.nothing();
        play.event(Event::Host(Host::Starting));
        if is_replaceable {
            play.slot_runs(SlotPhase::Prepare, "", 0);
            play.wanted.retain(|effect| !matches!(effect, Effect::Look(_)));
            play.run(Verb::Restart, read("ok", 2));
            play.tidied();
            play.slot_runs(SlotPhase::After, "2CE2", 0);
        }
        play.event(Event::Host(Host::Running));
        play.nothing();
    }
}

#[test]
fn a_host_that_runs_already_when_the_service_starts_has_nothing_read_again() {
    let plan = Plan { is_replaceable_at_standby: true, ..Plan::new(KEY, UNIT) };
    let mut play = settled(plan);
    play.see(Sight::Present);
    play.run(Verb::Start, read("ok", 1));
    play.tidied();
    assert!(play.ready());
    play.event(Event::Host(Host::Running));
    play.nothing();
    assert!(play.collection.is_host_on());
}

#[test]
fn what_cannot_be_done_now_is_refused_with_the_reason() {
    let runtime = Plan { is_replaceable_at_runtime: true, ..Plan::new(KEY, UNIT) };
    for (plan, host, chassis, words) in [
        (Plan::new(KEY, UNIT), Host::Off, Power::On, None),
        (Plan::new(KEY, UNIT), Host::Unknown, Power::Unknown, None),
        (Plan::new(KEY, UNIT), Host::Running, Power::On, Some("host runs")),
        (Plan::new(KEY, UNIT), Host::Starting, Power::On, Some("host runs")),
        (runtime.clone(), Host::Running, Power::On, None),
        (plan(), Host::Off, Power::Off, None),
        (plan(), Host::Off, Power::Unknown, Some("has power")),
        (Plan { power_off_only: true, ..runtime }, Host::Running, Power::On, Some("has power")),
    ] {
        let mut play = Play::of(plan);
        play.event(Event::Host(host));
        power(&mut play, chassis);
        let keys = [KEY.to_owned()];
        let judged = play.collection.judge(Wish::Recollect, &keys);
        match (&judged, words) {
            (Ok(followed), None) => assert_eq!(followed.len(), 1),
            (Err(Refusal::NotNow(_, reason)), Some(words)) => assert!(reason.contains(words), "{reason}"),
            _ => panic!("{host:?} {chassis:?} {judged:?}"),
        }
    }
}

#[test]
fn a_restart_of_the_service_that_hears_of_the_power_late_reads_nothing_again() {
    let known = collected().collection.statuses();
    for powers in [&[Power::Off][..], &[Power::On, Power::Off]] {
        let mut play = Play::of(plan());
        play.collection.resume(known.clone());
        play.event(Event::Inventory(Presence::Here));
        play.see(Sight::Present);
        play.event(Event::Settled);
        play.wanted.clear();
        for now in powers {
            power(&mut play, *now);
        }
        play.wanted.retain(|effect| *effect != Effect::LookAgain);
        play.looks(Sight::Present);
        let ticket = play.inspects();
        play.event(Event::Inspected(ticket, Ok(unit_state("active", "run", "success", 0))));
        play.tidied();
        assert_eq!(play.status().state, "collected", "{powers:?}");
    }
}

/// What is on its way to the service after its restart, in the order in which it was sent; any of it may come next.
struct Restart {
    play: Play,
    under_way: Vec<Event>,
    powers: Vec<Power>,
}

impl Restart {
    fn of(known: &[FruStatus], powers: &[Power]) -> Self {
        let mut play = Play { primes: false, ..Play::of(plan()) };
        play.collection.resume(known.to_vec());
        let seen = Event::Device(KEY.to_owned(), Sight::Present);
        let under_way = vec![Event::Inventory(Presence::Here), seen, Event::Settled];
        Self { play, under_way, powers: powers.iter().rev().copied().collect() }
    }

    /// How many may come next.
    fn choices(&self) -> usize {
        self.under_way.len() + usize::from(!self.powers.is_empty())
    }

    /// Lets one come, and answers what the service wants then; whether it wanted the part to be read.
    fn goes_on(&mut self, choice: usize) -> bool {
        if choice < self.under_way.len() {
            let event = self.under_way.remove(choice);
            self.play.event(event);
        } else if let Some(power) = self.powers.pop() {
            self.play.event(Event::Power(power));
        }
        let present = || Event::Device(KEY.to_owned(), Sight::Present);
        for effect in std::mem::take(&mut self.play.wanted) {
            match effect {
                Effect::Start(..) => return true,
                Effect::Inspect(ticket, _) => {
                    let state = unit_state("active", "run", "success", 0);
                    self.under_way.push(Event::Inspected(ticket, Ok(state)));
                }
                Effect::Tidy(ticket, _) => self.under_way.push(Event::Tidied(ticket, Ok(()))),
                Effect::Look(_) => self.under_way.push(present()),
                Effect::LookAgain => self.under_way.push(Event::LookedAgain),
                Effect::Prime(..) => self.under_way.push(Event::Primed(Ok(()))),
                Effect::Ready | Effect::Answer(..) => {}
            }
        }
        false
    }
}

#[test]
fn a_restart_of_the_service_reads_nothing_again_in_any_order_of_answers() {
    let known = collected().collection.statuses();
    let mut orders = 0;
    for powers in [&[Power::Off][..], &[Power::On, Power::Off]] {
        // The choices that the next order begins with.
        let mut prefix: Vec<usize> = Vec::new();
        loop {
            let mut restart = Restart::of(&known, powers);
            // The run was published in the second 0, and the service restarts later.
            restart.play.seconds = 5;
            let mut path = Vec::new();
            while restart.choices() > 0 {
                let choice = prefix.get(path.len()).copied().unwrap_or(0);
                path.push((choice, restart.choices()));
                assert!(!restart.goes_on(choice), "{powers:?} {path:?}");
            }
            orders += 1;
            assert_eq!(restart.play.status().state, "collected", "{powers:?} {path:?}");
            while path.last().is_some_and(|(choice, width)| choice + 1 == *width) {
                path.pop();
            }
            let Some((last, _)) = path.last_mut() else { break };
            *last += 1;
            prefix = path.iter().map(|(choice, _)| *choice).collect();
        }
    }
    assert!(orders > 1_000, "{orders}");
}
