//! Scenarios: one folder each in `tests/vm/scenarios`, of a plan, a script, and files for the guest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use upstream_judge::Judge;

use super::chips::{self, Chip, I2c};

/// Where scenarios lie, below the root of the workspace.
const FOLDER: &str = "tests/vm/scenarios";

/// Where machines lie that measure and prove nothing: made like scenarios, and not played with them.
const BENCHES: &str = "tests/vm/benches";

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
    /// Sources of `vpd-config`, if they are neither the folder's nor the repository's.
    pub configs: Option<PathBuf>,
    /// What EEPROMs hold at the first boot, by key, beside the images of the plan.
    pub cells: BTreeMap<String, Vec<u8>>,
    /// What the results of the first boot are compared with, beside what the script expects.
    pub judge: Option<Judge>,
    /// Scenarios without a machine of their own, whose scripts run after this one's in its only boot.
    pub sharers: Vec<Sharer>,
    /// The only script that is run, of those that share the boot; for who works at it.
    pub only: Option<String>,
}

/// A scenario that shares another one's boot.
pub struct Sharer {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
    /// One sentence.
    pub protects: String,
}

/// `scenario.toml`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plan {
    /// One sentence.
    pub protects: String,
    /// Left out of the tests of a change as a whole.
    #[serde(default)]
    pub soak: bool,
    /// The scenario whose only boot this one shares, which then has what this one needs too. A boot costs more than most
    /// scripts.
    pub shares_boot_of: Option<String>,
    /// Our programs in the guest.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Whether its systems are those of `configs`, not those of `tests/vm/configs`.
    #[serde(default)]
    pub shipped: bool,
    /// Which daemon is the system bus.
    #[serde(default)]
    pub bus: Bus,
    /// Size of the disk that keeps `/var` from boot to boot; 0 for none, and a `/var` that is fresh each time.
    #[serde(default)]
    pub disk_mib: u64,
    /// The I²C buses that all have the same parts, if any.
    pub i2c: Option<I2c>,
    /// Chips on buses of their own, by key.
    #[serde(default)]
    pub chips: BTreeMap<String, Chip>,
    /// Names of the lines of the GPIO chip, if any.
    #[serde(default)]
    pub gpio: Vec<String>,
    /// Those of them that the world pulls up from the start; it pulls down the others.
    #[serde(default)]
    pub pulled_up: Vec<String>,
    /// Stand-ins for other services of a BMC: `"event-log"`, or with how they behave at first,
    /// `"event-log slow 500"`; see the crate `test-peers`.
    #[serde(default)]
    pub peers: Vec<String>,
    /// What the stand-in of the object mapper knows: object, service, interfaces.
    #[serde(default)]
    pub mapped: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Whether the script attacks services with `test-attacks`.
    #[serde(default)]
    pub attacks: bool,
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

/// One boot of the machine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Boot {
    /// How it has to end.
    #[serde(default)]
    pub end: End,
    /// Seconds from start to end on a machine that has nothing else to do; which scenario is begun first hangs on it.
    #[serde(default = "usual_time")]
    pub takes_s: u64,
    /// Seconds that the script may take there, several times what it needs; where booting takes longer, so may this.
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
    /// How often it is played, one after another: each is a boot of its own number.
    #[serde(default = "once")]
    pub times: usize,
    /// How often where scenarios are played in full; no less.
    pub soak_times: Option<usize>,
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
    /// The script calls `cut_power`, or a write cycle comes that it has named by `cut_in_cycle`: nothing is stopped.
    PowerCut,
}

impl Scenario {
    /// Reads and checks one. Of one that shares a boot it is the machine that it shares, with its script alone.
    pub fn load(root: &Path, name: &str) -> Result<Self> {
        let named = Self::read(root.join(FOLDER).join(name), name.to_owned())?;
        let host = named.plan.shares_boot_of.as_deref().unwrap_or(name);
        let mut scenario =
            all(root)?.into_iter().find(|scenario| scenario.name == host).context("it has no machine")?;
        scenario.only = (host != name).then(|| name.to_owned());
        Ok(scenario)
    }

    /// Reads and checks the machine of a bench.
    pub fn bench(root: &Path, name: &str) -> Result<Self> {
        Self::read(root.join(BENCHES).join(name), format!("bench-{name}"))
    }

    /// Reads the machine in a folder that is no scenario by itself: its plan is still to be completed.
    pub fn made(folder: PathBuf, name: String) -> Result<Self> {
        Self::read(folder, name)
    }

    fn read(folder: PathBuf, name: String) -> Result<Self> {
        let path = folder.join("scenario.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("no scenario at {}", path.display()))?;
        let plan: Plan = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        plan.check().with_context(|| format!("checking {}", path.display()))?;
        ensure!(folder.join("script.sh").is_file(), "{} has no script.sh", folder.display());
        Ok(Self::of(folder, name, plan))
    }

    /// A scenario that is its plan and nothing else.
    fn of(folder: PathBuf, name: String, plan: Plan) -> Self {
        Self {
            name,
            folder,
            plan,
            made: Vec::new(),
            clock: Clock::Host,
            configs: None,
            cells: BTreeMap::new(),
            judge: None,
            sharers: Vec::new(),
            only: None,
        }
    }

    /// Takes in one that shares this one's boot: its machine has what both need.
    fn share(&mut self, other: Self) -> Result<()> {
        let Self { name, folder, plan, .. } = other;
        let protects = plan.protects.clone();
        self.plan.share(plan)?;
        self.sharers.push(Sharer { name, folder, protects });
        Ok(())
    }

    /// The folders whose files the guest has, its own first.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        [self.folder.as_path()].into_iter().chain(self.sharers.iter().map(|sharer| sharer.folder.as_path()))
    }

    /// The scripts that run one after another: name and folder.
    pub fn scripts(&self) -> impl Iterator<Item = (&str, &Path)> {
        let own = (self.name.as_str(), self.folder.as_path());
        let others = self.sharers.iter().map(|sharer| (sharer.name.as_str(), sharer.folder.as_path()));
        let is_played = |name: &str| self.only.as_deref().is_none_or(|only| only == name);
        [own].into_iter().chain(others).filter(move |(name, _)| is_played(name))
    }
}

impl Plan {
    /// Adds what another scenario needs that shares the boot.
    fn share(&mut self, other: Self) -> Result<()> {
        ensure!(other.shares_alone(), "what shares a boot has neither chips nor boots of its own");
        ensure!(self.shares_boot_of.is_none(), "a boot that is shared belongs to a scenario");
        ensure!(other.bus == Bus::default() || other.bus == self.bus, "both want another bus");
        let [boot] = self.boots.as_mut_slice() else { bail!("a boot that is shared is the only one") };
        ensure!(boot.end == End::Verdict, "a boot that is shared ends with a verdict");
        ensure!(boot.times(Extent::Full) == 1, "a boot that is shared is played once");
        boot.limit_s += other.boots.first().map_or(0, |boot| boot.limit_s);
        boot.takes_s += other.boots.first().map_or(0, |boot| boot.takes_s);
        for (ours, theirs) in [
            (&mut self.programs, other.programs),
            (&mut self.peers, other.peers),
            (&mut self.plans, other.plans),
        ] {
            let new: Vec<_> = theirs.into_iter().filter(|item| !ours.contains(item)).collect();
            ours.extend(new);
        }
        self.mapped.extend(other.mapped);
        self.attacks |= other.attacks;
        Ok(())
    }

    /// Whether nothing in it needs a machine of its own.
    fn shares_alone(&self) -> bool {
        let is_plain = |boot: &Boot| {
            boot.end == End::Verdict
                && boot.expect.is_none()
                && boot.mask.is_empty()
                && boot.swap.is_empty()
                && boot.times(Extent::Full) == 1
        };
        self.i2c.is_none()
            && self.chips.is_empty()
            && self.gpio.is_empty()
            && self.disk_mib == 0
            && !self.shipped
            && matches!(self.boots.as_slice(), [boot] if is_plain(boot))
    }

    /// The boots that are played, each with its number, which is the same in every extent.
    pub fn boots(&self, extent: Extent) -> impl Iterator<Item = (usize, &Boot)> {
        let mut next = 1;
        self.boots.iter().flat_map(move |boot| {
            let first = next;
            next += boot.times(Extent::Full);
            (first..first + boot.times(extent)).map(move |number| (number, boot))
        })
    }

    /// Seconds that the boots of an extent take on a machine that has nothing else to do.
    pub fn takes_s(&self, extent: Extent) -> u64 {
        self.boots(extent).map(|(_, boot)| boot.takes_s).sum()
    }

    /// Checks what its form does not say.
    pub fn check(&self) -> Result<()> {
        for extent in [Extent::Quick, Extent::Full] {
            let last = self.boots(extent).last().map(|(_, boot)| boot.end);
            ensure!(last.is_some(), "a scenario boots at least once");
            ensure!(last == Some(End::Verdict), "the last boot ends with a verdict");
        }
        for boot in &self.boots {
            ensure!(boot.times > 0, "a boot is played at least once");
            ensure!(boot.times <= boot.times(Extent::Full), "in full a boot is played no less often");
        }
        let keys = self.i2c.iter().flat_map(|i2c| i2c.images.keys().chain(&i2c.coldplug));
        for key in keys.chain(self.boots.iter().flat_map(|boot| boot.swap.keys())) {
            self.part(key)?;
        }
        if let Some(i2c) = &self.i2c {
            i2c.sizes()?;
        }
        for (key, chip) in &self.chips {
            chip.check(key, &self.gpio)?;
        }
        chips::check_buses(&self.chips, self.i2c.as_ref())?;
        let unknown = self.pulled_up.iter().find(|line| !self.gpio.contains(line));
        ensure!(unknown.is_none(), "{} is pulled up, and no line", unknown.map_or("", String::as_str));
        ensure!(
            self.mapped.is_empty() || !self.peers.is_empty(),
            "what is mapped needs the peer object-mapper"
        );
        Ok(())
    }

    /// The part with this key.
    pub fn part(&self, key: &str) -> Result<&str> {
        if let Some(chip) = self.chips.get(key) {
            return Ok(&chip.part);
        }
        self.i2c.as_ref().context("images need a table [i2c], or one of [chips]")?.part(key)
    }

    /// What the cells hold at the first boot, by key: names of descriptions.
    pub fn images(&self) -> impl Iterator<Item = (&String, &String)> {
        let own = self.chips.iter().filter_map(|(key, chip)| Some((key, chip.image.as_ref()?)));
        self.i2c.iter().flat_map(|i2c| &i2c.images).chain(own)
    }
}

impl Boot {
    /// How often it is played in an extent.
    fn times(&self, extent: Extent) -> usize {
        match extent {
            Extent::Quick if self.soak => 0,
            Extent::Quick => self.times,
            Extent::Full => self.soak_times.unwrap_or(self.times),
        }
    }
}

/// Every scenario, by name.
pub fn all(root: &Path) -> Result<Vec<Scenario>> {
    let folder = root.join(FOLDER);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    let read = |name: &String| Scenario::read(folder.join(name), name.clone());
    let read: Vec<Scenario> = names.iter().map(read).collect::<Result<_>>()?;
    let (sharing, mut scenarios): (Vec<_>, Vec<_>) =
        read.into_iter().partition(|scenario| scenario.plan.shares_boot_of.is_some());
    for sharer in sharing {
        let name = sharer.name.clone();
        let host = sharer.plan.shares_boot_of.clone().unwrap_or_default();
        let found = scenarios.iter_mut().find(|scenario| scenario.name == host);
        let host =
            found.with_context(|| format!("{name} shares the boot of {host}, which is no scenario"))?;
        host.share(sharer).with_context(|| format!("{name} sharing the boot of {}", host.name))?;
    }
    Ok(scenarios)
}

fn one_boot() -> Vec<Boot> {
    vec![Boot {
        end: End::Verdict,
        takes_s: usual_time(),
        limit_s: usual_limit(),
        margin_s: usual_margin(),
        mask: Vec::new(),
        expect: None,
        swap: BTreeMap::new(),
        soak: false,
        times: once(),
        soak_times: None,
    }]
}

fn once() -> usize {
    1
}

fn usual_time() -> u64 {
    20
}

fn usual_limit() -> u64 {
    240
}

fn usual_margin() -> u64 {
    300
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

    fn scenario(name: &str, text: &str) -> Scenario {
        let plan = toml::from_str(&format!("protects = \"x\"\n{text}")).unwrap();
        Scenario::of(name.into(), name.to_owned(), plan)
    }

    #[test]
    fn a_boot_that_is_shared_has_what_both_need_and_runs_both_scripts() {
        let mut host =
            scenario("host", "programs = [\"a\", \"b\"]\nbus = \"dbus-daemon\"\n[[boot]]\nlimit-s = 50");
        let other = "shares-boot-of = \"host\"\nprograms = [\"b\", \"c\"]\npeers = [\"event-log\"]\n[[boot]]\nlimit-s = 7";
        host.share(scenario("other", other)).unwrap();
        assert_eq!(host.plan.programs, ["a", "b", "c"]);
        assert_eq!(host.plan.peers, ["event-log"]);
        assert_eq!(host.plan.boots.first().unwrap().limit_s, 57);
        let names =
            |scenario: &Scenario| scenario.scripts().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&host), ["host", "other"]);
        host.only = Some("other".to_owned());
        assert_eq!(names(&host), ["other"]);
        assert_eq!(host.folders().count(), 2, "files of both are there all the same");
    }

    #[test]
    fn what_needs_a_machine_of_its_own_shares_none() {
        for (host, other) in [
            ("", "gpio = [\"A\"]"),
            ("", "disk-mib = 64"),
            ("", "[[boot]]\n[[boot]]"),
            ("", "[[boot]]\ntimes = 2"),
            ("[[boot]]\nsoak-times = 2", ""),
            ("", "[[boot]]\nmask = [\"a.service\"]"),
            ("", "bus = \"dbus-daemon\""),
            ("[[boot]]\n[[boot]]", ""),
            ("shares-boot-of = \"third\"", ""),
        ] {
            assert!(scenario("host", host).share(scenario("other", other)).is_err(), "{host:?} {other:?}");
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
    fn a_boot_that_is_played_several_times_is_as_many_boots() {
        let text = "protects = \"x\"\n[[boot]]\ntimes = 2\nsoak-times = 4\ntakes-s = 7\n[[boot]]\ntimes = 2\nsoak = true\n[[boot]]\ntakes-s = 5";
        let plan: Plan = toml::from_str(text).unwrap();
        plan.check().unwrap();
        let numbers = |extent| plan.boots(extent).map(|(number, _)| number).collect::<Vec<_>>();
        assert_eq!(numbers(Extent::Quick), [1, 2, 7]);
        assert_eq!(numbers(Extent::Full), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(plan.takes_s(Extent::Quick), 19);
    }

    #[test]
    fn what_cannot_be_is_refused_before_anything_is_built() {
        for (text, complaint) in [
            ("[[boot]]\nend = \"power-cut\"", "verdict"),
            ("[[boot]]\nend = \"power-cut\"\n[[boot]]\nsoak = true", "verdict"),
            ("[[boot]]\nsoak = true", "at least once"),
            ("[[boot]]\ntimes = 0\n[[boot]]", "at least once"),
            ("[[boot]]\ntimes = 3\nsoak-times = 2", "no less often"),
            ("[i2c]\nparts = [\"24c99\"]", "24c99"),
            ("[i2c]\nparts = [\"24c02\"]\ncoldplug = [\"10-0051\"]", "does not go that far"),
            ("[i2c]\nparts = [\"24c02\"]\ncoldplug = [\"11-0050\"]", "buses are 10 to 10"),
            ("[[boot]]\nswap = { \"10-0050\" = \"card\" }", "[i2c]"),
            (
                "[chips]\n\"7-0050\" = { part = \"24c64\", powered-by = { line = \"X\", level = 1 } }",
                "no line",
            ),
            ("[chips]\n\"7-0050\" = { part = \"25m02\" }", "another bus"),
            ("[chips]\n\"seven\" = { part = \"24c64\" }", "no key"),
            ("gpio = [\"A\"]\npulled-up = [\"B\"]", "B is pulled up"),
            ("bus = \"kdbus\"", "kdbus"),
        ] {
            let error = format!("{:#}", plan(text).unwrap_err());
            assert!(error.contains(complaint), "{text}: {error}");
        }
        plan("[i2c]\nparts = [\"24c02\", \"24c256\"]\ncoldplug = [\"10-0051\"]").unwrap();
    }
}
