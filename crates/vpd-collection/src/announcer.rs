//! Says on the bus when state or outcome of an EEPROM is another, in the order in which that happens.

use dbus_api::vpd::collection::{self, FruState, FruStatus, Outcome, StateChange};
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use zbus::Connection;

/// What was said of each EEPROM, or what was so at the start.
#[derive(Debug)]
pub struct Announcer {
    said: Said,
    /// To the task that says it: the owner waits for no bus.
    changes: mpsc::UnboundedSender<StateChange>,
}

impl Announcer {
    /// Begins with what is so; that is not said.
    pub fn start(connection: &Connection, statuses: &[FruStatus]) -> Self {
        let (changes, mut wanted) = mpsc::unbounded_channel();
        let connection = connection.clone();
        tokio::spawn(async move {
            while let Some(change) = wanted.recv().await {
                // A connection that takes nothing is closed, which ends the service.
                if let Err(error) = collection::say_state_changed(&connection, &change).await {
                    log::warn!("a change of state was not said: {error} fru={}", change.key);
                }
            }
        });
        let mut said = Said::default();
        said.changes(statuses);
        Self { said, changes }
    }

    /// Says what is not as it was.
    pub fn update(&mut self, statuses: &[FruStatus]) {
        for change in self.said.changes(statuses) {
            // The receiver is gone when the service ends.
            let _ = self.changes.send(change);
        }
    }
}

#[derive(Debug, Default)]
struct Said(BTreeMap<String, (FruState, Outcome)>);

impl Said {
    /// What is not as it was, of what has a unit: objects of an earlier system are no EEPROM.
    fn changes(&mut self, statuses: &[FruStatus]) -> Vec<StateChange> {
        let mut changes = Vec::new();
        for status in statuses.iter().filter(|status| !status.unit.is_empty()) {
            let (state, outcome) = (status.state, status.report.outcome);
            match self.0.get_mut(&status.key) {
                Some(said) if *said == (state, outcome) => continue,
                Some(said) => *said = (state, outcome),
                None => drop(self.0.insert(status.key.clone(), (state, outcome))),
            }
            changes.push(StateChange { key: status.key.clone(), state, outcome });
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::vpd::collection::Report;

    #[test]
    fn only_another_state_or_outcome_is_said() {
        let status = |state, outcome| FruStatus {
            key: "8-0050".to_owned(),
            unit: "a.service".to_owned(),
            state,
            report: Report { outcome, ..Report::default() },
            ..FruStatus::default()
        };
        let mut said = Said::default();
        let mut changes = |status: FruStatus| said.changes(&[status]).len();
        assert_eq!(changes(status(FruState::Queued, Outcome::Nothing)), 1);
        assert_eq!(changes(FruStatus { attempts: 2, ..status(FruState::Queued, Outcome::Nothing) }), 0);
        assert_eq!(changes(status(FruState::Queued, Outcome::Ok)), 1);
        assert_eq!(changes(status(FruState::Collected, Outcome::Ok)), 1);
        assert_eq!(changes(FruStatus { unit: String::new(), ..status(FruState::Absent, Outcome::Ok) }), 0);
    }
}
