//! `inventory-manager`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_runtime::daemon::run(inventory_manager::NAME, inventory_manager::start)
}
