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
/// `Report((sssssssa(ssus)asttxxs)ay)`: one [`Report`], and what was read of a damaged image; no result.
pub const REPORT: &str = "Report";
/// `Status() → (ssssbxxa(…))`: one [`Status`].
pub const STATUS: &str = "Status";
/// `Recollect(as)`: reads these EEPROMs again; all that are there when none is named. No result: `Status` shows it.
pub const RECOLLECT: &str = "Recollect";

/// `Remove(as)`: has the parts of these EEPROMs taken out: power off, drivers away, absent in the inventory. No result.
pub const REMOVE: &str = "Remove";

const TARGET: Target = Target { destination: BUS_NAME, path: PATH, interface: INTERFACE };

/// What a parser did with one EEPROM.
///
/// Shape: `(sssssssa(ssus)asttxxs)`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
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
    /// CCIN of the part, where the format has one and it is usable; otherwise empty.
    pub ccin: String,
    /// How it stands with the EEPROM that stands in for this one: empty when there is none or nobody looked, `used`
    /// when this report is of that one, `equal`, `differs`, or `unusable` when it was to be compared and could not be.
    pub redundant: String,
    /// Every record that was looked at.
    pub records: Vec<RecordReport>,
    /// Relative paths of the objects that are for another variant (CCIN) of the part, and were left alone.
    pub excluded: Vec<String>,
    /// Size of the EEPROM or of its window, bytes.
    pub image_size: u64,
    /// Bytes read from the device.
    pub bytes_read: u64,
    /// When reading began, microseconds since 1970.
    pub started: i64,
    /// When the inventory had answered, microseconds since 1970.
    pub finished: i64,
    /// systemd's id of this run of the unit; empty for a parser that was started by hand.
    pub invocation: String,
}

/// `ay`, in one piece.
struct Bytes<'a>(&'a [u8]);

impl Type for Bytes<'_> {
    const SIGNATURE: &'static zbus::Signature = <&[u8]>::SIGNATURE;
}

impl Serialize for Bytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// One record of a [`Report`].
///
/// Shape: `(ssus)`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
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

/// Where the collection of the whole machine stands.
///
/// Shape: `(ssssbxxa(ssssusxx(sssssssa(ssus)asttxxs)))`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// `settling`, `collecting`, `collected`; `waiting-for-inventory` while nobody owns its name.
    pub state: String,
    /// The chosen system; `common` when none was recognised.
    pub system: String,
    /// How it was chosen: `matched`, `last-choice`, `unknown-system-type`, `no-choice`.
    pub selection: String,
    /// Why, when it was not simply matched; otherwise empty.
    pub selection_reason: String,
    /// Whether every device that was there at the start had been dealt with in time.
    pub complete: bool,
    /// When the service started, microseconds since 1970.
    pub started: i64,
    /// When everything was collected first, microseconds since 1970; 0 before.
    pub collected: i64,
    /// Every EEPROM of the system, in the order of their keys.
    pub frus: Vec<FruStatus>,
}

/// One EEPROM in a [`Status`].
///
/// Shape: `(ssssusxx(sssssssa(ssus)asttxxs))`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "kebab-case")]
pub struct FruStatus {
    /// The EEPROM's key.
    pub key: String,
    /// The unit instance that reads it.
    pub unit: String,
    /// `unsettled absent waiting queued clearing collected failed overdue`.
    pub state: String,
    /// Why, for `failed`, `overdue` and what could not be tidied; otherwise empty.
    pub reason: String,
    /// How often it was started since the device appeared.
    pub attempts: u32,
    /// How the last job of the unit ended, in systemd's words; empty before.
    pub job: String,
    /// When the device was seen, microseconds since 1970; 0 when it is absent.
    pub seen: i64,
    /// When this FRU was settled, one way or the other, microseconds since 1970; 0 before.
    pub settled: i64,
    /// The last report; its key is empty when there is none.
    pub report: Report,
}

/// Asks the collection service where it stands; does not start it.
///
/// Errors: as [`report`].
pub async fn status(connection: &Connection) -> Result<Status, CallError> {
    let reply = call::call_running(connection, &TARGET, STATUS, &()).await?;
    reply.body().deserialize().map_err(|source| CallError::Bus { destination: BUS_NAME, source })
}

/// Asks the collection service to read EEPROMs again, all when none is named.
///
/// Errors: as [`report`]; refused for a key that the system does not have.
pub async fn recollect(connection: &Connection, keys: &[String]) -> Result<(), CallError> {
    call::call_running(connection, &TARGET, RECOLLECT, &(keys,)).await.map(drop)
}

/// Asks the collection service to have parts taken out.
///
/// Errors: as [`report`]; refused for a key that the system does not have, and while the host needs the part.
pub async fn remove(connection: &Connection, keys: &[String]) -> Result<(), CallError> {
    call::call_running(connection, &TARGET, REMOVE, &(keys,)).await.map(drop)
}

/// Hands a report, and what was read of a damaged image, to the collection service and waits until it has them.
///
/// Errors: [`CallError::Absent`] when no collection service runs, which is ordinary on a machine
/// that starts parsers by hand; [`CallError::TimedOut`], [`CallError::Refused`].
pub async fn report(connection: &Connection, report: &Report, image: &[u8]) -> Result<(), CallError> {
    call::call(connection, &TARGET, REPORT, &(report, Bytes(image))).await.map(drop)
}

#[cfg(feature = "service")]
pub use serve::{Collection, CollectionObject, Refusal};

#[cfg(feature = "service")]
mod serve {
    use super::{Report, Status};

    /// What the collection service does with calls.
    pub trait Collection: Send + Sync + 'static {
        /// Takes a report and what was read of a damaged image; when this returns, they are not lost any more.
        fn report(&self, report: Report, image: Vec<u8>) -> impl Future<Output = ()> + Send;
        /// Where the collection stands.
        fn status(&self) -> impl Future<Output = Status> + Send;
        /// Reads EEPROMs again.
        fn recollect(&self, keys: Vec<String>) -> impl Future<Output = Result<(), Refusal>> + Send;
        /// Has parts taken out.
        fn remove(&self, keys: Vec<String>) -> impl Future<Output = Result<(), Refusal>> + Send;
    }

    /// Why the service does not do what it is asked to.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Refusal {
        /// The system does not have this EEPROM.
        Unknown(String),
        /// This one cannot be touched now, and why.
        NotNow(String, &'static str),
    }

    /// The errors of this interface, by the names that OpenBMC gives them.
    #[derive(Debug, zbus::DBusError)]
    #[zbus(prefix = "xyz.openbmc_project.Common.Error")]
    enum Error {
        /// Errors of the connection.
        #[zbus(error)]
        ZBus(zbus::Error),
        /// An argument is wrong.
        InvalidArgument(String),
        /// Not in the state that the machine is in.
        NotAllowed(String),
    }

    impl From<Refusal> for Error {
        fn from(refusal: Refusal) -> Self {
            match refusal {
                Refusal::Unknown(key) => Self::InvalidArgument(format!("the system has no EEPROM {key:?}")),
                Refusal::NotNow(key, reason) => Self::NotAllowed(format!("{key}: {reason}")),
            }
        }
    }

    /// The collection's object.
    #[derive(Debug)]
    pub struct CollectionObject<C>(pub C);

    #[zbus::interface(name = "io.vivianite.Vpd.Collection1")]
    impl<C: Collection> CollectionObject<C> {
        async fn report(&self, report: Report, image: Vec<u8>) {
            self.0.report(report, image).await;
        }

        async fn status(&self) -> Status {
            self.0.status().await
        }

        async fn recollect(&self, keys: Vec<String>) -> Result<(), Error> {
            Ok(self.0.recollect(keys).await?)
        }

        async fn remove(&self, keys: Vec<String>) -> Result<(), Error> {
            Ok(self.0.remove(keys).await?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_shape_of_a_report_is_frozen() {
        assert_eq!(Report::SIGNATURE, "(sssssssa(ssus)asttxxs)");
        assert_eq!(Status::SIGNATURE, "(ssssbxxa(ssssusxx(sssssssa(ssus)asttxxs)))");
    }
}
