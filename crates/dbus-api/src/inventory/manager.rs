//! `xyz.openbmc_project.Inventory.Manager`: the one call that writes the inventory.
//!
//! Source: openbmc/phosphor-dbus-interfaces
//! `yaml/xyz/openbmc_project/Inventory/Manager.interface.yaml`.

use super::notification::Notification;
use crate::call::{self, CallError, Target};
use zbus::Connection;

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

/// One refusal of [`notify_or_each`].
#[derive(Debug)]
pub struct Refusal {
    /// The object; `None` for the notification as a whole.
    pub object: Option<String>,
    /// The manager's error name.
    pub name: String,
    /// Its text, possibly empty.
    pub text: String,
}

/// Sends one `Notify`; where that is refused, one per object, so that a bad one does not sink the rest.
///
/// Result: what was refused: nothing, or the whole followed by the objects that are at fault.
/// Errors: as [`notify`], but for refusals; what was sent before stays.
pub async fn notify_or_each(
    connection: &Connection,
    notification: &Notification<'_>,
) -> Result<Vec<Refusal>, CallError> {
    let mut refusals = Vec::new();
    match notify(connection, notification).await {
        Err(CallError::Refused { name, text, .. }) => refusals.push(Refusal { object: None, name, text }),
        Err(error) => return Err(error),
        Ok(()) => return Ok(refusals),
    }
    for object in &notification.objects {
        let single = Notification { objects: vec![object.clone()] };
        match notify(connection, &single).await {
            Err(CallError::Refused { name, text, .. }) => {
                refusals.push(Refusal { object: Some(object.path.to_string()), name, text });
            }
            other => other?,
        }
    }
    Ok(refusals)
}
