//! A device that takes images itself, and does with them what an installer does.

use super::Role;
use super::installer::Installer;
use crate::call::{Answer, Call, Outcome, Refusal};
use crate::objects::{Interfaces, Objects, Properties};
use zbus::ObjectPath;

const PATH: &str = "/xyz/openbmc_project/software/device_1";
const UPDATE: &str = "xyz.openbmc_project.Software.Update";
const IMMEDIATE: &str = "xyz.openbmc_project.Software.ApplyTime.RequestedApplyTimes.Immediate";

/// The device.
#[derive(Debug)]
pub(crate) struct Device(Installer);

impl Default for Device {
    fn default() -> Self {
        let mut installer = Installer::default();
        let interfaces = Interfaces::from([(UPDATE, Properties::new())]);
        installer.objects().0.insert(PATH.to_owned(), interfaces);
        Self(installer)
    }
}

impl Device {
    /// The image is there before the answer, and begun after it. Its bytes are not read.
    fn start_update(&mut self, call: &Call<'_>) -> Outcome {
        if call.text(1)? != IMMEDIATE {
            let text = "it installs at once or not at all".to_owned();
            return Err(Refusal { name: "org.freedesktop.DBus.Error.InvalidArgs", text });
        }
        let path = format!("{PATH}_1");
        let signals = vec![self.0.claim(&path)?];
        let later = self.0.begin(&path)?;
        let path = ObjectPath::try_from(path.as_str())?;
        Ok(Answer { later, ..call.reply_after(signals, &path)? })
    }
}

impl Role for Device {
    fn objects(&mut self) -> &mut Objects {
        self.0.objects()
    }

    fn perform(&mut self, call: &Call<'_>) -> Option<Outcome> {
        match (call.path, call.interface, call.member) {
            (PATH, UPDATE, "StartUpdate") => Some(self.start_update(call)),
            _ => self.0.perform(call),
        }
    }

    fn behave(&mut self, way: &str) -> bool {
        self.0.behave(way)
    }

    fn settle(&mut self, path: &str, state: &str) -> zbus::Result<Vec<zbus::Message>> {
        self.0.settle(path, state)
    }
}
