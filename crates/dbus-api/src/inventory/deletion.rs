//! `io.vivianite.Inventory.Deletion1`: removing objects, which `Notify` cannot.
//!
//! Offered by our `inventory-manager` on [`super::ROOT`] beside the upstream interface; a machine
//! that runs phosphor-inventory-manager does not have it.

/// Interface of [`DELETE`].
pub const INTERFACE: &str = "io.vivianite.Inventory.Deletion1";
/// `Delete(as paths) → u`: removes the objects with all their interfaces, live and persisted;
/// all or none. Paths in either form; returns how many objects went.
pub const DELETE: &str = "Delete";
