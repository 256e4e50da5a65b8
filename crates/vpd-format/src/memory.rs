//! Memory modules: serial presence detect data with the extensions for bar codes.
//!
//! Four kinds. DDIMMs carry a bar code from which part number, serial number and CCIN come. For DDR4 industry
//! standard modules these come from tables and from the manufacturer's bytes, for DDR5 ones only from the
//! manufacturer's bytes.
//!
//! Source: JEDEC 21-C annex L (DDR4 SPD), JESD400-5 (DDR5 SPD); bar code, its checksum and the part number table
//! are facts of the machines that use them.

mod capacity;
mod checksum;
mod detect;
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
