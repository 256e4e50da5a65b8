//! What others say on the bus: who installs images, who comes and goes.

use dbus_api::object_mapper;
use dbus_api::software::announcement::{self, Announcement, Objects};
use dbus_api::software::{MULTIPART_UPDATE, NAMESPACE, requests};
use peer::{Namespace, NamespaceNews, is_privileged};
use std::num::NonZeroUsize;
use std::time::Duration;
use zbus::message::Sequence;
use zbus::{Connection, ObjectPath};

/// Signals that may wait for us.
const SIGNALS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
/// How often a service of firmware is asked that does not answer within the time that a call may take.
const SCANS: usize = 60;
/// When the bus is asked whose a connection is; it may be busy, or the connection gone.
const TRUST_WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5)];

/// What somebody said.
#[derive(Debug)]
pub enum News {
    /// Of its objects, and when that came.
    Said(Announcement, Sequence),
    /// A service of firmware has come: its unique name.
    Came(String),
    /// A bus name of a service of firmware has no owner any more; the connection that had it may go on, with other names.
    NameFreed,
    /// A connection is gone: its unique name. It may be any on the bus.
    Gone(String),
}

/// The signals.
#[derive(Debug)]
pub struct Peers(Namespace);

impl Peers {
    /// Begins to listen.
    pub async fn listen(connection: &Connection) -> anyhow::Result<Self> {
        let said = announcement::everything_rule()?;
        Ok(Self(Namespace::follow(connection, NAMESPACE, [said], SIGNALS_KEPT).await?))
    }

    /// Waits for what is said next; dropping the future loses nothing.
    pub async fn next(&mut self) -> anyhow::Result<News> {
        loop {
            if let Some(news) = read(self.0.next().await?) {
                return Ok(news);
            }
        }
    }
}

fn read(news: NamespaceNews) -> Option<News> {
    Some(match news {
        NamespaceNews::Said(message) => News::Said(Announcement::of(&message)?, message.recv_position()),
        NamespaceNews::Came { owner, .. } => News::Came(owner),
        NamespaceNews::Left { .. } => News::NameFreed,
        NamespaceNews::Gone { owner } => News::Gone(owner),
    })
}

/// Unique names of the services of firmware that are there, without our own.
pub async fn present(connection: &Connection) -> Vec<String> {
    let present = Namespace::present(connection, NAMESPACE).await.unwrap_or_default();
    present.into_iter().map(|(_, owner)| owner).collect()
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
        if let Ok(is_trusted) = is_privileged(connection, owner).await {
            return is_trusted;
        }
    }
    false
}

/// Tells an installer to begin.
///
/// Errors: it has refused, or was not reached. One that does not answer in time was told: some install all of it before
/// they answer.
pub async fn request(connection: &Connection, owner: &str, path: &ObjectPath<'_>) -> zbus::Result<()> {
    match requests::activate(connection, owner, path.as_str()).await {
        Err(zbus::Error::InputOutput(error)) if error.kind() == std::io::ErrorKind::TimedOut => Ok(()),
        asked => asked,
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
