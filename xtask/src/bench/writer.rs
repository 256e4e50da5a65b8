//! `bench writer`: what administering VPD costs, beside a baseline of the same run, against the aims.
//!
//! EEPROMs are files here, so all that takes a wire's or a cell's time is left to a machine, see [`machine`]: what a write takes
//! beside its cycles, from there to the reply, the busiest wire's bound, and what the recovery's condition costs a boot.

mod machine;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use test_bus::Daemon;
use test_bus::process_1::Process1;
use zbus::Connection;

use crate::administered::{Part as Eeprom, describe};
use crate::build::Profile;
use crate::packages::{self, Part};
use crate::stage::Stage;
use crate::vm::Clock;
use crate::workspace::Workspace;
use crate::{fixtures, output};

const WRITER: &str = "vpd-writer";
/// The service whose memory the writer's is compared with.
const BASELINE: &str = "location-code-updater";
/// Bytes of the largest part that VPD are read from by two bytes of address.
const WHOLE: u64 = 64 * 1024;
/// EEPROMs of the storm, and writes to them.
const FRUS: usize = 20;
const WRITES: usize = 100;
/// Writes that are counted by system calls, beside as many that are not.
const COUNTED: u64 = 10;
/// Calls at a time; the service refuses the 65th.
const AT_ONCE: usize = 50;
/// Longest wait for strace to write the rest.
const LIMIT: Duration = Duration::from_secs(20);
/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// How the binaries are built
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// What takes a machine with real write cycles, instead of the rest
    #[arg(long)]
    machine: bool,
    /// What that machine takes for time
    #[arg(long, value_enum, default_value_t = Clock::Instructions)]
    clock: Clock,
    /// How often that machine is booted with the recovery's condition, and without
    #[arg(long, default_value_t = 3)]
    boots: usize,
}

impl Arguments {
    /// What the measurement takes beside building.
    pub fn part(&self) -> Part {
        if self.machine { Part::Machines } else { Part::BenchWriter }
    }
}

/// Measures and prints the table.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let table =
        if arguments.machine { machine::rows(workspace, arguments)? } else { on_host(workspace, arguments)? };
    output::line(output::table(&["cost", "ours", "baseline", "ratio", "aim", "verdict"], &table));
    Ok(())
}

fn on_host(workspace: &Workspace, arguments: &Arguments) -> Result<Vec<Vec<String>>> {
    packages::require(Part::BenchWriter)?;
    let mut table = Vec::new();
    for (backup, most) in [(false, 3.0), (true, 5.0)] {
        // What is done once, at the start or by the first write, is in both.
        let none = Traced::run(workspace, arguments.profile, backup, COUNTED)?;
        let some = Traced::run(workspace, arguments.profile, backup, 2 * COUNTED)?;
        let per_write =
            |count: fn(&Traced) -> u64| count(&some).saturating_sub(count(&none)) as f64 / COUNTED as f64;
        if !backup {
            let (read, written) = (per_write(|traced| traced.read), per_write(|traced| traced.written));
            let whole = WHOLE as f64;
            let what = format!("bytes read and written, one keyword : all {WHOLE} bytes");
            table.push(row(
                &what,
                &format!("{read:.0} + {written:.0}"),
                &WHOLE.to_string(),
                (read + written) / whole,
                0.02,
            ));
        }
        let what =
            format!("fsync and the like per write, {} backup", if backup { "with" } else { "without" });
        table.push(row(
            &what,
            &format!("{:.1}", per_write(|traced| traced.synced)),
            "1 write",
            per_write(|traced| traced.synced),
            most,
        ));
    }
    storm(workspace, arguments.profile, &mut table)?;
    for what in machine::COSTS {
        let mut left = vec![String::new(); 6];
        left[0] = what.to_owned();
        left[5] = "with --machine".to_owned();
        table.push(left);
    }
    Ok(table)
}

fn row(what: &str, ours: &str, baseline: &str, ratio: f64, aim: f64) -> Vec<String> {
    let verdict = if ratio <= aim { "reached" } else { "MISSED" };
    let [ratio, aim] = [ratio, aim].map(|number| format!("{number:.3}"));
    vec![what.to_owned(), ours.to_owned(), baseline.to_owned(), ratio, aim, verdict.to_owned()]
}

/// A machine with parts that are collected.
struct Machine<'a> {
    stage: Stage<'a>,
    process_1: Process1,
    runtime: tokio::runtime::Runtime,
    images: PathBuf,
}

impl<'a> Machine<'a> {
    /// With so many cards; the first is in a part of 64 KiB.
    fn set(workspace: &'a Workspace, profile: Profile, count: usize, backup: bool) -> Result<Self> {
        let mut stage = Stage::set(workspace, profile)?;
        let images = stage.scratch().join("administered");
        fs::create_dir_all(&images)?;
        let mut card = fixtures::image(&workspace.root, "card")?;
        card.resize(usize::try_from(WHOLE)?, 0xff);
        let mut parts = Vec::new();
        for number in 0..count {
            let name = format!("card{number}");
            fs::write(images.join(&name), &card)?;
            let objects = fixtures::one_object(&format!("/system/chassis/{name}"), &name);
            parts.push(Eeprom { name, lines: String::new(), objects });
        }
        let planar = Eeprom { name: "planar".to_owned(), lines: String::new(), objects: PLANAR.to_owned() };
        fs::write(images.join(&planar.name), fixtures::image(&workspace.root, "system-planar")?)?;
        parts.push(planar);
        let mut more = vec![("locations.toml", LOCATIONS)];
        more.extend(backup.then_some(("backups.toml", BACKUP)));
        stage.start("inventory-manager")?;
        let process_1 = describe(&stage, &images, &parts, &more)?;
        stage.start("vpd-collection")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { stage, process_1, runtime, images })
    }

    /// Writes serial numbers one after another, or at once; each differs from what was there.
    fn write(&self, writes: impl Iterator<Item = (usize, usize)>, at_once: usize) -> Result<()> {
        let address = self.stage.bus().address();
        let writes: Vec<_> = writes.collect();
        self.runtime.block_on(async {
            let connection = zbus::connection::Builder::address(address).build().await?;
            for some in writes.chunks(at_once) {
                let mut calls = tokio::task::JoinSet::new();
                for (card, number) in some.iter().copied() {
                    let connection = connection.clone();
                    calls.spawn(async move { write(&connection, card, number).await });
                }
                while let Some(ended) = calls.join_next().await {
                    ended??;
                }
            }
            Ok(())
        })
    }
}

const PLANAR: &str = "[[object]]\npath = \"/system/chassis/motherboard\"\nrecords = \"all\"\n\
    [[object]]\npath = \"/system\"\nrecords = [\"VSYS\"]\n[[object]]\npath = \"/system/chassis\"\nrecords = [\"VCEN\"]\n";
const LOCATIONS: &str = "[[object]]\npath = \"/system\"\ncode = \"Umts\"\n\
    [[object]]\npath = \"/system/chassis\"\ncode = \"Ufcs\"\n";
const BACKUP: &str = "[[backup]]\nsource = \"file:card0\"\n[[backup.keywords]]\nrecord = \"VINI\"\nkeyword = \"SN\"\n\
    default = [32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32]\n";

async fn write(connection: &Connection, card: usize, number: usize) -> Result<()> {
    let serial = format!("ZVIV{card:03}{number:05}").into_bytes();
    let value = zbus::Variant::from(("VINI", "SN", serial));
    let manager = "com.ibm.VPD.Manager";
    let path = "/com/ibm/VPD/Manager";
    let body = (format!("file:card{card}"), value);
    connection.call_method(Some(manager), path, Some(manager), "UpdateKeyword", &body).await?;
    Ok(())
}

/// What the writer asked the kernel for in its whole life.
#[derive(Debug, Default)]
struct Traced {
    /// Bytes read of the EEPROM.
    read: u64,
    /// Bytes written to it.
    written: u64,
    /// Times that something other than the EEPROM was made durable.
    synced: u64,
}

impl Traced {
    /// A service of its own, with so many writes to one EEPROM.
    fn run(workspace: &Workspace, profile: Profile, backup: bool, writes: u64) -> Result<Self> {
        let mut machine = Machine::set(workspace, profile, 1, backup)?;
        let trace = machine.stage.scratch().join("trace");
        let image = machine.images.join("card0");
        let by = trace.clone();
        machine.stage.start_by(WRITER, move |command| strace(&by, command))?;
        let count = usize::try_from(writes)?;
        machine.write((0..count).map(|number| (0, number)), 1)?;
        let mut service = machine.stage.take(WRITER).context("the writer does not run")?;
        let last = format!("{} +++ exited", service.pid());
        ensure!(service.stop()?.success(), "the writer did not end well");
        let ended = Instant::now();
        // strace is a process of its own, which tells the end last.
        let text = loop {
            let text = fs::read_to_string(&trace).context("reading the system calls")?;
            if text.lines().any(|line| line.starts_with(&last)) {
                break text;
            }
            ensure!(ended.elapsed() < LIMIT, "strace does not end");
            thread::sleep(Duration::from_millis(20));
        };
        machine.stage.end()?;
        Self::of(&text, &image)
    }

    /// Sums up a report of strace with paths behind descriptors.
    fn of(report: &str, eeprom: &Path) -> Result<Self> {
        let eeprom = format!("<{}>", eeprom.display());
        let mut traced = Self::default();
        for line in report.lines() {
            let Some((call, result)) = line.rsplit_once(" = ") else { continue };
            let Some(result) = result.split_whitespace().next().and_then(|word| word.parse::<u64>().ok())
            else {
                continue;
            };
            let is_of_eeprom = call.contains(&eeprom);
            let name = call.split('(').next().unwrap_or_default();
            match name.split_whitespace().next_back().unwrap_or_default() {
                "read" | "pread64" if is_of_eeprom => traced.read += result,
                "write" | "pwrite64" if is_of_eeprom => traced.written += result,
                "fsync" | "fdatasync" | "syncfs" | "sync_file_range" if !is_of_eeprom => traced.synced += 1,
                _ => {}
            }
        }
        ensure!(!report.is_empty(), "strace has seen nothing");
        Ok(traced)
    }
}

/// A command under strace, as which it stays the process that was started.
fn strace(report: &Path, command: Command) -> Command {
    let mut wrapped = Command::new("strace");
    let calls = "trace=read,pread64,write,pwrite64,fsync,fdatasync,syncfs,sync_file_range";
    wrapped.args(["-D", "-f", "-y", "-s", "0", "-e", calls, "-o"]).arg(report);
    wrapped.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

/// Many writes to many EEPROMs: runs of parsers, and memory afterwards.
fn storm(workspace: &Workspace, profile: Profile, table: &mut Vec<Vec<String>>) -> Result<()> {
    let mut machine = Machine::set(workspace, profile, FRUS, false)?;
    machine.stage.start(BASELINE)?;
    machine.stage.start(WRITER)?;
    type Order = fn(usize) -> usize;
    let orders: [(&str, Order); 2] = [
        ("each FRU's one after another", |number| number / (WRITES / FRUS)),
        ("FRU by FRU in turn", |number| number % FRUS),
    ];
    for (place, (order, card)) in orders.into_iter().enumerate() {
        machine.process_1.started();
        machine.write((0..WRITES).map(|number| (card(number), place * WRITES + number)), AT_ONCE)?;
        let started = machine.process_1.started();
        let runs = started.iter().filter(|unit| unit.contains("-vpd-parser@")).count();
        let what = format!("{WRITES} writes, {AT_ONCE} at once, {order}: parser runs : FRUs");
        table.push(row(&what, &runs.to_string(), &FRUS.to_string(), runs as f64 / FRUS as f64, 2.0));
    }
    let (Some(ours), Some(theirs)) = (machine.stage.take(WRITER), machine.stage.take(BASELINE)) else {
        bail!("a service does not run")
    };
    let (own, other) = (resident(&ours)?, resident(&theirs)?);
    let what = format!("resident KiB after that : {BASELINE}'s");
    table.push(row(&what, &own.to_string(), &other.to_string(), own as f64 / other as f64, 1.2));
    drop((ours, theirs));
    machine.stage.end()
}

/// What a process has in memory, KiB.
fn resident(service: &Daemon) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{}/status", service.pid()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_done_to_the_eeprom_is_its_cost_and_only_what_is_not_is_made_durable() {
        let report = "12 pread64(9</x/card0>, \"\"..., 44, 11) = 44\n12 pread64(10</x/other>, \"\"..., 4, 0) = 4\n\
            12 pwrite64(9</x/card0>, \"\"..., 12, 131) = 12\n12 fdatasync(9</x/card0>) = 0\n\
            12 fsync(11</var/journals>) = 0\n12 read(3</x/card0>, 0x1, 4) = -1 EIO (Input/output error)\n";
        let traced = Traced::of(report, Path::new("/x/card0")).unwrap();
        assert_eq!((traced.read, traced.written, traced.synced), (44, 12, 1));
        assert!(Traced::of("", Path::new("/x/card0")).is_err());
    }
}
