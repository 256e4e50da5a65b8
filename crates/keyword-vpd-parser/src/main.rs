//! `keyword-vpd-parser`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_runtime::run("keyword-vpd-parser", keyword_vpd_parser::start)
}
