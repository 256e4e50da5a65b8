//! The record of the choice and the link to what was chosen.

use anyhow::Context as _;
use durable_state::{RealDisk, replace_link, replace_unflushed};
use std::fs;
use std::path::Path;
use system_index::{Selection, places};

/// Writes the record and then the link, each in one step: whoever sees the link finds a record that explains it.
pub(crate) fn publish(root: &Path, selection: &Selection) -> anyhow::Result<()> {
    let folder = root.join(places::RUN);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let (record, link) = (places::selection(root), places::active(root));
    // Nothing is flushed: what is below `/run` does not outlive the power anyway.
    replace_unflushed(&RealDisk, &record, selection.to_text().as_bytes())
        .with_context(|| format!("cannot write {}", record.display()))?;
    let system = places::system(root, &selection.system);
    replace_link(&RealDisk, &link, &system).with_context(|| format!("cannot link {}", link.display()))
}
