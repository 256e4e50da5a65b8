//! What an image's object shows, and in which interfaces.

use super::{
    ACTIVATION, ACTIVATION_PROGRESS, APPLY_TIME, COMPATIBLE, DELETE, EXTENDED_VERSION, FILE_PATH, IMAGE,
    Stage, VERSION,
};
use image_format::Purpose;
use std::collections::{BTreeMap, HashMap};
use update_state::{Activation, ApplyTime, RequestedActivation};
use zbus::{OwnedObjectPath, Variant};

/// Properties by name.
pub type Properties = BTreeMap<&'static str, Variant<'static>>;
/// Interfaces with their properties.
pub type Interfaces = BTreeMap<&'static str, Properties>;
/// Objects with their interfaces.
pub type Objects = HashMap<OwnedObjectPath, Interfaces>;

/// An interface that an image's object may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interface {
    /// Version and purpose.
    Version,
    /// More of the version.
    ExtendedVersion,
    /// Where the files are.
    FilePath,
    /// What it fits.
    Compatible,
    /// Its removal.
    Delete,
    /// Its activation, as long as that is ours.
    Activation,
    /// That it goes on.
    ActivationProgress,
    /// When it is to be applied.
    ApplyTime,
    /// What is going on with it.
    Image,
}

impl Interface {
    /// What the one complete announcement of an image holds.
    pub const ANNOUNCED: [Self; 5] =
        [Self::Version, Self::ExtendedVersion, Self::FilePath, Self::Compatible, Self::Delete];

    /// Its name on the bus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => VERSION,
            Self::ExtendedVersion => EXTENDED_VERSION,
            Self::FilePath => FILE_PATH,
            Self::Compatible => COMPATIBLE,
            Self::Delete => DELETE,
            Self::Activation => ACTIVATION,
            Self::ActivationProgress => ACTIVATION_PROGRESS,
            Self::ApplyTime => APPLY_TIME,
            Self::Image => IMAGE,
        }
    }
}

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
    /// Why it ended as it did; empty while nothing is wrong.
    pub reason: String,
}

impl View {
    /// Its purpose as the bus says it.
    pub fn purpose(&self) -> String {
        super::purpose(self.purpose.unwrap_or(Purpose::Unknown))
    }

    /// Its activation as the bus says it.
    pub fn activation(&self) -> String {
        super::activation(self.activation.unwrap_or(Activation::NotReady))
    }

    /// What was asked of it, as the bus says it.
    pub fn requested(&self) -> String {
        super::requested_activation(self.requested.unwrap_or(RequestedActivation::None))
    }

    /// When it is to be applied, as the bus says it.
    pub fn apply_time(&self) -> String {
        super::apply_time(self.apply_time.unwrap_or(ApplyTime::OnActivationRequest))
    }
}
