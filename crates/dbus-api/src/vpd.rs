//! Vital product data: `io.vivianite.Vpd.*` and `com.ibm.VPD.*`.

pub mod client;
pub mod collection;
pub mod location;
pub mod manager;
pub mod writer;
