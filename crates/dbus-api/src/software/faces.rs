//! The interfaces of an image's object. Getters read what is known; nothing is done here.

use super::parse_requested_activation;
use super::refusal::Refusal;
use super::view::{Interface, Properties, View};
use std::future::Future;
use update_state::RequestedActivation;
use zbus::message::Header;
use zbus::{Connection, ObjectPath, Variant, fdo, interface};

/// Whatever is behind an image's object.
pub trait Image: Clone + Send + Sync + 'static {
    /// What is shown, for a getter of this property.
    fn view(&self, interface: Interface, property: &'static str) -> View;

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
        Interface::Activation => server.at(path, Activation(image)).await.map(drop),
        Interface::ActivationProgress => server.at(path, ActivationProgress(image)).await.map(drop),
        Interface::ApplyTime => server.at(path, ApplyTime(image)).await.map(drop),
        Interface::Image => server.at(path, ImageState(image)).await.map(drop),
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
        Interface::Activation => server.remove::<Activation<I>, _>(path).await,
        Interface::ActivationProgress => server.remove::<ActivationProgress<I>, _>(path).await,
        Interface::ApplyTime => server.remove::<ApplyTime<I>, _>(path).await,
        Interface::Image => server.remove::<ImageState<I>, _>(path).await,
    };
    removed.map(drop)
}

/// The properties of an interface, as signals and `GetManagedObjects` say them.
pub fn properties(interface: Interface, view: &View) -> Properties {
    match interface {
        Interface::Version => Version::<()>::properties(view),
        Interface::ExtendedVersion => ExtendedVersion::<()>::properties(view),
        Interface::FilePath => FilePath::<()>::properties(view),
        Interface::Compatible => Compatible::<()>::properties(view),
        Interface::Delete => Delete::<()>::properties(view),
        Interface::Activation => Activation::<()>::properties(view),
        Interface::ActivationProgress => ActivationProgress::<()>::properties(view),
        Interface::ApplyTime => ApplyTime::<()>::properties(view),
        Interface::Image => ImageState::<()>::properties(view),
    }
}

/// Defines an interface by its properties, whose names stand here alone: zbus takes them for its getters, and the map of
/// [`properties`] has the same. What else the interface has follows in a block of its own.
macro_rules! face {
    (
        $face:ident shows $interface:ident as $name:tt {
            $($property:ident: $type:ty = $value:expr),* $(,)?
        }
        $($others:tt)*
    ) => {
        struct $face<I>(I);

        #[interface(name = $name)]
        #[allow(non_snake_case, reason = "getters are called as their properties are")]
        impl<I: Image> $face<I> {
            $(
                #[zbus(property)]
                fn $property(&self) -> $type {
                    let value: fn(&View) -> $type = $value;
                    value(&self.0.view(Interface::$interface, stringify!($property)))
                }
            )*

            $($others)*
        }

        impl<I> $face<I> {
            fn properties(_view: &View) -> Properties {
                Properties::from([$({
                    let value: fn(&View) -> $type = $value;
                    (stringify!($property), Variant::from(value(_view)))
                }),*])
            }
        }
    };
}

face! {
    Version shows Version as "xyz.openbmc_project.Software.Version" {
        Version: String = |view| view.version.clone(),
        Purpose: String = View::purpose,
    }
}

face! {
    ExtendedVersion shows ExtendedVersion as "xyz.openbmc_project.Software.ExtendedVersion" {
        ExtendedVersion: String = |view| view.extended_version.clone(),
    }
}

face! {
    FilePath shows FilePath as "xyz.openbmc_project.Common.FilePath" {
        Path: String = |view| view.path.clone(),
    }
}

face! {
    Compatible shows Compatible as "xyz.openbmc_project.Inventory.Decorator.Compatible" {
        Names: Vec<String> = |view| view.compatible.clone(),
    }
}

face! {
    Delete shows Delete as "xyz.openbmc_project.Object.Delete" {}

    async fn delete(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Refusal> {
        let caller = header.sender().map(ToString::to_string).unwrap_or_default();
        self.0.delete(caller).await
    }
}

face! {
    Activation shows Activation as "xyz.openbmc_project.Software.Activation" {
        Activation: String = View::activation,
        RequestedActivation: String = View::requested,
    }

    #[zbus(property)]
    async fn set_requested_activation(&self, value: String) -> zbus::Result<()> {
        let wish = parse_requested_activation(&value)
            .ok_or(Refusal::InvalidArgument { name: "RequestedActivation", value })
            .map_err(fdo::Error::from)?;
        self.0.request(wish).await.map_err(|refusal| fdo::Error::from(refusal).into())
    }
}

face! {
    // It counts for nothing but that something goes on: installers count for themselves.
    ActivationProgress shows ActivationProgress as "xyz.openbmc_project.Software.ActivationProgress" {
        Progress: u8 = |_| 0,
    }
}

face! {
    ApplyTime shows ApplyTime as "xyz.openbmc_project.Software.ApplyTime" {
        RequestedApplyTime: String = View::apply_time,
    }
}

face! {
    ImageState shows Image as "io.vivianite.Software.Image1" {
        Stage: String = |view| view.stage.to_string(),
        Progress: u8 = |view| view.progress,
        Reason: String = |view| view.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use zbus::object_server::Interface as Served;

    #[derive(Clone)]
    struct Shown;

    impl Image for Shown {
        fn view(&self, _interface: Interface, _property: &'static str) -> View {
            View::default()
        }

        async fn request(&self, _wish: RequestedActivation) -> Result<(), Refusal> {
            Ok(())
        }

        async fn delete(&self, _caller: String) -> Result<(), Refusal> {
            Ok(())
        }
    }

    fn check<S: Served>(served: S, interface: Interface) {
        assert_eq!(S::name().as_str(), interface.name());
        let mut text = String::new();
        served.introspect_to_writer(&mut text, 0);
        let after = text.split("<property name=\"").skip(1);
        let served: BTreeSet<&str> = after.map(|rest| rest.split('"').next().unwrap()).collect();
        let said = properties(interface, &View::default());
        assert_eq!(served, said.keys().copied().collect(), "{interface:?}");
    }

    #[test]
    fn what_is_served_and_what_signals_say_have_the_same_names() {
        check(Version(Shown), Interface::Version);
        check(ExtendedVersion(Shown), Interface::ExtendedVersion);
        check(FilePath(Shown), Interface::FilePath);
        check(Compatible(Shown), Interface::Compatible);
        check(Delete(Shown), Interface::Delete);
        check(Activation(Shown), Interface::Activation);
        check(ActivationProgress(Shown), Interface::ActivationProgress);
        check(ApplyTime(Shown), Interface::ApplyTime);
        check(ImageState(Shown), Interface::Image);
    }
}
