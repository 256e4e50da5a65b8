//! The rows of `bench vpd`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::Workbench;
use super::measure::{Cost, Subject};
use crate::build::Profile;
use crate::stage::Stage;
use crate::step::Step;
use crate::workspace::Workspace;
use crate::{fixtures, output};
use system_index::{Levels, SystemIndex, SystemName, places};

/// The parser that is measured.
const PARSER: &str = "ipz-vpd-parser";

/// The key that a real machine's planar goes by here.
const REAL: &str = "file:real-planar";

/// Measures the parsers of vital product data beside their C twins.
pub fn vpd(workspace: &Workspace, real: Option<(&Path, &Path)>) -> Result<()> {
    let bench = Workbench::new(&workspace.root.join("xtask/bench"))?;
    let mut stage = Stage::set(workspace, Profile::Release)?;
    stage.start("inventory-manager")?;
    let parser = Parser::prepare(&stage, workspace)?;
    let mut table = Vec::new();
    let mut rows = vec![
        ("card, 1 object".to_owned(), "file:card", 0),
        ("planar, 43 objects".to_owned(), "file:system-planar", 0),
    ];
    if let Some((upstream, image)) = real {
        rows.push((parser.import(upstream, image, stage.scratch())?, REAL, 0));
    }
    for (name, key, status) in rows {
        let subject = parser.subject(key, stage.bus().address());
        let twin = bench.meter.measure(&bench.twin_of(&subject)?)?;
        let ours = bench.meter.measure(&subject)?;
        ensure!(ours.status == status, "{PARSER} ended with {} on {key}", ours.status);
        table.push(row(&name, &ours, Some(&twin)));
        table.push(row("  C twin", &twin, None));
    }
    let address = stage.bus().address().to_owned();
    let nowhere = format!("unix:path={}", stage.scratch().join("nothing").display());
    for (name, key, address, status) in [
        ("blank EEPROM", "file:blank", address.as_str(), 65),
        ("absent device", "file:absent", address.as_str(), 69),
        ("no bus", "file:card", nowhere.as_str(), 75),
    ] {
        let cost = bench.meter.measure(&parser.subject(key, address))?;
        ensure!(cost.status == status, "{PARSER} ended with {} instead of {status}: {name}", cost.status);
        table.push(row(name, &cost, None));
    }
    stage.end()?;
    table.push(code_row(&bench, workspace)?);
    output::line(output::table(
        &["row", "instructions", "ratio", "peak KiB", "bytes read", "status"],
        &table,
    ));
    Ok(())
}

/// What checking the code of twelve areas costs: the difference of a hundred more times, divided.
fn code_row(bench: &Workbench, workspace: &Workspace) -> Result<Vec<String>> {
    const EXAMPLE: &str = "twelve_areas";
    Step::cargo()
        .args(["build", "--locked", "--release", "--package", "vpd-ecc", "--example", EXAMPLE])
        .dir(&workspace.root)
        .run()?;
    let program = workspace.target.join("release/examples").join(EXAMPLE);
    let cost = |times: &str| {
        let arguments = vec![times.into()];
        let subject = Subject { program: program.clone(), arguments, address: String::new(), input: None };
        bench.meter.measure(&subject)
    };
    let (one, many) = (cost("1")?, cost("101")?);
    let instructions = many.instructions.saturating_sub(one.instructions) / 100;
    Ok(row("code of 12 areas", &Cost { instructions, ..one }, None))
}

/// An installed parser with images and fragments.
struct Parser {
    program: PathBuf,
    fragments: PathBuf,
    images: PathBuf,
}

impl Parser {
    fn prepare(stage: &Stage<'_>, workspace: &Workspace) -> Result<Self> {
        let program = stage.install(PARSER)?;
        let (fragments, images) = (stage.scratch().join("frus"), stage.scratch().join("images"));
        fs::create_dir_all(&images).context("creating a folder for images")?;
        for name in ["card", "system-planar"] {
            fs::write(images.join(name), fixtures::image(&workspace.root, name)?)?;
        }
        fs::write(images.join("blank"), [0xff; 8192])?;
        for name in ["card", "blank", "absent"] {
            let path = format!("/system/chassis/motherboard/{name}");
            fixtures::write_fragment(
                &fragments,
                &format!("file:{name}"),
                &fixtures::one_object(&path, "Card"),
            )?;
        }
        fixtures::write_fragment(&fragments, "file:system-planar", &fixtures::planar())?;
        Ok(Self { program, fragments, images })
    }

    /// Takes the fragment of the system EEPROM from upstream's configuration; says what it is.
    fn import(&self, upstream: &Path, image: &Path, scratch: &Path) -> Result<String> {
        let (configs, root) = (scratch.join("imported"), scratch.join("compiled"));
        let system: SystemName = "imported".parse().context("naming the system")?;
        vpd_config::Import {
            upstream: upstream.to_owned(),
            output: configs.clone(),
            backup: None,
            schema: Vec::new(),
            system: Some(system.clone()),
            types: vec!["50001001".parse().context("a system type")?],
            levels: Levels::Any,
        }
        .run()?;
        vpd_config::build(&vpd_config::Source { image: &configs, site: None, schema: &[] }, &root)?;
        let folder = places::system(&root, &system);
        let read =
            |path: &Path| fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
        let index = SystemIndex::parse(&read(&places::system_index(&folder))?)?;
        let fru = index.fru.iter().find(|fru| fru.system).context("no EEPROM says what system it is")?;
        let fragment = read(&places::fragment(&folder, &fru.key))?;
        fixtures::write_fragment(&self.fragments, REAL, &fragment)?;
        let bytes = fs::read(image).with_context(|| format!("reading {}", image.display()))?;
        fs::write(self.images.join(REAL.trim_start_matches("file:")), bytes)?;
        let objects = fragment.matches("[[object]]").count();
        Ok(format!("{}, {objects} objects, {} bytes of TOML", fru.key, fragment.len()))
    }

    fn subject(&self, key: &str, address: &str) -> Subject {
        let image = self.images.join(Path::new(key.trim_start_matches("file:")));
        let arguments: [OsString; 5] = [
            "--fragments".into(),
            self.fragments.clone().into(),
            "--key".into(),
            key.into(),
            image.clone().into(),
        ];
        Subject {
            program: self.program.clone(),
            arguments: arguments.into(),
            address: address.to_owned(),
            input: image.exists().then_some(image),
        }
    }
}

fn row(name: &str, cost: &Cost, twin: Option<&Cost>) -> Vec<String> {
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people, of counts far below 2^52")]
    let ratio = |twin: &Cost| format!("{:.2}", cost.instructions as f64 / twin.instructions as f64);
    vec![
        name.to_owned(),
        cost.instructions.to_string(),
        twin.map_or_else(String::new, ratio),
        cost.peak_kib.to_string(),
        cost.bytes_read.map_or_else(String::new, |bytes| bytes.to_string()),
        cost.status.to_string(),
    ]
}
