//! Real dbus-daemons of one test each, and real service processes on them.
//!
//! Everything that is started is ended when its value is dropped, by pid. Nothing here sleeps:
//! readiness is told by the daemon's address line and by systemd's notification protocol.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod bus;
mod process;

pub use bus::PrivateBus;
pub use process::{Finished, Service, built, run};

use std::time::Duration;

/// Longest wait for anything in a test; generous, for loaded machines.
pub const LIMIT: Duration = Duration::from_secs(60);
