//! What the JSON of openpower-vpd-parser for a system demands of an OpenBMC inventory, and whether a machine that was
//! booted with our services shows it.
//!
//! [`System`] is the JSON, [`Image`] what the cells of an EEPROM say. A [`Judge`] knows both and which parts were there;
//! it reads what the machine has left, and its [`Verdict`] says what is as demanded, what differs on purpose
//! ([`Departure`]), and what is wrong. The way from one to the other, a module each: `demand` makes the inventory that
//! has to be, `location` puts the machine's identity into its location codes, `compare` holds it against what is shown,
//! and `actions` looks for the effects that the JSON's actions leave.
//!
//! Sources: the rules of openpower-vpd-parser, as `tests/vm/upstream/README.md` sums them up. They are written down here
//! once more on purpose: a judge that took them from the programs under test would agree with any mistake there. What an
//! interface holds is from the facts that the inventory's schema is made from, too.
//!
//! Must not know: `vpd-config`, `fru-publication`, or any service of ours.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod actions;
mod compare;
mod demand;
mod departures;
mod image;
mod json;
mod judge;
mod location;
mod schema;

pub use compare::{Comparison, Deliberate, Difference};
pub use demand::{CPU, DIMM, Wanted};
pub use departures::Departure;
pub use image::Image;
pub use json::{Command, Eeprom, Entry, Occasion, Pin, System, keyword_sources};
pub use judge::{Judge, Verdict};
pub use schema::Schema;

#[cfg(test)]
mod tests;
