//! What the kernel offers and no safe crate does.
//!
//! This is the one crate with unsafe code: `cargo xtask tidy` lists it, and asks for a `SAFETY:` comment above each use. All
//! that it offers is safe to call.
//!
//! Must not know: what files are for, services, the bus.
#![expect(unsafe_code, reason = "that is what this crate is for")]
#![deny(missing_docs, clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

mod lease;

pub use lease::{OpenForWriting, is_open_for_writing};
