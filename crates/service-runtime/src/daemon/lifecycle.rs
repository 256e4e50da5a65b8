use super::notifier::Notifier;
use crate::clock::at;
use anyhow::Context as _;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// A daemon's life as systemd sees it: readiness, status, watchdog, the wish that it end.
///
/// The owner's loop waits for [`Self::turn`] beside everything else that it waits for; that feeds the watchdog, so a
/// loop that hangs does not.
#[derive(Debug)]
pub struct Lifecycle {
    notifier: Notifier,
    terminate: Signal,
    interrupt: Signal,
    /// How often the watchdog is fed: a third of systemd's limit, or never without a watchdog.
    interval: Option<Duration>,
    alive_at: Option<Instant>,
}

/// Why [`Lifecycle::turn`] is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The moment has come that the owner wanted to wait for.
    Due,
    /// The daemon is to end: SIGTERM or SIGINT. Comes once for each signal.
    Stop,
}

impl Lifecycle {
    /// Reads `NOTIFY_SOCKET` and `WATCHDOG_USEC`, and listens for signals.
    pub(super) fn from_environment() -> anyhow::Result<Self> {
        let limit = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        let limit = limit.filter(|limit| *limit > 0).map(Duration::from_micros);
        Self::new(Notifier::from_environment(), limit)
    }

    fn new(notifier: Notifier, watchdog_limit: Option<Duration>) -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        let interval = watchdog_limit.map(|limit| limit / 3);
        Ok(Self {
            notifier,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            interval,
            alive_at: interval.map(|interval| Instant::now() + interval),
        })
    }

    /// Objects and name are in place. The start is over for systemd.
    pub fn ready(&self) {
        self.notifier.ready();
    }

    /// One line that `systemctl status` shows.
    pub fn status(&self, text: &str) {
        self.notifier.status(text);
    }

    /// The daemon has left its loop and is about to end.
    pub fn stopping(&self) {
        self.notifier.stopping();
    }

    /// The start or stop under way may take this much longer, from now: moves `TimeoutStartSec=` or `TimeoutStopSec=`.
    ///
    /// To be said again before that has passed, as long as it takes longer still. What systemd has no room for is sent again
    /// only while [`Self::turn`] is waited for, so a stop that takes long waits for that beside its work.
    pub fn extend(&self, by: Duration) {
        self.notifier.extend(by);
    }

    /// Waits until the daemon is to end or a moment has come, feeding the watchdog meanwhile. Dropping the future loses
    /// nothing.
    pub async fn turn(&mut self, wake_at: Option<Instant>) -> Turn {
        loop {
            let chore_at = self.alive_at.into_iter().chain(self.notifier.retry_at()).min();
            tokio::select! {
                biased;
                _ = self.terminate.recv() => return Turn::Stop,
                _ = self.interrupt.recv() => return Turn::Stop,
                () = at(chore_at) => self.do_chores(),
                () = due(wake_at) => return Turn::Due,
            }
        }
    }

    fn do_chores(&mut self) {
        self.notifier.send_kept();
        let now = Instant::now();
        if self.alive_at.is_some_and(|at| at <= now) {
            self.notifier.alive();
            self.alive_at = self.interval.map(|interval| now + interval);
        }
    }
}

/// As [`at`], but a moment that has passed already does not come before what else the owner's loop finds ready: an owner
/// that does not do what is due must not become deaf.
async fn due(moment: Option<Instant>) {
    if moment.is_some_and(|moment| moment <= Instant::now()) {
        tokio::task::yield_now().await;
    }
    at(moment).await;
}

#[cfg(test)]
mod tests {
    use super::super::notifier::tests::{fill, notifier, read};
    use super::*;
    use std::os::unix::net::UnixDatagram;

    fn paused(test: impl Future<Output = ()>) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn the_watchdog_is_fed_while_the_owner_waits_and_not_else() {
        paused(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("notify");
            let systemd = UnixDatagram::bind(&path).unwrap();
            let mut lifecycle = Lifecycle::new(notifier(&path), Some(Duration::from_secs(30))).unwrap();
            tokio::time::advance(Duration::from_secs(100)).await;
            systemd.set_nonblocking(true).unwrap();
            assert!(systemd.recv(&mut [0; 16]).is_err());
            systemd.set_nonblocking(false).unwrap();
            let wake_at = Instant::now() + Duration::from_secs(25);
            assert_eq!(lifecycle.turn(Some(wake_at)).await, Turn::Due);
            // At once, as it is overdue, and every ten seconds.
            for _ in 0..3 {
                assert_eq!(read(&systemd), "WATCHDOG=1");
            }
            systemd.set_nonblocking(true).unwrap();
            assert!(systemd.recv(&mut [0; 16]).is_err());
        });
    }

    #[test]
    fn a_moment_that_has_passed_does_not_shut_out_what_else_is_ready() {
        paused(async {
            let folder = tempfile::tempdir().unwrap();
            let mut lifecycle = Lifecycle::new(notifier(&folder.path().join("notify")), None).unwrap();
            let past = Some(Instant::now());
            let won = tokio::select! {
                biased;
                _ = lifecycle.turn(past) => "turn",
                () = std::future::ready(()) => "other",
            };
            assert_eq!(won, "other");
            assert_eq!(lifecycle.turn(past).await, Turn::Due);
        });
    }

    #[test]
    fn a_message_that_systemd_had_no_room_for_is_sent_by_the_timer() {
        paused(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("notify");
            let systemd = UnixDatagram::bind(&path).unwrap();
            let mut lifecycle = Lifecycle::new(notifier(&path), None).unwrap();
            let filled = fill(&path);
            lifecycle.extend(Duration::from_secs(9));
            assert_eq!(lifecycle.turn(Some(Instant::now() + Duration::from_secs(1))).await, Turn::Due);
            for _ in 0..filled {
                assert_eq!(read(&systemd), "x");
            }
            assert_eq!(lifecycle.turn(Some(Instant::now() + Duration::from_secs(1))).await, Turn::Due);
            assert_eq!(read(&systemd), "EXTEND_TIMEOUT_USEC=9000000");
        });
    }
}
