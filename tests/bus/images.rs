//! Firmware images on their way in: the real image-manager on a private bus, with real files and descriptors.

mod bed;
mod ear;
mod tar;

mod archives;
mod descriptors;
mod ingest;
mod limits;
mod refused;
mod signatures;
