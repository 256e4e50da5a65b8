//! `inventory-manager`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_runtime::daemon::run("inventory-manager", inventory_manager::start)
}
