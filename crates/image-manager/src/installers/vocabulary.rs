//! What is heard of other services, what is to be done then, and what is known of our images.

use dbus_api::software::announcement::{Announcement, Objects};
use image_format::Purpose;
use zbus::message::Sequence;

/// What was heard. `P` is the order in which things came over the bus.
#[derive(Debug)]
pub enum Event<P = Sequence> {
    /// A service said something of its objects.
    Said(Announcement, P),
    /// A bus name of a service of firmware has this owner now.
    Came {
        /// The bus name.
        name: String,
        /// Unique name of the connection.
        owner: String,
    },
    /// A bus name of a service of firmware has no owner any more; the connection that had it may go on, with other names.
    NameFreed {
        /// The bus name.
        name: String,
    },
    /// A connection is gone, by its unique name. It may be any on the bus.
    Gone(String),
    /// The services of firmware that were there before us: bus names and their owners.
    Present(Vec<(String, String)>),
    /// All objects of a connection, and when it told them; nothing when it did not.
    Scanned(String, Option<(Objects, P)>),
    /// A service of firmware has no list of objects.
    HasNoList,
    /// Whether a connection is root's, or our own user's.
    User {
        /// Its unique name.
        owner: String,
        /// What the bus says.
        is_root: bool,
    },
    /// A connection that owns this bus name hands on an image.
    HandsOn {
        /// The bus name.
        name: String,
        /// Unique name of the connection.
        owner: String,
        /// Whether it is root's, or our own user's.
        is_root: bool,
    },
    /// Whether another service shows the multipart marker.
    Marker {
        /// What the object mapper says.
        is_elsewhere: bool,
    },
    /// There is another drop folder: all services are to be asked again.
    Restart,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask a connection for all of its objects.
    Scan(String),
    /// Ask the bus whether a connection is root's.
    AskUser(String),
    /// Ask the object mapper whether another service shows the multipart marker.
    AskMarker,
    /// Ask whether the machine is in field mode.
    AskFieldMode,
    /// Ask the bus which services of firmware there are.
    AskPresent,
    /// Show the multipart marker, or take it away.
    ShowMarker(bool),
    /// What is known of an image has changed: its object's name.
    Changed(String),
    /// A connection shows an Activation of this object and is not believed; said once.
    NotBelieved {
        /// The connection, by its bus name if it has one.
        owner: String,
        /// Name of the object.
        object: String,
    },
}

/// What an image is, as far as it decides who may install it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Its purpose.
    pub purpose: Option<Purpose>,
    /// Its compatible names.
    pub compatible: Vec<String>,
    /// The bus name of the installer that has handed it on, which alone may claim it.
    pub installer: Option<String>,
}
