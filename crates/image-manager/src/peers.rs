//! What others say on the bus: who installs images, who comes and goes.

use anyhow::Context as _;
use dbus_api::object_mapper;
use dbus_api::software::announcement::{self, Announcement, Objects};
use dbus_api::software::{ACTIVATION, MULTIPART_UPDATE, NAMESPACE, requested_activation};
use dbus_api::standard::PROPERTIES;
use futures_core::Stream as _;
use service_runtime::Exit;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use update_state::RequestedActivation;
use zbus::message::{Sequence, Type as MessageType};
use zbus::{Connection, MatchRule, Message, MessageStream, ObjectPath, Variant};

/// Signals that may wait for us.
const SIGNALS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
/// How often a service of firmware is asked that does not answer within the time that a call may take.
const SCANS: usize = 60;
/// When the bus is asked whose a connection is; it may be busy, or the connection gone.
const TRUST_WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5)];
/// The bus itself.
const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// What somebody said.
#[derive(Debug)]
pub enum News {
    /// Of its objects, and when that came.
    Said(Announcement, Sequence),
    /// A service of firmware has come: its unique name.
    Came(String),
    /// A connection, or a service of firmware, is gone.
    Left {
        /// Its unique name.
        owner: String,
        /// It was a service of firmware.
        is_firmware: bool,
    },
}

/// The signals.
#[derive(Debug)]
pub struct Peers {
    own: String,
    streams: [MessageStream; 2],
}

impl Peers {
    /// Begins to listen.
    pub async fn listen(connection: &Connection) -> anyhow::Result<Self> {
        let own = connection.unique_name().map(ToString::to_string).unwrap_or_default();
        let owners = MatchRule::builder()
            .msg_type(MessageType::Signal)
            .sender(BUS)
            .interface(BUS)
            .member("NameOwnerChanged")
            .build();
        let listening = async {
            // What is said of objects comes in one stream, or its order would be lost.
            let (said, owners) = (announcement::everything_rule()?, owners?);
            let listen = |rule| MessageStream::for_match_rule(rule, connection, Some(SIGNALS_KEPT));
            Ok::<_, zbus::Error>([listen(said).await?, listen(owners).await?])
        };
        let streams = listening.await.context("cannot listen on the bus").context(Exit::PeerUnavailable)?;
        Ok(Self { own, streams })
    }

    /// Waits for what is said next; dropping the future loses nothing.
    pub async fn next(&mut self) -> anyhow::Result<News> {
        loop {
            let message = poll_fn(|context| {
                // What somebody says before it leaves is heard before.
                for stream in &mut self.streams {
                    if let Poll::Ready(message) = Pin::new(stream).poll_next(context) {
                        return Poll::Ready(message);
                    }
                }
                Poll::Pending
            });
            let message = message.await.context("the bus went away").context(Exit::PeerUnavailable)?;
            let message =
                message.context("the connection to the bus broke").context(Exit::PeerUnavailable)?;
            if let Some(news) = self.read(&message) {
                return Ok(news);
            }
        }
    }

    fn read(&self, message: &Message) -> Option<News> {
        if let Some(announcement) = Announcement::of(message) {
            return (announcement.sender != self.own)
                .then_some(News::Said(announcement, message.recv_position()));
        }
        if message.header().sender()?.as_str() != BUS {
            return None;
        }
        let (name, old, new): (String, String, String) = message.body().deserialize().ok()?;
        let is_firmware = is_firmware(&name);
        if name.starts_with(':') && new.is_empty() {
            Some(News::Left { owner: name, is_firmware: false })
        } else if is_firmware && !new.is_empty() && new != self.own {
            Some(News::Came(new))
        } else if is_firmware && new.is_empty() && old != self.own {
            Some(News::Left { owner: old, is_firmware: true })
        } else {
            None
        }
    }
}

fn is_firmware(name: &str) -> bool {
    name.strip_prefix(NAMESPACE).is_some_and(|rest| rest.starts_with('.'))
}

/// Unique names of the services of firmware that are there, without our own.
pub async fn present(connection: &Connection) -> zbus::Result<Vec<String>> {
    let own = connection.unique_name().map(ToString::to_string).unwrap_or_default();
    let reply = connection.call_method(Some(BUS), BUS_PATH, Some(BUS), "ListNames", &()).await?;
    let names: Vec<String> = reply.body().deserialize()?;
    let mut owners = Vec::new();
    for name in names.into_iter().filter(|name| is_firmware(name)) {
        // One that has gone meanwhile is no loss.
        let asked = connection.call_method(Some(BUS), BUS_PATH, Some(BUS), "GetNameOwner", &name).await;
        if let Ok(reply) = asked {
            owners.push(reply.body().deserialize::<String>()?);
        }
    }
    owners.retain(|owner| *owner != own);
    Ok(owners)
}

/// All objects of a service of firmware, and when the answer came; nothing when it has none to tell, or is silent for long.
pub async fn objects(connection: &Connection, owner: &str) -> Option<(Objects, Sequence)> {
    for _ in 0..SCANS {
        match announcement::managed_objects_at(connection, owner).await {
            Ok(told) => return Some(told),
            // Some write a flash before they answer anybody.
            Err(zbus::Error::InputOutput(error)) if error.kind() == std::io::ErrorKind::TimedOut => {}
            Err(error) => {
                log::debug!("{owner} does not tell its objects: {error}");
                return None;
            }
        }
    }
    log::warn!("{owner} does not tell its objects");
    None
}

/// Whether a connection may be believed: its process is root's, or our own user's.
pub async fn is_trusted(connection: &Connection, owner: &str) -> bool {
    for wait in TRUST_WAITS {
        tokio::time::sleep(wait).await;
        let asked =
            connection.call_method(Some(BUS), BUS_PATH, Some(BUS), "GetConnectionUnixUser", &owner).await;
        if let Ok(user) = asked.and_then(|reply| reply.body().deserialize::<u32>()) {
            return user == 0 || user == nix::unistd::geteuid().as_raw();
        }
    }
    false
}

/// Tells an installer to begin.
///
/// Errors: it has refused, or was not reached. One that does not answer in time was told: some install all of it before
/// they answer.
pub async fn request(connection: &Connection, owner: &str, path: &ObjectPath<'_>) -> zbus::Result<()> {
    let wish = Variant::from(requested_activation(RequestedActivation::Active));
    let arguments = (ACTIVATION, "RequestedActivation", wish);
    match connection.call_method(Some(owner), path, Some(PROPERTIES), "Set", &arguments).await {
        Err(zbus::Error::InputOutput(error)) if error.kind() == std::io::ErrorKind::TimedOut => Ok(()),
        asked => asked.map(drop),
    }
}

/// Whether the mapper knows an object of anybody's.
pub async fn is_taken(connection: &Connection, path: &ObjectPath<'_>) -> bool {
    object_mapper::get_object(connection, path.as_str(), &[]).await.is_ok_and(|services| !services.is_empty())
}

/// Whether somebody else than the owner of `own` shows the multipart marker, as far as the mapper knows.
pub async fn multipart_elsewhere(connection: &Connection, own: &str) -> bool {
    let found = object_mapper::get_sub_tree(connection, "/", &[MULTIPART_UPDATE]).await.unwrap_or_default();
    found.values().flat_map(|services| services.keys()).any(|service| service != own)
}
