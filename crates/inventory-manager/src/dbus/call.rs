use crate::error::CallFailure;
use crate::requests::BODY_LIMIT;
use dbus_api::inventory::received::{Given, Received};
use dbus_api::inventory::{ROOT, deletion, manager};
use dbus_api::standard::{INTROSPECTABLE, OBJECT_MANAGER, PEER, PROPERTIES};
use serde::Deserialize;
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
pub enum Request<'a> {
    Ping,
    MachineId,
    Introspect,
    Get { interface: &'a str, property: &'a str },
    GetAll { interface: &'a str },
    Set { interface: &'a str, property: &'a str, value: Given<'a> },
    ManagedObjects,
    Notify(Received<'a>),
    Delete(Vec<&'a str>),
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
            (manager::INTERFACE, _) if self.body.len() > BODY_LIMIT => {
                return Err(CallFailure::TooLarge { length: self.body.len(), limit: BODY_LIMIT });
            }
            (manager::INTERFACE, _) => Request::Notify(self.arguments()?),
            _ => {
                let (paths,) = self.arguments()?;
                Request::Delete(paths)
            }
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
        // No message of the bus's lacks the body that its signature speaks of: it was longer than is taken.
        if self.body.is_empty() && *self.body.signature() != Signature::Unit {
            return Err(CallFailure::Cut { method: self.method.to_owned() });
        }
        self.body.deserialize().map_err(|error| CallFailure::Arguments {
            method: self.method.to_owned(),
            reason: error.to_string(),
        })
    }
}
