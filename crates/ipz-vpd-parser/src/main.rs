//! `ipz-vpd-parser`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_runtime::run("ipz-vpd-parser", ipz_vpd_parser::start)
}
