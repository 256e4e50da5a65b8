//! Which dropped files are looked at, and when.
//!
//! An upload may end early because it is still on its way: it is left to rest, looked at once more, and only then it is
//! wrong. One that finds no room stays, and is tried once more when there is some.

use crate::drop_folder::folder::Identity;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// Most files that are kept in mind; more are found again by looking at the folder.
const KEPT_IN_MIND: usize = 64;

/// How a file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// To be looked at.
    Queued { attempt: Attempt },
    /// Being looked at; `again` when it was written meanwhile.
    Busy { attempt: Attempt, again: bool },
    /// It ended early.
    Resting { until: Duration, size: u64 },
    /// There was no room: so many free bytes are needed.
    Waiting { needed: u64 },
    /// It is left alone.
    Ignored(Identity),
}

/// Which look at a file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    First,
    /// After it has rested.
    Rested,
    /// After it has waited for room.
    Waited,
}

/// What became of a look at a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is done with, and gone unless another has come.
    Done,
    /// It was taken in; and whether there is something under its name that was not.
    Taken { is_there: bool },
    /// It ended early, at this size.
    Early { size: u64 },
    /// It needs so many free bytes.
    NoRoom { needed: u64 },
    /// It is to be left alone as long as it is this file.
    LeftAlone(Identity),
    /// It is wrong; and whether the same file is still there.
    Bad { is_there: bool },
}

/// What follows from an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The file is looked at again, nobody is told yet.
    Again,
    /// There is no room; the file stays, and somebody is told.
    Kept,
    /// This was the last look.
    Final,
}

/// The files in mind.
#[derive(Debug)]
pub struct Intake {
    settle: Duration,
    capacity: usize,
    files: BTreeMap<OsString, State>,
    order: VecDeque<(OsString, Duration)>,
    is_incomplete: bool,
}

impl Intake {
    /// Nothing in mind; `capacity` files may be queued.
    pub fn new(settle: Duration, capacity: usize) -> Self {
        Self { settle, capacity, files: BTreeMap::new(), order: VecDeque::new(), is_incomplete: false }
    }

    /// A file was written, or has come.
    pub fn arrived(&mut self, name: OsString, now: Duration) {
        let has_space = self.can_take();
        match self.files.get_mut(&name) {
            Some(State::Queued { attempt }) => *attempt = Attempt::First,
            Some(State::Busy { again, .. }) => *again = true,
            Some(State::Resting { until, .. }) => *until = now.saturating_add(self.settle),
            Some(State::Waiting { .. } | State::Ignored(_)) => self.queue(name, Attempt::First, now),
            None if has_space => self.queue(name, Attempt::First, now),
            None => self.is_incomplete = true,
        }
    }

    /// A file was found by looking at the folder: news only if nothing is known of it.
    pub fn found(&mut self, name: OsString, identity: Option<Identity>, now: Duration) {
        let is_known = match self.files.get(&name) {
            Some(State::Ignored(known)) => identity == Some(*known),
            known => known.is_some(),
        };
        if !is_known {
            self.arrived(name, now);
        }
    }

    /// Whether files were passed over for want of space in mind, and there is some again. Asked once.
    pub fn takes_missed(&mut self) -> bool {
        self.order.is_empty() && std::mem::take(&mut self.is_incomplete)
    }

    /// Whether another file can be queued.
    pub fn can_take(&mut self) -> bool {
        self.order.len() < self.capacity && self.has_space()
    }

    /// Whether a file that is being looked at was written meanwhile.
    pub fn was_written(&self, name: &OsStr) -> bool {
        matches!(self.files.get(name), Some(State::Busy { again: true, .. }))
    }

    /// How many are queued.
    pub fn queued(&self) -> usize {
        self.order.len()
    }

    /// Since when the next file is queued.
    pub fn waits_since(&self) -> Option<Duration> {
        self.order.front().map(|(_, since)| *since)
    }

    /// The next file to look at, which is being looked at from now on.
    pub fn next(&mut self) -> Option<OsString> {
        let (name, _) = self.order.pop_front()?;
        if let Some(state) = self.files.get_mut(&name)
            && let State::Queued { attempt } = *state
        {
            *state = State::Busy { attempt, again: false };
        }
        Some(name)
    }

    /// A look has ended.
    pub fn ended(&mut self, name: &OsStr, ending: Ending, now: Duration) -> Verdict {
        let Some(State::Busy { attempt, again }) = self.files.remove(name) else { return Verdict::Final };
        let name = name.to_owned();
        let rests = |size| State::Resting { until: now.saturating_add(self.settle), size };
        match ending {
            Ending::Early { size } if again || attempt != Attempt::Rested => {
                self.files.insert(name, rests(size));
                Verdict::Again
            }
            Ending::NoRoom { needed } if again || attempt != Attempt::Waited => {
                self.files.insert(name, State::Waiting { needed });
                Verdict::Kept
            }
            Ending::Bad { is_there: true } if again => {
                // Written meanwhile: what was read may be neither what it was nor what it is.
                self.queue(name, Attempt::First, now);
                Verdict::Again
            }
            Ending::Taken { is_there } => {
                if is_there {
                    self.queue(name, Attempt::First, now);
                }
                Verdict::Final
            }
            Ending::LeftAlone(identity) if !again => {
                self.files.insert(name, State::Ignored(identity));
                Verdict::Final
            }
            _ => {
                if again {
                    // Another has come under its name.
                    self.queue(name, Attempt::First, now);
                }
                Verdict::Final
            }
        }
    }

    /// A file that cannot be removed is not looked at for ever.
    pub fn leave_alone(&mut self, name: &OsStr, identity: Identity) {
        if !self.files.contains_key(name) {
            self.files.insert(name.to_owned(), State::Ignored(identity));
        }
    }

    /// Nothing more is to be known of a file.
    pub fn forget(&mut self, name: &OsStr) {
        self.files.remove(name);
        self.order.retain(|(queued, _)| queued != name);
    }

    /// Files that have rested, to be handed to [`Self::looked`].
    pub fn rested(&self, now: Duration) -> Vec<OsString> {
        let due = |state: &State| matches!(state, State::Resting { until, .. } if *until <= now);
        self.files.iter().filter(|(_, state)| due(state)).map(|(name, _)| name.clone()).collect()
    }

    /// How long a file is that has rested; nothing when it is gone.
    pub fn looked(&mut self, name: &OsStr, found: Option<u64>, now: Duration) {
        let Some(State::Resting { until, size }) = self.files.get_mut(name) else { return };
        match found {
            None => self.forget(name),
            Some(found) if found != *size => {
                *size = found;
                *until = now.saturating_add(self.settle);
            }
            Some(_) => self.queue(name.to_owned(), Attempt::Rested, now),
        }
    }

    /// Whether a file waits for room.
    pub fn waits_for_room(&self) -> bool {
        self.files.values().any(|state| matches!(state, State::Waiting { .. }))
    }

    /// There are so many free bytes now: whoever waits for no more is looked at again.
    pub fn room(&mut self, free: u64, now: Duration) {
        let fits = |state: &State| matches!(state, State::Waiting { needed } if *needed <= free);
        let names: Vec<_> =
            self.files.iter().filter(|(_, state)| fits(state)).map(|(name, _)| name.clone()).collect();
        // One at a time: together they may not fit.
        if let Some(name) = names.into_iter().next() {
            self.queue(name, Attempt::Waited, now);
        }
    }

    /// When something is due.
    pub fn wake_at(&self) -> Option<Duration> {
        let until = |state: &State| match state {
            State::Resting { until, .. } => Some(*until),
            _ => None,
        };
        self.files.values().filter_map(until).min()
    }

    /// Whether one more can be kept in mind; what is left alone anyway makes way.
    fn has_space(&mut self) -> bool {
        if self.files.len() >= KEPT_IN_MIND {
            let ignored = self.files.iter().find(|(_, state)| matches!(state, State::Ignored(_)));
            if let Some(name) = ignored.map(|(name, _)| name.clone()) {
                self.files.remove(&name);
            }
        }
        self.files.len() < KEPT_IN_MIND
    }

    fn queue(&mut self, name: OsString, attempt: Attempt, now: Duration) {
        self.files.insert(name.clone(), State::Queued { attempt });
        self.order.push_back((name, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(3);
    const NAME: &str = "image.tar";

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn intake() -> Intake {
        let mut intake = Intake::new(SETTLE, 2);
        intake.arrived(NAME.into(), seconds(0));
        assert_eq!(intake.next(), Some(NAME.into()));
        intake
    }

    fn end(intake: &mut Intake, ending: Ending, now: u64) -> Verdict {
        intake.ended(NAME.as_ref(), ending, seconds(now))
    }

    #[test]
    fn an_early_end_counts_only_after_a_rest() {
        let mut intake = intake();
        assert_eq!(end(&mut intake, Ending::Early { size: 5 }, 1), Verdict::Again);
        assert_eq!(intake.wake_at(), Some(seconds(4)));
        assert!(intake.rested(seconds(3)).is_empty());
        assert_eq!(intake.rested(seconds(4)), [OsString::from(NAME)]);
        intake.looked(NAME.as_ref(), Some(5), seconds(4));
        assert_eq!(intake.next(), Some(NAME.into()));
        assert_eq!(end(&mut intake, Ending::Early { size: 5 }, 5), Verdict::Final);
        assert_eq!((intake.wake_at(), intake.next()), (None, None));
    }

    #[test]
    fn a_file_that_grows_or_is_written_rests_longer() {
        let mut intake = intake();
        end(&mut intake, Ending::Early { size: 5 }, 1);
        intake.looked(NAME.as_ref(), Some(6), seconds(4));
        assert_eq!(intake.wake_at(), Some(seconds(7)));
        intake.arrived(NAME.into(), seconds(6));
        assert_eq!(intake.wake_at(), Some(seconds(9)));
        intake.looked(NAME.as_ref(), Some(6), seconds(9));
        intake.next();
        intake.arrived(NAME.into(), seconds(9));
        assert_eq!(end(&mut intake, Ending::Early { size: 7 }, 10), Verdict::Again, "written meanwhile");
    }

    #[test]
    fn a_resting_file_that_goes_is_forgotten() {
        let mut intake = intake();
        end(&mut intake, Ending::Early { size: 5 }, 1);
        intake.looked(NAME.as_ref(), None, seconds(4));
        assert_eq!((intake.wake_at(), intake.next()), (None, None));
    }

    #[test]
    fn what_finds_no_room_is_tried_once_more_when_there_is_some() {
        let mut intake = intake();
        assert_eq!(end(&mut intake, Ending::NoRoom { needed: 100 }, 1), Verdict::Kept);
        assert!(intake.waits_for_room());
        intake.room(99, seconds(1));
        assert_eq!(intake.next(), None);
        intake.room(100, seconds(1));
        assert_eq!(intake.next(), Some(NAME.into()));
        assert_eq!(end(&mut intake, Ending::NoRoom { needed: 100 }, 2), Verdict::Final);
        assert!(!intake.waits_for_room());
    }

    #[test]
    fn another_file_under_the_name_of_a_busy_one_is_looked_at() {
        let mut intake = intake();
        intake.arrived(NAME.into(), seconds(1));
        assert_eq!(end(&mut intake, Ending::Done, 2), Verdict::Final);
        assert_eq!(intake.next(), Some(NAME.into()));
    }

    #[test]
    fn what_was_overwritten_while_it_was_looked_at_is_not_wrong_yet() {
        for (is_there, verdict) in [(true, Verdict::Again), (false, Verdict::Final)] {
            let mut intake = intake();
            intake.arrived(NAME.into(), seconds(1));
            assert_eq!(end(&mut intake, Ending::Bad { is_there }, 2), verdict);
            assert_eq!(intake.next(), Some(NAME.into()));
            assert_eq!(end(&mut intake, Ending::Bad { is_there }, 3), Verdict::Final);
        }
    }

    #[test]
    fn a_close_that_is_heard_of_late_does_not_have_a_file_taken_in_twice() {
        for (is_there, next) in [(false, None), (true, Some(OsString::from(NAME)))] {
            let mut intake = intake();
            intake.arrived(NAME.into(), seconds(1));
            assert!(intake.was_written(NAME.as_ref()));
            assert_eq!(end(&mut intake, Ending::Taken { is_there }, 2), Verdict::Final);
            assert_eq!(intake.next(), next);
        }
    }

    #[test]
    fn what_is_left_alone_stays_so_until_it_is_another_file() {
        let mut intake = intake();
        let [old, new] = [1, 2].map(|inode| Identity { device: 1, inode });
        end(&mut intake, Ending::LeftAlone(old), 1);
        intake.found(NAME.into(), Some(old), seconds(2));
        assert_eq!(intake.next(), None);
        intake.found(NAME.into(), Some(new), seconds(2));
        assert_eq!(intake.next(), Some(NAME.into()));
    }

    #[test]
    fn what_is_too_much_is_found_again_later() {
        let mut intake = intake();
        for name in ["a", "b", "c"] {
            intake.arrived(name.into(), seconds(0));
        }
        assert_eq!(intake.queued(), 2);
        assert!(!intake.takes_missed(), "not while there is something to do");
        intake.next();
        intake.next();
        assert!(intake.takes_missed());
        assert!(!intake.takes_missed());
    }
}
