//! phosphor-image-updater, the installer of the BMC's own firmware from dropped files: `bmc/item_updater.cpp` and
//! `bmc/activation.cpp` of openbmc/phosphor-bmc-code-mgmt.

use super::{FoundInterfaces, Reaction, Role};
use crate::call::{Answer, Call, Outcome};
use crate::objects::{Interfaces, Objects, Properties};
use std::collections::BTreeMap;
use zbus::{Message, OwnedObjectPath, OwnedVariant, Variant};

const ROOT: &str = "/xyz/openbmc_project/software";
const VERSION: &str = "xyz.openbmc_project.Software.Version";
const FILE_PATH: &str = "xyz.openbmc_project.Common.FilePath";
const ACTIVATION: &str = "xyz.openbmc_project.Software.Activation";
const PROGRESS: &str = "xyz.openbmc_project.Software.ActivationProgress";
const BLOCKS: &str = "xyz.openbmc_project.Software.ActivationBlocksTransition";
const PRIORITY: &str = "xyz.openbmc_project.Software.RedundancyPriority";
const ASSOCIATIONS: &str = "xyz.openbmc_project.Association.Definitions";
const UPDATE: &str = "xyz.openbmc_project.Software.Update";
const PURPOSES: [&str; 2] = [
    "xyz.openbmc_project.Software.Version.VersionPurpose.BMC",
    "xyz.openbmc_project.Software.Version.VersionPurpose.System",
];
const STATES: &str = "xyz.openbmc_project.Software.Activation.Activations.";
const NOT_REQUESTED: &str = "xyz.openbmc_project.Software.Activation.RequestedActivations.None";
const REQUESTED: &str = "xyz.openbmc_project.Software.Activation.RequestedActivations.Active";
const RULES: [&str; 1] =
    ["type='signal',interface='org.freedesktop.DBus.ObjectManager',member='InterfacesAdded',\
     path='/xyz/openbmc_project/software'"];

/// The installer.
#[derive(Debug, Default)]
pub(crate) struct BmcUpdater(Objects);

impl BmcUpdater {
    fn state(&mut self, path: &str, state: &str) -> zbus::Result<Message> {
        self.0.change(path, ACTIVATION, "Activation", Variant::from(format!("{STATES}{state}")))
    }

    /// `processBMCImage`: all that it needs must be in one message. It shows the version and the path once more.
    fn consider(&mut self, path: &str, said: &FoundInterfaces) -> zbus::Result<Vec<Message>> {
        let text = |interface: &str, name: &str| {
            let value: &OwnedVariant = said.get(interface)?.get(name)?;
            value.downcast_ref::<&str>().ok().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let found = (text(VERSION, "Version"), text(VERSION, "Purpose"), text(FILE_PATH, "Path"));
        let (Some(version), Some(purpose), Some(folder)) = found else { return Ok(Vec::new()) };
        if !PURPOSES.contains(&&*purpose) || self.0.0.contains_key(path) {
            return Ok(Vec::new());
        }
        let texts = |pairs: &[(&'static str, &str)]| -> Properties {
            pairs.iter().map(|(name, text)| (*name, Variant::from((*text).to_owned()))).collect()
        };
        let version = Interfaces::from([
            (VERSION, texts(&[("Version", &version), ("Purpose", &purpose)])),
            (FILE_PATH, texts(&[("Path", &folder)])),
        ]);
        let delete = Interfaces::from([("xyz.openbmc_project.Object.Delete", Properties::new())]);
        let inventory =
            vec![("inventory", "activation", "/xyz/openbmc_project/inventory/system/chassis/bmc")];
        let ready = format!("{STATES}Ready");
        let activation = Interfaces::from([
            (ACTIVATION, texts(&[("Activation", &ready), ("RequestedActivation", NOT_REQUESTED)])),
            (ASSOCIATIONS, Properties::from([("Associations", Variant::from(inventory))])),
        ]);
        [version, delete, activation].into_iter().map(|shown| self.0.show(path, shown)).collect()
    }

    /// `Activation::requestedActivation`: from Ready and Failed alone, and not twice.
    fn request(&mut self, call: &Call<'_>) -> Outcome {
        let path = call.path;
        let is_new = self.0.text(path, ACTIVATION, "RequestedActivation") != Some(REQUESTED);
        let state = self.0.text(path, ACTIVATION, "Activation").and_then(|state| state.strip_prefix(STATES));
        let begins = is_new && matches!(state, Some("Ready" | "Failed"));
        let mut said = Vec::new();
        if begins {
            let progress = |percent: u8| Properties::from([("Progress", Variant::from(percent))]);
            said.push(self.0.show(path, [(PROGRESS, progress(0))].into())?);
            said.push(self.0.show(path, [(BLOCKS, Properties::new())].into())?);
            said.push(self.0.change(path, PROGRESS, "Progress", Variant::from(10_u8))?);
            said.push(self.state(path, "Activating")?);
        }
        said.push(self.0.change(path, ACTIVATION, "RequestedActivation", Variant::from(REQUESTED))?);
        let later = match begins {
            true => vec![
                self.0.change(path, PROGRESS, "Progress", Variant::from(100_u8))?,
                self.0.hide(path, &[BLOCKS, PROGRESS])?,
                self.0.show(path, [(PRIORITY, [("Priority", Variant::from(0_u8))].into())].into())?,
            ],
            false => Vec::new(),
        };
        let installed = begins.then(|| path.to_owned());
        Ok(Answer { later, installed, ..call.reply_after(said, &())? })
    }
}

impl Role for BmcUpdater {
    fn objects(&mut self) -> &mut Objects {
        &mut self.0
    }

    fn perform(&mut self, call: &Call<'_>) -> Option<Outcome> {
        let is_set = (call.interface, call.member) == ("org.freedesktop.DBus.Properties", "Set");
        let is_request = is_set && call.text(1).ok() == Some("RequestedActivation");
        let is_begin = match call.arguments.get(2) {
            Some(Variant::Variant(value)) => value.downcast_ref::<&str>().ok() == Some(REQUESTED),
            _ => false,
        };
        (is_request && is_begin && self.0.0.contains_key(call.path)).then(|| self.request(call))
    }

    fn rules(&self) -> &'static [&'static str] {
        &RULES
    }

    fn hear(&mut self, signal: &Message) -> zbus::Result<Reaction> {
        if signal.header().member().is_none_or(|member| member.as_str() != "InterfacesAdded") {
            return Ok(Reaction::default());
        }
        let (path, interfaces): (OwnedObjectPath, FoundInterfaces) = signal.body().deserialize()?;
        Ok(Reaction { signals: self.consider(path.as_str(), &interfaces)?, scan: None })
    }

    /// Associations, an object to update once more, and the end. Immediate has it reboot, which is no matter of the bus.
    fn installed(&mut self, path: &str, _apply_time: Option<&str>) -> zbus::Result<Vec<Message>> {
        let associations: Vec<(&str, &str, String)> =
            ["active", "updateable"].map(|forward| (forward, "software_version", path.to_owned())).into();
        let definitions = Properties::from([("Associations", Variant::from(associations))]);
        Ok(vec![
            self.0.show(ROOT, BTreeMap::from([(ASSOCIATIONS, definitions)]))?,
            self.0.show(path, BTreeMap::from([(UPDATE, Properties::new())]))?,
            self.state(path, "Active")?,
        ])
    }
}
