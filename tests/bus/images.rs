//! Firmware images on their way in: the real image-manager on a private bus, with real files and descriptors.

pub mod bed;
pub mod ear;
mod installer;
mod tar;

mod archives;
mod clients;
mod contract;
mod descriptors;
mod grants;
mod hand_on;
mod hand_over;
mod ingest;
mod kept;
mod kills;
mod limits;
mod peers;
mod policy;
mod real_clients;
mod refused;
mod restart;
mod signatures;
