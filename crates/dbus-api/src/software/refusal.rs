//! What a caller is told about firmware images when it does not get what it wants.

use crate::software::error;
use crate::standard::error::{OPENBMC_INTERNAL_FAILURE, OPENBMC_INVALID_ARGUMENT, UNKNOWN_OBJECT};
use zbus::message::Header;
use zbus::names::ErrorName;
use zbus::{DBusError, Message};

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is too much to do.
    #[error("{0}")]
    Unavailable(String),
    /// What was handed over is no image.
    #[error("{0}")]
    InvalidImage(String),
    /// An argument is none that is known.
    #[error("{name}: {value:?} is not known")]
    InvalidArgument {
        /// Which.
        name: &'static str,
        /// What was given.
        value: String,
    },
    /// Not in this state.
    #[error("{0}")]
    NotAllowed(String),
    /// There is no such image.
    #[error("there is no image {0}")]
    Unknown(String),
    /// The machine failed.
    #[error("{0}")]
    Internal(String),
}

impl Refusal {
    fn bus_name(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => error::UNAVAILABLE,
            Self::InvalidImage(_) => error::INVALID_IMAGE,
            Self::InvalidArgument { .. } => OPENBMC_INVALID_ARGUMENT,
            Self::NotAllowed(_) => error::NOT_ALLOWED,
            Self::Unknown(_) => UNKNOWN_OBJECT,
            Self::Internal(_) => OPENBMC_INTERNAL_FAILURE,
        }
    }
}

impl DBusError for Refusal {
    fn create_reply(&self, header: &Header<'_>) -> zbus::Result<Message> {
        Message::error(header, self.name()).build(&self.to_string())
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::from_static_str_unchecked(self.bus_name())
    }

    fn description(&self) -> Option<&str> {
        None
    }
}

/// For properties, whose errors zbus sends under the bus's own names only: the nearest of them.
impl From<Refusal> for zbus::fdo::Error {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::InvalidArgument { .. } => Self::InvalidArgs(text),
            Refusal::NotAllowed(_) => Self::AccessDenied(text),
            Refusal::Unknown(_) => Self::UnknownObject(text),
            Refusal::Unavailable(_) => Self::LimitsExceeded(text),
            Refusal::InvalidImage(_) | Refusal::Internal(_) => Self::Failed(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_errors_are_frozen() {
        let text = || String::new();
        for (refusal, name) in [
            (Refusal::Unavailable(text()), "xyz.openbmc_project.Common.Error.Unavailable"),
            (Refusal::InvalidImage(text()), "xyz.openbmc_project.Software.Update.Error.InvalidImage"),
            (
                Refusal::InvalidArgument { name: "ApplyTime", value: text() },
                "xyz.openbmc_project.Common.Error.InvalidArgument",
            ),
            (Refusal::NotAllowed(text()), "xyz.openbmc_project.Common.Error.NotAllowed"),
            (Refusal::Internal(text()), "xyz.openbmc_project.Common.Error.InternalFailure"),
            (Refusal::Unknown(text()), "org.freedesktop.DBus.Error.UnknownObject"),
        ] {
            assert_eq!(DBusError::name(&refusal).as_str(), name);
        }
    }
}
