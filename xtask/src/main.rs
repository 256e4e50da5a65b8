//! All automation of the workspace; `cargo xtask help` lists it.
//!
//! Each subcommand is a module of the same name. Shared parts: [`step`] runs and shows commands, [`process`]
//! starts and ends daemons, [`crew`] works on two things at once, [`packages`] obtains Debian packages, [`workspace`] reads the crate graph, [`rings`]
//! accounts for what could not run.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks to its terminal")]

mod administered;
mod allowance;
mod bench;
mod build;
mod ci;
mod crew;
mod demo;
mod dist;
mod fixtures;
mod fuzz;
mod introspect;
mod man;
mod needs;
mod new_service;
mod output;
mod packages;
mod process;
mod rings;
mod schema;
mod size;
mod soak;
mod stage;
mod step;
mod test;
mod tidy;
mod tools;
mod vm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Automation of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Our programs beside their C twins, in instructions and memory
    Bench(bench::Arguments),
    /// The gate: format, lints, documentation, tidy, features, sizes, licences, a short fuzzing
    Ci(ci::Arguments),
    /// The services at work on a private bus
    Demo(demo::Arguments),
    /// Install what lands on the target below a folder
    Dist(dist::Arguments),
    /// The fuzzing targets of tests/fuzz, for a while each
    Fuzz(fuzz::Arguments),
    /// Golden introspection of running services
    Introspect(introspect::Arguments),
    /// Manual pages and completions of the tools for people
    Man(man::Arguments),
    /// The skeleton of a service
    NewService(new_service::Arguments),
    /// Files generated from the facts about the inventory's interfaces
    Schema(schema::Arguments),
    /// Sizes of the shipped binaries against their budgets
    Size(size::Arguments),
    /// The long tests: marked as ignored, every boot of the machines, hours of fuzzing if wanted
    Soak(soak::Arguments),
    /// Every test that fits into twenty minutes
    Test(test::Arguments),
    /// House rules that no compiler checks; takes seconds
    Tidy,
    /// Virtual machines in which systemd, udev and EEPROMs are real
    Vm(vm::Arguments),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    match packages::provide(&needs::of(&command)).and_then(|()| run(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Ci(arguments) => ci::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Dist(arguments) => dist::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Introspect(arguments) => introspect::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::NewService(arguments) => new_service::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Size(arguments) => size::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Tidy => tidy::run(),
        Command::Vm(arguments) => vm::run(&arguments),
    }
}
