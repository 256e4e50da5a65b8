//! The connection to the system bus.

use crate::Exit;
use anyhow::Context as _;
use futures_core::Stream as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use zbus::fdo::{self, RequestNameFlags};
use zbus::{Connection, Message, MessageStream, connection::Builder};

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

/// Takes a well-known name, for good: no other connection may take it from us, and we take it from none.
///
/// Errors: marked [`Exit::Configuration`] when another connection has it or the bus does not let us, else
/// [`Exit::PeerUnavailable`].
pub async fn own(connection: &Connection, name: &str) -> anyhow::Result<()> {
    // What zbus asks for by itself lets any other connection that may own the name replace us.
    connection.request_name_with_flags(name, RequestNameFlags::DO_NOT_QUEUE).await.map(drop).map_err(
        |error| {
            let exit = match error {
                zbus::Error::NameTaken => Exit::Configuration,
                // The bus may as well be short of something.
                zbus::Error::FDO(ref refusal) if is_final(refusal) => Exit::Configuration,
                _ => Exit::PeerUnavailable,
            };
            anyhow::Error::new(error).context(format!("cannot own {name}")).context(exit)
        },
    )
}

/// The policy forbids the name, or it is none.
fn is_final(refusal: &fdo::Error) -> bool {
    matches!(refusal, fdo::Error::AccessDenied(_) | fdo::Error::InvalidArgs(_))
}

/// Refuses to be the second instance of a service, before what both would use is touched.
///
/// Errors: marked [`Exit::Configuration`] when the name has an owner, [`Exit::PeerUnavailable`] when the bus does not say.
#[cfg(feature = "daemon")]
pub async fn refuse_second(connection: &Connection, name: &'static str) -> anyhow::Result<()> {
    if dbus_api::call::has_owner(connection, name).await.context(Exit::PeerUnavailable)? {
        return Err(anyhow::anyhow!("{name} has an owner already")).context(Exit::Configuration);
    }
    Ok(())
}

/// Waits for the next message of a stream. Dropping the future loses none.
///
/// Errors: marked [`Exit::PeerUnavailable`] when the bus went away.
pub async fn next(messages: &mut MessageStream) -> anyhow::Result<Message> {
    let message = poll_fn(|context| Pin::new(&mut *messages).poll_next(context)).await;
    received(message)
}

/// What a stream of messages gave.
///
/// Errors: marked [`Exit::PeerUnavailable`] when the stream has ended, as it does with the connection, or broke.
pub fn received(message: Option<zbus::Result<Message>>) -> anyhow::Result<Message> {
    message
        .context("the bus went away")
        .context(Exit::PeerUnavailable)?
        .context("the connection to the bus broke")
        .context(Exit::PeerUnavailable)
}
