//! Administers vital product data: keywords are read from, compared with and written to EEPROMs for clients on the bus, and
//! parts are found by their location codes.
//!
//! | module | what it does |
//! |---|---|
//! | [`request`] | what a call asks for, made of its arguments. Pure |
//! | [`refusal`] | why a call is answered with an error, and its name. Pure |
//! | [`resolve`] | which EEPROM a caller means. Pure |
//! | [`queue`], [`wire`] | who goes when, and which chips get in each other's way. Pure |
//! | [`codes`] | the location codes that the inventory shows, looked up in memory. Pure |
//! | [`collection`] | how far the collection is, and which EEPROMs have been read. Pure |
//! | [`known`], [`plan`] | the chosen system; from a request to a job |
//! | [`job`] | what is done to one EEPROM, and what it comes to |
//! | [`reading`] | reads and compares EEPROMs, on a thread that may wait |
//! | [`recover`], [`restore`] | the program run once, before parsers read EEPROMs |
//! | [`work`] | changes EEPROMs and recovers them, on a thread that may wait |
//! | [`interrupted`] | EEPROMs of which a write is not settled. Pure |
//! | [`history`], [`caller`] | who has written what |
//! | `faults`, `events` | what the event log is told |
//! | `face`, `reply` | the object on the bus, by hand, and replies |
//! | `running`, `rereads`, `peers` | one job from its turn to its answer; runs of parsers that jobs share; what other services are asked |
//! | `start`, `service` | how the service comes up; the owner of all state |
//! | `settings` | what is configured |
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod caller;
pub mod codes;
pub mod collection;
mod events;
mod face;
mod faults;
pub mod history;
pub mod interrupted;
pub mod job;
pub mod known;
mod peers;
pub mod plan;
pub mod queue;
pub mod reading;
pub mod recover;
pub mod refusal;
mod reply;
pub mod request;
pub mod rereads;
pub mod resolve;
pub mod restore;
mod running;
mod service;
mod settings;
mod start;
pub mod wire;
pub mod work;

use std::process::ExitCode;

/// The service's name.
const NAME: &str = "vpd-writer";

/// Runs the service.
pub fn main() -> ExitCode {
    let has = |option: &str| std::env::args_os().skip(1).any(|argument| argument == option);
    if has(recover::OPTION) {
        return service_runtime::run(NAME, recover::start);
    }
    if has(restore::OPTION) {
        return service_runtime::run(NAME, restore::start);
    }
    service_runtime::daemon::run(NAME, start::start)
}
