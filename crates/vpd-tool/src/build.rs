//! `vpd-tool build`: an image from its description.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

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
    // A link stays a link: what it leads to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if target.exists() && !target.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it exists and is no regular file"));
    }
    let draft = draft_of(&target)?;
    let result = write(&draft, bytes).and_then(|()| fs::rename(&draft, &target));
    if result.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&draft);
    }
    result
}

/// A name beside the target that nothing else has.
fn draft_of(target: &Path) -> io::Result<PathBuf> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut draft = OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}.part", std::process::id()));
    Ok(target.with_file_name(draft))
}

fn write(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(draft)?;
    file.write_all(bytes)?;
    // Otherwise a power cut could leave the name with nothing behind it.
    file.sync_all()
}
