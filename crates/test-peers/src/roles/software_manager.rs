//! phosphor-software-manager, which takes images for the BMC by descriptors: `bmc/software_manager.cpp` and
//! `bmc/update_manager.cpp` of openbmc/phosphor-bmc-code-mgmt.
//!
//! It reads a descriptor from where that stands, and shows what it has read.

use super::Role;
use crate::call::{Answer, Call, Outcome, Refusal};
use crate::objects::{Interfaces, Objects, Properties};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use zbus::{Message, ObjectPath, Variant};

const ROOT: &str = "/xyz/openbmc_project/software";
const BMC: &str = "/xyz/openbmc_project/software/bmc";
const BIOS: &str = "/xyz/openbmc_project/software/bios";
/// What takes images for the host.
const HOST: &str = "/xyz/openbmc_project/software/bios_active";
/// What runs.
const RUNNING: &str = "/xyz/openbmc_project/software/1a2b3c4d";
const VERSION: &str = "xyz.openbmc_project.Software.Version";
const ACTIVATION: &str = "xyz.openbmc_project.Software.Activation";
const PROGRESS: &str = "xyz.openbmc_project.Software.ActivationProgress";
const BLOCKS: &str = "xyz.openbmc_project.Software.ActivationBlocksTransition";
const ASSOCIATIONS: &str = "xyz.openbmc_project.Association.Definitions";
const UPDATE: &str = "xyz.openbmc_project.Software.Update";
/// What it has read, for tests.
const RECEIVED: &str = "io.vivianite.Test.Received";
const PURPOSE: &str = "xyz.openbmc_project.Software.Version.VersionPurpose.BMC";
const STATES: &str = "xyz.openbmc_project.Software.Activation.Activations.";
const NOT_REQUESTED: &str = "xyz.openbmc_project.Software.Activation.RequestedActivations.None";
const REQUESTED: &str = "xyz.openbmc_project.Software.Activation.RequestedActivations.Active";
const ON_REQUEST: &str = "xyz.openbmc_project.Software.ApplyTime.RequestedApplyTimes.OnActivationRequest";

/// What it does with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Way {
    #[default]
    Install,
    /// It stays Activating.
    Stay,
    Fail,
    /// It refuses the call: another update is under way.
    Busy,
    /// It shows the image as Invalid, and takes it away at once.
    Invalid,
    /// It could not make a new object, and names one that it has.
    Old,
    /// It shows the image, and says that something has taken too long.
    Late,
    /// It also wants to be told whether to install what does not fit.
    Force,
}

/// The service.
#[derive(Debug)]
pub(crate) struct SoftwareManager {
    objects: Objects,
    way: Way,
    taken: u32,
}

impl Default for SoftwareManager {
    fn default() -> Self {
        let associated = |object: &'static str| {
            let forward = ["functional", "active", "updateable"];
            let associations: Vec<(&str, &str, &str)> =
                forward.map(|forward| (forward, "software_version", object)).into();
            Interfaces::from([
                ("xyz.openbmc_project.Common.FactoryReset", Properties::new()),
                (ASSOCIATIONS, [("Associations", Variant::from(associations))].into()),
            ])
        };
        let host = Interfaces::from([(UPDATE, Properties::new())]);
        let running = Interfaces::from([
            (VERSION, [("Version", Variant::from("running")), ("Purpose", Variant::from(PURPOSE))].into()),
            (ACTIVATION, activation("Active")),
            (UPDATE, Properties::new()),
        ]);
        let objects =
            [(BMC, associated(RUNNING)), (BIOS, associated(HOST)), (RUNNING, running), (HOST, host)];
        let objects = Objects(objects.map(|(path, shown)| (path.to_owned(), shown)).into());
        Self { objects, way: Way::default(), taken: 0 }
    }
}

fn activation(state: &str) -> Properties {
    let state = Variant::from(format!("{STATES}{state}"));
    [("Activation", state), ("RequestedActivation", Variant::from(NOT_REQUESTED))].into()
}

impl SoftwareManager {
    fn state(&mut self, path: &str, state: &str) -> zbus::Result<Message> {
        self.objects.change(path, ACTIVATION, "Activation", Variant::from(format!("{STATES}{state}")))
    }

    fn progress(&mut self, path: &str, percent: u8) -> zbus::Result<Message> {
        self.objects.change(path, PROGRESS, "Progress", Variant::from(percent))
    }

    fn start_update(&mut self, call: &Call<'_>) -> Outcome {
        let count = call.arguments.len();
        if count != if self.way == Way::Force { 3 } else { 2 } {
            let text = format!("Invalid arguments, {count} of them");
            return Err(Refusal { name: "org.freedesktop.DBus.Error.InvalidArgs", text });
        }
        if self.way == Way::Busy {
            let text = "an update is in progress".to_owned();
            return Err(Refusal { name: "xyz.openbmc_project.Common.Error.Unavailable", text });
        }
        if self.way == Way::Old {
            return call.reply(&ObjectPath::try_from(RUNNING)?);
        }
        let Some(Variant::Fd(image)) = call.arguments.first() else { return Err(call.unknown()) };
        let mut received = Vec::new();
        let image = image.as_fd().try_clone_to_owned().map_err(zbus::Error::from)?;
        File::from(image).read_to_end(&mut received).map_err(zbus::Error::from)?;
        self.taken += 1;
        let path = format!("{ROOT}/5e1f0a0{}", self.taken);
        let shown = Interfaces::from([
            (ACTIVATION, activation("NotReady")),
            (RECEIVED, [("Bytes", Variant::from(received))].into()),
        ]);
        let before = vec![self.objects.show(&path, shown)?];
        let later = self.unpack(&path, call.text(1)? != ON_REQUEST)?;
        let path = ObjectPath::try_from(path.as_str())?;
        if self.way == Way::Late {
            let reply =
                Message::error(call.header, "org.freedesktop.DBus.Error.Timeout").build(&"too late")?;
            return Ok(Answer { reply: Some(reply), signals: before, later, installed: None });
        }
        Ok(Answer { later, ..call.reply_after(before, &path)? })
    }

    /// `processImage`.
    fn unpack(&mut self, path: &str, begins: bool) -> zbus::Result<Vec<Message>> {
        if self.way == Way::Invalid {
            return Ok(vec![self.state(path, "Invalid")?, self.objects.hide(path, &[ACTIVATION, RECEIVED])?]);
        }
        let version = [("Version", Variant::from("new")), ("Purpose", Variant::from(PURPOSE))].into();
        let mut said =
            vec![self.objects.show(path, [(VERSION, version)].into())?, self.state(path, "Ready")?];
        if begins {
            said.extend(self.begin(path)?);
        }
        Ok(said)
    }

    fn begin(&mut self, path: &str) -> zbus::Result<Vec<Message>> {
        let nothing = [("Progress", Variant::from(0_u8))].into();
        let mut said = vec![
            self.objects.change(path, ACTIVATION, "RequestedActivation", Variant::from(REQUESTED))?,
            self.objects.show(path, [(PROGRESS, nothing)].into())?,
            self.objects.show(path, [(BLOCKS, Properties::new())].into())?,
            self.state(path, "Activating")?,
            self.progress(path, 10)?,
        ];
        match self.way {
            Way::Stay => {}
            Way::Fail => said.extend(self.end(path, "Failed")?),
            _ => {
                said.push(self.progress(path, 100)?);
                said.extend(self.end(path, "Active")?);
            }
        }
        Ok(said)
    }

    fn end(&mut self, path: &str, state: &str) -> zbus::Result<Vec<Message>> {
        Ok(vec![self.objects.hide(path, &[BLOCKS, PROGRESS])?, self.state(path, state)?])
    }

    fn delete(&mut self, path: &str, call: &Call<'_>) -> Outcome {
        let gone = self.objects.hide(path, &[ACTIVATION, RECEIVED, VERSION])?;
        call.reply_after(vec![gone], &())
    }

    fn request(&mut self, call: &Call<'_>) -> Outcome {
        let ready = format!("{STATES}Ready");
        let said = match self.objects.text(call.path, ACTIVATION, "Activation") == Some(&ready) {
            true => self.begin(call.path)?,
            false => Vec::new(),
        };
        call.reply_after(said, &())
    }
}

impl Role for SoftwareManager {
    fn objects(&mut self) -> &mut Objects {
        &mut self.objects
    }

    fn perform(&mut self, call: &Call<'_>) -> Option<Outcome> {
        match (call.path, call.interface, call.member) {
            (RUNNING | HOST, UPDATE, "StartUpdate") => Some(self.start_update(call)),
            (_, "org.freedesktop.DBus.Properties", "Set") if call.text(0).ok() == Some(ACTIVATION) => {
                Some(self.request(call))
            }
            (path, "xyz.openbmc_project.Object.Delete", "Delete") => Some(self.delete(path, call)),
            _ => None,
        }
    }

    fn behave(&mut self, way: &str) -> bool {
        self.way = match way {
            "install" => Way::Install,
            "stay" => Way::Stay,
            "fail" => Way::Fail,
            "busy" => Way::Busy,
            "invalid" => Way::Invalid,
            "old" => Way::Old,
            "late" => Way::Late,
            "force" => Way::Force,
            _ => return false,
        };
        true
    }

    fn settle(&mut self, path: &str, state: &str) -> zbus::Result<Vec<Message>> {
        match state {
            "" => Ok(vec![self.objects.hide(path, &[ACTIVATION, RECEIVED, VERSION, PROGRESS, BLOCKS])?]),
            "Active" | "Failed" => self.end(path, state),
            state => Ok(vec![self.state(path, state)?]),
        }
    }
}
