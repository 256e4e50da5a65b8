//! Memory modules: serial presence detect data with the extensions for bar codes.
//!
//! Four kinds. DDIMMs carry a bar code from which part number, serial number and CCIN come. Industry standard modules have
//! part and serial number in the manufacturer's bytes; which FRU number and CCIN a DDR4 one has is told by a table, if it
//! has any. Values that were never programmed are left out.
//!
//! Source: JEDEC 21-C annex L (DDR4 SPD), JESD400-5 (DDR5 SPD); bar code, its checksum and the part number table
//! are facts of the machines that use them.

mod capacity;
mod checksum;
mod detect;
pub(crate) mod dram;
mod encode;
mod identity;
mod module;
mod parse;

#[cfg(test)]
mod tests;

pub(crate) use detect::kind_of;
pub use encode::ModuleDescription;
pub use module::{Kind, Module};
pub(crate) use parse::read_module;
