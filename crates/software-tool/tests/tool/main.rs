//! The tool as a person or a script meets it, without a bus.

mod desk;
mod packing;
mod statuses;
mod verifying;
