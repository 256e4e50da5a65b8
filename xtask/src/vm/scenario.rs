//! Scenarios: one folder each in `tests/vm/scenarios`, of a plan, a script, and files for the guest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Where scenarios lie, below the root of the workspace.
const FOLDER: &str = "tests/vm/scenarios";

/// Where machines lie that measure and prove nothing: made like scenarios, and not played with them.
const BENCHES: &str = "tests/vm/benches";

/// Bytes of the parts by the names that the at24 driver knows them by.
const PARTS: [(&str, usize); 6] = [
    ("24c02", 256),
    ("24c32", 4096),
    ("24c64", 8192),
    ("24c128", 16_384),
    ("24c256", 32_768),
    ("24c512", 65_536),
];

/// One scenario.
pub struct Scenario {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
    /// Its `scenario.toml`.
    pub plan: Plan,
    /// Files for the guest that are made for the occasion: path and text.
    pub made: Vec<(String, String)>,
    /// What the guest takes for time.
    pub clock: Clock,
}

/// `scenario.toml`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plan {
    /// One sentence.
    pub protects: String,
    /// Our programs in the guest.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Which daemon is the system bus.
    #[serde(default)]
    pub bus: Bus,
    /// Size of the disk that keeps `/var` from boot to boot; 0 for none, and a `/var` that is fresh each time.
    #[serde(default)]
    pub disk_mib: u64,
    /// The I²C buses, if any.
    pub i2c: Option<I2c>,
    /// Names of the lines of the GPIO chip, if any.
    #[serde(default)]
    pub gpio: Vec<String>,
    /// Stand-ins for other services of a BMC: `"event-log"`, or with how they behave at first,
    /// `"event-log slow 500"`; see the crate `test-peers`.
    #[serde(default)]
    pub peers: Vec<String>,
    /// What the stand-in of the object mapper knows: object, service, interfaces.
    #[serde(default)]
    pub mapped: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Units whose plans, as the unit runner makes them, the script finds below `/etc/bed/plans`.
    #[serde(default)]
    pub plans: Vec<String>,
    /// The boots, in order.
    #[serde(default = "one_boot", rename = "boot")]
    pub boots: Vec<Boot>,
}

/// The guest's system bus.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bus {
    /// Debian's choice when both are installed.
    #[default]
    DbusBroker,
    /// The reference implementation.
    DbusDaemon,
}

/// What the guest takes for time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Clock {
    /// The host's time
    #[default]
    Host,
    /// A nanosecond for each instruction, whatever else the host does; on one processor, and always emulated
    Instructions,
}

/// Buses of the module `i2c_eeprom_sim`, numbered from 10.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct I2c {
    /// How many, all with the same row of parts.
    #[serde(default = "one")]
    pub buses: u32,
    /// The parts at 0x50 upwards, by name.
    pub parts: Vec<String>,
    /// Speed of the wire, 0 for no delay.
    #[serde(default = "usual_khz")]
    pub khz: u32,
    /// Length of a write cycle.
    #[serde(default = "usual_write_cycle")]
    pub write_cycle_us: u32,
    /// What the cells hold at the first boot, by key; the others are blank. The name of a description in
    /// `tests/data/vpd`.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// The EEPROMs, by key, that are there when udev starts; the script adds the others.
    #[serde(default)]
    pub coldplug: Vec<String>,
}

/// One boot of the machine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Boot {
    /// How it has to end.
    #[serde(default)]
    pub end: End,
    /// Seconds that the script may take.
    #[serde(default = "usual_limit")]
    pub limit_s: u64,
    /// Seconds beside the script's, for booting and ending; then it counts as hung.
    #[serde(default = "usual_margin")]
    pub margin_s: u64,
    /// Units that this boot does without.
    #[serde(default)]
    pub mask: Vec<String>,
    /// What the bed has to find wrong with this boot, for tests of the bed itself; part of the error's text.
    pub expect: Option<String>,
    /// Parts that are swapped before it, like `images` above.
    #[serde(default)]
    pub swap: BTreeMap<String, String>,
    /// Left out unless scenarios are played in full.
    #[serde(default)]
    pub soak: bool,
}

/// How much of a scenario is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What fits among the tests of a change.
    Quick,
    /// Every boot.
    Full,
}

/// How a boot ends.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The script returns and its status is the verdict.
    #[default]
    Verdict,
    /// The script calls `power_off`: systemd stops everything.
    PowerOff,
    /// The script calls `cut_power`: nothing is stopped.
    PowerCut,
}

impl Scenario {
    /// Reads and checks one.
    pub fn load(root: &Path, name: &str) -> Result<Self> {
        Self::read(root.join(FOLDER).join(name), name.to_owned())
    }

    /// Reads and checks the machine of a bench.
    pub fn bench(root: &Path, name: &str) -> Result<Self> {
        Self::read(root.join(BENCHES).join(name), format!("bench-{name}"))
    }

    fn read(folder: PathBuf, name: String) -> Result<Self> {
        let path = folder.join("scenario.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("no scenario at {}", path.display()))?;
        let plan: Plan = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        plan.check().with_context(|| format!("checking {}", path.display()))?;
        ensure!(folder.join("script.sh").is_file(), "{} has no script.sh", folder.display());
        Ok(Self { name, folder, plan, made: Vec::new(), clock: Clock::Host })
    }
}

impl Plan {
    /// The boots that are played, each with its number, which is the same in every extent.
    pub fn boots(&self, extent: Extent) -> impl Iterator<Item = (usize, &Boot)> {
        self.boots
            .iter()
            .enumerate()
            .filter(move |(_, boot)| extent == Extent::Full || !boot.soak)
            .map(|(index, boot)| (index + 1, boot))
    }

    fn check(&self) -> Result<()> {
        for extent in [Extent::Quick, Extent::Full] {
            let last = self.boots(extent).last().map(|(_, boot)| boot.end);
            ensure!(last.is_some(), "a scenario boots at least once");
            ensure!(last == Some(End::Verdict), "the last boot ends with a verdict");
        }
        let keys = self.i2c.iter().flat_map(|i2c| i2c.images.keys().chain(&i2c.coldplug));
        for key in keys.chain(self.boots.iter().flat_map(|boot| boot.swap.keys())) {
            let i2c = self.i2c.as_ref().context("images need a table [i2c]")?;
            i2c.part(key)?;
        }
        if let Some(i2c) = &self.i2c {
            i2c.sizes()?;
        }
        ensure!(
            self.mapped.is_empty() || !self.peers.is_empty(),
            "what is mapped needs the peer object-mapper"
        );
        Ok(())
    }
}

impl I2c {
    /// The part with this key.
    pub fn part(&self, key: &str) -> Result<&str> {
        let (bus, address) =
            key.split_once("-00").with_context(|| format!("{key} is no key like 10-0050"))?;
        let bus: u32 = bus.parse().with_context(|| format!("{key} has no bus number"))?;
        let address = usize::from_str_radix(address, 16).with_context(|| format!("{key} has no address"))?;
        ensure!((10..10 + self.buses).contains(&bus), "{key}: buses are 10 to {}", 9 + self.buses);
        let part = address.checked_sub(0x50).and_then(|index| self.parts.get(index));
        Ok(part.with_context(|| format!("{key}: the row of parts does not go that far"))?)
    }

    /// Bytes of each part of the row.
    pub fn sizes(&self) -> Result<Vec<usize>> {
        ensure!((1..=8).contains(&self.parts.len()), "a bus has one to eight parts");
        self.parts.iter().map(|part| size_of_part(part)).collect()
    }
}

/// Bytes of a part.
pub fn size_of_part(part: &str) -> Result<usize> {
    let known = PARTS.iter().find(|(name, _)| *name == part);
    known.map(|(_, size)| *size).with_context(|| format!("{part} is no part that can be simulated"))
}

/// Every scenario, by name.
pub fn all(root: &Path) -> Result<Vec<Scenario>> {
    let folder = root.join(FOLDER);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    names.iter().map(|name| Scenario::load(root, name)).collect()
}

fn one() -> u32 {
    1
}

fn one_boot() -> Vec<Boot> {
    vec![Boot {
        end: End::Verdict,
        limit_s: usual_limit(),
        margin_s: usual_margin(),
        mask: Vec::new(),
        expect: None,
        swap: BTreeMap::new(),
        soak: false,
    }]
}

fn usual_khz() -> u32 {
    400
}

fn usual_write_cycle() -> u32 {
    5000
}

fn usual_limit() -> u64 {
    60
}

fn usual_margin() -> u64 {
    90
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<()> {
        toml::from_str::<Plan>(&format!("protects = \"x\"\n{text}"))?.check()
    }

    #[test]
    fn committed_scenarios_are_in_order() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for scenario in all(root).unwrap() {
            assert!(scenario.plan.protects.ends_with('.'), "{}: a sentence ends", scenario.name);
        }
    }

    #[test]
    fn a_boot_keeps_its_number_when_others_are_left_out() {
        let text = "protects = \"x\"\n[[boot]]\n[[boot]]\nsoak = true\n[[boot]]";
        let plan: Plan = toml::from_str(text).unwrap();
        let numbers = |extent| plan.boots(extent).map(|(number, _)| number).collect::<Vec<_>>();
        assert_eq!(numbers(Extent::Quick), [1, 3]);
        assert_eq!(numbers(Extent::Full), [1, 2, 3]);
    }

    #[test]
    fn what_cannot_be_is_refused_before_anything_is_built() {
        for (text, complaint) in [
            ("[[boot]]\nend = \"power-cut\"", "verdict"),
            ("[[boot]]\nend = \"power-cut\"\n[[boot]]\nsoak = true", "verdict"),
            ("[[boot]]\nsoak = true", "at least once"),
            ("[i2c]\nparts = [\"24c99\"]", "24c99"),
            ("[i2c]\nparts = [\"24c02\"]\ncoldplug = [\"10-0051\"]", "does not go that far"),
            ("[i2c]\nparts = [\"24c02\"]\ncoldplug = [\"11-0050\"]", "buses are 10 to 10"),
            ("[[boot]]\nswap = { \"10-0050\" = \"card\" }", "[i2c]"),
            ("bus = \"kdbus\"", "kdbus"),
        ] {
            let error = format!("{:#}", plan(text).unwrap_err());
            assert!(error.contains(complaint), "{text}: {error}");
        }
        plan("[i2c]\nparts = [\"24c02\", \"24c256\"]\ncoldplug = [\"10-0051\"]").unwrap();
    }
}
