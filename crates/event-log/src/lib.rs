//! Entries for the machine's event log, delivered without holding up the service.
//!
//! Two kinds. Of *faults*, a service says again and again what is wrong now ([`EventLog::update`]): each subject and cause
//! is told once until it clears. A *happening* is said once ([`EventLog::happened`]) and told once, in order but for what
//! the logging service refuses, whenever that can be, or not at all after a limit of its own or ten minutes of refusals. The
//! pure [`Ledger`] tells what is new, and is kept in a file, so that neither a repeated run nor a restart says the same twice
//! or loses what has happened. The [`Deliverer`] talks to the logging service in a task of its own, which may be absent, slow
//! or silent: while the logging service works out what an entry calls out it asks our own services back, so a service that
//! has to answer must not wait for it.
//!
//! ```no_run
//! # async fn run(connection: zbus::Connection, state_folder: Option<std::path::PathBuf>) {
//! use event_log::{Event, EventLog, Limits};
//! use dbus_api::logging::{Severity, message_id};
//!
//! let mut events = EventLog::start(&connection, state_folder, Limits::default());
//! events.update([Event::new("10-0050", "blank", message_id::BLANK_SYSTEM_VPD, Severity::Error)]);
//! loop {
//!     // One of the things that the owner's loop waits for.
//!     let notice = events.notice().await;
//!     events.take(notice);
//! }
//! # }
//! ```
//!
//! Must not know: what the events are about.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod deliverer;
mod event;
mod event_log;
mod kept;
mod ledger;
mod state_file;

pub use deliverer::{Deliverer, Notice, Notices};
pub use event::{Event, Pair};
pub use event_log::EventLog;
pub use kept::Kept;
pub use ledger::{Changes, Ledger, Limits};
pub use state_file::StateFile;
