//! When the inventory is read, and when the service is ready. Pure, on a clock that the caller has.

use peer::BackOff;
use std::time::Duration;

/// Limits of time, from the settings.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long nothing must change before changes are dealt with.
    pub settle: Duration,
    /// How long changes wait at most, however many follow.
    pub max_delay: Duration,
    /// How long the service waits for a first success before it is ready without.
    pub inventory: Duration,
}

/// Shortest and longest wait before a round that failed is repeated.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Decides when a round (reading the inventory and putting it right) begins. Times are since the service started.
#[derive(Debug)]
pub struct Schedule {
    limits: Limits,
    is_here: bool,
    /// First and last of the changes that no round has seen.
    unseen: Option<(Duration, Duration)>,
    /// Nothing is gathered before this.
    due: Option<Duration>,
    is_running: bool,
    back_off: BackOff,
    has_succeeded: bool,
    is_ready: bool,
}

impl Schedule {
    /// The inventory is away, nothing has been done.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            is_here: false,
            unseen: None,
            due: None,
            is_running: false,
            back_off: BackOff::new(FIRST_RETRY, LAST_RETRY),
            has_succeeded: false,
            is_ready: false,
        }
    }

    /// The inventory has come, or another one: what it shows is not known, so it is looked at at once.
    pub fn inventory_came(&mut self, now: Duration) {
        self.is_here = true;
        self.back_off.succeeded();
        self.due = Some(now);
    }

    /// The inventory has gone.
    pub fn inventory_went(&mut self) {
        self.is_here = false;
        self.due = None;
        self.unseen = None;
    }

    /// Something has changed that codes depend on.
    pub fn changed(&mut self, now: Duration) {
        let first = self.unseen.map_or(now, |(first, _)| first);
        self.unseen = Some((first, now));
    }

    /// Begins a round if it is time for one; the caller does it and says how it ended.
    pub fn begins(&mut self, now: Duration) -> bool {
        let begins = self.round_at().is_some_and(|at| at <= now);
        if begins {
            self.unseen = None;
            self.due = None;
            self.is_running = true;
        }
        begins
    }

    /// The round has put everything right that could be.
    pub fn succeeded(&mut self) {
        self.is_running = false;
        self.has_succeeded = true;
        self.back_off.succeeded();
    }

    /// The inventory could not be read or did not answer.
    pub fn failed(&mut self, now: Duration) {
        self.is_running = false;
        let wait = self.back_off.failed();
        if self.is_here && self.due.is_none() {
            self.due = now.checked_add(wait);
        }
    }

    /// True once: when everything is published, or the limit for that has passed.
    pub fn becomes_ready(&mut self, now: Duration) -> bool {
        let becomes = !self.is_ready && (self.has_succeeded || now >= self.limits.inventory);
        self.is_ready |= becomes;
        becomes
    }

    /// Whether the inventory is there.
    pub fn is_here(&self) -> bool {
        self.is_here
    }

    /// When there is something to do next without anything else happening.
    pub fn wake_at(&self) -> Option<Duration> {
        let ready = (!self.is_ready).then_some(self.limits.inventory);
        self.round_at().into_iter().chain(ready).min()
    }

    fn round_at(&self) -> Option<Duration> {
        if !self.is_here || self.is_running {
            return None;
        }
        let Limits { settle, max_delay, .. } = self.limits;
        let gathered =
            self.unseen.map(|(first, last)| last.saturating_add(settle).min(first.saturating_add(max_delay)));
        gathered.into_iter().chain(self.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn schedule() -> Schedule {
        Schedule::new(Limits { settle: ms(100), max_delay: ms(1_000), inventory: ms(10_000) })
    }

    /// After its first round.
    fn idle() -> Schedule {
        let mut schedule = schedule();
        schedule.inventory_came(ms(0));
        assert!(schedule.begins(ms(0)));
        schedule.succeeded();
        assert!(schedule.becomes_ready(ms(0)));
        assert_eq!(schedule.wake_at(), None);
        schedule
    }

    #[test]
    fn the_service_is_ready_after_its_first_round_or_after_the_limit_and_says_so_once() {
        let mut schedule = idle();
        assert!(!schedule.becomes_ready(ms(20_000)));
        let mut schedule = self::schedule();
        assert!(!schedule.becomes_ready(ms(9_999)));
        assert_eq!(schedule.wake_at(), Some(ms(10_000)));
        assert!(schedule.becomes_ready(ms(10_000)));
        // It goes on when the inventory comes.
        schedule.inventory_came(ms(50_000));
        assert!(schedule.begins(ms(50_000)));
    }

    #[test]
    fn a_round_that_hangs_does_not_hold_readiness_up() {
        let mut schedule = schedule();
        schedule.inventory_came(ms(5));
        assert!(schedule.begins(ms(5)));
        assert!(!schedule.becomes_ready(ms(9_000)));
        assert!(schedule.becomes_ready(ms(10_000)));
    }

    #[test]
    fn a_burst_is_one_round_and_an_endless_one_is_not_waited_for() {
        let mut schedule = idle();
        for time in [1_000, 1_050, 1_140] {
            schedule.changed(ms(time));
            assert!(!schedule.begins(ms(time)));
        }
        assert_eq!(schedule.wake_at(), Some(ms(1_240)));
        assert!(schedule.begins(ms(1_240)));
        schedule.succeeded();
        assert_eq!(schedule.wake_at(), None);
        for time in (5_000..5_990).step_by(50) {
            schedule.changed(ms(time));
            assert!(!schedule.begins(ms(time)));
        }
        assert!(schedule.begins(ms(6_000)));
    }

    #[test]
    fn what_changes_during_a_round_has_another_one() {
        let mut schedule = idle();
        schedule.changed(ms(1_000));
        assert!(schedule.begins(ms(1_100)));
        schedule.changed(ms(1_150));
        assert!(!schedule.begins(ms(9_000)));
        schedule.succeeded();
        assert!(schedule.begins(ms(9_000)));
    }

    #[test]
    fn a_failed_round_is_repeated_later_and_later_and_at_once_for_another_inventory() {
        let mut schedule = idle();
        schedule.changed(ms(0));
        assert!(schedule.begins(ms(100)));
        schedule.failed(ms(100));
        assert_eq!(schedule.wake_at(), Some(ms(1_100)));
        assert!(schedule.begins(ms(1_100)));
        schedule.failed(ms(1_100));
        assert_eq!(schedule.wake_at(), Some(ms(3_100)));
        schedule.inventory_went();
        assert_eq!(schedule.wake_at(), None);
        schedule.inventory_came(ms(2_000));
        assert!(schedule.begins(ms(2_000)));
        // It goes during a round; the round's failure is no reason to ask nobody.
        schedule.inventory_went();
        schedule.failed(ms(2_100));
        assert_eq!(schedule.wake_at(), None);
    }

    #[test]
    fn an_inventory_that_comes_during_a_round_with_another_is_looked_at_right_after() {
        let mut schedule = idle();
        schedule.changed(ms(0));
        assert!(schedule.begins(ms(100)));
        schedule.inventory_went();
        schedule.inventory_came(ms(200));
        assert_eq!(schedule.wake_at(), None);
        schedule.failed(ms(300));
        assert!(schedule.begins(ms(300)));
    }
}
