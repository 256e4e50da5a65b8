//! `vpd-select`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_runtime::run("vpd-select", vpd_select::start)
}
