//! Versions as images have them: which of two is newer, and what a floor lets pass.

mod deciding;
mod floor;
mod number;
mod order;
mod pattern;
mod tail;

pub use floor::{MinimumError, MinimumVersion, VersionFault};
pub use order::{Incomparable, compare_versions};
pub use pattern::{Fit, PatternError};
