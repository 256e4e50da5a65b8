//! `io.vivianite.Vpd.Collection1`: where each parser reports what became of its EEPROM.

use crate::call::{self, CallError, Target};
use crate::words::words;
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
/// `Recollect(as) → a(ss)`: reads these EEPROMs again, by way of their slots; all that may be when none is named. For each its
/// key and what follows, a [`Follows`].
pub const RECOLLECT: &str = "Recollect";
/// `Remove(as) → a(ss)`: has the parts of these EEPROMs taken out: power off, drivers away, absent in the inventory. For each
/// its key and what follows, a [`Follows`].
pub const REMOVE: &str = "Remove";
/// `Reread(s) → s`: reads an EEPROM again and publishes it, without any step of its slot. The [`Outcome`] of a run that began
/// after the call was taken.
pub const REREAD: &str = "Reread";
/// `State(s) → ss`: how far the collection of an EEPROM is, a [`FruState`], and the [`Outcome`] of its last report.
pub const STATE: &str = "State";
/// `StateChanged(sss)`: one [`StateChange`], each time that state or outcome of an EEPROM is another. What is so at the
/// service's start is not said: follow first, then ask [`STATE`].
pub const STATE_CHANGED: &str = "StateChanged";

const TARGET: Target = Target { destination: BUS_NAME, path: PATH, interface: INTERFACE };

words! {
    /// What became of an EEPROM or of a record.
    #[derive(Default)]
    Outcome {
        /// Nothing was reported.
        #[default]
        Nothing = "",
        /// Read, and its code or checksum is right.
        Ok = "ok",
        /// Damaged, and restored by its code.
        Recovered = "recovered",
        /// Damaged beyond use.
        Bad = "bad",
        /// Not looked at, since it was not wanted.
        Skipped = "skipped",
        /// Read, and nothing protects it or its protection was not to be checked.
        Unchecked = "unchecked",
        /// Never programmed.
        Blank = "blank",
        /// No device.
        Absent = "absent",
        /// A device that does not answer.
        Unreadable = "unreadable",
        /// A writer held it as long as its reader waits: nothing was read, and nothing published.
        Busy = "busy",
    }
}

words! {
    /// What became of the inventory when an EEPROM was published.
    #[derive(Default)]
    InventoryAnswer {
        /// It was not called.
        #[default]
        Nothing = "",
        /// It has taken all.
        Published = "published",
        /// It has refused some of the objects.
        Partly = "partly",
        /// It has refused every object.
        Refused = "refused",
        /// It did not answer, or was not there.
        Unreachable = "unreachable",
    }
}

words! {
    /// How it stands with the EEPROM that stands in for another.
    #[derive(Default)]
    Redundant {
        /// There is none, or it was not looked at.
        #[default]
        Nothing = "",
        /// It was read in place of the other.
        Used = "used",
        /// It says the same.
        Equal = "equal",
        /// It says something else.
        Differs = "differs",
        /// It was to be compared and could not be.
        Unusable = "unusable",
    }
}

words! {
    /// How far the collection of one EEPROM is.
    #[derive(Default)]
    FruState {
        /// It is not known yet whether its device is there.
        #[default]
        Unsettled = "unsettled",
        /// No device, and the inventory shows that.
        Absent = "absent",
        /// To be read, once the inventory is there or a pause is over.
        Waiting = "waiting",
        /// PID 1 has its parser.
        Queued = "queued",
        /// What an earlier part left in the inventory is being emptied.
        Clearing = "clearing",
        /// Read and dealt with.
        Collected = "collected",
        /// Given up.
        Failed = "failed",
        /// Not dealt with within the limit; it goes on.
        Overdue = "overdue",
        /// Left as it was, since it cannot be read while the host runs.
        Kept = "kept",
    }
}

words! {
    /// What follows a wish to have an EEPROM read again, or its part taken out.
    Follows {
        /// It is read again.
        Reading = "reading",
        /// Its slot is prepared, then it is read if a part is there.
        Preparing = "preparing",
        /// A reading that has yet to begin follows anyway.
        UnderWay = "under-way",
        /// The steps of its slot, then its absence.
        Removing = "removing",
        /// Its absence; it has no slot.
        Leaving = "leaving",
        /// Nothing: it has no device and no slot.
        Absent = "absent",
        /// Nothing: the host runs, and its part cannot be replaced meanwhile.
        HostRunning = "host-running",
        /// Nothing: it cannot be read while the chassis has power, and no service says that it is off.
        ChassisOn = "chassis-on",
    }
}

impl Follows {
    /// Whether anything follows.
    pub fn is_something(self) -> bool {
        !matches!(self, Self::Absent | Self::HostRunning | Self::ChassisOn)
    }
}

words! {
    /// How far the collection of the machine is.
    #[derive(Default)]
    CollectionState {
        /// udev has not handled yet what was there at boot.
        #[default]
        Settling = "settling",
        /// Something is left to be done.
        Collecting = "collecting",
        /// The same, and it waits for the inventory.
        WaitingForInventory = "waiting-for-inventory",
        /// Nothing is left to be done.
        Collected = "collected",
    }
}

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
    /// What became of it.
    pub outcome: Outcome,
    /// Why, when the outcome needs an explanation; otherwise empty.
    pub reason: String,
    /// What became of the inventory.
    pub inventory: InventoryAnswer,
    /// CCIN of the part, where the format has one and it is usable; otherwise empty.
    pub ccin: String,
    /// How it stands with the EEPROM that stands in for this one.
    pub redundant: Redundant,
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
    /// What became of it.
    pub outcome: Outcome,
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
    /// How far it is.
    pub state: CollectionState,
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
    /// How far it is.
    pub state: FruState,
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

/// What the service says when an EEPROM's state, or the outcome of its last report, is another.
///
/// Shape: `(sss)`. Its first reading has ended once it is `collected`, `failed`, `absent` or `kept`; `overdue` is not waited
/// for any longer, and may still be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct StateChange {
    /// The EEPROM's key.
    pub key: String,
    /// How far it is.
    pub state: FruState,
    /// The outcome of the last report; empty when there is none.
    pub outcome: Outcome,
}

/// Asks the collection service where it stands; does not start it.
///
/// Errors: as [`report`].
pub async fn status(connection: &Connection) -> Result<Status, CallError> {
    answer(&call::call_running(connection, &TARGET, STATUS, &()).await?)
}

/// Asks the collection service to read EEPROMs again by way of their slots, all that may be when none is named. What follows
/// for each.
///
/// Errors: as [`report`]; refused, and nothing is done, for a key that the system does not have, and where nothing would
/// follow for one that is named, or for any.
pub async fn recollect(
    connection: &Connection,
    keys: &[String],
) -> Result<Vec<(String, Follows)>, CallError> {
    answer(&call::call_running(connection, &TARGET, RECOLLECT, &(keys,)).await?)
}

/// Asks the collection service to have parts taken out. What follows for each.
///
/// Errors: as [`report`]; refused, and nothing is done, for a key that the system does not have, while the host needs the
/// part, and for one without a slot that is absent.
pub async fn remove(connection: &Connection, keys: &[String]) -> Result<Vec<(String, Follows)>, CallError> {
    answer(&call::call_running(connection, &TARGET, REMOVE, &(keys,)).await?)
}

/// Asks the collection service to read an EEPROM again and publish it, without any step of its slot, and waits for the
/// outcome. A caller that holds the EEPROM's lock must unlock it first.
///
/// Errors: as [`report`]; refused with `Common.Error.InvalidArgument` for a key that the system does not have, `Unavailable`
/// when it cannot be read or its reading is not in the inventory, `Timeout`, `TooManyResources`.
pub async fn reread(connection: &Connection, key: &str) -> Result<Outcome, CallError> {
    answer(&call::call_running(connection, &TARGET, REREAD, &key).await?)
}

/// Asks the collection service how far it is with one EEPROM, and for the outcome of its last report.
///
/// Errors: as [`report`]; refused for a key that the system does not have.
pub async fn state(connection: &Connection, key: &str) -> Result<(FruState, Outcome), CallError> {
    answer(&call::call_running(connection, &TARGET, STATE, &key).await?)
}

/// Says that state or outcome of an EEPROM is another.
pub async fn say_state_changed(connection: &Connection, change: &StateChange) -> zbus::Result<()> {
    connection.emit_signal(None::<&str>, PATH, INTERFACE, STATE_CHANGED, change).await
}

fn answer<T>(reply: &zbus::Message) -> Result<T, CallError>
where
    T: serde::de::DeserializeOwned + Type,
{
    reply.body().deserialize().map_err(|source| CallError::Bus { destination: BUS_NAME, source })
}

/// Hands a report, and what was read of a damaged image, to the collection service and waits until it has them.
///
/// Errors: [`CallError::Absent`] when no collection service runs, which is ordinary on a machine
/// that starts parsers by hand; [`CallError::TimedOut`], [`CallError::Refused`].
pub async fn report(connection: &Connection, report: &Report, image: &[u8]) -> Result<(), CallError> {
    call::call(connection, &TARGET, REPORT, &(report, Bytes(image))).await.map(drop)
}

#[cfg(feature = "service")]
pub use serve::{Collection, CollectionObject, Followed, Refusal};

#[cfg(feature = "service")]
mod serve {
    use super::{Follows, FruState, Outcome, Report, Status};
    use zbus::Connection;
    use zbus::message::Header;
    use zbus::object_server::SignalEmitter;

    /// What the collection service does with calls.
    pub trait Collection: Send + Sync + 'static {
        /// Takes a report and what was read of a damaged image, if the connection of this unique name may report for the
        /// EEPROM; when this returns, they are not lost any more.
        fn report(
            &self,
            connection: &Connection,
            caller: &str,
            report: Report,
            image: Vec<u8>,
        ) -> impl Future<Output = Result<(), Refusal>> + Send;
        /// Where the collection stands.
        fn status(&self) -> impl Future<Output = Status> + Send;
        /// Reads EEPROMs again, by way of their slots; what follows for each.
        fn recollect(&self, keys: Vec<String>) -> impl Future<Output = Result<Followed, Refusal>> + Send;
        /// Has parts taken out; what follows for each.
        fn remove(&self, keys: Vec<String>) -> impl Future<Output = Result<Followed, Refusal>> + Send;
        /// Reads an EEPROM again, without its slot; the outcome of a run that began after the call.
        fn reread(&self, key: String) -> impl Future<Output = Result<Outcome, Refusal>> + Send;
        /// How far it is with an EEPROM.
        fn state(&self, key: String) -> impl Future<Output = Result<(FruState, Outcome), Refusal>> + Send;
    }

    /// Keys of EEPROMs, each with what follows for it.
    pub type Followed = Vec<(String, Follows)>;

    /// Why the service does not do what it is asked to.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Refusal {
        /// The system does not have this EEPROM.
        Unknown(String),
        /// No EEPROM is named.
        NoneNamed,
        /// This one cannot be touched now, and why.
        NotNow(String, &'static str),
        /// Nothing would follow, or a reading has come to nothing, and why.
        Unavailable(String),
        /// Nothing has come of reading this one within the limit.
        TimedOut(String),
        /// So many calls wait already.
        TooMany,
        /// The caller may not report for this EEPROM, and who it is.
        NotTheirs(String, String),
        /// It cannot be told whether the caller may report for this EEPROM, and why.
        Unclear(String, String),
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
        /// Not for this caller.
        InsufficientPermission(String),
        /// Not now, as another service does not answer, or there is nothing to do it to.
        Unavailable(String),
        /// It has taken too long.
        Timeout(String),
        /// Too much is asked at once.
        TooManyResources(String),
    }

    impl From<Refusal> for Error {
        fn from(refusal: Refusal) -> Self {
            match refusal {
                Refusal::Unknown(key) => Self::InvalidArgument(format!("the system has no EEPROM {key:?}")),
                Refusal::NotTheirs(key, caller) => {
                    let why = "is neither root's nor a process of that EEPROM's parser unit";
                    Self::InsufficientPermission(format!("no report for {key:?}: {caller} {why}"))
                }
                Refusal::Unclear(key, reason) => {
                    Self::Unavailable(format!("no report for {key:?}: whose it is cannot be told: {reason}"))
                }
                Refusal::NoneNamed => Self::InvalidArgument("no EEPROM is named".to_owned()),
                Refusal::NotNow(key, reason) => Self::NotAllowed(format!("{key}: {reason}")),
                Refusal::Unavailable(reason) => Self::Unavailable(reason),
                Refusal::TimedOut(key) => {
                    Self::Timeout(format!("{key}: its reading has not ended in time; it goes on"))
                }
                Refusal::TooMany => Self::TooManyResources("too many calls wait for readings".to_owned()),
            }
        }
    }

    /// The collection's object.
    #[derive(Debug)]
    pub struct CollectionObject<C>(pub C);

    #[zbus::interface(name = "io.vivianite.Vpd.Collection1")]
    impl<C: Collection> CollectionObject<C> {
        async fn report(
            &self,
            #[zbus(connection)] connection: &Connection,
            #[zbus(header)] header: Header<'_>,
            report: Report,
            image: Vec<u8>,
        ) -> Result<(), Error> {
            let caller = header.sender().map(|sender| sender.as_str()).unwrap_or_default();
            Ok(self.0.report(connection, caller, report, image).await?)
        }

        async fn status(&self) -> Status {
            self.0.status().await
        }

        async fn recollect(&self, keys: Vec<String>) -> Result<Followed, Error> {
            Ok(self.0.recollect(keys).await?)
        }

        async fn remove(&self, keys: Vec<String>) -> Result<Followed, Error> {
            Ok(self.0.remove(keys).await?)
        }

        async fn reread(&self, key: String) -> Result<Outcome, Error> {
            Ok(self.0.reread(key).await?)
        }

        #[zbus(out_args("state", "outcome"))]
        async fn state(&self, key: String) -> Result<(FruState, Outcome), Error> {
            Ok(self.0.state(key).await?)
        }

        // Said by `say_state_changed`; here for the object's description.
        #[zbus(signal)]
        async fn state_changed(
            emitter: &SignalEmitter<'_>,
            key: &str,
            state: FruState,
            outcome: Outcome,
        ) -> zbus::Result<()>;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_shape_of_a_report_is_frozen() {
        assert_eq!(Report::SIGNATURE, "(sssssssa(ssus)asttxxs)");
        assert_eq!(Status::SIGNATURE, "(ssssbxxa(ssssusxx(sssssssa(ssus)asttxxs)))");
        assert_eq!(StateChange::SIGNATURE, "(sss)");
    }
}
