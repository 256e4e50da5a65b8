//! `cargo xtask bench`: our parsers beside a C program that only sends what they send, and what their sandbox costs.
//!
//! `bench vpd`, per row: a private bus, our inventory manager, one run of ours whose `Notify` is captured from the wire, then both
//! programs under the same instruments. The C twin gets the captured content and must put the same bytes on the
//! wire, which is checked.

mod capture;
mod images;
mod measure;
mod payload;
mod rows;
mod sandbox;
mod variants;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;

use crate::packages::{self, Part};
use crate::step::Step;
use crate::workspace::Workspace;
use capture::Capture;
use measure::{Meter, Subject};
use payload::Objects;

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Instructions, memory and bytes read of the parsers of vital product data
    Vpd(VpdArguments),
    /// A firmware image from upload to Ready, beside tar and openssl
    Images(images::Arguments),
    /// What administering vital product data costs: bytes, system calls, parsers, memory
    Writer(writer::Arguments),
    /// Processor time and exposure of a one-shot's sandbox, directive by directive, in a machine
    Sandbox(sandbox::Arguments),
}

impl Arguments {
    /// What the measurement takes beside building.
    pub fn part(&self) -> Part {
        match &self.what {
            What::Vpd(_) => Part::BenchVpd,
            What::Images(_) => Part::BenchImages,
            What::Writer(arguments) => arguments.part(),
            What::Sandbox(_) => Part::Machines,
        }
    }
}

/// A real machine's planar, if there is one.
#[derive(clap::Args)]
struct VpdArguments {
    /// A configuration of openpower-vpd-parser: the fragment of its system EEPROM is measured too
    #[arg(long, value_name = "JSON", requires = "image")]
    upstream: Option<PathBuf>,
    /// What that EEPROM holds
    #[arg(long, value_name = "FILE", requires = "upstream")]
    image: Option<PathBuf>,
}

/// Measures and prints the table.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    match &arguments.what {
        What::Vpd(arguments) => {
            packages::require(Part::BenchVpd)?;
            rows::vpd(&workspace, arguments.upstream.as_deref().zip(arguments.image.as_deref()))
        }
        What::Images(arguments) => images::run(&workspace, arguments),
        What::Writer(arguments) => writer::run(&workspace, arguments),
        What::Sandbox(arguments) => sandbox::run(&workspace, arguments),
    }
}

/// The compiled C programs and a folder for one run.
struct Workbench {
    twin: PathBuf,
    meter: Meter,
    folder: tempfile::TempDir,
}

impl Workbench {
    fn new(sources: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("creating a working folder")?;
        let twin = compile(&sources.join("notify-twin.c"), folder.path(), &["-lsystemd"])?;
        let peak_memory = compile(&sources.join("peak-memory.c"), folder.path(), &[])?;
        let meter = Meter::new(peak_memory, folder.path().to_owned());
        Ok(Self { twin, meter, folder })
    }

    /// The twin, set to send these objects.
    fn twin(&self, objects: &Objects, address: &str) -> Result<Subject> {
        let file = self.folder.path().join("payload.bin");
        fs::write(&file, payload::for_twin(objects)?)
            .with_context(|| format!("writing {}", file.display()))?;
        Ok(Subject {
            program: self.twin.clone(),
            arguments: vec![file.into_os_string()],
            address: address.to_owned(),
            input: None,
        })
    }

    /// Captures the `Notify` that a subject sends. The subject's exit status is not of interest here.
    fn body_of(&self, subject: &Subject) -> Result<Vec<u8>> {
        let capture = Capture::start(&subject.address, "Notify")?;
        subject.step().capture()?;
        capture.next_body()
    }

    /// Sets the twin to what the subject sends, and makes sure that the wire shows no difference.
    fn twin_of(&self, subject: &Subject) -> Result<Subject> {
        let body = self.body_of(subject)?;
        let twin = self.twin(&payload::decode(&body)?, &subject.address)?;
        ensure!(
            self.body_of(&twin)? == body,
            "the C twin of {} sends other bytes",
            subject.program.display()
        );
        Ok(twin)
    }
}

fn compile(source: &Path, folder: &Path, libraries: &[&str]) -> Result<PathBuf> {
    let program = folder.join(source.file_stem().context("a source file has a name")?);
    let options = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
    Step::new("gcc").args(options).arg(source).arg("-o").arg(&program).args(libraries).output()?;
    Ok(program)
}

#[cfg(test)]
mod tests;
