//! `test-peers`; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_runtime::daemon::run("test-peers", test_peers::start)
}
