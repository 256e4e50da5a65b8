//! What the event log is told of: images that are refused, given up or lost. Each is a happening, told once.

use crate::unpacker::Failure;
use dbus_api::logging::Severity;
use dbus_api::software::event::{self, data};
use event_log::Event;
use image_check::{Class, JudgeError, Rejection};
use std::time::Duration;

/// Of an image that was not taken in; none where nothing is wrong.
pub fn of(failure: &Failure, subject: &str) -> Option<Event> {
    let Failure::Rejected(rejection) = failure else { return None };
    let error = |id| happening(subject, id, Severity::Error);
    let with_path = |id| error(id).with(data::PATH, subject);
    let event = match rejection.class() {
        Class::UnTar => with_path(event::UN_TAR_FAILURE),
        Class::Manifest => with_path(event::MANIFEST_FILE_FAILURE),
        Class::Image => with_path(event::IMAGE_FAILURE).with(data::FAIL, fail(rejection)),
        Class::Busy => with_path(event::BUSY_FAILURE),
        Class::Signature => return Some(unsigned(subject, &rejection.to_string())),
        Class::Internal => error(event::INTERNAL_FAILURE).with(data::FAIL, fail(rejection)),
        Class::Incompatible => incompatible(rejection, error(event::INCOMPATIBLE)),
        _ => return None,
    };
    Some(event.with(data::REASON, rejection.to_string()))
}

/// An image is not for what it was handed to, or not its installer's to install.
pub fn unfit(failure: &Failure, id: &str, object: &str) -> Option<Event> {
    let Failure::Unfit(reason) = failure else { return None };
    Some(not_applicable(id, object, reason))
}

/// As many images are kept as may be.
pub fn too_many(subject: &str, reason: &str) -> Event {
    let event = happening(subject, event::BUSY_FAILURE, Severity::Error);
    event.with(data::PATH, subject).with(data::REASON, reason)
}

/// An image is not signed as it has to be.
pub fn unsigned(subject: &str, reason: &str) -> Event {
    let event = happening(subject, event::INVALID_SIGNATURE, Severity::Error);
    event.with(data::PATH, subject).with(data::REASON, reason)
}

/// No service installs such an image.
pub fn not_applicable(id: &str, object: &str, reason: &str) -> Event {
    happening(object, event::UPDATE_NOT_APPLICABLE, Severity::Warning)
        .with(data::IMAGE_IDENTIFIER, id)
        .with(data::TARGET_NAME, object)
        .with(data::REASON, reason)
}

/// An image did not come in whole.
pub fn transfer_failed(id: &str, object: &str, reason: &str) -> Event {
    happening(object, event::TRANSFER_FAILED, Severity::Error)
        .with(data::IMAGE_IDENTIFIER, id)
        .with(data::TARGET_NAME, object)
        .with(data::REASON, reason)
}

/// Longest wait of what bmcweb takes for the fate of the upload that is under way: it goes by the message id alone, so that a
/// late entry would fail a later upload that is good.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// The message ids that bmcweb does not look for.
const MAY_COME_LATE: [&str; 2] = [event::TRANSFER_FAILED, event::UPDATE_NOT_APPLICABLE];

/// The last part of its message id says what has happened.
fn happening(subject: &str, id: &'static str, severity: Severity) -> Event {
    let event = Event::new(subject, id.rsplit('.').next().unwrap_or(id), id, severity);
    if MAY_COME_LATE.contains(&id) { event } else { event.within(TOLD_WITHIN) }
}

/// What failed, in upstream's words where it has some.
fn fail(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Unsuitable(JudgeError::Machine { .. }) => "Machine name does not match".to_owned(),
        other => other.to_string(),
    }
}

fn incompatible(rejection: &Rejection, event: Event) -> Event {
    let (Rejection::TooOld { minimum, actual, purpose }
    | Rejection::Incomparable { minimum, actual, purpose, .. }) = rejection
    else {
        return event;
    };
    event
        .with(data::MIN_VERSION, minimum)
        .with(data::ACTUAL_VERSION, actual)
        .with(data::VERSION_PURPOSE, purpose)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_check::LimitError;
    use image_format::Incomparable;

    #[test]
    fn each_kind_of_failure_has_upstreams_event() {
        let machine = JudgeError::Machine { image: "a".to_owned(), machine: "b".to_owned() };
        let too_old =
            Rejection::TooOld { minimum: "2".to_owned(), actual: "1".to_owned(), purpose: "p".to_owned() };
        let incomparable = Rejection::Incomparable {
            minimum: "2".to_owned(),
            actual: "a".to_owned(),
            purpose: "p".to_owned(),
            fault: Box::new(Incomparable::Beginning.into()),
        };
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
            (incomparable, "Version.Error.Incompatible", "ACTUAL_VERSION", "a"),
            (
                image_check::SignatureFault::NoTrust.into(),
                "Version.Error.InvalidSignature",
                "PATH",
                "/tmp/images/a",
            ),
        ] {
            let reason = rejection.to_string();
            let event = of(&rejection.into(), "/tmp/images/a").unwrap();
            assert_eq!(event.id, format!("xyz.openbmc_project.Software.{id}"));
            assert_eq!(event.data[key], value, "{id}");
            assert_eq!(event.data["REASON"], reason, "{id}");
        }
        assert_eq!(of(&Rejection::Interrupted.into(), ""), None);
        assert_eq!(of(&NotTaken::Gone.into(), ""), None);
    }

    use crate::drop_folder::folder::NotTaken;
}
