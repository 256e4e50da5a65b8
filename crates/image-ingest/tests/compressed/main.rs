//! Compressed archives.

mod barren;
mod packing;
mod padding;
mod ratio;
