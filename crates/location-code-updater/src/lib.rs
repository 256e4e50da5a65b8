//! Publishes the location codes of the inventory's objects, expanded by what identifies the machine.
//!
//! Which objects have which code, the chosen system's `locations.toml` says; feature code, type, model and serial
//! numbers the inventory itself, which parsers have filled. Whenever one of these changes or an object is new, the
//! inventory is read once, every code worked out anew ([`codes`]), and what it shows otherwise is put right with one
//! `Notify`. So nothing is remembered that could be wrong, and a restart publishes nothing. When that is done,
//! [`schedule`] decides: changes that come close together are dealt with together.
//!
//! Must not know: EEPROMs, files of parsers. It makes no object.
//!
//! Sources: phosphor-dbus-interfaces (`Inventory.Decorator.LocationCode`), openbmc/openpower-vpd-parser (what codes are
//! made of).
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod codes;
pub mod complaints;
mod round;
pub mod schedule;
mod service;
mod settings;
mod signals;

use std::process::ExitCode;

/// The service's name.
const NAME: &str = "location-code-updater";

/// Runs the service.
pub fn main() -> ExitCode {
    service_runtime::daemon::run(NAME, service::start)
}
