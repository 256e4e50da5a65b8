//! Units as systemd reads them, and services started as it would start them, without it.
//!
//! [`load`](Unit::load) finds a unit and its drop-ins below a root folder, [`Plan::make`] turns them into what would be
//! run: both are text in, values out. Methods of the plan act on it. A directive is applied, or it is on the list of
//! those that are left out on purpose (`directives`); any other is an error, so nothing is ignored by accident.
//!
//! Sources: `systemd.unit(5)`, `systemd.service(5)`, `systemd.exec(5)`, `systemd.syntax(7)` of systemd 252, and what the
//! scenario `units` sees it do.
//!
//! Must not know: any unit of ours.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod directives;
mod load;
mod name;
mod plan;
mod run;
mod specifiers;
mod syntax;
mod values;
mod words;

pub use directives::is_sandbox;
pub use load::Unit;
pub use name::UnitName;
pub use plan::{CommandLine, Condition, Kind, Place, Plan};
pub use syntax::{Assignment, Spot, parse};

#[cfg(test)]
mod tests;
