//! Location codes: where in which machine a part is.
//!
//! A description of a system knows where a part is, not in which enclosure: `Ufcs-P0-C3`, or `Umts` for the system as
//! a whole. What stands for the enclosure and the system is read from their vital product data ([`Prefix`]) and put in
//! ([`Unexpanded::expand`]): `U78DA.N00.WZS003T-P0-C3`, `U9105.22A.139F230`.
//!
//! The bytes come from EEPROMs and may be anything; what is not printable ASCII, blank or too long is refused by name.
//!
//! ```
//! use location_code::{Node, NodeStyle, Prefix, Unexpanded};
//!
//! let node = Node::of_path(NodeStyle::Numbered, "/system/chassis/motherboard").unwrap();
//! let prefix = Prefix::of_enclosure(b"78DA-001", node, b"WZS003T ").unwrap();
//! assert_eq!(Unexpanded::parse("Ufcs-P0").unwrap().expand(&prefix), "U78DA.N00.WZS003T-P0");
//! ```
//!
//! Must not know: inventories, records, where the bytes are read.
//!
//! Sources: location codes of OpenPOWER machines, as published by openbmc/openpower-vpd-parser.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod node;
mod prefix;
mod unexpanded;

pub use node::{Node, NodeError, NodeStyle};
pub use prefix::{Fault, Prefix, PrefixError, asset_tag};
pub use unexpanded::{CodeError, Form, Unexpanded};

/// Longest location code, expanded or not, bytes.
pub const LONGEST: usize = 256;
