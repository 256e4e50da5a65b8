//! What is asked of services, besides what they say.

use crate::Follower;
use dbus_api::software::announcement::{self, text};
use dbus_api::software::{ACTIVATION, ACTIVATION_PROGRESS, IMAGE, IMAGE_MANAGER, VERSION, requests};
use zbus::Connection;

/// Takes what a service, whose connection is `owner`, has of the image now. One that does not answer has nothing.
pub async fn look(connection: &Connection, follower: &mut Follower, service: &str, owner: &str) {
    let objects = announcement::managed_objects(connection, service).await.unwrap_or_default();
    if let Some((_, interfaces)) = objects.iter().find(|(object, _)| object.as_str() == follower.path()) {
        return follower.found(owner, interfaces);
    }
    // Not every service has its objects below one that manages them.
    for interface in [ACTIVATION, ACTIVATION_PROGRESS, IMAGE] {
        let properties = requests::properties(connection, service, follower.path(), interface).await;
        if let Ok(properties) = properties {
            follower.found(owner, &[(interface.to_owned(), properties)].into());
        }
    }
}

/// Why the image ended so: what was told, else what image-manager answers; empty when neither says.
pub async fn reason(connection: &Connection, follower: &Follower) -> String {
    if !follower.reason().is_empty() {
        return follower.reason().to_owned();
    }
    let asked = requests::properties(connection, IMAGE_MANAGER, follower.path(), IMAGE).await;
    asked.ok().and_then(|properties| text(&properties, "Reason")).unwrap_or_default()
}

/// The image's version, as image-manager or else this service shows it.
pub async fn version(connection: &Connection, follower: &Follower, service: &str) -> Option<String> {
    for service in [IMAGE_MANAGER, service] {
        let asked = requests::properties(connection, service, follower.path(), VERSION).await;
        let version = asked.ok().and_then(|properties| text(&properties, "Version"));
        if version.is_some() {
            return version;
        }
    }
    None
}
