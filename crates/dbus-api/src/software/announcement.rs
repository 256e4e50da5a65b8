//! What services say of their objects below the software root: appeared, gone, changed.

use super::{ACTIVATION, ROOT};
use crate::standard::{OBJECT_MANAGER, PROPERTIES};
use std::collections::HashMap;
use zbus::message::{Sequence, Type as MessageType};
use zbus::{Connection, MatchRule, Message, OwnedObjectPath, OwnedVariant};

/// Longest signal that is read, bytes. What services say of firmware has a tenth of it. Any connection may send us one, and
/// each byte of an array becomes a value of some 60 bytes: this comes to 2 MB at most.
const LONGEST: usize = 16 * 1024;
/// Longest list of a service's objects that is read, bytes: 256 images. It comes to 32 MB at most while it is read, and only
/// what owns a name below the software's is asked.
const LONGEST_LIST: usize = 256 * 1024;

/// Properties by name, `a{sv}`.
pub type Properties = HashMap<String, OwnedVariant>;
/// Interfaces with their properties, `a{sa{sv}}`.
pub type Interfaces = HashMap<String, Properties>;
/// Objects with their interfaces, `a{oa{sa{sv}}}`.
pub type Objects = HashMap<OwnedObjectPath, Interfaces>;

/// What was said.
#[derive(Debug)]
pub enum Said {
    /// Interfaces appeared on the object.
    Added(Interfaces),
    /// Interfaces are gone from the object.
    Removed(Vec<String>),
    /// Properties of one of the object's interfaces changed.
    Changed {
        /// Of which interface.
        interface: String,
        /// Those with their new values.
        properties: Properties,
    },
}

/// One signal.
#[derive(Debug)]
pub struct Announcement {
    /// Unique name of whoever said it.
    pub sender: String,
    /// The object that it is about.
    pub path: String,
    /// What was said.
    pub said: Said,
}

/// Which signals tell of objects that come and go.
pub fn objects_rule() -> zbus::Result<MatchRule<'static>> {
    MatchRule::builder().msg_type(MessageType::Signal).path(ROOT).interface(OBJECT_MANAGER).build()
}

/// Which signals tell of activations that change.
pub fn activations_rule() -> zbus::Result<MatchRule<'static>> {
    MatchRule::builder()
        .msg_type(MessageType::Signal)
        .path_namespace(ROOT)
        .interface(PROPERTIES)
        .member("PropertiesChanged")
        .arg0ns(ACTIVATION)
        .build()
}

/// Which signals tell of anything at or below the root. One rule, so that they come in the order in which they were sent.
pub fn everything_rule() -> zbus::Result<MatchRule<'static>> {
    MatchRule::builder().msg_type(MessageType::Signal).path_namespace(ROOT).build()
}

impl Announcement {
    /// Reads a signal; `None` for one that is none of these, malformed, or longer than anything that is meant for us.
    pub fn of(message: &Message) -> Option<Self> {
        let (header, body) = (message.header(), message.body());
        if body.len() > LONGEST {
            return None;
        }
        let sender = header.sender()?.to_string();
        let (path, said) = match header.member()?.as_str() {
            "InterfacesAdded" => {
                let (path, interfaces): (OwnedObjectPath, Interfaces) = body.deserialize().ok()?;
                (path.as_str().to_owned(), Said::Added(interfaces))
            }
            "InterfacesRemoved" => {
                let (path, interfaces): (OwnedObjectPath, Vec<String>) = body.deserialize().ok()?;
                (path.as_str().to_owned(), Said::Removed(interfaces))
            }
            "PropertiesChanged" => {
                let (interface, properties, _): (String, Properties, Vec<String>) =
                    body.deserialize().ok()?;
                (header.path()?.as_str().to_owned(), Said::Changed { interface, properties })
            }
            _ => return None,
        };
        Some(Self { sender, path, said })
    }
}

/// All objects that a connection has below the software root.
///
/// Errors: as the bus or the peer says, and the connection's method time limit.
pub async fn managed_objects(connection: &Connection, owner: &str) -> zbus::Result<Objects> {
    Ok(managed_objects_at(connection, owner).await?.0)
}

/// The same, and when the answer came among all that comes over the connection: signals of the same owner may have come
/// after it and been heard before.
pub async fn managed_objects_at(connection: &Connection, owner: &str) -> zbus::Result<(Objects, Sequence)> {
    let reply =
        connection.call_method(Some(owner), ROOT, Some(OBJECT_MANAGER), "GetManagedObjects", &()).await?;
    let body = reply.body();
    if body.len() > LONGEST_LIST {
        let said = format!("{owner} lists {} bytes of objects, more than {LONGEST_LIST}", body.len());
        return Err(zbus::Error::Failure(said));
    }
    Ok((body.deserialize()?, reply.recv_position()))
}

/// A text among properties.
pub fn text(properties: &Properties, name: &str) -> Option<String> {
    Some(properties.get(name)?.downcast_ref::<&str>().ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::Variant;

    fn changed(length: usize) -> Option<Announcement> {
        let text = "x".repeat(length);
        let body = (ACTIVATION, HashMap::from([("Activation", Variant::from(text))]), Vec::<String>::new());
        let message = Message::signal(ROOT, PROPERTIES, "PropertiesChanged").sender(":1.7");
        Announcement::of(&message.build(&body).unwrap())
    }

    #[test]
    fn a_signal_that_is_longer_than_any_of_ours_is_not_read() {
        assert!(changed(1_000).is_some());
        assert!(changed(LONGEST).is_none());
    }
}
