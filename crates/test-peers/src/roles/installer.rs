//! An installer of firmware for power supplies: claims images, and does with them what a test wishes.

use super::{Found, FoundInterfaces, Reaction, Role};
use crate::call::{Answer, Call, Outcome, Refusal};
use crate::objects::{Interfaces, Objects, Properties, changed};
use std::collections::BTreeMap;
use zbus::{Message, ObjectPath, OwnedObjectPath, OwnedVariant, Variant};

const ROOT: &str = "/xyz/openbmc_project/software";
const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
const VERSION: &str = "xyz.openbmc_project.Software.Version";
const FILE_PATH: &str = "xyz.openbmc_project.Common.FilePath";
const ACTIVATION: &str = "xyz.openbmc_project.Software.Activation";
const PROGRESS: &str = "xyz.openbmc_project.Software.ActivationProgress";
const PURPOSE: &str = "xyz.openbmc_project.Software.Version.VersionPurpose.PSU";
const STATES: &str = "xyz.openbmc_project.Software.Activation.Activations.";
const NOT_REQUESTED: &str = "xyz.openbmc_project.Software.Activation.RequestedActivations.None";
const REQUESTED: &str = "xyz.openbmc_project.Software.Activation.RequestedActivations.Active";
const RULES: [&str; 1] =
    ["type='signal',interface='org.freedesktop.DBus.ObjectManager',member='InterfacesAdded',\
     path='/xyz/openbmc_project/software'"];

/// What it does when it is told to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    Install,
    Fail,
    Stay,
    Refuse,
    /// It answers, comes to a state, and has nothing to do with the image any more.
    Vanish(String),
}

/// The installer.
#[derive(Debug)]
pub(crate) struct Installer {
    objects: Objects,
    way: Way,
}

impl Default for Installer {
    fn default() -> Self {
        Self { objects: Objects::default(), way: Way::Install }
    }
}

impl Installer {
    /// Claims an image if one message says all that must be known of it.
    fn consider(&mut self, path: &OwnedObjectPath, said: &FoundInterfaces) -> zbus::Result<Vec<Message>> {
        let text = |interface: &str, name: &str| {
            let value: &OwnedVariant = said.get(interface)?.get(name)?;
            value.downcast_ref::<&str>().ok().filter(|text| !text.is_empty())
        };
        let is_whole = text(VERSION, "Version").is_some() && text(FILE_PATH, "Path").is_some();
        let is_ours = text(VERSION, "Purpose") == Some(PURPOSE);
        if !is_whole || !is_ours || self.objects.0.contains_key(path.as_str()) {
            return Ok(Vec::new());
        }
        Ok(vec![self.claim(path.as_str())?])
    }

    /// Shows an image that it will install.
    pub(crate) fn claim(&mut self, path: &str) -> zbus::Result<Message> {
        let properties = Properties::from([
            ("Activation", Variant::from(format!("{STATES}Ready"))),
            ("RequestedActivation", Variant::from(NOT_REQUESTED)),
        ]);
        let interfaces = Interfaces::from([(ACTIVATION, properties)]);
        let body = (ObjectPath::try_from(path)?, &interfaces);
        let signal = Message::signal(ROOT, OBJECT_MANAGER, "InterfacesAdded").build(&body)?;
        self.objects.0.insert(path.to_owned(), interfaces);
        Ok(signal)
    }

    fn set(&mut self, path: &str, property: &'static str, text: &str) -> zbus::Result<Message> {
        let value = Variant::from(text.to_owned());
        let signal = changed(path, ACTIVATION, property, &value)?;
        let interfaces = self.objects.0.entry(path.to_owned()).or_default();
        interfaces.entry(ACTIVATION).or_default().insert(property, value);
        Ok(signal)
    }

    fn state(&mut self, path: &str, state: &str) -> zbus::Result<Message> {
        self.set(path, "Activation", &format!("{STATES}{state}"))
    }

    fn is(&self, path: &str, state: &str) -> bool {
        let shown =
            self.objects.0.get(path).and_then(|interfaces| interfaces.get(ACTIVATION)?.get("Activation"));
        shown.and_then(|shown| shown.downcast_ref::<&str>().ok()) == Some(&*format!("{STATES}{state}"))
    }

    fn progress(&mut self, path: &str, percent: u8) -> zbus::Result<Message> {
        let value = Variant::from(percent);
        let properties = Properties::from([("Progress", Variant::from(percent))]);
        let interfaces = self.objects.0.entry(path.to_owned()).or_default();
        if interfaces.insert(PROGRESS, properties).is_some() {
            return changed(path, PROGRESS, "Progress", &value);
        }
        let told = BTreeMap::from([(PROGRESS, BTreeMap::from([("Progress", value)]))]);
        Message::signal(ROOT, OBJECT_MANAGER, "InterfacesAdded").build(&(ObjectPath::try_from(path)?, told))
    }

    /// Does with an image what the test wishes.
    pub(crate) fn begin(&mut self, path: &str) -> zbus::Result<Vec<Message>> {
        let mut said = vec![
            self.set(path, "RequestedActivation", REQUESTED)?,
            self.state(path, "Activating")?,
            self.progress(path, 0)?,
        ];
        match self.way.clone() {
            Way::Install => said.extend(self.finish(path, "Active")?),
            Way::Fail => said.extend(self.settle(path, "Failed")?),
            Way::Stay | Way::Refuse => {}
            Way::Vanish(state) => {
                said.extend(self.finish(path, &state)?);
                self.objects.0.remove(path);
                said.push(removed(path, ACTIVATION)?);
            }
        }
        Ok(said)
    }

    fn finish(&mut self, path: &str, state: &str) -> zbus::Result<Vec<Message>> {
        let mut said = vec![self.progress(path, 50)?, self.progress(path, 100)?];
        said.extend(self.settle(path, state)?);
        Ok(said)
    }

    /// Accepted from Ready and Failed only, as upstream does.
    fn request(&mut self, call: &Call<'_>) -> Outcome {
        let refusal = |text: &str| Refusal {
            name: "xyz.openbmc_project.Common.Error.NotAllowed",
            text: text.to_owned(),
        };
        if self.way == Way::Refuse {
            return Err(refusal("as the test wishes"));
        }
        if !self.is(call.path, "Ready") && !self.is(call.path, "Failed") {
            return Err(refusal("it is neither Ready nor Failed"));
        }
        let said = self.begin(call.path)?;
        match self.way {
            Way::Vanish(_) => Ok(Answer { later: said, ..call.reply(&())? }),
            _ => call.reply_after(said, &()),
        }
    }
}

/// The signal that an object has lost an interface.
fn removed(path: &str, interface: &str) -> zbus::Result<Message> {
    let body = (ObjectPath::try_from(path)?, vec![interface]);
    Message::signal(ROOT, OBJECT_MANAGER, "InterfacesRemoved").build(&body)
}

impl Role for Installer {
    fn objects(&mut self) -> &mut Objects {
        &mut self.objects
    }

    fn perform(&mut self, call: &Call<'_>) -> Option<Outcome> {
        if (call.interface, call.member) != ("org.freedesktop.DBus.Properties", "Set") {
            return None;
        }
        let is_request =
            call.text(0).ok() == Some(ACTIVATION) && call.text(1).ok() == Some("RequestedActivation");
        let is_begin = match call.arguments.get(2) {
            Some(Variant::Variant(value)) => value.downcast_ref::<&str>().ok() == Some(REQUESTED),
            _ => false,
        };
        (is_request && is_begin && self.objects.0.contains_key(call.path)).then(|| self.request(call))
    }

    fn rules(&self) -> &'static [&'static str] {
        &RULES
    }

    fn looks_at(&self) -> Option<&'static str> {
        Some("xyz.openbmc_project.Software.Version")
    }

    fn hear(&mut self, signal: &Message) -> zbus::Result<Reaction> {
        if signal.header().member().is_none_or(|member| member.as_str() != "InterfacesAdded") {
            return Ok(Reaction::default());
        }
        let (path, interfaces): (OwnedObjectPath, FoundInterfaces) = signal.body().deserialize()?;
        Ok(Reaction { signals: self.consider(&path, &interfaces)?, scan: None })
    }

    fn found(&mut self, _service: &str, objects: Found) -> zbus::Result<Vec<Message>> {
        let mut signals = Vec::new();
        for (path, interfaces) in objects {
            signals.extend(self.consider(&path, &interfaces)?);
        }
        Ok(signals)
    }

    fn behave(&mut self, way: &str) -> bool {
        self.way = match way.split_once(' ').unwrap_or((way, "")) {
            ("install", "") => Way::Install,
            ("fail", "") => Way::Fail,
            ("stay", "") => Way::Stay,
            ("refuse", "") => Way::Refuse,
            ("vanish", state) if !state.is_empty() => Way::Vanish(state.to_owned()),
            _ => return false,
        };
        true
    }

    fn settle(&mut self, path: &str, state: &str) -> zbus::Result<Vec<Message>> {
        let mut said = Vec::new();
        let interfaces = self.objects.0.entry(path.to_owned()).or_default();
        if state != "Activating" && interfaces.remove(PROGRESS).is_some() {
            said.push(removed(path, PROGRESS)?);
        }
        said.push(self.state(path, state)?);
        Ok(said)
    }
}
