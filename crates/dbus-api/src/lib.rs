//! What our services and their peers say on the bus: names, paths, payload types and error names.
//!
//! One module per interface, named as the interface is. This crate knows neither the formats of
//! vital product data nor any device; it performs no call by itself except through a connection
//! that the caller hands in.
//!
//! Sources: openbmc/phosphor-dbus-interfaces (names and types of `xyz.openbmc_project.*` and
//! `com.ibm.*`), the D-Bus specification 0.42 (`org.freedesktop.DBus.*`).
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod call;
pub mod generated {
    //! Tables generated from facts by `cargo xtask schema`.
    pub mod record_keywords;
    pub mod sent_properties;
}
pub mod inventory;
pub mod log_control;
pub mod logging;
pub mod object_mapper;
pub mod outstanding;
pub mod skim;
pub mod software;
pub mod standard;
pub mod state;
pub mod systemd;
pub mod vpd;
mod words;
