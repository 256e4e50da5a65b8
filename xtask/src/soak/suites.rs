//! The tests that cargo knows, in parts of minutes.
//!
//! Every part selects from the whole workspace, so that all are built once, with the same features.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Part;
use crate::rings::Outcome;
use crate::step::Step;
use crate::workspace::Workspace;

/// The suite whose tests take longest, which is divided by its modules.
const DIVIDED: &str = "bus";

/// When something hangs rather than being slow.
const HUNG: Duration = Duration::from_secs(4 * 3600);

/// Modules of a name that tell parts apart.
const DEPTH: usize = 2;

/// Builds the tests; a part for those of libraries and programs, one for examples in documentation, one for each suite,
/// several for the longest.
pub fn parts(workspace: &Workspace) -> Result<Vec<Part<'static>>> {
    build(&workspace.root)?;
    let root = &workspace.root;
    let mut parts = vec![
        part(root, "tests of libraries and programs".to_owned(), &["--lib", "--bins"], Vec::new()),
        part(root, "tests in documentation".to_owned(), &["--doc"], Vec::new()),
    ];
    let suites: BTreeSet<&String> = workspace.crates.iter().flat_map(|member| &member.suites).collect();
    for suite in suites {
        if suite == DIVIDED {
            for (module, filters) in modules(&list(root, suite)?) {
                let name = format!("tests {suite}, {module}");
                parts.push(part(root, name, &["--test", suite], filters));
            }
        } else {
            parts.push(part(root, format!("tests {suite}"), &["--test", suite], Vec::new()));
        }
    }
    Ok(parts)
}

fn build(root: &Path) -> Result<()> {
    // Tests start programs that lie beside them.
    Step::cargo().args(["build", "--workspace", "--bins", "--locked"]).dir(root).deadline(HUNG).run()?;
    let arguments = ["test", "--no-run", "--workspace", "--locked"];
    Step::cargo().args(arguments).dir(root).deadline(HUNG).run()
}

fn part(root: &Path, name: String, selection: &[&str], filters: Vec<String>) -> Part<'static> {
    let root = root.to_owned();
    let selection: Vec<String> = selection.iter().map(|&word| word.to_owned()).collect();
    Part::new(name, move || {
        Step::cargo()
            .args(["test", "--workspace", "--locked", "--no-fail-fast"])
            .args(&selection)
            .args(["--", "--include-ignored"])
            .args(&filters)
            // Enumerations that are sampled otherwise.
            .env("VIVIANITE_SOAK", "1")
            .env_remove("RUST_BACKTRACE")
            .dir(&root)
            .deadline(HUNG)
            .run()?;
        Ok(Outcome::Passed)
    })
}

/// The names of a suite's tests, one a line.
fn list(root: &Path, suite: &str) -> Result<String> {
    let arguments = ["test", "--workspace", "--locked", "--test", suite, "--", "--list", "--format=terse"];
    let list = Step::cargo().args(arguments).dir(root).deadline(HUNG).output()?;
    String::from_utf8(list).context("names of tests are text")
}

/// The modules that have tests, each with the filters that choose them: its own name, or those of the tests that are in
/// none. A filter may choose more than is meant, never less.
fn modules(list: &str) -> BTreeMap<String, Vec<String>> {
    let mut modules: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in list.lines().filter_map(|line| line.strip_suffix(": test")) {
        let path: Vec<&str> = name.split("::").collect();
        let depth = (path.len() - 1).min(DEPTH);
        let module = path.get(..depth).unwrap_or_default().join("::");
        if module.is_empty() {
            modules.entry("alone".to_owned()).or_default().push(name.to_owned());
        } else {
            modules.entry(module.clone()).or_insert_with(|| vec![format!("{module}::")]);
        }
    }
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_of_a_divided_suite_is_chosen_by_a_part() {
        let names =
            ["a_test", "other", "images::kills::one", "images::kills::two", "images::x", "bus::a::b::c"];
        let list: String = names.iter().map(|name| format!("{name}: test\n")).collect();
        let parts = modules(&list);
        let known: Vec<&str> = parts.keys().map(String::as_str).collect();
        assert_eq!(known, ["alone", "bus::a", "images", "images::kills"]);
        assert_eq!(parts["alone"], ["a_test", "other"]);
        for name in names {
            let is_chosen = |filters: &Vec<String>| filters.iter().any(|filter| name.contains(filter));
            assert!(parts.values().any(is_chosen), "{name}");
        }
    }
}
