//! What a service says by itself of its objects.

use super::ROOT;
use crate::standard::{OBJECT_MANAGER, PROPERTIES};
use std::collections::{BTreeMap, HashMap};
use zbus::{Connection, ObjectPath, OwnedObjectPath, Variant};

/// Properties by name, `a{sv}`.
pub type Properties = BTreeMap<&'static str, Variant<'static>>;
/// Interfaces with their properties, `a{sa{sv}}`.
pub type Interfaces = BTreeMap<&'static str, Properties>;
/// Objects with their interfaces, `a{oa{sa{sv}}}`.
pub type Objects = HashMap<OwnedObjectPath, Interfaces>;

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
