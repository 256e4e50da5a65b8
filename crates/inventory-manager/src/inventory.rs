//! The inventory itself: objects, their interfaces and properties, and what a change of them means.
//!
//! Knows neither bus nor disk: a change is first planned, so that it can be refused or written down before it is seen, and
//! then applied. Of an interface only what was given is held; every other property has what the schema says that it starts
//! with.

mod aside;
mod errors;
mod plan;
mod planner;
mod setting;

pub use aside::Aside;
pub use errors::{NotifyError, PlanError, SetError};
pub use plan::{Plan, Told};
pub use setting::Setting;

use crate::limits::{self, Bound, Exceeded, PER_OBJECT, Totals};
use crate::schema::{InterfaceSchema, Place, Schema};
use crate::types::Value;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use std::collections::BTreeMap;

/// Property values by name.
pub type PropertyValues = BTreeMap<String, Value>;

/// A value that was given to a property.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    property: Place,
    value: Value,
}

/// One interface of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct HostedInterface {
    /// Which of the schema.
    pub interface: Place,
    /// Whether the disk holds just these values. A direct `Set` is live only, but for what belongs to the machine's owner.
    pub persisted: bool,
    /// What was given, in the order of places.
    held: Box<[Held]>,
}

/// One object.
#[derive(Debug, Default)]
pub struct HostedObject {
    /// In the order of places.
    interfaces: Vec<HostedInterface>,
    /// As counted.
    size: usize,
}

/// All objects, by path relative to the inventory's root.
#[derive(Debug, Default)]
pub struct Inventory {
    objects: BTreeMap<String, HostedObject>,
    /// What is kept of interfaces without being shown; few objects have any.
    aside: BTreeMap<String, BTreeMap<Place, Aside>>,
    totals: Totals,
}

impl HostedInterface {
    /// The value of a property that its schema has.
    pub fn value<'a>(&'a self, schema: &'a InterfaceSchema, property: Place) -> Option<&'a Value> {
        match self.held(property) {
            Some(value) => Some(value),
            None => schema.at(property).map(|(_, schema)| &schema.initial),
        }
    }

    /// What was given to a property.
    fn held(&self, property: Place) -> Option<&Value> {
        let found = self.held.binary_search_by_key(&property, |held| held.property).ok()?;
        self.held.get(found).map(|held| &held.value)
    }

    /// Holds these values instead of or beside what it held; both in the order of places.
    fn hold(&mut self, values: Vec<Held>) {
        if self.held.is_empty() {
            self.held = values.into();
            return;
        }
        let mut all = std::mem::take(&mut self.held).into_vec();
        for new in values {
            match all.binary_search_by_key(&new.property, |held| held.property) {
                Ok(found) => all[found] = new,
                Err(found) => all.insert(found, new),
            }
        }
        self.held = all.into();
    }
}

impl HostedObject {
    /// Its interfaces, in the order of their names.
    pub fn interfaces(&self) -> &[HostedInterface] {
        &self.interfaces
    }

    /// One of them.
    pub fn interface(&self, interface: Place) -> Option<&HostedInterface> {
        self.interfaces.get(self.find(interface).ok()?)
    }

    fn find(&self, interface: Place) -> Result<usize, usize> {
        self.interfaces.binary_search_by_key(&interface, |hosted| hosted.interface)
    }

    /// The interface, which appears if need be, with nothing given.
    fn make(&mut self, interface: Place) -> &mut HostedInterface {
        let found = self.find(interface).unwrap_or_else(|found| {
            let hosted = HostedInterface { interface, persisted: true, held: Box::default() };
            // One for one: an object has its interfaces once and for all, mostly.
            self.interfaces.reserve_exact(1);
            self.interfaces.insert(found, hosted);
            found
        });
        &mut self.interfaces[found]
    }

    /// What is counted for an object of this path.
    fn totals(&self, schema: &Schema) -> Totals {
        let properties = self.interfaces.iter().filter_map(|hosted| schema.at(hosted.interface));
        Totals { bytes: self.size, objects: 1, properties: properties.map(count).sum() }
    }
}

/// So many properties an interface counts as.
fn count(schema: &InterfaceSchema) -> usize {
    schema.len().max(limits::LEAST_PROPERTIES)
}

impl Inventory {
    /// The objects, by relative path.
    pub fn objects(&self) -> &BTreeMap<String, HostedObject> {
        &self.objects
    }

    /// Bytes that an object counts as, or one of its interfaces where one is named.
    pub fn size_of(&self, schema: &Schema, path: &str, interface: &str) -> Option<usize> {
        let object = self.objects.get(path)?;
        if interface.is_empty() {
            return Some(object.size);
        }
        let place = schema.place(interface)?;
        Some(size(object.interface(place)?, schema.at(place)?))
    }

    /// How much there is, as [`crate::limits`] counts it.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The value of a property of an object's interface, if it has that interface.
    pub fn value<'a>(
        &'a self,
        schema: &'a Schema,
        path: &str,
        interface: &str,
        property: &str,
    ) -> Option<&'a Value> {
        let place = schema.place(interface)?;
        let schema = schema.at(place)?;
        self.objects.get(path)?.interface(place)?.value(schema, schema.place(property)?)
    }

    /// Puts back what the disk held, in place of what is there of this interface; bounds do not count. Values of properties
    /// that the schema does not know are left out.
    ///
    /// Tells whether the schema knows the interface.
    pub fn restore(
        &mut self,
        schema: &Schema,
        path: &str,
        interface: &str,
        values: impl IntoIterator<Item = (impl AsRef<str>, Value)>,
    ) -> bool {
        let Some((place, interface)) = schema.place(interface).and_then(|at| Some((at, schema.at(at)?)))
        else {
            return false;
        };
        let held = |(name, value): (_, Value)| {
            let property = interface.place(AsRef::<str>::as_ref(&name))?;
            Some(Held { property, value })
        };
        let mut held: Vec<Held> = values.into_iter().filter_map(held).collect();
        held.sort_by_key(|held| held.property);
        self.assign(schema, path, place, held, true);
        true
    }

    /// As [`Self::restore`], of an interface that the object does not have, and within the bounds.
    ///
    /// Errors: the bound that it would break; nothing is changed.
    pub fn admit(
        &mut self,
        schema: &Schema,
        path: &str,
        interface: &str,
        values: PropertyValues,
    ) -> Result<bool, Exceeded> {
        let Some(known) = schema.interface(interface) else { return Ok(false) };
        let grown = values.iter().map(|(name, value)| {
            (value.size(), known.get(name).map_or(0, |property| property.initial.size()))
        });
        let (added, replaced) = grown.fold((known.size(), 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        self.room_for(path, added - replaced, count(known))?;
        Ok(self.restore(schema, path, interface, values))
    }

    /// Whether an object may grow so much. Errors: the bound that it would break.
    fn room_for(&self, path: &str, bytes: usize, properties: usize) -> Result<(), Exceeded> {
        let known = self.objects.get(path);
        let (size, objects) = known.map_or((PER_OBJECT + path.len(), 1), |object| (object.size, 0));
        Bound::Object.check(known.map_or(0, |object| object.size), size + bytes)?;
        let bytes = bytes + if known.is_some() { 0 } else { size };
        let before = self.totals;
        let after = Totals {
            bytes: before.bytes + bytes,
            objects: before.objects + objects,
            properties: before.properties + properties,
        };
        after.check(before)
    }

    /// Gives one property of an object what the machine's configuration wants there, live only; the interface appears if need
    /// be. Tells whether it did.
    ///
    /// Errors: the bound that it would break; nothing is changed.
    pub fn configure(
        &mut self,
        schema: &Schema,
        path: &str,
        place: Place,
        property: Place,
        value: Value,
    ) -> Result<bool, Exceeded> {
        let Some(interface) = schema.at(place) else { return Ok(false) };
        let hosted = self.objects.get(path).and_then(|object| object.interface(place));
        let is_new = hosted.is_none();
        let old = match hosted {
            Some(hosted) => hosted.value(interface, property),
            None => interface.at(property).map(|(_, schema)| &schema.initial),
        };
        let grown = value.size().saturating_sub(old.map_or(0, Value::size));
        let (bytes, properties) = if is_new { (interface.size(), count(interface)) } else { (0, 0) };
        if grown + bytes > 0 {
            self.room_for(path, grown + bytes, properties)?;
        }
        self.assign_some(schema, path, place, vec![Held { property, value }], false);
        Ok(is_new)
    }

    /// Takes an object out; returns its interfaces.
    pub fn remove(&mut self, schema: &Schema, path: &str) -> Option<Vec<Place>> {
        let object = self.objects.remove(path)?;
        self.aside.remove(path);
        let gone = object.totals(schema);
        self.totals = Totals {
            bytes: self.totals.bytes - gone.bytes,
            objects: self.totals.objects - gone.objects,
            properties: self.totals.properties - gone.properties,
        };
        Some(object.interfaces.iter().map(|hosted| hosted.interface).collect())
    }

    /// Has an interface hold these values and no others.
    fn assign(&mut self, schema: &Schema, path: &str, interface: Place, held: Vec<Held>, persisted: bool) {
        self.change(schema, path, interface, persisted, |hosted| hosted.held = held.into());
    }

    /// Has an interface hold these values too.
    fn assign_some(
        &mut self,
        schema: &Schema,
        path: &str,
        interface: Place,
        held: Vec<Held>,
        persisted: bool,
    ) {
        self.change(schema, path, interface, persisted, |hosted| hosted.hold(held));
    }

    /// Changes one interface, which appears if need be, and keeps count.
    fn change(
        &mut self,
        schema: &Schema,
        path: &str,
        place: Place,
        persisted: bool,
        change: impl FnOnce(&mut HostedInterface),
    ) {
        let Some(interface) = schema.at(place) else { return };
        if !self.objects.contains_key(path) {
            let size = PER_OBJECT + path.len();
            self.objects.insert(path.to_owned(), HostedObject { interfaces: Vec::new(), size });
            self.totals.objects += 1;
            self.totals.bytes += size;
        }
        let Some(object) = self.objects.get_mut(path) else { return };
        let before = match object.interface(place) {
            Some(hosted) => size(hosted, interface),
            None => {
                self.totals.properties += count(interface);
                0
            }
        };
        let hosted = object.make(place);
        hosted.persisted = persisted;
        change(hosted);
        let after = size(hosted, interface);
        object.size = object.size + after - before;
        self.totals.bytes = self.totals.bytes + after - before;
    }
}

/// The counted size of an interface.
fn size(hosted: &HostedInterface, schema: &InterfaceSchema) -> usize {
    let initial = |property| schema.at(property).map_or(0, |(_, schema)| schema.initial.size());
    let held = hosted.held.iter().map(|held| (held.value.size(), initial(held.property)));
    let (added, replaced) = held.fold((schema.size(), 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    added - replaced
}

/// What of an interface is kept: the values that were given, old ones and new ones, by name, and those that cannot be shown.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    schema: &'a InterfaceSchema,
    old: &'a [Held],
    new: &'a [plan::New],
    aside: Option<&'a Aside>,
}

impl Kept<'_> {
    /// Whether a property of this name has a value that can be shown.
    fn is_given(&self, name: &str) -> bool {
        self.schema.place(name).is_some_and(|place| {
            self.old.iter().any(|held| held.property == place)
                || self.new.iter().any(|new| new.property == place)
        })
    }
}

impl Serialize for Kept<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, json) in self.aside.into_iter().flatten().filter(|(name, _)| !self.is_given(name)) {
            map.serialize_entry(name, json)?;
        }
        let (mut old, mut new) = (self.old.iter().peekable(), self.new.iter().peekable());
        loop {
            let next = [old.peek().map(|held| held.property), new.peek().map(|new| new.property)];
            let Some(property) = next.into_iter().flatten().min() else { return map.end() };
            let replaced = old.next_if(|held| held.property == property).map(|held| &held.value);
            let given = new.next_if(|new| new.property == property).map(|new| &new.value);
            if let (Some((name, _)), Some(value)) = (self.schema.at(property), given.or(replaced)) {
                map.serialize_entry(name, value)?;
            }
        }
    }
}

/// Longest element of a path, and longest path, of which files can be named.
const ELEMENT_LIMIT: usize = 240;
const PATH_LIMIT: usize = 2_000;
/// Most elements of a path. Each is a folder that is made and read again at each start; real paths have ten.
const DEPTH_LIMIT: usize = 16;

/// Whether files can be named after an object.
pub(crate) fn can_be_kept(path: &str) -> bool {
    let elements = || path.trim_start_matches('/').split('/');
    path.len() <= PATH_LIMIT
        && elements().count() <= DEPTH_LIMIT
        && elements().all(|element| element.len() <= ELEMENT_LIMIT)
}

#[cfg(test)]
mod tests;
