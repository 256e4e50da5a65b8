//! `cargo xtask demo`: the services at work on a private bus, from EEPROMs to inventory, from firmware images to what is
//! known of them, and what goes wrong.

mod acts;
mod administration;
mod firmware;
mod machine;
mod signing_key;
mod tree;

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::build::Profile;
use crate::output;
use crate::packages::{self, Part};
use crate::stage::Stage;
use crate::workspace::Workspace;

/// What to show.
#[derive(clap::Args)]
pub struct Arguments {
    /// Images to read beside those that are built from tests/data/vpd
    #[arg(long = "image", value_name = "FILE")]
    images: Vec<PathBuf>,
    /// A configuration of openpower-vpd-parser to import in place of a small one
    #[arg(long, value_name = "JSON")]
    upstream: Option<PathBuf>,
    /// Show every interface and property of the inventory, not only those that say something
    #[arg(long)]
    full: bool,
    /// Do without the machine in QEMU
    #[arg(long)]
    without_machine: bool,
    /// Keep everything running at the end, to look around with busctl, until Enter is pressed
    #[arg(long)]
    stay: bool,
    /// How the binaries are built
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
}

impl Arguments {
    /// Whether a machine takes part.
    pub fn has_machine(&self) -> bool {
        !self.without_machine
    }
}

/// Sets the stage, plays the acts in order, and takes everything down again.
pub fn run(arguments: &Arguments) -> Result<()> {
    for image in &arguments.images {
        ensure!(image.is_file(), "{} is no file", image.display());
    }
    packages::require(Part::Bus)?;
    let workspace = Workspace::load()?;
    let mut stage = Stage::set(&workspace, arguments.profile)?;
    let played = play(&mut stage, &workspace, arguments);
    let ended = stage.end();
    played.and(ended)?;
    output::line("Everything that was started has ended.");
    Ok(())
}

fn play(stage: &mut Stage<'_>, workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let Some(programs) = acts::install(stage)? else { return Ok(()) };
    acts::start_inventory(stage)?;
    let good = acts::build_images(stage, &programs, workspace, &arguments.images)?;
    acts::collect(stage, "3. One parser per EEPROM reads, checks and publishes it", &good)?;
    let title = "4. Bad weather: what is wrong is named, what is good is kept";
    acts::collect(stage, title, &acts::damaged(stage, workspace)?)?;
    acts::on_a_desk(stage, &programs)?;
    acts::show_inventory(stage, arguments.full)?;
    acts::as_an_administrator(stage)?;
    acts::refusals(stage)?;
    if !arguments.without_machine {
        acts::boot_a_machine(workspace, arguments.profile)?;
    }
    acts::import(stage, workspace, arguments.upstream.as_deref())?;
    firmware::play(stage)?;
    administration::play(stage, workspace)?;
    if arguments.stay {
        output::line("Everything keeps running. Press Enter to end.");
        let mut key = [0];
        std::io::stdin().read(&mut key).context("waiting for Enter")?;
    }
    Ok(())
}
