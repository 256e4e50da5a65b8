//! Changes of EEPROMs that a loss of power leaves whole: each chip then has its old or its new VPD.
//!
//! A [`Journal`] says which pages of which chips are to change, from what to what, and is durable before the first byte is
//! written. [`carry_out()`] writes page by page, each read back before the next; where that fails it turns the journal and
//! puts the old pages back. After a loss of power [`recover()`] judges by the journal what each chip holds, and finishes the
//! change, or takes it back where the journal was turned. A cut write cycle ruins a whole physical page, so the journal has
//! whole pages; at most one page of a chip is ruined.
//!
//! What a journal does not fit is another part, and is not touched: other bytes beside the pages ([`Rest`]), two pages that
//! are neither old nor new, or bytes with a right code that no cut could have left.
//!
//! Must not know: devices, files, time. Chips and disk are behind [`Machine`], and each change of them is a [`Step`], so that
//! a test can cut the power at every one.
//!
//! Sources: data sheets of serial EEPROMs (24C02 to 24C512, 25xx) for write cycles and pages.

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

mod carry_out;
mod journal;
mod judge;
mod layout;
mod pages;
mod plan;
mod recover;
mod rest;
mod seen;
mod text;

pub use carry_out::{Failure, Fault, FaultKind, Machine, Step, carry_out, carry_out_without};
pub use journal::{Check, ChipChange, Direction, Journal, PageChange, VpdWindow};
pub use judge::{Judgement, OtherPart, judge};
pub use layout::{layout_of, read_with};
pub use pages::{DEFAULT_PAGE, PAGE_SIZES, plan_pages};
pub use plan::{ChipPlace, ChipPlan, Edit, PlanError, plan_chip};
pub use recover::{ChipEnd, recover};
pub use rest::Rest;
pub use seen::Seen;
pub use text::JournalError;
