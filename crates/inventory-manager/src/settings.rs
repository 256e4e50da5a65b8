//! Settings of this service: `inventory-manager.d/*.toml`.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file form; everything optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fragment {
    state_directory: Option<PathBuf>,
    checkpoint_idle_ms: Option<u64>,
    journal_limit_kib: Option<u64>,
    adopt_from: Option<PathBuf>,
}

/// Checked settings.
#[derive(Debug)]
pub struct Settings {
    /// Where the inventory is kept.
    pub state_directory: PathBuf,
    /// How long nothing is written before the journal is carried over to the files.
    pub checkpoint_idle: Duration,
    /// Size of the journal, bytes, at which that happens at once.
    pub journal_limit: u64,
    /// Where phosphor-inventory-manager kept its inventory; empty for none.
    adopt_from: PathBuf,
}

impl Settings {
    /// Fills in defaults; systemd's `STATE_DIRECTORY` wins over the file.
    pub fn new(fragment: &Fragment, assigned: Option<PathBuf>) -> Self {
        let configured = || fragment.state_directory.clone();
        Self {
            state_directory: assigned
                .or_else(configured)
                .unwrap_or_else(|| PathBuf::from("/var/lib/vivianite/inventory")),
            checkpoint_idle: Duration::from_millis(fragment.checkpoint_idle_ms.unwrap_or(2_000)),
            journal_limit: fragment.journal_limit_kib.unwrap_or(256).saturating_mul(1_024),
            adopt_from: fragment
                .adopt_from
                .clone()
                .unwrap_or_else(|| PathBuf::from("/var/lib/phosphor-inventory-manager")),
        }
    }

    /// The folder to adopt from, below `root`; `None` when nothing shall be adopted.
    pub fn adopt_from(&self, root: &Path) -> Option<PathBuf> {
        // Joined as it is, an absolute path would replace the root.
        let relative = self.adopt_from.strip_prefix("/").unwrap_or(&self.adopt_from);
        (!self.adopt_from.as_os_str().is_empty()).then(|| root.join(relative))
    }
}
