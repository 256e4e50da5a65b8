//! What the compiler makes of what an import is about to write.

use crate::Problem;
use crate::files::Sources;
use crate::hosted::Hosted;
use crate::machine::Machine;
use crate::problem::{Findings, Warning};
use service_config::{ConfigError, SourceFile};
use std::path::{Path, PathBuf};
use system_index::SystemName;

/// Compiles a folder as it will be with this text in the system's file. Result: what the inventory will not show, what
/// else the compiler warns of, and why it refuses the folder.
pub(crate) fn compile(
    folder: &Path,
    system: &SystemName,
    file: &Path,
    text: &str,
    hosted: &Hosted,
) -> Verdict {
    // Without a slash at its end or two in a row, so that places begin with it to the letter.
    let folder = &folder.components().collect::<PathBuf>();
    let own = folder.join(file);
    let source = SourceFile { path: own.clone(), text: text.to_owned() };
    let mut findings = Findings::default();
    let compiled =
        Sources::with(folder, system, source).and_then(|sources| Machine::of(sources, hosted, &mut findings));
    let refused = compiled.err().map_or_else(Vec::new, |problem| {
        problem.each().iter().map(|problem| reason(problem, folder, &own)).collect()
    });
    let of_ours = findings.warnings.iter().filter(|warning| is_at(&warning.place, &own));
    let (unshown, others): (Vec<&Warning>, Vec<&Warning>) =
        of_ours.partition(|warning| !warning.unshown.is_empty());
    let not_shown = grouped(&unshown).map(|(first, more)| {
        format!("{} of {}{more}: it is not in inventory-schema.d", first.unshown, first.subject)
    });
    let warned = grouped(&others).map(|(first, more)| format!("{}{more}: {}", first.subject, first.message));
    Verdict { not_shown: not_shown.collect(), warned: warned.collect(), refused }
}

/// What the compiler says, a line each.
pub(crate) struct Verdict {
    pub(crate) not_shown: Vec<String>,
    pub(crate) warned: Vec<String>,
    pub(crate) refused: Vec<String>,
}

/// The first of each that say the same, in the order of their places, and how many more there are.
fn grouped<'a>(warnings: &[&'a Warning]) -> impl Iterator<Item = (&'a Warning, String)> {
    let mut groups: Vec<(&Warning, usize)> = Vec::new();
    for warning in warnings {
        let is_same = |first: &Warning| first.unshown == warning.unshown && first.message == warning.message;
        match groups.iter_mut().find(|(first, _)| is_same(first)) {
            Some((_, count)) => *count += 1,
            None => groups.push((warning, 1)),
        }
    }
    groups.into_iter().map(|(first, count)| {
        let more = if count == 1 { String::new() } else { format!(", and {} more", count - 1) };
        (first, more)
    })
}

/// Why something is refused, on one line. The written file goes without its name; others are named below the folder, as
/// nothing of the machine that imports is to get into the file.
fn reason(problem: &Problem, folder: &Path, own: &Path) -> String {
    let below = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let text = match problem {
        Problem::Wrong { place, message } if is_at(place, own) => message.clone(),
        Problem::Wrong { place, message } => format!("{}: {message}", below(Path::new(place))),
        Problem::Layer(ConfigError::Invalid { path, message }) => format!("{}: {message}", below(path)),
        Problem::Layer(ConfigError::Unreadable { path, source }) | Problem::Unreadable { path, source } => {
            format!("cannot read {}: {source}", below(path))
        }
        other => other.chain(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a place is in a file.
fn is_at(place: &str, file: &Path) -> bool {
    place
        .strip_prefix(&file.display().to_string())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_from_the_beginning_of_a_place_alone() {
        let wrong = |place: &str| Problem::Wrong { place: place.to_owned(), message: "d/no".to_owned() };
        for (folder, place, shown) in [
            ("d", "d/vpd.d/10-x.toml:1", "vpd.d/10-x.toml:1: d/no"),
            (".", "./vpd.d/10-x.toml:1", "vpd.d/10-x.toml:1: d/no"),
            ("", "vpd.d/10-x.toml:1", "vpd.d/10-x.toml:1: d/no"),
            ("/x/d", "/x/d/systems/a b", "systems/a b: d/no"),
            ("d", "d/systems/a/10-a.toml:7", "d/no"),
        ] {
            let own = Path::new(folder).join("systems/a/10-a.toml");
            assert_eq!(reason(&wrong(place), Path::new(folder), &own), shown, "{folder}");
        }
        let source = std::io::Error::other("no");
        let unreadable = Problem::Unreadable { path: "d/vpd.d/10-x.toml".into(), source };
        let shown = reason(&unreadable, Path::new("d"), Path::new("d/own.toml"));
        assert_eq!(shown, "cannot read vpd.d/10-x.toml: no");
    }
}
