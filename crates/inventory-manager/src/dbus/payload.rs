//! What replies and signals carry, taken straight from the inventory while it is serialised.

use crate::inventory::{HostedInterface, HostedObject, Inventory};
use crate::schema::{InterfaceSchema, Place, Schema};
use crate::types::Wire;
use dbus_api::inventory::ROOT;
use dbus_api::inventory::notification::Notification;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use zbus::{Signature, Type, Variant};

/// `a{sv}`: the values of one interface.
#[derive(Debug, Clone, Copy)]
pub struct Properties<'a> {
    /// The interface.
    pub schema: &'a InterfaceSchema,
    /// What it holds.
    pub hosted: &'a HostedInterface,
    /// Limits them to these.
    pub only: Option<&'a [(Place, Place)]>,
}

/// `a{sa{sv}}`: the interfaces of one object.
#[derive(Debug, Clone, Copy)]
pub struct Interfaces<'a> {
    /// What may be hosted.
    pub schema: &'a Schema,
    /// The object.
    pub object: &'a HostedObject,
    /// Limits them to these.
    pub only: Option<&'a [Place]>,
}

/// `a{oa{sa{sv}}}`: everything.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a> {
    /// What may be hosted.
    pub schema: &'a Schema,
    /// What is hosted.
    pub inventory: &'a Inventory,
}

const PROPERTIES: &Signature = &Signature::static_dict(&Signature::Str, Variant::SIGNATURE);
const INTERFACES: &Signature = &Signature::static_dict(&Signature::Str, PROPERTIES);

impl Type for Properties<'_> {
    const SIGNATURE: &'static Signature = PROPERTIES;
}

impl Type for Interfaces<'_> {
    const SIGNATURE: &'static Signature = INTERFACES;
}

impl Type for Objects<'_> {
    const SIGNATURE: &'static Signature = Notification::SIGNATURE;
}

impl<'a> Properties<'a> {
    /// Names and values.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Wire<'a>)> {
        let is_meant =
            move |place| self.only.is_none_or(|only| only.iter().any(|(_, property)| *property == place));
        self.schema.iter().filter(move |(place, ..)| is_meant(*place)).filter_map(
            move |(place, name, property)| {
                Some((name, Wire(&property.kind, self.hosted.value(self.schema, place)?)))
            },
        )
    }
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for Interfaces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for hosted in self.object.interfaces() {
            if self.only.is_some_and(|only| !only.contains(&hosted.interface)) {
                continue;
            }
            if let Some(schema) = self.schema.at(hosted.interface) {
                map.serialize_entry(schema.name(), &Properties { schema, hosted, only: None })?;
            }
        }
        map.end()
    }
}

impl Serialize for Objects<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (path, object) in self.inventory.objects() {
            let interfaces = Interfaces { schema: self.schema, object, only: None };
            map.serialize_entry(&format!("{ROOT}{path}"), &interfaces)?;
        }
        map.end()
    }
}

/// The value of one property.
pub fn property<'a>(
    schema: &'a InterfaceSchema,
    hosted: &'a HostedInterface,
    property: &str,
) -> Option<Wire<'a>> {
    let place = schema.place(property)?;
    Some(Wire(&schema.at(place)?.1.kind, hosted.value(schema, place)?))
}
