//! What phosphor-inventory-manager knew is taken over, once: the values of parts that cannot be read while the host runs
//! are nowhere else.
//!
//! A start adopts when nothing says that our state folder was ever used: it holds no object and no note of an earlier
//! start ([`Store::claim`]). What is adopted is written down as one batch, so that a kill leaves all of it or
//! nothing, and nothing means that the next start does it again. The note follows even when nothing was found: what is
//! deleted later must not come back. Upstream's folder is only read.

mod archive;
mod gather;

pub use archive::Order;

use crate::inventory::Inventory;
use crate::schema::Schema;
use crate::store::{Entry, Store};
use durable_state::Disk;
use gather::Gathering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// The orders of properties by interface: `inventory-order.d/*.toml`.
pub type Orders = BTreeMap<String, Order>;

/// Where to adopt from, and how to read what is there.
#[derive(Debug)]
pub struct Source<'a> {
    /// Upstream's folder.
    pub folder: PathBuf,
    /// What may be hosted.
    pub schema: &'a Schema,
    /// For files whose values have no names.
    pub orders: &'a Orders,
}

/// Adopts what the source holds, into a store that was never used and an inventory that is empty, within its bounds.
///
/// Never fails: what cannot be adopted is told in the log, and what cannot be written down yet is written with the
/// first change that can be.
pub fn adopt<D: Disk>(store: &mut Store<D>, source: &Source<'_>, inventory: &mut Inventory) {
    let gathering = match Gathering::of(source, inventory) {
        Ok(gathering) => gathering,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let note = format!("there is nothing to adopt in {}", source.folder.display());
            return begin(store, Vec::new(), &note);
        }
        Err(error) => {
            // No note: an administrator may mend it, as long as nothing was published.
            log::error!("cannot adopt the inventory in {}: {error}", source.folder.display());
            return;
        }
    };
    let summary = summary(&gathering, &source.folder);
    if let Some(limit) = gathering.stopped_at {
        // What is not adopted now never is.
        log::error!("{} holds more {limit} than are adopted; the rest is lost", source.folder.display());
    }
    if let Some(exceeded) = gathering.exceeded {
        log::error!("{} holds more than the inventory may: {exceeded}", source.folder.display());
    }
    begin(store, gathering.entries, &summary);
}

fn begin<D: Disk>(store: &mut Store<D>, batch: Vec<Entry>, note: &str) {
    match store.begin(batch, note) {
        Ok(()) => log::info!("{note}"),
        Err(error) => log::error!("{note}; it cannot be written down yet: {error}"),
    }
}

fn summary(gathering: &Gathering<'_>, folder: &Path) -> String {
    let path = |entry: &Entry| match entry {
        Entry::Set { path, .. } | Entry::Remove { path } => path.clone(),
    };
    let objects: BTreeSet<String> = gathering.entries.iter().map(path).collect();
    let mut text = format!(
        "adopted {} interfaces of {} objects from {}",
        gathering.entries.len(),
        objects.len(),
        folder.display()
    );
    if gathering.values_left_out > 0 {
        text += &format!(", less {} values that do not fit their properties", gathering.values_left_out);
    }
    if gathering.left_out > 0 {
        text += &format!("; left out {}: {}", gathering.left_out, gathering.examples.join(", "));
    }
    if let Some(limit) = gathering.stopped_at {
        text += &format!("; stopped at the limit of {limit}");
    }
    text
}

#[cfg(test)]
mod tests;
