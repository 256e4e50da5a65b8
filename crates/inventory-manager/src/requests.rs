//! What each request does to the inventory, and what the bus hears of it.

use crate::associations::Associations;
use crate::dbus::{self, Call, Request};
use crate::error::CallFailure;
use crate::inventory::{HostedInterface, Inventory, Plan, Update};
use crate::schema::Schema;
use crate::store::{Entry, Store};
use dbus_api::inventory::ROOT;
use dbus_api::inventory::received::{Given, Received};
use dbus_api::standard::{OBJECT_MANAGER, PROPERTIES, error};
use durable_state::RealDisk;
use service_runtime::daemon::raw;
use std::collections::{BTreeMap, BTreeSet};
use zbus::Message;
use zbus::message::Header;

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

/// Largest body of a `Notify`, bytes; the whole inventory of a large machine is a tenth of it.
pub const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// The reply, or why there is none.
pub type Reply = Result<zbus::Result<Message>, CallFailure>;

impl State<'_> {
    /// Performs one call: its signals are added to `signals`, its reply is the result.
    pub fn perform(&mut self, call: &Call<'_>, header: &Header<'_>, signals: &mut Vec<Message>) -> Reply {
        let reply = || Message::method_return(header);
        Ok(match call.request()? {
            Request::Ping => reply().build(&()),
            Request::MachineId => reply().build(&raw::machine_id()),
            Request::Introspect => reply().build(&self.introspect(call)?),
            Request::Get { interface, property } => {
                let hosted = self.hosted(call, interface)?;
                let value = dbus::property(self.schema, interface, hosted, property);
                reply().build(&value.ok_or_else(|| CallFailure::UnknownProperty {
                    interface: interface.to_owned(),
                    property: property.to_owned(),
                })?)
            }
            Request::GetAll { interface: "" } => {
                let object = self.inventory.objects().get(self.existing(call)?);
                let all: BTreeMap<_, _> = object
                    .into_iter()
                    .flatten()
                    .flat_map(|(name, hosted)| dbus::all_properties(self.schema, name, hosted, None))
                    .collect();
                reply().build(&all)
            }
            Request::GetAll { interface } if call.offers(interface) && self.existing(call).is_ok() => {
                reply().build(&BTreeMap::<&str, zbus::Variant<'_>>::new())
            }
            Request::GetAll { interface } => {
                let hosted = self.hosted(call, interface)?;
                reply().build(&dbus::all_properties(self.schema, interface, hosted, None))
            }
            Request::Set { interface, property, value } => {
                self.set(call, interface, property, &value, signals)?;
                reply().build(&())
            }
            Request::ManagedObjects => match dbus::managed_objects(self.schema, self.inventory) {
                Ok(objects) => reply().build(&objects),
                Err(error) => Err(error),
            },
            Request::Notify(received) => {
                self.notify(&received, signals)?;
                reply().build(&())
            }
            Request::Delete(paths) => reply().build(&self.delete(&paths, signals)?),
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

    fn hosted(&self, call: &Call<'_>, interface: &str) -> Result<&HostedInterface, CallFailure> {
        let relative = self.existing(call)?;
        self.inventory.objects().get(relative).and_then(|object| object.get(interface)).ok_or_else(|| {
            CallFailure::UnknownInterface { path: call.path.to_owned(), interface: interface.to_owned() }
        })
    }

    fn set(
        &mut self,
        call: &Call<'_>,
        interface: &str,
        property: &str,
        value: &Given<'_>,
        signals: &mut Vec<Message>,
    ) -> Result<(), CallFailure> {
        let relative = self.existing(call)?;
        let changed =
            self.inventory.set(self.schema, relative, interface, property, value).map_err(|reason| {
                CallFailure::Set {
                    path: call.path.to_owned(),
                    interface: interface.to_owned(),
                    property: property.to_owned(),
                    reason,
                }
            })?;
        if changed {
            self.announce_changes(relative, interface, &[property.to_owned()], signals);
        }
        Ok(())
    }

    fn notify(&mut self, received: &Received<'_>, signals: &mut Vec<Message>) -> Result<(), CallFailure> {
        let mut plan = self.inventory.plan(self.schema, received);
        let batch: Vec<Entry> = plan.updates.iter().filter(|update| update.persist).map(entry).collect();
        self.store.write(&batch).map_err(|error| {
            log::error!("the inventory cannot be written: {error}");
            CallFailure::Store(error)
        })?;
        self.inventory.apply(&plan.updates);
        self.associate(&mut plan);
        for (path, interface) in &plan.skipped {
            log::warn!("the schema has no such interface, skipped object={path} interface={interface}");
        }
        self.announce(&plan, signals);
        match plan.fault {
            Some(fault) => {
                let extent = if plan.updates.is_empty() { "changed nothing" } else { "stopped half-way" };
                log::warn!("Notify {extent}: {fault}");
                Err(fault.into())
            }
            None => Ok(()),
        }
    }

    /// New objects get the associations that are configured for them, in the same announcement.
    fn associate(&mut self, plan: &mut Plan) {
        let updates = self.associations.updates(self.schema, self.inventory);
        self.inventory.apply(&updates);
        for update in updates {
            if update.changed.is_empty() {
                let name = update.interface.clone();
                match plan.added.iter_mut().find(|(path, _)| *path == update.path) {
                    Some((_, interfaces)) => interfaces.push(name),
                    None => plan.added.push((update.path.clone(), vec![name])),
                }
            }
            plan.updates.push(update);
        }
    }

    fn announce(&self, plan: &Plan, signals: &mut Vec<Message>) {
        for update in &plan.updates {
            if !update.changed.is_empty() {
                self.announce_changes(&update.path, &update.interface, &update.changed, signals);
            }
        }
        for (path, interfaces) in &plan.added {
            let Some(object) = self.inventory.objects().get(path) else { continue };
            let body = (path_of(path), dbus::interfaces_of(self.schema, object, Some(interfaces)));
            queue(Message::signal(ROOT, OBJECT_MANAGER, "InterfacesAdded").build(&body), signals);
        }
    }

    fn announce_changes(&self, path: &str, interface: &str, changed: &[String], signals: &mut Vec<Message>) {
        let Some(hosted) = self.inventory.objects().get(path).and_then(|object| object.get(interface)) else {
            return;
        };
        let values = dbus::all_properties(self.schema, interface, hosted, Some(changed));
        let body = (interface, values, [""; 0].as_slice());
        queue(Message::signal(path_of(path), PROPERTIES, "PropertiesChanged").build(&body), signals);
    }

    /// All or none: a path that is not there stops the call before anything is removed.
    fn delete(&mut self, paths: &[&str], signals: &mut Vec<Message>) -> Result<u32, CallFailure> {
        let mut doomed = BTreeSet::new();
        for path in paths {
            let relative = dbus_api::inventory::relative_path(path)
                .filter(|relative| self.inventory.objects().contains_key(*relative))
                .ok_or_else(|| CallFailure::UnknownObject { path: (*path).to_owned() })?;
            doomed.insert(relative.to_owned());
        }
        let batch: Vec<Entry> = doomed.iter().map(|path| Entry::Remove { path: path.clone() }).collect();
        self.store.write(&batch).map_err(CallFailure::Store)?;
        for path in &doomed {
            let interfaces = self.inventory.remove(path).unwrap_or_default();
            let body = (path_of(path), interfaces);
            queue(Message::signal(ROOT, OBJECT_MANAGER, "InterfacesRemoved").build(&body), signals);
        }
        Ok(u32::try_from(doomed.len()).unwrap_or(u32::MAX))
    }
}

fn entry(update: &Update) -> Entry {
    let properties = update.values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
    Entry::Set { path: update.path.clone(), interface: update.interface.clone(), properties }
}

/// Every relative path came over the bus as an object path, or from disk under the same rules.
fn path_of(relative: &str) -> zbus::ObjectPath<'static> {
    dbus::full_path(relative).unwrap_or_else(|_| zbus::ObjectPath::from_static_str_unchecked(ROOT))
}

fn queue(signal: zbus::Result<Message>, signals: &mut Vec<Message>) {
    match signal {
        Ok(signal) => signals.push(signal),
        Err(error) => log::error!("{}: cannot build a signal: {error}", error::OPENBMC_INTERNAL_FAILURE),
    }
}
