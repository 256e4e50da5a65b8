//! The inventory itself: objects, their interfaces and properties, and what a change of them means.
//!
//! Knows neither bus nor disk: a change is first planned, so that it can be written down before
//! anybody sees it, and then applied.

use crate::schema::{Access, Schema};
use crate::types::Value;
use dbus_api::inventory::received::{Given, Properties, Received};
use std::collections::BTreeMap;

/// Property values by name; complete, that is every property of the interface has one.
pub type PropertyValues = BTreeMap<String, Value>;

/// One interface of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct HostedInterface {
    /// Its values.
    pub values: PropertyValues,
    /// Whether the disk holds just these values. A direct `Set` is live only.
    pub persisted: bool,
}

/// Interfaces by name.
pub type HostedObject = BTreeMap<String, HostedInterface>;

/// All objects, by path relative to the inventory's root.
#[derive(Debug, Default)]
pub struct Inventory {
    objects: BTreeMap<String, HostedObject>,
}

/// What one `Notify` is going to change.
#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    /// Interfaces with their new values, in the order of application.
    pub updates: Vec<Update>,
    /// Objects that will appear or gain interfaces: path and the new interfaces.
    pub added: Vec<(String, Vec<String>)>,
    /// Interfaces that nobody knows here; they are passed over.
    pub skipped: Vec<(String, String)>,
    /// Why the call stops half-way, if it does.
    pub fault: Option<NotifyError>,
}

/// New values for one interface.
#[derive(Debug, PartialEq)]
pub struct Update {
    /// The object.
    pub path: String,
    /// The interface.
    pub interface: String,
    /// All its values after the change.
    pub values: PropertyValues,
    /// Properties whose value differs from before; empty for a new interface.
    pub changed: Vec<String>,
    /// Whether the values are to be written to disk.
    pub persist: bool,
}

/// Why a `Notify` failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// A value cannot be converted to its property's type.
    #[error("{path}: {interface}.{property} is of type {expected}, which {given} does not convert to")]
    Value {
        /// The object.
        path: String,
        /// The interface.
        interface: String,
        /// The property.
        property: String,
        /// Its D-Bus type.
        expected: String,
        /// What was given.
        given: String,
    },
    /// The inventory's root itself, or a path that is too long to be kept.
    #[error("{path} is not the path of an inventory object, or too long for one")]
    Path {
        /// The path that was given.
        path: String,
    },
    /// One call names an object in both forms of its path.
    #[error("{path} is named twice, with and without the inventory's root")]
    Twice {
        /// The object.
        path: String,
    },
}

/// Why a property could not be set directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the D-Bus error names")]
pub enum SetError {
    UnknownObject,
    UnknownInterface,
    UnknownProperty,
    ReadOnly,
    InvalidValue,
}

impl Inventory {
    /// The objects, by relative path.
    pub fn objects(&self) -> &BTreeMap<String, HostedObject> {
        &self.objects
    }

    /// Puts back what the disk held.
    ///
    /// Values for properties that the schema no longer knows, or that no longer fit, are left out.
    pub fn restore(&mut self, path: &str, interface: &str, values: PropertyValues) {
        let hosted = HostedInterface { values, persisted: true };
        self.objects.entry(path.to_owned()).or_default().insert(interface.to_owned(), hosted);
    }

    /// Works out what a `Notify` changes; nothing is changed yet.
    ///
    /// Source: the contract of phosphor-inventory-manager: objects in path order, interfaces and
    /// properties in name order; an unknown interface is passed over, an unknown property
    /// ignored; at a value that does not convert, the call stops with all before it in force.
    pub fn plan(&self, schema: &Schema, received: &Received<'_>) -> Plan {
        let mut plan = Plan::default();
        if let Err(fault) = self.plan_objects(schema, received, &mut plan) {
            plan.fault = Some(fault);
        }
        plan
    }

    fn plan_objects(
        &self,
        schema: &Schema,
        received: &Received<'_>,
        plan: &mut Plan,
    ) -> Result<(), NotifyError> {
        let mut objects = BTreeMap::new();
        for (path, interfaces) in &received.0 {
            // With and without the root they are the same object, and a call says each thing once.
            if let Some(relative) = dbus_api::inventory::relative_path(path)
                && objects.insert(relative, interfaces).is_some()
            {
                return Err(NotifyError::Twice { path: relative.to_owned() });
            }
        }
        for (path, interfaces) in &received.0 {
            let relative = dbus_api::inventory::relative_path(path).filter(|relative| can_be_kept(relative));
            let relative = relative.ok_or_else(|| NotifyError::Path { path: (*path).to_owned() })?;
            self.plan_object(schema, relative, interfaces, plan)?;
        }
        Ok(())
    }

    fn plan_object(
        &self,
        schema: &Schema,
        path: &str,
        interfaces: &BTreeMap<&str, Properties<'_>>,
        plan: &mut Plan,
    ) -> Result<(), NotifyError> {
        let mut added = Vec::new();
        for (&interface, given) in interfaces {
            let Some(properties) = schema.interface(interface) else {
                plan.skipped.push((path.to_owned(), interface.to_owned()));
                continue;
            };
            let known = self.objects.get(path).and_then(|object| object.get(interface));
            let mut values = match known {
                Some(hosted) => hosted.values.clone(),
                None => {
                    properties.iter().map(|(name, schema)| (name.clone(), schema.initial.clone())).collect()
                }
            };
            let mut changed = Vec::new();
            let mut fault = None;
            for (&property, given) in given {
                let Some(schema) = properties.get(property) else { continue };
                let Some(value) = schema.kind.accept(given) else {
                    fault = Some(NotifyError::Value {
                        path: path.to_owned(),
                        interface: interface.to_owned(),
                        property: property.to_owned(),
                        expected: schema.kind.signature().into_owned(),
                        given: describe(given),
                    });
                    break;
                };
                if known.is_some_and(|known| known.values.get(property) != Some(&value)) {
                    changed.push(property.to_owned());
                }
                values.insert(property.to_owned(), value);
            }
            if known.is_none() && fault.is_none() {
                added.push(interface.to_owned());
            }
            // A new interface with a fault never comes into being; a known one keeps what was
            // assigned before the fault, unwritten.
            let live = known.map_or(fault.is_none(), |_| !changed.is_empty());
            let persist =
                fault.is_none() && known.is_none_or(|known| !known.persisted || !changed.is_empty());
            if live || persist {
                let (path, interface) = (path.to_owned(), interface.to_owned());
                plan.updates.push(Update { path, interface, values, changed, persist });
            }
            if let Some(fault) = fault {
                return Err(fault);
            }
        }
        if !added.is_empty() {
            plan.added.push((path.to_owned(), added));
        }
        Ok(())
    }

    /// Puts a plan into force.
    pub fn apply(&mut self, updates: &[Update]) {
        for update in updates {
            let hosted = HostedInterface { values: update.values.clone(), persisted: update.persist };
            self.objects.entry(update.path.clone()).or_default().insert(update.interface.clone(), hosted);
        }
    }

    /// Sets one property live, not on disk; returns whether its value changed.
    pub fn set(
        &mut self,
        schema: &Schema,
        path: &str,
        interface: &str,
        property: &str,
        given: &Given<'_>,
    ) -> Result<bool, SetError> {
        let object = self.objects.get_mut(path).ok_or(SetError::UnknownObject)?;
        let hosted = object.get_mut(interface).ok_or(SetError::UnknownInterface)?;
        let property_schema = schema
            .interface(interface)
            .and_then(|properties| properties.get(property))
            .ok_or(SetError::UnknownProperty)?;
        if property_schema.access == Access::Read {
            return Err(SetError::ReadOnly);
        }
        let value = property_schema.kind.accept_exact(given).ok_or(SetError::InvalidValue)?;
        let old = hosted.values.insert(property.to_owned(), value);
        let changed = old.as_ref() != hosted.values.get(property);
        hosted.persisted &= !changed;
        Ok(changed)
    }

    /// Takes an object out; returns the names of its interfaces.
    pub fn remove(&mut self, path: &str) -> Option<Vec<String>> {
        self.objects.remove(path).map(|object| object.into_keys().collect())
    }
}

/// Longest element of a path, and longest path, of which files can be named.
const ELEMENT_LIMIT: usize = 240;
const PATH_LIMIT: usize = 2_000;

/// Whether files can be named after an object.
pub(crate) fn can_be_kept(path: &str) -> bool {
    path.len() <= PATH_LIMIT && path.split('/').all(|element| element.len() <= ELEMENT_LIMIT)
}

fn describe(given: &Given<'_>) -> String {
    match given {
        Given::Bool(value) => format!("b {value}"),
        Given::Size(value) => format!("t {value}"),
        Given::Signed(value) => format!("x {value}"),
        Given::Short(value) => format!("q {value}"),
        Given::Text(value) => format!("s {value:?}"),
        Given::Bytes(value) => format!("ay of {} bytes", value.len()),
        Given::Texts(value) => format!("as of {} texts", value.len()),
        Given::Exact(exact) => format!("{exact:?}, a type that only a direct Set may use"),
        Given::Other(signature) => format!("a value of type {signature}"),
    }
}

#[cfg(test)]
mod tests;
