//! Calls to other services of firmware and their signals.

use super::Event;
use dbus_api::software::announcement::{self, Announcement, Objects};
use dbus_api::software::{MULTIPART_UPDATE, NAMESPACE, requests};
use dbus_api::{call, object_mapper};
use image_format::{Purpose, VersionId};
use peer::{Namespace, NamespaceNews, is_privileged};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Duration;
use update_state::ApplyTime;
use zbus::message::Sequence;
use zbus::{Connection, ObjectPath};

/// Signals that may wait for us.
const SIGNALS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
/// How often a service of firmware is asked that does not answer within the time that a call may take.
const SCANS: usize = 60;
/// Longest wait for the object mapper and the system's settings, which may be absent or hang.
const SETTINGS_LIMIT: Duration = Duration::from_millis(500);
/// How often the bus is asked which services of firmware there are, if it does not say, and how long is waited between.
const PRESENT_TRIES: usize = 12;
const PRESENT_WAIT: Duration = Duration::from_secs(5);
/// When the bus is asked whose a connection is; it may be busy, or the connection gone.
const TRUST_WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5)];

/// The signals.
#[derive(Debug)]
pub struct OtherServices(Namespace);

impl OtherServices {
    /// Begins to listen.
    pub async fn listen(connection: &Connection) -> anyhow::Result<Self> {
        let said = announcement::everything_rule()?;
        Ok(Self(Namespace::follow(connection, NAMESPACE, [said], SIGNALS_KEPT).await?))
    }

    /// Waits for what is said next; dropping the future loses nothing.
    pub async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            if let Some(event) = read(self.0.next().await?) {
                return Ok(event);
            }
        }
    }
}

fn read(news: NamespaceNews) -> Option<Event> {
    Some(match news {
        NamespaceNews::Said(message) => Event::Said(Announcement::of(&message)?, message.recv_position()),
        NamespaceNews::Came { name, owner } => Event::Came { name, owner },
        NamespaceNews::Left { name, .. } => Event::NameFreed { name },
        NamespaceNews::Gone { owner } => Event::Gone(owner),
    })
}

/// Bus names of the services of firmware that are there, without our own, and their owners.
pub async fn present(connection: &Connection) -> Vec<(String, String)> {
    for _ in 0..PRESENT_TRIES {
        match Namespace::present(connection, NAMESPACE).await {
            Ok(present) => return present,
            Err(error) => log::warn!("the bus does not say which services of firmware there are: {error}"),
        }
        tokio::time::sleep(PRESENT_WAIT).await;
    }
    Vec::new()
}

/// Bus names of a connection below that of the services of firmware.
pub async fn names_of(connection: &Connection, owner: &str) -> Vec<String> {
    let present = Namespace::present(connection, NAMESPACE).await.unwrap_or_default();
    present.into_iter().filter(|(_, of)| of == owner).map(|(name, _)| name).collect()
}

/// All objects of a service of firmware, and when the answer came; nothing when it is silent for long.
///
/// Errors: it has no list of objects.
pub async fn objects(connection: &Connection, owner: &str) -> zbus::Result<Option<(Objects, Sequence)>> {
    for _ in 0..SCANS {
        match announcement::managed_objects_at(connection, owner).await {
            Ok(told) => return Ok(Some(told)),
            // Some write a flash before they answer anybody.
            Err(zbus::Error::InputOutput(error)) if error.kind() == std::io::ErrorKind::TimedOut => {}
            Err(error) => {
                log::debug!("{owner} does not tell its objects: {error}");
                return Err(error);
            }
        }
    }
    log::warn!("{owner} does not tell its objects");
    Ok(None)
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

/// Whether a service of root's other than the owner of `own` shows the multipart marker, as far as the mapper knows.
pub async fn multipart_elsewhere(connection: &Connection, own: &str) -> bool {
    let found = object_mapper::get_sub_tree(connection, "/", &[MULTIPART_UPDATE]).await.unwrap_or_default();
    let names: BTreeSet<_> = found.values().flat_map(|services| services.keys()).collect();
    for name in names.into_iter().filter(|name| *name != own) {
        // Any service could make ours go otherwise, and get whatever image there is.
        let Ok(owner) = call::owner(connection, name).await else { continue };
        if is_privileged(connection, &owner).await.unwrap_or(false) {
            return true;
        }
    }
    false
}

/// Whether installers of images of this purpose go by the apply time of the whole system, which upstream's know alone.
pub fn knows_the_system_s_setting(purpose: Purpose) -> bool {
    matches!(purpose, Purpose::Bmc | Purpose::Host | Purpose::System)
}

/// Sets the apply time of the whole system to that of an image that is about to be installed, as bmcweb does for images that
/// are dropped: upstream's installers read it at their end, and ask for a reboot by hand without it.
pub async fn set_apply_time(connection: &Connection, time: ApplyTime, id: &VersionId) {
    let asked = tokio::time::timeout(SETTINGS_LIMIT, requests::set_apply_time(connection, time)).await;
    let error = match asked {
        Ok(Ok(())) => {
            return log::info!("the system's apply time is set to {time} for the image id={id}");
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    log::warn!(
        "the system's apply time cannot be set to {time}, so the installer may ask for a reboot by hand id={id}: {error}"
    );
}
