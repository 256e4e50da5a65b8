//! What was kept is put back under today's schema.

use crate::inventory::Inventory;
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
}

impl<'r> Restoring<'r> {
    /// Puts them into this inventory.
    pub fn new(schema: &'r Schema, inventory: &'r mut Inventory) -> Self {
        Self { schema, inventory, unknown: BTreeSet::new() }
    }

    /// Puts one back. Values for properties that the schema no longer knows, or that no longer fit, are left out.
    pub fn take(&mut self, entry: &Entry) {
        let (path, interface, properties) = match entry {
            Entry::Set { path, interface, properties } => (path, interface, properties),
            Entry::Remove { path } => {
                self.inventory.remove(self.schema, path);
                return;
            }
        };
        if dbus_api::inventory::relative_path(path).is_none() || crate::dbus::full_path(path).is_err() {
            log::warn!("persisted values passed over: no object can be called object={path}");
            return;
        }
        let Some(known) = self.schema.interface(interface) else {
            self.unknown.insert(interface.clone());
            return;
        };
        let values = properties
            .iter()
            .filter_map(|(name, json)| Some((name.as_str(), known.get(name)?.kind.from_json(json)?)));
        self.inventory.restore(self.schema, path, interface, values);
    }

    /// Tells what could not be put back.
    pub fn finish(self) {
        for interface in self.unknown {
            log::warn!(
                "persisted values kept aside: the schema no longer has their interface interface={interface}"
            );
        }
    }
}
