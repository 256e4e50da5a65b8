//! How a call can fail, and the one mapping of that to D-Bus error names.

use crate::inventory::{NotifyError, SetError};
use crate::limits::Exceeded;
use dbus_api::standard::error;

/// Why a call is answered with an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallFailure {
    /// The message's body is not what the method takes.
    #[error("the arguments do not fit {method}: {reason}")]
    Arguments {
        /// The method.
        method: String,
        /// What is wrong.
        reason: String,
    },
    /// The message's body is larger than any that is sent for a reason.
    #[error("{length} bytes are more than the {limit} that one call may have")]
    TooLarge {
        /// Bytes of the body.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The message's body was longer than is read off the bus.
    #[error("the arguments of {method} are longer than it takes and were not read")]
    Cut {
        /// The method.
        method: String,
    },
    /// Too much is under way to the caller's user, and not read.
    #[error("too many replies to this user are not read yet")]
    Unread,
    /// More paths than there can be objects.
    #[error("one call may name {limit} objects")]
    TooManyPaths {
        /// The limit.
        limit: usize,
    },
    /// The inventory would be larger than it may be; nothing was changed.
    #[error(transparent)]
    Exceeded(Exceeded),
    /// No object at the path.
    #[error("there is no object {path}")]
    UnknownObject {
        /// The path.
        path: String,
    },
    /// The object does not have the interface.
    #[error("{path} has no interface {interface}")]
    UnknownInterface {
        /// The path.
        path: String,
        /// The interface.
        interface: String,
    },
    /// The interface does not have the method.
    #[error("{interface} has no method {method}")]
    UnknownMethod {
        /// The interface; empty when the call named none.
        interface: String,
        /// The method.
        method: String,
    },
    /// A direct `Set` was refused.
    #[error("cannot set {interface}.{property} of {path}: {reason}")]
    Set {
        /// The path.
        path: String,
        /// The interface.
        interface: String,
        /// The property.
        property: String,
        /// Why.
        reason: SetError,
    },
    /// The interface does not have the property.
    #[error("{interface} has no property {property}")]
    UnknownProperty {
        /// The interface.
        interface: String,
        /// The property.
        property: String,
    },
    /// A `Notify` stopped half-way.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// The change could not be written down, so it was not made.
    #[error("the inventory cannot be written: {0}")]
    Store(#[source] std::io::Error),
}

impl CallFailure {
    /// For a call that lacks what every call has.
    pub fn headless() -> Self {
        Self::Arguments { method: "the call".to_owned(), reason: "no path or no method".to_owned() }
    }

    /// The error's D-Bus name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Arguments { .. } => error::INVALID_ARGS,
            Self::TooLarge { .. }
            | Self::Cut { .. }
            | Self::Unread
            | Self::TooManyPaths { .. }
            | Self::Exceeded(_) => error::LIMITS_EXCEEDED,
            Self::UnknownObject { .. } => error::UNKNOWN_OBJECT,
            Self::UnknownInterface { .. } => error::UNKNOWN_INTERFACE,
            Self::UnknownMethod { .. } => error::UNKNOWN_METHOD,
            Self::UnknownProperty { .. } => error::UNKNOWN_PROPERTY,
            Self::Set { reason, .. } => match reason {
                SetError::UnknownObject => error::UNKNOWN_OBJECT,
                SetError::UnknownInterface => error::UNKNOWN_INTERFACE,
                SetError::UnknownProperty => error::UNKNOWN_PROPERTY,
                SetError::ReadOnly => error::PROPERTY_READ_ONLY,
                SetError::InvalidValue { .. } => error::OPENBMC_INVALID_ARGUMENT,
                SetError::LimitsExceeded(_) => error::LIMITS_EXCEEDED,
            },
            Self::Notify(_) => error::OPENBMC_INVALID_ARGUMENT,
            Self::Store(_) => error::IO_ERROR,
        }
    }
}
