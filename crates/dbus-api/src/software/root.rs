//! The object manager of a service of firmware.

use super::ROOT;
use super::refusal::Refusal;
use super::signals::{Interfaces, Objects};
use std::future::Future;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, ObjectPath, fdo, interface};

/// Knows all objects of a service.
pub trait Lists: Send + Sync + 'static {
    /// All objects, with what they show.
    fn objects(&self) -> impl Future<Output = Result<Objects, Refusal>> + Send;
}

/// All objects in one call. zbus has an object manager of its own, which announces each interface by itself; those who listen
/// for images want them complete.
#[derive(Debug)]
pub struct Root<L>(L);

impl<L: Lists> Root<L> {
    /// Puts the object manager on the bus, at the root.
    pub async fn serve(connection: &Connection, list: L) -> zbus::Result<()> {
        connection.object_server().at(ROOT, Self(list)).await.map(drop)
    }
}

#[interface(name = "org.freedesktop.DBus.ObjectManager")]
impl<L: Lists> Root<L> {
    async fn get_managed_objects(&self) -> fdo::Result<Objects> {
        self.0.objects().await.map_err(fdo::Error::from)
    }

    #[zbus(signal)]
    async fn interfaces_added(
        emitter: &SignalEmitter<'_>,
        object_path: ObjectPath<'_>,
        interfaces_and_properties: Interfaces,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn interfaces_removed(
        emitter: &SignalEmitter<'_>,
        object_path: ObjectPath<'_>,
        interfaces: Vec<&str>,
    ) -> zbus::Result<()>;
}
