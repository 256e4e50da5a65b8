use crate::error::CallFailure;
use crate::inventory::Inventory;
use crate::limits::{BODY, OBJECTS};
use crate::schema::Schema;
use dbus_api::inventory::received::Given;
use dbus_api::inventory::{ROOT, deletion, manager};
use dbus_api::standard::{INTROSPECTABLE, OBJECT_MANAGER, PEER, PROPERTIES};
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use std::fmt;
use zbus::Message;
use zbus::message::{Body, Header};
use zbus::{Signature, Type};

/// One call, with its body still packed.
#[derive(Debug)]
pub struct Call<'a> {
    /// The object that was called.
    pub path: &'a str,
    interface: Option<&'a str>,
    method: &'a str,
    body: &'a Body,
}

/// What a call asks for.
#[derive(Debug)]
#[expect(missing_docs, reason = "the variants are the methods and their arguments")]
pub enum Request<'a> {
    Ping,
    MachineId,
    Introspect,
    Get {
        interface: &'a str,
        property: &'a str,
    },
    GetAll {
        interface: &'a str,
    },
    Set {
        interface: &'a str,
        property: &'a str,
        value: Given<'a>,
    },
    ManagedObjects,
    /// The objects are still packed.
    Notify(&'a Body),
    Delete(Vec<&'a str>),
}

/// Paths, no more than one beyond the objects that there may be.
struct Paths<'a>(Vec<&'a str>);

impl Type for Paths<'_> {
    const SIGNATURE: &'static Signature = <[&str]>::SIGNATURE;
}

impl<'de: 'a, 'a> Deserialize<'de> for Paths<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PathsVisitor).map(Paths)
    }
}

struct PathsVisitor;

impl<'de> Visitor<'de> for PathsVisitor {
    type Value = Vec<&'de str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("paths")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut paths = Vec::new();
        while let Some(path) = elements.next_element()? {
            if paths.len() <= OBJECTS {
                paths.push(path);
            }
        }
        Ok(paths)
    }
}

/// Every method that is served: interface, name, and whether only the root has it.
const METHODS: [(&str, &str, bool); 9] = [
    (PEER, "Ping", false),
    (PEER, "GetMachineId", false),
    (INTROSPECTABLE, "Introspect", false),
    (PROPERTIES, "Get", false),
    (PROPERTIES, "GetAll", false),
    (PROPERTIES, "Set", false),
    (OBJECT_MANAGER, "GetManagedObjects", true),
    (manager::INTERFACE, manager::NOTIFY, true),
    (deletion::INTERFACE, deletion::DELETE, true),
];

/// Whether a call is of a method that changes something.
pub fn changes(message: &Message) -> bool {
    let header = message.header();
    header.member().is_some_and(|name| [manager::NOTIFY, deletion::DELETE, "Set"].contains(&name.as_str()))
}

/// What the values that a call asks for come to, if it is for all objects or for all properties of one.
pub fn all_asked_for(message: &Message, schema: &Schema, inventory: &Inventory) -> Option<usize> {
    let header = message.header();
    let path = header.path()?.as_str().strip_prefix(ROOT)?;
    match header.member()?.as_str() {
        "GetManagedObjects" if path.is_empty() => Some(inventory.totals().bytes),
        "GetAll" => inventory.size_of(schema, path, message.body().deserialize().ok()?),
        _ => None,
    }
}

impl<'a> Call<'a> {
    /// The parts of a method call message; `None` when it lacks the fields that every call has.
    pub fn new(header: &'a Header<'a>, body: &'a Body) -> Option<Self> {
        Some(Self {
            path: header.path()?.as_str(),
            interface: header.interface().map(|name| name.as_str()),
            method: header.member()?.as_str(),
            body,
        })
    }

    /// The path below the inventory's root: empty for the root itself, `None` outside it.
    pub fn relative_path(&self) -> Option<&'a str> {
        let relative = self.path.strip_prefix(ROOT)?;
        (relative.is_empty() || relative.starts_with('/')).then_some(relative)
    }

    /// Whether the called object offers an interface that has methods, and therefore no properties.
    pub fn offers(&self, interface: &str) -> bool {
        let is_root = self.path == ROOT;
        METHODS.iter().any(|(name, _, root_only)| *name == interface && (is_root || !root_only))
    }

    /// Decodes the call.
    pub fn request(&self) -> Result<Request<'a>, CallFailure> {
        let (interface, method) = self.method()?;
        if self.body.len() > BODY {
            return Err(CallFailure::TooLarge { length: self.body.len(), limit: BODY });
        }
        // No message of the bus's lacks the body that its signature speaks of: it was longer than is taken.
        if self.body.is_empty() && *self.body.signature() != Signature::Unit {
            return Err(CallFailure::Cut { method: self.method.to_owned() });
        }
        Ok(match (interface, method) {
            (PEER, "Ping") => Request::Ping,
            (PEER, _) => Request::MachineId,
            (INTROSPECTABLE, _) => Request::Introspect,
            (PROPERTIES, "Get") => {
                let (interface, property) = self.arguments()?;
                Request::Get { interface, property }
            }
            (PROPERTIES, "GetAll") => {
                let (interface,) = self.arguments()?;
                Request::GetAll { interface }
            }
            (PROPERTIES, _) => {
                let (interface, property, value) = self.arguments()?;
                Request::Set { interface, property, value }
            }
            (OBJECT_MANAGER, _) => Request::ManagedObjects,
            (manager::INTERFACE, _) => Request::Notify(self.body),
            _ => match self.arguments()? {
                Paths(paths) if paths.len() > OBJECTS => {
                    return Err(CallFailure::TooManyPaths { limit: OBJECTS });
                }
                Paths(paths) => Request::Delete(paths),
            },
        })
    }

    /// A call that names no interface means whichever has the method.
    fn method(&self) -> Result<(&'static str, &'static str), CallFailure> {
        let is_root = self.path == ROOT;
        METHODS
            .iter()
            .find(|(interface, method, root_only)| {
                *method == self.method
                    && self.interface.is_none_or(|wanted| wanted == *interface)
                    && (is_root || !root_only)
            })
            .map(|(interface, method, _)| (*interface, *method))
            .ok_or_else(|| CallFailure::UnknownMethod {
                interface: self.interface.unwrap_or_default().to_owned(),
                method: self.method.to_owned(),
            })
    }

    fn arguments<T: Deserialize<'a> + Type>(&self) -> Result<T, CallFailure> {
        self.body.deserialize().map_err(|error| CallFailure::Arguments {
            method: self.method.to_owned(),
            reason: error.to_string(),
        })
    }
}
