//! VPD are changed, cut off in the middle, spoiled and repaired.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use test_bus::process_1::Process1;

use super::acts::{heading, missing};
use crate::administered::{Part, describe};
use crate::fixtures;
use crate::output;
use crate::stage::{Run, Stage};
use crate::step::{Captured, Step};
use crate::workspace::Workspace;

const WRITER: &str = "vpd-writer";
const TOOL: &str = "vpd-tool";
/// Longest wait for codes that follow.
const LIMIT: Duration = Duration::from_secs(30);
/// Where the VPD of the panel begin in its file: behind all that the service has to write elsewhere, so that a limit on the length of
/// files cuts off nothing but the write to this one.
const OFFSET: usize = (1 << 24) - (1 << 16);
/// Bytes of its pages.
const PAGE: usize = 64;
/// The redundant EEPROM of the card.
const REDUNDANT: &str = "9-0050";
const SERIAL: &str = "YVIV00000101";

const PLANAR: &str = "[[object]]\npath = \"/system/chassis/motherboard\"\nrecords = \"all\"\n\
    [[object]]\npath = \"/system\"\nrecords = [\"VSYS\"]\n[[object]]\npath = \"/system/chassis\"\nrecords = [\"VCEN\"]\n";
const LOCATIONS: &str = "[[object]]\npath = \"/system\"\ncode = \"Umts\"\n\
    [[object]]\npath = \"/system/chassis\"\ncode = \"Ufcs\"\n\
    [[object]]\npath = \"/system/chassis/motherboard\"\ncode = \"Ufcs-P0\"\n\
    [[object]]\npath = \"/system/chassis/motherboard/riser\"\ncode = \"Ufcs-P0-C1\"\n\
    [[object]]\npath = \"/system/chassis/motherboard/panel\"\ncode = \"Ufcs-P0-C2\"\n";

/// The tool on the machine.
struct Desk<'a, 'b> {
    stage: &'a mut Stage<'b>,
    tool: PathBuf,
    images: PathBuf,
    /// Seen by the service as `/sys/bus`; without that there is no redundant EEPROM.
    bus: Option<PathBuf>,
    _process_1: Process1,
}

/// Plays it.
pub fn play(stage: &mut Stage<'_>, workspace: &Workspace) -> Result<()> {
    heading("17. VPD are changed: EEPROM, code, inventory and location codes follow");
    for name in [WRITER, TOOL, "vpd-collection", "location-code-updater"] {
        if !stage.offers(name) {
            return missing("administration", name);
        }
    }
    let mut desk = Desk::set_up(stage, workspace)?;
    desk.change()?;
    heading("18. A write that is cut off in the middle, and recovered at the next boot");
    desk.cut(workspace)?;
    heading("19. A record is spoiled, and repaired");
    desk.repair()
}

impl<'a, 'b> Desk<'a, 'b> {
    fn set_up(stage: &'a mut Stage<'b>, workspace: &Workspace) -> Result<Self> {
        let (images, bus) = (stage.scratch().join("administered"), stage.scratch().join("sys-bus"));
        let chip = bus.join("i2c/devices").join(REDUNDANT);
        fs::create_dir_all(&images)?;
        fs::create_dir_all(&chip)?;
        let card = fixtures::image(&workspace.root, "card")?;
        fs::write(images.join("planar"), fixtures::image(&workspace.root, "system-planar")?)?;
        fs::write(images.join("riser"), &card)?;
        fs::write(images.join("panel"), [vec![0xff; OFFSET], card.clone()].concat())?;
        fs::write(chip.join("eeprom"), &card)?;
        let bus = Step::of(seeing(&bus, Command::new("true"))).capture()?.status.success().then_some(bus);
        let redundant = if bus.is_some() { format!("redundant = \"{REDUNDANT}\"\n") } else { String::new() };
        let object = |name: &str| {
            fixtures::one_object(&format!("/system/chassis/motherboard/{name}"), name)
                .replace("format = \"auto\"\n", "")
        };
        let part =
            |name: &str, lines: String, objects: String| Part { name: name.to_owned(), lines, objects };
        let parts = [
            part("planar", String::new(), PLANAR.to_owned()),
            part("riser", redundant, object("riser")),
            part(
                "panel",
                format!("offset = {OFFSET}\nsize = {}\npage-size = {PAGE}\n", card.len()),
                object("panel"),
            ),
        ];
        let process_1 = describe(stage, &images, &parts, &[("locations.toml", LOCATIONS)])?;
        let tool = stage.install(TOOL)?;
        for name in ["vpd-collection", "location-code-updater"] {
            stage.start(name)?;
        }
        let mut desk = Self { stage, tool, images, bus, _process_1: process_1 };
        desk.start_writer()?;
        Ok(desk)
    }

    fn start_writer(&mut self) -> Result<()> {
        let bus = self.bus.clone();
        self.stage.start_by(WRITER, |command| match bus {
            Some(bus) => seeing(&bus, command),
            None => command,
        })
    }

    /// Runs the tool, and shows what is typed and what comes out.
    fn run(&self, line: &str) -> Result<Captured> {
        output::line(format!("$ {TOOL} {line}"));
        let step = self.stage.step(&self.tool).dir(&self.images).env("VIVIANITE_ROOT", self.stage.root());
        let captured = step.args(line.split(' ')).capture()?;
        show(&captured);
        Ok(captured)
    }

    /// The same, which has to end with this status; its output.
    fn expect(&self, status: i32, line: &str) -> Result<String> {
        let captured = self.run(line)?;
        ensure!(captured.status.code() == Some(status), "`{TOOL} {line}` ended with {}", captured.status);
        Ok(String::from_utf8_lossy(&captured.stdout).trim_end().to_owned())
    }

    fn change(&self) -> Result<()> {
        self.expect(0, "list")?;
        self.expect(0, "write riser VINI.SN YVIV00000777")?;
        ensure!(
            self.expect(0, "read riser VINI.SN")? == "YVIV00000777",
            "the inventory shows another number"
        );
        self.expect(0, "check riser")?;
        let before = self.expect(0, "locate Ufcs-P0-C1")?;
        let change = ["UpdateKeyword", "sv", "/system/chassis", "(ssay)", "VCEN", "SE", "7"];
        let serial = b"VIV777T".map(|byte| byte.to_string());
        let name = ["call", "com.ibm.VPD.Manager", "/com/ibm/VPD/Manager", "com.ibm.VPD.Manager"];
        let words: Vec<&str> =
            name.into_iter().chain(change).chain(serial.iter().map(String::as_str)).collect();
        output::line(format!("$ busctl {}", words.join(" ")));
        let answer = self.stage.busctl().args(&words).capture()?;
        show(&answer);
        ensure!(answer.status.success(), "busctl ended with {}", answer.status);
        let asked = Instant::now();
        let locate = || -> Result<String> {
            let step = self.stage.step(&self.tool).env("VIVIANITE_ROOT", self.stage.root());
            Ok(String::from_utf8_lossy(&step.args(["locate", "Ufcs-P0-C1"]).output()?).into_owned())
        };
        while !locate()?.contains("VIV777T") {
            ensure!(asked.elapsed() < LIMIT, "location codes do not follow: {before}");
            thread::sleep(Duration::from_millis(20));
        }
        self.expect(0, "locate Ufcs-P0-C1")?;
        Ok(())
    }

    fn cut(&mut self, workspace: &Workspace) -> Result<()> {
        let text = fixtures::description(&workspace.root, "card")?;
        let new = vpd_builder::build(&text.replace(SERIAL, "YVIV00000888"))?;
        let path = self.images.join("panel");
        let old = vpd(&path)?;
        let differs: Vec<usize> = (0..old.len()).filter(|at| old.get(*at) != new.get(*at)).collect();
        let page = differs.last().context("nothing differs")? / PAGE * PAGE;
        let first = differs.iter().find(|at| **at >= page).context("nothing differs")?;
        let mut service = self.stage.take(WRITER).context("the writer does not run")?;
        output::line(format!(
            "There is no plug to pull here: the kernel kills the service when it begins its last page (in QEMU, \
             with power that goes in the middle of a cycle: tests/vm/scenarios).\n\
             $ prlimit --pid $(pidof {WRITER}) --fsize={}",
            OFFSET + first
        ));
        let pid = service.pid().to_string();
        let limit = format!("--fsize={}", OFFSET + first);
        Step::new("prlimit").args(["--pid", &pid, &limit, "--core=0"]).output()?;
        let write = self.run("write panel VINI.SN YVIV00000888")?;
        ensure!(!write.status.success(), "the write was not cut off");
        ensure!(!service.stop()?.success(), "the service was not killed");
        drop(service);
        let torn = vpd(&path)?;
        ensure!(torn != old && torn != new, "nothing is half done");
        output::line(format!(
            "A file has no cells that a cut cycle ruins, so that is simulated: the page at {page} is all 0xff."
        ));
        let mut bytes = fs::read(&path)?;
        let ruined = OFFSET + page..OFFSET + page + PAGE;
        bytes.get_mut(ruined).context("the page is not there")?.fill(0xff);
        fs::write(&path, bytes)?;
        // Nothing of it can be read: the page has the code of other records too.
        self.expect(3, &format!("check panel --offset {OFFSET}"))?;
        output::line("$ systemctl start vpd-recover   # as each boot does before anything reads an EEPROM");
        let Run::Ended { captured, .. } = self.stage.run("vpd-recover.service")? else {
            anyhow::bail!("vpd-recover.service finds no journal");
        };
        show(&captured);
        ensure!(vpd(&path)? == new, "the write was not finished");
        self.expect(0, &format!("check panel --offset {OFFSET}"))?;
        self.start_writer()?;
        self.expect(0, "recollect --only-reread panel")?;
        ensure!(
            self.expect(0, "read panel VINI.SN")? == "YVIV00000888",
            "the inventory shows another number"
        );
        Ok(())
    }

    fn repair(&self) -> Result<()> {
        let path = self.images.join("riser");
        let good = fs::read(&path)?;
        fs::write(self.images.join("riser.good"), &good)?;
        let at = good.windows(4).position(|window| window == b"YVIV").context("there is no serial number")?;
        output::line(format!("$ dd if=/dev/zero of=riser seek={at} count=8 bs=1 conv=notrunc"));
        let mut bad = good.clone();
        bad.get_mut(at..at + 8).context("the image is too short")?.fill(0);
        fs::write(&path, bad)?;
        self.expect(2, "verify riser")?;
        output::line("A keyword is never forced into a damaged record:");
        self.expect(2, "write riser VINI.SN YVIV00000999")?;
        if self.bus.is_some() {
            self.expect(0, "repair riser --from redundant")?;
        } else {
            output::line("Nothing can be mounted in a namespace here, so the riser has no redundant EEPROM.");
            self.expect(0, "repair riser --golden riser.good")?;
        }
        ensure!(fs::read(&path)? == good, "the EEPROM is not what it was");
        self.expect(0, "verify riser")?;
        self.expect(0, "history riser")?;
        Ok(())
    }
}

/// What a file holds where the panel's VPD begin.
fn vpd(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path)?;
    Ok(bytes.get(OFFSET..).context("the file is too short")?.to_vec())
}

/// A command that sees a folder as `/sys/bus`.
fn seeing(bus: &Path, command: Command) -> Command {
    let mut wrapped = Command::new("unshare");
    let script = "mount --bind \"$1\" /sys/bus && shift && exec \"$@\"";
    wrapped.args(["--map-current-user", "--keep-caps", "--mount", "sh", "-c", script, "sh"]).arg(bus);
    wrapped.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

fn show(captured: &Captured) {
    for text in [&captured.stderr, &String::from_utf8_lossy(&captured.stdout).into_owned()] {
        text.lines().for_each(|line| output::line(format!("    {line}")));
    }
}
