//! `org.freedesktop.systemd1`: units started and asked about.
//!
//! Source: systemd 252, `org.freedesktop.systemd1(5)`.

use crate::call::{self, CallError, Target};
use crate::standard::PROPERTIES;
use std::collections::HashMap;
use zbus::message::Type as MessageType;
use zbus::{Connection, MatchRule, OwnedObjectPath, OwnedVariant};

/// Bus name of process 1.
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

const TARGET: Target = Target { destination: BUS_NAME, path: PATH, interface: MANAGER };

/// What a start leaves running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// A unit that runs, or has run and stayed active, is left as it is; a job that waits already is joined.
    Start,
    /// A unit that is active is stopped first.
    Restart,
}

/// Queues a job and gives its path; how it ended comes as [`JOB_REMOVED`].
///
/// Errors: refused when the unit does not exist, cannot be loaded, or failed too often.
pub async fn start(connection: &Connection, unit: &str, verb: Verb) -> Result<String, CallError> {
    let method = match verb {
        Verb::Start => "StartUnit",
        Verb::Restart => "RestartUnit",
    };
    let reply = call::call(connection, &TARGET, method, &(unit, "replace")).await?;
    let job: OwnedObjectPath = body(&reply)?;
    Ok(job.as_str().to_owned())
}

/// Which signals are [`JOB_REMOVED`]; whoever takes one checks that process 1 sent it.
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

/// Forgets a unit's failure, and how often it was started lately. A unit that is not loaded has none.
pub async fn reset_failed(connection: &Connection, unit: &str) -> Result<(), CallError> {
    match call::call(connection, &TARGET, "ResetFailedUnit", &(unit,)).await {
        Err(CallError::Refused { name, .. }) if name.ends_with(".NoSuchUnit") => Ok(()),
        other => other.map(drop),
    }
}

/// What process 1 knows of a service unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitState {
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`.
    pub active: String,
    /// 32 hex digits, another at each start; empty before the first.
    pub invocation: String,
    /// `success`, `exit-code`, `signal`, `timeout`, `start-limit-hit`, …
    pub result: String,
    /// Exit status of the main process, or the signal that ended it.
    pub status: i32,
}

/// Asks about a service unit.
pub async fn inspect(connection: &Connection, unit: &str) -> Result<UnitState, CallError> {
    let reply = call::call(connection, &TARGET, "LoadUnit", &(unit,)).await?;
    let path: OwnedObjectPath = body(&reply)?;
    let of_unit = properties(connection, path.as_str(), UNIT).await?;
    let of_service = properties(connection, path.as_str(), SERVICE).await?;
    let text = |map: &HashMap<String, OwnedVariant>, name: &str| {
        map.get(name).and_then(|value| value.downcast_ref::<&str>().ok()).unwrap_or_default().to_owned()
    };
    let invocation: Vec<u8> = of_unit
        .get("InvocationID")
        .and_then(|value| value.try_clone().ok())
        .and_then(|value| value.try_into().ok())
        .unwrap_or_default();
    Ok(UnitState {
        active: text(&of_unit, "ActiveState"),
        invocation: invocation.iter().map(|byte| format!("{byte:02x}")).collect(),
        result: text(&of_service, "Result"),
        status: of_service
            .get("ExecMainStatus")
            .and_then(|value| value.downcast_ref::<i32>().ok())
            .unwrap_or_default(),
    })
}

async fn properties(
    connection: &Connection,
    path: &str,
    interface: &str,
) -> Result<HashMap<String, OwnedVariant>, CallError> {
    let reply = connection
        .call_method(Some(BUS_NAME), path, Some(PROPERTIES), "GetAll", &interface)
        .await
        .map_err(|error| call::classify(BUS_NAME, error))?;
    body(&reply)
}

fn body<T>(reply: &zbus::Message) -> Result<T, CallError>
where
    T: for<'de> serde::Deserialize<'de> + zbus::Type,
{
    reply.body().deserialize().map_err(|source| CallError::Bus { destination: BUS_NAME, source })
}
