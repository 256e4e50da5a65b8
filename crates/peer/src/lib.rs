//! Following other services on the bus.
//!
//! What every follower has to get right is here once: it subscribes before it asks, so that no change is missed; it goes
//! by unique names, since any connection may send a signal that looks like a service's; it takes owner changes and
//! signals in the order in which the bus sent them; and when a service comes back, it asks anew.
//!
//! | type | follows |
//! |---|---|
//! | [`Peer`] | one service by its bus name: when it comes and goes, and its signals |
//! | [`PropertyFollower`] | one property of a service, asked for and followed |
//! | [`Namespace`] | all services below a bus name, and signals of any connection |
//! | [`Ordered`] | signals of several rules, in one order |
//! | [`BackOff`] | how long to wait before a failed call is tried again; [`persist`] tries it |
//!
//! ```no_run
//! # async fn run(connection: zbus::Connection, rule: zbus::MatchRule<'static>) -> anyhow::Result<()> {
//! use peer::{News, Peer};
//!
//! let mut inventory = Peer::follow(&connection, "xyz.openbmc_project.Inventory.Manager", [rule]).await?;
//! loop {
//!     match inventory.next().await? {
//!         News::Came => { /* what it showed before is not known any more: ask it */ }
//!         News::Went => {}
//!         News::Said(signal) => { /* sent by the service itself */ }
//!     }
//! }
//! # }
//! ```
//!
//! zbus's own proxies follow owners too, but a proxy has one path, and followers here want the signals of many objects.
//! Where one path is enough, they were measured against [`PropertyFollower`] (release profile, x86-64, stripped; KiB raw and
//! packed; instructions by callgrind): 985/368 against 904/342 KiB, 0.82 against 0.75 million to the first value, 31.1
//! against 31.6 thousand for each signal after it.
//!
//! Must not know: what services say.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod back_off;
mod namespace;
mod ordered;
mod property;
mod service;
mod trust;

pub use back_off::{BackOff, persist};
pub use namespace::{Namespace, NamespaceNews};
pub use ordered::Ordered;
pub use property::PropertyFollower;
pub use service::{News, Peer};
pub use trust::{is_privileged, is_privileged_user};
