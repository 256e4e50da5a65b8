//! State on disk that a kill or a loss of power leaves whole.
//!
//! Every change of the disk is a [`Step`] that a [`Disk`] performs, so that a test can cut the list of steps at every
//! index: feature `simulation` has the disk for it, and goes through the cuts. On the steps stand
//!
//! - [`replace()`] and its kin: one file, link or folder at a time;
//! - [`StateFolder`]: a folder with files of one owner, and [`Document`]s in them;
//! - [`Journal`]: a file that grows by lines, of which each is there whole or not at all;
//! - [`Sealed`] and [`unseal`]: a text of another dialect, with its checksum before it;
//! - [`Reserve`]: room on the disk for what must go through when it is full;
//! - [`Draft`]: a file that is written as a stream and then put in place, for tools.
//!
//! # The dialect
//! Documents are TOML, as configuration is: people read both, and every service that keeps state has its parser already. A
//! small writer of our own spares them the library's.
//! Before the body stand a checksum and a format:
//!
//! ```toml
//! checksum = "4f1c9b7e02d3a865"
//! format = 1
//! system = "demo"
//! ```
//!
//! The checksum is over all that follows its line. It finds every change within one byte, and others but for one in 2^64; it
//! is no defence against malice. What does not fit is set aside under [`set_aside`]'s name and told, never believed.
//!
//! The inventory keeps its interfaces and its journal as JSON, [`Sealed`]: a value there is a D-Bus variant, which TOML cannot
//! say in full (no null, no integers above i64), one call may bring 100 of them, and its journal is one line for each call.
//! The choice of a system in `/run` is TOML without a checksum: memory outlives no power, and its readers know no disk.
//!
//! ```no_run
//! use durable_state::{Document, StateFolder};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct LastChoice {
//!     system: String,
//! }
//!
//! impl Document for LastChoice {
//!     const FORMAT: u32 = 1;
//!     const LONGEST: u64 = 4096;
//! }
//!
//! let state = StateFolder::at("/var/lib/vivianite/vpd-select");
//! state.open()?;
//! state.save("last-system", &LastChoice { system: "demo".to_owned() })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Must not know: what the files say.
//!
//! Sources: POSIX.1-2017 `rename`, `fsync`; Linux `open(2)` on `O_TMPFILE`, `sync(2)` on `syncfs`.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod checksum;
mod document;
mod draft;
mod folder;
mod journal;
mod opening;
mod replace;
mod reserve;
mod sealed;
#[cfg(feature = "simulation")]
pub mod simulation;
mod step;
mod writer;

pub use document::{
    Document, Fault, LoadError, decode, encode, load, load_within, of_format, save, save_unflushed, set_aside,
};
pub use draft::Draft;
pub use folder::{StateFolder, forget_damaged, is_damaged};
pub use journal::{Journal, next_line};
pub use opening::read_regular;
pub use replace::{
    create_folder, draft_of, is_draft, remove, remove_unflushed, replace, replace_link, replace_sealed,
    replace_unflushed, sweep,
};
pub use reserve::{Reserve, is_full};
pub use sealed::{Sealed, sealed_length, unseal};
pub use step::{Disk, RealDisk, Step, at};
