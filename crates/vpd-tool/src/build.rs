//! `vpd-tool build`: an image from its description.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use durable_state::Draft;

use crate::arguments::Build;
use crate::exit::{Exit, Failure};

pub(crate) fn run(arguments: &Build) -> Result<Exit, Failure> {
    let name = arguments.description.display();
    let text = fs::read_to_string(&arguments.description)
        .with_context(|| format!("cannot read {name}"))
        .map_err(|cause| Failure::new(Exit::NoInput, cause))?;
    let image = vpd_builder::build(&text)
        .with_context(|| name.to_string())
        .map_err(|cause| Failure::new(Exit::BadDescription, cause))?;
    replace(&arguments.output, &image)
        .with_context(|| format!("cannot make {}", arguments.output.display()))
        .map_err(|cause| Failure::new(Exit::CannotCreate, cause))?;
    Ok(Exit::Good)
}

/// Puts a file in place in one step, so that at no time there is half of one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = Draft::begin(path)?;
    draft.file().write_all(bytes)?;
    draft.put_in_place()
}
