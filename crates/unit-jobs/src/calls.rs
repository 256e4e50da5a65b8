//! Calls of PID 1.

use crate::{ActiveState, RunResult, UnitState};
use dbus_api::call::{self, CallError, Target};
use dbus_api::standard::PROPERTIES;
use dbus_api::systemd::{BUS_NAME, MANAGER, PATH, SERVICE, UNIT};
use serde::Serialize;
use std::collections::HashMap;
use zbus::{Connection, DynamicType, Message, OwnedObjectPath, OwnedVariant};

const TARGET: Target = Target { destination: BUS_NAME, path: PATH, interface: MANAGER };

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// A unit that runs, or has run and stayed active, is left as it is; a job that waits already is joined.
    Start,
    /// A unit that is active is stopped first.
    Restart,
    /// A unit that is not active is left as it is.
    Stop,
}

impl Verb {
    fn method(self) -> &'static str {
        match self {
            Self::Start => "StartUnit",
            Self::Restart => "RestartUnit",
            Self::Stop => "StopUnit",
        }
    }
}

/// Queues a job and gives its path; [`crate::Jobs`] says how it ended.
///
/// Errors: refused when the unit does not exist, cannot be loaded, or failed too often.
pub async fn start(connection: &Connection, unit: &str, verb: Verb) -> Result<String, CallError> {
    let reply = ask(connection, verb.method(), &(unit, "replace")).await?;
    let job: OwnedObjectPath = body(&reply)?;
    Ok(job.as_str().to_owned())
}

/// Forgets a unit's failure, and how often it was started lately. A unit that is not loaded has none.
///
/// Errors: [`CallError`].
pub async fn reset_failed(connection: &Connection, unit: &str) -> Result<(), CallError> {
    none_if_not_loaded(ask(connection, "ResetFailedUnit", &(unit,)).await).map(drop)
}

/// Keeps a unit that PID 1 has in memory there, with its result, until [`unreference`] or the end of the connection. False
/// when it is not in memory: to be called once a job of the unit is queued.
///
/// Errors: [`CallError`].
pub async fn reference(connection: &Connection, unit: &str) -> Result<bool, CallError> {
    Ok(none_if_not_loaded(ask(connection, "RefUnit", &(unit,)).await)?.is_some())
}

/// Takes back one [`reference()`].
///
/// Errors: [`CallError`].
pub async fn unreference(connection: &Connection, unit: &str) -> Result<(), CallError> {
    none_if_not_loaded(ask(connection, "UnrefUnit", &(unit,)).await).map(drop)
}

/// Has PID 1 tell this connection about all jobs, not only about those that it asked for.
///
/// Errors: [`CallError`].
pub async fn subscribe(connection: &Connection) -> Result<(), CallError> {
    match ask(connection, "Subscribe", &()).await {
        Err(CallError::Refused { name, .. }) if name.ends_with(".AlreadySubscribed") => Ok(()),
        other => other.map(drop),
    }
}

/// Has PID 1 read all unit files again (`systemctl daemon-reload`).
///
/// Errors: [`CallError`].
pub async fn reload(connection: &Connection) -> Result<(), CallError> {
    ask(connection, "Reload", &()).await.map(drop)
}

/// A unit in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUnit {
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub active: ActiveState,
    /// More exactly, by its type: `running`, `exited`, `dead`, `start-pre`, …
    pub sub: String,
}

/// A row of `ListUnitsByPatterns`: name, description, load state, active state, sub state, followed unit, path, and a job's
/// id, type and path.
type Row = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// The units that PID 1 has in memory and whose names fit one of the patterns, as `psu-update@*.service`.
///
/// Errors: [`CallError`].
pub async fn list(connection: &Connection, patterns: &[&str]) -> Result<Vec<ListedUnit>, CallError> {
    let reply = ask(connection, "ListUnitsByPatterns", &([""; 0].as_slice(), patterns)).await?;
    let rows: Vec<Row> = body(&reply)?;
    let unit =
        |(name, _, _, active, sub, ..): Row| ListedUnit { name, active: ActiveState::parse(&active), sub };
    Ok(rows.into_iter().map(unit).collect())
}

/// The object of the unit that a process belongs to, for [`dbus_api::systemd::unit_path`]; nothing when it belongs to none.
///
/// Errors: [`CallError`].
pub async fn unit_of_process(connection: &Connection, process: u32) -> Result<Option<String>, CallError> {
    match ask(connection, "GetUnitByPID", &(process,)).await {
        Err(CallError::Refused { name, .. }) if name.ends_with(".NoUnitForPID") => Ok(None),
        other => {
            let path: OwnedObjectPath = body(&other?)?;
            Ok(Some(path.as_str().to_owned()))
        }
    }
}

/// Asks about a service unit. One that PID 1 does not have in memory, or has only since this asked, is
/// [`ActiveState::NotLoaded`]: how its last run ended is not known then.
///
/// Errors: [`CallError`]; [`CallError::TimedOut`] also where its runs follow each other so fast that no two answers of PID 1
/// are about the same one.
pub async fn inspect(connection: &Connection, unit: &str) -> Result<UnitState, CallError> {
    for _ in 0..LOOKS {
        // LoadUnit would load it anew, and show it as one that has ended well.
        let Some(reply) = none_if_not_loaded(ask(connection, "GetUnit", &(unit,)).await)? else {
            return Ok(UnitState::default());
        };
        let path: OwnedObjectPath = body(&reply)?;
        let of_unit = properties(connection, path.as_str(), UNIT).await?;
        let of_service = properties(connection, path.as_str(), SERVICE).await?;
        // Between the two answers PID 1 may have forgotten the unit, or begun another run of it.
        if of_unit.get(INVOCATION) == Some(&property(connection, path.as_str(), UNIT, INVOCATION).await?) {
            return Ok(state(&of_unit, &of_service));
        }
    }
    Err(CallError::TimedOut { destination: BUS_NAME })
}

/// How often a unit is looked at whose runs follow each other.
const LOOKS: usize = 5;

fn state(of_unit: &Properties, of_service: &Properties) -> UnitState {
    let (active, invocation) = (ActiveState::parse(text(of_unit, "ActiveState")), invocation(of_unit));
    // Asking for the properties of a unit that PID 1 has just forgotten loads it anew, as one that was never run.
    // One whose conditions did not hold has no invocation either, but results of conditions.
    if active == ActiveState::Inactive && invocation.is_empty() {
        return UnitState { unmet: unmet(of_unit), ..UnitState::default() };
    }
    UnitState {
        active,
        invocation,
        result: RunResult::parse(text(of_service, "Result")),
        code: number(of_service, "ExecMainCode"),
        status: number(of_service, "ExecMainStatus"),
        status_text: text(of_service, "StatusText").to_owned(),
        unmet: unmet(of_unit),
    }
}

/// A condition: its name, whether one of several is enough, whether it is negated, its argument, and 0 as long as it was not
/// tested, less if it did not hold.
type Condition = (String, bool, bool, String, i32);

fn unmet(of_unit: &Properties) -> Vec<String> {
    let value = of_unit.get("Conditions").and_then(|value| value.try_clone().ok());
    let conditions: Vec<Condition> = value.and_then(|value| value.try_into().ok()).unwrap_or_default();
    let failed = conditions.into_iter().filter(|(.., result)| *result < 0);
    failed
        .map(|(name, _, is_negated, argument, _)| {
            format!("{name}={}{argument}", if is_negated { "!" } else { "" })
        })
        .collect()
}

const INVOCATION: &str = "InvocationID";

type Properties = HashMap<String, OwnedVariant>;

fn text<'a>(properties: &'a Properties, name: &str) -> &'a str {
    properties.get(name).and_then(|value| value.downcast_ref::<&str>().ok()).unwrap_or_default()
}

fn number(properties: &Properties, name: &str) -> i32 {
    properties.get(name).and_then(|value| value.downcast_ref::<i32>().ok()).unwrap_or_default()
}

fn invocation(properties: &Properties) -> String {
    let value = properties.get(INVOCATION).and_then(|value| value.try_clone().ok());
    let bytes: Vec<u8> = value.and_then(|value| value.try_into().ok()).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn properties(connection: &Connection, path: &str, interface: &str) -> Result<Properties, CallError> {
    let reply = connection
        .call_method(Some(BUS_NAME), path, Some(PROPERTIES), "GetAll", &interface)
        .await
        .map_err(|error| call::classify(BUS_NAME, error))?;
    body(&reply)
}

async fn property(
    connection: &Connection,
    path: &str,
    interface: &str,
    name: &str,
) -> Result<OwnedVariant, CallError> {
    let reply = connection
        .call_method(Some(BUS_NAME), path, Some(PROPERTIES), "Get", &(interface, name))
        .await
        .map_err(|error| call::classify(BUS_NAME, error))?;
    body(&reply)
}

async fn ask<B>(connection: &Connection, method: &'static str, body: &B) -> Result<Message, CallError>
where
    B: Serialize + DynamicType,
{
    call::call(connection, &TARGET, method, body).await
}

/// PID 1 answers so of a unit that it does not have in memory.
fn none_if_not_loaded(answer: Result<Message, CallError>) -> Result<Option<Message>, CallError> {
    match answer {
        Err(CallError::Refused { name, .. }) if name.ends_with(".NoSuchUnit") => Ok(None),
        other => other.map(Some),
    }
}

fn body<T>(reply: &Message) -> Result<T, CallError>
where
    T: for<'de> serde::Deserialize<'de> + zbus::Type,
{
    reply.body().deserialize().map_err(|source| CallError::Bus { destination: BUS_NAME, source })
}
