//! What a service costs that has nothing to do.

use crate::Daemon;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long a service is looked at. This is real time by nature: it is the measurement, and nothing is waited for by it.
const WINDOW: Duration = Duration::from_secs(4);

/// How many windows a service has until it must have come to rest. Its last messages may still be on their way.
const WINDOWS: usize = 15;

/// Ticks of the kernel's clock, of 10 ms, that all its wakes of a window may cost.
const TICKS: u64 = 1;

/// How often a tokio runtime wakes for one moment. A moment within the next four seconds is reached in two steps: the
/// 64 ms in which it lies, and the moment itself.
const WAKES: u64 = 2;

/// What a process has used since its start.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Usage {
    /// How often each thread has gone to sleep by itself, which is as often as something has woken it. A busy machine
    /// takes the processor away from it more often, and that is counted elsewhere.
    sleeps: BTreeMap<u64, u64>,
    /// Its CPU time in ticks.
    ticks: u64,
}

/// What a service used in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How often something woke it.
    pub wakes: u64,
    /// Its CPU time in ticks of 10 ms.
    pub ticks: u64,
    /// How long it was looked at.
    pub length: Duration,
}

impl Window {
    /// Whether it is asleep but for what it does at these periods, and uses no CPU time to speak of.
    fn is_idle(&self, periods: &[Duration]) -> bool {
        self.ticks <= TICKS && self.wakes <= periods.iter().map(|period| self.most(*period)).sum()
    }

    /// How many wakes the moments of a period in the window may cost.
    fn most(&self, period: Duration) -> u64 {
        let whole = self.length.as_micros() / period.as_micros().max(1);
        u64::try_from(whole).map_or(u64::MAX, |whole| whole.saturating_add(1).saturating_mul(WAKES))
    }
}

impl Daemon {
    /// Looks at a service until it is idle: it wakes only for what it does at these periods, of at most four seconds, and
    /// without any not once.
    ///
    /// Errors: it does not come to rest, with what was seen.
    pub fn await_idle(&self, periods: &[Duration]) -> Result<Window> {
        let mut seen = Vec::new();
        for _ in 0..WINDOWS {
            let window = look(self.pid())?;
            if window.is_idle(periods) {
                return Ok(window);
            }
            seen.push(window);
        }
        bail!("it has nothing to do and does not sleep: {seen:#?}")
    }
}

fn look(pid: u32) -> Result<Window> {
    let (before, began) = (usage(pid)?, Instant::now());
    thread::sleep(WINDOW);
    let (after, length) = (usage(pid)?, began.elapsed());
    Ok(Window { wakes: wakes(&before, &after), ticks: after.ticks.saturating_sub(before.ticks), length })
}

/// A thread that has come counts with all that it did, and one that has gone was woken for that.
fn wakes(before: &Usage, after: &Usage) -> u64 {
    let more = |(thread, sleeps): (&u64, &u64)| {
        sleeps.saturating_sub(before.sleeps.get(thread).copied().unwrap_or_default())
    };
    let gone = before.sleeps.keys().filter(|thread| !after.sleeps.contains_key(thread));
    let gone = u64::try_from(gone.count()).unwrap_or(u64::MAX);
    after.sleeps.iter().map(more).sum::<u64>().saturating_add(gone)
}

fn usage(pid: u32) -> Result<Usage> {
    let folder = Path::new("/proc").join(pid.to_string());
    let stat = fs::read_to_string(folder.join("stat")).context("it has ended")?;
    let mut sleeps = BTreeMap::new();
    for thread in fs::read_dir(folder.join("task"))? {
        let thread = thread?;
        // It may end in this moment.
        let Ok(status) = fs::read_to_string(thread.path().join("status")) else { continue };
        let name = thread.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok()).context("a thread has a number")?;
        sleeps.insert(number, voluntary(&status).context("no voluntary_ctxt_switches")?);
    }
    Ok(Usage { sleeps, ticks: ticks(&stat).context("no times in its stat")? })
}

fn voluntary(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

/// utime and stime, fields 14 and 15. The name in field 2 is the only one that may have blanks, and it is in brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut times = behind_name.split_whitespace().skip(11);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_that_sleeps_is_idle() {
        let daemon = Daemon::spawn("sleep", Command::new("sleep").arg("600")).unwrap();
        let window = daemon.await_idle(&[]).unwrap();
        assert_eq!(window.wakes, 0);
    }

    #[test]
    fn who_wakes_more_often_than_agreed_or_computes_is_not_idle() {
        let window = |wakes, ticks| Window { wakes, ticks, length: Duration::from_secs(4) };
        let second = Duration::from_secs(1);
        assert!(window(0, 1).is_idle(&[]));
        assert!(!window(1, 0).is_idle(&[]));
        assert!(!window(0, 2).is_idle(&[]));
        assert!(window(10, 0).is_idle(&[second]));
        assert!(!window(11, 0).is_idle(&[second]));
        assert!(window(16, 0).is_idle(&[second, 2 * second]));
    }

    #[test]
    fn threads_that_come_and_go_are_counted() {
        let usage = |sleeps: &[(u64, u64)]| Usage { sleeps: sleeps.iter().copied().collect(), ticks: 0 };
        assert_eq!(wakes(&usage(&[(1, 5)]), &usage(&[(1, 7)])), 2);
        assert_eq!(wakes(&usage(&[(1, 5)]), &usage(&[(1, 5), (2, 3)])), 3);
        assert_eq!(wakes(&usage(&[(1, 5), (2, 3)]), &usage(&[(1, 5)])), 1);
    }

    #[test]
    fn the_kernels_texts_are_read_as_it_writes_them() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 120 0 0 0 12 30 0 0 20 0 1 0 99 8192 3\n";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(
            voluntary("Name:\tx\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t4\n"),
            Some(17)
        );
        assert_eq!(voluntary("nonvoluntary_ctxt_switches:\t4\n"), None);
    }
}
