//! Random walks: in every order of events, the rules of the queue hold.

use super::tests::{needs, wire};
use super::*;
use test_random::Numbers;

/// A job as the walk knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Job {
    number: usize,
    key: usize,
}

/// Wires of each EEPROM; some share one, one has two.
const EEPROMS: [&[&str]; 8] = [&["1"], &["1"], &["2"], &["2", "3"], &["4"], &["5"], &["6"], &["6"]];

struct Walk {
    random: Numbers,
    queue: Queue<Job>,
    now: Duration,
    was_read: [bool; EEPROMS.len()],
    /// Tickets of what is under way.
    running: Vec<(Ticket, Job)>,
    /// What waits, in the order of arrival, and whether it has to come after the first reading.
    waiting: Vec<(Job, bool)>,
    taken: usize,
    answered: BTreeSet<usize>,
    refused: usize,
}

impl Walk {
    fn new(seed: u64) -> Self {
        Self {
            random: Numbers::silent(seed),
            queue: Queue::default(),
            now: Duration::ZERO,
            was_read: [false; EEPROMS.len()],
            running: Vec::new(),
            waiting: Vec::new(),
            taken: 0,
            answered: BTreeSet::new(),
            refused: 0,
        }
    }

    fn step(&mut self) {
        match self.random.below(8) {
            0..3 => self.arrive(),
            3..5 => self.end(),
            5 => {
                let key = self.random.below(EEPROMS.len());
                self.was_read[key] = true;
            }
            6 => self.now += Duration::from_secs(self.random.below(4) as u64),
            _ => self.give_back(),
        }
        self.begin();
    }

    fn arrive(&mut self) {
        let key = self.random.below(EEPROMS.len());
        let job = Job { number: self.taken, key };
        let first_reading = self.random.one_in(2);
        let needs = Needs {
            first_reading,
            deadline: self.now + Duration::from_secs(self.random.below(20) as u64 + 1),
            ..needs(&key.to_string(), EEPROMS[key])
        };
        let waiting = self.taken - self.answered.len();
        match self.queue.push(needs, job.clone()) {
            Ok(_) => {
                assert!(waiting < CALLERS);
                self.waiting.push((job, first_reading));
                self.taken += 1;
            }
            Err(_) => {
                assert_eq!(waiting, CALLERS);
                self.refused += 1;
            }
        }
    }

    fn begin(&mut self) {
        let was_read = self.was_read;
        let was_read = |key: &EepromKey| {
            let number: usize = key.as_str().trim_start_matches("file:").parse().unwrap();
            was_read[number]
        };
        while let Some((ticket, job)) = self.queue.next(&was_read) {
            self.passed(&job);
            self.running.push((ticket, job));
            let mut busy = BTreeSet::new();
            for (_, job) in &self.running {
                for name in EEPROMS[job.key] {
                    assert!(busy.insert(wire(name)), "two jobs on a wire");
                }
            }
            assert!(busy.len() <= WIRES);
        }
        // Nothing stands still without a reason: every line waits for its first reading.
        if self.running.is_empty() {
            for key in 0..EEPROMS.len() {
                let first = self.waiting.iter().find(|(job, _)| job.key == key);
                assert!(first.is_none_or(|(_, first_reading)| *first_reading && !self.was_read[key]));
            }
        }
    }

    /// Those of one EEPROM are begun in the order in which they came, and after its first reading if they have to.
    fn passed(&mut self, job: &Job) {
        let first = self.waiting.iter().position(|(waiting, _)| waiting.key == job.key);
        let (waited, first_reading) = self.waiting.remove(first.expect("it waits"));
        assert_eq!(waited, *job, "out of order");
        assert!(!first_reading || self.was_read[job.key], "before the first reading");
    }

    fn end(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let index = self.random.below(self.running.len());
        let (ticket, job) = self.running.swap_remove(index);
        self.queue.answered(ticket);
        assert!(self.answered.insert(job.number), "answered twice");
    }

    fn give_back(&mut self) {
        for (_, job) in self.queue.overdue(self.now) {
            self.waiting.retain(|(waiting, _)| *waiting != job);
            assert!(self.answered.insert(job.number), "answered twice");
        }
    }

    /// All are read, all end: no caller is left without an answer.
    fn finish(mut self) -> (usize, usize) {
        self.was_read = [true; EEPROMS.len()];
        self.begin();
        while !self.running.is_empty() {
            self.end();
            self.begin();
        }
        assert_eq!((self.answered.len(), self.queue.callers()), (self.taken, 0));
        (self.taken, self.refused)
    }
}

#[test]
fn order_wires_and_answers_hold_on_every_walk() {
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..60 {
        let mut walk = Walk::new(seed);
        // Some walks begin with a crowd that nothing thins.
        if seed % 4 == 0 {
            (0..CALLERS + 8).for_each(|_| walk.arrive());
        }
        (0..400).for_each(|_| walk.step());
        let (took, turned_away) = walk.finish();
        taken += took;
        refused += turned_away;
    }
    assert!(taken > 3_000 && refused > 100, "{taken} {refused}");
}
