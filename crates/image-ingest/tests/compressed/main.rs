//! Compressed archives.

mod barren;
mod packing;
mod ratio;
