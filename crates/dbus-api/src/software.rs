//! `xyz.openbmc_project.Software.*`: firmware images and what becomes of them.
//!
//! Source: openbmc/phosphor-dbus-interfaces `yaml/xyz/openbmc_project/Software/*`, `Association/Definitions`,
//! `Common/FilePath`, `Object/Delete`, `Collection/DeleteAll`, `Inventory/Decorator/Compatible`, `Control/FieldMode`.

use crate::inventory::ASSOCIATION_DEFINITIONS;
use crate::words::words;
use image_format::Purpose;
use update_state::{Activation, ApplyTime, RequestedActivation};

pub mod announcement;
#[cfg(feature = "service")]
pub mod faces;
pub mod refusal;
pub mod requests;
#[cfg(feature = "service")]
pub mod root;
pub mod signals;

/// The object below which all images lie, and where the object manager is.
pub const ROOT: &str = "/xyz/openbmc_project/software";
/// What names of services that have to do with firmware begin with.
pub const NAMESPACE: &str = "xyz.openbmc_project.Software";
/// The service of uploaded images, not installed yet.
pub const IMAGE_MANAGER: &str = "xyz.openbmc_project.Software.Version";
/// The service that takes images for the BMC: clients call this name, whichever program owns it.
pub const SOFTWARE_MANAGER: &str = "xyz.openbmc_project.Software.Manager";
/// The object of the BMC's firmware, at the service that takes images for the BMC.
pub const BMC_OBJECT: &str = "/xyz/openbmc_project/software/bmc";
/// Where the object mapper says which objects take images for the BMC.
pub const BMC_UPDATEABLE: &str = "/xyz/openbmc_project/software/bmc/updateable";
/// The same for the host.
pub const BIOS_UPDATEABLE: &str = "/xyz/openbmc_project/software/bios/updateable";

/// `Version` (s), `Purpose` (s).
pub const VERSION: &str = "xyz.openbmc_project.Software.Version";
/// `ExtendedVersion` (s).
pub const EXTENDED_VERSION: &str = "xyz.openbmc_project.Software.ExtendedVersion";
/// `Path` (s): where an image's files are.
pub const FILE_PATH: &str = "xyz.openbmc_project.Common.FilePath";
/// `Names` (as): what an image is compatible with.
pub const COMPATIBLE: &str = "xyz.openbmc_project.Inventory.Decorator.Compatible";
/// `Delete()`.
pub const DELETE: &str = "xyz.openbmc_project.Object.Delete";
/// `DeleteAll()`.
pub const DELETE_ALL: &str = "xyz.openbmc_project.Collection.DeleteAll";
/// `Activation` (s), `RequestedActivation` (s).
pub const ACTIVATION: &str = "xyz.openbmc_project.Software.Activation";
/// `Progress` (y), percent.
pub const ACTIVATION_PROGRESS: &str = "xyz.openbmc_project.Software.ActivationProgress";
/// Marks an object during whose activation the BMC must not be reset.
pub const ACTIVATION_BLOCKS_TRANSITION: &str = "xyz.openbmc_project.Software.ActivationBlocksTransition";
/// The object of the system's settings that has [`APPLY_TIME`].
pub const APPLY_TIME_OBJECT: &str = "/xyz/openbmc_project/software/apply_time";
/// `RequestedApplyTime` (s).
pub const APPLY_TIME: &str = "xyz.openbmc_project.Software.ApplyTime";
/// `Associations` (a(sss)): forward type, reverse type, endpoint; of an image or a device, as of an inventory's object.
pub const ASSOCIATIONS: &str = ASSOCIATION_DEFINITIONS;
/// What an object that takes images is to [`BMC_OBJECT`]; there, the object mapper says which these are.
pub const UPDATEABLE: &str = "updateable";
/// What [`BMC_OBJECT`] is to an object that takes images.
pub const SOFTWARE_VERSION: &str = "software_version";
/// `StartUpdate(hs) → o`, `AllowedApplyTimes` (as).
pub const UPDATE: &str = "xyz.openbmc_project.Software.Update";
/// The method of [`UPDATE`] and of [`INTAKE`].
pub const START_UPDATE: &str = "StartUpdate";
/// Marks the one object that takes updates for whatever they are.
pub const MULTIPART_UPDATE: &str = "xyz.openbmc_project.Software.MultipartUpdate";
/// `FieldModeEnabled` (b).
pub const FIELD_MODE: &str = "xyz.openbmc_project.Control.FieldMode";
/// Ours: `Stage` (s), `Progress` (y), `Reason` (s), `Target` (s), `Signer` (s); what is going on with an image, why it ended
/// as it did, which device it is for, and whose key has vouched for it.
pub const IMAGE: &str = "io.vivianite.Software.Image1";
/// Ours, at the [`ROOT`]: `StartUpdate(hss) → o`; an image for one device: the archive, when it is to be applied, as in
/// [`UPDATE`], and the device's object.
pub const INTAKE: &str = "io.vivianite.Software.Intake1";

words! {
    /// What is going on with an image: the words of [`IMAGE`]'s `Stage`.
    #[derive(Default)]
    Stage {
        /// Nothing was said yet.
        #[default]
        Nothing = "",
        /// Others are taken in before it.
        Queued = "queued",
        /// It is read, unpacked and checked.
        Unpacking = "unpacking",
        /// It has passed every check.
        Checked = "checked",
        /// No service has come that installs it.
        Waiting = "waiting for an installer",
        /// A service has claimed it, and installs another image at the same place.
        Turn = "waiting for its turn",
        /// A service installs it, or is about to.
        Installer = "with its installer",
        /// Another service, which takes such images itself, has got it from this one.
        HandedOn = "handed on",
        /// The service that was to install it has said that it will not.
        Refused = "refused by its installer",
        /// It was not taken in, or not installed.
        Failed = "failed",
        /// It was installed.
        Done = "done",
    }
}

const PURPOSES: &str = "xyz.openbmc_project.Software.Version.VersionPurpose.";
const ACTIVATIONS: &str = "xyz.openbmc_project.Software.Activation.Activations.";
const REQUESTED_ACTIVATIONS: &str = "xyz.openbmc_project.Software.Activation.RequestedActivations.";
const APPLY_TIMES: &str = "xyz.openbmc_project.Software.ApplyTime.RequestedApplyTimes.";

/// A purpose as the bus says it.
pub fn purpose(purpose: Purpose) -> String {
    format!("{PURPOSES}{}", purpose.word())
}

/// A state as the bus says it.
pub fn activation(state: Activation) -> String {
    format!("{ACTIVATIONS}{}", state.word())
}

/// The state that the bus says.
pub fn parse_activation(text: &str) -> Option<Activation> {
    Activation::from_word(text.strip_prefix(ACTIVATIONS)?)
}

/// A wish as the bus says it.
pub fn requested_activation(wish: RequestedActivation) -> String {
    format!("{REQUESTED_ACTIVATIONS}{}", wish.word())
}

/// The wish that the bus says.
pub fn parse_requested_activation(text: &str) -> Option<RequestedActivation> {
    RequestedActivation::from_word(text.strip_prefix(REQUESTED_ACTIVATIONS)?)
}

/// A time of application as the bus says it.
pub fn apply_time(time: ApplyTime) -> String {
    format!("{APPLY_TIMES}{}", time.word())
}

/// The time of application that the bus says.
pub fn parse_apply_time(text: &str) -> Option<ApplyTime> {
    ApplyTime::from_word(text.strip_prefix(APPLY_TIMES)?)
}

/// Errors that a reply may carry.
pub mod error {
    /// The image cannot be read, or is none.
    pub const INVALID_IMAGE: &str = "xyz.openbmc_project.Software.Update.Error.InvalidImage";
    pub use crate::standard::error::{
        OPENBMC_NOT_ALLOWED as NOT_ALLOWED, OPENBMC_UNAVAILABLE as UNAVAILABLE,
    };
}

/// Ids of entries in the event log.
pub mod event {
    /// The upload is no archive, or a bad one.
    pub const UN_TAR_FAILURE: &str = "xyz.openbmc_project.Software.Image.Error.UnTarFailure";
    /// The manifest is missing or wrong.
    pub const MANIFEST_FILE_FAILURE: &str = "xyz.openbmc_project.Software.Image.Error.ManifestFileFailure";
    /// Something else is wrong with the image.
    pub const IMAGE_FAILURE: &str = "xyz.openbmc_project.Software.Image.Error.ImageFailure";
    /// There is no room.
    pub const BUSY_FAILURE: &str = "xyz.openbmc_project.Software.Image.Error.BusyFailure";
    /// The machine failed.
    pub const INTERNAL_FAILURE: &str = "xyz.openbmc_project.Software.Image.Error.InternalFailure";
    /// A signature is missing or wrong.
    pub const INVALID_SIGNATURE: &str = "xyz.openbmc_project.Software.Version.Error.InvalidSignature";
    /// The version is too old.
    pub const INCOMPATIBLE: &str = "xyz.openbmc_project.Software.Version.Error.Incompatible";
    /// Nobody installs such an image.
    pub const UPDATE_NOT_APPLICABLE: &str = "xyz.openbmc_project.Software.Update.UpdateNotApplicable";
    /// The image did not come in whole.
    pub const TRANSFER_FAILED: &str = "xyz.openbmc_project.Software.Update.TransferFailed";

    /// Keys of additional data.
    pub mod data {
        /// The file.
        pub const PATH: &str = "PATH";
        /// What failed.
        pub const FAIL: &str = "FAIL";
        /// The reason as a person reads it; ours, beside what upstream has.
        pub const REASON: &str = "REASON";
        /// The oldest version that is taken.
        pub const MIN_VERSION: &str = "MIN_VERSION";
        /// The image's version.
        pub const ACTUAL_VERSION: &str = "ACTUAL_VERSION";
        /// The image's purpose.
        pub const VERSION_PURPOSE: &str = "VERSION_PURPOSE";
        /// The image.
        pub const IMAGE_IDENTIFIER: &str = "IMAGE_IDENTIFIER";
        /// What the image is for.
        pub const TARGET_NAME: &str = "TARGET_NAME";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enumerations_are_written_as_upstream_writes_them() {
        assert_eq!(purpose(Purpose::Bmc), "xyz.openbmc_project.Software.Version.VersionPurpose.BMC");
        assert_eq!(
            activation(Activation::NotReady),
            "xyz.openbmc_project.Software.Activation.Activations.NotReady"
        );
        assert_eq!(
            requested_activation(RequestedActivation::Active),
            "xyz.openbmc_project.Software.Activation.RequestedActivations.Active"
        );
        assert_eq!(
            apply_time(ApplyTime::OnActivationRequest),
            "xyz.openbmc_project.Software.ApplyTime.RequestedApplyTimes.OnActivationRequest"
        );
        for state in Activation::ALL {
            assert_eq!(parse_activation(&activation(state)), Some(state));
        }
        for time in ApplyTime::ALL {
            assert_eq!(parse_apply_time(&apply_time(time)), Some(time));
        }
        for wish in RequestedActivation::ALL {
            assert_eq!(parse_requested_activation(&requested_activation(wish)), Some(wish));
        }
        assert_eq!(parse_activation("Ready"), None);
        assert_eq!(parse_apply_time("OnReset"), None);
    }
}
