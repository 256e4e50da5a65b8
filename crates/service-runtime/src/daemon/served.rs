use crate::{RuntimeLevel, bus};
use dbus_api::log_control::{self, LogControl};
use zbus::Connection;

/// Serves the log level beside the objects that the service has put on the connection already, then takes the bus name:
/// clients that see the name find everything behind it.
///
/// `service` is what the log calls it, [`super::Start::identity`]. A service that is on two buses calls this for each.
///
/// Errors: as [`bus::own`].
pub async fn serve(connection: &Connection, service: &str, bus_name: &str) -> anyhow::Result<()> {
    let log_control = LogControl { level: RuntimeLevel, name: service.to_owned() };
    connection.object_server().at(log_control::PATH, log_control).await?;
    bus::own(connection, bus_name).await
}
