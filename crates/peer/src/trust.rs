use dbus_api::call::{self, CallError};
use zbus::Connection;

/// Whether a connection, by its unique name, belongs to root or to the user that we run as. Any user may send a signal;
/// what changes the machine is believed of these only.
///
/// Errors: the bus did not say, most likely as the connection has gone.
pub async fn is_privileged(connection: &Connection, owner: &str) -> Result<bool, CallError> {
    Ok(is_privileged_user(call::unix_user(connection, owner).await?))
}

/// Whether a user, by its number, is root or the user that we run as.
pub fn is_privileged_user(user: u32) -> bool {
    user == 0 || user == nix::unistd::geteuid().as_raw()
}
