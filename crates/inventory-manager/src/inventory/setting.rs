//! One property set directly, by a client.

use super::plan::New;
use super::{Held, Inventory, Kept, SetError};
use crate::schema::{Access, Place, Schema};
use crate::types::busctl;
use dbus_api::inventory::received::Given;

/// A value that is going to be set.
#[derive(Debug, PartialEq)]
pub struct Setting<'a> {
    path: &'a str,
    interface: Place,
    new: [New; 1],
    is_kept: bool,
}

impl Setting<'_> {
    /// The interface and the property.
    pub fn place(&self) -> (Place, Place) {
        let [new] = &self.new;
        (self.interface, new.property)
    }

    /// What is to be written to disk before: object, interface, and all its values after the change. Nothing where the
    /// interface is not the owner's, and what is set is live only.
    pub fn change<'s>(
        &'s self,
        inventory: &'s Inventory,
        schema: &'s Schema,
    ) -> Option<(&'s str, &'s str, Kept<'s>)> {
        let schema = schema.at(self.interface).filter(|_| self.is_kept)?;
        let hosted = inventory.objects.get(self.path)?.interface(self.interface)?;
        let aside = inventory.aside(self.path, self.interface);
        Some((self.path, schema.name(), Kept { schema, old: &hosted.held, new: &self.new, aside }))
    }
}

impl Inventory {
    /// Works out what a direct `Set` does; nothing is changed yet, and nothing has to be where the value is there already.
    pub fn plan_set<'a>(
        &self,
        schema: &Schema,
        path: &'a str,
        interface: &str,
        property: &str,
        given: Given<'_>,
    ) -> Result<Option<Setting<'a>>, SetError> {
        let object = self.objects.get(path).ok_or(SetError::UnknownObject)?;
        let place = schema.place(interface).ok_or(SetError::UnknownInterface)?;
        let hosted = object.interface(place).ok_or(SetError::UnknownInterface)?;
        let interface = schema.at(place).ok_or(SetError::UnknownInterface)?;
        let property = interface.place(property).ok_or(SetError::UnknownProperty)?;
        let (_, known) = interface.at(property).ok_or(SetError::UnknownProperty)?;
        if known.access == Access::Read {
            return Err(SetError::ReadOnly);
        }
        let value = known.kind.accept_exact(given).map_err(|given| SetError::InvalidValue {
            expected: known.kind.described(),
            given: busctl::given(&given),
        })?;
        let old = hosted.value(interface, property).unwrap_or(&known.initial);
        if *old == value {
            return Ok(None);
        }
        let grown = value.size().saturating_sub(old.size());
        if grown > 0 {
            self.room_for(path, grown, 0).map_err(SetError::LimitsExceeded)?;
        }
        let new = [New { property, is_changed: true, value }];
        Ok(Some(Setting { path, interface: place, new, is_kept: known.owner }))
    }

    /// Sets a value.
    pub fn set(&mut self, schema: &Schema, setting: Setting<'_>) {
        let Setting { path, interface, new: [New { property, value, .. }], is_kept } = setting;
        self.assign_some(schema, path, interface, vec![Held { property, value }], is_kept);
    }
}
