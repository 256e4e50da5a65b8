use std::time::Duration;

/// How long to wait before what went wrong is tried again: longer each time, up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl BackOff {
    /// Begins with `first` and doubles up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first.min(longest) }
    }

    /// The wait after one more failure.
    pub fn failed(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.longest);
        wait
    }

    /// It went well.
    pub fn succeeded(&mut self) {
        self.next = self.first.min(self.longest);
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(300))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_begin_anew_after_a_success() {
        let seconds = Duration::from_secs;
        let mut back_off = BackOff::new(seconds(1), seconds(5));
        let waits: Vec<Duration> = (0..5).map(|_| back_off.failed()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5].map(seconds));
        back_off.succeeded();
        assert_eq!(back_off.failed(), seconds(1));
        let mut endless = BackOff::new(Duration::MAX, Duration::MAX);
        assert_eq!((endless.failed(), endless.failed()), (Duration::MAX, Duration::MAX));
    }
}
