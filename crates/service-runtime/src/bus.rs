//! The connection to the system bus.

mod incoming;
#[cfg(feature = "daemon")]
mod replies;
mod socket;
#[cfg(feature = "daemon")]
mod unread;
#[cfg(feature = "daemon")]
mod waiting;

#[cfg(feature = "daemon")]
pub use replies::Replies;
#[cfg(feature = "daemon")]
pub use unread::SMALL;

use crate::Exit;
use anyhow::Context as _;
use futures_core::Stream as _;
use incoming::Watch;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
#[cfg(feature = "daemon")]
use waiting::Question;
use zbus::address::Transport;
use zbus::address::transport::UnixSocket;
use zbus::{Address, Connection, Message, MessageStream, connection::Builder};

/// Longest wait for the bus to accept us; a bus that accepts and then says nothing must not hold us.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Between two tries to connect to a bus whose queue of connections is full.
const BACKLOG_INTERVAL: Duration = Duration::from_millis(10);

/// A method or signal: its interface and its name.
pub type Member = (&'static str, &'static str);

/// What a service takes off the bus, beside short messages without descriptors.
///
/// Any local user may send any service a message, as a signal if not as a call. So what is not named here is cut as it is
/// read: descriptors are closed, the body of a long call or signal is passed over, and the message goes on without it. A
/// handler that wanted the body finds no arguments and says so. A signal that is sent to the service alone is passed over
/// whole: what a service follows comes by match rules, in which the bus sees to the sender, and zbus takes such a signal for
/// one of them. Answers come from those whom the service has called, and are taken whole unless it calls any user; those to
/// the pings of [`Replies`] are passed over.
///
/// So the messages that wait hold at most 64 times the longest call (zbus's queue) and as many times the longest signal as the
/// service has such wait, and there are as many descriptors as calls that take one.
#[derive(Debug)]
pub struct Accepts {
    /// Calls that take a descriptor. Where there are none, and none is sent, the bus is told so, and refuses them to senders.
    pub descriptors: &'static [Member],
    /// Whether the service sends descriptors.
    pub sends_descriptors: bool,
    /// Calls whose body may have more than [`Self::SMALL`] bytes, signals that may have more than [`Self::SIGNAL`], and how many. Such
    /// a call is one that the bus's policy lets only some users make, such a signal one that has its sender in the rule.
    pub large: &'static [(Member, usize)],
    /// Longest body of an answer, bytes, where the service calls others than PID 1, the bus and its peers.
    pub answers: usize,
    /// Whether the service asks [`Replies::fits`] before it sends a large reply, and takes its calls one by one.
    pub weighs_replies: bool,
    /// Messages that may wait for a service that takes them off the bus by itself.
    pub waiting: NonZeroUsize,
}

impl Accepts {
    /// Longest body of all other calls and signals, bytes: many times the longest that has a use, and 64 of them are 4 MiB.
    pub const SMALL: usize = 64 * 1024;
    /// Longest body of all other signals, bytes: of those that a service follows, up to 1,024 may wait, which are 16 MiB.
    pub const SIGNAL: usize = 16 * 1024;
    /// Descriptors of a call that takes any; a call that has more gets none.
    pub const PER_CALL: usize = 1;
    /// Short messages without descriptors.
    pub const SHORT: Self = Self {
        descriptors: &[],
        sends_descriptors: false,
        large: &[],
        answers: usize::MAX,
        weighs_replies: false,
        waiting: NonZeroUsize::MIN.saturating_add(63),
    };

    fn passes_descriptors(&self) -> bool {
        self.sends_descriptors || !self.descriptors.is_empty()
    }
}

/// Connects to the system bus (`DBUS_SYSTEM_BUS_ADDRESS` overrides its address, which is that of a socket in the file system
/// or of an abstract one).
///
/// Every call over the connection ends after `call_limit` at the latest. Where the bus takes nothing for ten seconds, the
/// connection is closed.
/// Errors: marked [`Exit::PeerUnavailable`].
pub async fn connect(call_limit: Duration, accepts: &'static Accepts) -> anyhow::Result<Connection> {
    connect_watched(call_limit, accepts, None).await
}

/// As [`connect`], for a program that others call: the replies that they do not read are bounded, for as long as the program
/// runs.
#[cfg(feature = "daemon")]
pub async fn connect_as_service(
    call_limit: Duration,
    accepts: &'static Accepts,
) -> anyhow::Result<(Connection, Replies)> {
    let replies = Replies::new(accepts.weighs_replies);
    let watch: Arc<dyn Watch> = Arc::new(replies.clone());
    let connection = connect_watched(call_limit, accepts, Some(watch)).await?;
    crate::tasks::spawn(replies.clone().look_after(connection.clone()));
    Ok((connection, replies))
}

async fn connect_watched(
    call_limit: Duration,
    accepts: &'static Accepts,
    watch: Option<Arc<dyn Watch>>,
) -> anyhow::Result<Connection> {
    tokio::time::timeout(CONNECT_LIMIT, build(call_limit, accepts, watch))
        .await
        .context("the bus did not answer the connection in time")
        .context(Exit::PeerUnavailable)?
        // The error's own text has its cause in it already.
        .map_err(|error| anyhow::anyhow!("cannot connect to the system bus: {error}"))
        .context(Exit::PeerUnavailable)
}

async fn build(
    call_limit: Duration,
    accepts: &'static Accepts,
    watch: Option<Arc<dyn Watch>>,
) -> zbus::Result<Connection> {
    let address = Address::system()?;
    let Transport::Unix(unix) = address.transport() else { return Err(zbus::Error::Unsupported) };
    let address = match unix.path() {
        UnixSocket::File(path) => SocketAddr::from_pathname(path)?,
        UnixSocket::Abstract(name) => SocketAddr::from_abstract_name(name.as_bytes())?,
        _ => return Err(zbus::Error::Unsupported),
    };
    let stream = connected(&address.into()).await?;
    let builder = Builder::socket(socket::BusSocket::new(stream, accepts, watch)).max_queued(accepts.waiting);
    builder.method_timeout(call_limit).build().await
}

/// Waits for room in the queue of the listener, where the kernel would turn us away.
async fn connected(address: &tokio::net::unix::SocketAddr) -> std::io::Result<UnixStream> {
    loop {
        match UnixStream::connect_addr(address).await {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                tokio::time::sleep(BACKLOG_INTERVAL).await;
            }
            connected => return connected,
        }
    }
}

/// Takes a well-known name, for good: no other connection may take it from us, and we take it from none. One that has it is
/// given a moment to leave.
///
/// Not zbus's own way, which asks the bus for signals of the name's coming and going first, and keeps them coming.
///
/// Errors: marked [`Exit::Configuration`] when another connection keeps it or the bus does not let us, else
/// [`Exit::PeerUnavailable`].
#[cfg(feature = "daemon")]
pub async fn own(connection: &Connection, name: &str) -> anyhow::Result<()> {
    let is_ours = waiting::until_free(connection, name, Question::IsOurs).await;
    if is_ours.with_context(|| format!("cannot own {name}"))? {
        return Ok(());
    }
    Err(anyhow::anyhow!("cannot own {name}: another connection has it")).context(Exit::Configuration)
}

/// Refuses to be the second instance of a service, before what both would use is touched. The first is given a moment to
/// leave.
///
/// Errors: marked [`Exit::Configuration`] when the name keeps an owner, [`Exit::PeerUnavailable`] when the bus does not say.
#[cfg(feature = "daemon")]
pub async fn refuse_second(connection: &Connection, name: &str) -> anyhow::Result<()> {
    if waiting::until_free(connection, name, Question::IsFree).await? {
        return Ok(());
    }
    Err(anyhow::anyhow!("{name} has an owner already")).context(Exit::Configuration)
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
