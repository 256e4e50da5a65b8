//! What the event log is to hear of: identities that stay missing. Pure, on a clock that the caller has.

use crate::codes::Missing;
use std::collections::BTreeMap;
use std::time::Duration;

/// Which identities are missing, and since when.
///
/// One that is missing for a moment is no news: a part that is exchanged has none, and an inventory that starts empty
/// has not been filled.
#[derive(Debug)]
pub struct Complaints {
    report_after: Duration,
    since: BTreeMap<Missing, Duration>,
    /// The event log has been told what holds now.
    is_told: bool,
}

impl Complaints {
    /// Nothing is known yet.
    pub fn new(report_after: Duration) -> Self {
        Self { report_after, since: BTreeMap::new(), is_told: true }
    }

    /// This is what is missing now. Says what was not missing before, and how many are missing no more.
    pub fn update(&mut self, missing: &[Missing], now: Duration) -> (Vec<Missing>, usize) {
        let before = std::mem::take(&mut self.since);
        // What is wrong with one may change; it is missing all the same.
        let known = |missing: &Missing| before.iter().find(|(other, _)| other.is_same(missing));
        self.since = missing
            .iter()
            .map(|missing| (missing.clone(), known(missing).map_or(now, |(_, since)| *since)))
            .collect();
        let fresh = missing.iter().filter(|missing| known(missing).is_none()).cloned().collect();
        let gone = before.keys().filter(|old| !missing.iter().any(|missing| missing.is_same(old))).count();
        self.is_told = false;
        (fresh, gone)
    }

    /// Nobody knows what is missing until the next update; what it was missing before is counted anew.
    pub fn forget(&mut self) {
        self.since.clear();
        self.is_told = true;
    }

    /// All that is missing, once for each update: when it is sure. What was told in an earlier run of the service must
    /// not clear because it is not sure yet in this one.
    pub fn due(&mut self, now: Duration) -> Option<Vec<Missing>> {
        if self.is_told || self.due_at().is_some_and(|at| at > now) {
            return None;
        }
        self.is_told = true;
        Some(self.since.keys().cloned().collect())
    }

    /// When [`Self::due`] is to be asked.
    pub fn wake_at(&self) -> Option<Duration> {
        if self.is_told { None } else { self.due_at() }
    }

    fn due_at(&self) -> Option<Duration> {
        self.since.values().max().map(|since| since.saturating_add(self.report_after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Identity;

    fn missing(object: &str, reason: &str) -> Missing {
        Missing { object: object.to_owned(), identity: Identity::Enclosure, reason: reason.to_owned() }
    }

    fn complaints() -> Complaints {
        Complaints::new(seconds(10))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_missing_for_a_moment_is_not_told() {
        let mut complaints = complaints();
        let (fresh, _) = complaints.update(&[missing("/a", "x")], seconds(0));
        assert_eq!(fresh, [missing("/a", "x")]);
        assert_eq!((complaints.due(seconds(9)), complaints.wake_at()), (None, Some(seconds(10))));
        assert_eq!(complaints.update(&[], seconds(9)), (vec![], 1));
        assert_eq!(complaints.due(seconds(9)), Some(vec![]));
        assert_eq!((complaints.due(seconds(20)), complaints.wake_at()), (None, None));
    }

    #[test]
    fn what_stays_missing_is_told_once_whatever_the_reason() {
        let mut complaints = complaints();
        complaints.update(&[missing("/a", "x")], seconds(0));
        assert_eq!(complaints.update(&[missing("/a", "y")], seconds(6)), (vec![], 0));
        assert_eq!(complaints.due(seconds(10)), Some(vec![missing("/a", "y")]));
        assert_eq!((complaints.due(seconds(20)), complaints.wake_at()), (None, None));
    }

    #[test]
    fn nothing_is_told_before_all_is_sure_so_that_nothing_seems_to_clear() {
        let mut complaints = complaints();
        complaints.update(&[missing("/a", "x")], seconds(0));
        complaints.update(&[missing("/a", "x"), missing("/b", "x")], seconds(8));
        assert_eq!(complaints.due(seconds(17)), None);
        assert_eq!(complaints.due(seconds(18)).unwrap().len(), 2);
    }

    #[test]
    fn without_an_inventory_nothing_is_missing_and_nothing_clears() {
        let mut complaints = complaints();
        complaints.update(&[missing("/a", "x")], seconds(0));
        complaints.forget();
        assert_eq!((complaints.due(seconds(100)), complaints.wake_at()), (None, None));
        complaints.update(&[missing("/a", "x")], seconds(100));
        assert_eq!(complaints.due(seconds(109)), None);
    }
}
