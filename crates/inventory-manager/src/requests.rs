//! What each request does to the inventory, and what the bus hears of it.

mod outgoing;

pub use outgoing::Outgoing;

use crate::associations::Associations;
use crate::dbus::{self, Call, Request};
use crate::error::CallFailure;
use crate::inventory::{HostedInterface, Inventory, PlanError, SetError, Told};
use crate::schema::{InterfaceSchema, Schema};
use crate::store::{Change, Store};
use dbus_api::inventory::received::Given;
use durable_state::RealDisk;
use service_runtime::daemon::raw;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use zbus::Message;
use zbus::message::{Body, Header};

/// What a request may read and change.
#[derive(Debug)]
pub struct State<'a> {
    /// What may be hosted.
    pub schema: &'a Schema,
    /// What is hosted.
    pub inventory: &'a mut Inventory,
    /// What machine layers configure beside it.
    pub associations: &'a mut Associations,
    /// What is kept.
    pub store: &'a mut Store<RealDisk>,
}

/// The reply, or why there is none.
pub type Reply = Result<zbus::Result<Message>, CallFailure>;

impl State<'_> {
    /// Performs one call: what is to be told of it is added to `told`, its reply is the result.
    pub fn perform(&mut self, call: &Call<'_>, header: &Header<'_>, told: &mut Vec<Told>) -> Reply {
        let reply = || Message::method_return(header);
        Ok(match call.request()? {
            Request::Ping => reply().build(&()),
            Request::MachineId => reply().build(&raw::machine_id()),
            Request::Introspect => reply().build(&self.introspect(call)?),
            Request::Get { interface, property } => {
                let (schema, hosted) = self.hosted(call, interface)?;
                let value = dbus::property(schema, hosted, property);
                reply().build(&value.ok_or_else(|| CallFailure::UnknownProperty {
                    interface: interface.to_owned(),
                    property: property.to_owned(),
                })?)
            }
            Request::GetAll { interface: "" } => {
                let object = self.inventory.objects().get(self.existing(call)?);
                let hosted = object.into_iter().flat_map(|object| object.interfaces());
                let all: BTreeMap<_, _> = hosted
                    .filter_map(|hosted| {
                        Some(dbus::Properties {
                            schema: self.schema.at(hosted.interface)?,
                            hosted,
                            only: None,
                        })
                    })
                    .flat_map(dbus::Properties::iter)
                    .collect();
                reply().build(&all)
            }
            Request::GetAll { interface } if call.offers(interface) && self.existing(call).is_ok() => {
                reply().build(&BTreeMap::<&str, zbus::Variant<'_>>::new())
            }
            Request::GetAll { interface } => {
                let (schema, hosted) = self.hosted(call, interface)?;
                reply().build(&dbus::Properties { schema, hosted, only: None })
            }
            Request::Set { interface, property, value } => {
                self.set(call, interface, property, value, told)?;
                reply().build(&())
            }
            Request::ManagedObjects => {
                reply().build(&dbus::Objects { schema: self.schema, inventory: self.inventory })
            }
            Request::Notify(body) => {
                self.notify(body, told)?;
                reply().build(&())
            }
            Request::Delete(paths) => reply().build(&self.delete(&paths, told)?),
        })
    }

    fn introspect(&self, call: &Call<'_>) -> Result<String, CallFailure> {
        dbus::describe(self.schema, self.inventory, call.path)
            .ok_or_else(|| CallFailure::UnknownObject { path: call.path.to_owned() })
    }

    /// The relative path of the called object, which exists (the root counts).
    fn existing<'a>(&self, call: &Call<'a>) -> Result<&'a str, CallFailure> {
        call.relative_path()
            .filter(|relative| relative.is_empty() || self.inventory.objects().contains_key(*relative))
            .ok_or_else(|| CallFailure::UnknownObject { path: call.path.to_owned() })
    }

    fn hosted(
        &self,
        call: &Call<'_>,
        interface: &str,
    ) -> Result<(&InterfaceSchema, &HostedInterface), CallFailure> {
        let relative = self.existing(call)?;
        let found = || {
            let place = self.schema.place(interface)?;
            let hosted = self.inventory.objects().get(relative)?.interface(place)?;
            Some((self.schema.at(place)?, hosted))
        };
        found().ok_or_else(|| CallFailure::UnknownInterface {
            path: call.path.to_owned(),
            interface: interface.to_owned(),
        })
    }

    fn set(
        &mut self,
        call: &Call<'_>,
        interface: &str,
        property: &str,
        value: Given<'_>,
        told: &mut Vec<Told>,
    ) -> Result<(), CallFailure> {
        let relative = self.existing(call)?;
        let planned = self.inventory.plan_set(self.schema, relative, interface, property, value);
        let planned = planned.map_err(|reason| match reason {
            SetError::LimitsExceeded(exceeded) => CallFailure::Exceeded(exceeded),
            reason => CallFailure::Set {
                path: call.path.to_owned(),
                interface: interface.to_owned(),
                property: property.to_owned(),
                reason,
            },
        })?;
        let Some(setting) = planned else { return Ok(()) };
        if let Some((path, interface, kept)) = setting.change(self.inventory, self.schema) {
            let change = Change::Set { path, interface, properties: &kept };
            self.store.write(&|take| take(change)).map_err(unwritten)?;
        }
        told.push(Told { changed: [setting.place()].into(), ..Told::of(relative) });
        self.inventory.set(self.schema, setting);
        Ok(())
    }

    fn notify(&mut self, body: &Body, told: &mut Vec<Told>) -> Result<(), CallFailure> {
        let mut plan = self.inventory.plan(self.schema, body).map_err(|error| match error {
            PlanError::Exceeded(exceeded) => {
                log::warn!("Notify changed nothing: {exceeded}");
                CallFailure::Exceeded(exceeded)
            }
            PlanError::Body(error) => {
                CallFailure::Arguments { method: "Notify".to_owned(), reason: error.to_string() }
            }
        })?;
        let (inventory, schema) = (&*self.inventory, self.schema);
        let written = self.store.write(&|take| {
            plan.changes(inventory, schema).try_for_each(|(path, interface, kept)| {
                take(Change::Set { path, interface, properties: &kept })
            })
        });
        written.map_err(unwritten)?;
        for (path, interface) in &plan.skipped {
            log::warn!("the schema has no such interface, skipped object={path} interface={interface}");
        }
        if plan.skipped_count > plan.skipped.len() {
            log::warn!("{} more were skipped", plan.skipped_count - plan.skipped.len());
        }
        let fault = plan.fault.take();
        let extent = if plan.is_empty() { "changed nothing" } else { "stopped half-way" };
        *told = self.inventory.apply(self.schema, plan);
        self.associate(told);
        match fault {
            Some(fault) => {
                log::warn!("Notify {extent}: {fault}");
                Err(fault.into())
            }
            None => Ok(()),
        }
    }

    /// New objects get the associations that are configured for them, in the same announcement.
    fn associate(&mut self, told: &mut Vec<Told>) {
        for associated in self.associations.apply(self.schema, self.inventory) {
            let (interface, _) = associated.place;
            if !associated.is_new {
                told.push(Told { changed: [associated.place].into(), ..Told::of(&associated.path) });
                continue;
            }
            match told.iter_mut().find(|one| *one.path == *associated.path && !one.added.is_empty()) {
                Some(one) => one.added.push(interface),
                None => told.push(Told { added: vec![interface], ..Told::of(&associated.path) }),
            }
        }
    }

    /// All or none: a path that is not there stops the call before anything is removed.
    fn delete(&mut self, paths: &[&str], told: &mut Vec<Told>) -> Result<u32, CallFailure> {
        let mut doomed = BTreeSet::new();
        for path in paths {
            let relative = dbus_api::inventory::relative_path(path)
                .filter(|relative| self.inventory.objects().contains_key(*relative))
                .ok_or_else(|| CallFailure::UnknownObject { path: (*path).to_owned() })?;
            doomed.insert(relative);
        }
        let written =
            self.store.write(&|take| doomed.iter().try_for_each(|path| take(Change::Remove { path })));
        written.map_err(CallFailure::Store)?;
        for path in &doomed {
            let removed = self.inventory.remove(self.schema, path).unwrap_or_default();
            told.push(Told { removed, ..Told::of(path) });
        }
        Ok(u32::try_from(doomed.len()).unwrap_or(u32::MAX))
    }
}

fn unwritten(error: io::Error) -> CallFailure {
    log::error!("the inventory cannot be written: {error}");
    CallFailure::Store(error)
}

#[cfg(test)]
mod tests;
