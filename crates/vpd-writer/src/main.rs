//! `vpd-writer`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    vpd_writer::main()
}
