//! Which interfaces the inventory hosts and the types of their properties, read from data, and values of these types: as
//! they are given, kept, and sent.
//!
//! `inventory-manager` hosts what the schema says; `vpd-config` checks by it, when an image is made, what the inventory will
//! be given.
//!
//! Must not know: objects, files, calls, nor what a property means.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod counted;
pub mod schema;
pub mod types;
