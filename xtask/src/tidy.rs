//! House rules that no compiler checks. Every rule is a pure function of the tree and the crate graph, so each has
//! a test on a small synthetic tree.

mod code;
mod demo;
mod floors;
mod layout;
mod source;
mod text;
mod tree;
mod units;
mod unsafety;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use crate::output;
use crate::workspace::{Crate, Workspace};
use tree::Tree;

/// One breach of a rule, or a warning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    severity: Severity,
    sentence: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Error,
    Warning,
}

impl Finding {
    fn error(path: &str, line: usize, sentence: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, severity: Severity::Error, sentence: sentence.into() }
    }

    fn warning(path: &str, line: usize, sentence: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, line, sentence) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(formatter, "{}:{}: {mark}{}", self.path, self.line, self.sentence)
    }
}

/// What the rules look at.
struct House<'a> {
    tree: &'a Tree,
    crates: &'a [Crate],
}

/// Checks the checkout that xtask lies in.
pub fn run() -> Result<()> {
    let workspace = Workspace::load()?;
    let tree = Tree::load(&workspace.root)?;
    let findings = check(&House { tree: &tree, crates: &workspace.crates });
    for finding in &findings {
        output::line(finding.to_string());
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if errors > 0 {
        bail!("tidy found {errors} breaches of the house rules");
    }
    output::line(format!(
        "tidy: {} files and {} crates are in order",
        tree.files.len(),
        workspace.crates.len()
    ));
    Ok(())
}

/// The breaches in another checkout, each as a line.
pub fn breaches(root: &Path) -> Result<Vec<String>> {
    let workspace = Workspace::load_from(root)?;
    let tree = Tree::load(root)?;
    let findings = check(&House { tree: &tree, crates: &workspace.crates });
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    Ok(errors.map(ToString::to_string).collect())
}

fn check(house: &House<'_>) -> Vec<Finding> {
    let rules: [fn(&House<'_>) -> Vec<Finding>; 18] = [
        demo::the_demo_shows_everything,
        floors::every_crate_states_its_floor,
        floors::edges_point_down,
        floors::floor_zero_is_pure,
        floors::test_only_crates_stay_out_of_products,
        source::floor_zero_source_is_pure,
        source::floor_zero_denies_panics,
        source::bus_names_live_in_one_crate,
        source::tests_do_not_sleep,
        layout::names_are_of_the_house,
        layout::files_are_short,
        layout::root_is_known,
        layout::readme_and_architecture,
        text::toml_parses_and_licences_are_stated,
        text::no_machine_paths,
        units::daemons_have_the_bus_to_their_end,
        units::no_unit_of_ours_conflicts_with_another,
        unsafety::unsafe_code_is_at_home_and_has_its_reason,
    ];
    let mut findings: Vec<Finding> = rules.iter().flat_map(|rule| rule(house)).collect();
    findings.sort();
    findings.dedup();
    findings
}
