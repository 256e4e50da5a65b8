//! Settings of this service: `vpd-collection.d/*.toml`.

use crate::collection::Limits;
use serde::Deserialize;
use std::time::Duration;

/// The file form; everything optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fragment {
    settle_limit_ms: Option<u64>,
    inventory_limit_ms: Option<u64>,
    power_limit_ms: Option<u64>,
    progress_limit_ms: Option<u64>,
    collection_limit_ms: Option<u64>,
    attempts: Option<u32>,
    back_off_ms: Option<u64>,
    reread_limit_ms: Option<u64>,
}

impl Fragment {
    /// Fills in defaults.
    pub fn limits(&self) -> Limits {
        let milliseconds = |given: Option<u64>, default| Duration::from_millis(given.unwrap_or(default));
        Limits {
            settle: milliseconds(self.settle_limit_ms, 30_000),
            inventory: milliseconds(self.inventory_limit_ms, 30_000),
            power: milliseconds(self.power_limit_ms, 30_000),
            progress: milliseconds(self.progress_limit_ms, 180_000),
            collection: milliseconds(self.collection_limit_ms, 600_000),
            attempts: self.attempts.unwrap_or(4).max(1),
            back_off: milliseconds(self.back_off_ms, 500),
            reread: milliseconds(self.reread_limit_ms, 60_000),
        }
    }
}
