//! Units of systemd (PID 1): started, stopped and restarted over the bus, their jobs followed to the end, and what became
//! of them.
//!
//! [`start`] and its siblings ask PID 1 for a job and give its path. [`Jobs`] says when jobs end, and a [`Job`] puts the
//! two together, whichever comes first. A job's result says little of the unit's: [`inspect`] asks for that.
//!
//! ```no_run
//! # async fn run(connection: zbus::Connection) -> anyhow::Result<()> {
//! use unit_jobs::{Job, Jobs, JobNews, Verb};
//!
//! let mut jobs = Jobs::follow(&connection).await?;
//! let mut job = Job::default();
//! let path = unit_jobs::start(&connection, "psu-update@acme.service", Verb::Start).await?;
//! let mut result = job.queued(&path);
//! while result.is_none() {
//!     if let JobNews::Ended(ended) = jobs.next().await? {
//!         result = job.ended(&ended.job, ended.result);
//!     }
//! }
//! let unit = unit_jobs::inspect(&connection, "psu-update@acme.service").await?;
//! # Ok(())
//! # }
//! ```
//!
//! Must not know: any unit of ours.
//!
//! Source: systemd 252, `org.freedesktop.systemd1(5)`.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod calls;
mod follow;
mod job;
mod unit_state;

pub use calls::{
    ListedUnit, Verb, inspect, list, reference, reload, reset_failed, start, subscribe, unit_of_process,
    unreference,
};
pub use follow::{EndedJob, JobNews, Jobs};
pub use job::{Job, JobResult};
pub use unit_state::{ActiveState, RunResult, UnitState};
