//! What each command takes from Debian, so that all of it is installed before anything is compiled.

use crate::Command;
use crate::packages::Part;

/// The parts of a command, as it was called.
pub fn of(command: &Command) -> Vec<Part> {
    use Part::{Build, Bus, Fuzz, Machines, Size, Strip, Tests};
    let mut parts = match command {
        Command::Man(_) | Command::NewService(_) | Command::Schema(_) | Command::Tidy => Vec::new(),
        Command::Bench(arguments) => vec![Build, Bus, arguments.part()],
        Command::Ci(_) => vec![Build, Bus, Size, Fuzz],
        Command::Demo(_) | Command::Introspect(_) => vec![Build, Bus],
        Command::Dist(_) => vec![Build],
        Command::Fuzz(_) => vec![Fuzz],
        Command::Size(_) => vec![Build, Size],
        Command::Soak(_) => vec![Build, Tests, Machines, Fuzz],
        Command::Test(_) => vec![Build, Tests],
        Command::Vm(arguments) => arguments.parts().to_vec(),
    };
    match command {
        Command::Demo(arguments) if arguments.has_machine() => parts.push(Machines),
        Command::Dist(arguments) if arguments.strip => parts.push(Strip),
        Command::Test(arguments) if arguments.has_machines() => parts.push(Machines),
        _ => {}
    }
    parts
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::Arguments;

    fn of_line(line: &str) -> Vec<Part> {
        let words = std::iter::once("xtask").chain(line.split(' '));
        of(&Arguments::try_parse_from(words).unwrap().command)
    }

    /// What a module requires where it begins its work, of itself or of a module that it calls, in the longest way that
    /// the command can go. The source says it, so that a new `require` is seen here.
    fn required(modules: &[&str]) -> Vec<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        for module in modules {
            let text = std::fs::read_to_string(folder.join(module)).unwrap();
            for rest in text.split("require(").skip(1) {
                let part = rest.split(')').next().unwrap().rsplit("::").next().unwrap();
                found.push(part.to_owned());
            }
        }
        assert!(!found.is_empty(), "{modules:?} require nothing");
        found
    }

    #[test]
    fn what_modules_require_is_installed_at_the_beginning_of_each_command_that_calls_them() {
        for (line, modules) in [
            ("bench vpd", &["bench.rs", "build.rs"][..]),
            ("bench images", &["bench/images.rs", "build.rs"]),
            ("bench writer", &["bench/writer.rs", "build.rs"]),
            ("bench sandbox", &["vm.rs", "build.rs"]),
            ("ci", &["ci.rs", "introspect.rs", "size.rs", "build.rs", "fuzz.rs"]),
            ("demo", &["demo.rs", "build.rs", "vm.rs"]),
            ("dist --destdir d --strip", &["dist.rs", "build.rs"]),
            ("fuzz", &["fuzz.rs"]),
            ("introspect", &["introspect.rs", "build.rs"]),
            ("size", &["size.rs", "build.rs"]),
            ("soak", &["soak.rs", "build.rs", "vm.rs", "fuzz.rs"]),
            ("test", &["test.rs", "build.rs", "vm.rs"]),
            ("vm run", &["vm.rs", "build.rs"]),
            ("vm shell", &["vm.rs", "build.rs"]),
        ] {
            let stated: Vec<String> = of_line(line).iter().map(|part| format!("{part:?}")).collect();
            for part in required(modules) {
                assert!(stated.contains(&part), "{line}: {part} is not among {stated:?}");
            }
        }
    }

    #[test]
    fn machines_are_prepared_for_only_where_they_run() {
        for line in
            ["demo --without-machine", "test -p vpd-ecc", "vm list", "size", "vm upstream x --dry-run"]
        {
            assert!(!of_line(line).contains(&Part::Machines), "{line}");
        }
    }
}
