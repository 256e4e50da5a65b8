//! The objects of an image service that are always there.

use super::ROOT;
use super::refusal::Refusal;
use super::view::{Interfaces, Objects};
use std::future::Future;
use update_state::ApplyTime;
use zbus::message::Header;
use zbus::object_server::{ResponseDispatchNotifier, SignalEmitter};
use zbus::{Connection, ObjectPath, OwnedFd, OwnedObjectPath, fdo, interface};

/// Whatever is behind the root's objects.
pub trait Service: Clone + Send + Sync + 'static {
    /// All objects, with what they show.
    fn objects(&self) -> impl Future<Output = Result<Objects, Refusal>> + Send;

    /// Somebody, by this unique name, wants all images removed.
    fn delete_all(&self, caller: String) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Somebody hands over an image, to be applied at the time that the bus says so. The result is the image's object.
    fn start_update(
        &self,
        image: OwnedFd,
        apply_time: String,
    ) -> impl Future<Output = Result<OwnedObjectPath, Refusal>> + Send;

    /// The reply about an image's object is out.
    fn replied(&self, object: &OwnedObjectPath) -> impl Future<Output = ()> + Send;
}

/// The root's objects in one call. zbus has one of its own, which announces each interface by itself; who listens for
/// images wants them complete.
#[derive(Debug)]
pub struct Root<S>(S);

impl<S: Service> Root<S> {
    /// Puts the root's interfaces on the bus.
    pub async fn serve(connection: &Connection, service: &S) -> zbus::Result<()> {
        let server = connection.object_server();
        server.at(ROOT, Self(service.clone())).await?;
        server.at(ROOT, DeleteAll(service.clone())).await?;
        Ok(())
    }
}

#[interface(name = "org.freedesktop.DBus.ObjectManager")]
impl<S: Service> Root<S> {
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

struct DeleteAll<S>(S);

#[interface(name = "xyz.openbmc_project.Collection.DeleteAll")]
impl<S: Service> DeleteAll<S> {
    async fn delete_all(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Refusal> {
        let caller = header.sender().map(ToString::to_string).unwrap_or_default();
        self.0.delete_all(caller).await
    }
}

/// Takes images as descriptors.
#[derive(Debug)]
pub struct Update<S>(pub S);

#[interface(name = "xyz.openbmc_project.Software.Update")]
impl<S: Service> Update<S> {
    async fn start_update(
        &self,
        image: OwnedFd,
        apply_time: String,
    ) -> Result<ResponseDispatchNotifier<OwnedObjectPath>, Refusal> {
        let object = self.0.start_update(image, apply_time).await?;
        let (response, sent) = ResponseDispatchNotifier::new(object.clone());
        let service = self.0.clone();
        tokio::spawn(async move {
            sent.await;
            service.replied(&object).await;
        });
        Ok(response)
    }

    #[zbus(property)]
    fn allowed_apply_times(&self) -> Vec<String> {
        ApplyTime::ALL.map(super::apply_time).to_vec()
    }
}

/// Marks the one object that takes updates for whatever they are.
#[derive(Debug)]
pub struct Multipart;

#[interface(name = "xyz.openbmc_project.Software.MultipartUpdate")]
impl Multipart {}
