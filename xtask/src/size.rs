//! `cargo xtask size`: what each shipped binary costs on flash and in the page cache, against its budget.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::build::{self, Profile};
use crate::output;
use crate::packages::{self, Part};
use crate::step::{Step, find_program};
use crate::workspace::{Crate, Workspace};

/// Budgets and the figures last committed.
const DATA: &str = "xtask/data/size-budget.toml";

const ARMV7: &str = "armv7-unknown-linux-gnueabihf";
const ARMV7_LINKER: &str = "arm-linux-gnueabihf-gcc";

/// How to measure.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Arguments {
    /// Rewrite the committed figures with those measured now
    #[arg(long)]
    update: bool,
    /// Only the binaries whose figures differ from the committed ones
    #[arg(long)]
    diff: bool,
    /// Only these binaries
    names: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    budget: Budgets,
    /// By architecture, then by binary.
    #[serde(default)]
    last: BTreeMap<String, BTreeMap<String, Size>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budgets {
    service: Size,
    tool: Size,
    /// Binaries that were granted a budget of their own, each with a comment that says why.
    #[serde(default)]
    own: BTreeMap<String, Size>,
    /// Sums that a machine pays together, by their names.
    #[serde(default)]
    sum: BTreeMap<String, Sum>,
}

/// Programs whose sizes are added, and what they may cost together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Sum {
    /// Names of binaries; all services where there are none.
    #[serde(default)]
    of: Vec<String>,
    raw_kib: u64,
    xz_kib: u64,
}

/// Stripped size and that size after `xz -9e`, both in bytes in memory and in KiB, rounded up, in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Size {
    raw_kib: u64,
    xz_kib: u64,
}

/// One architecture to build for.
struct Target {
    architecture: &'static str,
    /// The triple and its linker, unless it is the host's.
    foreign: Option<(&'static str, &'static str)>,
    strip: PathBuf,
}

/// Measures, prints the table, and fails above budget.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    packages::require(Part::Size)?;
    let path = workspace.root.join(DATA);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let data: Data = toml::from_str(&text).with_context(|| format!("parsing {}", path.display()))?;
    let mut measured = data.last.clone();
    let mut over = Vec::new();
    for target in targets(&workspace)? {
        let mut rows = Vec::new();
        for member in workspace.shipped() {
            if !arguments.names.is_empty() && !arguments.names.contains(&member.name) {
                continue;
            }
            let size = measure(&workspace, member, &target)?;
            let last = data.last.get(target.architecture).and_then(|sizes| sizes.get(&member.name)).copied();
            if !arguments.diff || last != Some(size) {
                rows.push(row(&member.name, size, data.budget.of(member), last));
            }
            if data.budget.of(member).exceeded_by(size) {
                over.push(format!("{} ({})", member.name, target.architecture));
            }
            measured.entry(target.architecture.to_owned()).or_default().insert(member.name.clone(), size);
        }
        output::line(format!("{}, stripped, KiB", target.architecture));
        let header = ["raw", "budget", "xz -9e", "budget", "Δ raw", "Δ xz"];
        output::line(output::table(&[&["binary"][..], &header].concat(), &rows));
        // A part of a sum is no sum.
        if arguments.names.is_empty() {
            let sizes = measured.get(target.architecture).cloned().unwrap_or_default();
            let last = data.last.get(target.architecture).cloned().unwrap_or_default();
            let mut rows = Vec::new();
            for (name, sum) in &data.budget.sum {
                let members = sum.members(&workspace).with_context(|| format!("adding up {name}"))?;
                let size = added(&sizes, &members).with_context(|| format!("adding up {name}"))?;
                rows.push(row(name, size, sum.budget(), added(&last, &members)));
                if sum.budget().exceeded_by(size) {
                    over.push(format!("the sum of {name} ({})", target.architecture));
                }
            }
            output::line(output::table(&[&["sum"][..], &header].concat(), &rows));
        }
    }
    if arguments.update {
        fs::write(&path, with_figures(&text, &measured))
            .with_context(|| format!("writing {}", path.display()))?;
        output::line(format!("{DATA} holds the new figures"));
    }
    if over.is_empty() { Ok(()) } else { bail!("above budget: {}", over.join(", ")) }
}

impl Budgets {
    fn of(&self, member: &Crate) -> Size {
        let usual = if member.house.tool { self.tool } else { self.service };
        self.own.get(&member.name).copied().unwrap_or(usual)
    }
}

impl Sum {
    fn budget(&self) -> Size {
        Size { raw_kib: self.raw_kib, xz_kib: self.xz_kib }
    }

    /// The binaries that are added.
    fn members<'a>(&'a self, workspace: &'a Workspace) -> Result<Vec<&'a str>> {
        let shipped = workspace.shipped();
        if self.of.is_empty() {
            let services = shipped.into_iter().filter(|member| !member.house.tool);
            return Ok(services.map(|member| member.name.as_str()).collect());
        }
        let stranger = self.of.iter().find(|name| !shipped.iter().any(|member| member.name == **name));
        ensure!(stranger.is_none(), "no shipped crate is called {}", stranger.map_or("", String::as_str));
        Ok(self.of.iter().map(String::as_str).collect())
    }
}

/// The sum over these binaries; none if one of them has no figure.
fn added(sizes: &BTreeMap<String, Size>, names: &[&str]) -> Option<Size> {
    names.iter().try_fold(Size::default(), |sum, name| {
        let size = sizes.get(*name)?;
        Some(Size { raw_kib: sum.raw_kib + size.raw_kib, xz_kib: sum.xz_kib + size.xz_kib })
    })
}

impl Size {
    fn exceeded_by(self, other: Self) -> bool {
        other.raw_kib > self.raw_kib || other.xz_kib > self.xz_kib
    }
}

fn targets(workspace: &Workspace) -> Result<Vec<Target>> {
    let native = Target {
        architecture: std::env::consts::ARCH,
        foreign: None,
        strip: find_program("strip").context("no strip")?,
    };
    let list = Step::new("rustup").args(["target", "list", "--installed"]).dir(&workspace.root).output();
    let installed = list.is_ok_and(|list| String::from_utf8_lossy(&list).lines().any(|line| line == ARMV7));
    let strip = find_program("arm-linux-gnueabihf-strip");
    let (true, Some(_), Some(strip)) = (installed, find_program(ARMV7_LINKER), strip) else {
        output::line(format!(
            "{} stands in for ARMv7: the target {ARMV7} or its linker {ARMV7_LINKER} is not installed",
            native.architecture
        ));
        return Ok(vec![native]);
    };
    Ok(vec![native, Target { architecture: "armv7", foreign: Some((ARMV7, ARMV7_LINKER)), strip }])
}

/// Builds one binary on its own, so that no other package's features are unified into it, and weighs a copy.
fn measure(workspace: &Workspace, member: &Crate, target: &Target) -> Result<Size> {
    let built = build::binary(workspace, member, Profile::Release, target.foreign)?;
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join(&member.name);
    fs::copy(&built, &copy).with_context(|| format!("copying {}", built.display()))?;
    Step::new(&target.strip).arg("--strip-all").arg(&copy).output()?;
    let raw = fs::metadata(&copy)?.len();
    let compressed = Step::new("xz").args(["-9e", "-k", "-c"]).arg(&copy).output()?;
    Ok(Size { raw_kib: raw.div_ceil(1024), xz_kib: u64::try_from(compressed.len())?.div_ceil(1024) })
}

fn row(name: &str, size: Size, budget: Size, last: Option<Size>) -> Vec<String> {
    let delta = |now: u64, before: Option<u64>| match before {
        Some(before) => format!("{:+}", i128::from(now) - i128::from(before)),
        None => "new".to_owned(),
    };
    vec![
        name.to_owned(),
        size.raw_kib.to_string(),
        budget.raw_kib.to_string(),
        size.xz_kib.to_string(),
        budget.xz_kib.to_string(),
        delta(size.raw_kib, last.map(|last| last.raw_kib)),
        delta(size.xz_kib, last.map(|last| last.xz_kib)),
    ]
}

/// The data file with the budgets and their comments as they are, and the figures replaced.
fn with_figures(text: &str, figures: &BTreeMap<String, BTreeMap<String, Size>>) -> String {
    let head: Vec<&str> = text.lines().take_while(|line| !line.starts_with("[last.")).collect();
    let mut result = head.join("\n").trim_end().to_owned();
    for (architecture, sizes) in figures {
        result.push_str(&format!("\n\n[last.{architecture}]"));
        for (name, Size { raw_kib, xz_kib }) in sizes {
            result.push_str(&format!("\n{name} = {{ raw-kib = {raw_kib}, xz-kib = {xz_kib} }}"));
        }
    }
    result.push('\n');
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# why\n[budget.service]\nraw-kib = 10\nxz-kib = 5\n[budget.tool]\nraw-kib = 20\nxz-kib = 9\n\
        [budget.own]\n# tar\nbig = { raw-kib = 30, xz-kib = 9 }\n[budget.sum]\nall = { raw-kib = 9, xz-kib = 9 }\n\
        some = { of = [\"b\", \"c\"], raw-kib = 9, xz-kib = 9 }\n\n[last.x86_64]\na = { raw-kib = 1, xz-kib = 1 }\n";

    fn member(name: &str, tool: bool) -> Crate {
        let mut member = Crate { name: name.into(), ..Crate::default() };
        member.house.tool = tool;
        member
    }

    #[test]
    fn each_kind_of_binary_has_its_budget() {
        let budget = toml::from_str::<Data>(TEXT).unwrap().budget;
        assert_eq!(budget.of(&member("a", false)).raw_kib, 10);
        assert_eq!(budget.of(&member("a", true)).raw_kib, 20);
        assert_eq!(budget.of(&member("big", false)).raw_kib, 30);
    }

    #[test]
    fn either_figure_can_break_the_budget() {
        let budget = Size { raw_kib: 10, xz_kib: 5 };
        assert!(!budget.exceeded_by(budget));
        assert!(budget.exceeded_by(Size { raw_kib: 11, xz_kib: 1 }));
        assert!(budget.exceeded_by(Size { raw_kib: 1, xz_kib: 6 }));
    }

    #[test]
    fn a_sum_is_over_its_programs_or_over_all_services_without_tools() {
        let data: Data = toml::from_str(TEXT).unwrap();
        let mut workspace = Workspace { root: "r".into(), target: "t".into(), crates: Vec::new() };
        for (name, tool) in [("a", false), ("b", false), ("c", true)] {
            let mut one = member(name, tool);
            one.house.floor = Some(3);
            one.binaries = vec![name.to_owned()];
            workspace.crates.push(one);
        }
        assert_eq!(data.budget.sum["all"].members(&workspace).unwrap(), ["a", "b"]);
        assert_eq!(data.budget.sum["some"].members(&workspace).unwrap(), ["b", "c"]);
        let stranger = Sum { of: vec!["d".into()], ..Sum::default() };
        assert!(stranger.members(&workspace).unwrap_err().to_string().ends_with("called d"));
        let sizes = BTreeMap::from([
            ("a".to_owned(), Size { raw_kib: 1, xz_kib: 2 }),
            ("b".to_owned(), Size { raw_kib: 10, xz_kib: 20 }),
        ]);
        assert_eq!(added(&sizes, &["a", "b"]), Some(Size { raw_kib: 11, xz_kib: 22 }));
        assert_eq!(added(&sizes, &["b", "c"]), None, "a sum without one of its parts is none");
    }

    #[test]
    fn sums_of_the_committed_file_name_programs_of_this_workspace_with_figures() {
        let workspace = Workspace::load().unwrap();
        let data: Data = toml::from_str(&fs::read_to_string(workspace.root.join(DATA)).unwrap()).unwrap();
        for (name, sum) in &data.budget.sum {
            let members = sum.members(&workspace).unwrap();
            for (architecture, sizes) in &data.last {
                let size = added(sizes, &members).unwrap();
                assert!(!sum.budget().exceeded_by(size), "{name} on {architecture}: {size:?}");
            }
        }
        assert_eq!(data.budget.sum.len(), 3);
    }

    #[test]
    fn an_update_keeps_budgets_and_comments() {
        let mut data: Data = toml::from_str(TEXT).unwrap();
        data.last.entry("armv7".into()).or_default().insert("b".into(), Size { raw_kib: 2, xz_kib: 1 });
        let text = with_figures(TEXT, &data.last);
        assert_eq!(toml::from_str::<Data>(&text).unwrap(), data);
        assert!(text.contains("# why") && text.contains("# tar"));
        assert_eq!(with_figures(&text, &data.last), text);
    }
}
