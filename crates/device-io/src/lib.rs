//! EEPROMs as the kernel shows them: found by key or path, locked, read and written at offsets. With feature `lines`, GPIO lines.
//!
//! Must not know what the bytes mean.
//!
//! Sources: `Documentation/ABI/stable/sysfs-driver-*eeprom*` of Linux, `flock(2)`.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod eeprom;
mod exclusive;
#[cfg(feature = "lines")]
pub mod lines;
mod locate;

pub use eeprom::{Eeprom, EepromError, ExclusiveLock, LOCK_RETRY};
pub use exclusive::ExclusiveEeprom;
pub use locate::{Location, locate};
