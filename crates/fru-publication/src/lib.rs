//! From the vital product data of one EEPROM to what its inventory objects show.
//!
//! An EEPROM's [`Fragment`] says which objects it describes and what each publishes;
//! [`publish()`] turns it and a reading into one notification. What could not be read is cleared,
//! so that no value of an earlier part survives on the bus.
//!
//! Must not know: devices, files, the bus connection, time. Location codes are not its business:
//! `location-code-updater` alone publishes them, and a fragment that sets one is refused.
//!
//! Sources: the mapping of openpower-vpd-parser; record interfaces of phosphor-dbus-interfaces.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod encoding;
mod fragment;
mod key;
mod keywords;
mod leftovers;
mod prime;
mod progress;
mod publish;

pub use encoding::{Encoding, EncodingError};
pub use fragment::{
    Fragment, FragmentError, Interfaces, ObjectFragment, Presence, PublishedRecords, Source, WantedFormat,
};
pub use key::{EepromKey, KeyError};
pub use keywords::Keywords;
pub use leftovers::{Shown, Situation, add_leftovers, departed};
pub use prime::{Chassis, Role, add_missing_states, prime};
pub use publish::{Problem, Publication, Reading, Times, publish};

/// The words that configurations use for how an image is read, for other types that have them.
pub mod words {
    use serde::Deserializer;
    use vpd_format::{Ecc, PartNumbers, Policy};

    /// Reads `strict` or `recover`.
    ///
    /// Errors: any other word.
    pub fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Policy, D::Error> {
        crate::fragment::policy(deserializer)
    }

    /// Reads `checked` or `ignored`.
    ///
    /// Errors: any other word.
    pub fn ecc<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ecc, D::Error> {
        crate::fragment::ecc(deserializer)
    }

    /// Reads `module` or `upstream`.
    ///
    /// Errors: any other word.
    pub fn part_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PartNumbers, D::Error> {
        crate::fragment::part_numbers(deserializer)
    }
}
