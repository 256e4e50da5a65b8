//! What the inventory is told before anything is read.

use super::*;

/// What priming is wanted, of a collection that has just seen this; an answer follows.
fn primed(collection: &mut Collection, event: Event) -> Vec<(Extent, Power)> {
    let now = Now { elapsed: Duration::from_secs(1), wall: 0 };
    let mut found = Vec::new();
    for effect in collection.step(event, now) {
        if let Effect::Prime(wanted, power) = effect {
            found.extend(wanted.iter().map(|(_, extent)| (*extent, power)));
            collection.step(Event::Primed(Ok(())), now);
        }
    }
    found
}

#[test]
fn states_that_hold_without_power_are_told_once_somebody_says_that_there_is_none() {
    let mut collection = Collection::new(limits(), [Plan::new(KEY, UNIT)]);
    primed(&mut collection, Event::Inventory(Presence::Here));
    let first = primed(&mut collection, Event::Settled);
    assert_eq!(first, [(Extent::Full, Power::Unknown)]);
    assert_eq!(primed(&mut collection, Event::Power(Power::Off)), [(Extent::States, Power::Off)]);
    // What was said once is not said again, and not when the machine is switched off later.
    assert_eq!(primed(&mut collection, Event::Power(Power::On)), []);
    assert_eq!(primed(&mut collection, Event::Power(Power::Off)), []);
}

#[test]
fn a_machine_that_is_on_from_the_start_is_told_of_no_states_when_it_is_switched_off() {
    let mut collection = Collection::new(limits(), [Plan::new(KEY, UNIT)]);
    primed(&mut collection, Event::Inventory(Presence::Here));
    primed(&mut collection, Event::Power(Power::On));
    assert_eq!(primed(&mut collection, Event::Settled), [(Extent::Full, Power::On)]);
    assert_eq!(primed(&mut collection, Event::Power(Power::Off)), []);
}
