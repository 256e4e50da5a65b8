//! The bus face: decodes calls, encodes replies and signals, describes objects.

mod call;
mod introspection;
mod payload;

pub use call::{Call, Request, all_asked_for, changes};
pub use introspection::describe;
pub use payload::{Interfaces, Objects, Properties, property};

use dbus_api::inventory::ROOT;
use zbus::ObjectPath;

/// The full path of an object that is given relative to the inventory's root.
pub fn full_path(relative: &str) -> zbus::Result<ObjectPath<'static>> {
    ObjectPath::try_from(format!("{ROOT}{relative}"))
}
