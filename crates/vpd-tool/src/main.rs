//! Administers vital product data; checks, shows, compares and makes images of it.

use std::io::{self, BufReader, IsTerminal as _};
use std::process::ExitCode;
use vpd_tool::Console;

fn main() -> ExitCode {
    let (input, output) = (io::stdin(), io::stdout());
    let is_terminal = input.is_terminal() && output.is_terminal();
    let mut console = Console {
        input: Box::new(BufReader::new(input)),
        output: Box::new(output),
        errors: Box::new(io::stderr()),
        is_terminal,
    };
    ExitCode::from(vpd_tool::run(std::env::args_os(), &mut console))
}
