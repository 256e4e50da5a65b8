//! `io.vivianite.Vpd.Collection1`: where each parser reports what became of its EEPROM.

use crate::call::{self, CallError, Target};
use serde::{Deserialize, Serialize};
use zbus::{Connection, Type};

/// Well-known bus name of the collection service.
pub const BUS_NAME: &str = "io.vivianite.Vpd.Collection";
/// The collection's object.
pub const PATH: &str = "/io/vivianite/vpd/collection";
/// Interface of [`REPORT`].
pub const INTERFACE: &str = "io.vivianite.Vpd.Collection1";
/// `Report((sssssa(ssus)ttxx))`: one [`Report`], no result.
pub const REPORT: &str = "Report";

const TARGET: Target = Target { destination: BUS_NAME, path: PATH, interface: INTERFACE };

/// What a parser did with one EEPROM.
///
/// Shape: `(sssssa(ssus)ttxx)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The EEPROM's key: `8-0050`, `spi12.0`, `file:<name>`.
    pub key: String,
    /// Format found: `ipz`, `keyword`, `memory`, or empty when none could be told.
    pub format: String,
    /// `ok recovered bad unchecked blank absent unreadable`.
    pub outcome: String,
    /// Why, when the outcome needs an explanation; otherwise empty.
    pub reason: String,
    /// What became of the inventory: `published`, `partly`, `refused`, `unreachable`.
    pub inventory: String,
    /// Every record that was looked at.
    pub records: Vec<RecordReport>,
    /// Size of the EEPROM or of its window, bytes.
    pub image_size: u64,
    /// Bytes read from the device.
    pub bytes_read: u64,
    /// When reading began, microseconds since 1970.
    pub started: i64,
    /// When the inventory had answered, microseconds since 1970.
    pub finished: i64,
}

/// One record of a [`Report`].
///
/// Shape: `(ssus)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "kebab-case")]
pub struct RecordReport {
    /// Record name as in the image.
    pub name: String,
    /// `ok recovered bad skipped unchecked`.
    pub outcome: String,
    /// Bits that the error correcting code put right.
    pub recovered_bits: u32,
    /// Why, when the outcome needs an explanation; otherwise empty.
    pub reason: String,
}

/// Hands a report to the collection service and waits until it has it.
///
/// Errors: [`CallError::Absent`] when no collection service runs, which is ordinary on a machine
/// that starts parsers by hand; [`CallError::TimedOut`], [`CallError::Refused`].
pub async fn report(connection: &Connection, report: &Report) -> Result<(), CallError> {
    call::call(connection, &TARGET, REPORT, &(report,)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_shape_of_a_report_is_frozen() {
        assert_eq!(Report::SIGNATURE, "(sssssa(ssus)ttxx)");
    }
}
