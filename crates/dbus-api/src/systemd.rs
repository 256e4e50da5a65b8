//! `org.freedesktop.systemd1`: names; `unit-jobs` calls it.
//!
//! Source: systemd 252, `org.freedesktop.systemd1(5)`.

use zbus::message::Type as MessageType;
use zbus::{MatchRule, OwnedObjectPath};

/// Bus name of PID 1.
pub const BUS_NAME: &str = "org.freedesktop.systemd1";
/// Its object.
pub const PATH: &str = "/org/freedesktop/systemd1";
/// Interface of units' starting and stopping.
pub const MANAGER: &str = "org.freedesktop.systemd1.Manager";
/// Properties that every unit has.
pub const UNIT: &str = "org.freedesktop.systemd1.Unit";
/// Properties of service units.
pub const SERVICE: &str = "org.freedesktop.systemd1.Service";
/// `JobRemoved(uoss)`: id, job, unit, result. Who asked for the job gets it without subscribing.
pub const JOB_REMOVED: &str = "JobRemoved";

/// Which signals are [`JOB_REMOVED`]; whoever takes one checks that PID 1 sent it.
pub fn job_removed_rule() -> zbus::Result<MatchRule<'static>> {
    MatchRule::builder()
        .msg_type(MessageType::Signal)
        .path(PATH)
        .interface(MANAGER)
        .member(JOB_REMOVED)
        .build()
}

/// Job, unit and result of a [`JOB_REMOVED`]; `done` is the result of a success.
pub fn job_removed(message: &zbus::Message) -> Option<(String, String, String)> {
    let (_, job, unit, result): (u32, OwnedObjectPath, String, String) = message.body().deserialize().ok()?;
    Some((job.as_str().to_owned(), unit, result))
}
