//! Settings of this service: `location-code-updater.d/*.toml`.

use crate::schedule::Limits;
use serde::Deserialize;
use std::time::Duration;

/// The file form; everything optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fragment {
    settle_ms: Option<u64>,
    max_delay_ms: Option<u64>,
    inventory_limit_ms: Option<u64>,
    report_after_ms: Option<u64>,
}

/// What the service goes by.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// When the inventory is read.
    pub limits: Limits,
    /// How long an identity must be missing before the event log hears of it.
    pub report_after: Duration,
}

impl Fragment {
    /// Fills in defaults.
    pub fn settings(&self) -> Settings {
        let milliseconds = |given: Option<u64>, default| Duration::from_millis(given.unwrap_or(default));
        let limits = Limits {
            settle: milliseconds(self.settle_ms, 100),
            max_delay: milliseconds(self.max_delay_ms, 1_000),
            inventory: milliseconds(self.inventory_limit_ms, 10_000),
        };
        Settings { limits, report_after: milliseconds(self.report_after_ms, 10_000) }
    }
}
