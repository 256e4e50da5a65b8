//! Whether a stream comes fast enough.
//!
//! Who sends a byte now and then never stalls, and would keep all others waiting to the end of the limit on the whole. So
//! bytes are counted over windows of waiting. A window begins with bytes that come, not with silence, of which the limit on
//! stalls takes care. Time in which the reader does something else does not count: then it is slow, not the sender.

use std::time::Duration;

/// Counts what comes.
#[derive(Debug)]
pub struct Pace {
    /// Bytes that a window must have at least.
    needed: u128,
    window: Duration,
    /// How long the reader has waited in this window.
    waited: Duration,
    /// Bytes that came in this window; zero before the first.
    came: u128,
}

impl Pace {
    /// At least `rate` bytes per second, 0 for no such floor, over each `window`.
    pub fn new(rate: u64, window: Duration) -> Self {
        let needed = u128::from(rate).saturating_mul(window.as_millis()) / 1000;
        Self { needed, window, waited: Duration::ZERO, came: 0 }
    }

    /// Takes note that `count` bytes came after the reader had waited for so long, and says whether that is fast enough.
    #[must_use]
    pub fn keeps_up(&mut self, waited: Duration, count: usize) -> bool {
        let count = count as u128;
        if self.came == 0 {
            self.came = count;
            return true;
        }
        self.waited = self.waited.saturating_add(waited);
        if self.waited < self.window {
            self.came = self.came.saturating_add(count);
            return true;
        }
        // What came now came after the window's end, and begins the next.
        let is_fast = self.came >= self.needed;
        (self.waited, self.came) = (Duration::ZERO, count);
        is_fast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window of ten seconds with at least 1000 bytes.
    fn pace() -> Pace {
        Pace::new(100, Duration::from_secs(10))
    }

    /// After how many arrivals it is too slow, each after so many milliseconds of waiting.
    fn lasts(pace: &mut Pace, arrivals: &[(u64, usize)]) -> usize {
        let keeps_up =
            |&&(waited, count): &&(u64, usize)| pace.keeps_up(Duration::from_millis(waited), count);
        arrivals.iter().take_while(keeps_up).count()
    }

    #[test]
    fn a_window_with_too_little_in_it_is_too_slow_when_it_is_over() {
        let trickle = [(500, 1); 100];
        assert_eq!(lasts(&mut pace(), &trickle), 20, "ten seconds after the first byte");
        assert_eq!(lasts(&mut pace(), &[(1000, 99); 100]), 10);
        assert_eq!(lasts(&mut pace(), &[(1000, 100); 100]), 100);
        let last_moment = [(0, 1), (9_999, 999), (1, 1)];
        assert_eq!(lasts(&mut pace(), &last_moment), 3);
        let one_byte_less = [(0, 1), (9_999, 998), (1, 1)];
        assert_eq!(lasts(&mut pace(), &one_byte_less), 2);
        let too_late = [(0, 1), (10_000, 5_000)];
        assert_eq!(lasts(&mut pace(), &too_late), 1, "what comes after the end is no part of the window");
    }

    #[test]
    fn what_came_fast_before_excuses_nothing_later() {
        let mut pace = pace();
        assert_eq!(lasts(&mut pace, &[(1000, 1_000_000); 10]), 10);
        // The first byte ends that window.
        assert_eq!(lasts(&mut pace, &[(1000, 1); 100]), 10);
    }

    #[test]
    fn silence_before_the_first_byte_does_not_count() {
        assert_eq!(lasts(&mut pace(), &[(9_900, 1), (1_000, 999), (8_999, 1), (1, 1)]), 4);
    }

    #[test]
    fn a_reader_that_takes_its_time_finds_nothing_slow() {
        // Hours may lie between these reads.
        assert_eq!(lasts(&mut pace(), &[(0, 1); 10_000]), 10_000);
    }

    #[test]
    fn without_a_floor_all_is_fast_and_with_the_highest_nothing_overflows() {
        let mut none = Pace::new(0, Duration::from_secs(10));
        assert_eq!(lasts(&mut none, &[(9_999, 1); 100]), 100);
        let mut most = Pace::new(u64::MAX, Duration::MAX);
        assert!(most.keeps_up(Duration::MAX, 1));
        assert!(most.keeps_up(Duration::from_secs(1), usize::MAX));
        assert!(!most.keeps_up(Duration::MAX, 1));
    }

    #[test]
    fn a_window_of_parts_of_a_second_needs_its_part() {
        let mut pace = Pace::new(1000, Duration::from_millis(300));
        assert_eq!(lasts(&mut pace, &[(100, 100); 30]), 30);
        assert_eq!(lasts(&mut pace, &[(100, 99); 30]), 3);
    }
}
