//! Rules about Rust source.

use super::code::Code;
use super::tree::is_test_path;
use super::{Finding, House, floors};

/// Beginnings of bus names that are ours or our neighbours'.
const BUS_NAMES: [&str; 3] = ["xyz.openbmc_project.", "com.ibm.", "io.vivianite."];

/// Where those may be spelled out. A MANIFEST has one in it as text of a file, which no bus is needed to read.
const HOMES_OF_BUS_NAMES: [&str; 6] = [
    "crates/dbus-api/",
    "crates/image-format/src/purpose.rs",
    "crates/test-peers/",
    "crates/upstream-judge/",
    "tests/",
    "xtask/",
];

/// Parts of the standard library that a pure crate cannot touch.
const IMPURE_PATHS: [&str; 7] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Lints that keep a byte from outside from ending the process.
const PANIC_LINTS: [&str; 5] = [
    "clippy::indexing_slicing",
    "clippy::unwrap_used",
    "clippy::expect_used",
    "clippy::panic",
    "clippy::arithmetic_side_effects",
];

pub fn floor_zero_source_is_pure(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in floor_zero_sources(house).filter(|(path, _)| !is_test_path(path)) {
        let code = Code::split(text);
        let end = code.test_tail().unwrap_or(usize::MAX);
        for (line, used) in standard_paths(&code).into_iter().filter(|(line, _)| *line < end) {
            if let Some(impure) = IMPURE_PATHS.iter().find(|impure| is_or_below(&used, impure)) {
                findings.push(Finding::error(path, line, format!("floor 0 is pure and cannot use {impure}")));
            }
        }
    }
    findings
}

pub fn floor_zero_denies_panics(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in floors::own(house).filter(|member| member.house.floor == Some(0)) {
        let path = format!("{}/src/lib.rs", member.folder);
        let Some(text) = house.tree.text(&path) else { continue };
        let code: String = Code::split(text).text.split_whitespace().collect();
        let mut demand = |present: bool, what: &str| {
            if !present {
                findings.push(Finding::error(&path, 1, format!("a crate of floor 0 carries {what}")));
            }
        };
        demand(code.contains("#![forbid(unsafe_code)]"), "#![forbid(unsafe_code)]");
        demand(code.contains("#![deny(missing_docs)]"), "#![deny(missing_docs)]");
        let denied = code.split("#![cfg_attr(not(test),deny(").nth(1).and_then(|rest| rest.split(')').next());
        let denied: Vec<&str> = denied.unwrap_or_default().split(',').collect();
        for lint in PANIC_LINTS {
            demand(denied.contains(&lint), &format!("#![cfg_attr(not(test), deny({lint}))]"));
        }
    }
    findings
}

pub fn bus_names_live_in_one_crate(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in house.tree.with_suffix(".rs") {
        if is_test_path(path) || HOMES_OF_BUS_NAMES.iter().any(|home| path.starts_with(home)) {
            continue;
        }
        let code = Code::split(text);
        let end = code.test_tail().unwrap_or(usize::MAX);
        for (line, literal) in code.literals.iter().filter(|(line, _)| *line < end) {
            if let Some(name) = BUS_NAMES.iter().find(|name| literal.contains(**name)) {
                findings.push(Finding::error(
                    path,
                    *line,
                    format!("names beginning {name} belong to dbus-api"),
                ));
            }
        }
    }
    findings
}

pub fn tests_do_not_sleep(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in house.tree.with_suffix(".rs") {
        let code = Code::split(text);
        let start = if is_test_path(path) { 1 } else { code.test_tail().unwrap_or(usize::MAX) };
        for (index, line) in code.text.lines().enumerate().skip(start - 1) {
            if ["thread::sleep", "time::sleep"].iter().any(|call| line.contains(call)) {
                let sentence = "a test waits for a signal with a deadline, it does not sleep";
                findings.push(Finding::error(path, index + 1, sentence));
            }
        }
    }
    findings
}

fn floor_zero_sources<'a>(house: &'a House<'_>) -> impl Iterator<Item = (&'a str, &'a str)> {
    house.tree.with_suffix(".rs").filter(|(path, _)| {
        floors::own(house)
            .filter(|member| member.house.floor == Some(0))
            .any(|member| path.strip_prefix(&member.folder).is_some_and(|rest| rest.starts_with("/src/")))
    })
}

fn is_or_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path into the standard library, with use-trees spelled out, and its line.
fn standard_paths(code: &Code) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (position, _) in code.text.match_indices("std::") {
        let before = code.text.get(..position).unwrap_or_default();
        if before.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
            continue;
        }
        let line = code.line_at(position);
        let rest = code.text.get(position..).unwrap_or_default();
        found.extend(expand(rest, "").into_iter().map(|path| (line, path)));
    }
    found
}

/// Spells out the use-tree at the start of the text: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn expand(text: &str, prefix: &str) -> Vec<String> {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let path = format!("{prefix}{head}");
    match rest.strip_prefix('{') {
        Some(inside) if head.ends_with("::") => {
            branches(inside).into_iter().flat_map(|branch| expand(branch, &path)).collect()
        }
        _ => vec![path],
    }
}

/// The comma-separated parts up to the closing brace.
fn branches(inside: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (position, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                parts.extend(inside.get(start..position));
                start = position + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    parts
}
