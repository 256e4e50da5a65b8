//! What replies and signals carry, borrowed from the inventory.

use crate::inventory::{HostedInterface, HostedObject, Inventory};
use crate::schema::Schema;
use crate::types::Wire;
use std::collections::{BTreeMap, HashMap};
use zbus::ObjectPath;

/// `a{sv}`
pub type Properties<'a> = BTreeMap<&'a str, Wire<'a>>;
/// `a{sa{sv}}`
pub type Interfaces<'a> = BTreeMap<&'a str, Properties<'a>>;

/// The values of one interface; `only` limits them to the properties named.
pub fn all_properties<'a>(
    schema: &'a Schema,
    interface: &str,
    hosted: &'a HostedInterface,
    only: Option<&[String]>,
) -> Properties<'a> {
    let Some(properties) = schema.interface(interface) else { return Properties::new() };
    hosted
        .values
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| only.contains(name)))
        .filter_map(|(name, value)| Some((name.as_str(), Wire(&properties.get(name)?.kind, value))))
        .collect()
}

/// The value of one property.
pub fn property<'a>(
    schema: &'a Schema,
    interface: &str,
    hosted: &'a HostedInterface,
    property: &str,
) -> Option<Wire<'a>> {
    Some(Wire(&schema.interface(interface)?.get(property)?.kind, hosted.values.get(property)?))
}

/// The interfaces of one object; `only` limits them to those named.
pub fn interfaces_of<'a>(
    schema: &'a Schema,
    object: &'a HostedObject,
    only: Option<&[String]>,
) -> Interfaces<'a> {
    object
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| only.contains(name)))
        .map(|(name, hosted)| (name.as_str(), all_properties(schema, name, hosted, None)))
        .collect()
}

/// `a{oa{sa{sv}}}`: everything.
pub fn managed_objects<'a>(
    schema: &'a Schema,
    inventory: &'a Inventory,
) -> zbus::Result<HashMap<ObjectPath<'static>, Interfaces<'a>>> {
    inventory
        .objects()
        .iter()
        .map(|(path, object)| Ok((super::full_path(path)?, interfaces_of(schema, object, None))))
        .collect()
}
