//! Where unsafe code may be, and what stands above it.

use super::code::Code;
use super::{Finding, House};

/// The crates that may have unsafe code: few and small, so that all of it can be read.
const HOMES: [&str; 1] = ["kernel-calls"];

const MARK: &str = "// SAFETY:";

pub fn unsafe_code_is_at_home_and_has_its_reason(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in house.tree.with_suffix(".rs") {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let code = Code::split(text);
        let uses = code.text.lines().enumerate().filter(|(_, line)| has_unsafe(line));
        for (index, _) in uses {
            let sentence = if !is_home(path) {
                format!("unsafe code belongs to {}", HOMES.join(", "))
            } else if !has_reason(lines.get(..index).unwrap_or_default()) {
                format!("a comment directly above says why this is sound: {MARK} REASON")
            } else {
                continue;
            };
            findings.push(Finding::error(path, index + 1, sentence));
        }
    }
    findings
}

fn is_home(path: &str) -> bool {
    let name = path.strip_prefix("crates/").and_then(|rest| rest.split('/').next());
    name.is_some_and(|name| HOMES.contains(&name))
}

/// Whether a line of code has the keyword; `unsafe_code` is another word.
fn has_unsafe(line: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "unsafe")
}

/// Whether the comment at the end of these lines, attributes passed over, gives a reason.
fn has_reason(above: &[&str]) -> bool {
    let comment = |line: &&&str| line.starts_with("//") || line.starts_with("#[");
    let reason = above.iter().rev().take_while(comment).find_map(|line| line.strip_prefix(MARK));
    reason.is_some_and(|reason| !reason.trim().is_empty())
}
