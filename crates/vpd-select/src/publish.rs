//! The record of the choice and the link to what was chosen.

use anyhow::Context as _;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use system_index::{Selection, places};

/// Writes the record and then the link, each in one step: whoever sees the link finds a record that explains it.
pub(crate) fn publish(root: &Path, selection: &Selection) -> anyhow::Result<()> {
    let folder = root.join(places::RUN);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let (record, link) = (places::selection(root), places::active(root));
    replace_record(&folder, &record, selection)
        .with_context(|| format!("cannot write {}", record.display()))?;
    let system = places::system(root, &selection.system);
    replace_link(&folder, &link, &system).with_context(|| format!("cannot link {}", link.display()))
}

/// Nothing is flushed: what is below `/run` does not outlive the power anyway.
fn replace_record(folder: &Path, record: &Path, selection: &Selection) -> io::Result<()> {
    let draft = folder.join(".selection.toml.new");
    fs::write(&draft, selection.to_text())?;
    fs::rename(draft, record)
}

fn replace_link(folder: &Path, link: &Path, system: &Path) -> io::Result<()> {
    let draft = folder.join(".active.new");
    // Left over if an earlier run was ended here.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => symlink(system, &draft)?,
    }
    fs::rename(draft, link)
}
