//! `xyz.openbmc_project.Inventory.Manager`: the one call that writes the inventory.
//!
//! Source: openbmc/phosphor-dbus-interfaces
//! `yaml/xyz/openbmc_project/Inventory/Manager.interface.yaml`.

use super::delivery::{Delivery, watched};
use super::notification::Notification;
use crate::call::{self, CallError, Target};
use std::time::Duration;
use zbus::Connection;

pub use super::delivery::{Cause, Manner, Refusal};

/// Well-known bus name of whatever hosts the inventory.
pub const BUS_NAME: &str = "xyz.openbmc_project.Inventory.Manager";
/// Interface of [`NOTIFY`], on [`super::ROOT`].
pub const INTERFACE: &str = "xyz.openbmc_project.Inventory.Manager";
/// Upsert of objects, interfaces and properties; in-signature [`super::notification::SIGNATURE`], no result.
pub const NOTIFY: &str = "Notify";

const TARGET: Target = Target { destination: BUS_NAME, path: super::ROOT, interface: INTERFACE };

/// Sends one `Notify` and waits for the answer.
///
/// Errors: [`CallError::Absent`] when nobody owns the name, [`CallError::TimedOut`] after the
/// connection's method time limit, [`CallError::Refused`] with the manager's error name.
pub async fn notify(connection: &Connection, notification: &Notification<'_>) -> Result<(), CallError> {
    call::call(connection, &TARGET, NOTIFY, notification).await.map(drop)
}

/// Sends one `Notify`; where that is refused or dropped, one per object, so that a bad one does not sink the rest. `pause`
/// passes when so much time has.
///
/// Result: what was not taken: nothing, or the whole followed by the objects that are at fault.
/// Errors: as [`notify`], but for refusals; what was sent before stays. A manager that is slow is waited for as in [`notify`].
pub async fn notify_or_each<S: Future<Output = ()>>(
    connection: &Connection,
    notification: &Notification<'_>,
    manner: &Manner,
    pause: impl Fn(Duration) -> S,
) -> Result<Vec<Refusal>, CallError> {
    let mut delivery = Delivery::new(notification);
    while let Some((path, part)) = delivery.next() {
        let behind = async { matches!(ask(connection).await, Ok(()) | Err(CallError::Refused { .. })) };
        let answer = watched(notify(connection, &part), pause(manner.patience()), behind).await;
        delivery.take(path, answer, manner)?;
    }
    Ok(delivery.refusals())
}

/// Asks for an answer and nothing else, by the one call that a parser may make.
async fn ask(connection: &Connection) -> Result<(), CallError> {
    notify(connection, &Notification::default()).await
}
