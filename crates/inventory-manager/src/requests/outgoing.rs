//! What a call has the service send: signals, then the reply. A signal is built when its turn comes, as all of a large call
//! together are larger than the call.

use crate::dbus;
use crate::inventory::{Inventory, Told};
use crate::schema::{Place, Schema};
use dbus_api::inventory::ROOT;
use dbus_api::standard::{OBJECT_MANAGER, PROPERTIES, error};
use std::collections::VecDeque;
use zbus::Message;

/// So many messages are handed out at once, unless they have so many bytes before.
const MESSAGES: usize = 64;
const BYTES: usize = 64 * 1024;

/// What is to be sent, in order.
///
/// The inventory must stay as the call has left it until all is handed out.
#[derive(Debug, Default)]
pub struct Outgoing {
    told: Vec<Told>,
    /// Objects of which the changed properties are told, and those of which what appeared or went is.
    changes: usize,
    others: usize,
    /// Properties of the next object whose change is told.
    properties: usize,
    replies: VecDeque<Message>,
}

impl Outgoing {
    /// What is told of a call, and its reply, if it wants one.
    pub fn new(told: Vec<Told>, reply: Option<Message>) -> Self {
        Self { told, replies: reply.into_iter().collect(), ..Self::default() }
    }

    /// Whether others than the caller hear of it.
    pub fn has_signals(&self) -> bool {
        !self.told.is_empty()
    }

    /// The next messages to be sent, some at a time; none when all were handed out.
    pub fn next_messages(&mut self, schema: &Schema, inventory: &Inventory) -> Vec<Message> {
        let (mut messages, mut bytes) = (Vec::new(), 0);
        while messages.len() < MESSAGES && bytes < BYTES {
            let Some(message) = self.next(schema, inventory) else { break };
            bytes += message.body().len();
            messages.push(message);
        }
        messages
    }

    fn next(&mut self, schema: &Schema, inventory: &Inventory) -> Option<Message> {
        while let Some(next) =
            self.next_change(schema, inventory).or_else(|| self.next_other(schema, inventory))
        {
            match next {
                Ok(signal) => return Some(signal),
                Err(error) => {
                    log::error!("{}: cannot build a signal: {error}", error::OPENBMC_INTERNAL_FAILURE);
                }
            }
        }
        self.replies.pop_front()
    }

    /// Properties of one interface that have other values now.
    fn next_change(&mut self, schema: &Schema, inventory: &Inventory) -> Option<zbus::Result<Message>> {
        loop {
            let told = self.told.get(self.changes)?;
            let rest = told.changed.get(self.properties..).unwrap_or_default();
            let Some((interface, _)) = rest.first() else {
                (self.changes, self.properties) = (self.changes + 1, 0);
                continue;
            };
            let count = rest.iter().take_while(|(other, _)| other == interface).count();
            self.properties += count;
            let hosted = inventory.objects().get(&*told.path).and_then(|object| object.interface(*interface));
            if let Some((hosted, schema)) = hosted.zip(schema.at(*interface)) {
                let values = dbus::Properties { schema, hosted, only: rest.get(..count) };
                let body = (schema.name(), values, [""; 0].as_slice());
                return Some(
                    Message::signal(path_of(&told.path), PROPERTIES, "PropertiesChanged").build(&body),
                );
            }
        }
    }

    /// Interfaces of one object that it has now or that it had.
    fn next_other(&mut self, schema: &Schema, inventory: &Inventory) -> Option<zbus::Result<Message>> {
        loop {
            let told = self.told.get(self.others)?;
            self.others += 1;
            let path = path_of(&told.path);
            if let Some(object) = inventory.objects().get(&*told.path).filter(|_| !told.added.is_empty()) {
                let interfaces = dbus::Interfaces { schema, object, only: Some(&told.added) };
                let signal = Message::signal(ROOT, OBJECT_MANAGER, "InterfacesAdded");
                return Some(signal.build(&(path, interfaces)));
            }
            if !told.removed.is_empty() {
                let name = |place: &Place| schema.at(*place).map_or("", |interface| interface.name());
                let names: Vec<&str> = told.removed.iter().map(name).collect();
                let signal = Message::signal(ROOT, OBJECT_MANAGER, "InterfacesRemoved");
                return Some(signal.build(&(path, names)));
            }
        }
    }
}

/// Every relative path came over the bus as an object path, or from disk under the same rules.
fn path_of(relative: &str) -> zbus::ObjectPath<'static> {
    dbus::full_path(relative).unwrap_or_else(|_| zbus::ObjectPath::from_static_str_unchecked(ROOT))
}
