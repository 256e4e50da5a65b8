//! The compiler as an image recipe meets it.

mod folder;
mod merging;
mod mistakes;
mod outputs;
mod rebuilding;
mod schema;
