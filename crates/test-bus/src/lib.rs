//! Real dbus-daemons of one test each, and real service processes on them.
//!
//! Everything that is started is ended when its value is dropped, by pid. Readiness is told by the
//! daemon's address line and by systemd's notification protocol, not guessed. Feature `process-1` has a stand-in for PID 1.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod bus;
mod daemon;
mod idle;
mod process;
#[cfg(feature = "process-1")]
pub mod process_1;

pub use bus::{ADDRESS_VARIABLE, PrivateBus};
pub use daemon::Daemon;
pub use idle::Window;
pub use process::{Finished, built, run};

use std::time::Duration;

/// Longest wait for anything in a test; generous, for loaded machines.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Whether tests with a bus can run; says so when not.
///
/// Under `CI=true` it is always true: a ring that cannot run must not look green.
#[expect(clippy::print_stdout, reason = "the test harness shows it")]
pub fn can_run() -> bool {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let can_run = in_ci || PrivateBus::is_available();
    if !can_run {
        println!("SKIPPED private bus: there is no dbus-daemon here (Debian package dbus-daemon)");
    }
    can_run
}
