//! The states that an update goes through, from the upload to what is installed.
//!
//! [`Activation`] is the state, [`RequestedActivation`] what a client wishes, [`ApplyTime`] when the result counts. All
//! programs that show these on the bus share the transitions, so that a client meets one state machine.
//!
//! ```
//! use update_state::Activation;
//!
//! let state = Activation::NotReady.change(Activation::Ready).unwrap();
//! assert!(state.change(Activation::Active).is_err());
//! assert_eq!(state.word(), "Ready");
//! ```
//!
//! Must not know: bus names, images, devices, time.
//!
//! Sources: interfaces Software.Activation and Software.ApplyTime of openbmc/phosphor-dbus-interfaces.

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

mod activation;
mod request;

pub use activation::{Activation, TransitionError};
pub use request::{ApplyTime, RequestedActivation};
