//! Knows when all vital product data is collected, and what became of each EEPROM.
//!
//! Which EEPROMs the machine should have, the chosen system's index says; which are there, sysfs
//! and udev; which parser has run how, process 1 and the parsers' reports. From these
//! [`collection::Collection`] derives what is to be done: start what is there, publish what is
//! not, run again what may give more at another time, empty what an earlier part left in the
//! inventory. The service is ready when nothing is left to be done.
//!
//! Must not know: the bytes of an EEPROM, what an inventory's values mean.
//!
//! Sources: systemd 252 (`org.freedesktop.systemd1(5)`), libudev, the kernel's sysfs for I²C and SPI.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod announcer;
mod bus;
pub mod collection;
mod departed;
mod devices;
mod events;
mod images;
mod inventory;
mod lines;
mod performer;
mod records;
mod reporter;
mod service;
mod settings;
mod status;
mod watchers;

use std::process::ExitCode;

/// The service's name.
const NAME: &str = "vpd-collection";

/// The service, or with a first argument that is a command, the client of a running one.
pub fn main() -> ExitCode {
    let command = std::env::args_os().nth(1);
    match command.as_ref().and_then(|command| command.to_str()) {
        Some("status") => service_runtime::run(NAME, status::show),
        Some("recollect") => service_runtime::run(NAME, status::recollect),
        Some("remove") => service_runtime::run(NAME, status::remove),
        _ => service_runtime::daemon::run(NAME, service::start),
    }
}
