//! Rules about what lies where, and how large it is.

use super::code::Code;
use super::tree::is_test_path;
use super::{Finding, House, floors};

/// What may lie in the root folder.
const ROOT: [&str; 21] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "configs",
    "crates",
    "deny.toml",
    "docs",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
    "udev-rules",
    "units",
    "xtask",
];

/// Module names that say nothing.
const EMPTY_NAMES: [&str; 8] =
    ["util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"];

/// The crate whose modules bear the names of interfaces, which others chose.
const NAMED_BY_OTHERS: &str = "crates/dbus-api/";

/// The headings of a program's README, in order.
const README_HEADINGS: [&str; 8] = [
    "Purpose",
    "Units",
    "D-Bus",
    "Configuration",
    "Devices and access needed",
    "Update behaviour",
    "Failure and recovery",
    "Not covered",
];

const LINES_TO_THINK: usize = 400;
const LINES_TO_SPLIT: usize = 600;
const LINES_OF_ARCHITECTURE: usize = 250;

pub fn names_are_of_the_house(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in floors::own(house) {
        if member.folder != format!("crates/{}", member.name) {
            let sentence = format!("the folder is not named as the crate {}", member.name);
            findings.push(Finding::error(&format!("{}/Cargo.toml", member.folder), 1, sentence));
        }
    }
    for (path, _) in house.tree.with_suffix(".rs") {
        // The crate's own folder is judged by its name above; OpenBMC called some of them managers.
        let inner = path
            .strip_prefix("crates/")
            .and_then(|rest| rest.split_once('/'))
            .map_or(path, |(_, inner)| inner);
        let mut parts = inner.trim_end_matches(".rs").split('/');
        if path.ends_with("/mod.rs") {
            findings.push(Finding::error(path, 1, "a module's file bears the module's name, not mod.rs"));
        }
        if let Some(name) = parts.find(|part| is_empty_name(path, part)) {
            findings.push(Finding::error(path, 1, format!("{name} does not say what is inside")));
        }
    }
    findings.extend(inline_modules(house));
    findings
}

pub fn files_are_short(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in house.tree.with_suffix(".rs").filter(|(path, _)| !is_test_path(path)) {
        if path.contains("/generated/") {
            continue;
        }
        let lines = Code::split(text).test_tail().map_or_else(|| text.lines().count(), |tail| tail - 1);
        if lines > LINES_TO_SPLIT {
            let sentence = format!("{lines} lines without tests, split it at {LINES_TO_SPLIT}");
            findings.push(Finding::error(path, LINES_TO_SPLIT, sentence));
        } else if lines > LINES_TO_THINK {
            let sentence = format!("{lines} lines without tests, think of splitting it");
            findings.push(Finding::warning(path, LINES_TO_THINK, sentence));
        }
    }
    findings
}

pub fn root_is_known(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &house.tree.files {
        let top = file.path.split('/').next().unwrap_or_default();
        if !ROOT.contains(&top) {
            findings.push(Finding::error(&file.path, 1, format!("{top} has no place in the root folder")));
        }
    }
    findings
}

pub fn readme_and_architecture(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in floors::own(house).filter(|member| member.house.floor == Some(3)) {
        let path = format!("{}/README.md", member.folder);
        let Some(text) = house.tree.text(&path) else {
            findings.push(Finding::error(&path, 1, "a program has a README.md"));
            continue;
        };
        findings.extend(readme_headings(&path, text));
    }
    let path = "ARCHITECTURE.md";
    let Some(text) = house.tree.text(path) else {
        findings.push(Finding::error(path, 1, "the workspace has an ARCHITECTURE.md"));
        return findings;
    };
    let lines = text.lines().count();
    if lines >= LINES_OF_ARCHITECTURE {
        let sentence = format!("{lines} lines, the overview stays below {LINES_OF_ARCHITECTURE}");
        findings.push(Finding::error(path, LINES_OF_ARCHITECTURE, sentence));
    }
    for member in floors::own(house).filter(|member| !names_word(text, &member.name)) {
        findings.push(Finding::error(path, 1, format!("the crate {} is not mentioned", member.name)));
    }
    findings
}

fn inline_modules(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in house.tree.with_suffix(".rs") {
        for (index, line) in Code::split(text).text.lines().enumerate() {
            let declaration = line.trim_start();
            let declaration = declaration.strip_prefix("pub ").unwrap_or(declaration);
            let declaration = declaration.strip_prefix("pub(crate) ").unwrap_or(declaration);
            let Some(rest) = declaration.strip_prefix("mod ") else { continue };
            let name = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
            if is_empty_name(path, name) {
                findings.push(Finding::error(path, index + 1, format!("{name} does not say what is inside")));
            }
        }
    }
    findings
}

fn is_empty_name(path: &str, name: &str) -> bool {
    EMPTY_NAMES.contains(&name) && !(path.starts_with(NAMED_BY_OTHERS) && name == "manager")
}

fn readme_headings(path: &str, text: &str) -> Vec<Finding> {
    let mut wanted = README_HEADINGS.iter().peekable();
    for line in text.lines() {
        let heading = line.trim_start_matches('#').trim();
        if line.starts_with('#') && wanted.peek().is_some_and(|next| **next == heading) {
            wanted.next();
        }
    }
    let missing = wanted.next().map(|heading| {
        Finding::error(
            path,
            text.lines().count().max(1),
            format!("the heading {heading} is missing or out of order"),
        )
    });
    missing.into_iter().collect()
}

fn names_word(text: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.split(|c: char| !part_of_name(c)).any(|candidate| candidate == word)
}
