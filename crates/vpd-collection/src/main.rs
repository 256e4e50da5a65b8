//! `vpd-collection`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    vpd_collection::main()
}
