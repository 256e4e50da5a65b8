//! `cargo xtask demo`: the services at work on a private bus, from images to inventory, and what goes wrong.

mod acts;
mod tree;

use std::path::PathBuf;

use anyhow::Result;

use crate::build::Profile;
use crate::output;
use crate::packages::{self, DBUS, SYSTEMD};
use crate::stage::Stage;
use crate::workspace::Workspace;

/// What to show.
#[derive(clap::Args)]
pub struct Arguments {
    /// Images to read beside those that are built from tests/data/vpd
    #[arg(long = "image")]
    images: Vec<PathBuf>,
    /// How the binaries are built
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
}

/// Sets the stage, plays the acts in order, and takes everything down again.
pub fn run(arguments: &Arguments) -> Result<()> {
    packages::require(&[DBUS, SYSTEMD])?;
    let workspace = Workspace::load()?;
    let mut stage = Stage::set(&workspace, arguments.profile)?;
    output::line(format!("A private bus listens at {}", stage.bus().address()));
    let played = play(&mut stage, &workspace, arguments);
    let ended = stage.end();
    played.and(ended)?;
    output::line("Everything that was started has ended.");
    Ok(())
}

fn play(stage: &mut Stage<'_>, workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    acts::start_inventory(stage)?;
    let mut images = acts::build_images(stage, workspace)?;
    images.extend(arguments.images.iter().cloned());
    images.extend(acts::damaged_images(stage)?);
    acts::read_images(stage, &images)?;
    acts::show_inventory(stage)?;
    acts::show_errors(stage)
}
