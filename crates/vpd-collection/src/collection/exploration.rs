//! Random walks through what can happen to one EEPROM, against a model of the machine around the collection.
//!
//! The model keeps what must be true in the end: which part is there, and what the inventory shows. Every walk
//! ends with a calm in which everything that is on its way arrives; then nothing may be stuck, and nothing may lie.

use machine::{Faults, Machine};
use std::ops::Range;

mod machine;

/// Numbers that look random, from a fixed start (xorshift).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        // Seeds that follow each other would begin alike.
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            dice.below(2);
        }
        dice
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

/// One walk; what went wrong, with all that happened before.
fn walk(seed: u64, faults: Faults) {
    let mut dice = Dice::new(seed);
    let mut machine = Machine::new(faults);
    let steps = 10 + dice.below(110);
    for _ in 0..steps {
        machine.happen(&mut dice);
    }
    machine.calm_down(&mut dice);
    let mut wrong = machine.lies();
    machine.read_again(&mut dice);
    wrong.extend(machine.lies());
    wrong.extend(machine.is_unread().then(|| "a wish to read again comes to nothing".to_owned()));
    assert!(wrong.is_empty(), "seed {seed}: {wrong:?}\n{}", machine.log.join("\n"));
}

/// How many walks of each kind a run of the tests makes.
const WALKS: Range<u64> = 0..2_000;

#[test]
fn whatever_happens_in_whatever_order_nothing_is_stuck_and_the_inventory_is_right() {
    WALKS.for_each(|seed| walk(seed, Faults::None));
}

#[test]
fn parsers_that_crash_and_reports_that_are_lost_leave_nothing_stuck_and_nothing_wrong() {
    WALKS.for_each(|seed| walk(seed, Faults::Parsers));
}

#[test]
fn a_process_1_that_forgets_its_answers_leaves_nothing_stuck() {
    WALKS.for_each(|seed| walk(seed, Faults::Process1));
}
