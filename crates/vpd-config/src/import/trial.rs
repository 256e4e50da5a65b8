//! What the compiler makes of what an import is about to write.

use crate::Problem;
use crate::files::Sources;
use crate::hosted::Hosted;
use crate::machine::Machine;
use crate::problem::{Findings, Warning};
use service_config::SourceFile;
use std::path::Path;
use system_index::SystemName;

/// Compiles a folder as it will be with this text in the system's file. Result: what the inventory will not show, and why the
/// compiler refuses it.
pub(crate) fn compile(
    folder: &Path,
    system: &SystemName,
    file: &Path,
    text: &str,
    hosted: &Hosted,
) -> (Vec<String>, Vec<String>) {
    let own = folder.join(file);
    let source = SourceFile { path: own.clone(), text: text.to_owned() };
    let mut findings = Findings::default();
    let compiled =
        Sources::with(folder, system, source).and_then(|sources| Machine::of(sources, hosted, &mut findings));
    let refused = compiled.err().map_or_else(Vec::new, |problem| {
        problem.each().iter().map(|problem| reason(problem, folder, &own)).collect()
    });
    let of_ours = |warning: &&Warning| is_at(&warning.place, &own) && !warning.unshown.is_empty();
    let warnings: Vec<&Warning> = findings.warnings.iter().filter(of_ours).collect();
    (grouped(&warnings), refused)
}

/// A line for each name, in the order of their first places.
fn grouped(warnings: &[&Warning]) -> Vec<String> {
    let mut groups: Vec<(&Warning, usize)> = Vec::new();
    for warning in warnings {
        match groups.iter_mut().find(|(first, _)| first.unshown == warning.unshown) {
            Some((_, count)) => *count += 1,
            None => groups.push((warning, 1)),
        }
    }
    let line = |(first, count): (&Warning, usize)| {
        let more = if count == 1 { String::new() } else { format!(", and {} more", count - 1) };
        format!("{} of {}{more}: it is not in inventory-schema.d", first.unshown, first.subject)
    };
    groups.into_iter().map(line).collect()
}

/// Why something is refused, on one line. The written file goes without its name; others are named below the folder, as
/// nothing of the machine that imports is to get into the file.
fn reason(problem: &Problem, folder: &Path, own: &Path) -> String {
    let text = match problem {
        Problem::Wrong { place, message } if is_at(place, own) => message.clone(),
        other => other.chain().replace(&format!("{}/", folder.display()), ""),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a place is in a file.
fn is_at(place: &str, file: &Path) -> bool {
    place
        .strip_prefix(&file.display().to_string())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}
