//! What objects show, and an image's in which interfaces.

use crate::dbus::ImageFace;
use dbus_api::software::Stage;
use dbus_api::software::faces::{self, Values as _};
use dbus_api::software::signals::Properties;
use image_format::Purpose;
use update_state::{Activation, ApplyTime, RequestedActivation};
use zbus::{Connection, ObjectPath};

/// What is known of an image, as the bus shows it.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Its purpose.
    pub purpose: Option<Purpose>,
    /// Its version.
    pub version: String,
    /// Its extended version.
    pub extended_version: String,
    /// Its folder.
    pub path: String,
    /// What it fits.
    pub compatible: Vec<String>,
    /// Its activation.
    pub activation: Option<Activation>,
    /// What was asked of it.
    pub requested: Option<RequestedActivation>,
    /// When it is to be applied.
    pub apply_time: Option<ApplyTime>,
    /// What is going on, in a word or two.
    pub stage: Stage,
    /// How much of it was taken in, percent.
    pub progress: u8,
    /// How much of it another service has installed that has it, percent.
    pub installed: u8,
    /// Why it ended as it did, or which service it was handed on to; empty otherwise.
    pub reason: String,
    /// Path of the object that it is for; empty where it is for whatever fits.
    pub target: String,
    /// Fingerprint of the key that has vouched for it; empty when it is not signed.
    pub signer: String,
}

/// Defines the interfaces that an image's object may have, each by the values that are taken from its view.
macro_rules! interfaces {
    (
        $(
            $(#[$doc:meta])*
            $interface:ident of $view:ident $(by $source:ident)? {
                $($field:ident: $value:expr),* $(,)?
            }
        )*
    ) => {
        /// An interface that an image's object may have.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Interface {
            $($(#[$doc])* $interface),*
        }

        impl Interface {
            /// Its name on the bus.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$interface => faces::$interface::NAME),*
                }
            }

            /// Puts it on an image's object. No signal tells of it.
            pub async fn add(
                self,
                connection: &Connection,
                path: &ObjectPath<'_>,
                face: ImageFace,
            ) -> zbus::Result<()> {
                match self {
                    $(Self::$interface => faces::add::<faces::$interface, _>(connection, path, face$(.$source())?).await),*
                }
            }
        }

        impl View {
            /// The properties of an interface, as signals and `GetManagedObjects` say them.
            pub fn properties(&self, interface: Interface) -> Properties {
                match interface {
                    $(Interface::$interface => faces::$interface::from(self).properties()),*
                }
            }
        }

        $(
            impl From<&View> for faces::$interface {
                fn from($view: &View) -> Self {
                    Self { $($field: $value),* }
                }
            }
        )*
    };
}

interfaces! {
    /// Version and purpose.
    Version of view {
        version: view.version.clone(),
        purpose: view.purpose.unwrap_or(Purpose::Unknown),
    }
    /// More of the version.
    ExtendedVersion of view { extended_version: view.extended_version.clone() }
    /// Where the files are.
    FilePath of view { path: view.path.clone() }
    /// What it fits.
    Compatible of view { names: view.compatible.clone() }
    /// Its removal.
    Delete of _view {}
    /// Its activation, as long as that is ours.
    Activation of view {
        activation: view.activation.unwrap_or(Activation::NotReady),
        requested_activation: view.requested.unwrap_or(RequestedActivation::None),
    }
    /// That another image may be handed over to the same object.
    Update of _view by updater { allowed_apply_times: ApplyTime::ALL.to_vec() }
    /// That it goes on, and how much another service has installed that has it; installers count for themselves.
    ActivationProgress of view { progress: view.installed }
    /// When it is to be applied.
    ApplyTime of view { requested_apply_time: view.apply_time.unwrap_or(ApplyTime::OnActivationRequest) }
    /// What is going on with it.
    Image of view {
        stage: view.stage,
        progress: view.progress,
        reason: view.reason.clone(),
        target: view.target.clone(),
        signer: view.signer.clone(),
    }
}

impl Interface {
    /// What the one complete announcement of an image holds.
    pub const ANNOUNCED: [Self; 6] =
        [Self::Version, Self::ExtendedVersion, Self::FilePath, Self::Compatible, Self::Delete, Self::Update];
}

/// What the object shows that takes images.
pub fn update() -> faces::Update {
    faces::Update { allowed_apply_times: ApplyTime::ALL.to_vec() }
}
