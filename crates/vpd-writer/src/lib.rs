//! Administers vital product data: keywords are read from, compared with and written to EEPROMs for clients on the bus, and
//! parts are found by their location codes.
//!
//! | module | what it does |
//! |---|---|
//! | [`request`] | what a call asks for, made of its arguments. Pure |
//! | [`resolve`] | which EEPROM a caller means. Pure |
//! | [`wire`] | which chips get in each other's way. Pure |
//! | [`queue`] | who goes when: order and limits. Pure |
//! | [`job`] | what is done to one EEPROM |
//! | [`reading`] | reads and compares EEPROMs, on a thread that may wait |
//! | [`work`] | changes EEPROMs and recovers them, on a thread that may wait |
//! | [`refusal`] | why a call is answered with an error, and its name |
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod job;
pub mod queue;
pub mod reading;
pub mod refusal;
pub mod request;
pub mod resolve;
pub mod wire;
pub mod work;
