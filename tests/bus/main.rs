//! Real services on a private dbus-daemon.

mod collection;
mod endurance;
mod firmware_faces;
mod images;
mod inventory;
mod kills;
mod location_codes;
mod memory_of;
mod parser;
mod small_disk;
mod software_tool;
mod vpd_tool;
mod writer;
