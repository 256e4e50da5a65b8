//! The interfaces of an image's object. Getters read what is known; nothing is done here.

use super::parse_requested_activation;
use super::refusal::Refusal;
use super::view::{Interface, View};
use std::future::Future;
use update_state::RequestedActivation;
use zbus::message::Header;
use zbus::{Connection, ObjectPath, fdo, interface};

/// Whatever is behind an image's object.
pub trait Image: Clone + Send + Sync + 'static {
    /// What is shown.
    fn view(&self) -> View;

    /// Somebody has read the activation.
    fn was_read(&self);

    /// Somebody asks for something.
    fn request(&self, wish: RequestedActivation) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Somebody, by this unique name, wants it removed.
    fn delete(&self, caller: String) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Puts an interface on an image's object. Nobody is told.
pub async fn add<I: Image>(
    connection: &Connection,
    path: &ObjectPath<'_>,
    image: I,
    interface: Interface,
) -> zbus::Result<()> {
    let server = connection.object_server();
    match interface {
        Interface::Version => server.at(path, Version(image)).await.map(drop),
        Interface::ExtendedVersion => server.at(path, ExtendedVersion(image)).await.map(drop),
        Interface::FilePath => server.at(path, FilePath(image)).await.map(drop),
        Interface::Compatible => server.at(path, Compatible(image)).await.map(drop),
        Interface::Delete => server.at(path, Delete(image)).await.map(drop),
        Interface::Activation => server.at(path, ActivationFace(image)).await.map(drop),
        Interface::ActivationProgress => server.at(path, ActivationProgress).await.map(drop),
        Interface::ApplyTime => server.at(path, ApplyTimeFace(image)).await.map(drop),
        Interface::Image => server.at(path, ImageFace(image)).await.map(drop),
    }
}

/// Takes an interface off an image's object. Nobody is told.
pub async fn remove<I: Image>(
    connection: &Connection,
    path: &ObjectPath<'_>,
    interface: Interface,
) -> zbus::Result<()> {
    let server = connection.object_server();
    let removed = match interface {
        Interface::Version => server.remove::<Version<I>, _>(path).await,
        Interface::ExtendedVersion => server.remove::<ExtendedVersion<I>, _>(path).await,
        Interface::FilePath => server.remove::<FilePath<I>, _>(path).await,
        Interface::Compatible => server.remove::<Compatible<I>, _>(path).await,
        Interface::Delete => server.remove::<Delete<I>, _>(path).await,
        Interface::Activation => server.remove::<ActivationFace<I>, _>(path).await,
        Interface::ActivationProgress => server.remove::<ActivationProgress, _>(path).await,
        Interface::ApplyTime => server.remove::<ApplyTimeFace<I>, _>(path).await,
        Interface::Image => server.remove::<ImageFace<I>, _>(path).await,
    };
    removed.map(drop)
}

struct Version<I>(I);

#[interface(name = "xyz.openbmc_project.Software.Version")]
impl<I: Image> Version<I> {
    #[zbus(property)]
    fn version(&self) -> String {
        self.0.view().version
    }

    #[zbus(property)]
    fn purpose(&self) -> String {
        self.0.view().purpose()
    }
}

struct ExtendedVersion<I>(I);

#[interface(name = "xyz.openbmc_project.Software.ExtendedVersion")]
impl<I: Image> ExtendedVersion<I> {
    #[zbus(property)]
    fn extended_version(&self) -> String {
        self.0.view().extended_version
    }
}

struct FilePath<I>(I);

#[interface(name = "xyz.openbmc_project.Common.FilePath")]
impl<I: Image> FilePath<I> {
    #[zbus(property)]
    fn path(&self) -> String {
        self.0.view().path
    }
}

struct Compatible<I>(I);

#[interface(name = "xyz.openbmc_project.Inventory.Decorator.Compatible")]
impl<I: Image> Compatible<I> {
    #[zbus(property)]
    fn names(&self) -> Vec<String> {
        self.0.view().compatible
    }
}

struct Delete<I>(I);

#[interface(name = "xyz.openbmc_project.Object.Delete")]
impl<I: Image> Delete<I> {
    async fn delete(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Refusal> {
        let caller = header.sender().map(ToString::to_string).unwrap_or_default();
        self.0.delete(caller).await
    }
}

struct ActivationFace<I>(I);

#[interface(name = "xyz.openbmc_project.Software.Activation")]
impl<I: Image> ActivationFace<I> {
    #[zbus(property)]
    fn activation(&self) -> String {
        self.0.was_read();
        self.0.view().activation()
    }

    #[zbus(property)]
    fn requested_activation(&self) -> String {
        self.0.view().requested()
    }

    #[zbus(property)]
    async fn set_requested_activation(&self, value: String) -> zbus::Result<()> {
        let wish = parse_requested_activation(&value)
            .ok_or(Refusal::InvalidArgument { name: "RequestedActivation", value })
            .map_err(fdo::Error::from)?;
        self.0.request(wish).await.map_err(|refusal| fdo::Error::from(refusal).into())
    }
}

struct ActivationProgress;

#[interface(name = "xyz.openbmc_project.Software.ActivationProgress")]
impl ActivationProgress {
    #[zbus(property)]
    fn progress(&self) -> u8 {
        0
    }
}

struct ApplyTimeFace<I>(I);

#[interface(name = "xyz.openbmc_project.Software.ApplyTime")]
impl<I: Image> ApplyTimeFace<I> {
    #[zbus(property)]
    fn requested_apply_time(&self) -> String {
        self.0.view().apply_time()
    }
}

struct ImageFace<I>(I);

#[interface(name = "io.vivianite.Software.Image1")]
impl<I: Image> ImageFace<I> {
    #[zbus(property)]
    fn stage(&self) -> String {
        self.0.view().stage.to_string()
    }

    #[zbus(property)]
    fn progress(&self) -> u8 {
        self.0.view().progress
    }

    #[zbus(property)]
    fn reason(&self) -> String {
        self.0.view().reason
    }
}
