//! Objects with properties, and the interfaces that every object has.

use crate::call::{Call, Outcome, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use zbus::{Message, ObjectPath, Variant};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
/// Where services of firmware have theirs.
const FIRMWARE: &str = "/xyz/openbmc_project/software";

/// Properties by name.
pub(crate) type Properties = BTreeMap<&'static str, Variant<'static>>;

/// Interfaces by name.
pub(crate) type Interfaces = BTreeMap<&'static str, Properties>;

/// What a peer shows.
#[derive(Debug, Default)]
pub(crate) struct Objects(pub BTreeMap<String, Interfaces>);

impl Objects {
    /// Answers what is asked of any object.
    pub(crate) fn perform(&mut self, call: &Call<'_>) -> Outcome {
        match (call.interface, call.member) {
            ("org.freedesktop.DBus.Peer", "Ping") => call.reply(&()),
            ("org.freedesktop.DBus.Introspectable", "Introspect") => call.reply(&self.describe(call.path)),
            (PROPERTIES, "Get") => {
                let properties = self.properties(call, call.text(0)?)?;
                call.reply(properties.get(call.text(1)?).ok_or_else(|| unknown_property(call))?)
            }
            (PROPERTIES, "GetAll") => call.reply(self.properties(call, call.text(0)?)?),
            (PROPERTIES, "Set") => self.set(call),
            (OBJECT_MANAGER, "GetManagedObjects") => {
                let below = format!("{}/", call.path);
                let managed = self.0.iter().filter(|(path, _)| path.starts_with(&below));
                let paths =
                    managed.map(|(path, interfaces)| Ok((ObjectPath::try_from(path.as_str())?, interfaces)));
                call.reply(&paths.collect::<zbus::Result<BTreeMap<_, _>>>()?)
            }
            _ => Err(call.unknown()),
        }
    }

    /// Changes a text, wherever it is; what the world is told is the result.
    pub(crate) fn set_text(&mut self, property: &str, text: &str) -> Option<zbus::Result<Message>> {
        for (path, interfaces) in &mut self.0 {
            for (interface, properties) in interfaces {
                if let Some((name, value @ Variant::Str(_))) =
                    properties.iter_mut().find(|(name, _)| **name == property)
                {
                    *value = Variant::from(text.to_owned());
                    return Some(changed(path, interface, name, value));
                }
            }
        }
        None
    }

    /// Shows more of an object, or changes what is shown; what the world is told is the result.
    pub(crate) fn show(&mut self, path: &str, interfaces: Interfaces) -> zbus::Result<Message> {
        let body = (ObjectPath::try_from(path)?, &interfaces);
        let signal = Message::signal(FIRMWARE, OBJECT_MANAGER, "InterfacesAdded").build(&body)?;
        self.0.entry(path.to_owned()).or_default().extend(interfaces);
        Ok(signal)
    }

    /// Shows less of an object.
    pub(crate) fn hide(&mut self, path: &str, interfaces: &[&str]) -> zbus::Result<Message> {
        if let Some(shown) = self.0.get_mut(path) {
            shown.retain(|interface, _| !interfaces.contains(interface));
            if shown.is_empty() {
                self.0.remove(path);
            }
        }
        let body = (ObjectPath::try_from(path)?, interfaces);
        Message::signal(FIRMWARE, OBJECT_MANAGER, "InterfacesRemoved").build(&body)
    }

    /// Changes a property.
    pub(crate) fn change(
        &mut self,
        path: &str,
        interface: &'static str,
        property: &'static str,
        value: Variant<'static>,
    ) -> zbus::Result<Message> {
        let signal = changed(path, interface, property, &value)?;
        let interfaces = self.0.entry(path.to_owned()).or_default();
        interfaces.entry(interface).or_default().insert(property, value);
        Ok(signal)
    }

    /// A text.
    pub(crate) fn text(&self, path: &str, interface: &str, property: &str) -> Option<&str> {
        self.0.get(path)?.get(interface)?.get(property)?.downcast_ref().ok()
    }

    fn properties(&self, call: &Call<'_>, interface: &str) -> Result<&Properties, Refusal> {
        let interfaces = self.0.get(call.path).ok_or_else(|| Refusal {
            name: "org.freedesktop.DBus.Error.UnknownObject",
            text: format!("{} is not there", call.path),
        })?;
        interfaces.get(interface).ok_or_else(|| Refusal {
            name: "org.freedesktop.DBus.Error.UnknownInterface",
            text: format!("{} has no {interface}", call.path),
        })
    }

    fn set(&mut self, call: &Call<'_>) -> Outcome {
        let (interface, property) = (call.text(0)?, call.text(1)?);
        self.properties(call, interface)?;
        let given = match call.arguments.get(2) {
            Some(Variant::Variant(value)) => value.try_to_owned()?,
            _ => return Err(call.unknown()),
        };
        let properties = self.0.get_mut(call.path).and_then(|interfaces| interfaces.get_mut(interface));
        let entry =
            properties.and_then(|properties| properties.iter_mut().find(|(name, _)| **name == property));
        let (name, value) = entry.ok_or_else(|| unknown_property(call))?;
        *value = Variant::from(given);
        let signal = changed(call.path, interface, name, value)?;
        call.reply_after(vec![signal], &())
    }

    /// XML with the interfaces' names and the nodes below.
    fn describe(&self, path: &str) -> String {
        let own = self.0.get(path).into_iter().flatten();
        let mut xml = String::from("<node>");
        for (interface, _) in own {
            xml += &format!("<interface name=\"{interface}\"/>");
        }
        let below = format!("{}/", path.trim_end_matches('/'));
        let children = self.0.keys().filter_map(|path| path.strip_prefix(&below)?.split('/').next());
        for child in children.collect::<BTreeSet<_>>() {
            xml += &format!("<node name=\"{child}\"/>");
        }
        xml + "</node>"
    }
}

/// The signal of a changed property.
pub(crate) fn changed(path: &str, interface: &str, name: &str, value: &Variant<'_>) -> zbus::Result<Message> {
    let body = (interface, BTreeMap::from([(name, value)]), [""; 0].as_slice());
    Message::signal(path, PROPERTIES, "PropertiesChanged").build(&body)
}

fn unknown_property(call: &Call<'_>) -> Refusal {
    let property = call.text(1).unwrap_or_default();
    Refusal {
        name: "org.freedesktop.DBus.Error.UnknownProperty",
        text: format!("{} has no {property}", call.path),
    }
}
