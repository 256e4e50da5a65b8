//! All that the inventory shows, for tools that print it.

use super::{ROOT, manager};
use crate::call::{self, CallError, Target};
use crate::skim::{self, Part, Plain};
use crate::standard::OBJECT_MANAGER;
use std::collections::BTreeMap;
use zbus::{Connection, Message};

/// Properties of an interface.
pub type Properties = BTreeMap<String, Shown>;
/// Objects by their paths relative to the root, with their interfaces.
pub type Content = BTreeMap<String, BTreeMap<String, Properties>>;

/// The value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// `b`
    Truth(bool),
    /// An unsigned number.
    Number(u64),
    /// `s`
    Text(String),
    /// `ay`
    Bytes(Vec<u8>),
}

impl Shown {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The bytes, if it is some.
    pub fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}

/// Asks for everything. Properties of other types than [`Shown`] has are left out.
///
/// Errors: as [`manager::notify`].
pub async fn content(connection: &Connection) -> Result<Content, CallError> {
    let target = Target { destination: manager::BUS_NAME, path: ROOT, interface: OBJECT_MANAGER };
    let reply = call::call(connection, &target, "GetManagedObjects", &()).await?;
    content_in(&reply).map_err(|source| CallError::Bus { destination: manager::BUS_NAME, source })
}

/// What such an answer says.
///
/// Errors: the message is no such answer.
pub fn content_in(reply: &Message) -> zbus::Result<Content> {
    let mut content = Content::new();
    let (mut object, mut interface) = (String::new(), String::new());
    skim::objects(reply, &mut |part| match part {
        Part::Object(path) => {
            object = path.strip_prefix(ROOT).unwrap_or(path).to_owned();
            content.entry(object.clone()).or_default();
        }
        Part::Interface(name) => {
            interface = name.to_owned();
            content.entry(object.clone()).or_default().entry(interface.clone()).or_default();
        }
        Part::Property(name, value) => {
            let shown = match value {
                Plain::Bool(truth) => Shown::Truth(truth),
                Plain::Number(number) => Shown::Number(number),
                Plain::Text(text) => Shown::Text(text.to_owned()),
                Plain::Bytes(bytes) => Shown::Bytes(bytes.to_owned()),
                Plain::Other => return,
            };
            let properties = content.get_mut(&object).and_then(|interfaces| interfaces.get_mut(&interface));
            if let Some(properties) = properties {
                properties.insert(name.to_owned(), shown);
            }
        }
    })?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::{ObjectPath, Variant};

    #[test]
    fn objects_come_with_their_values_and_without_those_of_other_types() {
        let path = ObjectPath::try_from("/xyz/openbmc_project/inventory/system").unwrap();
        let values = BTreeMap::from([
            ("Names", Variant::from(vec!["x"])),
            ("Number", Variant::from(7_u32)),
            ("Present", Variant::from(true)),
            ("SN", Variant::from(vec![1_u8, 2])),
            ("Text", Variant::from("x")),
        ]);
        let all = BTreeMap::from([(path, BTreeMap::from([("a.B", values), ("a.C", BTreeMap::new())]))]);
        let content = content_in(&Message::signal("/a", "a.B", "Said").build(&all).unwrap()).unwrap();
        let expected = [
            ("Number", Shown::Number(7)),
            ("Present", Shown::Truth(true)),
            ("SN", Shown::Bytes(vec![1, 2])),
            ("Text", Shown::Text("x".to_owned())),
        ];
        let expected: Properties =
            expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(content["/system"]["a.B"], expected);
        assert!(content["/system"]["a.C"].is_empty());
    }
}
