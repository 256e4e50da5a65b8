//! `location-code-updater`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    location_code_updater::main()
}
