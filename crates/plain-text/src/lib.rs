//! Which bytes and characters are shown as they are, and which mean that nothing was programmed.
//!
//! Texts of vital product data are printable ASCII ([`printable`]). Texts of firmware images and of other services may be
//! Unicode without characters that cannot be seen, or that change the order of others ([`is_hidden`]). All that
//! decides on showing such a text asks here.
//!
//! Must not know: formats, configuration, what a text is for.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod bytes;
mod hidden;

pub use bytes::{is_printable, is_programmed, printable, without_padding};
pub use hidden::is_hidden;
