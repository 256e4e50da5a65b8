//! What images must keep to now: settings, keys and machine are read for each, as they may change.

use crate::settings::{Policy, Settings};
use dbus_api::object_mapper;
use dbus_api::skim::Plain;
use dbus_api::software::FIELD_MODE;
use dbus_api::standard::PROPERTIES;
use image_check::{DigestChoice, Rules, SignaturePolicy, TrustStore};
use image_format::OsRelease;
use std::time::Duration;
use zbus::Connection;

/// Longest wait for the service that knows the field mode.
const FIELD_MODE_LIMIT: Duration = Duration::from_secs(2);

/// The rules for the next image. Reads files.
pub fn load(settings: &Settings, signature: SignaturePolicy) -> Rules {
    let (trust, problems) = TrustStore::load(&settings.trust_folder);
    if signature != SignaturePolicy::Off {
        for problem in problems {
            log::warn!("a key set is passed over: {problem}");
        }
    }
    let release = std::fs::read_to_string(&settings.os_release).unwrap_or_else(|error| {
        log::warn!("which machine this is cannot be read: {}: {error}", settings.os_release.display());
        String::new()
    });
    Rules {
        limits: settings.limits,
        names: settings.names,
        manifest: settings.manifest,
        signature,
        trust,
        machine: OsRelease::parse(&release).target_machine().map(str::to_owned),
        any_machine: false,
        require_machine_name: settings.require_machine_name,
        require_payload_digests: settings.require_payload_digests,
        allow_unknown_purpose: settings.allow_unknown_purpose,
        ignored_purposes: settings.ignored_purposes.clone(),
        floors: settings.floors.clone(),
        digests: DigestChoice::AsNeeded,
    }
}

/// Whether signatures are required now.
pub async fn signature_policy(connection: &Connection, policy: Policy) -> SignaturePolicy {
    match policy {
        Policy::Required => SignaturePolicy::Required,
        Policy::Off => SignaturePolicy::Off,
        // Absent, silent and unreadable count as enabled.
        Policy::FieldMode => match field_mode(connection).await {
            Some(false) => SignaturePolicy::Advisory,
            _ => SignaturePolicy::Required,
        },
    }
}

/// Whether the machine is in field mode; nothing when no service says.
pub async fn field_mode(connection: &Connection) -> Option<bool> {
    tokio::time::timeout(FIELD_MODE_LIMIT, read_field_mode(connection)).await.ok().flatten()
}

async fn read_field_mode(connection: &Connection) -> Option<bool> {
    let objects = object_mapper::get_sub_tree(connection, "/", &[FIELD_MODE]).await.ok()?;
    let mut enabled = None;
    for (path, services) in objects {
        for service in services.into_keys() {
            let arguments = (FIELD_MODE, "FieldModeEnabled");
            let reply = connection
                .call_method(Some(&*service), &*path, Some(PROPERTIES), "Get", &arguments)
                .await
                .ok()?;
            let body = reply.body();
            let value: Plain<'_> = body.deserialize().ok()?;
            // One that is enabled is enough.
            enabled = Some(enabled.unwrap_or(false) || value.truth()?);
        }
    }
    enabled
}
