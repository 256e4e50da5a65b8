//! Rules about text of any kind.

use toml::Table;

use super::{Finding, House};

/// Licences by the words that comments use for them.
const LICENCES: [&str; 9] =
    ["MIT", "Apache-2.0", "BSD", "ISC", "Zlib", "Unlicense", "MPL-2.0", "CC0", "Unicode"];

/// Folders of one machine or one hour; what is committed holds for every machine.
const MACHINE_PATHS: [&str; 2] = [concat!("/", "work/"), concat!("/", "tmp/")];

/// Paths below those folders that OpenBMC itself defines.
const DEFINED_PATHS: [&str; 1] = [concat!("/", "tmp/images")];

pub fn toml_parses_and_licences_are_stated(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in house.tree.with_suffix(".toml") {
        if let Err(error) = text.parse::<Table>() {
            let position = error.span().map_or(0, |span| span.start);
            let line = text.get(..position).map_or(0, |before| before.matches('\n').count()) + 1;
            findings.push(Finding::error(path, line, format!("this is not TOML: {}", error.message())));
        }
    }
    if let Some(manifest) = house.tree.text("Cargo.toml") {
        findings.extend(unlicensed_dependencies(manifest));
    }
    findings
}

pub fn no_machine_paths(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &house.tree.files {
        for (index, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
            if let Some(folder) = machine_path(line) {
                let sentence = format!("{folder} is a path of one machine");
                findings.push(Finding::error(&file.path, index + 1, sentence));
            }
        }
    }
    findings
}

fn machine_path(line: &str) -> Option<&'static str> {
    MACHINE_PATHS.into_iter().find(|folder| {
        line.match_indices(folder).any(|(position, _)| {
            let (before, rest) = line.split_at(position);
            let starts_here =
                !before.ends_with(|last: char| last.is_alphanumeric() || "._-}/".contains(last));
            starts_here && !DEFINED_PATHS.iter().any(|defined| rest.starts_with(defined))
        })
    })
}

fn unlicensed_dependencies(manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut inside = false;
    let mut comment = String::new();
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.trim() == "[workspace.dependencies]";
        } else if let Some(text) = line.strip_prefix('#') {
            comment.push_str(text);
            continue;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| inside) {
            let external = !value.contains("path =");
            if external && !LICENCES.iter().any(|licence| comment.contains(licence)) {
                let sentence = format!("the comment above {} states no licence", name.trim());
                findings.push(Finding::error("Cargo.toml", index + 1, sentence));
            }
        }
        comment.clear();
    }
    findings
}
