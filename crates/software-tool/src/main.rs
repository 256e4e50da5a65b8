//! Installs, shows, checks and packs firmware images.

use software_tool::{Face, Screen};
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let errors = io::stderr();
    let face = if errors.is_terminal() { Face::Terminal } else { Face::Lines };
    let mut screen = Screen { output: Box::new(io::stdout()), errors: Box::new(errors), face };
    ExitCode::from(software_tool::run(std::env::args_os(), &mut screen))
}
