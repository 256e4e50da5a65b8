//! What a `Notify` is going to change.

use super::planner::Planner;
use super::{Held, HostedInterface, Inventory, Kept, NotifyError, PlanError, count};
use crate::limits::{Bound, Exceeded, PER_OBJECT};
use crate::schema::{InterfaceSchema, Place, Schema};
use crate::types::Value;
use dbus_api::inventory::received;
use zbus::message::Body;

/// What one `Notify` is going to change.
#[derive(Debug, Default, PartialEq)]
pub struct Plan<'a> {
    pub(super) objects: Vec<PlannedObject<'a>>,
    /// The first interfaces that the schema does not know, with their objects; all of them are passed over.
    pub skipped: Vec<(&'a str, &'a str)>,
    /// How many there are.
    pub skipped_count: usize,
    /// Why the call stops half-way, if it does.
    pub fault: Option<NotifyError>,
}

#[derive(Debug, PartialEq)]
pub(super) struct PlannedObject<'a> {
    pub(super) path: &'a str,
    pub(super) interfaces: Vec<PlannedInterface>,
    pub(super) fault: Option<Box<NotifyError>>,
}

#[derive(Debug, PartialEq)]
pub(super) struct PlannedInterface {
    pub(super) interface: Place,
    pub(super) is_new: bool,
    /// Whether the values are to be written to disk.
    pub(super) persist: bool,
    /// In the order of places.
    pub(super) new: Vec<New>,
    pub(super) fault: Option<(Place, Box<NotifyError>)>,
}

/// A value for one property.
#[derive(Debug, PartialEq)]
pub(super) struct New {
    pub(super) property: Place,
    /// Whether it differs from what a known interface shows.
    pub(super) is_changed: bool,
    pub(super) value: Value,
}

/// What is new about one object, to be told to those who listen.
#[derive(Debug, PartialEq)]
pub struct Told {
    /// The object.
    pub path: Box<str>,
    /// Properties of interfaces that it had, whose values are others now; those of one interface follow each other.
    pub changed: Box<[(Place, Place)]>,
    /// Interfaces that it did not have.
    pub added: Vec<Place>,
    /// Interfaces that it had.
    pub removed: Vec<Place>,
}

impl Told {
    /// Nothing about an object.
    pub fn of(path: &str) -> Self {
        Self { path: path.into(), changed: Box::default(), added: Vec::new(), removed: Vec::new() }
    }
}

impl Inventory {
    /// Works out what a `Notify` changes; nothing is changed yet.
    ///
    /// Source: the contract of phosphor-inventory-manager: objects in path order, interfaces and properties in name order; an
    /// unknown interface is passed over, an unknown property ignored; at a value that does not convert, the call stops with all
    /// before it in force. Bounds stop it as a whole.
    pub fn plan<'a>(&self, schema: &Schema, body: &'a Body) -> Result<Plan<'a>, PlanError> {
        let mut planner = Planner::new(self, schema);
        let read = received::read(body, &mut planner);
        if let Some(exceeded) = planner.exceeded {
            return Err(PlanError::Exceeded(exceeded));
        }
        read.map_err(PlanError::Body)?;
        let plan = planner.finish();
        plan.check(self, schema).map_err(PlanError::Exceeded)?;
        Ok(plan)
    }

    /// Puts a plan into force; what is new is the result.
    pub fn apply(&mut self, schema: &Schema, plan: Plan<'_>) -> Vec<Told> {
        let mut all = Vec::with_capacity(plan.objects.len());
        for object in plan.objects {
            let is_added = |one: &&PlannedInterface| one.is_new && object.fault.is_none();
            let added = object.interfaces.iter().filter(is_added).map(|one| one.interface).collect();
            let changed = object.interfaces.iter().filter(|one| !one.is_new).flat_map(|one| {
                let changed = one.new.iter().filter(|new| new.is_changed);
                changed.map(move |new| (one.interface, new.property))
            });
            all.push(Told { changed: changed.collect(), added, ..Told::of(object.path) });
            for PlannedInterface { interface, persist, new, .. } in object.interfaces {
                let held = new.into_iter().map(|new| Held { property: new.property, value: new.value });
                self.assign_some(schema, object.path, interface, held.collect(), persist);
            }
        }
        all
    }
}

impl<'a> Plan<'a> {
    /// Whether nothing comes into force.
    pub fn is_empty(&self) -> bool {
        self.objects.iter().all(|object| object.interfaces.is_empty())
    }

    /// What is to be written to disk: object, interface, and all its values after the change.
    pub fn changes<'p>(
        &'p self,
        inventory: &'p Inventory,
        schema: &'p Schema,
    ) -> impl Iterator<Item = (&'p str, &'p str, Kept<'p>)> {
        self.objects.iter().flat_map(move |object| {
            let known = inventory.objects.get(object.path);
            object.interfaces.iter().filter(|one| one.persist).filter_map(move |one| {
                let schema = schema.at(one.interface)?;
                let old = known.and_then(|known| known.interface(one.interface));
                let old = old.map_or(&[][..], |hosted| &hosted.held);
                let aside = inventory.aside(object.path, one.interface);
                Some((object.path, schema.name(), Kept { schema, old, new: &one.new, aside }))
            })
        })
    }

    /// Whether the inventory may become what it will be. Errors: the first bound that it breaks.
    fn check(&self, inventory: &Inventory, schema: &Schema) -> Result<(), Exceeded> {
        let mut after = inventory.totals;
        for object in self.objects.iter().filter(|object| !object.interfaces.is_empty()) {
            let known = inventory.objects.get(object.path);
            let before = known.map_or(0, |known| known.size);
            let mut size = known.map_or(PER_OBJECT + object.path.len(), |known| known.size);
            after.objects += usize::from(known.is_none());
            for one in &object.interfaces {
                let Some(schema) = schema.at(one.interface) else { continue };
                if one.is_new {
                    size += schema.size();
                    after.properties += count(schema);
                }
                let hosted = known.and_then(|known| known.interface(one.interface));
                size = one.new.iter().fold(size, |size, new| {
                    size + new.value.size() - shown(hosted, schema, new.property).map_or(0, Value::size)
                });
            }
            Bound::Object.check(before, size)?;
            after.bytes = after.bytes + size - before;
        }
        after.check(inventory.totals)
    }
}

/// What a property shows, or would if its interface were there.
fn shown<'s>(
    hosted: Option<&'s HostedInterface>,
    schema: &'s InterfaceSchema,
    property: Place,
) -> Option<&'s Value> {
    match hosted {
        Some(hosted) => hosted.value(schema, property),
        None => schema.at(property).map(|(_, schema)| &schema.initial),
    }
}
