//! Rules about the machine that shows everything: its list has each key of a description, and each outcome.

use std::collections::BTreeSet;

use super::{Finding, House};

/// Where keys are documented.
const KEYS: &str = "configs/README.md";
/// The list.
const LIST: &str = "configs/systems/demo/README.md";
/// The machine's descriptions.
const MACHINE: &str = "configs/systems/demo/";
/// Where outcomes have their words, and where the machine in QEMU says which part has which.
const WORDS: &str = "crates/vpd-format/src/outcome.rs";
const OUTCOMES: &str = "tests/vm/scenarios/demo/root/etc/bed/outcomes";
/// In the place of a part, for what this machine does not show.
const NOT_SHOWN: &str = "not shown";

/// Each documented key and each outcome is in the list, with a part that has it.
pub fn the_demo_shows_everything(house: &House<'_>) -> Vec<Finding> {
    let (Some(keys), Some(list)) = (house.tree.text(KEYS), house.tree.text(LIST)) else { return Vec::new() };
    let machine: String = house
        .tree
        .with_suffix(".toml")
        .filter(|(path, _)| {
            path.starts_with(MACHINE)
                || path.starts_with("configs/vpd.d/")
                || path.starts_with("configs/systems/file-board/")
        })
        .map(|(_, text)| text)
        .collect();
    let mut findings = Vec::new();
    let mut listed = BTreeSet::new();
    for (line, cells) in rows(list) {
        let [names, part, ..] = &cells[..] else { continue };
        for name in spans(names) {
            if part != NOT_SHOWN && !is_in(&machine, part, &name) && !is_outcome(house, part, &name) {
                findings.push(Finding::error(LIST, line, format!("{part} does not show {name}")));
            }
            listed.insert(name);
        }
    }
    for (line, cells) in rows(keys) {
        for name in cells.first().into_iter().flat_map(|cell| spans(cell)).filter(|name| is_key(name)) {
            if !listed.contains(&name) {
                findings.push(Finding::error(KEYS, line, format!("{LIST} has no part that shows {name}")));
            }
        }
    }
    for word in house.tree.text(WORDS).into_iter().flat_map(words) {
        if !listed.contains(&word) {
            findings.push(Finding::error(LIST, 1, format!("the outcome {word} is not in the list")));
        }
    }
    findings
}

/// The rows of all tables, with their lines and cells.
fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<String>)> + '_ {
    text.lines().enumerate().filter_map(|(index, line)| {
        let inner = line.strip_prefix('|')?.strip_suffix('|')?;
        let cells: Vec<String> = inner.split(" | ").map(|cell| cell.trim().to_owned()).collect();
        (!inner.starts_with("---")).then_some((index + 1, cells))
    })
}

/// What stands between backquotes, as far as it is a name: of a step, its first key.
fn spans(cell: &str) -> Vec<String> {
    let inside = cell.split('`').skip(1).step_by(2);
    inside.map(|span| span.trim_start_matches("{ ").split(" = ").next().unwrap_or(span).to_owned()).collect()
}

/// Words for encodings and values have tables of their own and are no keys.
fn is_key(name: &str) -> bool {
    const ENCODINGS: [&str; 7] = ["text", "mac", "first-mac", "date", "bcd-date", "uuid", "hex"];
    !ENCODINGS.contains(&name)
}

/// Whether the machine's descriptions have the part and the key.
fn is_in(machine: &str, part: &str, name: &str) -> bool {
    let part = part.trim_matches('`');
    let is_part = machine.contains(&format!("[fru.\"{part}\""))
        || part.ends_with(".toml")
        || matches!(part, "vpd.d" | "file-board");
    let key = name.trim_matches(|c| c == '[' || c == ']').split('.').next_back().unwrap_or(name);
    // A name in capitals stands for any.
    let is_placeholder = key.trim_matches('"').bytes().all(|byte| byte.is_ascii_uppercase());
    let mut words = machine.split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c));
    is_part && (is_placeholder || words.any(|word| word == key))
}

/// Whether the machine in QEMU finds that outcome, or no outcome, with the part.
fn is_outcome(house: &House<'_>, part: &str, name: &str) -> bool {
    let lines = house.tree.text(OUTCOMES).unwrap_or_default().lines();
    let mut of_part = lines.filter(|line| line.split(' ').next() == Some(part));
    // What no object wants is not told as an outcome of the whole.
    of_part.any(|line| name == "skipped" || line.split(' ').any(|word| word == name))
}

/// The words of outcomes, from the lines that give them.
fn words(source: &str) -> Vec<String> {
    let arms = source.lines().filter(|line| line.trim_start().starts_with("Self::"));
    arms.filter_map(|line| Some(line.split_once("=> \"")?.1.split('"').next()?.to_owned())).collect()
}
