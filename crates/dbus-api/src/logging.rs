//! `xyz.openbmc_project.Logging.Create`: entries in the machine's event log.
//!
//! The service may take long, and while it works out what an entry calls out it asks back: whoever creates an entry
//! must not stand still meanwhile. Crate `event-log` does it as it should be done.
//!
//! Source: openbmc/phosphor-dbus-interfaces `yaml/xyz/openbmc_project/Logging/{Create,Entry}.interface.yaml`,
//! `yaml/com/ibm/VPD.errors.yaml`.

use crate::call::{CallError, Target};
use crate::outstanding::Outstanding;
use std::collections::BTreeMap;
use zbus::{Connection, Message, OwnedObjectPath};

/// Bus name of the event log.
pub const BUS_NAME: &str = "xyz.openbmc_project.Logging";
/// Its object.
pub const PATH: &str = "/xyz/openbmc_project/logging";
/// Interface of [`CREATE`].
pub const INTERFACE: &str = "xyz.openbmc_project.Logging.Create";
/// `Create(ssa{ss}) → o`: message id, severity, additional data; the new entry. Older versions return nothing.
pub const CREATE: &str = "Create";

/// Where [`CREATE`] goes.
pub const TARGET: Target = Target { destination: BUS_NAME, path: PATH, interface: INTERFACE };

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The machine cannot be used.
    Emergency,
    /// Somebody must act at once.
    Alert,
    /// A critical condition.
    Critical,
    /// An error.
    Error,
    /// Something is degraded.
    Warning,
    /// Normal, but worth knowing.
    Notice,
    /// For information.
    Informational,
    /// For those who look for faults.
    Debug,
}

impl Severity {
    /// All, the worst first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// The full string form of the enumeration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emergency => "xyz.openbmc_project.Logging.Entry.Level.Emergency",
            Self::Alert => "xyz.openbmc_project.Logging.Entry.Level.Alert",
            Self::Critical => "xyz.openbmc_project.Logging.Entry.Level.Critical",
            Self::Error => "xyz.openbmc_project.Logging.Entry.Level.Error",
            Self::Warning => "xyz.openbmc_project.Logging.Entry.Level.Warning",
            Self::Notice => "xyz.openbmc_project.Logging.Entry.Level.Notice",
            Self::Informational => "xyz.openbmc_project.Logging.Entry.Level.Informational",
            Self::Debug => "xyz.openbmc_project.Logging.Entry.Level.Debug",
        }
    }
}

/// Message ids of entries about vital product data.
pub mod message_id {
    /// The error correcting code found something to correct, or what it could not correct.
    pub const ECC_CHECK_FAILED: &str = "com.ibm.VPD.Error.EccCheckFailed";
    /// Some records of an image are bad.
    pub const VPD_PARSE_ERROR: &str = "com.ibm.VPD.Error.VPDParseError";
    /// An image as a whole is wrong.
    pub const INVALID_VPD: &str = "com.ibm.VPD.Error.InvalidVPD";
    /// An EEPROM that must be there cannot be read.
    pub const INVALID_EEPROM_PATH: &str = "com.ibm.VPD.Error.InvalidEepromPath";
    /// What identifies the machine is blank.
    pub const BLANK_SYSTEM_VPD: &str = "com.ibm.VPD.Error.BlankSystemVPD";
    /// Two copies of one value differ.
    pub const MISMATCH: &str = "com.ibm.VPD.Error.Mismatch";
    /// As [`MISMATCH`], of the system's own; the older id.
    pub const SYSTEM_VPD_MISMATCH: &str = "com.ibm.VPD.Error.SystemVPDMismatch";
    /// No description of a system fits the machine.
    pub const UNKNOWN_SYSTEM_TYPE: &str = "com.ibm.VPD.Error.UnknownSystemType";
    /// A part without which the machine should not be powered on is absent.
    pub const REQUIRED_FRU_MISSING: &str = "com.ibm.VPD.Error.RequiredFRUMissing";
    /// A GPIO line could not be read or set.
    pub const GPIO_ERROR: &str = "com.ibm.VPD.Error.GPIOError";
    /// A description of a system is wrong.
    pub const INVALID_JSON: &str = "com.ibm.VPD.Error.InvalidJson";
    /// A service that is needed did not answer as it should.
    pub const DBUS_FAILURE: &str = "com.ibm.VPD.Error.DbusFailure";
    /// A fault of the firmware.
    pub const FIRMWARE_ERROR: &str = "com.ibm.VPD.Error.FirmwareError";
}

/// Keys of additional data that the event log and its readers know.
pub mod data_key {
    /// What happened, for people.
    pub const DESCRIPTION: &str = "DESCRIPTION";
    /// The source file that noticed.
    pub const FILE_NAME: &str = "FileName";
    /// The function that noticed.
    pub const FUNCTION_NAME: &str = "FunctionName";
    /// A number of ours for what went wrong.
    pub const INTERNAL_RC: &str = "InternalRc";
    /// Anything.
    pub const USER_DATA_1: &str = "UserData1";
    /// Anything more.
    pub const USER_DATA_2: &str = "UserData2";
    /// The inventory object of the part to be looked at.
    pub const CALLOUT_INVENTORY_PATH: &str = "CALLOUT_INVENTORY_PATH";
    /// How likely it is that part: one of [`super::callout_priority`].
    pub const CALLOUT_PRIORITY: &str = "CALLOUT_PRIORITY";
    /// The kernel's path of the device that failed.
    pub const CALLOUT_DEVICE_PATH: &str = "CALLOUT_DEVICE_PATH";
    /// The number with which it failed.
    pub const CALLOUT_ERRNO: &str = "CALLOUT_ERRNO";
}

/// Values of [`data_key::CALLOUT_PRIORITY`].
pub mod callout_priority {
    /// To be replaced first.
    pub const HIGH: &str = "H";
    /// To be replaced next.
    pub const MEDIUM: &str = "M";
    /// To be replaced as one of group A.
    pub const MEDIUM_GROUP_A: &str = "A";
    /// To be replaced as one of group B.
    pub const MEDIUM_GROUP_B: &str = "B";
    /// To be replaced as one of group C.
    pub const MEDIUM_GROUP_C: &str = "C";
    /// To be replaced last.
    pub const LOW: &str = "L";
}

/// Sends [`CREATE`] to the event log that has this unique name; the answer is taken by [`created`].
///
/// Errors: as [`Outstanding::send`].
pub async fn begin_create(
    connection: &Connection,
    owner: &str,
    id: &str,
    severity: Severity,
    data: &BTreeMap<String, String>,
) -> Result<Outstanding, CallError> {
    Outstanding::send(connection, &TARGET, owner, CREATE, &(id, severity.as_str(), data)).await
}

/// The new entry that an answer to [`CREATE`] names; older versions name none.
pub fn created(answer: &Message) -> Option<OwnedObjectPath> {
    answer.body().deserialize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use zbus::ObjectPath;

    #[test]
    fn severities_and_ids_are_frozen() {
        let words =
            ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];
        for (severity, word) in Severity::ALL.into_iter().zip(words) {
            assert_eq!(severity.as_str(), format!("xyz.openbmc_project.Logging.Entry.Level.{word}"));
        }
        use message_id::*;
        let ids = [
            (ECC_CHECK_FAILED, "EccCheckFailed"),
            (VPD_PARSE_ERROR, "VPDParseError"),
            (INVALID_VPD, "InvalidVPD"),
            (INVALID_EEPROM_PATH, "InvalidEepromPath"),
            (BLANK_SYSTEM_VPD, "BlankSystemVPD"),
            (MISMATCH, "Mismatch"),
            (SYSTEM_VPD_MISMATCH, "SystemVPDMismatch"),
            (UNKNOWN_SYSTEM_TYPE, "UnknownSystemType"),
            (REQUIRED_FRU_MISSING, "RequiredFRUMissing"),
            (GPIO_ERROR, "GPIOError"),
            (INVALID_JSON, "InvalidJson"),
            (DBUS_FAILURE, "DbusFailure"),
            (FIRMWARE_ERROR, "FirmwareError"),
        ];
        for (id, word) in ids {
            assert_eq!(id, format!("com.ibm.VPD.Error.{word}"));
        }
        assert_eq!(ids.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn an_event_log_may_name_the_entry_or_not() {
        let call = Message::method_call(PATH, CREATE).build(&()).unwrap();
        let answer = || Message::method_return(&call.header());
        let path = ObjectPath::try_from("/xyz/openbmc_project/logging/entry/1").unwrap();
        assert_eq!(created(&answer().build(&path).unwrap()).unwrap().as_str(), path.as_str());
        assert_eq!(created(&answer().build(&()).unwrap()), None);
    }
}
