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
mod publish;

pub use encoding::{Encoding, EncodingError};
pub use fragment::{
    Fragment, FragmentError, Interfaces, ObjectFragment, Presence, PublishedRecords, Source, WantedFormat,
};
pub use key::{EepromKey, KeyError};
pub use keywords::Keywords;
pub use leftovers::{Shown, Situation, add_leftovers, departed};
pub use publish::{Problem, Publication, Reading, Times, publish};
