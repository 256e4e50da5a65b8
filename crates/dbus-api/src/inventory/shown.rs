//! What the inventory shows, asked with the one call that every implementation answers.

use super::{ROOT, manager};
use crate::call::{self, CallError, Target, classify};
use crate::skim::{self, Part};
use crate::standard::{INTROSPECTABLE, OBJECT_MANAGER, PROPERTIES, error};
use std::collections::{BTreeMap, BTreeSet};
use zbus::message::Type as MessageType;
use zbus::{Connection, MatchRule, Message};

/// Interfaces with the properties of each: name and signature.
pub type Interfaces = BTreeMap<String, Vec<(String, String)>>;

/// The interfaces of an object, given by its path relative to the root; `None` when it does not exist.
///
/// Errors: as [`manager::notify`].
pub async fn interfaces(connection: &Connection, relative: &str) -> Result<Option<Interfaces>, CallError> {
    let path = format!("{ROOT}{relative}");
    let called = connection
        .call_method(Some(manager::BUS_NAME), path.as_str(), Some(INTROSPECTABLE), "Introspect", &())
        .await
        .map_err(|error| classify(manager::BUS_NAME, error));
    let reply = match called {
        Err(CallError::Refused { name, .. }) if name == error::UNKNOWN_OBJECT => return Ok(None),
        other => other?,
    };
    let body = reply.body();
    let xml: &str =
        body.deserialize().map_err(|source| CallError::Bus { destination: manager::BUS_NAME, source })?;
    let interfaces = described(xml);
    // Implementations on sd-bus describe the way to an object, and what does not exist, as an object without any.
    Ok((!interfaces.is_empty()).then_some(interfaces))
}

/// The names of the interfaces that objects have, by their paths relative to the root.
pub type Names = BTreeMap<String, BTreeSet<String>>;

/// The names of all interfaces of the wanted objects, given by their paths relative to the root, with one call.
///
/// Errors: as [`manager::notify`].
pub async fn names(connection: &Connection, wanted: &BTreeSet<&str>) -> Result<Names, CallError> {
    let target = Target { destination: manager::BUS_NAME, path: ROOT, interface: OBJECT_MANAGER };
    let reply = call::call(connection, &target, "GetManagedObjects", &()).await?;
    names_in(&reply, wanted).map_err(|source| CallError::Bus { destination: manager::BUS_NAME, source })
}

/// What such an answer says. Of values nothing is built and nothing kept, nor of objects that are not wanted: an inventory
/// may be as large as the bus lets an answer be.
///
/// Errors: the message is no such answer.
pub fn names_in(reply: &Message, wanted: &BTreeSet<&str>) -> zbus::Result<Names> {
    let mut names = Names::new();
    let mut object: Option<String> = None;
    skim::objects(reply, &mut |part| match part {
        Part::Object(path) => {
            let relative = path.strip_prefix(ROOT).filter(|path| wanted.contains(path));
            object = relative.map(str::to_owned);
            if let Some(path) = &object {
                names.entry(path.clone()).or_default();
            }
        }
        Part::Interface(name) => {
            if let Some(known) = object.as_ref().and_then(|path| names.get_mut(path)) {
                known.insert(name.to_owned());
            }
        }
        Part::Property(..) => {}
    })?;
    Ok(names)
}

/// Which signals tell that an object's `Present` has changed.
pub fn presence_rule() -> zbus::Result<MatchRule<'static>> {
    MatchRule::builder()
        .msg_type(MessageType::Signal)
        .path_namespace(ROOT)
        .interface(PROPERTIES)
        .member("PropertiesChanged")
        .arg0ns(super::ITEM)
        .build()
}

/// What the start tags `<interface name="…">` and `<property name="…" type="…">` say, without the standard interfaces.
///
/// No XML reader: the text has the form that the D-Bus specification gives it, and a name that is
/// missed or made up costs an empty property, no more.
fn described(xml: &str) -> Interfaces {
    let mut interfaces = Interfaces::new();
    let mut current = None;
    for tag in xml.split('<').filter_map(|rest| rest.split('>').next()) {
        match tag.split_whitespace().next() {
            Some("interface") => {
                current = attribute(tag, "name").filter(|name| !name.starts_with("org.freedesktop.DBus."));
                if let Some(name) = current {
                    interfaces.entry(name.to_owned()).or_default();
                }
            }
            Some("property") => {
                let property = attribute(tag, "name").zip(attribute(tag, "type"));
                let known = current.and_then(|name| interfaces.get_mut(name));
                if let (Some((name, signature)), Some(properties)) = (property, known) {
                    properties.push((name.to_owned(), signature.to_owned()));
                }
            }
            _ => {}
        }
    }
    interfaces
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(xml: &str) -> Vec<String> {
        described(xml).into_keys().collect()
    }

    #[test]
    fn interfaces_are_found_in_the_descriptions_of_different_implementations() {
        let ours = "<node>\n  <interface name=\"org.freedesktop.DBus.Peer\">\n  <property name=\"no\" type=\"s\"/>\n  \
                    </interface>\n  <interface name=\"a.b\">\n    <property name=\"yes\" type=\"ay\" access=\"read\"/>\n  \
                    </interface>\n</node>";
        let others =
            "<node><interface\n name=\"a.c\"/><interface name=\"a.d\"><method name=\"x\"/></interface>";
        let expected = vec![("yes".to_owned(), "ay".to_owned())];
        assert_eq!(described(ours), Interfaces::from([("a.b".to_owned(), expected)]));
        assert_eq!(names(others), ["a.c", "a.d"]);
        assert!(names("<interface").is_empty());
    }
}
