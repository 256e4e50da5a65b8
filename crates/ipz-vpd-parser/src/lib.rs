//! One instance per EEPROM: IPZ EEPROMs: records with error correcting code.
//!
//! Everything that the parsers share is in `vpd_parser`.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

use service_runtime::{Exit, Invocation};

/// Reads the EEPROM that the arguments name, publishes it and reports.
pub fn start(invocation: Invocation) -> anyhow::Result<Exit> {
    vpd_parser::start(&invocation, vpd_parser::Family::Ipz)
}
