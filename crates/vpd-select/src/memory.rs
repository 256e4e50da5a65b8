//! The last good choice, kept across boots.

use crate::decide::Last;
use anyhow::Context as _;
use service_runtime::durable;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use system_index::{IdentityError, SystemName};

fn file(state: &Path) -> PathBuf {
    state.join("last-system")
}

/// The last good choice, or why there is none.
pub(crate) fn recall(state: &Path) -> Last {
    match fs::read_to_string(file(state)) {
        Ok(text) => text
            .trim_end()
            .parse()
            .map_err(|error: IdentityError| format!("the last choice cannot be used: {error}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("there is no earlier choice".to_owned()),
        Err(error) => Err(format!("the last choice cannot be read: {error}")),
    }
}

/// Keeps a choice, durably; touches nothing when it is the last one anyway.
pub(crate) fn remember(state: &Path, system: &SystemName) -> anyhow::Result<()> {
    if recall(state).as_ref() == Ok(system) {
        return Ok(());
    }
    let target = file(state);
    let kept = fs::create_dir_all(state).and_then(|()| durable::replace(&target, &format!("{system}\n")));
    kept.with_context(|| format!("cannot write {}", target.display()))
}
