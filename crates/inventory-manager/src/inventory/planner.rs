//! Makes a plan while the message is read: nothing of it is held but the values that the inventory is going to hold.

use super::plan::{New, Plan, PlannedInterface, PlannedObject};
use super::{HostedInterface, HostedObject, Inventory, NotifyError, can_be_kept};
use crate::limits::{Bound, Exceeded, OBJECTS, PROPERTIES};
use crate::schema::{InterfaceSchema, Place, PropertySchema, Schema};
use crate::types::{Value, busctl};
use dbus_api::inventory::received::{Given, Receiver, Wish};
use dbus_api::inventory::relative_path;

/// So many unknown interfaces are named in the log.
const SKIPPED: usize = 16;

/// Makes a plan of what it is told.
pub(super) struct Planner<'p, 'a> {
    inventory: &'p Inventory,
    schema: &'p Schema,
    plan: Plan<'a>,
    /// What is known of the object that is being read.
    known: Option<&'p HostedObject>,
    /// The interface and the property that are being read.
    interface: Option<&'p InterfaceSchema>,
    property: Option<(Place, &'a str)>,
    /// So many interfaces and properties the call has named.
    interfaces: usize,
    properties: usize,
    objects: usize,
    pub(super) exceeded: Option<Exceeded>,
}

impl<'p, 'a> Planner<'p, 'a> {
    pub(super) fn new(inventory: &'p Inventory, schema: &'p Schema) -> Self {
        Self {
            inventory,
            schema,
            plan: Plan::default(),
            known: None,
            interface: None,
            property: None,
            interfaces: 0,
            properties: 0,
            objects: 0,
            exceeded: None,
        }
    }

    /// Counts what a call names, known or not; a call that names more than there may be is refused before it is built.
    fn named(&mut self, bound: Bound, count: usize) -> Result<(), Wish> {
        bound.check(0, count).map_err(|exceeded| {
            self.exceeded = Some(exceeded);
            Wish::Stop
        })
    }

    fn hosted(&self, interface: Place) -> Option<&'p HostedInterface> {
        self.known.and_then(|known| known.interface(interface))
    }

    /// The interface is read.
    fn close_interface(&mut self) {
        let Some(schema) = self.interface.take() else { return };
        let Some(place) = self.schema.place(schema.name()) else { return };
        let hosted = self.hosted(place);
        let Some(object) = self.plan.objects.last_mut() else { return };
        let Some(one) = object.interfaces.last_mut() else { return };
        if let Some((fault, _)) = &one.fault {
            one.new.retain(|new| new.property < *fault);
        }
        // A new interface with a fault never comes into being; a known one keeps what was assigned before the fault,
        // unwritten.
        let is_live = hosted.map_or(one.fault.is_none(), |_| one.new.iter().any(|new| new.is_changed));
        let differs = hosted.is_none_or(|hosted| !hosted.persisted || !one.new.is_empty());
        one.persist = one.fault.is_none() && differs;
        one.is_new = hosted.is_none();
        if !is_live && !one.persist {
            one.new.clear();
            one.is_new = false;
        }
        one.new.shrink_to_fit();
    }

    /// The object is read.
    fn close_object(&mut self) {
        self.close_interface();
        let Some(object) = self.plan.objects.last_mut() else { return };
        object.interfaces.sort_by_key(|one| one.interface);
        // Of an interface that is named twice the later one counts, as in any dictionary.
        object.interfaces.dedup_by(|later, earlier| {
            let is_same = later.interface == earlier.interface;
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        if let Some(faulty) = object.interfaces.iter().position(|one| one.fault.is_some()) {
            object.interfaces.truncate(faulty + 1);
            object.fault =
                object.interfaces.last_mut().and_then(|one| one.fault.take()).map(|(_, fault)| fault);
        }
        object.interfaces.retain(|one| one.is_new || one.persist || !one.new.is_empty());
        object.interfaces.shrink_to_fit();
    }

    /// The message is read.
    pub(super) fn finish(mut self) -> Plan<'a> {
        self.close_object();
        let mut plan = self.plan;
        // With and without the root they are the same object, and a call says each thing once.
        plan.objects.sort_by_key(|object| object.path);
        let twice = plan.objects.windows(2).find(|two| two[0].path == two[1].path);
        if let Some(two) = twice {
            let fault = NotifyError::Twice { path: two[0].path.to_owned() };
            return Plan { fault: Some(fault), ..Plan::default() };
        }
        if let Some(faulty) = plan.objects.iter().position(|object| object.fault.is_some()) {
            plan.objects.truncate(faulty + 1);
            plan.fault = plan.objects.last().and_then(|object| object.fault.as_deref().cloned());
        }
        plan.objects.retain(|object| !object.interfaces.is_empty());
        plan
    }

    /// The value that a property is to have, or why it cannot have it.
    fn accept(
        &self,
        property: &str,
        schema: &PropertySchema,
        given: Given<'a>,
    ) -> Result<Value, Box<NotifyError>> {
        schema.kind.accept(given).map_err(|given| {
            let path = self.plan.objects.last().map_or("", |object| object.path);
            Box::new(NotifyError::Value {
                path: path.to_owned(),
                interface: self.interface.map_or("", InterfaceSchema::name).to_owned(),
                property: property.to_owned(),
                expected: schema.kind.described(),
                given: busctl::given(&given),
            })
        })
    }
}

impl<'a> Receiver<'a> for Planner<'_, 'a> {
    fn object(&mut self, path: &'a str) -> Wish {
        self.close_object();
        self.objects += 1;
        if let Err(wish) = self.named(Bound::Objects, self.objects) {
            return wish;
        }
        reserve(&mut self.plan.objects, OBJECTS);
        let relative = relative_path(path).filter(|relative| can_be_kept(relative));
        let fault = relative.is_none().then(|| Box::new(NotifyError::Path { path: path.to_owned() }));
        let path = relative.unwrap_or(path);
        self.plan.objects.push(PlannedObject { path, interfaces: Vec::new(), fault });
        self.known = self.inventory.objects.get(path);
        if relative.is_some() { Wish::Take } else { Wish::Pass }
    }

    fn interface(&mut self, name: &'a str) -> Wish {
        self.close_interface();
        self.interfaces += 1;
        if let Err(wish) = self.named(Bound::Properties, self.interfaces) {
            return wish;
        }
        let Some(object) = self.plan.objects.last_mut() else { return Wish::Pass };
        let Some(place) = self.schema.place(name) else {
            self.plan.skipped_count += 1;
            if self.plan.skipped.len() < SKIPPED {
                self.plan.skipped.push((object.path, name));
            }
            return Wish::Pass;
        };
        self.interface = self.schema.at(place);
        reserve(&mut object.interfaces, self.schema.len());
        object.interfaces.push(PlannedInterface {
            interface: place,
            is_new: false,
            persist: false,
            new: Vec::new(),
            fault: None,
        });
        Wish::Take
    }

    fn property(&mut self, name: &'a str) -> Wish {
        self.properties += 1;
        if let Err(wish) = self.named(Bound::Properties, self.properties) {
            return wish;
        }
        self.property = self.interface.and_then(|interface| interface.place(name)).map(|place| (place, name));
        if self.property.is_some() { Wish::Take } else { Wish::Pass }
    }

    fn value(&mut self, given: Given<'a>) -> Wish {
        let Some(((property, name), interface)) = self.property.zip(self.interface) else {
            return Wish::Pass;
        };
        let Some((_, schema)) = interface.at(property) else { return Wish::Pass };
        let accepted = self.accept(name, schema, given);
        let Some(object) = self.plan.objects.last_mut() else { return Wish::Pass };
        let Some(one) = object.interfaces.last_mut() else { return Wish::Pass };
        let hosted = self.known.and_then(|known| known.interface(one.interface));
        let value = match accepted {
            Ok(value) => value,
            Err(fault) => {
                if one.fault.as_ref().is_none_or(|(earlier, _)| property < *earlier) {
                    one.fault = Some((property, fault));
                }
                return Wish::Pass;
            }
        };
        let found = one.new.binary_search_by_key(&property, |new| new.property);
        if hosted.and_then(|hosted| hosted.held(property)) == Some(&value) {
            // Of a property that is named twice the later one counts.
            if let Ok(found) = found {
                one.new.remove(found);
            }
            return Wish::Take;
        }
        let is_changed = hosted.is_some_and(|hosted| hosted.value(interface, property) != Some(&value));
        let new = New { property, is_changed, value };
        match found {
            Ok(found) => one.new[found] = new,
            Err(found) => {
                reserve(&mut one.new, interface.len());
                one.new.insert(found, new);
            }
        }
        Wish::Take
    }
}

/// Makes room for one more, by a quarter and not the double; never for more than there can be.
fn reserve<T>(list: &mut Vec<T>, most: usize) {
    if list.len() == list.capacity() {
        let more = (list.len() / 4).clamp(1, PROPERTIES).min(most.saturating_sub(list.len()).max(1));
        list.reserve_exact(more);
    }
}
