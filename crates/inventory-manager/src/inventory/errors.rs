use crate::limits::Exceeded;

/// Why a `Notify` failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// A value cannot be converted to its property's type.
    #[error("{path}: {interface}.{property} is of type {expected}, which {given} does not convert to")]
    Value {
        /// The object.
        path: String,
        /// The interface.
        interface: String,
        /// The property.
        property: String,
        /// Its D-Bus type.
        expected: String,
        /// What was given.
        given: String,
    },
    /// The inventory's root itself, or a path that is too long to be kept.
    #[error("{path} is not the path of an inventory object, or too long for one")]
    Path {
        /// The path that was given.
        path: String,
    },
    /// One call names an object twice, perhaps in both forms of its path.
    #[error("{path} is named twice, perhaps with and without the inventory's root")]
    Twice {
        /// The object.
        path: String,
    },
}

/// Why a property could not be set directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the D-Bus error names")]
pub enum SetError {
    UnknownObject,
    UnknownInterface,
    UnknownProperty,
    ReadOnly,
    InvalidValue,
    LimitsExceeded(Exceeded),
}

/// Why there is no plan: nothing is changed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The message is not one.
    #[error(transparent)]
    Body(zbus::Error),
    /// The inventory, or the call itself, would be larger than may be.
    #[error(transparent)]
    Exceeded(Exceeded),
}
