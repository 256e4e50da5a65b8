//! `vpd-slot`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_runtime::run("vpd-slot", vpd_slot::start)
}
