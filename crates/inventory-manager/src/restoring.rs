//! What was kept is put back under today's schema.

use crate::inventory::{Aside, Inventory};
use crate::schema::Schema;
use crate::store::Entry;
use std::collections::BTreeSet;

/// Takes entries in the order in which they count.
///
/// Nothing that was acknowledged is left out: bounds do not count here.
#[derive(Debug)]
pub struct Restoring<'r> {
    schema: &'r Schema,
    inventory: &'r mut Inventory,
    /// Interfaces that the schema does not know.
    unknown: BTreeSet<String>,
    /// Properties, by their interfaces, of which there are values that the schema does not know or that do not fit it.
    unfit: BTreeSet<(String, String)>,
}

/// So many properties are named in the log.
const NAMED: usize = 16;

impl<'r> Restoring<'r> {
    /// Puts them into this inventory.
    pub fn new(schema: &'r Schema, inventory: &'r mut Inventory) -> Self {
        Self { schema, inventory, unknown: BTreeSet::new(), unfit: BTreeSet::new() }
    }

    /// Puts one back. Values for properties that the schema no longer knows, or that no longer fit, are kept aside: not shown,
    /// and still there when a later schema knows them.
    pub fn take(&mut self, entry: Entry) {
        let (path, interface, properties) = match entry {
            Entry::Set { path, interface, properties } => (path, interface, properties),
            Entry::Remove { path } => {
                self.inventory.remove(self.schema, &path);
                return;
            }
        };
        let (path, interface) = (path.as_str(), interface.as_str());
        if dbus_api::inventory::relative_path(path).is_none() || crate::dbus::full_path(path).is_err() {
            log::warn!("persisted values passed over: no object can be called object={path}");
            return;
        }
        let Some(known) = self.schema.interface(interface) else {
            self.unknown.insert(interface.to_owned());
            return;
        };
        let (mut values, mut aside) = (Vec::with_capacity(properties.len()), Aside::new());
        for (name, json) in properties {
            match known.get(&name).and_then(|property| property.kind.from_json(&json)) {
                Some(value) => values.push((name, value)),
                None => {
                    self.unfit.insert((interface.to_owned(), name.clone()));
                    aside.insert(name, json);
                }
            }
        }
        self.inventory.restore(self.schema, path, interface, values);
        self.inventory.keep_aside(self.schema, path, interface, aside);
    }

    /// Tells what could not be put back.
    pub fn finish(self) {
        for interface in self.unknown {
            log::warn!(
                "persisted values kept aside: the schema no longer has their interface interface={interface}"
            );
        }
        for (interface, property) in self.unfit.iter().take(NAMED) {
            log::warn!(
                "persisted values kept aside: the schema has no such property, or another type for it \
                 interface={interface} property={property}"
            );
        }
        if let Some(more) = self.unfit.len().checked_sub(NAMED).filter(|more| *more > 0) {
            log::warn!("persisted values kept aside: so are those of {more} more properties");
        }
    }
}
