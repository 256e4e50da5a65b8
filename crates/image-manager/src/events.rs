//! What the event log is told. Nobody waits for it.

use crate::worker::Failure;
use dbus_api::call::{self};
use dbus_api::logging::{self, Severity};
use dbus_api::software::event::{self, data};
use image_check::{Class, JudgeError, Rejection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use zbus::Connection;

/// How long an entry may take; a later one could be taken for another upload's.
const LIMIT: Duration = Duration::from_secs(5);
/// Entries that may be under way.
const AT_ONCE: usize = 64;

/// An entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    id: &'static str,
    severity: Severity,
    data: BTreeMap<String, String>,
}

impl Event {
    fn new(id: &'static str, severity: Severity) -> Self {
        Self { id, severity, data: BTreeMap::new() }
    }

    fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    /// Of an image that was not taken in; none where nothing is wrong.
    pub fn of(failure: &Failure, subject: &str) -> Option<Self> {
        let Failure::Rejected(rejection) = failure else { return None };
        let with_path = |id| Self::new(id, Severity::Error).with(data::PATH, subject);
        let event = match rejection.class() {
            Class::UnTar => with_path(event::UN_TAR_FAILURE),
            Class::Manifest => with_path(event::MANIFEST_FILE_FAILURE),
            Class::Image => with_path(event::IMAGE_FAILURE).with(data::FAIL, fail(rejection)),
            Class::Busy => with_path(event::BUSY_FAILURE),
            Class::Signature => return Some(Self::unsigned(&rejection.to_string())),
            Class::Internal => {
                Self::new(event::INTERNAL_FAILURE, Severity::Error).with(data::FAIL, fail(rejection))
            }
            Class::Incompatible => incompatible(rejection),
            _ => return None,
        };
        Some(event.with(data::REASON, rejection.to_string()))
    }

    /// There are too many images that nobody installs.
    pub fn too_many(subject: &str, reason: &str) -> Self {
        Self::new(event::BUSY_FAILURE, Severity::Error).with(data::PATH, subject).with(data::REASON, reason)
    }

    /// An image is not signed as it has to be.
    pub fn unsigned(reason: &str) -> Self {
        Self::new(event::INVALID_SIGNATURE, Severity::Error).with(data::REASON, reason)
    }

    /// Nobody installs such an image.
    pub fn not_applicable(id: &str, object: &str, reason: &str) -> Self {
        Self::new(event::UPDATE_NOT_APPLICABLE, Severity::Warning)
            .with(data::IMAGE_IDENTIFIER, id)
            .with(data::TARGET_NAME, object)
            .with(data::REASON, reason)
    }

    /// An image did not come in whole.
    pub fn transfer_failed(id: &str, object: &str, reason: &str) -> Self {
        Self::new(event::TRANSFER_FAILED, Severity::Error)
            .with(data::IMAGE_IDENTIFIER, id)
            .with(data::TARGET_NAME, object)
            .with(data::REASON, reason)
    }
}

/// What failed, in upstream's words where it has some.
fn fail(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Unsuitable(JudgeError::Machine { .. }) => "Machine name does not match".to_owned(),
        other => other.to_string(),
    }
}

fn incompatible(rejection: &Rejection) -> Event {
    let event = Event::new(event::INCOMPATIBLE, Severity::Error);
    let Rejection::TooOld { minimum, actual, purpose } = rejection else { return event };
    event
        .with(data::MIN_VERSION, minimum)
        .with(data::ACTUAL_VERSION, actual)
        .with(data::VERSION_PURPOSE, purpose)
}

/// Whoever tells the event log.
#[derive(Debug, Clone)]
pub struct Reporter {
    connection: Connection,
    places: Arc<Semaphore>,
}

impl Reporter {
    /// Over this connection.
    pub fn new(connection: &Connection) -> Self {
        Self { connection: connection.clone(), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Tells it, if it listens; never waits.
    pub fn report(&self, event: Event) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            log::warn!("the event log is not told of {}: it has not answered to earlier events", event.id);
            return;
        };
        let connection = self.connection.clone();
        tokio::spawn(async move {
            let arguments = (event.id, event.severity.as_str(), &event.data);
            let call = call::call(&connection, &logging::TARGET, logging::CREATE, &arguments);
            match tokio::time::timeout(LIMIT, call).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => log::warn!("the event log was not told of {}: {error}", event.id),
                Err(_) => log::warn!("the event log did not say that it has heard of {}", event.id),
            }
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_check::LimitError;

    #[test]
    fn each_kind_of_failure_has_upstreams_event() {
        let machine = JudgeError::Machine { image: "a".to_owned(), machine: "b".to_owned() };
        let too_old =
            Rejection::TooOld { minimum: "2".to_owned(), actual: "1".to_owned(), purpose: "p".to_owned() };
        for (rejection, id, key, value) in [
            (Rejection::Truncated, "Image.Error.UnTarFailure", "PATH", "/tmp/images/a"),
            (Rejection::NoManifest, "Image.Error.ManifestFileFailure", "PATH", "/tmp/images/a"),
            (machine.into(), "Image.Error.ImageFailure", "FAIL", "Machine name does not match"),
            (LimitError::Dictionary.into(), "Image.Error.ImageFailure", "PATH", "/tmp/images/a"),
            (
                Rejection::Busy { needed: 2, free: 1, kept: 0 },
                "Image.Error.BusyFailure",
                "PATH",
                "/tmp/images/a",
            ),
            (too_old, "Version.Error.Incompatible", "MIN_VERSION", "2"),
        ] {
            let reason = rejection.to_string();
            let event = Event::of(&rejection.into(), "/tmp/images/a").unwrap();
            assert_eq!(event.id, format!("xyz.openbmc_project.Software.{id}"));
            assert_eq!(event.data[key], value, "{id}");
            assert_eq!(event.data["REASON"], reason, "{id}");
        }
        assert_eq!(Event::of(&Rejection::Interrupted.into(), ""), None);
        assert_eq!(Event::of(&NotTaken::Gone.into(), ""), None);
    }

    use crate::upload_folder::NotTaken;
}
