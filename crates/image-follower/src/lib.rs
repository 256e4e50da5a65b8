//! How a firmware image ends: what image-manager and the image's installer say of it, put together.
//!
//! An image is image-manager's until an installer exports an Activation at the same object; from then on the installer's
//! state counts. Either may die, be late, or take its objects away as soon as it is done. [`Follower`] is what is known, as a
//! pure machine: its owner listens to both ([`Follower::announced`], [`Follower::owned_by`], [`Follower::left`]), then asks
//! once ([`look`]), and reads [`Follower::end`] after each.
//!
//! In this order: listen, ask, hear what was said meanwhile. What was said before the answer may be heard after it; at the
//! end of it both are the same.
//!
//! ```
//! use dbus_api::software::{ACTIVATION, announcement::Said};
//! use image_follower::{End, Follower};
//! use update_state::{Activation, ApplyTime};
//! use zbus::{OwnedVariant, Variant};
//!
//! let mut follower = Follower::new("/xyz/openbmc_project/software/2ead990b", ApplyTime::Immediate, None);
//! let state = Variant::from(format!("{ACTIVATION}.Activations.Active"));
//! let properties = [("Activation".to_owned(), OwnedVariant::try_from(state).unwrap())].into();
//! follower.hear(":1.7", &Said::Changed { interface: ACTIVATION.to_owned(), properties });
//! assert_eq!(follower.end(), Some(End::State(Activation::Active)));
//! ```
//!
//! Who may be believed is the owner's matter: what is not to be believed must not be handed over.
//!
//! Must not know: how the bus is listened to, how long to wait, what is told to people.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod ask;
mod follower;

pub use ask::{look, reason, version};
pub use follower::{Doing, End, Follower, activation, percent};
