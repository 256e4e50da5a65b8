//! What `vpd-config` writes for selection and collection, what selection writes for collection, and the names that
//! all of them have in common.
//!
//! A machine's image knows several systems. The [`MachineIndex`] says how they are told apart by the type and the
//! hardware level in the system EEPROM, a [`SystemIndex`] which EEPROMs one of them has, and the [`Selection`]
//! which of them was chosen and why. All are TOML; texts go in and out, files are somebody else's.
//!
//! Must not know: files, devices, the bus, the connection.
//!
//! Sources: `systemd.unit(5)` of systemd 252, "String escaping for inclusion in unit names".
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod backup;
mod eeproms;
mod identity;
mod locations;
mod machine;
mod mux;
pub mod places;
mod selection;
mod slot;
mod system;
pub mod units;

pub use backup::{BackedUp, Backup, Backups};
pub use eeproms::{Chip, Eeproms};
pub use identity::{HardwareLevel, IdentityError, SystemName, SystemType};
pub use locations::{Enclosure, LocatedObject, Locations, NodeNaming, Whereabouts};
pub use machine::{Levels, MachineIndex, Match, SystemEeprom};
pub use mux::Mux;
pub use selection::{Cause, Selection};
pub use slot::{
    Action, AttributeValue, Ccin, DeviceAddress, KernelName, Level, LineName, Poll, Slot, Step, SysfsPath,
};
pub use system::{Moment, SystemFru, SystemIndex};
pub use units::{Parser, Phase};

/// What can be wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// It is not TOML, has an unknown key or a value of the wrong type.
    #[error("{0}")]
    Syntax(String),
    /// One machine fits two systems.
    #[error("systems {first} and {second} both match im {system_type}{}", levels(.shared))]
    Ambiguous {
        /// The type in question.
        system_type: SystemType,
        /// The hardware level that both list; `None` when neither lists any.
        shared: Option<HardwareLevel>,
        /// The system that is named first.
        first: SystemName,
        /// The other one.
        second: SystemName,
    },
    /// A slot contradicts itself.
    #[error("slot: {0}")]
    Slot(String),
    /// It names an EEPROM twice.
    #[error("{0} appears twice")]
    Twice(fru_publication::EepromKey),
}

fn levels(shared: &Option<HardwareLevel>) -> String {
    shared.map_or_else(|| " on the same terms".to_owned(), |level| format!(" with hw {level}"))
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, IndexError> {
    toml_text::from_str(text).map_err(|error| IndexError::Syntax(error.to_string().trim_end().to_owned()))
}

/// Our types have neither maps with odd keys nor values that TOML lacks, which is all that can go wrong.
fn text_of<T: serde::Serialize>(value: &T) -> String {
    toml::to_string(value).unwrap_or_default()
}
