//! A machine with inventory, collection and writer, and the tool.

use crate::collection::bed::{self, object};
use crate::writer::administration::{describe, i2c_chip, writer};
use anyhow::Context as _;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::{LOCATION_CODE, located, manager};
use house_tests::fixture;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use test_bus::{Daemon, Finished};

const LOCATIONS: &str = "[[object]]\npath = \"/system/chassis/board\"\ncode = \"Ufcs-P0\"\n\
                         [[object]]\npath = \"/system/chassis/card\"\ncode = \"Ufcs-P0-C1\"\n";
/// Two keywords of the board's that are kept a second time; one of them a reset in manufacturing sets.
const BACKUP: &str = "[[backup]]\nsource = \"file:board\"\n\
                      [[backup.keywords]]\nrecord = \"VINI\"\nkeyword = \"SN\"\n\
                      default = [32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32]\n\
                      [[backup.keywords]]\nrecord = \"VINI\"\nkeyword = \"CE\"\ndefault = [32]\nmanufacturing-reset = true\n";

/// The key of the card's redundant EEPROM.
pub const REDUNDANT: &str = "9-0050";

pub struct Bed {
    // Ends before the bus, which is the machine's.
    _writer: Option<Daemon>,
    pub bed: bed::Bed,
}

impl Bed {
    /// Everything is collected, and the writer is there.
    pub fn new() -> anyhow::Result<Option<Self>> {
        let Some(mut bed) = Self::without_writer()? else { return Ok(None) };
        bed._writer = Some(bed.bed.machine.start("vpd-writer")?);
        Ok(Some(bed))
    }

    /// Everything is collected; the card has a redundant EEPROM, which only the writer sees and which holds an image. `None` also
    /// where nothing can be mounted in a namespace.
    pub fn with_redundant(image: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(Self { bed, .. }) = Self::without_writer()? else { return Ok(None) };
        describe(&bed, "card", &format!("redundant = \"{REDUNDANT}\"\n"))?;
        std::fs::write(i2c_chip(&bed, REDUNDANT)?, image)?;
        let Some(writer) = writer(&bed)? else { return Ok(None) };
        Ok(Some(Self::of(bed, writer)))
    }

    /// A machine that is there already, with its writer.
    pub fn of(bed: bed::Bed, writer: Daemon) -> Self {
        Self { _writer: Some(writer), bed }
    }

    /// The redundant EEPROM of the card.
    pub fn redundant(&self) -> anyhow::Result<PathBuf> {
        i2c_chip(&self.bed, REDUNDANT)
    }

    /// Everything is collected, and there is no writer.
    pub fn without_writer() -> anyhow::Result<Option<Self>> {
        let frus = [("absent", ""), ("board", ""), ("card", ""), ("flat", "")];
        let Some(mut bed) = bed::Bed::new(&frus)? else { return Ok(None) };
        let active = bed.machine.root().join("run/vivianite/vpd/active");
        std::fs::write(active.join("locations.toml"), LOCATIONS)?;
        std::fs::write(active.join("backups.toml"), BACKUP)?;
        for (name, image) in [("board", "card"), ("card", "card"), ("flat", "keyword")] {
            std::fs::write(bed.image(name), fixture(image))?;
        }
        bed.machine.start_inventory()?;
        bed.collect()?;
        let path = object("card");
        let mut shown = Object { path: path.as_str().into(), interfaces: Vec::new() };
        let code = Value::Text("U78DA.ND0.WZS003T-P0-C1".into());
        shown.interface(LOCATION_CODE).set(located::LOCATION_CODE_PROPERTY, code);
        let notification = Notification { objects: vec![shown] };
        bed.machine.run(async |connection| Ok(manager::notify(&connection, &notification).await?))?;
        Ok(Some(Self { _writer: None, bed }))
    }

    /// A file below the root, such as an EEPROM.
    pub fn image(&self, name: &str) -> PathBuf {
        self.bed.image(name)
    }

    /// The tool; an argument that begins with @ is a file below the root.
    pub fn tool(&self, line: &str) -> anyhow::Result<Command> {
        let mut command = self.bed.machine.bus().client(test_bus::built("vpd-tool")?);
        command.env("VIVIANITE_ROOT", self.bed.machine.root());
        for word in line.split_whitespace() {
            match word.strip_prefix('@') {
                Some(name) => command.arg(self.image(name)),
                None => command.arg(word),
            };
        }
        Ok(command)
    }

    /// Runs the tool to its end, without a terminal.
    pub fn run(&self, line: &str) -> anyhow::Result<Finished> {
        test_bus::run(&mut self.tool(line)?)
    }

    /// Runs the tool with a terminal at which these answers are typed; what it shows. Nothing, and says so, where there is no
    /// `script` to make a terminal.
    #[expect(clippy::print_stdout, reason = "the test harness shows it")]
    pub fn at_terminal(&self, line: &str, answers: &str) -> anyhow::Result<Option<String>> {
        let tool = self.tool(line)?;
        let words = std::iter::once(tool.get_program()).chain(tool.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        let mut command = self.bed.machine.bus().client("script");
        command.env("VIVIANITE_ROOT", self.bed.machine.root());
        command.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                anyhow::ensure!(std::env::var("CI").as_deref() != Ok("true"), "no script: {error}");
                println!("SKIPPED answers at a terminal: there is no script: {error}");
                return Ok(None);
            }
        };
        child.stdin.take().context("no input")?.write_all(answers.as_bytes())?;
        let output = child.wait_with_output()?;
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        anyhow::ensure!(output.status.success(), "{:?}: {shown}", output.status);
        Ok(Some(shown))
    }
}
