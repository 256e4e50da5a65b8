//! How far the collection is, as the collection service says it. Pure.

use dbus_api::inventory::progress_status;
use dbus_api::vpd::collection::{FruState, StateChange, Status};
use dbus_api::vpd::manager::collection_status;
use fru_publication::EepromKey;
use std::collections::{BTreeMap, BTreeSet};

/// How far the collection of the machine is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Progress {
    /// The collection service is not there, or has not answered yet.
    #[default]
    NotStarted,
    /// Something is left to be read.
    InProgress,
    /// All was read, or is absent.
    Completed,
    /// Nothing is left to be done, and something was given up.
    Failed,
}

impl Progress {
    /// Whether nothing is left to be read.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }

    /// As `Common.Progress.Status` has it.
    pub const fn status(self) -> &'static str {
        match self {
            Self::NotStarted => progress_status::NOT_STARTED,
            Self::InProgress => progress_status::IN_PROGRESS,
            Self::Completed => progress_status::COMPLETED,
            Self::Failed => progress_status::FAILED,
        }
    }

    /// As the manager's `CollectionStatus` has it.
    pub const fn collection_status(self) -> &'static str {
        match self {
            Self::NotStarted => collection_status::NOT_STARTED,
            Self::InProgress => collection_status::IN_PROGRESS,
            Self::Completed => collection_status::COMPLETED,
            Self::Failed => collection_status::FAILURE,
        }
    }
}

/// What is shown on the bus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// How far it is.
    pub progress: Progress,
    /// When the collection under way, or the last one, began; microseconds since 1970, 0 when there was none.
    pub started: u64,
    /// When the last one ended; 0 while one is under way.
    pub completed: u64,
}

/// What the collection service has said.
#[derive(Debug, Default)]
pub struct Collection {
    states: Option<BTreeMap<String, FruState>>,
    /// Changes since it was asked.
    since: Vec<StateChange>,
    /// EEPROMs whose first reading has ended.
    were_read: BTreeSet<String>,
    shown: Shown,
}

impl Collection {
    /// The service has come, or another one, and is asked for all.
    pub fn came(&mut self) {
        self.states = None;
        self.since.clear();
        self.shown = Shown::default();
    }

    /// The service is away.
    pub fn went(&mut self) {
        self.came();
    }

    /// It has answered. What it said since is newer.
    pub fn answered(&mut self, status: &Status, now: u64) {
        let states = status.frus.iter().map(|fru| (fru.key.clone(), fru.state)).collect();
        self.states = Some(states);
        let time = |time: i64| u64::try_from(time).unwrap_or_default();
        self.shown.started = time(status.started);
        self.shown.completed = time(status.collected);
        for change in std::mem::take(&mut self.since) {
            self.set(change);
        }
        self.settle(now);
    }

    /// It says that one EEPROM is in another state.
    pub fn changed(&mut self, change: StateChange, now: u64) {
        if self.states.is_none() {
            self.since.push(change);
            return;
        }
        self.set(change);
        self.settle(now);
    }

    fn set(&mut self, change: StateChange) {
        if let Some(states) = &mut self.states {
            states.insert(change.key, change.state);
        }
    }

    fn settle(&mut self, now: u64) {
        let Some(states) = &self.states else { return };
        let ended = states.iter().filter(|(_, state)| is_over(**state)).map(|(key, _)| key.clone());
        self.were_read.extend(ended);
        let progress = if states.values().any(|state| !is_over(*state)) {
            Progress::InProgress
        } else if states.values().any(|state| matches!(state, FruState::Failed | FruState::Overdue)) {
            Progress::Failed
        } else {
            Progress::Completed
        };
        match (self.shown.progress, progress) {
            (Progress::Completed | Progress::Failed, Progress::InProgress) => {
                (self.shown.started, self.shown.completed) = (now, 0);
            }
            (Progress::NotStarted, Progress::InProgress) => self.shown.completed = 0,
            (Progress::InProgress, Progress::Completed | Progress::Failed) => self.shown.completed = now,
            _ => {}
        }
        self.shown.progress = progress;
    }

    /// What is to be shown on the bus.
    pub fn shown(&self) -> Shown {
        self.shown
    }

    /// Whether an EEPROM's first reading has ended, one way or the other. It counts over a restart of the collection service: the
    /// inventory has it.
    pub fn was_read(&self, key: &EepromKey) -> bool {
        self.were_read.contains(key.as_str())
    }
}

/// Nothing of the EEPROM is waited for.
fn is_over(state: FruState) -> bool {
    match state {
        FruState::Absent | FruState::Collected | FruState::Failed | FruState::Overdue | FruState::Kept => {
            true
        }
        FruState::Unsettled | FruState::Waiting | FruState::Queued | FruState::Clearing => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::vpd::collection::{FruStatus, Outcome};

    fn status(frus: &[(&str, FruState)]) -> Status {
        let fru = |(key, state): &(&str, FruState)| FruStatus {
            key: (*key).to_owned(),
            state: *state,
            ..FruStatus::default()
        };
        Status { started: 100, collected: 0, frus: frus.iter().map(fru).collect(), ..Status::default() }
    }

    fn change(key: &str, state: FruState) -> StateChange {
        StateChange { key: key.to_owned(), state, outcome: Outcome::Nothing }
    }

    fn key(text: &str) -> EepromKey {
        EepromKey::parse(text).unwrap()
    }

    #[test]
    fn progress_follows_from_what_each_eeprom_is_at() {
        for (states, expected) in [
            (&[][..], Progress::Completed),
            (&[FruState::Collected, FruState::Absent, FruState::Kept], Progress::Completed),
            (&[FruState::Collected, FruState::Failed], Progress::Failed),
            (&[FruState::Overdue], Progress::Failed),
            (&[FruState::Failed, FruState::Waiting], Progress::InProgress),
            (&[FruState::Unsettled], Progress::InProgress),
            (&[FruState::Queued], Progress::InProgress),
            (&[FruState::Clearing], Progress::InProgress),
        ] {
            let mut collection = Collection::default();
            let names = ["8-0050", "8-0051", "8-0052"];
            let frus: Vec<_> = names.into_iter().zip(states.iter().copied()).collect();
            collection.answered(&status(&frus), 200);
            assert_eq!(collection.shown().progress, expected, "{states:?}");
        }
        assert_eq!(Collection::default().shown().progress, Progress::NotStarted);
    }

    #[test]
    fn times_are_those_of_the_collection_under_way_or_the_last() {
        let mut collection = Collection::default();
        collection.answered(&status(&[("8-0050", FruState::Queued)]), 150);
        let shown = |collection: &Collection| (collection.shown().started, collection.shown().completed);
        assert_eq!(shown(&collection), (100, 0));
        collection.changed(change("8-0050", FruState::Collected), 200);
        assert_eq!(shown(&collection), (100, 200));
        collection.changed(change("8-0050", FruState::Waiting), 300);
        assert_eq!(shown(&collection), (300, 0));
        collection.went();
        assert_eq!(collection.shown(), Shown::default());
    }

    #[test]
    fn a_first_reading_has_ended_once_and_for_all() {
        let mut collection = Collection::default();
        collection.changed(change("8-0051", FruState::Failed), 10);
        assert!(!collection.was_read(&key("8-0051")), "what is not asked yet is not known");
        collection.answered(&status(&[("8-0050", FruState::Collected), ("8-0051", FruState::Queued)]), 20);
        assert!(collection.was_read(&key("8-0050")) && collection.was_read(&key("8-0051")));
        collection.changed(change("8-0050", FruState::Queued), 30);
        assert!(collection.was_read(&key("8-0050")) && !collection.was_read(&key("8-0052")));
        collection.went();
        assert!(collection.was_read(&key("8-0050")));
    }
}
