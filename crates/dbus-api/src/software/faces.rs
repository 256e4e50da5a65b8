//! The interfaces of objects that have to do with firmware: the values of each, and the face that shows them on the bus.
//!
//! Getters read what is known; nothing is done in them.

use super::refusal::Refusal;
use super::signals::Properties;
use super::{Stage, activation, apply_time, parse_requested_activation, purpose, requested_activation};
use image_format::Purpose;
use std::collections::BTreeSet;
use std::future::Future;
use std::marker::PhantomData;
use tokio::sync::watch;
use zbus::message::Header;
use zbus::names::InterfaceName;
use zbus::object_server::{Interface, ResponseDispatchNotifier};
use zbus::{Connection, ObjectPath, OwnedFd, OwnedObjectPath, Variant, fdo, interface};

/// The values of an interface's properties.
pub trait Values: 'static {
    /// The interface's name on the bus.
    const NAME: &'static str;

    /// The properties, as signals and `GetManagedObjects` say them.
    fn properties(&self) -> Properties;
}

/// Where an object's face has the values of an interface from.
pub trait Source<V>: Send + Sync + 'static {
    /// The present values, for a getter of this property.
    fn values(&self, property: &'static str) -> V;
}

impl<V: Clone + Send + Sync + 'static> Source<V> for watch::Receiver<V> {
    fn values(&self, _property: &'static str) -> V {
        self.borrow().clone()
    }
}

/// Takes wishes for an activation.
pub trait Activates: Send + Sync + 'static {
    /// A client has written `RequestedActivation`. Once this has succeeded, the property is read and told as changed.
    fn request(
        &self,
        wish: update_state::RequestedActivation,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Removes an object.
pub trait Deletes: Send + Sync + 'static {
    /// The client of this unique name wants it removed.
    fn delete(&self, caller: String) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Removes all of a service's objects.
pub trait DeletesAll: Send + Sync + 'static {
    /// The client of this unique name wants all removed that may be.
    fn delete_all(&self, caller: String) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Hears when a client has been told which object an image has.
pub trait Replies: Clone + Send + Sync + 'static {
    /// The reply with this object is out.
    fn replied(&self, object: &OwnedObjectPath) -> impl Future<Output = ()> + Send;
}

/// Takes images.
pub trait Updates: Replies {
    /// A client hands over an image, to be applied at the time that the bus says so. The result is the image's object.
    fn start_update(
        &self,
        image: OwnedFd,
        apply_time: String,
    ) -> impl Future<Output = Result<OwnedObjectPath, Refusal>> + Send;
}

/// Takes images for devices.
pub trait TakesIn: Replies {
    /// The client of the unique name `caller` hands over an image for the device whose object's path is `target`, to be
    /// applied at the time that the bus says so; neither text was looked at. The result is the image's object.
    fn start_update_for(
        &self,
        image: OwnedFd,
        apply_time: String,
        target: String,
        caller: String,
    ) -> impl Future<Output = Result<OwnedObjectPath, Refusal>> + Send;
}

/// How an object is associated with another; the order is that of the bus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Association {
    /// What the other one is to this object.
    pub forward: String,
    /// What this object is to the other one.
    pub reverse: String,
    /// The other one's path.
    pub endpoint: String,
}

/// An interface on the bus, the one with the values `V`.
#[derive(Debug)]
pub struct Face<V, S> {
    source: S,
    values: PhantomData<V>,
}

/// Puts an interface on an object. No signal tells of it.
///
/// An interface that the object has already stays as it is.
pub async fn add<V, S>(connection: &Connection, path: &ObjectPath<'_>, source: S) -> zbus::Result<()>
where
    Face<V, S>: Interface,
{
    let face = Face { source, values: PhantomData::<V> };
    connection.object_server().at(path, face).await.map(drop)
}

/// Takes an interface, by its name on the bus, off an object. No signal tells of it.
///
/// Errors: [`zbus::Error::InterfaceNotFound`] when the object does not have it.
pub async fn remove(
    connection: &Connection,
    path: &ObjectPath<'_>,
    interface: &'static str,
) -> zbus::Result<()> {
    // A name that is wrong is one that no object has.
    let name = InterfaceName::from_static_str_unchecked(interface);
    connection.object_server().remove_named(path, name).await.map(drop)
}

/// The caller's unique name.
fn caller(header: &Header<'_>) -> String {
    header.sender().map(ToString::to_string).unwrap_or_default()
}

/// The reply with an image's object; the service hears when it is out.
fn reply<R: Replies>(service: &R, object: OwnedObjectPath) -> ResponseDispatchNotifier<OwnedObjectPath> {
    let (response, sent) = ResponseDispatchNotifier::new(object.clone());
    let service = service.clone();
    tokio::spawn(async move {
        sent.await;
        service.replied(&object).await;
    });
    response
}

/// Defines an interface: its name, what a source of it can do, and its properties, whose names stand here alone: zbus takes
/// them for its getters, and [`Values::properties`] has the same. What else the interface has follows.
macro_rules! face {
    (
        $(#[$doc:meta])*
        $values:ident is $constant:ident, $name:tt $(from $($ability:path),+)? {
            $(
                $(#[$property_doc:meta])*
                $property:ident is $field:ident: $type:ty => $shown:ty = $show:expr,
            )*
        }
        $($others:tt)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $values {
            $(
                $(#[$property_doc])*
                pub $field: $type,
            )*
        }

        impl Values for $values {
            const NAME: &'static str = super::$constant;

            fn properties(&self) -> Properties {
                Properties::from([$({
                    let show: fn(&$type) -> $shown = $show;
                    (stringify!($property), Variant::from(show(&self.$field)))
                }),*])
            }
        }

        #[interface(name = $name)]
        #[allow(non_snake_case, reason = "getters are called as their properties are")]
        impl<S> Face<$values, S>
        where
            S: $($($ability +)+)? Send + Sync + 'static,
        {
            $(
                #[zbus(property)]
                fn $property(&self) -> $shown {
                    let values: $values = self.source.values(stringify!($property));
                    let show: fn(&$type) -> $shown = $show;
                    show(&values.$field)
                }
            )*

            $($others)*
        }
    };
}

face! {
    /// Which firmware it is.
    Version is VERSION, "xyz.openbmc_project.Software.Version" from Source<Version> {
        /// As its makers write it.
        Version is version: String => String = String::clone,
        /// What it is for.
        Purpose is purpose: Purpose => String = |value| purpose(*value),
    }
}

face! {
    /// More of the version.
    ExtendedVersion is EXTENDED_VERSION, "xyz.openbmc_project.Software.ExtendedVersion"
    from Source<ExtendedVersion> {
        /// As its makers write it.
        ExtendedVersion is extended_version: String => String = String::clone,
    }
}

face! {
    /// Where an image's files are.
    FilePath is FILE_PATH, "xyz.openbmc_project.Common.FilePath" from Source<FilePath> {
        /// Their folder.
        Path is path: String => String = String::clone,
    }
}

face! {
    /// What an image fits, or what a device is.
    Compatible is COMPATIBLE, "xyz.openbmc_project.Inventory.Decorator.Compatible" from Source<Compatible> {
        /// Names, as the MANIFEST of the image or the configuration of the device has them.
        Names is names: Vec<String> => Vec<String> = Vec::clone,
    }
}

face! {
    /// How far an image is, and what is asked of it.
    Activation is ACTIVATION, "xyz.openbmc_project.Software.Activation" from Source<Activation>, Activates {
        /// How far it is.
        Activation is activation: update_state::Activation => String = |value| activation(*value),
        /// What was asked of it last; clients write it.
        RequestedActivation is requested_activation: update_state::RequestedActivation => String =
            |value| requested_activation(*value),
    }

    #[zbus(property)]
    async fn set_requested_activation(&self, value: String) -> zbus::Result<()> {
        let wish = parse_requested_activation(&value)
            .ok_or(Refusal::InvalidArgument { name: "RequestedActivation", value })
            .map_err(fdo::Error::from)?;
        self.source.request(wish).await.map_err(|refusal| fdo::Error::from(refusal).into())
    }
}

face! {
    /// How much of an activation is done.
    ActivationProgress is ACTIVATION_PROGRESS, "xyz.openbmc_project.Software.ActivationProgress"
    from Source<ActivationProgress> {
        /// Percent.
        Progress is progress: u8 => u8 = |value| *value,
    }
}

face! {
    /// Marks an object during whose activation the BMC must not be reset.
    ActivationBlocksTransition is ACTIVATION_BLOCKS_TRANSITION,
    "xyz.openbmc_project.Software.ActivationBlocksTransition" {}
}

face! {
    /// When an image is to be applied.
    ApplyTime is APPLY_TIME, "xyz.openbmc_project.Software.ApplyTime" from Source<ApplyTime> {
        /// The time that was asked for.
        RequestedApplyTime is requested_apply_time: update_state::ApplyTime => String =
            |value| apply_time(*value),
    }
}

face! {
    /// How an object is associated with others.
    Associations is ASSOCIATIONS, "xyz.openbmc_project.Association.Definitions" from Source<Associations> {
        /// All of them.
        Associations is associations: BTreeSet<Association> => Vec<(String, String, String)> = triples,
    }
}

fn triples(associations: &BTreeSet<Association>) -> Vec<(String, String, String)> {
    let triple = |Association { forward, reverse, endpoint }| (forward, reverse, endpoint);
    associations.iter().cloned().map(triple).collect()
}

face! {
    /// An object's removal.
    Delete is DELETE, "xyz.openbmc_project.Object.Delete" from Deletes {}

    async fn delete(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Refusal> {
        self.source.delete(caller(&header)).await
    }
}

face! {
    /// The removal of all that a service may remove.
    DeleteAll is DELETE_ALL, "xyz.openbmc_project.Collection.DeleteAll" from DeletesAll {}

    async fn delete_all(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Refusal> {
        self.source.delete_all(caller(&header)).await
    }
}

face! {
    /// An object that takes images.
    Update is UPDATE, "xyz.openbmc_project.Software.Update" from Source<Update>, Updates {
        /// When images may be applied there.
        AllowedApplyTimes is allowed_apply_times: Vec<update_state::ApplyTime> => Vec<String> =
            |times| times.iter().copied().map(apply_time).collect(),
    }

    async fn start_update(
        &self,
        image: OwnedFd,
        apply_time: String,
    ) -> Result<ResponseDispatchNotifier<OwnedObjectPath>, Refusal> {
        let object = self.source.start_update(image, apply_time).await?;
        Ok(reply(&self.source, object))
    }
}

face! {
    /// Marks the one object that takes updates for all devices.
    MultipartUpdate is MULTIPART_UPDATE, "xyz.openbmc_project.Software.MultipartUpdate" {}
}

face! {
    /// What is going on with an image.
    Image is IMAGE, "io.vivianite.Software.Image1" from Source<Image> {
        /// In a word or two.
        Stage is stage: Stage => String = Stage::to_string,
        /// How much of it was taken in, percent.
        Progress is progress: u8 => u8 = |value| *value,
        /// Why it ended as it did, or which service it was handed on to; empty otherwise.
        Reason is reason: String => String = String::clone,
        /// Path of the object of the device that it is for; empty for none.
        Target is target: String => String = String::clone,
        /// Fingerprint of the machine's key that has vouched for it, SHA-256 in hexadecimal; empty when it is not signed.
        Signer is signer: String => String = String::clone,
    }
}

face! {
    /// An object that takes images for devices.
    Intake is INTAKE, "io.vivianite.Software.Intake1" from TakesIn {}

    async fn start_update(
        &self,
        image: OwnedFd,
        apply_time: String,
        target: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<ResponseDispatchNotifier<OwnedObjectPath>, Refusal> {
        let object = self.source.start_update_for(image, apply_time, target, caller(&header)).await?;
        Ok(reply(&self.source, object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Described;

    impl<V> Source<V> for Described {
        fn values(&self, _property: &'static str) -> V {
            unreachable!("a description shows no values")
        }
    }

    impl Activates for Described {
        async fn request(&self, _wish: update_state::RequestedActivation) -> Result<(), Refusal> {
            Ok(())
        }
    }

    impl Deletes for Described {
        async fn delete(&self, _caller: String) -> Result<(), Refusal> {
            Ok(())
        }
    }

    impl DeletesAll for Described {
        async fn delete_all(&self, _caller: String) -> Result<(), Refusal> {
            Ok(())
        }
    }

    impl Replies for Described {
        async fn replied(&self, _object: &OwnedObjectPath) {}
    }

    impl Updates for Described {
        async fn start_update(&self, _image: OwnedFd, _time: String) -> Result<OwnedObjectPath, Refusal> {
            Ok(OwnedObjectPath::default())
        }
    }

    impl TakesIn for Described {
        async fn start_update_for(
            &self,
            _image: OwnedFd,
            _apply_time: String,
            _target: String,
            _caller: String,
        ) -> Result<OwnedObjectPath, Refusal> {
            Ok(OwnedObjectPath::default())
        }
    }

    /// What is between the quotes after `name="`.
    fn attribute<'a>(text: &'a str, name: &str) -> &'a str {
        text.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap()
    }

    fn check<V: Values>(values: &V)
    where
        Face<V, Described>: Interface,
    {
        assert_eq!(Face::<V, Described>::name().as_str(), V::NAME);
        let mut text = String::new();
        Face { source: Described, values: PhantomData::<V> }.introspect_to_writer(&mut text, 0);
        let properties = text.split("<property ").skip(1);
        let served: BTreeSet<_> = properties
            .map(|text| (attribute(text, "name").to_owned(), attribute(text, "type").to_owned()))
            .collect();
        let said = values.properties();
        let said = said.iter().map(|(name, value)| (name.to_string(), value.value_signature().to_string()));
        assert_eq!(served, said.collect(), "{}", V::NAME);
    }

    #[test]
    fn what_is_served_and_what_signals_say_have_the_same_names_and_types() {
        let text = || "x".to_owned();
        check(&Version { version: text(), purpose: Purpose::Bmc });
        check(&ExtendedVersion { extended_version: text() });
        check(&FilePath { path: text() });
        check(&Compatible { names: vec![text()] });
        check(&Activation {
            activation: update_state::Activation::Ready,
            requested_activation: update_state::RequestedActivation::None,
        });
        check(&ActivationProgress { progress: 40 });
        check(&ActivationBlocksTransition {});
        check(&ApplyTime { requested_apply_time: update_state::ApplyTime::OnReset });
        check(&Associations { associations: BTreeSet::new() });
        check(&Delete {});
        check(&DeleteAll {});
        check(&Update { allowed_apply_times: vec![update_state::ApplyTime::OnReset] });
        check(&MultipartUpdate {});
        check(&Image { stage: Stage::Done, progress: 100, reason: text(), target: text(), signer: text() });
        check(&Intake {});
    }
}
