//! Real services on a private dbus-daemon.

mod inventory;
mod parser;
