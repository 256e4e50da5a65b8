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
        /// What it takes.
        expected: String,
        /// What was given, as busctl writes it.
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// There is no such object.
    #[error("there is no such object")]
    UnknownObject,
    /// The object does not have the interface.
    #[error("the object does not have the interface")]
    UnknownInterface,
    /// The interface does not have the property.
    #[error("the interface does not have the property")]
    UnknownProperty,
    /// It is for reading only.
    #[error("it is read-only")]
    ReadOnly,
    /// It does not take the value.
    #[error("it is of type {expected}, and {given} is not")]
    InvalidValue {
        /// What it takes.
        expected: String,
        /// What was given, as busctl writes it.
        given: String,
    },
    /// The inventory would be larger than it may be.
    #[error(transparent)]
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
