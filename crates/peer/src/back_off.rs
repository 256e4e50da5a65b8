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

    /// The wait after so many failures in a row, for an owner that counts by itself; the shortest for none.
    pub fn after(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
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

/// Tries until it goes well, and says each time why it did not: for a task that nothing else would begin again, which one
/// answer that comes too late must not end.
pub async fn persist<T, F: Future<Output = anyhow::Result<T>>>(
    mut back_off: BackOff,
    attempt: impl Fn() -> F,
) -> T {
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) => {
                let wait = back_off.failed();
                log::warn!("{error:#}; tried again in {} s", wait.as_secs());
                tokio::time::sleep(wait).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_tried_until_it_goes_well() {
        let began = tokio::time::Instant::now();
        let tries = std::cell::Cell::new(0);
        let attempt = async || {
            tries.set(tries.get() + 1);
            if tries.get() < 4 { anyhow::bail!("too late") } else { Ok(tries.get()) }
        };
        assert_eq!(persist(BackOff::default(), attempt).await, 4);
        assert_eq!(began.elapsed(), Duration::from_secs(1 + 2 + 4));
    }

    #[test]
    fn waits_double_up_to_the_limit_and_begin_anew_after_a_success() {
        let seconds = Duration::from_secs;
        let mut back_off = BackOff::new(seconds(1), seconds(5));
        let waits: Vec<Duration> = (0..5).map(|_| back_off.failed()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5].map(seconds));
        back_off.succeeded();
        assert_eq!(back_off.failed(), seconds(1));
        assert_eq!(
            [0, 1, 2, 3, 4, 31, 32, u32::MAX].map(|count| back_off.after(count)),
            [1, 1, 2, 4, 5, 5, 5, 5].map(seconds)
        );
        let mut endless = BackOff::new(Duration::MAX, Duration::MAX);
        assert_eq!((endless.failed(), endless.failed()), (Duration::MAX, Duration::MAX));
    }
}
