//! What a service says by itself of its images.

use super::ROOT;
use super::view::{Interfaces, Properties};
use crate::standard::{OBJECT_MANAGER, PROPERTIES};
use zbus::{Connection, ObjectPath};

/// Interfaces have appeared on an object.
pub async fn added(
    connection: &Connection,
    path: &ObjectPath<'_>,
    interfaces: &Interfaces,
) -> zbus::Result<()> {
    let body = (path, interfaces);
    connection.emit_signal(None::<&str>, ROOT, OBJECT_MANAGER, "InterfacesAdded", &body).await
}

/// Interfaces are gone from an object.
pub async fn removed(
    connection: &Connection,
    path: &ObjectPath<'_>,
    interfaces: &[&str],
) -> zbus::Result<()> {
    let body = (path, interfaces);
    connection.emit_signal(None::<&str>, ROOT, OBJECT_MANAGER, "InterfacesRemoved", &body).await
}

/// Properties have changed.
pub async fn changed(
    connection: &Connection,
    path: &ObjectPath<'_>,
    interface: &str,
    properties: &Properties,
) -> zbus::Result<()> {
    let body = (interface, properties, Vec::<&str>::new());
    connection.emit_signal(None::<&str>, path, PROPERTIES, "PropertiesChanged", &body).await
}
