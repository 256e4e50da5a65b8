//! `bench images`: a firmware image from upload to Ready, beside `tar` and `openssl` doing the same to the same file.
//!
//! Both unpack into the same file system in memory. The service's deliberate hold is set to nothing, since it is no work.

mod baseline;
mod client;
mod payload;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use test_bus::{Daemon, PrivateBus};

use crate::build::{self, Profile};
use crate::output;
use crate::packages::{self, Part};
use crate::step::Step;
use crate::workspace::Workspace;
use client::{Client, Reads};

/// How many images are taken in for a row, and how often `tar` and `openssl` are run; the medians count.
const ROUNDS: usize = 5;

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// Size of the image's payload, 10^6 bytes
    #[arg(long, default_value_t = 150)]
    megabytes: u64,
}

/// The name of the service that is measured.
const SERVICE: &str = "image-manager";

/// One row: what each side took.
#[derive(Debug, Clone, Copy)]
struct Time {
    wall: Duration,
    processor: Duration,
}

/// Measures and prints the table.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    packages::require(Part::BenchImages)?;
    let bench = Bench::set(workspace)?;
    output::line(format!("processor features: {}", features()));
    output::line(format!("files in {}; medians of {ROUNDS}", bench.folder.path().display()));
    let plain = payload::image(bench.folder.path(), arguments.megabytes * 1_000_000)?;
    let mut table = Vec::new();
    for (name, program) in [("uncompressed", None), ("gzip -6", Some("gzip")), ("xz -6", Some("xz"))] {
        let image = match program {
            None => plain.clone(),
            Some(program) => compress(program, &plain)?,
        };
        table.push(bench.row(name, &image)?);
    }
    let header =
        ["row", "tar + openssl ms", "ours ms", "ratio", "CPU ratio", "peak KiB", "reads", "p99 ms", "max ms"];
    output::line(output::table(&header, &table));
    Ok(())
}

/// The bus, and a folder in memory.
struct Bench {
    folder: tempfile::TempDir,
    program: PathBuf,
    bus: PrivateBus,
}

impl Bench {
    fn set(workspace: &Workspace) -> Result<Self> {
        let member = workspace.crates.iter().find(|member| member.name == SERVICE);
        let program = build::binary(workspace, member.context("no such crate")?, Profile::Release, None)?;
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.context("creating a working folder")?;
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("etc/vivianite/image-manager.d"))?;
        let settings = format!(
            "upload-directory = {:?}\nhold-ms = 0\nmax-archive-bytes = 4000000000\nmax-extracted-bytes = \
             4000000000\nmax-member-bytes = 4000000000\nclaim-timeout-s = 600\n",
            folder.path().join("images")
        );
        fs::write(root.join("etc/vivianite/image-manager.d/50-bench.toml"), settings)?;
        payload::keys(folder.path(), &root.join("etc/activationdata"))?;
        let bus = PrivateBus::start(folder.path())?;
        Ok(Self { folder, program, bus })
    }

    /// A service of its own for each row, so that its peak is that row's.
    fn row(&self, name: &str, image: &Path) -> Result<Vec<String>> {
        let mut command = self.bus.client(&self.program);
        command.env(service_runtime_root(), self.folder.path().join("root"));
        command.stderr(fs::File::create(self.folder.path().join("log"))?).stdout(Stdio::null());
        let mut service =
            Daemon::spawn_ready(SERVICE, &mut command, self.folder.path(), Duration::from_secs(20))?;
        let client = Client::connect(self.bus.address())?;
        let (mut ours, mut theirs, mut reads) = (Vec::new(), Vec::new(), Reads::default());
        for _ in 0..ROUNDS {
            theirs.push(baseline::run(image, self.folder.path())?);
            let before = processor_time(service.pid())?;
            let wall = client.install(image, &mut reads)?;
            ours.push(Time { wall, processor: processor_time(service.pid())?.saturating_sub(before) });
        }
        let peak = peak_memory(service.pid())?;
        ensure!(service.stop()?.success(), "the service did not end well");
        let (ours, theirs) = (median(&ours), median(&theirs));
        let ratio =
            |ours: Duration, theirs: Duration| format!("{:.2}", ours.as_secs_f64() / theirs.as_secs_f64());
        Ok(vec![
            name.to_owned(),
            theirs.wall.as_millis().to_string(),
            ours.wall.as_millis().to_string(),
            ratio(ours.wall, theirs.wall),
            ratio(ours.processor, theirs.processor),
            peak.to_string(),
            reads.count().to_string(),
            format!("{:.1}", reads.at(0.99).as_secs_f64() * 1e3),
            format!("{:.1}", reads.at(1.0).as_secs_f64() * 1e3),
        ])
    }
}

/// The variable by which services find their root.
fn service_runtime_root() -> &'static str {
    "VIVIANITE_ROOT"
}

fn compress(program: &str, plain: &Path) -> Result<PathBuf> {
    output::progress(format!("compressing with {program}"));
    Step::new(program)
        .args(["-6", "-k", "-f"])
        .arg(plain)
        .deadline(Duration::from_secs(900))
        .run_quietly()?;
    let extension = if program == "xz" { "xz" } else { "gz" };
    Ok(plain.with_extension(format!("tar.{extension}")))
}

fn median(times: &[Time]) -> Time {
    let middle = |mut values: Vec<Duration>| {
        values.sort();
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Time {
        wall: middle(times.iter().map(|time| time.wall).collect()),
        processor: middle(times.iter().map(|time| time.processor).collect()),
    }
}

/// What a process has used of the processor, to a hundredth of a second.
fn processor_time(pid: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<_> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let ticks =
        ticks(11).zip(ticks(12)).map(|(user, system)| user + system).context("reading /proc/PID/stat")?;
    Ok(Duration::from_millis(ticks * 10))
}

/// The most memory that a process has had, KiB.
fn peak_memory(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// What the processor has that matters to hashes.
fn features() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = text.lines().find(|line| line.starts_with("flags") || line.starts_with("Features"));
    let wanted = ["sha_ni", "sha2", "avx2", "avx512f", "neon", "asimd"];
    let flags = flags.unwrap_or_default().split_whitespace();
    flags.filter(|flag| wanted.contains(flag)).collect::<Vec<_>>().join(" ")
}
