//! The acts of the demonstration, in order.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::tree;
use crate::output;
use crate::rings::{self, Outcome};
use crate::stage::Stage;
use crate::workspace::Workspace;

/// The inventory's name and the path of its root.
const INVENTORY: [&str; 2] = ["xyz.openbmc_project.Inventory.Manager", "/xyz/openbmc_project/inventory"];

/// Starts what hosts the inventory.
pub fn start_inventory(stage: &mut Stage<'_>) -> Result<()> {
    stage.start("inventory-manager")?;
    output::line(format!("Running: {}", stage.running().join(", ")));
    Ok(())
}

/// Builds an image from each description; says where they are.
pub fn build_images(stage: &Stage<'_>, workspace: &Workspace) -> Result<Vec<PathBuf>> {
    if !stage.offers("vpd-tool") {
        missing("images", "vpd-tool")?;
        return Ok(Vec::new());
    }
    let tool = stage.install("vpd-tool")?;
    let mut images = Vec::new();
    for description in descriptions(&workspace.root.join("tests/data/vpd"))? {
        let name = description.file_stem().context("a description has a name")?;
        let image = stage.scratch().join(name).with_extension("bin");
        stage.step(&tool).arg("build").arg(&description).arg("--output").arg(&image).run_quietly()?;
        images.push(image);
    }
    output::line(format!("Built {} images from their descriptions", images.len()));
    Ok(images)
}

/// Runs a parser on each image; a parser passes on what is not of its format.
pub fn read_images(stage: &Stage<'_>, images: Vec<PathBuf>) -> Result<()> {
    if !stage.offers("ipz-vpd-parser") {
        return missing("parsers", "ipz-vpd-parser");
    }
    let parser = stage.install("ipz-vpd-parser")?;
    for image in images {
        let read = stage.step(&parser).arg("--root").arg(stage.root()).arg(&image).capture()?;
        output::line(format!("{}: {}", image.display(), read.status));
        output::line(read.stderr.trim_end());
    }
    Ok(())
}

/// Prints the inventory as a tree.
pub fn show_inventory(stage: &Stage<'_>) -> Result<()> {
    let [name, path] = INVENTORY;
    let call = stage
        .busctl()
        .args(["--json=short", "call", name, path])
        .args(["org.freedesktop.DBus.ObjectManager", "GetManagedObjects"]);
    output::line("The inventory:");
    output::line(tree::draw(&call.output()?)?);
    Ok(())
}

/// Asks for what cannot be, and shows the answers.
pub fn show_errors(stage: &Stage<'_>) -> Result<()> {
    let [name, path] = INVENTORY;
    let nowhere = format!("{path}/nowhere");
    let notify = ["call", name, path, name, "Notify", "a{oa{sa{sv}}}"];
    let item = "xyz.openbmc_project.Inventory.Item";
    let wrong = [&notify[..], &["1", "/system", "1", item, "1", "Present", "s", "perhaps"]].concat();
    let get = ["get-property", name, &nowhere, item, "Present"];
    for (title, arguments) in
        [("an object that is not there", &get[..]), ("a presence that is neither true nor false", &wrong)]
    {
        let answer = stage.busctl().args(arguments).capture()?;
        ensure!(!answer.status.success(), "{title} was accepted");
        output::line(format!("Asking for {title}: {}", answer.stderr.trim()));
    }
    Ok(())
}

fn descriptions(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn missing(act: &str, name: &str) -> Result<()> {
    rings::account(&format!("demo, {act}"), &Outcome::Skipped(format!("the workspace has no {name}")))
}
