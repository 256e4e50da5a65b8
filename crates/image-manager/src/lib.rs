//! Takes in firmware images that are dropped into a folder or handed over on the bus, unpacks and checks them, and
//! publishes them for the services that install firmware.
//!
//! | module | what it does |
//! |---|---|
//! | `service` | the one owner of all state; wires the others |
//! | `intake` | which files are looked at when: pure |
//! | `hand_over` | an image's life from its arrival to its end: pure |
//! | `upload_folder`, `source` | the folder, and images as they come |
//! | `pace` | whether a stream comes fast enough: pure |
//! | `uploads`, `update`, `adoption` | the three ways in which an image comes to be here |
//! | `worker` | the thread that unpacks |
//! | `record` | what is known of an image across restarts |
//! | `peers`, `events`, `dbus`, `view` | the bus: who installs, what goes wrong, what we show |
//!
//! Must not know: how firmware is installed.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod dbus;
mod drop_folder;
mod dropped;
mod events;
mod hand_over;
mod image_rules;
mod image_source;
mod images;
mod installers;
mod pace;
mod restore;
mod service;
mod settings;
mod start_update;
mod unpacker;
mod view;

pub use service::start;

/// The service's name.
pub const NAME: &str = "image-manager";
