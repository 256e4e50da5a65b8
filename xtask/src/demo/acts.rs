//! The acts of the demonstration, in order.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use unit_plan::UnitName;

use super::{machine, tree};
use crate::build::Profile;
use crate::rings::{self, Outcome};
use crate::stage::{Run, Stage};
use crate::workspace::Workspace;
use crate::{fixtures, output, vm};

/// The inventory's name and the path of its root.
const INVENTORY: [&str; 2] = ["xyz.openbmc_project.Inventory.Manager", "/xyz/openbmc_project/inventory"];

/// The parsers; each replaces itself by the other where the format is not its own.
const PARSERS: [&str; 2] = ["ipz-vpd-parser", "keyword-vpd-parser"];

/// The unit of a parser; a machine has an instance of it for each EEPROM.
const PARSER_UNIT: &str = "ipz-vpd-parser@.service";

/// Where the selection of the system links the fragments that apply.
const FRAGMENTS: &str = "run/vivianite/vpd/active/frus";

/// The tool for images.
const TOOL: &str = "vpd-tool";

/// An EEPROM of the demonstration.
pub struct Eeprom {
    name: String,
    image: PathBuf,
}

/// The programs of the demonstration, built and installed.
pub struct Programs {
    tool: Option<PathBuf>,
}

/// Builds and installs everything before the first act; `None` when there are no parsers.
pub fn install(stage: &Stage<'_>) -> Result<Option<Programs>> {
    if !PARSERS.iter().all(|parser| stage.offers(parser)) {
        missing("parsers", &PARSERS.join(" or no "))?;
        return Ok(None);
    }
    for parser in PARSERS {
        stage.install(parser)?;
    }
    let tool = stage.offers(TOOL).then(|| stage.install(TOOL)).transpose()?;
    Ok(Some(Programs { tool }))
}

/// Starts what hosts the inventory.
pub fn start_inventory(stage: &mut Stage<'_>) -> Result<()> {
    stage.start("inventory-manager")?;
    heading("1. A private bus, and our inventory-manager on it");
    output::line(format!("bus      {}", stage.bus().address()));
    output::line(format!("running  {}", stage.running().join(", ")));
    Ok(())
}

/// Builds an image from each committed description, and adds the visitor's own.
pub fn build_images(
    stage: &Stage<'_>,
    programs: &Programs,
    workspace: &Workspace,
    own: &[PathBuf],
) -> Result<Vec<Eeprom>> {
    heading("2. EEPROM images, made from the descriptions in tests/data/vpd");
    let folder = stage.scratch().join("images");
    fs::create_dir_all(&folder).context("creating a folder for images")?;
    let mut eeproms = Vec::new();
    for name in fixtures::names(&workspace.root)? {
        let image = folder.join(&name).with_extension("bin");
        let description = workspace.root.join("tests/data/vpd").join(&name).with_extension("toml");
        match &programs.tool {
            Some(tool) => {
                let arguments =
                    ["build".as_ref(), description.as_os_str(), "--output".as_ref(), image.as_os_str()];
                stage.step(tool).args(arguments).output()?;
                let check = stage.step(tool).args(["check".as_ref(), image.as_os_str()]).capture()?;
                output::line(format!("{name:<16} {}", verdict(&check.stdout)));
            }
            None => fs::write(&image, fixtures::image(&workspace.root, &name)?)?,
        }
        eeproms.push(Eeprom { name, image });
    }
    for (index, image) in own.iter().enumerate() {
        let stem = image.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let image = fs::canonicalize(image).with_context(|| format!("finding {}", image.display()))?;
        eeproms.push(Eeprom { name: format!("yours{}_{stem}", index + 1), image });
    }
    Ok(eeproms)
}

/// The first line of a check, without the file's name.
fn verdict(check: &[u8]) -> String {
    let text = String::from_utf8_lossy(check);
    let line = text.lines().next().unwrap_or_default();
    line.split_once(": ").map_or(line, |(_, verdict)| verdict).to_owned()
}

/// The same damage as the tool sees it on a desk.
pub fn on_a_desk(stage: &Stage<'_>, programs: &Programs) -> Result<()> {
    let Some(tool) = &programs.tool else { return missing("desk", TOOL) };
    let images = stage.scratch().join("images");
    for (command, files) in
        [("check", &["beyond_repair.bin"][..]), ("diff", &["card.bin", "beyond_repair.bin"])]
    {
        output::line(format!("$ vpd-tool {command} {}", files.join(" ")));
        let shown = stage.step(tool).dir(&images).arg(command).args(files).capture()?;
        output::line(String::from_utf8_lossy(&shown.stdout));
    }
    Ok(())
}

/// EEPROMs with which something is wrong: blank, cut short, a wrong bit, a record beyond repair, without code, of a format
/// that is not supported, not there at all.
pub fn damaged(stage: &Stage<'_>, workspace: &Workspace) -> Result<Vec<Eeprom>> {
    let folder = stage.scratch().join("images");
    let good = fs::read(folder.join("card.bin")).context("reading the image that is to be damaged")?;
    let serial =
        good.windows(4).position(|window| window == b"YVIV").context("the card has no serial number")?;
    let with = |damage: &dyn Fn(&mut Vec<u8>)| {
        let mut image = good.clone();
        damage(&mut image);
        image
    };
    let without_code =
        fixtures::description(&workspace.root, "card")?.replacen("size =", "code = \"none\"\nsize =", 1);
    // Version 1, a board area at eight bytes, and the sum of the header is zero.
    let mut ipmi_fru = vec![0; 256];
    ipmi_fru[..8].copy_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0xfe]);
    let images = [
        ("blank", Some(vec![0xff; good.len()])),
        ("cut_short", Some(with(&|image| image.truncate(40)))),
        ("one_wrong_bit", Some(with(&|image| image[serial] ^= 1))),
        ("beyond_repair", Some(with(&|image| image[serial..serial + 4].fill(0)))),
        ("without_code", Some(vpd_builder::build(&without_code)?)),
        ("ipmi_fru", Some(ipmi_fru)),
        ("absent", None),
    ];
    let mut eeproms = Vec::new();
    for (name, content) in images {
        let image = folder.join(name).with_extension("bin");
        if let Some(content) = content {
            fs::write(&image, content)?;
        }
        eeproms.push(Eeprom { name: name.to_owned(), image });
    }
    Ok(eeproms)
}

/// Runs the parser on each EEPROM; where the format is the other parser's, the first hands over.
pub fn collect(stage: &Stage<'_>, title: &str, eeproms: &[Eeprom]) -> Result<()> {
    heading(title);
    let (mut rows, mut said) = (Vec::new(), Vec::new());
    for eeprom in eeproms {
        let (row, log) = collect_one(stage, eeprom)?;
        rows.push(row);
        said.extend(log);
    }
    let columns = ["EEPROM", "format", "outcome", "bytes read", "of", "inventory", "exit status", "unit"];
    output::line(output::table(&columns, &rows));
    if !said.is_empty() {
        output::line("What they logged beside that:");
        said.iter().for_each(output::line);
    }
    Ok(())
}

/// A row of the table, and the lines of the log that are not about success.
fn collect_one(stage: &Stage<'_>, eeprom: &Eeprom) -> Result<(Vec<String>, Vec<String>)> {
    let plain = eeprom.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let key = format!("file:{plain}");
    // A text in JSON is one in TOML.
    let file = Value::from(eeprom.image.to_str().context("an image's path is not UTF-8")?);
    let fragment = fixtures::one_object(&format!("/system/{plain}"), &eeprom.name);
    fixtures::write_fragment(&stage.root().join(FRAGMENTS), &key, &format!("file = {file}\n{fragment}"))?;
    let unit = UnitName::instance_of(PARSER_UNIT, &key)?.full();
    let (read, state) = match stage.run(&unit)? {
        Run::Ended { captured, state } => (captured, state),
        Run::Unmet(condition) => bail!("{unit} did not run, by its condition {condition}"),
    };
    let report: Value = serde_json::from_slice(&read.stdout)
        .with_context(|| format!("{unit} gave no report and ended with {}: {}", read.status, read.stderr))?;
    let cell = |name: &str| match report.get(name) {
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        other => other.map(Value::to_string).unwrap_or_default(),
    };
    let status = read.status.code().map_or_else(|| read.status.to_string(), |code| code.to_string());
    let row = vec![
        eeprom.name.clone(),
        cell("format"),
        cell("outcome"),
        cell("bytes-read"),
        cell("image-size"),
        cell("inventory"),
        status,
        state.to_owned(),
    ];
    let log = read.stderr.lines().filter(|line| !line.contains("collected fru="));
    Ok((row, log.map(|line| format!("    {line}")).collect()))
}

/// Prints the inventory as a tree.
pub fn show_inventory(stage: &Stage<'_>, full: bool) -> Result<()> {
    heading(if full {
        "5. The inventory that resulted"
    } else {
        "5. The inventory that resulted (--full shows all)"
    });
    let [name, path] = INVENTORY;
    let call = stage
        .busctl()
        .args(["--json=short", "call", name, path])
        .args(["org.freedesktop.DBus.ObjectManager", "GetManagedObjects"]);
    let detail = if full { tree::Detail::Full } else { tree::Detail::Telling };
    output::line(tree::draw(&call.output()?, detail)?);
    Ok(())
}

/// The same, as busctl shows it to an administrator.
pub fn as_an_administrator(stage: &Stage<'_>) -> Result<()> {
    heading("6. As an administrator sees it");
    let [name, path] = INVENTORY;
    let object = format!("{path}/system/card");
    for arguments in [vec!["tree", name], vec!["introspect", name, &object]] {
        output::line(format!("$ busctl --address={} {}", stage.bus().address(), arguments.join(" ")));
        let shown = stage.busctl().args(&arguments).output()?;
        output::line(String::from_utf8_lossy(&shown));
    }
    Ok(())
}

/// Asks for what cannot be, and shows the answers.
pub fn refusals(stage: &Stage<'_>) -> Result<()> {
    heading("7. What cannot be is refused by name");
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
        output::line(format!("asking for {title}:\n    {}", answer.stderr.trim()));
    }
    attack(stage)
}

/// Does to the inventory what any user may, and asks it meanwhile.
fn attack(stage: &Stage<'_>) -> Result<()> {
    let [name, path] = INVENTORY;
    for (title, kind) in [
        ("4 clients send 500 calls with 16 descriptors each", "descriptors"),
        ("4 clients call 500 times for all objects and read none of it", "unread"),
    ] {
        let arguments = [kind, name, "4", "500"].map(str::to_owned);
        let attack = test_attacks::Attack::from_arguments(arguments.into_iter())?;
        let clients = attack.run(stage.bus().address())?;
        let ping = ["call", name, path, "org.freedesktop.DBus.Peer", "Ping"];
        let answer = stage.busctl().arg("--timeout=5").args(ping).capture()?;
        ensure!(answer.status.success(), "{title}: {}", answer.stderr.trim());
        output::line(format!("while {title}, it answers"));
        drop(clients);
    }
    Ok(())
}

/// Boots a machine with slots, power and everything that can go wrong, and shows its inventory as it was then.
pub fn boot_a_machine(workspace: &Workspace, profile: Profile) -> Result<()> {
    heading(
        "8. A whole machine boots: systemd, udev, real drivers for EEPROMs and lines, everything as installed",
    );
    let (outcome, results) = vm::show(workspace, "demo", profile)?;
    if let Some(results) = results {
        heading("9. Its inventory, as it was when the machine counted as ready");
        let path = results.join("inventory.json");
        let reply = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        output::line(machine::draw(&reply)?);
    }
    rings::account("demo, machine", &outcome)
}

/// Imports a configuration of openpower-vpd-parser, and shows what it became.
pub fn import(stage: &Stage<'_>, workspace: &Workspace, upstream: Option<&Path>) -> Result<()> {
    heading("10. A system that upstream describes, imported and compiled");
    let own = workspace.root.join("crates/vpd-config/tests/import/data/small.json");
    let json = upstream.unwrap_or(&own);
    let (configs, root) = (stage.scratch().join("imported"), stage.scratch().join("compiled"));
    let import = vpd_config::Import {
        upstream: json.to_owned(),
        output: configs.clone(),
        backup: None,
        schema: Vec::new(),
        system: Some("imported".parse().context("naming the system")?),
        types: vec!["50001001".parse().context("a system type")?],
        levels: system_index::Levels::Any,
    };
    output::line(format!("{}", import.run()?));
    let source = vpd_config::Source { image: &configs, site: None, schema: &[] };
    output::line(format!("compiled: {}", vpd_config::build(&source, &root)?));
    Ok(())
}

/// The title of an act.
pub fn heading(text: &str) {
    output::line(format!("\n=== {text}"));
}

/// An act that cannot be played without this crate.
pub fn missing(act: &str, name: &str) -> Result<()> {
    rings::account(&format!("demo, {act}"), &Outcome::Skipped(format!("the workspace has no {name}")))
}
