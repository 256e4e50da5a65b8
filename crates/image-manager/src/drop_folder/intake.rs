//! Which dropped files are looked at, and when: what the folder's watch says goes in, what is to be looked at comes out.
//!
//! A file counts as written when its writer has closed it, which is asked where the file system can tell. One that ends
//! early is left to rest, looked at once more, and only then it is wrong. One that finds no room stays, and is tried once
//! more when there is some. Pure: time is an argument.

use crate::drop_folder::folder::{Identity, NotTaken, Stamp, is_upload};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::time::Duration;

#[cfg(test)]
mod exploration;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use vocabulary::{Effect, Ending, Event, Found, Verdict, Why};

/// Most files that are kept in mind; more are found again by looking at the folder.
const KEPT_IN_MIND: usize = 128;
/// How often it is looked whether the folder's path still leads to it, for what no event tells: a folder above it that was
/// moved.
const FOLDER_INTERVAL: Duration = Duration::from_secs(30);
/// How soon what changes without an event is looked at: a folder that cannot be used, a file that had other names or a
/// writer. Each time it takes twice as long, up to [`FOLDER_INTERVAL`].
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How a file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// To be taken in.
    Queued { attempt: Attempt },
    /// Being taken in; `again` when it was written meanwhile.
    Busy { attempt: Attempt, again: bool },
    /// It ended early.
    Resting { until: Duration, size: u64 },
    /// There was no room: so many free bytes are needed.
    Waiting { needed: u64 },
    /// It is left alone as long as it is this file.
    Ignored(Identity),
    /// There is nothing in it.
    Empty,
    /// A program has it open for writing; how it stood when it was done with, if it was.
    BeingWritten { done: Option<Stamp> },
    /// It may have come by a link; and whether it was seen to have another name.
    Linked { has_another: bool },
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

/// The files in mind, and the folder's watch.
#[derive(Debug, Clone)]
pub struct Intake {
    settle: Duration,
    space_retry: Duration,
    capacity: usize,
    files: BTreeMap<OsString, State>,
    order: VecDeque<(OsString, Duration)>,
    /// Files that were found in the folder and are not looked at yet.
    backlog: VecDeque<OsString>,
    /// Files were passed over for want of space in mind.
    is_incomplete: bool,
    is_watched: bool,
    must_check_path: bool,
    path_checked: Duration,
    /// When files are looked at again that had other names or a writer, and how long after the time before.
    looked_again: Duration,
    look_wait: Duration,
    space_checked: Duration,
}

impl Intake {
    /// Nothing in mind; `capacity` files may be queued, and room is looked for each `space_retry`.
    pub fn new(settle: Duration, space_retry: Duration, capacity: usize) -> Self {
        Self {
            settle,
            space_retry,
            capacity,
            files: BTreeMap::new(),
            order: VecDeque::new(),
            backlog: VecDeque::new(),
            is_incomplete: false,
            is_watched: false,
            must_check_path: false,
            path_checked: Duration::ZERO,
            looked_again: Duration::ZERO,
            look_wait: LOOK_INTERVAL,
            space_checked: Duration::ZERO,
        }
    }

    /// Takes what has happened, and tells what is to be done.
    pub fn step(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Tick => self.tick(now, &mut effects),
            Event::Written(name) => {
                if is_upload(&name) {
                    self.forget_link(&name);
                    effects.push(Effect::Look(name, Why::Written));
                }
            }
            Event::Created(name) => {
                if is_upload(&name) {
                    effects.push(Effect::Look(name, Why::Created));
                }
            }
            // The program that makes a file has it open; one with two names was there before.
            Event::Opened(name) => {
                if self.files.get(&name) == Some(&State::Linked { has_another: false }) {
                    self.files.remove(&name);
                }
            }
            Event::EventsLost => {
                for state in self.files.values_mut() {
                    if let State::Busy { again, .. } = state {
                        *again = true;
                    }
                }
                effects.push(Effect::List);
            }
            Event::FolderGone => (self.is_watched, self.must_check_path) = (false, true),
            Event::PathChanged => self.must_check_path = true,
            Event::PathLeads { is_same } => {
                if !is_same {
                    effects.push(Effect::Watch);
                }
            }
            Event::Watched { is_watched } => {
                self.is_watched = is_watched;
                self.path_checked = now;
                if is_watched {
                    effects.push(Effect::List);
                }
            }
            Event::Listed(names) => {
                self.backlog = names.into();
                self.feed(&mut effects);
            }
            Event::Looked(name, why, found) => self.looked(name, why, found, now, &mut effects),
            Event::Free(free) => self.free(free, now),
            Event::RoomMade => {
                if self.waits_for_room() && self.order.is_empty() {
                    effects.push(Effect::AskFree);
                }
            }
            Event::NotRemoved(name, done) => {
                if !self.files.contains_key(&name) {
                    self.keep_looking(name, State::BeingWritten { done: Some(done) }, now);
                }
            }
        }
        if std::mem::take(&mut self.must_check_path) {
            self.path_checked = now;
            effects.push(if self.is_watched { Effect::CheckPath } else { Effect::Watch });
        }
        effects
    }

    /// When something is due.
    pub fn wake_at(&self) -> Duration {
        let until = |state: &State| match state {
            State::Resting { until, .. } => Some(*until),
            _ => None,
        };
        let rested = self.files.values().filter_map(until);
        let space = self.waits_for_room().then(|| self.space_checked.saturating_add(self.space_retry));
        let again = self.has_to_look_again().then(|| self.looked_again.saturating_add(self.look_wait));
        rested.chain(space).chain(again).fold(self.path_due(), Duration::min)
    }

    /// How many files are queued.
    pub fn queued(&self) -> usize {
        self.order.len()
    }

    /// How many files are being taken in.
    pub fn at_work(&self) -> usize {
        self.files.values().filter(|state| matches!(state, State::Busy { .. })).count()
    }

    /// Since when the next file is queued.
    pub fn waits_since(&self) -> Option<Duration> {
        self.order.front().map(|(_, since)| *since)
    }

    /// The next file to take in, which is being taken in from now on.
    pub fn next(&mut self) -> Option<OsString> {
        let (name, _) = self.order.pop_front()?;
        if let Some(state) = self.files.get_mut(&name)
            && let State::Queued { attempt } = *state
        {
            *state = State::Busy { attempt, again: false };
        }
        Some(name)
    }

    /// Whether a file that is being taken in was written meanwhile.
    pub fn was_written(&self, name: &OsStr) -> bool {
        matches!(self.files.get(name), Some(State::Busy { again: true, .. }))
    }

    /// A file that was being taken in is not any more.
    pub fn ended(&mut self, name: &OsStr, ending: Ending, now: Duration) -> Verdict {
        let Some(State::Busy { attempt, again }) = self.files.remove(name) else { return Verdict::Final };
        let name = name.to_owned();
        let rests = |size| State::Resting { until: now.saturating_add(self.settle), size };
        match ending {
            Ending::HasWriter => {
                self.keep_looking(name, State::BeingWritten { done: None }, now);
                Verdict::Again
            }
            Ending::Early { size } if again || attempt != Attempt::Rested => {
                self.files.insert(name, rests(size));
                Verdict::Again
            }
            Ending::NoPlace => {
                self.files.insert(name, State::Waiting { needed: 0 });
                if attempt == Attempt::Waited { Verdict::Again } else { Verdict::Kept }
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

    /// Files that were passed over are looked for, once there is space in mind again.
    pub fn go_on(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.backlog.is_empty() && self.order.is_empty() && std::mem::take(&mut self.is_incomplete) {
            effects.push(Effect::List);
        }
        self.feed(&mut effects);
        effects
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

    fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.must_check_path |= self.path_due() <= now;
        let due = |state: &State| matches!(state, State::Resting { until, .. } if *until <= now);
        let rested = self.files.iter().filter(|(_, state)| due(state));
        effects.extend(rested.map(|(name, _)| Effect::Look(name.clone(), Why::Rested)));
        if self.has_to_look_again() && self.looked_again.saturating_add(self.look_wait) <= now {
            let again = self.files.iter().filter(|(_, state)| state.changes_without_event());
            effects.extend(again.map(|(name, _)| Effect::Look(name.clone(), Why::Again)));
            self.looked_again = now;
            self.look_wait = self.look_wait.saturating_mul(2).min(FOLDER_INTERVAL);
        }
        if self.waits_for_room() && self.space_checked.saturating_add(self.space_retry) <= now {
            self.space_checked = now;
            if self.order.is_empty() {
                effects.push(Effect::AskFree);
            }
        }
    }

    fn looked(
        &mut self,
        name: OsString,
        why: Why,
        found: Result<Found, NotTaken>,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        match (why, found) {
            (Why::Written | Why::Listed | Why::Again, Ok(found)) => self.came(name, why, found, now, effects),
            // Another has come in the place of one that is being taken in.
            (Why::Created, Ok(_) | Err(NotTaken::MoreNames)) if self.is_busy(&name) => self.look_again(&name),
            (Why::Created, Ok(_)) => self.keep_looking(name, State::Linked { has_another: false }, now),
            (Why::Rested, Ok(found)) => self.rested(name, found, now),
            (_, Err(NotTaken::MoreNames)) => {
                if matches!(why, Why::Written | Why::Listed) {
                    effects.push(Effect::LeftAlone(name.clone(), NotTaken::MoreNames));
                }
                if why == Why::Rested {
                    self.files.remove(&name);
                }
                self.keep_looking(name, State::Linked { has_another: true }, now);
            }
            (Why::Rested | Why::Again, Err(_)) => self.forget_unless_busy(&name),
            (Why::Created, Err(_)) | (_, Err(NotTaken::Gone)) => {}
            (Why::Written | Why::Listed, Err(reason)) => effects.push(Effect::LeftAlone(name, reason)),
        }
    }

    /// There is a file under a name.
    fn came(&mut self, name: OsString, why: Why, found: Found, now: Duration, effects: &mut Vec<Effect>) {
        let is_known = match self.files.get(&name) {
            Some(State::Ignored(known)) => *known == found.stamp.identity,
            Some(State::Empty | State::BeingWritten { .. } | State::Linked { .. }) | None => false,
            Some(_) => true,
        };
        // Found by looking: news only if nothing is known of it.
        if why == Why::Listed && is_known {
            return;
        }
        if self.is_busy(&name) {
            if why == Why::Written {
                self.look_again(&name);
            }
            return;
        }
        if why == Why::Again && is_known {
            return;
        }
        if found.has_writer == Some(true) {
            if matches!(self.files.get(&name), Some(State::BeingWritten { .. })) {
                return;
            }
            self.forget(&name);
            self.keep_looking(name, State::BeingWritten { done: None }, now);
            return;
        }
        if self.files.get(&name) == Some(&(State::BeingWritten { done: Some(found.stamp) })) {
            // The program has written nothing.
            self.forget(&name);
            effects.push(Effect::Remove(name, found.stamp));
            return;
        }
        if found.stamp.size == 0 {
            // No fault yet: a program may make a file and write it later. It is heard of then.
            self.forget(&name);
            if self.has_space() {
                self.files.insert(name, State::Empty);
            }
            return;
        }
        let has_space = self.can_take();
        match self.files.get_mut(&name) {
            Some(State::Queued { attempt }) => *attempt = Attempt::First,
            Some(State::Resting { until, .. }) => *until = now.saturating_add(self.settle),
            Some(State::Busy { .. }) => {}
            Some(_) => self.queue(name, Attempt::First, now),
            None if has_space => self.queue(name, Attempt::First, now),
            None => self.is_incomplete = true,
        }
    }

    /// A file has rested.
    fn rested(&mut self, name: OsString, found: Found, now: Duration) {
        let Some(State::Resting { until, size }) = self.files.get_mut(&name) else { return };
        if found.has_writer == Some(true) {
            self.files.remove(&name);
            self.keep_looking(name, State::BeingWritten { done: None }, now);
        } else if found.stamp.size != *size {
            *size = found.stamp.size;
            *until = now.saturating_add(self.settle);
        } else {
            self.queue(name, Attempt::Rested, now);
        }
    }

    /// Queues files that were found, as far as there is space.
    fn feed(&mut self, effects: &mut Vec<Effect>) {
        let mut space = self.capacity.saturating_sub(self.order.len());
        while space > 0 && self.has_space() {
            let Some(name) = self.backlog.pop_front() else { break };
            effects.push(Effect::Look(name, Why::Listed));
            space = space.saturating_sub(1);
        }
    }

    /// There are so many free bytes: one file that waits for no more is looked at again.
    fn free(&mut self, free: u64, now: Duration) {
        let fits = |state: &State| matches!(state, State::Waiting { needed } if *needed <= free);
        let name = self.files.iter().find(|(_, state)| fits(state)).map(|(name, _)| name.clone());
        if let Some(name) = name {
            self.queue(name, Attempt::Waited, now);
        }
    }

    /// Keeps in mind a file that will change without an event, in the end.
    fn keep_looking(&mut self, name: OsString, state: State, now: Duration) {
        let is_looked_at = |state: &State| !state.changes_without_event() && !state.is_left_alone();
        if self.files.get(&name).is_some_and(is_looked_at) {
            return;
        }
        if !self.files.contains_key(&name) && !self.has_space() {
            self.is_incomplete = true;
            return;
        }
        if !self.has_to_look_again() {
            self.looked_again = now;
        }
        if self.files.insert(name, state).is_none() {
            self.look_wait = LOOK_INTERVAL;
        }
    }

    fn has_to_look_again(&self) -> bool {
        self.files.values().any(State::changes_without_event)
    }

    fn waits_for_room(&self) -> bool {
        self.files.values().any(|state| matches!(state, State::Waiting { .. }))
    }

    fn path_due(&self) -> Duration {
        self.path_checked.saturating_add(if self.is_watched { FOLDER_INTERVAL } else { LOOK_INTERVAL })
    }

    fn can_take(&mut self) -> bool {
        self.order.len() < self.capacity && self.has_space()
    }

    fn forget_link(&mut self, name: &OsStr) {
        if matches!(self.files.get(name), Some(State::Linked { .. })) {
            self.files.remove(name);
        }
    }

    fn is_busy(&self, name: &OsStr) -> bool {
        matches!(self.files.get(name), Some(State::Busy { .. }))
    }

    /// A file that is being taken in is looked at once more after that.
    fn look_again(&mut self, name: &OsStr) {
        if let Some(State::Busy { again, .. }) = self.files.get_mut(name) {
            *again = true;
        }
    }

    fn forget_unless_busy(&mut self, name: &OsStr) {
        if !self.is_busy(name) {
            self.forget(name);
        }
    }

    /// Whether one more can be kept in mind; what is left alone anyway makes way.
    fn has_space(&mut self) -> bool {
        if self.files.len() >= KEPT_IN_MIND {
            let ignored = self.files.iter().find(|(_, state)| state.is_left_alone());
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

impl State {
    fn is_left_alone(&self) -> bool {
        matches!(self, Self::Ignored(_) | Self::Empty)
    }

    fn changes_without_event(&self) -> bool {
        matches!(self, Self::BeingWritten { .. } | Self::Linked { .. })
    }
}
