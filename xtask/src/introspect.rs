//! `cargo xtask introspect`: what running services say about their objects, against golden files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::build::Profile;
use crate::output;
use crate::packages::{self, Part};
use crate::stage::Stage;
use crate::workspace::Workspace;

/// Where the golden files are, with the list of cases.
const FOLDER: &str = "tests/introspection";

/// What to do with differences.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write nothing, and fail on a difference
    #[arg(long)]
    check: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// One object of one service.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The golden file, in the folder of the list.
    file: String,
    /// The service, by its crate's name.
    service: String,
    /// The bus name that it owns.
    name: String,
    /// The object.
    path: String,
    /// Arguments of a `busctl call` that makes the object appear first.
    #[serde(default)]
    before: Vec<String>,
}

/// Compares, or rewrites the golden files.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    if arguments.check {
        return check(&workspace);
    }
    for (file, text) in different(&workspace)? {
        fs::write(workspace.root.join(FOLDER).join(&file), text)
            .with_context(|| format!("writing {file}"))?;
        output::line(format!("wrote {FOLDER}/{file}"));
    }
    Ok(())
}

/// Fails when a service describes itself otherwise than its golden file does.
pub fn check(workspace: &Workspace) -> Result<()> {
    let different: Vec<String> = different(workspace)?.into_iter().map(|(file, _)| file).collect();
    ensure!(
        different.is_empty(),
        "services describe themselves otherwise than {FOLDER} says, where a deliberate change is taken over by \
         `cargo xtask introspect`: {}",
        different.join(", ")
    );
    output::line("introspect: services describe themselves as the golden files do");
    Ok(())
}

/// The golden files that differ, with what they should hold.
fn different(workspace: &Workspace) -> Result<Vec<(String, String)>> {
    packages::require(Part::Bus)?;
    let folder = workspace.root.join(FOLDER);
    let list = fs::read_to_string(folder.join("cases.toml"))
        .with_context(|| format!("reading {FOLDER}/cases.toml"))?;
    let cases: Cases = toml::from_str(&list).with_context(|| format!("parsing {FOLDER}/cases.toml"))?;
    let mut stage = Stage::set(workspace, Profile::Dev)?;
    let mut different = Vec::new();
    for case in cases.case {
        stage.ensure_running(&case.service)?;
        let text = describe(&stage, &case)
            .with_context(|| format!("introspecting {} of {}", case.path, case.service))?;
        if fs::read_to_string(folder.join(&case.file)).ok().as_ref() != Some(&text) {
            different.push((case.file, text));
        }
    }
    stage.end()?;
    warn_of_strangers(&folder, &list)?;
    Ok(different)
}

fn describe(stage: &Stage<'_>, case: &Case) -> Result<String> {
    if !case.before.is_empty() {
        stage.busctl().arg("call").args(&case.before).output()?;
    }
    let xml = stage.busctl().args(["introspect", "--xml-interface", &case.name, &case.path]).output()?;
    Ok(normalised(&String::from_utf8(xml)?))
}

/// A golden file that no case names protects nothing.
fn warn_of_strangers(folder: &Path, list: &str) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ensure!(!name.ends_with(".xml") || list.contains(&name), "{FOLDER}/{name} belongs to no case");
    }
    Ok(())
}

/// The interfaces and children in byte order, since their order means nothing; indented alike.
fn normalised(xml: &str) -> String {
    let mut blocks: Vec<String> = Vec::new();
    let mut open = false;
    for line in xml.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if open {
            let block = blocks.last_mut().expect("an open block is the last one");
            block.push('\n');
            block.push_str(line);
            open = !line.starts_with("</interface");
        } else if line.starts_with("<interface") || line.starts_with("<node name") {
            blocks.push(line.to_owned());
            open = line.starts_with("<interface") && !line.ends_with("/>") && !line.ends_with("</interface>");
        }
    }
    blocks.sort();
    format!("<node>\n{}\n</node>\n", blocks.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_indentation_of_interfaces_mean_nothing() {
        let one = "<!DOCTYPE node>\n<node>\n <interface name=\"b\">\n  <method name=\"M\"/>\n </interface>\n\
            <interface name=\"a\"/>\n<node name=\"x\"/>\n</node>";
        let two = "<node>\n<node name=\"x\"/>\n<interface name=\"a\"/>\n<interface name=\"b\">\n<method name=\"M\"/>\n\
            </interface>\n</node>\n";
        assert_eq!(normalised(one), normalised(two));
    }

    #[test]
    fn a_renamed_member_is_a_difference() {
        let text = |name: &str| {
            format!("<node>\n<interface name=\"b\">\n<method name=\"{name}\"/>\n</interface>\n</node>")
        };
        assert_ne!(normalised(&text("One")), normalised(&text("Two")));
    }
}
