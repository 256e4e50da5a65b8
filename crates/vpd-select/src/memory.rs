//! The last good choice, kept across boots.

use crate::decide::Last;
use anyhow::Context as _;
use durable_state::{Document, LoadError, StateFolder};
use serde::{Deserialize, Serialize};
use std::path::Path;
use system_index::SystemName;

/// Its file below the state folder.
const NAME: &str = "last-system";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastSystem {
    system: SystemName,
}

impl Document for LastSystem {
    const FORMAT: u32 = 1;
    const LONGEST: u64 = 4096;
}

/// The last good choice, or why there is none.
pub(crate) fn recall(state: &Path) -> Last {
    match StateFolder::at(state).load(NAME) {
        Ok(Some(LastSystem { system })) => Ok(system),
        Ok(None) => Err("there is no earlier choice".to_owned()),
        Err(LoadError::Unreadable { source, .. }) => Err(format!("the last choice cannot be read: {source}")),
        Err(error) => Err(format!("the last choice cannot be used: {error}")),
    }
}

/// Keeps a choice, durably; touches nothing when it is the last one anyway.
pub(crate) fn remember(state: &Path, system: &SystemName) -> anyhow::Result<()> {
    if recall(state).as_ref() == Ok(system) {
        return Ok(());
    }
    let folder = StateFolder::at(state);
    let kept = folder.open().and_then(|()| folder.save(NAME, &LastSystem { system: system.clone() }));
    kept.with_context(|| format!("cannot write {}", folder.file(NAME).display()))
}
