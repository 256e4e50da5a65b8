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
