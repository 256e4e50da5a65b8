//! The acts of the demonstration, in order.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::tree;
use crate::rings::{self, Outcome};
use crate::stage::Stage;
use crate::workspace::Workspace;
use crate::{fixtures, output};

/// The inventory's name and the path of its root.
const INVENTORY: [&str; 2] = ["xyz.openbmc_project.Inventory.Manager", "/xyz/openbmc_project/inventory"];

/// The parsers; each replaces itself by the other where the format is not its own.
const PARSERS: [&str; 2] = ["ipz-vpd-parser", "keyword-vpd-parser"];

/// Starts what hosts the inventory.
pub fn start_inventory(stage: &mut Stage<'_>) -> Result<()> {
    stage.start("inventory-manager")?;
    output::line(format!("Running: {}", stage.running().join(", ")));
    Ok(())
}

/// Builds an image from each committed description; says where they are.
pub fn build_images(stage: &Stage<'_>, workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let folder = stage.scratch().join("images");
    fs::create_dir_all(&folder).context("creating a folder for images")?;
    let mut images = Vec::new();
    for name in fixtures::names(&workspace.root)? {
        let path = folder.join(&name).with_extension("bin");
        fs::write(&path, fixtures::image(&workspace.root, &name)?)?;
        images.push(path);
    }
    output::line(format!("Built {} images from tests/data/vpd", images.len()));
    Ok(images)
}

/// Images with which something is wrong: blank, cut short, a wrong bit, a record beyond repair, not there at all.
pub fn damaged_images(stage: &Stage<'_>) -> Result<Vec<PathBuf>> {
    let folder = stage.scratch().join("images");
    let good = fs::read(folder.join("card.bin")).context("reading the image that is to be damaged")?;
    let serial =
        good.windows(4).position(|window| window == b"YVIV").context("the card has no serial number")?;
    let with = |damage: &dyn Fn(&mut Vec<u8>)| {
        let mut image = good.clone();
        damage(&mut image);
        image
    };
    let images = [
        ("blank", vec![0xff; good.len()]),
        ("cut_short", with(&|image| image.truncate(40))),
        ("one_wrong_bit", with(&|image| image[serial] ^= 1)),
        ("beyond_repair", with(&|image| image[serial..serial + 4].fill(0))),
    ];
    let mut paths = Vec::new();
    for (name, image) in images {
        let path = folder.join(name).with_extension("bin");
        fs::write(&path, image)?;
        paths.push(path);
    }
    paths.push(folder.join("absent.bin"));
    Ok(paths)
}

/// Runs the parser on each image; where the format is the other parser's, the first hands over.
pub fn read_images(stage: &Stage<'_>, images: &[PathBuf]) -> Result<()> {
    if !stage.offers(PARSERS[0]) || !stage.offers(PARSERS[1]) {
        return missing("parsers", &PARSERS.join(" or no "));
    }
    let parsers = [stage.install(PARSERS[0])?, stage.install(PARSERS[1])?];
    let config = stage.root().join("usr/share/vivianite");
    for (index, image) in images.iter().enumerate() {
        let key = format!("file:demo{index}");
        let name = image.file_stem().map_or_else(|| key.clone(), |name| name.to_string_lossy().into_owned());
        let object = format!("/system/{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        fixtures::write_fragment(&config, &key, &fixtures::one_object(&object, &name))?;
        let arguments =
            ["--config".as_ref(), config.as_os_str(), "--key".as_ref(), key.as_ref(), image.as_os_str()];
        let read = stage.step(&parsers[0]).args(arguments).capture()?;
        output::line(format!("{name}: {}", read.status));
        output::line(indented(&read.stderr));
    }
    Ok(())
}

fn indented(log: &str) -> String {
    log.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
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

fn missing(act: &str, name: &str) -> Result<()> {
    rings::account(&format!("demo, {act}"), &Outcome::Skipped(format!("the workspace has no {name}")))
}
