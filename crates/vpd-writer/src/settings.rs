//! Settings of this service: `vpd-writer.d/*.toml`.

use anyhow::ensure;
use serde::Deserialize;
use std::time::Duration;

/// The file form; everything optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fragment {
    wait_limit_ms: Option<u64>,
}

/// What is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Longest wait of a caller until its EEPROM's turn.
    pub wait_limit: Duration,
}

impl Fragment {
    /// Checks, and fills in defaults.
    ///
    /// Errors: a wait that is none, in which no EEPROM would ever be reached.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        ensure!(self.wait_limit_ms != Some(0), "wait-limit-ms is zero");
        Ok(Settings { wait_limit: Duration::from_millis(self.wait_limit_ms.unwrap_or(120_000)) })
    }
}
