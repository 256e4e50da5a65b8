//! Random walks through what can happen to one EEPROM, against a model of the machine around the collection.
//!
//! The model keeps what must be true in the end: which part is there, and what the inventory shows. Every walk
//! ends with a calm in which everything that is on its way arrives; then nothing may be stuck, and nothing may lie.

use machine::{Faults, Machine, Place};
use std::ops::Range;
use test_random::Numbers as Dice;

mod machine;
mod parser;
mod slot;
mod truth;

/// One walk; what went wrong, with all that happened before.
fn walk(seed: u64, faults: Faults, place: Place) {
    let mut dice = Dice::silent(seed);
    let mut machine = Machine::new(faults, place);
    let steps = 10 + dice.below(110);
    for _ in 0..steps {
        machine.happen(&mut dice);
    }
    machine.calm_down(&mut dice);
    // What a slot's failures, or process 1's, have left is for somebody to ask for again.
    let is_left_alone = place.has_slot && matches!(faults, Faults::Slots | Faults::Process1);
    let mut wrong = if is_left_alone { Vec::new() } else { machine.lies() };
    machine.read_again(&mut dice);
    wrong.extend(machine.lies());
    machine.reread(&mut dice);
    wrong.extend(machine.lies());
    wrong.extend(machine.is_unread().then(|| "a wish to read again comes to nothing".to_owned()));
    assert!(wrong.is_empty(), "seed {seed}: {wrong:?}\n{}", machine.log.join("\n"));
}

/// How many walks of each kind a run of the tests makes.
const WALKS: Range<u64> = 0..2_000;

/// A chip on a board, one that the inventory is listened to for, one in a slot, and those that need the chassis off.
const PLAIN: Place = Place { has_slot: false, is_power_off_only: false, is_watched: false };
const WATCHED: Place = Place { is_watched: true, ..PLAIN };
const SLOT: Place = Place { has_slot: true, ..PLAIN };
const POWER_OFF_ONLY: Place = Place { is_power_off_only: true, ..PLAIN };
const ALL: Place = Place { has_slot: true, is_power_off_only: true, is_watched: true };

#[test]
fn whatever_happens_in_whatever_order_nothing_is_stuck_and_the_inventory_is_right() {
    WALKS.for_each(|seed| walk(seed, Faults::None, PLAIN));
}

#[test]
fn parsers_that_crash_and_reports_that_are_lost_leave_nothing_stuck_and_nothing_wrong() {
    WALKS.for_each(|seed| walk(seed, Faults::Parsers, PLAIN));
}

#[test]
fn a_process_1_that_forgets_its_answers_leaves_nothing_stuck() {
    WALKS.for_each(|seed| walk(seed, Faults::Process1, PLAIN));
}

#[test]
fn what_was_published_is_no_news_whenever_its_signal_comes() {
    WALKS.for_each(|seed| walk(seed, Faults::None, WATCHED));
}

#[test]
fn whatever_happens_to_a_slot_its_part_is_read_and_what_follows_is_done_for_it() {
    WALKS.for_each(|seed| walk(seed, Faults::None, SLOT));
}

#[test]
fn a_slot_that_fails_leaves_nothing_stuck_and_nothing_wrong_once_it_works() {
    WALKS.for_each(|seed| walk(seed, Faults::Slots, SLOT));
}

#[test]
fn parsers_that_crash_on_parts_in_slots_leave_nothing_stuck_and_nothing_wrong() {
    WALKS.for_each(|seed| walk(seed, Faults::Parsers, SLOT));
    // The first reading fails, and one that was asked for meanwhile is the first that its slot is told of.
    walk(12_918, Faults::Parsers, SLOT);
}

#[test]
fn a_process_1_that_forgets_slots_leaves_nothing_stuck() {
    WALKS.for_each(|seed| walk(seed, Faults::Process1, SLOT));
}

#[test]
fn with_the_chassis_on_nothing_is_read_that_cannot_be_and_what_is_shown_is_kept() {
    WALKS.for_each(|seed| walk(seed, Faults::None, POWER_OFF_ONLY));
}

#[test]
fn slots_that_need_the_chassis_off_are_seen_to_then_and_never_else() {
    WALKS.for_each(|seed| walk(seed, Faults::None, ALL));
    WALKS.for_each(|seed| walk(seed, Faults::Slots, ALL));
}
