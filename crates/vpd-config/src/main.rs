//! Compiles the configuration of vital product data.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let status = vpd_config::run(std::env::args_os(), &mut io::stdout().lock(), &mut io::stderr().lock());
    ExitCode::from(status)
}
