//! Hosts the inventory: what phosphor-inventory-manager does, for machines and tests without it.
//!
//! `Notify` upserts objects of a typed schema that is data; properties, `ObjectManager`,
//! introspection and persistence follow from it. It must not know what the values mean: no FRU,
//! record or location code is special here.
//!
//! One task owns everything: it takes a message off the bus, plans the change within [`limits`]
//! ([`inventory::Inventory::plan`]), writes it down ([`store::Store`]), applies it, tells the
//! world and answers.
//!
//! Sources: `xyz.openbmc_project.Inventory.Manager` of phosphor-dbus-interfaces; the D-Bus
//! specification 0.42 for the standard interfaces.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod adoption;
pub mod associations;
pub mod dbus;
mod error;
mod held;
pub mod inventory;
pub mod limits;
pub mod requests;
pub mod restoring;
mod service;
mod settings;
pub mod store;

pub use error::CallFailure;
pub use inventory_schema::{schema, types};
pub use service::start;

/// The service's name.
pub const NAME: &str = "inventory-manager";
