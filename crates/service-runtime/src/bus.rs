//! The connection to the system bus.

use crate::Exit;
use anyhow::Context as _;
use std::time::Duration;
use zbus::fdo::RequestNameFlags;
use zbus::{Connection, connection::Builder};

/// Longest wait for the bus to accept us; a bus that accepts and then says nothing must not hold us.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Connects to the system bus (`DBUS_SYSTEM_BUS_ADDRESS` overrides its address).
///
/// Every call over the connection ends after `call_limit` at the latest.
/// Errors: marked [`Exit::PeerUnavailable`].
pub async fn connect(call_limit: Duration) -> anyhow::Result<Connection> {
    let building = Builder::system().method_timeout(call_limit).build();
    tokio::time::timeout(CONNECT_LIMIT, building)
        .await
        .context("the bus did not answer the connection in time")
        .context(Exit::PeerUnavailable)?
        // The error's own text has its cause in it already.
        .map_err(|error| anyhow::anyhow!("cannot connect to the system bus: {error}"))
        .context(Exit::PeerUnavailable)
}

/// Takes a well-known name, for good: nobody may take it from us, and we take it from nobody.
///
/// Errors: marked [`Exit::Configuration`] when somebody has it or the bus does not let us, else
/// [`Exit::PeerUnavailable`].
pub async fn own(connection: &Connection, name: &'static str) -> anyhow::Result<()> {
    // What zbus asks for by itself lets any other connection that may own the name replace us.
    connection.request_name_with_flags(name, RequestNameFlags::DO_NOT_QUEUE).await.map(drop).map_err(
        |error| {
            let exit = match error {
                zbus::Error::NameTaken | zbus::Error::FDO(_) => Exit::Configuration,
                _ => Exit::PeerUnavailable,
            };
            anyhow::Error::new(error).context(format!("cannot own {name}")).context(exit)
        },
    )
}
