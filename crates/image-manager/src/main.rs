//! `image-manager`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_runtime::daemon::run(image_manager::NAME, image_manager::start)
}
