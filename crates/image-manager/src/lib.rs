//! Takes in firmware images that are dropped into a folder or handed over on the bus, unpacks and checks them, and
//! publishes them for the services that install firmware.
//!
//! Three cores decide, and know no I/O: which dropped file is looked at when, what becomes of an image, and which installers
//! may claim it. Each has an owner that does what it says; the service routes what is heard.
//!
//! | module | what it does |
//! |---|---|
//! | `start` | the start: settings are read, the bus is joined, the parts are wired |
//! | `service` | routes what is heard to the part that it concerns |
//! | `drop_folder` | owner of the dropped files: looks, removes, tells what became of them |
//! | `drop_folder::intake` | core: which dropped file is looked at and taken in, and when |
//! | `drop_folder::folder`, `::watch` | the folder on the disk, and what the kernel says of it |
//! | `images` | owner of the images: does what their lives say |
//! | `hand_over` | core: an image's life, from its arrival over its installer to its end |
//! | `hand_over::stages`, `::vocabulary`, and of the other cores | where an image is in its life; what a core hears and says |
//! | `images::objects` | the images' objects, and what the bus is told of them |
//! | `images::begin` | installers are told to begin, in turn |
//! | `images::take_in` | images that come: an id, a folder, a record, an object |
//! | `images::hand_on` | images that another service takes: `recipient` finds it, `conversation` calls and follows it |
//! | `hand_over::handed_on` | core: how our Activation follows that of the service which has the image |
//! | `images::restore` | images of an earlier run: judged anew, and shown again |
//! | `images::removal` | the end of images: deleted, expired, lost, making way for others |
//! | `images::record` | what is kept of an image over a restart |
//! | `installers` | core: what other services show, and who may claim which image |
//! | `installers::asking`, `::calls` | questions to other services, and their signals |
//! | `unpacking`, `unpacker` | what waits to be unpacked; the thread that does it |
//! | `image_source`, `pace` | an image's bytes as they come, and whether they come fast enough |
//! | `image_rules` | the keys, floors and limits that an image is checked against |
//! | `multipart` | the object that takes images for whatever they are |
//! | `bmc_target` | the object that takes images for the BMC, on a connection of its own |
//! | `dbus` | calls, handed on to the service |
//! | `view` | which properties of which interfaces an image's object shows; the interfaces are in the crate `dbus-api` |
//! | `events` | what the event log is told |
//! | `settings` | `image-manager.d/*.toml` |
//!
//! Must not know: how firmware is installed.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod bmc_target;
mod dbus;
mod drop_folder;
mod events;
mod hand_over;
mod image_rules;
mod image_source;
mod images;
mod installers;
mod multipart;
mod pace;
mod service;
mod settings;
mod start;
mod unpacker;
mod unpacking;
mod view;

pub use start::start;

/// The service's name.
pub const NAME: &str = "image-manager";
