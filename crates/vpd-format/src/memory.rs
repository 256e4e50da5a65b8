//! Memory modules: serial presence detect data with the extensions for bar codes.

mod detect;
mod module;

pub(crate) use detect::kind_of;
pub use module::{Kind, Module};
